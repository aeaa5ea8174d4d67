/** Asking for a set: which images, and whether a set of so many can pass at all. */

import { get, list, post, schemas } from "../api.js";
import { announce, fill, h, title } from "../dom.js";
import { count } from "../format.js";
import { choice, field, form, problem, select } from "../parts.js";
import { ofFamily, schemaFields } from "../schema_fields.js";

const FORMATS = [["png", "PNG alone"], ["dicom", "PNG and DICOM"], ["npz", "PNG and npz"], ["webdataset", "PNG and WebDataset"]];

/** Make the page; its argument is the model that is chosen at first. */
export async function page([modelId], signal) {
  const [models, described] = await Promise.all([list("/models", signal), schemas(signal)]);
  if (!models.length) return h("div", {}, title("Generate a set"), h("p", { class: "notice warn" }, "No model was trained yet. ", h("a", { href: "#/train" }, "Train one"), " first."));
  const chosen = { model: models.find((each) => each.id === modelId) ?? models[0], way: "counts", format: "png", report: "quick" };
  const places = { counts: h("div", {}), plan: h("div", {}), sampler: h("div", {}), refused: h("div", {}) };
  const seed = h("input", { type: "number", min: 0, value: 1 });
  let counts = {};
  let sampler = schemaFields(null);
  const body = () => ({
    model_id: chosen.model.id, seed: Number(seed.value), format: chosen.format, report: chosen.report, sampler: sampler.values(),
    ...(chosen.way === "balance" ? { balance: true } : { class_counts: Object.fromEntries(Object.entries(counts).map(([label, input]) => [label, Number(input.value)]).filter(([, each]) => each)) }),
  });
  const showRefusals = async () => {
    const audit = await get(`/models/${chosen.model.id}/audit`, signal).catch(() => null);
    const refused = audit?.sets.filter((each) => each.verdict.outcome === "refused") ?? [];
    fill(places.refused, refused.length > 0 && h("p", { class: "notice warn" }, "A set of this model was refused, so all further sets of it will be. Train another model. ", h("a", { href: `#/set/${refused[0].id}` }, "The refused set")));
  };
  const planSoon = settled(() => plan(body(), places.plan, signal, (wanted) => { for (const [label, input] of Object.entries(counts)) input.value = wanted[label] ?? 0; planSoon(); }));
  const showModel = () => {
    counts = Object.fromEntries(chosen.model.classes.map((label) => [label, h("input", { type: "number", min: 0, value: 100, oninput: planSoon })]));
    sampler = schemaFields(described[ofFamily(chosen.model.family, "Sampler")]);
    fill(places.sampler, sampler.element);
    showCounts();
    showRefusals();
  };
  const showCounts = () => {
    fill(places.counts, chosen.way === "counts" ? h("fieldset", {}, h("legend", {}, "Images of each class"), h("div", { class: "counts" }, Object.entries(counts).map(([label, input]) => field(label, input)))) : h("p", { class: "quiet" }, "As many of each class as its rare classes lack in the dataset."));
    planSoon();
  };
  showModel();
  const submit = async () => {
    const job = await post("/generate", body(), { repeatable: true, signal });
    location.hash = `#/job/${job.id}`;
  };
  return h("div", {}, title("Generate a set"), h("div", { class: "card" }, form("Generate and examine it", submit,
    field("Model", select(models.map((each) => ({ value: each.id, text: `${each.family}, ${each.image_size} px, ${each.id}` })), chosen.model.id, (value) => { chosen.model = models.find((each) => each.id === value); showModel(); })),
    choice("Which images?", "way", [{ value: "counts", text: "So many of each class" }, { value: "balance", text: "What balances the dataset" }], chosen.way, (value) => { chosen.way = value; showCounts(); }),
    places.refused, places.counts, places.plan,
    h("details", {}, h("summary", {}, "More options"), h("div", { class: "columns" }, field("Seed", seed, "The same request makes the same set, byte for byte."),
      field("Packaged as", select(FORMATS.map(([value, text]) => ({ value, text })), "png", (value) => { chosen.format = value; })),
      field("Report", select([{ value: "quick", text: "Fidelity" }, { value: "full", text: "Fidelity and utility" }], "quick", (value) => { chosen.report = value; }), "Utility trains classifiers on the images, which takes minutes.")),
    h("h3", {}, "How the images are drawn"), places.sampler),
    h("p", { class: "quiet" }, "Each set of a model is examined and counted: a refused one makes all further sets of its model refused."))));
}

async function plan(asked, place, signal, use) {
  try {
    const found = await post("/generate/plan", asked, { signal });
    announce(found.can_pass ? "By its counts this set can pass." : "By its counts this set cannot pass.");
    fill(place, h("div", { class: `notice ${found.can_pass ? "good" : "warn"}` },
      h("p", {}, h("strong", {}, found.can_pass ? "By its counts this set can pass. " : "By its counts this set cannot pass. "), found.can_pass ? "It is examined all the same, and can be refused for what its images show." : found.reasons.join(" ")),
      !found.can_pass && found.remedies.length > 0 && h("p", {}, `What may help: ${found.remedies.join("; ")}.`),
      found.num_examined > 0 && h("p", { class: "quiet" }, `${count(found.num_examined)} images are drawn and examined.`),
      found.class_counts && h("button", { type: "button", onclick: () => use(found.class_counts) }, "Use counts that can pass")));
  } catch (error) {
    if (!signal.aborted) fill(place, problem(error, "These counts cannot be asked for"));
  }
}

/** Let typing come to rest before something is asked. */
function settled(act) {
  let timer = null;
  return () => { clearTimeout(timer); timer = setTimeout(act, 300); };
}
