// The list of single distortions, each with its parameters; reads as the texts that `augment` takes.

import { control, element } from "./controls.js";

const LEVELS = { glyph: "every digit on its own", image: "the whole image" };

export function buildOperations(box, operations, changed) {
  const rows = [];
  for (const [level, title] of Object.entries(LEVELS)) {
    box.append(element("p", { class: "level" }, title));
    for (const operation of operations.filter((known) => known.level === level)) {
      const row = buildOperation(operation, changed);
      rows.push(row);
      box.append(row.made);
    }
  }
  return () => rows.map((row) => row.read()).filter(Boolean);
}

function buildOperation(operation, changed) {
  let parameters = null; // built when the operation is first turned on
  const box = element("div", { class: "parameters", hidden: true });
  const made = element("div", { class: "operation" });
  const input = element("input", {
    type: "checkbox",
    onchange: () => {
      parameters ??= fill(box, operation, changed);
      box.hidden = !input.checked;
      made.dataset.on = input.checked;
      changed();
    },
  });
  made.append(element("label", { class: "switch", title: operation.help }, input, element("span", {}, operation.name)), box);
  const text = () => {
    const changedOnes = parameters.map((parameter) => parameter()).filter(Boolean);
    return operation.name + (changedOnes.length ? `:${changedOnes.join(",")}` : "");
  };
  return { made, read: () => (input.checked ? text() : null) };
}

function fill(box, operation, changed) {
  box.append(element("p", { class: "hint" }, operation.help));
  return operation.parameters.map((parameter) => {
    const { made, read } = parameterControl(parameter, changed);
    box.append(made);
    return read;
  });
}

// An element for one parameter, and a function that gives "name=value" where it is not the default.
function parameterControl(parameter, changed) {
  const label = parameter.low === null ? parameter.help : parameter.name;
  const { made, read } = control(parameter, changed, { label, names: ["augment"], hint: parameter.help });
  made.querySelector(".error").remove(); // shown once, above the list
  return {
    made,
    read: () => {
      const now = read();
      if (String(now) === String(parameter.default)) return null;
      const [low, high] = [now].flat();
      return `${parameter.name}=${high === undefined || low === high ? low : `${low}..${high}`}`;
    },
  };
}
