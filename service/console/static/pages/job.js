/** One job, live: how far it is, how long it takes, its curves, its previews, its log; cancelling. */

import { get, post, send } from "../api.js";
import { grouped } from "../curve_groups.js";
import { action, announce, facts, fill, h, title } from "../dom.js";
import { count, duration, figure, moment, percent } from "../format.js";
import { guardedButton, id, kindOf, problem, state } from "../parts.js";
import { previews } from "../previews.js";
import { RunHistory } from "../run_history.js";
import { may } from "../session.js";
import { follow } from "../stream.js";

const SCOPES = { ingest: "datasets", train: "train", prepare: "train", generate: "generate", push: "generate", score: "private:read", preview: "private:read" };
const DRAW_MILLISECONDS = 250;

/** Make the page. */
export async function page([jobId], signal) {
  let job = await get(`/jobs/${jobId}`, signal);
  const history = new RunHistory();
  const places = Object.fromEntries(["state", "actions", "outcome", "progress", "curves", "log"].map((name) => [name, h("div", {})]));
  const shown = previews(signal);
  const again = async () => { job = await get(`/jobs/${jobId}`, signal); drawHead(); };
  const wrong = (error) => places.outcome.append(problem(error));
  let drawn = "";
  const drawHead = () => {
    const found = JSON.stringify([job.state, job.links, job.error, job.result, job.queue_position]);
    if (found === drawn) return; // or a button would be taken from under somebody's pointer
    drawn = found;
    fill(places.state, state(job.state));
    fill(places.actions, actions(job, again, wrong));
    fill(places.outcome, outcome(job));
  };
  const draw = () => {
    fill(places.progress, progress(job, history.progress));
    drawCurves(places.curves, history.curves);
    fill(places.log, log(history));
    shown.show(history.previews);
  };
  drawHead();
  draw();
  const drawSoon = paced(draw, signal);
  follow(`/jobs/${jobId}/events`, (entry) => {
    history.add(entry);
    drawSoon();
    if (entry.kind === "state" || entry.kind === "done") again().catch(() => {});
  }, signal).then(async () => {
    if (signal.aborted) return;
    await again();
    draw();
    announce(`${kindOf(job)} ${job.state}.`);
  }).catch((error) => { if (!signal.aborted) wrong(error); });
  return h("div", {}, title(`${kindOf(job)}${job.request.family ? ` of ${job.request.family}` : ""}`, places.state, places.actions),
    places.outcome, h("section", { class: "card" }, h("h2", {}, "Progress"), places.progress),
    job.kind === "train" && h("div", { class: "columns" }, shown.element, places.curves), details(job),
    h("section", { class: "card" }, h("h2", {}, "Log"), places.log));
}

/** Draw anew, and leave open what somebody opened. */
function drawCurves(place, found) {
  const opened = [...place.querySelectorAll("details")].map((each) => each.open);
  fill(place, Object.entries(found).map(([stage, series]) => grouped(stage, series)));
  [...place.querySelectorAll("details")].forEach((each, index) => { each.open = opened[index] ?? false; });
}

function paced(draw, signal) {
  let timer = null;
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return () => { timer ??= setTimeout(() => { timer = null; draw(); }, DRAW_MILLISECONDS); };
}

function actions(job, again, wrong) {
  if (!may(SCOPES[job.kind])) return [];
  const act = (what) => async () => {
    try {
      await post(`/jobs/${job.id}/${what}`);
      await again();
    } catch (error) {
      wrong(error);
    }
  };
  const remove = async () => {
    try {
      await send(`/jobs/${job.id}`, { method: "DELETE" });
      location.hash = "#/jobs";
    } catch (error) {
      wrong(error);
    }
  };
  return h("div", { class: "actions" }, job.links.cancel && guardedButton("Cancel", "Cancel this job?", act("cancel")),
    job.links.retry && h("button", { type: "button", onclick: act("retry") }, "Try again"),
    job.links.retry && guardedButton("Delete", "Delete this job?", remove));
}

function outcome(job) {
  if (job.error) {
    return h("div", { class: "notice bad", role: "alert" }, h("h2", {}, `It failed: ${job.error.code}`), h("p", {}, job.error.detail),
      job.error.errors.length > 0 && h("ul", {}, job.error.errors.map((each) => h("li", {}, each.pointer, " ", each.detail))),
      h("p", {}, job.error.retryable ? "The same request may succeed later: try again." : "The same request will fail again: change it first."));
  }
  if (job.state === "cancelled") return h("p", { class: "notice warn" }, "It was cancelled.");
  const made = job.result;
  if (!made) return job.state === "queued" ? h("p", { class: "notice" }, `It waits for a worker${job.queue_position ? `; ${job.queue_position} of your jobs are before it` : ""}.`) : null;
  const [text, href] = made.synthetic_set_id ? ["Open the set and its verdict", `#/set/${made.synthetic_set_id}`]
    : made.model_id ? ["Open the model", `#/model/${made.model_id}`] : ["Open the dataset", `#/dataset/${made.dataset_id}`];
  return h("div", { class: "notice good" }, h("p", {}, "It succeeded."), h("div", { class: "actions" }, action(text, href, "main"),
    job.kind === "train" && may("generate") && action("Generate a set", `#/generate/${made.model_id}`)));
}

function progress(job, latest) {
  const found = job.done ? job.progress : latest ?? job.progress;
  const spent = job.started_at ? (new Date(job.finished_at ?? Date.now()) - new Date(job.started_at)) / 1000 : null;
  if (!found) return h("p", { class: "quiet" }, spent === null ? "It has not begun." : `Running for ${duration(spent)}.`);
  return [h("progress", { max: 1, value: found.fraction ?? false, "aria-label": `Progress: ${found.phase}` }),
    h("div", { class: "big" }, facts([["Phase", found.phase], ["Done", found.fraction === null ? null : percent(found.fraction)],
      ["Images", found.total_images ? `${count(found.images_seen)} of ${count(found.total_images)}` : count(found.images_seen)],
      ["Images a second", found.images_per_second && figure(found.images_per_second)],
      ["Time left", job.done || found.eta_seconds === null ? null : duration(found.eta_seconds)], ["Expected in all", found.expected_seconds && duration(found.expected_seconds)], ["Time so far", duration(spent)]]))];
}

function log(history) {
  return h("ol", { class: "log", tabindex: "0", "aria-label": "Log, newest first" }, history.remarks.toReversed().map((each) =>
    h("li", { class: each.level === "warning" ? "warn" : null }, h("time", { datetime: each.at }, new Date(each.at).toLocaleTimeString("en-GB")), each.text)));
}

function details(job) {
  const { config, ...asked } = job.request;
  return h("section", { class: "card" }, h("h2", {}, "What was asked for"), facts([["Identifier", id(job.id)], ["Asked for", moment(job.created_at)], ["Begun", moment(job.started_at)], ["Ended", moment(job.finished_at)], ["Attempt", job.attempt],
    ...Object.entries(job.labels)]), h("details", {}, h("summary", {}, "The whole request"), h("pre", { tabindex: "0" }, JSON.stringify({ ...asked, config }, null, 2))));
}
