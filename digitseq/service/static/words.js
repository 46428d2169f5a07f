// The words of the page where those of /v1/options are too short, or those of a shell.

export const SOURCES = {
  number: "One text", random_digits: "Random digits", random_text: "Random text", amounts: "Amounts", phone: "Phone numbers",
  pattern: "Pattern", numbers: "List",
};

// Labels of controls that say less than the whole title of their setting.
const LABELS = {
  random_digits: "Number of digits", random_text: "Number of characters", amounts: "Number of digits", phone: "Country",
  pattern: "Regular expression", numbers: "Texts, one a line", image_width: "Width", image_height: "Height",
  data_augmentation: "All four as usual", invert: "Black ink on white paper", size: "Images",
};

// The line below a control.
export const HINTS = {
  amounts: "As people write amounts of money: common lengths more often, and a third of them round.",
  pattern: "[0-9] is any digit, and {2} repeats it: 20[0-9]{2} gives 2000 to 2099.",
  signs: "What is done with + - . , and others that the data set lacks.",
  data_augmentation: "Thinner, thicker, turned, noisy.",
  numbers: "They are written in this order, and from the top again when there are more images.",
  image_width: "0: as wide as the text needs",
  glyph_height: "as a share of the image's height",
  marks: "lines and signs that are in no label",
  masks: "a second image for each, which says for every pixel to which character it belongs",
  random_all: "with probability 0.5, and with random strength",
  angle: "counter-clockwise",
  noise_ratio: "share of the pixels that turn white",
};

export const CHOICES = {
  phone_type: { mobile: "Mobile", fixed_line: "Fixed line", any: "Half of each" },
  phone_format: { digits: "Digits as dialled", national: "National (090-1234-5678)", e164: "International (+8190…)" },
  signs: { draw: "Draw them", gap: "Leave a gap", refuse: "Do not allow them" },
  gap_labels: { drop: "Leave the signs out", keep: "Keep the signs" },
  label_case: { as_given: "As written", upper: "Capitals", lower: "Small letters" },
  split: { train: "Training glyphs", test: "Test glyphs", all: "All glyphs" },
  letter_layout: { on: "On one base line", off: "As the data set has them" },
  preset: { none: "None", light: "Light", medium: "Medium", heavy: "Heavy", scan: "Scan" },
};

const titles = {}; // of all settings, as /v1/options has them

export function learn(settings) {
  for (const { name, title } of settings) titles[name] = title;
}

// "slant_jitter" becomes "Slant jitter" where it has no title.
export function label(name) {
  const words = name.replaceAll("_", " ");
  return LABELS[name] ?? titles[name] ?? words[0].toUpperCase() + words.slice(1);
}

// A message of the service in the words of the page: names of settings stand in backticks in it.
export function inWords({ message }) {
  const text = message.replace(/`(\w+)`/g, (all, name) => (name in titles ? `“${label(name)}”` : name));
  return text[0].toUpperCase() + text.slice(1);
}
