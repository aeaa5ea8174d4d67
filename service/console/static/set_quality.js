/** How like real images a set is, and what it is good for: every figure with its interval. */

import { h, table } from "./dom.js";
import { count, estimate, words } from "./format.js";

const NAMES = {
  kid: "KID", fd: "Fréchet distance", precision: "Precision", recall: "Recall", density: "Density", coverage: "Coverage", ms_ssim: "MS-SSIM", agreement: "Label agreement",
  auroc: "AUROC", auprc: "AUPRC", f1: "F1", calibration_error: "Calibration error", sensitivity: "Sensitivity", specificity: "Specificity",
};
const named = (metric) => NAMES[metric] ?? words(metric);

/** Show the fidelity. */
export function fidelity(report) {
  const all = [report.fidelity, ...report.further_fidelity].filter(Boolean);
  return h("section", { class: "card" }, h("h2", {}, "Fidelity"), all.length === 0 ? h("p", {}, "Not measured: a set that is refused is not measured further.") : [
    h("p", { class: "quiet" }, "With 95 % intervals. The floor is what as many real test images show: a perfect model would be there."), all.map(oneNetwork)]);
}

function oneNetwork(found) {
  const allFirst = found.rows.toSorted((one, other) => (other.label === "all") - (one.label === "all"));
  return allFirst.map((row) => {
    const rows = Object.keys(row.synthetic).map((metric) => [named(metric), estimate(row.synthetic[metric]), estimate(row.floor[metric])]);
    const shown = table(`${row.label === "all" ? "All classes" : row.label}: ${count(row.num_images)} images, compared by ${found.extractor.name}`, ["Measure", "This set", "Floor of real images"], rows);
    return row.label === "all" ? shown : h("details", {}, h("summary", {}, row.label), shown);
  });
}

/** Show the utility. */
export function utility(report) {
  const found = report.utility;
  if (!found) {
    const why = report.set.released ? "Ask for the full report when a set is generated." : "A set that is not released is not measured further.";
    return h("section", { class: "card" }, h("h2", {}, "Utility"), h("p", {}, `Not measured. ${why}`));
  }
  const scores = Object.keys(found.arms[0].scores);
  const gains = found.gains.map((gain) => h("li", {}, `${words(gain.arm)} over ${gain.over}: AUROC ${gain.auroc.value >= 0 ? "+" : ""}${estimate(gain.auroc)}. ${gain.helps ? "It helps." : "No gain was shown."}`));
  return h("section", { class: "card" }, h("h2", {}, "Utility"), h("p", { class: "quiet" }, `Classifiers, each trained ${found.num_seeds} times, judged on real test images; with 95 % intervals.`),
    table("Classifiers by what they were trained on", ["Trained on", { text: "Images", number: true }, ...scores.map(named)], found.arms.map((arm) => [arm.trained_on, count(arm.num_images), ...scores.map((score) => estimate(arm.scores[score]))])),
    gains.length > 0 && h("ul", {}, gains));
}
