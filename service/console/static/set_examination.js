/** What the gate tested, what it found, and what was not tested. */

import { h, table } from "./dom.js";
import { count, estimate, figure, words } from "./format.js";

const DECISIONS = { passed: "good", refused: "bad", inconclusive: "warn" };

/** Show the examination. */
export function examination(report, certificate) {
  const { gate } = report;
  const checks = gate.findings.map((each) => [`${each.id} ${each.name}`, h("span", { class: `state ${DECISIONS[each.decision] ?? ""}` }, words(each.decision)), each.p_value === null ? "–" : figure(each.p_value), each.text]);
  const controls = gate.controls.map((each) => [each.name, `${count(each.found)} of ${count(each.planted)}`, estimate(each.recall), each.claimed ? "yes" : "no"]);
  const untested = [...gate.not_run, ...(certificate?.not_tested ?? [])];
  return h("section", { class: "card" }, h("h2", {}, "Examination"),
    table("Checks of the gate", ["Check", "Decision", { text: "p", number: true }, { text: "What it found", wide: true }], checks),
    gate.membership && h("p", {}, `The strongest membership attack has an AUC of ${estimate(gate.membership.auc)}; 0.5 is guessing.`),
    controls.length > 0 && h("details", {}, h("summary", {}, "Planted copies: what would have been found"), table("Positive controls", ["Kind of copy", "Found", "Share, with interval", "Claimed"], controls)),
    untested.length > 0 && h("details", {}, h("summary", {}, "What was not tested"), h("ul", {}, untested.map((each) => h("li", {}, h("strong", {}, each.name), `: ${each.why}`)))),
    report.limits.length > 0 && h("details", {}, h("summary", {}, "Limits"), h("ul", {}, report.limits.map((each) => h("li", {}, each)))));
}
