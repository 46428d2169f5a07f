// The state of the page as the fragment of its address: the parameters of GET /v1/samples.json.

// Pairs of names and texts. values: by setting, without those that are as by default.
export function pairs(values, seed) {
  const found = [];
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value) && value.some((part) => typeof part === "string")) found.push(...value.map((text) => [name, text]));
    else found.push([name, String(value)]);
  }
  return [...found, ["seed", seed]];
}

// What the address says: values by setting, the seed, and the names that no setting has.
export function readAddress(settings) {
  const given = new URLSearchParams(location.hash.slice(1));
  const known = new Map(settings.map((about) => [about.name, about])); // an object would know "constructor", too
  const values = {}, unknown = [];
  for (const name of new Set(given.keys())) {
    if (name === "seed") continue;
    const value = known.has(name) ? valueOf(known.get(name), given.getAll(name)) : undefined;
    if (value === undefined) unknown.push(name);
    else values[name] = value;
  }
  return { values, seed: given.get("seed") ?? "", unknown };
}

// The address in a form in which it can be compared: of two that say the same, the names may be in another order.
export function comparable() {
  const given = new URLSearchParams(location.hash.slice(1));
  given.sort();
  return String(given);
}

// undefined for what no control can hold
function valueOf(about, texts) {
  if (about.type === "augment" || about.type === "texts") return texts;
  const text = texts.at(-1);
  if (about.type === "bool") return { true: true, false: false }[text.toLowerCase()];
  if (about.low === null) return text;
  const numbers = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (!numbers.every(Number.isFinite)) return undefined;
  return about.type === "pair" ? (numbers.length === 2 ? numbers : undefined) : numbers.length === 1 ? numbers[0] : undefined;
}

// Browsers ignore some changes of the address when there are more than 200 in 10 seconds, as of a slider that is dragged.
const WINDOW = 10_000, FREE = 80, PAUSE = 150; // milliseconds, changes, milliseconds between further ones

// The link to these pairs.
export function linkTo(found) {
  return `${location.origin}${location.pathname}#${new URLSearchParams(found)}`;
}

// Changes of one control until it is left, such as a slider that is dragged, are one entry of the history.
export class History {
  #open = false;
  #dialog = null; // that has this entry, or had it
  #address; // of that entry, and of the one before
  #written = []; // when the address was last changed
  #timer;

  constructor(restore) {
    addEventListener("popstate", () => this.#moved(restore));
    document.addEventListener("change", () => { this.#open = false; });
  }

  #moved(restore) {
    const dialog = this.#dialog, shown = dialog?.open;
    this.#dialog = null;
    if (shown) dialog.close();
    if (dialog && location.hash === this.#address) { // else it is a link that was entered
      if (!shown) history.back(); // one entry further, as nothing has changed
      return;
    }
    clearTimeout(this.#timer);
    this.#open = false;
    restore();
  }

  // An entry for a dialog over the page, which Back closes. If it is closed in another way, the next dialog or setting gets the entry.
  enter(dialog) {
    if (!this.#dialog) history.pushState(null, "", location.href);
    this.#dialog = dialog;
    this.#address = location.hash;
  }

  replace(found) {
    clearTimeout(this.#timer);
    this.#dialog = null;
    const now = performance.now(), wait = (this.#written.at(-1) ?? -PAUSE) + PAUSE - now;
    this.#written = this.#written.filter((then) => now - then < WINDOW);
    if (this.#written.length >= FREE && wait > 0) {
      this.#timer = setTimeout(() => this.replace(found), wait);
      return;
    }
    this.#written.push(now);
    history.replaceState(null, "", `#${new URLSearchParams(found)}`);
  }

  add(found) {
    const goesOn = this.#open || this.#dialog;
    this.#open = true;
    if (goesOn) return this.replace(found);
    clearTimeout(this.#timer);
    history.pushState(null, "", `#${new URLSearchParams(found)}`);
  }

  close() {
    this.#open = false;
  }
}
