/** One dataset: its classes, what was left out and why, what of it can be released. */

import { get, list, picture } from "../api.js";
import { action, facts, fill, h, table, title } from "../dom.js";
import { count, moment, words } from "../format.js";
import { guardedButton, id, problem, state } from "../parts.js";
import { may } from "../session.js";
import { send } from "../api.js";

const SPLITS = ["images", "train", "included", "holdout", "test"];

/** Make the page. */
export async function page([datasetId], signal) {
  const found = await get(`/datasets/${datasetId}`, signal);
  const [models, sheet] = await Promise.all([list("/models", signal, 1), contactSheet(found, signal)]);
  const own = models.filter((model) => model.dataset_id === found.id);
  return h("div", {},
    title(found.name, state(found.state), h("div", { class: "actions" }, found.state === "ready" && may("train") && action("Train a model", `#/train/${found.id}`, "main"))),
    found.state !== "ready" && h("p", { class: "notice warn" }, "It cannot be used yet: ", h("a", { href: `#/job/${found.job_id}` }, "its ingest"), " says how far it is, or why it failed."),
    found.warnings.length > 0 && warnings(found),
    found.state === "ready" && h("div", { class: "columns" }, classes(found), release(found)),
    sheet, leftOut(found, signal), details(found),
    own.length > 0 && h("section", { class: "card" }, h("h2", {}, "Models trained on it"), h("ul", {}, own.map((model) => h("li", {}, h("a", { href: `#/model/${model.id}` }, `${model.family}, ${model.image_size} px`), ` ${moment(model.created_at)}`)))),
    may("datasets") && removal(found));
}

function warnings(found) {
  return h("section", { class: "notice warn" }, h("h2", {}, "To be looked at"),
    h("ul", {}, found.warnings.map((each) => h("li", {}, h("code", {}, each.code), ` ${each.detail} (${each.num_images === 1 ? "1 image" : `${count(each.num_images)} images`})`))));
}

function classes(found) {
  const known = SPLITS.filter((name) => Object.values(found.classes).some((split) => split[name] !== null));
  const rows = Object.entries(found.classes).map(([label, split]) => [label, ...known.map((name) => count(split[name]))]);
  rows.push(["All", ...known.map((name) => count(Object.values(found.classes).reduce((sum, split) => sum + split[name], 0)))]);
  return h("section", { class: "card" }, h("h2", {}, "Classes"), table("Images of each class", ["Class", ...known.map((text) => ({ text: words(text), number: true }))], rows),
    known.length === 1 && h("p", { class: "quiet" }, "How the images were split needs the scope ", h("code", {}, "private:read"), "."));
}

function release(found) {
  const plan = found.summary.release_plan;
  return h("section", { class: "card" }, h("h2", {}, "What can be released"),
    plan ? plan.text.map((sentence) => h("p", {}, sentence)) : h("p", { class: "quiet" }, "Not known of a dataset of an earlier version."),
    plan && h("p", { class: "quiet" }, `By ${count(plan.num_patients)} patients to learn from and to compare with. Each set is examined all the same.`));
}

async function contactSheet(found, signal) {
  if (found.state !== "ready" || !may("private:read")) return null;
  try {
    const address = await picture(`/datasets/${found.id}/samples.png`, signal);
    return h("section", { class: "card images sheet" }, h("h2", {}, "Images"), h("p", { class: "quiet" }, "For those who may see patients' images: a row for each class, in the order above."),
      h("img", { src: address, alt: `Images of ${Object.keys(found.classes).join(", ")}, a row for each class` }));
  } catch (error) {
    if (error.status === 404) return null; // ingested before contact sheets were kept
    throw error;
  }
}

function leftOut(found, signal) {
  const counted = Object.entries(found.dropped_counts);
  if (!counted.length) return h("section", { class: "card" }, h("h2", {}, "Left out"), h("p", {}, found.state === "ready" ? "No file was left out." : "Not known yet."));
  const files = h("div", {});
  const showAll = async () => {
    try {
      const dropped = await list(`/datasets/${found.id}/dropped`, signal);
      fill(files, table("Files that were left out", ["File", "Code", { text: "Why", wide: true }], dropped.map((each) => [each.file ?? "name needs private:read", h("code", {}, each.code), each.reason])));
    } catch (error) {
      fill(files, problem(error));
    }
  };
  return h("section", { class: "card" }, h("h2", {}, "Left out"),
    table("Files left out, by reason", ["Code", { text: "Files", number: true }], counted.map(([code, each]) => [h("code", {}, code), count(each)])),
    files, h("button", { type: "button", onclick: showAll }, "List the files"));
}

function details(found) {
  const { release_plan: _, ...summary } = found.summary;
  return h("section", { class: "card" }, h("h2", {}, "Details"), facts([["Identifier", id(found.id)], ["Added", moment(found.created_at)],
    ["Stored as", found.image_size && `${found.image_size} px, ${found.bit_depth} bit`], ["Ingest", h("a", { href: `#/job/${found.job_id}` }, "job")],
    ["Public", found.public ? `${found.public.licence}, ${found.public.source}` : "no, or phantoms"],
    ...Object.entries(summary).filter(([, value]) => typeof value !== "object").map(([name, value]) => [words(name.replace(/^num_/, "number of ")), typeof value === "boolean" ? (value ? "yes" : "no") : value])]));
}

function removal(found) {
  const place = h("section", { class: "card" }, h("h2", {}, "Delete"), h("p", {}, "The images go; models that learned from them stay, unless they are deleted too. A signed receipt says what had to stay."));
  const remove = (cascade) => async () => {
    try {
      await send(`/datasets/${found.id}${cascade ? "?cascade=true" : ""}`, { method: "DELETE" });
      location.hash = "#/datasets";
    } catch (error) {
      place.append(problem(error));
    }
  };
  place.append(h("div", { class: "actions" }, guardedButton("Delete the dataset", "Delete its images?", remove(false)), guardedButton("Delete with models and sets", "Delete all that was made of it?", remove(true))));
  return place;
}
