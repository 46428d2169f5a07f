// The page: settings on one side, samples on the other, which follow every change.

import { ask, keep } from "./api.js";
import { control, element, field, segments, select, slider, title } from "./controls.js";
import { show } from "./gallery.js";
import { buildOperations } from "./operations.js";
import { buildStyle } from "./pen.js";
import { setUpTakeaway } from "./takeaway.js";

const COUNT = 12;
const PAUSE = 120; // milliseconds without a change before images are asked for
const SLOW = 1000; // milliseconds after which the page says what it is waiting for
// Where the name of a setting does not say enough.
const LABELS = {
  number: "What to write", random_digits: "Length", amounts: "Length", random_text: "Length", phone: "Region, such as JP, US or GB",
  pattern: "Regular expression", glyph_height: "Height of a digit, as a share", invert: "Black ink on white paper",
  masks: "Masks of the characters", signs: "Signs such as - + . /", gap_labels: "Signs in labels, with gap",
  marks: "Share with marks",
};
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
  const slow = setTimeout(() => { $("status").textContent = slowly(values); }, SLOW);
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
    if (error.status === 503 && error.after) {
      askAgain(error);
      return;
    }
    $("status").textContent = "";
    complain(error);
  } finally {
    clearTimeout(slow);
    if (running === mine) gallery.setAttribute("aria-busy", "false");
  }
}

function slowly({ style }) {
  return style ? "Making the images … The first ones that a pen writes with a data set take up to a minute." : "Making the images …";
}

// The service is not ready for this yet, and has said when it may be: the page stays busy until then.
function askAgain({ message, after }) {
  running = null;
  clearErrors();
  $("status").textContent = message;
  timer = setTimeout(refresh, 1000 * after);
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

// Every setting that says what is written, with those that belong to it; below them those that go with any.
function buildSources() {
  const known = options.settings.filter((about) => about.group === "source");
  const sources = known.filter((about) => about.source).map((about) => about.name);
  const boxes = Object.fromEntries(sources.map((name, k) => [name, element("div", { class: "field", hidden: k > 0 })]));
  const common = element("div", { class: "field" });
  for (const about of known) {
    const owners = about.source ? [about.name] : about.works_with;
    const { made, read } = control(about, changed, { label: LABELS[about.name] ?? title(about.name) });
    made.dataset.owners = owners.join(" ");
    (owners.length === 1 ? boxes[owners[0]] : common).append(made);
    readers[about.name] = () => (!owners.length || owners.includes(source()) ? read() : undefined);
  }
  const show = (name) => {
    for (const [key, box] of Object.entries(boxes)) box.hidden = key !== name;
    for (const made of common.children) made.hidden = made.dataset.owners !== "" && !made.dataset.owners.split(" ").includes(name);
  };
  show(sources[0]);
  $("source-fields").append(...Object.values(boxes), common);
  source = segments($("sources"), "source", sources.map((name) => [name, title(name)]), sources[0], (name) => {
    show(name);
    changed();
  });
}

function buildLayout() {
  const width = option("image_width");
  const one = slider({
    label: "Width", names: ["image_width"], values: [width.default], low: 0, high: 600, step: 1, least: width.low,
    most: width.high, unit: "px", hint: "0: as wide as the sequence needs",
  }, changed);
  readers.image_width = () => one.read()[0];
  const height = option("image_height");
  const tall = slider({
    label: "Height", names: ["image_height"], values: [height.default], low: height.low, high: 128, step: 1,
    most: height.high, unit: "px",
  }, changed);
  readers.image_height = () => tall.read()[0];
  const spacing = slider({
    label: "Spacing", names: ["min_spacing", "max_spacing"], values: [option("min_spacing").default, option("max_spacing").example],
    low: -20, high: 60, least: option("min_spacing").low, most: option("max_spacing").high, unit: "px",
    hint: "between two digits, ink to ink; negative overlaps them",
  }, changed);
  const { made: marks, read: share } = control(option("marks"), changed, { label: LABELS.marks, hint: "lines and signs that no label has" });
  const style = buildStyle(options.pen, [marks], [spacing.made], changed);
  readers.style = style.read;
  readers.marks = () => (style.isPen() ? share() : undefined);
  // the gaps of a pen are its own
  readers.min_spacing = () => (style.isPen() ? undefined : spacing.read()[0]);
  readers.max_spacing = () => {
    const [low, high] = spacing.read();
    return style.isPen() || high === Math.max(option("max_spacing").example, low) ? undefined : high;
  };
  $("layout").append(style.made, one.made, tall.made, spacing.made);
  // whatever else there is
  for (const about of options.settings.filter(({ name, group }) => group === "layout" && !readers[name])) {
    const { made, read } = control(about, changed, { label: LABELS[about.name] ?? title(about.name) });
    readers[about.name] = read;
    $("layout").append(made);
  }
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
