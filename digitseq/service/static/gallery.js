// The grid of samples, with the boxes of every character over them, and their masks.

import { element } from "./controls.js";

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [213, 94, 0]].map((c) => [...c, 170]);
const GAP = 16, CAPTION = 44; // CSS pixels between two samples, and below an image
const LARGEST = 3, NARROW = 560;

// open: called with the place of the sample that is to be shown large.
export function show(gallery, samples, white, open) {
  const widest = Math.max(...samples.map((sample) => sample.width));
  gallery.dataset.width = widest;
  gallery.dataset.height = samples[0].height;
  gallery.replaceChildren(...samples.map((sample, place) => {
    const label = `Image ${sample.index + 1}, ${sample.text}: show large`;
    const button = element("button", { type: "button", class: "sample-open", "aria-label": label, onclick: () => open(place) }, frame(sample, white));
    const caption = element("figcaption", {}, element("b", { title: sample.text }, sample.text), element("span", {}, `${sample.index + 1}.png`));
    return element("figure", { class: "sample", role: "listitem" }, button, caption);
  }));
  arrange(gallery);
}

// An image with what can be laid over it.
export function frame(sample, white) {
  const image = element("img", {
    src: `data:image/png;base64,${sample.image}`, alt: `handwritten ${sample.text}`, width: sample.width, height: sample.height,
  });
  return element("span", { class: "frame", "data-paper": white ? "white" : "black" }, image,
    sample.mask ? coloured(sample) : null, overlay(sample));
}

// As many columns as fit with every pixel of an image as a square of whole screen pixels, as large as all rows fit into the window.
// An image that is wider than the window is scaled smoothly, and so are those of narrow windows.
export function arrange(gallery) {
  const width = +gallery.dataset.width, height = +gallery.dataset.height, ratio = devicePixelRatio;
  const room = gallery.clientWidth - parseFloat(getComputedStyle(gallery).paddingLeft) - parseFloat(getComputedStyle(gallery).paddingRight);
  const columnsAt = (scale) => Math.floor((room + GAP) / ((scale * width) / ratio + GAP));
  const tall = (scale) => Math.ceil(gallery.children.length / columnsAt(scale)) * ((scale * height) / ratio + CAPTION);
  let scale = Math.ceil(LARGEST * ratio);
  while (scale > 1 && (columnsAt(scale) < 1 || tall(scale) > 0.75 * innerHeight)) scale--;
  const sharp = room >= NARROW && columnsAt(scale) >= 1;
  const columns = sharp ? columnsAt(scale) : width / 2 > room ? 1 : 2;
  gallery.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  for (const one of gallery.querySelectorAll(".frame")) {
    const own = +one.querySelector("img").getAttribute("width");
    const figure = one.closest(".sample"); // a caption is as wide as its image
    figure.style.maxWidth = sharp ? `max(${(scale * own) / ratio}px, 90px)` : "";
    one.style.width = sharp ? `${(scale * own) / ratio}px` : `${(100 * own) / width}%`;
    one.dataset.sharp = sharp;
  }
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
