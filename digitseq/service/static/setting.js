// A control for whatever /v1/options describes.

import { checkbox, element, field, numberRow, option, slider } from "./controls.js";
import { CHOICES, label as labelOf } from "./words.js";

const RANGES = new Set(["min", "low"]); // first parts of pairs that are ranges; others are two numbers on their own

// names: the settings whose errors are shown below it; hint: a line of help; value: what it begins with.
export function control(about, changed, { label = labelOf(about.name), names = [about.name], hint = "", high = about.high, unit } = {}) {
  const value = about.default ?? about.example ?? "";
  if (about.type === "bool") return checkbox(label, names[0], value, changed, hint);
  if (about.choices.length) return choice(about, value, changed, label, names[0], hint);
  if (about.type === "texts") return list(about, value, changed, label, hint);
  if (about.low === null) {
    const input = element("input", { value, maxlength: 256, spellcheck: "false", autocapitalize: "off", oninput: changed });
    return { made: field(label, names[0], input, hint), read: () => input.value, set: (text) => { input.value = text; } };
  }
  const inner = numeric(about, value, changed, label, names, hint, high, unit ?? shownUnit(about));
  // no value of its own, and none that a source needs: it is set or it is not
  return about.default === null && !about.source ? optional(about, inner, label, changed) : inner;
}

function shownUnit(about) {
  return about.unit.startsWith("of ") ? "" : about.unit === "pixels" ? "px" : about.unit;
}

function choice(about, value, changed, label, name, hint) {
  const words = CHOICES[about.name] ?? {};
  const shown = about.choices.map((key) => [key, about.name === "phone" ? country(key) : words[key] ?? key]);
  if (about.name === "phone") shown.sort((one, other) => one[1].localeCompare(other[1]));
  const input = element("select", { oninput: changed }, ...shown.map(([key, text]) => option(key, text)));
  // codes of regions may be given in small letters, too
  const set = (chosen) => {
    const known = about.choices.find((key) => [chosen, chosen.toUpperCase()].includes(key));
    if (known === undefined) return false;
    input.value = known;
  };
  set(value);
  return { made: field(label, name, input, hint), read: () => input.value, set };
}

function country(code) {
  const name = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" }).of(code);
  return name ? `${name} (${code})` : code;
}

// One text a line, as they are pasted; the cells of a spreadsheet are texts of their own.
function list(about, value, changed, label, hint) {
  const input = element("textarea", { rows: 6, spellcheck: "false", autocapitalize: "off", oninput: changed });
  const set = (texts) => { input.value = texts.join("\n"); };
  set(value);
  const read = () => input.value.split(/[\t\n]/).map((line) => line.trim()).filter(Boolean);
  return { made: field(label, about.name, input, hint), read, set };
}

function numeric(about, value, changed, label, names, hint, high, unit) {
  const values = [value].flat();
  const step = about.whole ? 1 : about.high - about.low <= 2 ? 0.01 : about.high - about.low <= 60 ? 0.1 : 1;
  const parts = about.parts ?? [];
  if (parts.length > 1 && !RANGES.has(parts[0])) {
    return numberRow({ label, name: names[0], parts, values, low: about.low, high: about.high, step, unit }, changed);
  }
  const reach = about.source ? Math.min(high, 4 * Math.max(...values)) : high;
  const { made, read, set } = slider({ label, names, values, low: about.low, high: reach, most: about.high, step, unit, hint }, changed);
  return { made, read: () => (values.length === 1 ? read()[0] : read()), set: (all) => set([all].flat()) };
}

// A number that is not set until its switch is on, which stands in place of its label.
function optional(about, inner, label, changed) {
  const toggle = checkbox(label, about.name, false, () => { show(); changed(); });
  inner.made.querySelector(".legend").replaceWith(toggle.made.querySelector("label"));
  for (const input of inner.made.querySelectorAll("[aria-label]")) input.ariaLabel += ", value";
  const parts = inner.made.querySelectorAll(".track, .numbers, .hint");
  const show = () => { for (const part of parts) part.hidden = !toggle.read(); };
  show();
  return {
    made: inner.made,
    read: () => (toggle.read() ? inner.read() : null),
    set: (value) => {
      toggle.set(value !== null);
      if (value !== null) inner.set(value);
      show();
    },
  };
}
