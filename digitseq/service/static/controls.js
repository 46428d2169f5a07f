// Building blocks: elements, fields, rows of choices, sliders with one or two thumbs.
// Every control is { made, read, set }: its element, its value, and a function that changes it and tells nobody.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

let counter = 0;
const fresh = (name) => `${name}-${++counter}`;

export function errorLine(name, id) {
  return element("p", { class: "error", id, "data-error": name, role: "alert" });
}

// A labelled input, select or textarea; `name` is the setting whose errors are shown below it.
export function field(label, name, input, hint = "") {
  const id = fresh(name);
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-error`);
  input.dataset.field = name;
  return element("div", { class: "field" }, element("label", { for: id }, label), input,
    hint ? element("p", { class: "hint" }, hint) : null, errorLine(name, `${id}-error`));
}

export function option(value, label = value) {
  return element("option", { value }, label);
}

export function checkbox(label, name, checked, changed, hint = "") {
  const id = fresh(name);
  const input = element("input", { type: "checkbox", checked, "data-field": name, "aria-describedby": `${id}-error`, oninput: changed });
  const made = element("div", { class: "field" }, element("label", { class: "switch" }, input, element("span", {}, label)),
    hint ? element("p", { class: "hint" }, hint) : null, errorLine(name, `${id}-error`));
  return { made, read: () => input.checked, set: (value) => { input.checked = value; } };
}

// Radio buttons in a row. choices: pairs of a value and its label.
export function segments(box, name, choices, value, changed) {
  const inputs = choices.map(([key, label]) => {
    const input = element("input", { type: "radio", name, value: key, checked: key === value, oninput: () => changed(key) });
    box.append(element("label", {}, input, label));
    return input;
  });
  return {
    made: box,
    read: () => inputs.find((input) => input.checked).value,
    set: (chosen) => { for (const input of inputs) input.checked = input.value === chosen; },
  };
}

// Sliders for one number, or for a range low … high, each with a number field for exact values.
// names: the settings whose errors belong here. low, high: what the slider reaches; least, most: what the field takes.
export function slider({ label, names, values, low, high, least = low, most = high, step = 1, unit = "", hint = "" }, changed) {
  const id = fresh("slider");
  const track = element("div", { class: "track" });
  const numbers = element("div", { class: "numbers" });
  const parts = values.length > 1 ? [`${label}, smallest`, `${label}, largest`] : [label];
  const ranges = values.map((value, k) =>
    element("input", { type: "range", min: low, max: high, step, value, "aria-label": parts[k], oninput: () => moved(k) }));
  const fields = values.map((value, k) => numberField(`${parts[k]}, exact`, names[k] ?? names[0], value, least, most, step, () => typed(k)));
  for (const input of fields) input.setAttribute("aria-describedby", `${id}-error`);
  track.append(...ranges);
  fields.forEach((input, k) => numbers.append(...(k ? ["–", input] : [input])));
  if (unit) numbers.append(element("span", { class: "unit" }, unit));

  function paint() {
    const share = (k) => `${(100 * (ranges[k].value - low)) / (high - low)}%`;
    track.style.setProperty("--from", ranges.length > 1 ? share(0) : "0%");
    track.style.setProperty("--to", share(ranges.length - 1));
  }
  function moved(k) {
    // one thumb pushes the other
    if (ranges.length > 1 && +ranges[0].value > +ranges[1].value) ranges[1 - k].value = ranges[k].value;
    ranges.forEach((range, place) => {
      if (place === k || +fields[place].value !== +range.value) fields[place].value = range.value;
    });
    paint();
    changed();
  }
  function typed(k) {
    ranges[k].value = fields[k].value;
    paint();
    changed();
  }
  paint();
  const errors = [...new Set(names)].map((name, k) => errorLine(name, k ? `${id}-error-${k}` : `${id}-error`));
  const made = element("div", { class: "field" },
    element("div", { class: "row" }, element("span", { class: "legend" }, label), numbers),
    track, hint ? element("p", { class: "hint" }, hint) : null, ...errors);
  const set = (all) => {
    [ranges, fields].forEach((inputs) => inputs.forEach((input, k) => { input.value = all[k]; }));
    paint();
  };
  return { made, set, read: () => fields.map(numberOf) };
}

// One number field for each part of a value, such as the width and the height of a kernel.
export function numberRow({ label, name, parts, values, low, high, step, unit }, changed) {
  const id = fresh("numbers");
  const fields = parts.map((part, k) => numberField(`${label}, ${part}`, name, values[k], low, high, step, changed));
  for (const input of fields) input.setAttribute("aria-describedby", `${id}-error`);
  const numbers = element("div", { class: "numbers" });
  fields.forEach((input, k) => numbers.append(...(k ? ["×", input] : [input])));
  if (unit) numbers.append(element("span", { class: "unit" }, unit));
  const made = element("div", { class: "field" },
    element("div", { class: "row" }, element("span", { class: "legend" }, label), numbers), errorLine(name, `${id}-error`));
  return { made, read: () => fields.map(numberOf), set: (all) => fields.forEach((input, k) => { input.value = all[k]; }) };
}

function numberField(label, name, value, min, max, step, changed) {
  return element("input", {
    type: "number", min, max, step: step === 1 ? 1 : "any", value, "aria-label": label, "data-field": name, oninput: changed,
  });
}

function numberOf(input) {
  return input.value === "" ? "" : Number(input.value);
}
