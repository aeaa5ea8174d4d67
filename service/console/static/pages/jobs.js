/** All jobs, newest first, with what came of them. */

import { list } from "../api.js";
import { action, fill, h, table, title } from "../dom.js";
import { duration, moment, percent } from "../format.js";
import { kindOf, select, state, verdict } from "../parts.js";
import { may } from "../session.js";
import { refreshed } from "../refresh.js";

const SECONDS = 4;
const KINDS = [["", "All kinds"], ["ingest", "Ingests"], ["train", "Trainings"], ["generate", "Generations"], ["push", "Pushes"], ["score", "Scores"], ["preview", "Previews"]];
const STATES = [["", "All states"], ["queued", "Queued"], ["running", "Running"], ["succeeded", "Succeeded"], ["failed", "Failed"], ["cancelled", "Cancelled"]];

/** Make the page. */
export async function page(_, signal) {
  const chosen = { kind: "", state: "" };
  const place = h("div", {});
  const read = async () => {
    const given = Object.entries(chosen).filter(([, value]) => value).map((pair) => pair.join("=")).join("&");
    const [jobs, sets] = await Promise.all([list(`/jobs${given && `?${given}`}`, signal, 1), list("/synthetic-sets", signal, 1)]);
    return { jobs: jobs.map((job) => ({ ...job, time: duration(spent(job)) })), sets: Object.fromEntries(sets.map((made) => [made.id, made])) };
  };
  const again = await refreshed(read, ({ jobs, sets }) => fill(place, shown(jobs, sets)), SECONDS, signal);
  const filter = (name, options, label) => {
    const input = select(options.map(([value, text]) => ({ value, text })), "", (value) => { chosen[name] = value; again(); });
    input.setAttribute("aria-label", label);
    return input;
  };
  return h("div", {}, title("Jobs", h("div", { class: "actions" }, filter("kind", KINDS, "Kind of job"), filter("state", STATES, "State of job"))),
    h("div", { class: "card" }, place));
}

function shown(jobs, sets) {
  if (!jobs.length) return firstSteps();
  const rows = jobs.map((job) => [
    h("a", { href: `#/job/${job.id}` }, kindOf(job), h("span", { class: "unseen" }, ` ${job.id}`)),
    about(job), state(job.state), progressOf(job), result(job, sets), moment(job.created_at), job.time,
  ]);
  return table("Jobs, newest first", ["Job", "About", "State", "Progress", "Result", "Asked for", { text: "Time", number: true }], rows);
}

function firstSteps() {
  return h("div", {}, h("h2", {}, "Nothing has been asked for yet"),
    h("ol", {}, h("li", {}, "Add a labelled set of chest X-rays, or let the service draw phantoms to try it."),
      h("li", {}, "Train a model on it."), h("li", {}, "Generate a set: it is examined, and the verdict says whether it can be released.")),
    may("datasets") && h("p", {}, action("Add a dataset", "#/add-dataset", "main")));
}

function about(job) {
  const asked = job.request;
  if (job.kind === "ingest") return asked.name;
  if (job.kind === "train") return `${asked.family}, ${asked.image_size} px`;
  if (job.kind === "generate") return Object.entries(asked.class_counts).map(([label, each]) => `${label} ${each}`).join(", ");
  return asked.server ?? asked.label ?? "";
}

function progressOf(job) {
  if (job.state === "queued") return job.queue_position ? `${job.queue_position} of yours before it` : "next";
  if (job.state !== "running" || !job.progress) return "";
  const { fraction, phase, eta_seconds: left } = job.progress;
  return h("span", {}, fraction === null ? phase : [h("progress", { class: "row-progress", max: 1, value: fraction, "aria-label": phase }), ` ${percent(fraction, 2)}`],
    left !== null && h("span", { class: "quiet" }, ` ${duration(left)} left`));
}

function result(job, sets) {
  if (job.error) return h("span", {}, h("code", {}, job.error.code));
  const made = job.result;
  if (!made) return "";
  if (made.synthetic_set_id) {
    const found = sets[made.synthetic_set_id];
    return h("a", { href: `#/set/${made.synthetic_set_id}` }, found ? verdict(found.verdict) : "Set");
  }
  if (made.model_id) return h("a", { href: `#/model/${made.model_id}` }, "Model");
  return h("a", { href: `#/dataset/${made.dataset_id}` }, "Dataset");
}

function spent(job) {
  if (!job.started_at) return null;
  return (new Date(job.finished_at ?? Date.now()) - new Date(job.started_at)) / 1000;
}
