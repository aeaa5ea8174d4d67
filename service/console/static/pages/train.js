/** Starting a training: what learns, how long, and how long that will take. */

import { list, post } from "../api.js";
import { fill, h, title } from "../dom.js";
import { expectedTime } from "../expected_time.js";
import { choice, field, form, select } from "../parts.js";

const FAMILIES = [
  { value: "gan", text: "gan", hint: "Generative adversarial network: sharp images within minutes of a CPU." },
  { value: "ldm", text: "ldm", hint: "Latent diffusion: the most detailed with much time or a GPU." },
  { value: "vae", text: "vae", hint: "Variational autoencoder: fast and smooth; can be differentially private." },
  { value: "ppca", text: "ppca", hint: "Probabilistic PCA: the least that the others have to surpass." },
];
const PRESETS = { standard: "The recommended model for the images, the device and the budget.", tiny: "For trials: too small for use." };

/** Make the page; its argument is the dataset that is chosen at first. */
export async function page([datasetId], signal) {
  const [datasets, jobs, models] = await Promise.all([list("/datasets", signal), list("/jobs?kind=train&state=succeeded", signal, 1), list("/models", signal, 1)]);
  const ready = datasets.filter((each) => each.state === "ready");
  if (!ready.length) return h("div", {}, title("Train a model"), h("p", { class: "notice warn" }, "No dataset is ready. ", h("a", { href: "#/add-dataset" }, "Add one"), " first."));
  const chosen = { dataset: ready.find((each) => each.id === datasetId) ?? ready[0], family: "gan", preset: "standard", measure: "seconds" };
  const inputs = {
    minutes: h("input", { type: "number", min: 0.1, step: "any", value: 10 }), images: h("input", { type: "number", min: 1, value: 200000 }),
    seed: h("input", { type: "number", min: 0, value: 1 }), epsilon: h("input", { type: "number", min: 0.1, max: 10, step: "any" }),
    config: h("textarea", { rows: 3, spellcheck: "false", placeholder: "batch_size=64" }), start: h("div", {}), size: h("div", {}), presets: h("div", {}), budget: h("div", {}),
  };
  const asked = () => ({ family: chosen.family, preset: chosen.preset, imageSize: Number(chosen.imageSize) });
  const budget = () => (chosen.measure === "seconds" ? { seconds: Math.round(60 * Number(inputs.minutes.value)) } : { images: Number(inputs.images.value) });
  const showTimes = () => fill(inputs.presets, choice("Preset, and how long it takes", "preset", Object.entries(PRESETS).map(([value, hint]) =>
    ({ value, text: `${value}: ${expectedTime(jobs, { ...asked(), preset: value }, budget())}`, hint })), chosen.preset, (value) => { chosen.preset = value; }));
  const showBudget = () => fill(inputs.budget, chosen.measure === "seconds" ? field("Minutes", inputs.minutes) : field("Images", inputs.images, "Training images to see, with repetition."));
  const showSizes = () => {
    const sizes = [256, 128, 64].filter((size) => size <= chosen.dataset.image_size && chosen.dataset.image_size % size === 0);
    chosen.imageSize = String(sizes[0]);
    fill(inputs.size, field("Size of the images", select(sizes.map((size) => ({ value: String(size), text: `${size} px` })), chosen.imageSize, (value) => { chosen.imageSize = value; showTimes(); })));
  };
  const showStarts = () => {
    const own = models.filter((model) => model.family === chosen.family);
    chosen.initFrom = "";
    fill(inputs.start, field("Start from", select([{ value: "", text: "Random weights" }, ...(["vae", "ldm"].includes(chosen.family) ? [{ value: "base", text: "A base that learned from phantoms" }] : []),
      ...own.map((model) => ({ value: model.id, text: `Model ${model.id}` }))], "", (value) => { chosen.initFrom = value; }), "A model inherits what it started from: its sets are searched for copies of those images too."));
  };
  for (const input of [inputs.minutes, inputs.images]) input.addEventListener("input", showTimes);
  for (const show of [showSizes, showStarts, showBudget, showTimes]) show();
  const submit = async () => {
    const job = await post("/train", body(chosen, inputs, budget()), { repeatable: true, signal });
    location.hash = `#/job/${job.id}`;
  };
  return h("div", {}, title("Train a model"), h("div", { class: "card" }, form("Start the training", submit,
    field("Dataset", select(ready.map((each) => ({ value: each.id, text: each.name })), chosen.dataset.id, (value) => { chosen.dataset = ready.find((each) => each.id === value); showSizes(); showTimes(); })),
    choice("Family", "family", FAMILIES, chosen.family, (value) => { chosen.family = value; showStarts(); showTimes(); }),
    choice("Budget", "measure", [{ value: "seconds", text: "Time" }, { value: "images", text: "Images" }], chosen.measure, (value) => { chosen.measure = value; showBudget(); showTimes(); }),
    inputs.budget, inputs.presets, inputs.size,
    h("details", {}, h("summary", {}, "More options"), h("div", { class: "columns" }, inputs.start, field("Seed", inputs.seed, "The same seed trains the same model."),
      field("Differential privacy: epsilon", inputs.epsilon, "Empty: nothing is promised by construction, and the gate tests. For vae and ldm; it costs quality."),
      field("Hyper-parameters", inputs.config, "One KEY=VALUE a line; they replace the preset's. The API reference explains each."))))));
}

function body(chosen, inputs, budget) {
  const asked = { dataset_id: chosen.dataset.id, family: chosen.family, preset: chosen.preset, image_size: Number(chosen.imageSize), budget, seed: Number(inputs.seed.value) };
  const config = Object.fromEntries(inputs.config.value.split("\n").filter((line) => line.includes("=")).map(setting));
  if (Object.keys(config).length) asked.config = config;
  if (chosen.initFrom) asked.init_from = chosen.initFrom;
  if (inputs.epsilon.value) asked.privacy = { differential_privacy: { epsilon: Number(inputs.epsilon.value) } };
  return asked;
}

function setting(line) {
  const [name, ...rest] = line.split("=");
  const text = rest.join("=").trim();
  try {
    return [name.trim(), JSON.parse(text)];
  } catch {
    return [name.trim(), text]; // a word, such as a name
  }
}
