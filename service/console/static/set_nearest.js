/** How near a set comes to real images: the distances, and the nearest pairs, for private:read alone. */

import { picture } from "./api.js";
import { histograms } from "./chart.js";
import { h } from "./dom.js";
import { may } from "./session.js";

/** Show it, where the reader may see real images. */
export async function nearest(made, report, signal) {
  if (!may("private:read")) return h("section", { class: "card" }, h("h2", {}, "Nearest real images"), h("p", { class: "quiet" }, "They are patients' images, and need the scope ", h("code", {}, "private:read"), "."));
  const found = report.gate.histograms;
  return h("section", { class: "card images" }, h("h2", {}, "Nearest real images"),
    found ? histograms("Distance to the nearest training image, in units of the holdout density", found.edges, { "Unseen real images (holdout)": found.real_to_real, "Synthetic images": found.synthetic_to_real })
      : h("p", {}, "Distances were not compared: the examination ended before."),
    found && h("p", { class: "quiet" }, "Copies lie near 0. Where the synthetic images lie as far away as unseen real ones, they are no nearer to the training images than chance puts them."),
    await pairs(made, signal));
}

async function pairs(made, signal) {
  try {
    const address = await picture(`/synthetic-sets/${made.id}/nearest.png`, signal);
    return h("figure", { class: "sheet" }, h("figcaption", {}, "The synthetic images that come nearest, nearest first (upper row), each above the training image that is nearest to it (lower row)."),
      h("img", { src: address, alt: "Nearest synthetic images above their nearest training images" }));
  } catch (error) {
    if (error.status === 404) return h("p", { class: "quiet" }, "No pictures of the nearest pairs were kept.");
    throw error;
  }
}
