"use strict";

// Light or dark: what was chosen on the page, or what the system says. At once, so that nothing flashes.
const system = matchMedia("(prefers-color-scheme: dark)");
function choose() {
  const chosen = localStorage.getItem("digitseq-theme");
  document.documentElement.classList.toggle("dark-mode", chosen ? chosen === "dark" : system.matches);
}
system.addEventListener("change", choose);
choose();

// Names for controls to which Swagger UI gives none.
const NAMES = {
  ".parameters :is(select, input, textarea)": (found) => found.closest("[data-param-name]")?.dataset.paramName,
  ".body-param__text": () => "Body of the request",
  "select.content-type, .body-param select": () => "Media type",
  ".copy-to-clipboard button": () => "Copy",
  ".close-modal": () => "Close",
};
function complete() {
  for (const [selector, name] of Object.entries(NAMES)) {
    for (const found of document.querySelectorAll(`:is(${selector}):not([aria-label])`)) {
      const said = name(found);
      if (said) found.setAttribute("aria-label", said);
    }
  }
  for (const image of document.querySelectorAll(".response img:not([alt])")) image.alt = "The image of the answer";
  // what scrolls can be reached with the keyboard
  for (const text of document.querySelectorAll(".microlight:not([tabindex])")) text.tabIndex = 0;
}

addEventListener("DOMContentLoaded", () => {
  new MutationObserver(complete).observe(document.getElementById("docs"), { childList: true, subtree: true });
  window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true });
});
