/** Adding a dataset: an upload, a folder of the service's machine, or phantoms. */

import { post, Problem, upload } from "../api.js";
import { announce, fill, h, title } from "../dom.js";
import { bytes, percent } from "../format.js";
import { choice, field, form, select } from "../parts.js";

const SOURCES = [
  { value: "upload", text: "Upload a ZIP", hint: "A folder for each class, or a labels.csv beside the images; DICOM, PNG, JPEG, TIFF." },
  { value: "path", text: "A folder or ZIP on the service's machine", hint: "Below a folder that the operator allows (SYNTHCXR_DATASET_ROOTS)." },
  { value: "phantom", text: "Drawn phantoms", hint: "They show no patient: to try the service." },
];
const PHANTOMS = ["normal", "cardiomegaly", "effusion", "lobar_opacity"];

/** Make the page. */
export function page(_, signal) {
  const inputs = {
    name: h("input", { maxlength: 100, autocomplete: "off" }),
    file: h("input", { type: "file", accept: ".zip,application/zip" }),
    path: h("input", { autocomplete: "off", spellcheck: "false" }),
    size: select([["", "Chosen from the images"], ["64", "64 px"], ["128", "128 px"], ["256", "256 px"]].map(([value, text]) => ({ value, text })), ""),
    text: select([["keep", "Keep it, with a warning"], ["mask", "Mask it"], ["drop", "Leave the image out"]].map(([value, text]) => ({ value, text })), "keep"),
    strict: h("input", { type: "checkbox", id: "strict" }),
    counts: Object.fromEntries(PHANTOMS.map((label, index) => [label, h("input", { type: "number", min: 0, max: 50000, value: index < 3 ? 1300 : 0 })])),
  };
  const progress = h("div", {});
  const source = h("div", {});
  let chosen = "upload";
  const choose = (value) => { chosen = value; fill(source, sourceFields(value, inputs)); };
  choose(chosen);
  const submit = async () => {
    const job = chosen === "upload" ? await sendFile(inputs, progress, signal) : await post("/datasets", body(chosen, inputs), { repeatable: true, signal });
    location.hash = `#/job/${job.id}`;
  };
  return h("div", {}, title("Add a dataset"), h("div", { class: "card" }, form("Add it", submit,
    choice("Where are the images?", "source", SOURCES, chosen, choose), source,
    field("Name", inputs.name, "For you; released sets do not carry it unless the operator says so."),
    field("Size of the images", inputs.size, "Squares of this side. Smaller is faster to train."),
    field("Text that is burnt into images", inputs.text, "Names, dates and numbers can identify a patient."),
    h("div", { class: "choice" }, inputs.strict, h("label", { for: "strict" }, "Refuse the set for any warning", h("span", { class: "hint" }, "By default warnings are listed, and the set is taken."))),
    progress)));
}

function sourceFields(chosen, inputs) {
  if (chosen === "upload") return field("ZIP", inputs.file);
  if (chosen === "path") return field("Path", inputs.path, "Such as /data/radiographs/covid");
  return h("fieldset", {}, h("legend", {}, "Images of each class"), h("p", { class: "quiet" }, "Fewer than about 1,800 patients in all give sets that are inconclusive: too few to examine."),
    h("div", { class: "counts" }, PHANTOMS.map((label) => field(label, inputs.counts[label]))));
}

function options(inputs) {
  return Object.fromEntries(Object.entries({
    name: inputs.name.value.trim(), image_size: Number(inputs.size.value), burned_in_text: inputs.text.value, strict: inputs.strict.checked,
  }).filter(([, value]) => value));
}

function body(chosen, inputs) {
  if (chosen === "path") return { ...options(inputs), path: inputs.path.value.trim() };
  const counts = Object.fromEntries(Object.entries(inputs.counts).map(([label, input]) => [label, Number(input.value)]).filter(([, each]) => each));
  return { ...options(inputs), phantom: { class_counts: counts, image_size: Number(inputs.size.value) || 64 } };
}

async function sendFile(inputs, progress, signal) {
  const [file] = inputs.file.files;
  if (!file) throw new Problem({ code: "no_file", detail: "Choose a ZIP to upload." });
  const sent = new FormData();
  for (const [name, value] of Object.entries(options(inputs))) sent.set(name, String(value));
  sent.set("file", file);
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const text = h("p", { class: "quiet" });
  fill(progress, bar, text);
  announce("The upload has begun.");
  try {
    return await upload("/datasets", sent, (loaded, total) => {
      bar.value = loaded / total;
      fill(text, `${bytes(loaded)} of ${bytes(total)} (${percent(loaded / total, 2)})`);
    }, signal);
  } catch (error) {
    fill(progress);
    throw error;
  }
}
