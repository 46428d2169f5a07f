// Copying and saving.

import { element } from "./controls.js";

// Copy a text or a PNG file. Returns whether that was possible.
export async function copy(what) {
  try {
    if (typeof what !== "string") await navigator.clipboard.write([new ClipboardItem({ [what.type]: what })]);
    else if (navigator.clipboard) await navigator.clipboard.writeText(what);
    else return copyByHand(what);
    return true;
  } catch {
    return false;
  }
}

// A page that was not loaded over https has no clipboard.
function copyByHand(text) {
  const area = element("textarea", {}, text);
  (document.querySelector("dialog[open]") ?? document.body).append(area); // behind a dialog nothing can be selected
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

export function save(file, name) {
  const link = element("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Say on a button for a moment what it has done.
export function say(button, done) {
  const words = (button.dataset.words ??= button.textContent);
  button.textContent = done ? "Copied" : "Not possible here";
  setTimeout(() => { button.textContent = words; }, 1500);
}
