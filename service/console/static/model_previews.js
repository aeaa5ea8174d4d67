/** Images of a model side by side: seed, guidance and steps of each column, a picture for each class. */

import { get, picture, post, schemas } from "./api.js";
import { announce, fill, h, table } from "./dom.js";
import { count, words } from "./format.js";
import { field, form, problem } from "./parts.js";
import { defaultOf, ofFamily, schemaFields } from "./schema_fields.js";
import { may } from "./session.js";

const MOST_COLUMNS = 4;
const MOST_IMAGES = 8;
const FIRST = ["name", "num_steps", "guidance"]; // of the options, where a family has them

/** Make the part, which fills itself; it shows the newest preview of the model at first. */
export function comparison(model, signal) {
  if (!may("private:read")) return null;
  const element = h("section", { class: "card" }, h("h2", {}, "Side by side"), h("p", { class: "quiet" }, "Loading …"));
  parts(model, signal).then((made) => fill(element, h("h2", {}, "Side by side"), made))
    .catch((error) => { if (!signal.aborted) fill(element, problem(error)); });
  return element;
}

async function parts(model, signal) {
  const [described, jobs] = await Promise.all([schemas(signal), get("/jobs?kind=preview&limit=50", signal)]);
  const schema = ordered(described[ofFamily(model.family, "Sampler")]);
  const places = { columns: h("div", { class: "compared" }), shown: h("div", {}) };
  const numImages = h("input", { type: "number", min: 1, max: MOST_IMAGES, value: 4 });
  const chosen = [];
  const add = h("button", { type: "button", onclick: () => { addColumn(); places.columns.lastElementChild.querySelector("input").focus(); } }, "Add a column");
  const drawColumns = () => {
    fill(places.columns, chosen.map((each, index) => each.titled(index, chosen.length > 1)));
    add.hidden = chosen.length === MOST_COLUMNS;
  };
  const addColumn = (before) => {
    const made = column(schema, before, () => { chosen.splice(chosen.indexOf(made), 1); drawColumns(); });
    chosen.push(made);
    drawColumns();
  };
  const last = jobs.items.find((each) => each.request.model_id === model.id && each.state === "succeeded");
  (last?.request.columns ?? [{}, {}]).forEach((each) => addColumn(last && changedOnly(each, schema)));
  if (last) await show(last, places.shown, signal).catch((error) => fill(places.shown, problem(error)));
  const draw = async () => {
    const asked = { images_per_class: Number(numImages.value), columns: chosen.map((each) => each.values()) };
    const job = await post(`/models/${model.id}/previews`, asked, { repeatable: true, signal });
    fill(places.shown, h("p", { class: "notice" }, "The images are being drawn. ", h("a", { href: `#/job/${job.id}` }, "Open the job")));
    announce("The images are being drawn.");
    await show(await ended(job, signal), places.shown, signal);
    announce("The images were drawn.");
  };
  return [h("p", { class: "quiet" }, "Not examined: for those who may see the real images, and in no set. A row is drawn from one noise where the columns have one seed."),
    form("Draw", draw, places.columns, h("div", { class: "actions" }, add), field("Images of each class", numImages)), places.shown];
}

/** The options that people compare come first, the others behind a fold. */
function ordered(schema) {
  const given = Object.entries(schema?.properties ?? {});
  const first = given.filter(([name]) => FIRST.includes(name));
  const chosen = first.length > 1 ? first : given;
  return { first: { properties: Object.fromEntries(chosen) }, rest: { properties: Object.fromEntries(given.filter((each) => !chosen.includes(each))) }, all: schema };
}

function column(schema, before, remove) {
  const seed = h("input", { type: "number", min: 0, value: before?.seed ?? 0 });
  const first = schemaFields(schema.first, before?.sampler);
  const rest = schemaFields(schema.rest, before?.sampler);
  const heading = h("legend", {});
  const drop = h("button", { type: "button", class: "small", onclick: remove }, "Remove");
  const element = h("fieldset", {}, heading, field("Seed", seed), first.fields, Object.keys(schema.rest.properties).length > 0 && h("details", {}, h("summary", {}, "More options"), rest.fields), drop);
  return {
    titled(index, removable) {
      heading.textContent = `Column ${index + 1}`;
      drop.setAttribute("aria-label", `Remove column ${index + 1}`);
      drop.hidden = !removable;
      return element;
    },
    values: () => ({ seed: Number(seed.value), sampler: { ...first.values(), ...rest.values() } }),
  };
}

/** A completed request names every option; fields show those that are not the default. */
function changedOnly({ seed, sampler }, schema) {
  const known = schema.all?.properties ?? {};
  return { seed, sampler: Object.fromEntries(Object.entries(sampler).filter(([name, value]) => value !== defaultOf(known[name]))) };
}

/** Wait for a job to be done. */
async function ended(job, signal) {
  let found = job;
  while (!found.done) found = await get(`/jobs/${job.id}?wait=20`, signal);
  return found;
}

async function show(job, place, signal) {
  const { model_id: modelId, classes, columns } = job.request;
  if (job.state !== "succeeded") return fill(place, h("p", { class: "notice bad", role: "alert" }, job.error?.detail ?? "The drawing was cancelled.", " ", h("a", { href: `#/job/${job.id}` }, "Open the job")));
  const addresses = await Promise.all(classes.map((_, index) => picture(`/models/${modelId}/previews/${job.id}/${index}.png`, signal)));
  const names = columns.map((_, index) => String(index + 1));
  return fill(place, settings(columns), h("div", { class: "classes images" }, classes.map((label, index) => h("figure", { class: `side-by-side of-${columns.length}` }, h("figcaption", {}, label),
    h("div", { class: `heads of-${columns.length}`, "aria-hidden": "true" }, names.map((name) => h("span", {}, name))),
    h("img", { src: addresses[index], alt: `Images of ${label}: ${count(job.request.images_per_class)} rows, ${columns.length} columns.` })))));
}

/** What the columns have of their own, and what they share. */
function settings(columns) {
  const options = columns.map(({ seed, sampler }) => ({ seed, ...sampler }));
  const names = Object.keys(options[0]).filter((name) => ["seed", ...FIRST].includes(name) || options.some((each) => each[name] !== options[0][name]));
  return table("How each column was drawn", ["Column", ...names.map((name) => ({ text: words(name), number: typeof options[0][name] === "number" }))], options.map((each, index) => [String(index + 1), ...names.map((name) => String(each[name]))]));
}
