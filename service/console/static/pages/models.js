/** All models. */

import { list } from "../api.js";
import { action, h, table, title } from "../dom.js";
import { count, moment } from "../format.js";
import { may } from "../session.js";

/** Make the page. */
export async function page(_, signal) {
  const [models, datasets] = await Promise.all([list("/models", signal), list("/datasets", signal)]);
  const names = Object.fromEntries(datasets.map((each) => [each.id, each.name]));
  const rows = models.map((model) => [h("a", { href: `#/model/${model.id}` }, model.family, h("span", { class: "unseen" }, ` ${model.id}`)), names[model.dataset_id] ?? "deleted", `${model.image_size} px`, model.preset, model.classes.join(", "),
    count(model.images_seen), model.card.diagnosis.map((each) => each.code).join(", ") || "none", model.card.differential_privacy?.label ?? "none", moment(model.created_at)]);
  return h("div", {}, title("Models", may("train") && h("div", { class: "actions" }, action("Train a model", "#/train", "main"))),
    h("div", { class: "card" }, rows.length ? table("Models, newest first", ["Family", "Dataset", "Size", "Preset", "Classes", { text: "Images seen", number: true }, "Faults", "Privacy", "Trained"], rows) : h("p", {}, "No model yet.")));
}
