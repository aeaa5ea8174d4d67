/** All synthetic sets, with their verdicts. */

import { list } from "../api.js";
import { action, h, table, title } from "../dom.js";
import { bytes, count, moment, percent } from "../format.js";
import { verdict } from "../parts.js";
import { may } from "../session.js";

/** Make the page. */
export async function page(_, signal) {
  const found = await list("/synthetic-sets", signal);
  const rows = found.map((made) => [h("a", { href: `#/set/${made.id}` }, moment(made.created_at)), verdict(made.verdict), count(made.num_images), Object.entries(made.class_counts).map(([label, each]) => `${label} ${each}`).join(", ") || "–",
    made.verdict.min_detectable_copy_rate === null ? "–" : percent(made.verdict.min_detectable_copy_rate), h("a", { href: `#/model/${made.model_id}` }, "model"), bytes(made.num_bytes)]);
  return h("div", {}, title("Synthetic sets", may("generate") && h("div", { class: "actions" }, action("Generate a set", "#/generate", "main"))),
    h("div", { class: "card" }, rows.length ? table("Sets, newest first", ["Made", "Verdict", { text: "Images", number: true }, "Classes", { text: "Copies it would find", number: true }, "Model", { text: "ZIP", number: true }], rows) : h("p", {}, "No set yet.")));
}
