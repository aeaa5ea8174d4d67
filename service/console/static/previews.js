/** The images that a model draws while it trains: the last, and the way there. */

import { fill, h } from "./dom.js";
import { count } from "./format.js";

/** Make the part; `show(previews)` takes what the log holds so far. */
export function previews(signal) {
  const picture = h("div", { class: "images sheet" });
  const steps = h("input", { type: "range", min: 0, value: 0, "aria-label": "Preview", hidden: true });
  const element = h("section", { class: "card" }, h("h2", {}, "Previews"), h("p", { class: "quiet" }, "Not examined: for those who may see the real images."), picture, steps);
  const addresses = [];
  let found = [];
  let followed = true; // the last one is shown until somebody goes back
  signal.addEventListener("abort", () => addresses.forEach((address) => URL.revokeObjectURL(address)), { once: true });

  function draw(index) {
    const chosen = found[index];
    if (!chosen) return fill(picture, h("p", { class: "quiet" }, "None yet."));
    const text = `After ${count(chosen.images_seen)} images`;
    steps.setAttribute("aria-valuetext", text);
    if (!chosen.png_base64) return fill(picture, h("p", {}, `${text}: they need the scope ${chosen.needs_scope}.`));
    addresses[index] ??= URL.createObjectURL(new Blob([Uint8Array.from(atob(chosen.png_base64), (each) => each.charCodeAt(0))], { type: "image/png" }));
    return fill(picture, h("figure", {}, h("figcaption", {}, text), h("img", { src: addresses[index], alt: `Preview. ${text}.` })));
  }

  steps.addEventListener("input", () => {
    followed = Number(steps.value) === found.length - 1;
    draw(Number(steps.value));
  });
  draw(0);
  return {
    element,
    show(all) {
      if (all.length === found.length) return;
      found = [...all];
      steps.hidden = found.length < 2;
      steps.max = found.length - 1;
      if (followed) {
        steps.value = found.length - 1;
        draw(found.length - 1);
      }
    },
  };
}
