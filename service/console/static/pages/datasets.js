/** All datasets. */

import { list } from "../api.js";
import { action, fill, h, table, title } from "../dom.js";
import { count, moment } from "../format.js";
import { state } from "../parts.js";
import { refreshed } from "../refresh.js";
import { may } from "../session.js";

/** Make the page. */
export async function page(_, signal) {
  const place = h("div", { class: "card" });
  let busy = true;
  await refreshed(() => list("/datasets", signal), (found) => {
    busy = found.some((each) => each.state === "ingesting");
    fill(place, found.length ? shown(found) : h("p", {}, "No dataset yet. Add labelled chest X-rays, or let the service draw phantoms to try it."));
  }, 3, signal, () => busy);
  return h("div", {}, title("Datasets", may("datasets") && h("div", { class: "actions" }, action("Add a dataset", "#/add-dataset", "main"))), place);
}

function shown(found) {
  const rows = found.map((each) => {
    const numImages = Object.values(each.classes).reduce((sum, split) => sum + split.images, 0);
    const numDropped = Object.values(each.dropped_counts).reduce((sum, one) => sum + one, 0);
    return [h("a", { href: `#/dataset/${each.id}` }, each.name), state(each.state), Object.keys(each.classes).join(", ") || "–", count(numImages),
      count(numDropped), count(each.warnings.length), each.image_size ? `${each.image_size} px` : "–", moment(each.created_at)];
  });
  return table("Datasets, newest first", ["Name", "State", "Classes", { text: "Images", number: true }, { text: "Left out", number: true }, { text: "Warnings", number: true }, "Size", "Added"], rows);
}
