// Distortions: a preset, and single ones with their parameters. Together they are the texts that `augment` takes.

import { element, checkbox, segments } from "./controls.js";
import { control } from "./setting.js";
import { parse, range, rangeText, write } from "./specification.js";
import { CHOICES } from "./words.js";

const LEVELS = { glyph: "every character on its own", image: "the whole image" };
const NONE = "none";

// Fills the boxes of the presets and of the list; `count` shows how many of the list are on.
export function buildOperations(presetBox, box, count, options, changed) {
  const presets = [NONE, ...Object.keys(options.presets)];
  const preset = segments(presetBox, "preset", presets.map((name) => [name, CHOICES.preset[name] ?? name]), NONE, changed);
  const rows = {};
  for (const [level, title] of Object.entries(LEVELS)) {
    box.append(element("p", { class: "level" }, title));
    for (const about of options.augmentations.filter((known) => known.level === level)) {
      rows[about.name] = buildOperation(about, () => { say(); changed(); });
      box.append(rows[about.name].made);
    }
  }
  const chosen = () => Object.values(rows).map((row) => row.read()).filter(Boolean);
  const say = () => { count.textContent = chosen().length ? `· ${chosen().length} on` : ""; };
  const both = {
    read: () => [...(preset.read() === NONE ? [] : [preset.read()]), ...chosen()],
    // Returns whether the page can show them.
    set: (texts) => {
      const named = texts.filter((text) => presets.includes(text));
      preset.set(named[0] ?? NONE);
      for (const row of Object.values(rows)) row.set(null);
      const single = texts.filter((text) => !presets.includes(text)).map(parse);
      const shown = single.map(({ name, given }) => Object.hasOwn(rows, name) && rows[name].set(given));
      say();
      // their order is that of the list
      const names = (all) => all.map((text) => parse(text).name).join();
      return shown.every(Boolean) && names(both.read()) === names(texts);
    },
  };
  return both;
}

function buildOperation(operation, changed) {
  let parameters = null; // built when the operation is first turned on
  const box = element("div", { class: "parameters", hidden: true });
  const toggle = checkbox(operation.name.replaceAll("_", " "), "augment", false, () => { show(); changed(); });
  toggle.made.querySelector(".error").remove(); // shown once, above the list
  toggle.made.querySelector("input").removeAttribute("aria-describedby");
  const made = element("div", { class: "operation" }, toggle.made, box);
  function show() {
    if (toggle.read()) parameters ??= fill(box, operation, changed);
    box.hidden = !toggle.read();
    made.dataset.on = toggle.read();
  }
  return {
    made,
    read: () => (toggle.read() ? write(operation.name, parameters.map((parameter) => parameter.read()).filter(Boolean)) : null),
    // given: values by parameter, or null for an operation that is off
    set: (given) => {
      toggle.set(given !== null);
      show();
      const known = parameters?.map((parameter) => parameter.set(given?.[parameter.name])) ?? [];
      return known.every(Boolean) && Object.keys(given ?? {}).every((key) => operation.parameters.some(({ name }) => name === key));
    },
  };
}

function fill(box, operation, changed) {
  box.append(element("p", { class: "hint" }, operation.help));
  return operation.parameters.map((about) => {
    const parameter = parameterControl(about, changed);
    box.append(parameter.made);
    return parameter;
  });
}

// A control for one parameter. It reads as "name=value" where that is not the default.
function parameterControl(about, changed) {
  const label = about.low === null ? about.help : about.name;
  const { made, read, set } = control(about, changed, { label, names: ["augment"], hint: about.low === null ? "" : about.help });
  made.querySelector(".error").remove(); // shown once, above the list
  for (const input of made.querySelectorAll("[aria-describedby]")) input.setAttribute("aria-describedby", "error-augment");
  return {
    made,
    name: about.name,
    read: () => {
      const now = read();
      if (String(now) === String(about.default)) return null;
      return `${about.name}=${about.low === null ? now : rangeText([now].flat().length > 1 ? now : [now, now])}`;
    },
    set: (text) => {
      if (text === undefined) set(about.default);
      else if (about.type === "bool") set(/^true$/i.test(text));
      else if (about.low === null) return set(text) !== false;
      else if (range(text)) set(Array.isArray(about.default) ? range(text) : range(text)[0]);
      else return false;
      return true;
    },
  };
}
