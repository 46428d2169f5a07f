// One sample large, with its label, boxes, mask and seed, to save or copy.

import { copy, save, say } from "./clipboard.js";
import { element } from "./controls.js";
import { frame } from "./gallery.js";

const $ = (id) => document.getElementById(id);

export class Viewer {
  #shown;
  #place;
  #history;

  // history: of the page, in which the view has an entry
  constructor(history) {
    this.#history = history;
    const dialog = $("viewer");
    $("viewer-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", ({ key, target }) => {
      if (target.type !== "checkbox" && ["ArrowLeft", "ArrowRight"].includes(key)) this.#step(key === "ArrowLeft" ? -1 : 1);
    });
    $("viewer-before").addEventListener("click", () => this.#step(-1));
    $("viewer-after").addEventListener("click", () => this.#step(1));
    for (const name of ["boxes", "mask"]) {
      const toggle = $(`viewer-${name}`);
      toggle.addEventListener("input", () => { $("viewer-stage").dataset[name] = toggle.checked; });
    }
    $("save-image").addEventListener("click", () => save(pngOf(this.#sample.image), `${this.#sample.index + 1}.png`));
    $("save-mask").addEventListener("click", () => save(pngOf(this.#sample.mask), `${this.#sample.index + 1}-mask.png`));
    $("copy-image").addEventListener("click", () => this.#copied($("copy-image"), pngOf(this.#sample.image)));
    $("copy-label").addEventListener("click", () => this.#copied($("copy-label"), labelOf(this.#sample, this.#shown.seed)));
  }

  get #sample() {
    return this.#shown.samples[this.#place];
  }

  // shown: the samples, their seed with all its digits, whether they are on white paper, and what fetches the mask at a place
  open(shown, place) {
    this.#shown = shown;
    this.#go(place);
    $("viewer").showModal();
    this.#history.enter($("viewer"));
  }

  #step(by) {
    this.#go((this.#place + by + this.#shown.samples.length) % this.#shown.samples.length);
  }

  async #go(place) {
    this.#place = place;
    const sample = this.#sample;
    $("viewer-title").textContent = `Image ${sample.index + 1}`;
    $("viewer-text").textContent = sample.text;
    $("viewer-seed").textContent = this.#shown.seed;
    $("viewer-size").textContent = `${sample.width} × ${sample.height} pixels`;
    $("viewer-label").textContent = labelOf(sample, this.#shown.seed);
    this.#draw();
    if (sample.mask) return;
    try {
      sample.mask = await this.#shown.masks(place);
    } catch {
      return; // it is shown without one
    }
    if (this.#sample === sample) this.#draw();
  }

  #draw() {
    const large = frame(this.#sample, this.#shown.white);
    const room = Math.min(innerWidth - 72, 1000) * devicePixelRatio;
    const scale = Math.max(1, Math.min(6, Math.floor(room / this.#sample.width)));
    large.dataset.sharp = room >= this.#sample.width;
    large.style.width = `${(scale * this.#sample.width) / devicePixelRatio}px`;
    $("viewer-stage").replaceChildren(large);
    $("save-mask").disabled = $("viewer-mask").disabled = !this.#sample.mask;
  }

  async #copied(button, what) {
    say(button, await copy(what));
  }
}

function pngOf(base64) {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type: "image/png" });
}

// All that is known of an image, as GET /v1/sequences/….json says it.
function labelOf({ text, index, width, height, boxes }, seed) {
  return `{"text":${JSON.stringify(text)},"seed":${seed},${JSON.stringify({ index, width, height, boxes }).slice(1)}`;
}
