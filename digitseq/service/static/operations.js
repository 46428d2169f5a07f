// The list of single distortions, each with its parameters; reads as the texts that `augment` takes.

import { element, select, slider } from "./controls.js";

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
    const { made, read } = control(parameter, changed);
    box.append(made);
    return read;
  });
}

// An element for one parameter, and a function that gives "name=value" where it is not the default.
function control(parameter, changed) {
  const { name, help } = parameter;
  if (parameter.type === "bool") {
    const input = element("input", { type: "checkbox", checked: parameter.default, onchange: changed });
    const made = element("label", { class: "switch" }, input, help);
    return { made, read: () => (input.checked === parameter.default ? null : `${name}=${input.checked}`) };
  }
  if (parameter.choices.length) {
    const input = select(parameter.choices, parameter.default, changed);
    const made = element("label", { class: "field" }, element("span", {}, help), input);
    return { made, read: () => (input.value === parameter.default ? null : `${name}=${input.value}`) };
  }
  const values = [parameter.default].flat();
  const span = parameter.high - parameter.low;
  const step = parameter.whole ? 1 : span <= 2 ? 0.01 : span <= 60 ? 0.1 : 1;
  const unit = parameter.unit.startsWith("of ") ? "" : parameter.unit;
  const { made, read } = slider(
    { label: name, names: ["augment"], values, low: parameter.low, high: parameter.high, step, unit, hint: help }, changed);
  made.querySelector(".error").remove(); // shown once, above the list
  return {
    made,
    read: () => {
      const now = read();
      if (now.every((value, k) => value === values[k])) return null;
      return `${name}=${now[0] === now[now.length - 1] ? now[0] : now.join("..")}`;
    },
  };
}
