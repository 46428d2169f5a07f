// The link to the images that are shown, and what makes them elsewhere: a command, code, a request.

import { linkTo, pairs } from "./address.js";
import { hasKey } from "./api.js";
import { copy, say } from "./clipboard.js";
import { element, segments } from "./controls.js";

const $ = (id) => document.getElementById(id);
const RECIPES = [["link", "Link"], ["command", "Command"], ["python", "Python"], ["curl", "curl"]];
const LOCAL = /^(localhost|127\.[\d.]+|\[::1\])$/;
const HINTS = {
  link: "Whoever opens it sees these images and settings.",
  local: "It shows these images and settings again, on this computer only: for others, copy the command.",
  command: "It writes these images into a new folder; -s is their number. Numbering continues in a folder that has images.",
  python: "After pip install . in the checkout.",
  curl: "A zip file with these images and their labels.",
  nothing: "There is nothing to copy before there are images.",
  key: " Set DIGITSEQ_API_KEY to your key before.",
};

// A seed as JSON has it. It can have more digits than a JavaScript number, and zeros before it, which a query may have.
export function exact(seed) {
  return /^[+-]?[0-9]{1,100}$/.test(seed) ? String(BigInt(seed)) : JSON.stringify(seed);
}

// A body for POST.
export function body(values, seed, others) {
  const text = JSON.stringify({ ...values, ...others });
  return `${text === "{}" ? "{" : `${text.slice(0, -1)},`}"seed":${exact(seed)}}`;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(values, seed, count) {
  const key = hasKey() ? ` \\\n  -H "Authorization: Bearer $DIGITSEQ_API_KEY"` : "";
  return `curl -fo digitseq-${exact(seed)}.zip ${location.origin}/v1/datasets${key} \\\n  -H 'Content-Type: application/json'` +
    ` \\\n  -d ${quoted(body(values, seed, { size: count, format: "zip" }))}`;
}

export class Recipes {
  #texts = null; // null while there is nothing that could be made again
  #chosen;

  constructor() {
    this.#chosen = segments($("recipes"), "recipe", RECIPES, "link", () => this.#show());
    $("copy").addEventListener("click", async () => say($("copy"), await copy(this.#texts[this.#chosen.read()])));
    this.#show();
  }

  update(values, seed, { samples, command, python }) {
    this.#texts = { link: linkTo(pairs(values, seed)), command, python, curl: curl(values, seed, samples.length) };
    this.#show();
  }

  clear() {
    this.#texts = null;
    this.#show();
  }

  #show() {
    const name = this.#chosen.read();
    $("copy").disabled = !this.#texts;
    // lines break between flags, not inside of them
    const words = (this.#texts?.[name] ?? "").split(/ (?=-)/).flatMap((word, k) => [k ? " " : "", element("span", {}, word)]);
    $("recipe").replaceChildren(...words);
    $("recipe").dataset.name = name;
    const hint = HINTS[name === "link" && LOCAL.test(location.hostname) ? "local" : name] + (name === "curl" && hasKey() ? HINTS.key : "");
    $("recipe-hint").textContent = this.#texts ? hint : HINTS.nothing;
  }
}
