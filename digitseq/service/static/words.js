// The words of the page where those of /v1/options are too short, or those of a shell.

export const SOURCES = {
  number: "One text", random_digits: "Random digits", random_text: "Random text", amounts: "Amounts", phone: "Phone numbers",
  pattern: "Pattern", numbers: "List",
};

// label: what stands at the control. hint: the line below it.
export const SETTINGS = {
  number: { label: "Text in every image" },
  random_digits: { label: "Number of digits" },
  random_text: { label: "Number of characters" },
  amounts: { label: "Number of digits" },
  phone: { label: "Region" },
  pattern: { label: "Regular expression" },
  numbers: { label: "Texts, one a line", hint: "They are written in this order, and from the top again when there are more images." },
  phone_type: { label: "Kind of number" },
  phone_format: { label: "Written as" },
  unique: { label: "All texts different" },
  balanced: { label: "Every character equally often" },
  signs: { label: "Signs such as - + . /" },
  gap_labels: { label: "Labels of texts with gaps" },
  label_case: { label: "Letters in labels" },
  dataset: { label: "Data set" },
  split: { label: "Glyphs" },
  image_width: { label: "Width", hint: "0: as wide as the text needs" },
  image_height: { label: "Height" },
  glyph_height: { label: "Height of a digit", hint: "as a share of the image's height" },
  letter_layout: { label: "Letters and digits" },
  min_spacing: { label: "Smallest spacing" },
  max_spacing: { label: "Largest spacing" },
  invert: { label: "Black ink on white paper" },
  style: { label: "Writing" },
  marks: { label: "Share with marks", hint: "lines and signs that are in no label" },
  masks: { label: "Masks of the characters", hint: "which pixel belongs to which character" },
  data_augmentation: { label: "All four as usual", hint: "Each character is eroded, dilated and rotated, and gets noise." },
  random_all: { label: "Each at random", hint: "with probability 0.5, and with random strength" },
  erode_kernel: { label: "Erode" },
  dilate_kernel: { label: "Dilate" },
  angle: { label: "Rotate", hint: "counter-clockwise" },
  noise_ratio: { label: "Noise", hint: "share of the pixels that turn white" },
  augment: { label: "Distortion" },
  seed: { label: "Seed" },
  size: { label: "Images" },
  format: { label: "Format" },
  labels: { label: "Label files" },
};

export const CHOICES = {
  phone_type: { mobile: "Mobile", fixed_line: "Fixed line", any: "Half of each" },
  phone_format: { digits: "Digits as dialled", national: "National (090-1234-5678)", e164: "International (+819012345678)" },
  signs: { draw: "Draw them", gap: "Leave a gap", refuse: "Do not allow them" },
  gap_labels: { drop: "Leave the signs out", keep: "Keep the signs" },
  label_case: { as_given: "As written", upper: "Capitals", lower: "Small letters" },
  split: { train: "Training glyphs", test: "Test glyphs", all: "All glyphs" },
  letter_layout: { on: "On one base line", off: "As the data set has them" },
  preset: { none: "None", light: "Light", medium: "Medium", heavy: "Heavy", scan: "Scan" },
};

// "slant_jitter" becomes "Slant jitter" where nothing better is known.
export function label(name) {
  const words = name.replaceAll("_", " ");
  return SETTINGS[name]?.label ?? words[0].toUpperCase() + words.slice(1);
}

// A message of the service in the words of the page: names of settings stand in backticks in it.
export function inWords({ message }) {
  const text = message.replace(/`(\w+)`/g, (all, name) => (SETTINGS[name] ? `“${label(name)}”` : name));
  return text[0].toUpperCase() + text.slice(1);
}
