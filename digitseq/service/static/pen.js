// How texts are written: plain glyphs side by side, or a pen, with a slider for each of its parameters.

import { checkbox, element, errorLine, segments, slider } from "./controls.js";
import { parse, range, rangeText, write } from "./specification.js";
import { label } from "./words.js";

const GLYPH = "glyph", PEN = "pen";
const ERROR = "error-style"; // the line for all of it
const FIRST = ["width", "slant", "size_jitter"]; // what is most worth changing
const NAMES = { width: "Pen width", size: "Size", size_jitter: "Size spread" };

// pen: the catalogue's entry.
export function buildStyle(pen, changed) {
  const choice = element("div", { class: "segments", role: "radiogroup", "aria-label": label("style") });
  const box = element("div", { class: "inner", hidden: true });
  let sliders = null; // built when a pen is first chosen
  const style = segments(choice, "style", [[GLYPH, "Plain"], [PEN, "Pen"]], GLYPH, () => {
    show();
    changed();
  });
  for (const input of choice.querySelectorAll("input")) {
    input.dataset.field = "style";
    input.setAttribute("aria-describedby", ERROR);
  }
  const show = () => {
    if (style.read() === PEN) sliders ??= buildSliders(pen, box, changed);
    box.hidden = style.read() !== PEN;
  };
  const read = () => {
    if (style.read() === GLYPH) return GLYPH;
    return write(PEN, Object.values(sliders).map((one) => one.read()).filter(Boolean));
  };
  // Returns whether the sliders can show it.
  const set = (text) => {
    const { name, given } = parse(text);
    if (![GLYPH, PEN].includes(name)) return false;
    style.set(name);
    show();
    for (const one of Object.values(sliders ?? {})) one.set(null);
    return Object.entries(given).every(([key, value]) => range(value) && Object.hasOwn(sliders ?? {}, key) && sliders[key].set(range(value)));
  };
  const made = element("div", { class: "field" },
    element("span", { class: "legend" }, label("style")), choice, errorLine("style", ERROR), box);
  return { made, read, set };
}

// Fills the box; returns the sliders by the names of their parameters.
function buildSliders(pen, box, changed) {
  const sliders = Object.fromEntries(pen.parameters.map((about) => [about.name, spreadSlider(about, changed)]));
  const more = pen.parameters.filter(({ name }) => !FIRST.includes(name)).map(({ name }) => sliders[name].made);
  box.append(element("p", { class: "hint" }, pen.help), ...FIRST.map((name) => sliders[name].made),
    element("details", {}, element("summary", {}, "More of the pen"), ...more));
  return sliders;
}

// One or two thumbs for one parameter of the pen; nothing is said of it while it is as hands do.
function spreadSlider(about, changed) {
  const name = NAMES[about.name] ?? label(about.name);
  const values = [about.usual].flat().map((value) => Math.round(value * 1000) / 1000);
  const usual = checkbox("as hands do", "style", true, () => {
    if (usual.read()) one.set(values);
    say();
    changed();
  });
  usual.made.querySelector("input").setAttribute("aria-label", `${name}, as hands do`);
  const one = slider({
    label: name, names: ["style"], values, low: about.low, high: about.high, step: about.high - about.low > 0.5 ? 0.01 : 0.005,
    hint: about.unit ? `${about.help}, in ${about.unit}` : about.help,
  }, () => {
    usual.set(false); // whoever moves a thumb wants what it shows
    say();
    changed();
  });
  one.made.querySelector(".row").after(usual.made.querySelector("label"));
  one.made.querySelector(".error").remove(); // shown once, below the switch
  for (const input of one.made.querySelectorAll("[data-field]")) input.setAttribute("aria-describedby", ERROR);
  const say = () => { one.made.dataset.usual = usual.read(); };
  say();
  return {
    made: one.made,
    read: () => (usual.read() ? null : `${about.name}=${rangeText(values.length > 1 ? one.read() : [one.read()[0], one.read()[0]])}`),
    set: (given) => {
      usual.set(given === null);
      one.set(given === null ? values : given);
      say();
      return true;
    },
  };
}
