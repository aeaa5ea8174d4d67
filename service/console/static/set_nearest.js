/** How near a set comes to real images: the distances, and the nearest pairs, for private:read alone. */

import { picture } from "./api.js";
import { histograms } from "./chart.js";
import { fill, h } from "./dom.js";
import { problem } from "./parts.js";
import { may } from "./session.js";

/** Show it, where the reader may see real images. */
export function nearest(made, report, signal) {
  if (!may("private:read")) return h("section", { class: "card" }, h("h2", {}, "Nearest real images"), h("p", { class: "quiet" }, "They are patients' images, and need the scope ", h("code", {}, "private:read"), "."));
  const found = report.gate.histograms;
  return h("section", { class: "card images" }, h("h2", {}, "Nearest real images"),
    found ? histograms("Distance to the nearest training image, in units of the holdout density", found.edges, { "Unseen real images (holdout)": found.real_to_real, "Synthetic images": found.synthetic_to_real })
      : h("p", {}, "Distances were not compared: the examination ended before."),
    found && h("p", { class: "quiet" }, "Copies lie near 0. Where the synthetic images lie as far away as unseen real ones, they are no nearer to the training images than chance puts them."),
    pairs(made, signal));
}

/** A button first: whoever looks at the pairs reads the set's findings, of which a model has a few. */
function pairs(made, signal) {
  const place = h("div", {});
  const show = async () => {
    try {
      const address = await picture(`/synthetic-sets/${made.id}/nearest.png`, signal);
      fill(place, h("figure", { class: "sheet" }, h("figcaption", {}, "The synthetic images that come nearest, nearest first (upper row), each above the training image that it is most like (lower row)."),
        h("img", { src: address, alt: "Nearest synthetic images above the training images that they are most like" })));
    } catch (error) {
      fill(place, error.status === 404 ? h("p", { class: "quiet" }, "No picture of the nearest pairs was kept.") : problem(error));
    }
  };
  fill(place, h("button", { type: "button", onclick: show }, "Show the nearest pairs"), h("p", { class: "quiet" }, "It counts as reading the findings of this set, which can be done of a few sets of a model, and is written to the audit log."));
  return place;
}
