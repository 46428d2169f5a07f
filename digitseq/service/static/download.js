// A whole data set as one file, with its progress.

import { Problem, ask, unknownAnswer } from "./api.js";
import { save } from "./clipboard.js";
import { element, option } from "./controls.js";
import { body } from "./recipes.js";
import { inWords } from "./words.js";

const $ = (id) => document.getElementById(id);
const PROGRESS = "application/vnd.digitseq.progress"; // the file in pieces, each with the number of images made so far
const USUAL = 1000; // images
const HEAD = 8; // bytes before each piece: two numbers of four, images and bytes

// current: returns the values and the seed. told: called with an error, or with null when there is none any more.
// Returns a function that takes the list of texts, if there is one: until somebody says how many, there is an image for each.
export function setUpDownload(options, current, told) {
  for (const { name } of options.formats) $("format").append(option(name));
  $("size").max = options.limits.max_images;
  const labels = options.labels.map(({ name, help }) => {
    const input = element("input", { type: "checkbox", value: name, checked: name === "jsonl", oninput: () => told(null) });
    $("labels").append(element("label", { class: "switch" }, input, element("span", {}, `${help} (${name})`)));
    return input;
  });
  const describe = () => {
    const { name, help } = options.formats.find((known) => known.name === $("format").value);
    $("format-hint").textContent = `${help[0].toUpperCase()}${help.slice(1)}.`;
    $("label-files").hidden = name !== "zip"; // others have their labels inside
  };
  $("format").addEventListener("input", () => { describe(); told(null); });
  let chosen = false;
  $("size").addEventListener("input", () => { chosen = true; told(null); });
  describe();
  let running = null;
  $("download").addEventListener("submit", async () => {
    if (running) return running.abort();
    running = new AbortController();
    addEventListener("beforeunload", askFirst);
    $("fetch").textContent = "Cancel";
    told(null);
    try {
      const [values, seed] = current();
      const size = Number($("size").value), format = $("format").value;
      const files = format === "zip" ? { labels: labels.filter((input) => input.checked).map((input) => input.value) } : {};
      await fetchFile(body(values, seed, { size, format, ...files }), size, running.signal);
    } catch (error) {
      const elsewhere = error.field || error.status === 401; // at its field, or where the key is asked for
      $("progress").textContent = error.name === "AbortError" ? "Cancelled." : elsewhere ? "" : inWords(error);
      $("progress").classList.toggle("bad", error.name !== "AbortError");
      if (elsewhere) told(error);
    } finally {
      running = null;
      removeEventListener("beforeunload", askFirst);
      $("bar").hidden = true;
      $("fetch").textContent = "Download";
    }
  });
  return (list) => { if (!chosen) $("size").value = list?.length ?? USUAL; };
}

async function fetchFile(text, size, signal) {
  $("progress").textContent = "Making the images …";
  $("progress").classList.remove("bad");
  $("bar").hidden = false;
  $("bar").removeAttribute("value");
  const headers = { "Content-Type": "application/json", Accept: PROGRESS };
  const answer = await ask("/v1/datasets", { method: "POST", body: text, signal, headers });
  if (answer.headers.get("Content-Type") !== PROGRESS) throw unknownAnswer(answer);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
  const pieces = [];
  let bytes = 0;
  for await (const { images, piece } of unpacked(answer.body.getReader())) {
    pieces.push(piece);
    bytes += piece.length;
    $("bar").max = size;
    $("bar").value = images;
    $("progress").textContent = `${images.toLocaleString("en")} of ${size.toLocaleString("en")} images, ${megabytes(bytes)}`;
  }
  save(new Blob(pieces), name);
  $("progress").textContent = `${name}, ${megabytes(bytes)}`;
}

// Leaving the page would end the download.
const askFirst = (event) => event.preventDefault();

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

const broken = () => new Problem(0, "The download broke off.");

// The pieces of a file with the number of images made when each was sent.
async function* unpacked(reader) {
  let left = new Uint8Array(0);
  const take = async (count) => {
    const parts = [left];
    let length = left.length;
    while (length < count) {
      const { done, value } = await reader.read().catch((error) => { throw error.name === "AbortError" ? error : broken(); });
      if (done && length) throw broken();
      if (done) return null;
      parts.push(value);
      length += value.length;
    }
    const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
    left = whole.subarray(count);
    return whole.subarray(0, count);
  };
  for (let head; (head = await take(HEAD)); ) {
    const numbers = new DataView(head.buffer, head.byteOffset, HEAD);
    const piece = await take(numbers.getUint32(4));
    if (piece === null) throw broken();
    yield { images: numbers.getUint32(0), piece };
  }
}
