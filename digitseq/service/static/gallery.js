// The grid of samples, with the boxes of every glyph over them, and their masks.

import { element } from "./controls.js";

const SVG = "http://www.w3.org/2000/svg";
const ENLARGED = 1.25; // the least, where the window has room
const COLOURS = [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [213, 94, 0]].map((c) => [...c, 170]);

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
  const frame = element("div", { class: "frame", "data-paper": white ? "white" : "black" }, image,
    sample.mask ? coloured(sample) : null, overlay(sample));
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

// The mask, each character in a colour of its own.
function coloured(sample) {
  const drawing = element("canvas", { class: "mask", width: sample.width, height: sample.height, "aria-hidden": "true" });
  const mask = new Image();
  mask.addEventListener("load", () => {
    const context = drawing.getContext("2d");
    context.drawImage(mask, 0, 0);
    const picture = context.getImageData(0, 0, drawing.width, drawing.height);
    for (let at = 0; at < picture.data.length; at += 4) {
      const place = picture.data[at];
      picture.data.set(place ? COLOURS[(place - 1) % COLOURS.length] : [0, 0, 0, 0], at);
    }
    context.putImageData(picture, 0, 0);
  });
  mask.src = `data:image/png;base64,${sample.mask}`;
  return drawing;
}
