// The settings: a control for each that /v1/options lists, in its section.

import { element, field, option, segments, slider } from "./controls.js";
import { buildOperations } from "./operations.js";
import { buildStyle } from "./pen.js";
import { control } from "./setting.js";
import { CHOICES, HINTS, SOURCES, label } from "./words.js";

const $ = (id) => document.getElementById(id);
const SECTIONS = { source: "source-fields", layout: "layout", data: "glyphs", augmentation: "basic" };
// behind "More" of their section
const RARE = { signs: "more-text", gap_labels: "more-text", label_case: "more-text", glyph_height: "more-layout", letter_layout: "more-layout", masks: "more-layout" };
const PIXELS_SHOWN = { image_width: 600, image_height: 128 }; // what the sliders reach; their fields take all
const SPACING_SHOWN = [-20, 60];
// settings that mean something only while others have a certain value
const WHEN = {
  gap_labels: (now) => now.signs === "gap",
  marks: (now) => now.style !== "glyph",
  min_spacing: (now) => now.style === "glyph", // the gaps of a pen are its own
  max_spacing: (now) => now.style === "glyph",
  label_case: (now, characters) => /[a-z]/i.test(characters),
  letter_layout: (now, characters) => /[a-z]/i.test(characters),
};

export class Form {
  #controls = {}; // by setting
  #known = {};
  #options;
  #source;

  constructor(options, changed) {
    this.#options = options;
    this.#known = Object.fromEntries(options.settings.map((about) => [about.name, about]));
    const told = () => { this.#show(); changed(); };
    this.#buildSources(told);
    const style = buildStyle(options.pen, told);
    this.#add("style", style, $("layout"));
    this.#buildSpacing(told);
    this.#buildGlyphs(told);
    this.#controls.augment = buildOperations($("presets"), $("operations"), $("chosen"), options, told);
    for (const about of options.settings.filter(({ name }) => !this.#controls[name])) {
      const { name, group } = about;
      const one = control(about, told, { hint: HINTS[name], high: PIXELS_SHOWN[name] });
      this.#add(name, one, about.source ? this.#boxOf(name) : $(RARE[name] ?? SECTIONS[group]));
    }
    this.#show();
  }

  // The values of all settings that are not as by default, as JSON has them.
  read() {
    const all = this.#all();
    return Object.fromEntries(Object.entries(all).filter(([name, value]) =>
      this.#isShown(name, all) && value !== undefined && JSON.stringify(value) !== JSON.stringify(this.#known[name].default)));
  }

  // Show these values, and the defaults of all other settings. Returns the names of those that no control can show.
  write(values) {
    const sources = this.#sources();
    this.#source.set(sources.find((name) => name in values) ?? sources[0]);
    const left = [];
    for (const [name, one] of Object.entries(this.#controls)) {
      const about = this.#known[name];
      const usual = about.default ?? (about.source ? about.example : null);
      if (one.set(values[name] ?? usual) !== false || !(name in values)) continue;
      left.push(name);
      one.set(usual);
    }
    this.#show();
    return left;
  }

  #all() {
    return Object.fromEntries(Object.entries(this.#controls).map(([name, one]) => [name, one.read()]));
  }

  #isShown(name, all) {
    const { source, works_with: partners } = this.#known[name];
    if (source) return name === this.#source.read();
    const chosen = (partner) => (this.#known[partner].source ? partner === this.#source.read() : all[partner]);
    const characters = this.#options.datasets.find((set) => set.name === (all.dataset ?? set.name)).characters;
    return (!partners.length || partners.some(chosen)) && (WHEN[name]?.(all, characters) ?? true);
  }

  #show() {
    const all = this.#all();
    for (const [name, one] of Object.entries(this.#controls)) {
      if (one.made) one.made.hidden = !this.#isShown(name, all);
    }
  }

  #sources() {
    return this.#options.settings.filter((about) => about.source).map((about) => about.name);
  }

  #boxOf(name) {
    return $("source-fields").querySelector(`[data-source="${name}"]`);
  }

  #add(name, one, place) {
    this.#controls[name] = one;
    place.append(one.made);
  }

  #buildSources(changed) {
    const names = this.#sources();
    this.#source = segments($("sources"), "source", names.map((name) => [name, SOURCES[name] ?? label(name)]), names[0], changed);
    $("source-fields").append(...names.map((name) => element("div", { "data-source": name })));
  }

  // One slider for both ends of the gaps; the larger one is left out where it is what it would be anyway.
  #buildSpacing(changed) {
    const { min_spacing: smallest, max_spacing: largest } = this.#known;
    const one = slider({
      label: "Spacing", names: ["min_spacing", "max_spacing"], values: [smallest.default, largest.example],
      low: SPACING_SHOWN[0], high: SPACING_SHOWN[1], least: smallest.low, most: largest.high, unit: "px",
      hint: "between two characters, ink to ink; negative overlaps them",
    }, changed);
    const usual = (low) => Math.max(largest.example, low);
    this.#add("min_spacing", {
      made: one.made, read: () => one.read()[0], set: (low) => one.set([low, usual(low)]),
    }, $("layout"));
    this.#controls.max_spacing = {
      made: one.made, read: () => (one.read()[1] === usual(one.read()[0]) ? null : one.read()[1]),
      set: (high) => { if (high !== null) one.set([one.read()[0], high]); },
    };
  }

  #buildGlyphs(changed) {
    const sets = this.#options.datasets;
    const split = element("select", { oninput: changed });
    const dataset = element("select", { oninput: () => { showSplits(split.value); changed(); } },
      ...sets.map(({ name, title }) => option(name, `${name} (${title})`)));
    const showSplits = (chosen) => {
      const { splits } = sets.find(({ name }) => name === dataset.value);
      split.replaceChildren(...splits.map((name) => option(name, CHOICES.split[name] ?? name)));
      split.value = splits.includes(chosen) ? chosen : splits[0];
    };
    this.#add("dataset", {
      made: field(label("dataset"), "dataset", dataset), read: () => dataset.value,
      set: (name) => {
        if (!sets.some((set) => set.name === name)) return false;
        dataset.value = name;
        return showSplits(split.value);
      },
    }, $("glyphs"));
    showSplits(this.#known.split.default);
    this.#add("split", {
      made: field(label("split"), "split", split), read: () => split.value,
      set: (name) => { showSplits(name); return split.value === name; },
    }, $("glyphs"));
  }
}

