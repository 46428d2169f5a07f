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
  const known = Object.fromEntries(settings.map((about) => [about.name, about]));
  const values = {}, unknown = [];
  for (const name of new Set(given.keys())) {
    if (name === "seed") continue;
    const value = name in known ? valueOf(known[name], given.getAll(name)) : undefined;
    if (value === undefined) unknown.push(name);
    else values[name] = value;
  }
  return { values, seed: given.get("seed") ?? "", unknown };
}

// undefined for what no control can hold
function valueOf(about, texts) {
  if (about.type === "augment" || about.type === "texts") return texts;
  const text = texts.at(-1);
  if (about.type === "bool") return { true: true, false: false }[text.toLowerCase()];
  if (about.low === null) return text;
  const numbers = text.split(",").map(Number);
  if (text === "" || !numbers.every(Number.isFinite)) return undefined;
  return about.type === "pair" ? (numbers.length === 2 ? numbers : undefined) : numbers.length === 1 ? numbers[0] : undefined;
}

// Changes of one control until it is left, such as a slider that is dragged, are one entry of the history.
export class History {
  #open = false;

  constructor(restore) {
    addEventListener("popstate", () => { this.#open = false; restore(); });
    document.addEventListener("change", () => { this.#open = false; });
  }

  replace(found) {
    history.replaceState(null, "", `#${new URLSearchParams(found)}`);
  }

  add(found) {
    if (this.#open) return this.replace(found);
    this.#open = true;
    history.pushState(null, "", `#${new URLSearchParams(found)}`);
  }

  close() {
    this.#open = false;
  }
}
