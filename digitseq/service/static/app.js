// The page: settings on one side, samples on the other, which follow every change. The address holds its state.

import { History, comparable, pairs, readAddress } from "./address.js";
import { askForJson, forgetKey, hasKey, keepKey } from "./api.js";
import { setUpDownload } from "./download.js";
import { Form } from "./form.js";
import { arrange, show } from "./gallery.js";
import { Recipes, body, exact } from "./recipes.js";
import { inWords, label, learn } from "./words.js";
import { Viewer } from "./viewer.js";

const COUNT = 12;
const USUAL = "123456"; // the text of the first visit
const LATE = 120; // milliseconds without a change after which an answer to an earlier state is given up
const SLOW = 1000; // milliseconds after which the page says what it is waiting for
const LONGEST_QUERY = 8000, MOST_PARAMETERS = 100; // characters; longer lists of texts are sent as a body
const MOST_LISTED = 5; // parts of an address that are named
const $ = (id) => document.getElementById(id);

class Page {
  #form;
  #history = new History(() => this.#restore());
  #recipes = new Recipes();
  #viewer = new Viewer(this.#history);
  #settings;
  #followList;
  #running = null; // the request under way
  #waiting = false; // whether the state has changed since it was sent
  #timer;

  // first: the answer to the request for the samples of the address, which was sent before the options were known
  begin(options, first) {
    this.#settings = options.settings;
    learn([...options.settings, ...options.data_set]);
    this.#form = new Form(options, () => this.#changed());
    this.#followList = setUpDownload(options, () => this.#state(), (error) => (error ? complain(error) : clearErrors(["size", "format", "labels"])));
    this.#setUpSeed();
    new ResizeObserver(() => { if ($("gallery").children.length) arrange($("gallery")); }).observe($("gallery"));
    this.#restore(first);
  }

  #state() {
    return [this.#form.read(), $("seed").value.trim()];
  }

  // The controls as the address says.
  #restore(first) {
    const { values, seed, unknown } = readAddress(this.#settings), before = comparable();
    unknown.push(...this.#form.write(values));
    $("seed").value = seed || drawn();
    this.#history.replace(pairs(...this.#state()));
    this.#followList(this.#form.read().numbers);
    $("error-address").textContent = unknown.length ? `The page cannot show these parts of its address, and left them out: ${listed(unknown)}.` : "";
    this.#refresh(comparable() === before ? first : undefined); // what the controls show may be less than was asked for
  }

  #changed() {
    if (!$("lock").checked) $("seed").value = drawn();
    this.#follow();
  }

  // The address and the samples follow what the controls say.
  #follow() {
    this.#history.add(pairs(...this.#state()));
    this.#followList(this.#form.read().numbers);
    $("error-address").textContent = "";
    $("gallery").setAttribute("aria-busy", "true");
    clearTimeout(this.#timer);
    if (!this.#running) return this.#refresh();
    this.#waiting = true;
    this.#timer = setTimeout(() => this.#refresh(), LATE);
  }

  async #refresh(first) {
    this.#running?.abort();
    this.#waiting = false;
    const mine = (this.#running = new AbortController());
    const [values, seed] = this.#state();
    const gallery = $("gallery");
    gallery.setAttribute("aria-busy", "true");
    const began = performance.now();
    const slow = setTimeout(() => { $("status").textContent = slowly(values); }, SLOW);
    try {
      const asked = () => samples(values, seed, { count: count(values) }, mine.signal);
      const answer = await (first?.catch(asked) ?? asked()); // of different texts it may have asked for too many
      if (mine.signal.aborted) return;
      this.#show(values, seed, answer, performance.now() - began);
    } catch (error) {
      if (error.name === "AbortError" || mine.signal.aborted) return;
      if (error.after) this.#askAgain(error);
      else this.#fail(error);
    } finally {
      clearTimeout(slow);
      if (this.#running === mine) this.#end();
    }
  }

  #end() {
    this.#running = null;
    if (this.#waiting) {
      clearTimeout(this.#timer);
      this.#refresh();
    } else if (!$("gallery").dataset.again) $("gallery").setAttribute("aria-busy", "false");
  }

  #show(values, seed, answer, milliseconds) {
    const gallery = $("gallery");
    clearErrors();
    const shown = { samples: answer.samples, seed: exact(seed), white: values.invert, masks: masksOf(values, seed) };
    show(gallery, answer.samples, values.invert, (place) => this.#viewer.open(shown, place));
    gallery.dataset.stale = "false";
    delete gallery.dataset.again;
    $("status").textContent = `${answer.samples.length} images in ${Math.round(milliseconds)} ms`;
    if (!this.#waiting) this.#recipes.update(values, seed, answer);
  }

  #fail(error) {
    $("gallery").dataset.stale = "true";
    delete $("gallery").dataset.again;
    this.#recipes.clear();
    complain(error);
    // the message itself may be out of sight
    $("status").textContent = error.field ? `No new images: see “${label(error.field)}”` : "No new images";
  }

  // The service is not ready for this yet, and has said when it may be: the page stays busy until then.
  #askAgain(error) {
    $("gallery").dataset.stale = "true";
    $("gallery").dataset.again = "true";
    this.#recipes.clear();
    clearErrors();
    $("status").textContent = inWords(error);
    this.#timer = setTimeout(() => this.#refresh(), 1000 * error.after);
  }

  #setUpSeed() {
    $("seed").addEventListener("input", () => this.#follow());
    $("again").addEventListener("click", () => {
      $("seed").value = drawn();
      this.#follow();
      this.#history.close();
    });
  }
}

// Of different texts there may be fewer than fit on the page.
function count({ unique, number, numbers }) {
  if (!unique) return COUNT;
  return number === undefined ? Math.min(COUNT, numbers?.length || COUNT) : 1;
}

async function samples(values, seed, others, signal) {
  const query = new URLSearchParams([...pairs(values, seed), ...Object.entries(others)]);
  if (isShort(query)) return askForJson(`/v1/samples.json?${query}`, "samples", { signal });
  const headers = { "Content-Type": "application/json" };
  return askForJson("/v1/samples.json", "samples", { method: "POST", body: body(values, seed, others), headers, signal });
}

function isShort(query) {
  return String(query).length <= LONGEST_QUERY && [...query].length <= MOST_PARAMETERS;
}

// Asks once for the masks of all samples: the texts of some depend on how many there are.
function masksOf(values, seed) {
  let asked = null;
  return async (place) => {
    asked ??= samples({ ...values, masks: true }, seed, { count: count(values) });
    try {
      return (await asked).samples[place].mask;
    } catch (error) {
      asked = null;
      throw error;
    }
  };
}

function listed(names) {
  const more = names.length - MOST_LISTED;
  return names.slice(0, MOST_LISTED).map((name) => name.slice(0, 40)).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function drawn() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);
}

