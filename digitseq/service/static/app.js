// The page: settings on one side, samples on the other, which follow every change.

import { ask, keep } from "./api.js";
import { element, errorLine, field, segments, select, slider } from "./controls.js";
import { show } from "./gallery.js";
import { buildOperations } from "./operations.js";
import { setUpTakeaway } from "./takeaway.js";

const COUNT = 12;
const PAUSE = 120; // milliseconds without a change before images are asked for
const SOURCES = { number: "Text", random_digits: "Random", phone: "Phone", pattern: "Pattern" };
const $ = (id) => document.getElementById(id);
const readers = {}; // by setting, a function that reads its value from the page
let options, source, preset, operations, takeaway, running, timer;

function option(name) {
  return options.settings.find((known) => known.name === name);
}

// What the page says now, without what is as by default.
function settings() {
  const found = {};
  for (const [name, read] of Object.entries(readers)) {
    const value = read();
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(option(name).default)) found[name] = value;
  }
  const augment = [...(preset() === "none" ? [] : [preset()]), ...operations()];
  if (augment.length) found.augment = augment;
  return found;
}

function query(values) {
  const pairs = [];
  for (const [name, value] of Object.entries(values)) {
    if (name === "augment") pairs.push(...value.map((text) => [name, text]));
    else pairs.push([name, String(value)]);
  }
  return new URLSearchParams(pairs);
}

function changed() {
  if (!$("lock").checked) drawSeed();
  refreshSoon();
}

