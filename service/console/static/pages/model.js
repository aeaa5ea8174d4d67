/** One model: its card, its samples, how it learned, the verdicts of its sets, its weights. */

import { get, picture, save, send } from "../api.js";
import { curves } from "../chart.js";
import { grouped } from "../curve_groups.js";
import { action, facts, h, table, title } from "../dom.js";
import { count, duration, figure, moment } from "../format.js";
import { guardedButton, id, problem, verdict } from "../parts.js";
import { comparison } from "../model_previews.js";
import { may } from "../session.js";

/** Make the page. */
export async function page([modelId], signal) {
  const [model, audit] = await Promise.all([get(`/models/${modelId}`, signal), get(`/models/${modelId}/audit`, signal)]);
  const samples = may("private:read") ? await sheet(model, signal) : h("p", { class: "quiet" }, "They were not examined, and need the scope ", h("code", {}, "private:read"), ".");
  return h("div", {}, title(`${model.family}, ${model.image_size} px`, h("div", { class: "actions" }, may("generate") && action("Generate a set", `#/generate/${model.id}`, "main"))),
    model.card.diagnosis.length > 0 && h("section", { class: "notice warn" }, h("h2", {}, "What went wrong"), h("ul", {}, model.card.diagnosis.map((each) => h("li", {}, h("code", {}, each.code), ` ${each.what} ${each.fix}`)))),
    h("section", { class: "card images sheet" }, h("h2", {}, "Samples"), samples), comparison(model, signal),
    h("div", { class: "columns" }, card(model), learning(model)), h("div", { class: "columns" }, sets(audit), weights(model, audit)),
    h("section", { class: "card" }, h("h2", {}, "Hyper-parameters"), facts(Object.entries(model.config).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]))), may("train") && removal(model));
}

async function sheet(model, signal) {
  try {
    const address = await picture(`/models/${model.id}/samples.png`, signal);
    return [h("p", { class: "quiet" }, `Not examined. By class: ${model.classes.join(", ")}.`), h("img", { src: address, alt: `Samples of ${model.classes.join(", ")}` })];
  } catch (error) {
    if (error.status === 404) return h("p", {}, "None were kept.");
    throw error;
  }
}

function card(model) {
  const { card: own } = model;
  return h("section", { class: "card" }, h("h2", {}, "Card"), facts([["Identifier", id(model.id)], ["Dataset", h("a", { href: `#/dataset/${model.dataset_id}` }, "open")], ["Training", h("a", { href: `#/job/${model.job_id}` }, "open")], ["Preset", model.preset], ["Trained", moment(model.created_at)],
    ["Images seen", count(model.images_seen)], ["Budget", own.budget.seconds ? duration(own.budget.seconds) : `${count(own.budget.images ?? 0)} images`], ["Parameters", count(own.num_parameters)], ["Device", own.device], ["Seed", own.seed],
    ["Memorisation", own.memorisation.standard_errors == null ? own.memorisation.not_measured : `${figure(own.memorisation.standard_errors)} standard errors (memorises above ${own.memorisation.threshold})`],
    ["Differential privacy", own.differential_privacy?.label ?? "none"], ["Started from", own.warm_start?.init_from], ["Inherited", model.inherited.join(", ")], ["Learned from public images alone", model.public_data.length ? model.public_data.map((each) => `${each.source} (${each.licence})`).join("; ") : "no"]]));
}

function learning(model) {
  const byPhase = {};
  for (const { phase, images_seen: seen, ...losses } of model.card.learning_curve) {
    for (const [name, value] of Object.entries(losses)) ((byPhase[phase ?? "training"] ??= {})[name] ??= []).push([seen ?? 0, value]);
  }
  const checks = (model.card.memorisation.checks ?? []).map((each) => [each.images_seen, each.standard_errors]);
  const drawn = Object.entries(byPhase).map(([phase, series]) => grouped(phase, series));
  if (checks.length > 1) drawn.push(h("section", { class: "card" }, curves("Memorisation", { "standard errors": checks })));
  return drawn.length > 0 && h("div", {}, drawn);
}

function sets(audit) {
  const rows = audit.sets.map((each) => [h("a", { href: `#/set/${each.id}` }, `Set ${each.number}`), verdict(each.verdict), moment(each.created_at)]);
  return h("section", { class: "card" }, h("h2", {}, "Its sets"), rows.length ? table("Examined sets, refused and deleted ones too", ["Set", "Verdict", "Made"], rows) : h("p", {}, "No set of it was examined yet."));
}

function weights(model, audit) {
  const place = h("div", {});
  const download = () => save(`/models/${model.id}/weights`, `${model.id}.safetensors`).catch((error) => place.append(problem(error)));
  return h("section", { class: "card" }, h("h2", {}, "Weights"), h("p", {}, h("span", { class: `state ${audit.weights.cleared ? "good" : "bad"}` }, audit.weights.cleared ? "Cleared" : "Not cleared")),
    h("p", {}, audit.weights.text), audit.white_box && h("p", { class: "quiet" }, audit.white_box.text), place,
    audit.weights.cleared && (may("weights:read") ? h("button", { type: "button", onclick: download }, "Download the weights") : h("p", { class: "quiet" }, "They need the scope ", h("code", {}, "weights:read"), ".")));
}

function removal(model) {
  const place = h("section", { class: "card" }, h("h2", {}, "Delete"), h("p", {}, "The model and its weights go; its sets stay."));
  const remove = async () => {
    try {
      await send(`/models/${model.id}`, { method: "DELETE" });
      location.hash = "#/models";
    } catch (error) {
      place.append(problem(error));
    }
  };
  place.append(guardedButton("Delete the model", "Delete it and its weights?", remove));
  return place;
}
