// How strings are written: plain glyphs side by side, or a pen, with sliders for what is most worth changing.

import { element, errorLine, segments, slider } from "./controls.js";

const GLYPH = "glyph", PEN = "pen";
const ERROR = "error-style"; // the line for all of it
const SHOWN = { width: "Pen width", slant: "Slant", size_jitter: "Size spread" };

// pen: the catalogue's entry. forPen: further elements that are shown with a pen only; forGlyph: with plain glyphs only.
// Returns the element, `read` for the text of the setting, and `isPen`.
export function buildStyle(pen, forPen, forGlyph, changed) {
  const choice = element("div", { class: "segments", role: "radiogroup", "aria-label": "Style" });
  const sliders = Object.entries(SHOWN).map(([name, label]) =>
    spreadSlider(pen.parameters.find((known) => known.name === name), label, changed));
  const box = element("div", { class: "pen", hidden: true },
    element("p", { class: "hint" }, pen.help), ...sliders.map(({ made }) => made), ...forPen);
  const style = segments(choice, "style", [[GLYPH, "Glyph"], [PEN, "Pen"]], GLYPH, () => {
    show();
    changed();
  });
  for (const input of choice.querySelectorAll("input")) {
    input.dataset.field = "style";
    input.setAttribute("aria-describedby", ERROR);
  }
  const isPen = () => style() === PEN;
  function show() {
    box.hidden = !isPen();
    for (const made of forGlyph) made.hidden = isPen();
  }
  const text = () => [PEN, sliders.map(({ read }) => read()).filter(Boolean).join(",")].filter(Boolean).join(":");
  const made = element("div", { class: "field" },
    element("span", { class: "legend" }, "Style"), choice, errorLine("style", ERROR), box);
  return { made, read: () => (isPen() ? text() : GLYPH), isPen };
}

// Two thumbs for one parameter of the pen; nothing is said of it while it is as hands do.
function spreadSlider(about, label, changed) {
  const usual = element("input", { type: "checkbox", checked: true, "aria-label": `${label}, as hands do`, onchange: () => say(true) });
  const range = slider({
    label, names: ["style"], values: about.usual, low: about.low, high: about.high, step: about.high - about.low > 0.5 ? 0.01 : 0.005,
    hint: about.unit ? `${about.help}, in ${about.unit}` : about.help,
  }, () => {
    usual.checked = false; // whoever moves a thumb wants what it shows
    say();
  });
  range.made.querySelector(".error").remove(); // shown once, below the switch
  for (const input of range.made.querySelectorAll("[data-field]")) input.setAttribute("aria-describedby", ERROR);
  range.made.querySelector(".row").after(element("label", { class: "switch" }, usual, element("span", {}, "as hands do")));
  function say(reset = false) {
    if (reset && usual.checked) range.set(about.usual);
    range.made.dataset.usual = usual.checked;
    changed();
  }
  range.made.dataset.usual = true;
  const read = () => {
    const [low, high] = range.read();
    return usual.checked ? null : `${about.name}=${low === high ? low : `${low}..${high}`}`;
  };
  return { made: range.made, read };
}
