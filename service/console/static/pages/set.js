/** One set: its verdict in words, what it shows, how near it is to real images, its downloads. */

import { get, picture, save } from "../api.js";
import { facts, h, table, title } from "../dom.js";
import { bytes, count, figure, moment, percent } from "../format.js";
import { id, problem, verdict } from "../parts.js";
import { may } from "../session.js";
import { approvals } from "../set_approvals.js";
import { examination } from "../set_examination.js";
import { nearest } from "../set_nearest.js";
import { fidelity, utility } from "../set_quality.js";

const SHOWN = 24;
const COLOURS = { passed: "good", passed_filtered: "good", inconclusive: "warn", refused: "bad" };

/** Make the page. */
export async function page([setId], signal) {
  const here = `/synthetic-sets/${setId}`;
  const made = await get(here, signal);
  const [report, certificate] = await Promise.all([ifKept(get(`${here}/report`, signal)), ifKept(get(`${here}/certificate`, signal))]);
  const kept = made.num_bytes !== null && (made.verdict.outcome !== "inconclusive" || may("private:read"));
  const saving = downloads(made, kept);
  const approved = await approvals(made, signal, saving.approved);
  return h("div", {}, title("Synthetic set", verdict(made.verdict)),
    words(made, certificate), approved, saving.element,
    h("div", { class: "columns" }, classes(made, report), facets(made, report)),
    kept && images(made, signal), report && nearest(made, report, signal),
    report && [fidelity(report), utility(report), examination(report, certificate)]);
}

/** What a record of an earlier version has not is left out. */
async function ifKept(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    console.warn(error);
    return null;
  }
}

function words(made, certificate) {
  const { reasons, remedies } = made.verdict;
  return h("section", { class: `notice verdict ${COLOURS[made.verdict.outcome]}` }, h("h2", {}, certificate?.heading ?? made.verdict.outcome),
    certificate && [h("p", {}, certificate.summary), h("p", {}, certificate.claims.copies.text), h("p", {}, certificate.claims.membership.text), h("p", {}, certificate.measured.burned_in_text)],
    reasons.length > 0 && [h("h3", {}, "Why"), h("ul", {}, reasons.map((each) => h("li", {}, each)))],
    remedies.length > 0 && [h("h3", {}, "What may help"), h("ul", {}, remedies.map((each) => h("li", {}, each)))],
    certificate && [certificate.warnings.map((each) => h("p", {}, h("strong", {}, each))), h("p", {}, certificate.statement, " ", h("span", { class: "quiet" }, `Its label is ${certificate.label}.`))]);
}

function downloads(made, kept) {
  const place = h("div", {});
  const recipient = h("input", { placeholder: "For whom, if you like", "aria-label": "Recipient of the certificate", maxlength: 200 });
  const here = `/synthetic-sets/${made.id}`;
  const button = (text, path, name, accept, kind) => h("button", { type: "button", class: kind, onclick: async (event) => {
    event.target.disabled = true;
    try {
      await save(typeof path === "function" ? path() : path, name, accept);
    } catch (error) {
      place.replaceChildren(problem(error));
    } finally {
      event.target.disabled = false;
    }
  } }, text);
  const certificate = () => `${here}/certificate${recipient.value.trim() ? `?recipient=${encodeURIComponent(recipient.value.trim())}` : ""}`;
  const zip = kept && button(`Set (ZIP, ${bytes(made.num_bytes)})`, `${here}/download`, `${made.id}.zip`, null, "main");
  const element = h("section", { class: "card" }, h("h2", {}, "Download"), h("div", { class: "actions" }, zip, button("Report", `${here}/report`, `${made.id}-report.html`, "text/html"), recipient, button("Certificate to sign (PDF)", certificate, `${made.id}-certificate.pdf`, "application/pdf")),
    !kept && h("p", { class: "quiet" }, made.num_bytes === null ? "No image of it was kept." : "Its images are for callers with the scope private:read alone: it is not to be released."),
    made.verdict.outcome === "inconclusive" && kept && h("p", { class: "quiet" }, "It is not to be released: you may see it because you may see the real images."), place);
  return { element, approved(complete) { if (zip) zip.disabled = !complete; } };
}

function classes(made, report) {
  const real = report?.dataset.class_counts ?? {};
  const rows = Object.entries(made.class_counts).map(([label, each]) => [label, count(each), label in real ? count(real[label]) : "–"]);
  for (const [kind, each] of Object.entries(made.unlabelled_counts)) rows.push([`${kind} (no label)`, count(each), "–"]);
  return h("section", { class: "card" }, h("h2", {}, "Images of each class"), rows.length ? table("Images of each class", ["Class", { text: "Synthetic", number: true }, { text: "Real, about", number: true }], rows) : h("p", {}, "None was released."));
}

function facets(made, report) {
  return h("section", { class: "card" }, h("h2", {}, "Where it comes from"), facts([["Identifier", id(made.id)], ["Made and examined", moment(made.created_at)], ["Model", h("a", { href: `#/model/${made.model_id}` }, report ? `${report.model.family}, ${report.model.image_size} px` : "open")], ["Job", h("a", { href: `#/job/${made.job_id}` }, "open")],
    ["Images", count(made.num_images)], ["Drawn", report && count(report.set.generated)], ["Dropped as too near", report && count(report.set.rejected)], ["Examination", report && `${report.set.examination.number} of at most ${report.set.examination.at_most} of its model`],
    ["Copies it would find", made.verdict.min_detectable_copy_rate === null ? null : percent(made.verdict.min_detectable_copy_rate)], ["Differential privacy", report && (report.model.differential_privacy ? `epsilon ${figure(report.model.differential_privacy.epsilon)}` : "none")], ["SHA-256", made.sha256 && id(made.sha256)]]));
}

function images(made, signal) {
  const label = labels(made);
  const step = Math.max(1, made.num_images / SHOWN);
  const places = Array.from({ length: Math.min(SHOWN, made.num_images) }, (_, index) => Math.floor(index * step));
  const shown = places.map((place) => {
    const image = h("img", { alt: `Synthetic image ${place}, ${label(place)}`, width: 64, height: 64 });
    picture(`/synthetic-sets/${made.id}/images/${place}.png`, signal).then((address) => { image.src = address; }).catch((error) => { if (!signal.aborted) console.warn(error); });
    return h("figure", {}, image, h("figcaption", {}, label(place)));
  });
  return h("section", { class: "card images" }, h("h2", {}, "Images"), h("div", { class: "thumbs" }, shown));
}

/** Images are numbered class by class, those of no class last. */
function labels(made) {
  const ends = [];
  let end = 0;
  for (const [label, each] of [...Object.entries(made.class_counts), ...Object.entries(made.unlabelled_counts)]) ends.push([(end += each), label]);
  return (place) => ends.find(([last]) => place < last)?.[1] ?? "no class";
}
