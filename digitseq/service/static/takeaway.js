// What a person takes away: a command, code, or a data set as a file.

import { ask } from "./api.js";
import { segments, element } from "./controls.js";

const $ = (id) => document.getElementById(id);
const RECIPES = [["command", "Command line"], ["python", "Python"], ["curl", "curl"]];
const HINTS = {
  command: "Run it with an empty output folder: numbering continues in one that has images.",
  python: "After pip install . in the checkout.",
  curl: "A zip file with the images and metadata.jsonl.",
};

// A body for POST /v1/datasets. A seed can have more digits than a JavaScript number, so it is put in as it is.
function body(values, seed, size, format) {
  const text = JSON.stringify({ ...values, size, format });
  return `${text.slice(0, -1)},"seed":${/^[0-9]+$/.test(seed) ? seed : JSON.stringify(seed)}}`;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(values, seed, count) {
  return `curl -fo digitseq-${seed}.zip ${location.origin}/v1/datasets \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body(values, seed, count, "zip"))}`;
}

export function setUpTakeaway(options, current, complain) {
  const recipes = { command: "", python: "", curl: "" };
  const chosen = segments($("recipes"), "recipe", RECIPES, "command", tell);
  function tell() {
    // lines break between flags, not inside of them
    const words = recipes[chosen()].split(/ (?=-)/).flatMap((word, k) => [k ? " " : "", element("span", {}, word)]);
    $("recipe").replaceChildren(...words);
    $("recipe-hint").textContent = HINTS[chosen()];
  }
  $("copy").addEventListener("click", async () => {
    await copy(recipes[chosen()]);
    $("copy").textContent = "Copied";
    setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
  });
  setUpDownload(options, current, complain);
  return {
    update(values, seed, count, answer) {
      Object.assign(recipes, { command: answer.command, python: answer.python, curl: curl(values, seed, count) });
      tell();
    },
  };
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", {}, text); // a page that was not loaded over https has no clipboard
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function setUpDownload(options, current, complain) {
  for (const { name } of options.formats) $("format").append(element("option", { value: name }, name));
  $("size").max = options.limits.max_images;
  const describe = () => {
    const { help } = options.formats.find(({ name }) => name === $("format").value);
    $("format-hint").textContent = `${help[0].toUpperCase()}${help.slice(1)}.`;
  };
  $("format").addEventListener("change", describe);
  describe();
  let running = null;
  $("download").addEventListener("submit", async () => {
    if (running) return running.abort();
    running = new AbortController();
    $("fetch").textContent = "Cancel";
    try {
      const [values, seed] = current();
      const format = $("format").value;
      await save(body(values, seed, Number($("size").value), format), running.signal);
    } catch (error) {
      $("progress").textContent = error.name === "AbortError" ? "Cancelled." : "";
      if (error.name !== "AbortError") complain(error);
    } finally {
      running = null;
      $("fetch").textContent = "Download";
    }
  });
}

async function save(text, signal) {
  $("progress").textContent = "Making the images …";
  const headers = { "Content-Type": "application/json" };
  const answer = await ask("/v1/datasets", { method: "POST", body: text, signal, headers });
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
  const pieces = [];
  let bytes = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    bytes += value.length;
    $("progress").textContent = `${(bytes / 1e6).toFixed(1)} MB …`;
  }
  const link = element("a", { href: URL.createObjectURL(new Blob(pieces)), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  $("progress").textContent = `${name}, ${(bytes / 1e6).toFixed(1)} MB`;
}