function slowly({ style }) {
  return style ? "Making the images … The first ones that a pen writes with a data set take up to a minute." : "Making the images …";
}

// fields: the settings whose messages go; all without it.
function clearErrors(fields) {
  const mine = (name) => !fields || fields.includes(name);
  for (const line of document.querySelectorAll(".error:not(#error-address)")) if (mine(line.dataset.error)) line.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid]")) if (mine(input.dataset.field)) input.removeAttribute("aria-invalid");
}

// Say what is wrong where it is wrong.
function complain(error) {
  if (error.status === 401) return askForKey();
  clearErrors();
  const line = error.field && document.querySelector(`[data-error="${CSS.escape(error.field)}"]`);
  for (let box = line?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  const seen = line?.parentElement.checkVisibility() ? line : $("error-general");
  seen.textContent = inWords(error);
  for (const input of document.querySelectorAll(`[data-field="${CSS.escape(error.field ?? "")}"]`)) input.setAttribute("aria-invalid", "true");
}

// Nothing else is shown until the question is answered.
function askForKey() {
  $("key-error").textContent = hasKey() ? "This key is wrong." : "";
  forgetKey();
  $("bench").hidden = true;
  $("key").hidden = false;
  $("key-field").value = "";
  $("key-field").focus();
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

function setUpBoxes() {
  const follow = () => { $("gallery").dataset.boxes = $("boxes").checked; };
  $("boxes").addEventListener("input", follow);
  follow(); // a browser may keep what was checked before a reload
}

// The images, before all controls are built.
async function showEarly({ samples }, given) {
  $("bench").hidden = false;
  show($("gallery"), samples, given.get("invert") === "true", () => {});
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
}

async function begin() {
  if (location.hash.length < 2) history.replaceState(null, "", `#${new URLSearchParams({ number: USUAL, seed: drawn() })}`);
  // both at once: the address is a query of the service already
  const given = new URLSearchParams(location.hash.slice(1));
  const first = isShort(given) ? askForJson(`/v1/samples.json?${given}&count=${COUNT}`, "samples") : undefined;
  const asked = askForJson("/v1/options", "settings");
  for (const answer of [first, asked]) answer?.catch(() => {}); // who uses it hears of it
  try {
    await first?.then((answer) => showEarly(answer, given), () => {});
    const options = await asked;
    $("bench").hidden = false;
    new Page().begin(options, first);
  } catch (error) {
    complain(error);
  }
}

for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
$("key").addEventListener("submit", () => { keepKey($("key-field").value); location.reload(); });
// the address is for the settings: a link to a part of the page would replace them
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("gallery").focus(); });
setUpTheme();
setUpBoxes();
begin();
