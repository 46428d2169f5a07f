// The grid of samples, with the boxes of every glyph over them.

import { element } from "./controls.js";

const SVG = "http://www.w3.org/2000/svg";
const ENLARGED = 1.25; // the least, where the window has room

export function show(gallery, samples, white) {
  const widest = Math.max(...samples.map((sample) => sample.width));
  gallery.style.setProperty("--tile-width", `${Math.max(150, Math.round(widest * ENLARGED))}px`);
  gallery.replaceChildren(...samples.map((sample) => figure(sample, white)));
}

function figure(sample, white) {
  const image = element("img", {
    src: `data:image/png;base64,${sample.image}`, alt: `handwritten ${sample.text}`,
    width: sample.width, height: sample.height,
  });
  const frame = element("div", { class: "frame", "data-paper": white ? "white" : "black" }, image, overlay(sample));
  frame.style.setProperty("--pixels", sample.width);
  const caption = element("figcaption", {}, element("b", {}, sample.text), element("span", {}, `${sample.index + 1}.png`));
  return element("figure", { class: "sample", role: "listitem" }, frame, caption);
}

function overlay(sample) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${sample.width} ${sample.height}`);
  drawing.setAttribute("aria-hidden", "true");
  for (const [x, y, width, height] of sample.boxes.filter((box) => box[2])) {
    const box = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y, width, height })) box.setAttribute(name, value);
    drawing.append(box);
  }
  return drawing;
}