// What is shown, or on its way, is of earlier settings from now on: the page is busy until it shows these.
function refreshSoon() {
  running?.abort();
  running = null;
  $("gallery").setAttribute("aria-busy", "true");
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

async function refresh() {
  running?.abort();
  const mine = (running = new AbortController());
  const values = settings();
  const asked = query({ ...values, seed: $("seed").value.trim(), count: COUNT });
  const gallery = $("gallery");
  gallery.setAttribute("aria-busy", "true");
  const began = performance.now();
  try {
    const answer = await (await ask(`/v1/samples.json?${asked}`, { signal: mine.signal })).json();
    if (mine.signal.aborted) return;
    clearErrors();
    show(gallery, answer.samples, values.invert);
    gallery.dataset.stale = "false";
    $("status").textContent = `${answer.samples.length} images in ${Math.round(performance.now() - began)} ms`;
    takeaway.update(values, $("seed").value.trim(), COUNT, answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    gallery.dataset.stale = "true";
    $("status").textContent = "";
    complain(error);
  } finally {
    if (running === mine) gallery.setAttribute("aria-busy", "false");
  }
}

function clearErrors() {
  for (const line of document.querySelectorAll(".error")) line.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

// Say what is wrong where it is wrong.
function complain(error) {
  clearErrors();
  $("key").hidden = error.status !== 401;
  const line = error.field && document.querySelector(`[data-error="${CSS.escape(error.field)}"]`);
  (line || $("error-general")).textContent = error.message;
  for (const input of document.querySelectorAll(`[data-field="${CSS.escape(error.field ?? "")}"]`)) {
    input.setAttribute("aria-invalid", "true");
  }
}

function drawSeed() {
  $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
}

function buildSources() {
  const known = Object.entries(SOURCES).filter(([name]) => option(name));
  const boxes = Object.fromEntries(known.map(([name]) => [name, element("div", { class: "field", hidden: name !== "number" })]));
  const only = (name, read) => { readers[name] = () => (source() === name ? read() : undefined); };
  const text = (name, label, value) => {
    const input = element("input", { value, maxlength: 256, spellcheck: "false", oninput: changed });
    boxes[name].append(field(label, name, input));
    only(name, () => input.value);
    return input;
  };
  const part = (name, owner, label) => {
    const input = select(option(name).choices, option(name).default, changed);
    boxes[owner].append(field(label, name, input));
    readers[name] = () => (source() === owner ? input.value : undefined);
  };
  text("number", "What to write", "123456").inputMode = "text";
  if (boxes.random_digits) {
    const { made, read } = slider({ label: "Length", names: ["random_digits"], values: [4, 8], low: 1, high: 20, most: 255, unit: "digits" }, changed);
    boxes.random_digits.append(made);
    only("random_digits", read);
  }
  if (boxes.phone) {
    text("phone", "Region, such as JP, US or DE", "JP").size = 4;
    if (option("phone_type")) part("phone_type", "phone", "Kind");
    if (option("phone_format")) part("phone_format", "phone", "Format");
  }
  if (boxes.pattern) text("pattern", "Regular expression", "20[0-9]{2}");
  $("source-fields").append(...Object.values(boxes));
  source = segments($("sources"), "source", known, "number", (name) => {
    for (const [key, box] of Object.entries(boxes)) box.hidden = key !== name;
    changed();
  });
  if (option("gaps")) {
    const box = checkbox("gaps", "Leave gaps for other characters");
    $("source-fields").append(box);
    readers.gaps = () => box.querySelector("input").checked;
  }
}

function checkbox(name, label) {
  const input = element("input", { type: "checkbox", "data-field": name, onchange: changed });
  readers[name] = () => input.checked;
  return element("div", { class: "field" }, element("label", { class: "switch" }, input, element("span", {}, label)), errorLine(name));
}

function buildLayout() {
  const width = option("image_width");
  const one = slider({
    label: "Width", names: ["image_width"], values: [width.default], low: 0, high: 600, step: 1, least: width.low,
    most: width.high, unit: "px", hint: "0: as wide as the sequence needs",
  }, changed);
  readers.image_width = () => one.read()[0];
  const spacing = slider({
    label: "Spacing", names: ["min_spacing", "max_spacing"], values: [option("min_spacing").default, option("max_spacing").default],
    low: -20, high: 60, least: option("min_spacing").low, most: option("max_spacing").high, unit: "px",
    hint: "between two digits, ink to ink; negative overlaps them",
  }, changed);
  readers.min_spacing = () => spacing.read()[0];
  readers.max_spacing = () => spacing.read()[1];
  $("layout").append(one.made, spacing.made, checkbox("invert", "Black ink on white paper"));
}

function buildGlyphs() {
  const sets = options.datasets;
  const split = select(sets[0].splits, option("split").default, changed);
  const dataset = select(sets.map((set) => set.name), sets[0].name, () => {
    const splits = sets.find((set) => set.name === dataset.value).splits;
    const kept = splits.includes(split.value) ? split.value : splits[0];
    split.replaceChildren(...splits.map((name) => element("option", { value: name, selected: name === kept }, name)));
    changed();
  });
  $("glyphs").append(field("Data set", "dataset", dataset), field("Split", "split", split));
  readers.split = () => split.value;
  if (option("dataset")) readers.dataset = () => dataset.value;
}

function buildAugment() {
  const names = ["none", ...Object.keys(options.presets)];
  preset = segments($("presets"), "preset", names.map((name) => [name, name]), "none", changed);
  operations = buildOperations($("operations"), options.augmentations, () => {
    const count = operations().length;
    $("chosen").textContent = count ? `· ${count} on` : "";
    changed();
  });
}

function setUpTheme() {
  const root = document.documentElement, button = $("theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; };
  root.dataset.theme = localStorage.getItem("digitseq-theme") ?? "";
  say();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("digitseq-theme", root.dataset.theme);
    say();
  });
}

function setUpSeed() {
  drawSeed();
  $("seed").addEventListener("input", refreshSoon);
  $("again").addEventListener("click", () => { drawSeed(); refreshSoon(); });
  $("boxes").addEventListener("change", () => { $("gallery").dataset.boxes = $("boxes").checked; });
}

async function begin() {
  try {
    options = await (await ask("/v1/options")).json();
  } catch (error) {
    complain(error);
    return;
  }
  $("key").hidden = true;
  clearErrors();
  buildSources();
  buildLayout();
  buildGlyphs();
  buildAugment();
  takeaway = setUpTakeaway(options, () => [settings(), $("seed").value.trim()], complain);
  refresh();
}

for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
$("key").addEventListener("submit", () => { keep($("key-field").value); begin(); });
setUpTheme();
setUpSeed();
begin();
