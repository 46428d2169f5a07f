// Building blocks: elements, sliders with one or two thumbs, rows of choices.

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

// A labelled text field or select; `name` is the setting whose errors are shown below it.
export function field(label, name, input) {
  const id = fresh(name);
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-error`);
  input.dataset.field = name;
  return element("div", { class: "field" }, element("label", { for: id }, label), input, errorLine(name, `${id}-error`));
}

export function select(choices, value, changed) {
  const made = element("select", { onchange: changed });
  for (const choice of choices) made.append(element("option", { value: choice, selected: choice === value }, choice));
  return made;
}

// Radio buttons in a row; returns a function that says which one is chosen.
export function segments(box, name, choices, value, changed) {
  for (const [key, label] of choices) {
    const input = element("input", { type: "radio", name, value: key, checked: key === value, onchange: () => changed(key) });
    box.append(element("label", {}, input, label));
  }
  return () => box.querySelector("input:checked").value;
}

// Sliders for one number, or for a pair low … high, each with a number field for exact values.
// names: the settings whose errors belong here. low, high: what the slider reaches; least, most: what the field takes.
// Returns the element, `read` for the numbers, and `set`, which changes them and tells nobody.
export function slider({ label, names, values, low, high, least = low, most = high, step = 1, unit = "", hint = "" }, changed) {
  const id = fresh("slider");
  const track = element("div", { class: "track" });
  const numbers = element("div", { class: "numbers" });
  const parts = values.length > 1 ? [`${label}, smallest`, `${label}, largest`] : [label];
  const ranges = values.map((value, k) =>
    element("input", { type: "range", min: low, max: high, step, value, "aria-label": parts[k], oninput: () => moved(k) }));
  const fields = values.map((value, k) =>
    element("input", {
      type: "number", min: least, max: most, step: step === 1 ? 1 : "any", value, "aria-label": `${parts[k]}, exact`,
      "aria-describedby": `${id}-error`, "data-field": names[k] ?? names[0], oninput: () => typed(k),
    }));
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
  return { made, set, read: () => fields.map((input) => (input.value === "" ? "" : Number(input.value))) };
}

// The words of a name: "random_digits" becomes "Random digits".
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

// A control for whatever /v1/options describes, and a function that reads its value.
// names: the settings whose errors are shown below it; hint: a line of help, where the label does not say enough.
export function control(about, changed, { label = title(about.name), names = [about.name], hint = "" } = {}) {
  const value = about.default ?? about.example ?? "";
  if (about.type === "bool") {
    const input = element("input", { type: "checkbox", checked: value, "data-field": names[0], onchange: changed });
    const made = element("div", { class: "field", title: about.help },
      element("label", { class: "switch" }, input, element("span", {}, label)), errorLine(names[0]));
    return { made, read: () => input.checked };
  }
  if (about.choices.length) {
    const input = select(about.choices, value, changed);
    return { made: field(label, names[0], input), read: () => input.value };
  }
  if (about.low === null) {
    const input = element("input", { value, maxlength: 256, spellcheck: "false", title: about.help, oninput: changed });
    return { made: field(label, names[0], input), read: () => input.value };
  }
  if (value === "") {
    const input = element("input", {
      type: "number", min: about.low, max: about.high, step: about.whole ? 1 : "any", title: about.help, oninput: changed,
      placeholder: about.shown_default ?? "",
    });
    return { made: field(label, names[0], input), read: () => (input.value === "" ? undefined : Number(input.value)) };
  }
  const values = [value].flat();
  const high = about.default === null ? Math.min(about.high, 4 * Math.max(...values)) : about.high;
  const span = high - about.low;
  const step = about.whole ? 1 : span <= 2 ? 0.01 : span <= 60 ? 0.1 : 1;
  const unit = about.unit.startsWith("of ") ? "" : about.unit;
  const { made, read } = slider({ label, names, values, low: about.low, high, most: about.high, step, unit, hint }, changed);
  return { made, read: () => (values.length === 1 ? read()[0] : read()) };
}
