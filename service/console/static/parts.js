/** Parts that several pages show: states, verdicts, problems, fields of forms. */

import { Problem } from "./api.js";
import { announce, coded, fill, h } from "./dom.js";
import { words } from "./format.js";

const KINDS = { ingest: "Ingest", train: "Training", generate: "Generation", push: "Push", score: "Scores", preview: "Preview" };
const STATES = { succeeded: "good", failed: "bad", cancelled: "warn", ready: "good", ingesting: "", delivered: "good", dead: "bad", enabled: "good", disabled: "bad" };
export const OUTCOMES = {
  passed: ["Released", "good"],
  passed_filtered: ["Released, filtered", "good"],
  inconclusive: ["Inconclusive", "warn"],
  refused: ["Refused", "bad"],
};

/** Name a kind of job. */
export const kindOf = (job) => KINDS[job.kind] ?? words(job.kind);

/** Show a state by a word and a colour. */
export const state = (name) => h("span", { class: `state ${STATES[name] ?? ""}` }, words(name));

/** Show a verdict by a word and a colour. */
export function verdict(found) {
  const [text, kind] = OUTCOMES[found.outcome] ?? [words(found.outcome), ""];
  return h("span", { class: `state ${kind}` }, found.code ? `${text}: ${found.code}` : text);
}

/** Show an identifier. */
export const id = (text) => h("span", { class: "id" }, text);

/** Show a problem, with what is wrong with single fields, and say it. */
export function problem(error, heading = "This did not work") {
  if (!(error instanceof Problem)) console.error(error);
  announce(`${heading}: ${error.message}`);
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, h("strong", {}, `${heading}. `), error.message),
    error.fields?.length > 0 && h("ul", {}, error.fields.map((each) => h("li", {}, h("code", {}, each.pointer), " ", each.detail))),
    error.code && h("p", { class: "quiet" }, `Code ${error.code}`, error.requestId && `, request ${error.requestId}`));
}

let numFields = 0;

/** Make a field with its label and its hint; `input` gets an id that the label names. */
export function field(label, input, hint) {
  const name = `field-${numFields += 1}`;
  input.id = name;
  if (hint) input.setAttribute("aria-describedby", `${name}-hint`);
  return h("div", { class: "field" }, h("label", { for: name }, label), input,
    hint && h("span", { class: "hint", id: `${name}-hint` }, coded(hint)));
}

/** Make a choice of one of several; values with a text and a hint each. */
export function choice(legend, name, options, chosen, onchange) {
  return h("fieldset", {}, h("legend", {}, legend), options.map(({ value, text, hint }) => {
    const own = `${name}-${value}`;
    return h("div", { class: "choice" },
      h("input", { type: "radio", name, value, id: own, checked: value === chosen, onchange: () => onchange?.(value) }),
      h("label", { for: own }, text, hint && h("span", { class: "hint" }, hint)));
  }));
}

/** Make a list to choose one from. */
export function select(options, chosen, onchange, name) {
  return h("select", { onchange: (event) => onchange?.(event.target.value), name },
    options.map(({ value, text }) => h("option", { value, selected: value === chosen }, text)));
}

/** Make a form that sends itself once, shows what went wrong and lets it be mended. */
export function form(submitText, onsubmit, ...children) {
  const wrong = h("div", {});
  const button = h("button", { class: "main" }, submitText);
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(wrong);
    try {
      await onsubmit(event.target);
    } catch (error) {
      if (error.name !== "AbortError") fill(wrong, problem(error));
    } finally {
      button.disabled = false;
    }
  };
  return h("form", { onsubmit: submit, novalidate: true }, children, wrong, h("div", { class: "actions" }, button));
}

/** A button that asks once more before it does what cannot be undone; `kind` is how it looks. */
export function guardedButton(text, question, act, kind = "danger") {
  const place = h("span", { class: "actions" });
  const ask = () => {
    const no = h("button", { type: "button", onclick: reset }, "No");
    fill(place, h("span", { role: "alert" }, question),
      h("button", { type: "button", class: kind, onclick: act }, "Yes"), no);
    no.focus();
  };
  function reset() {
    fill(place, h("button", { type: "button", class: kind, onclick: ask }, text));
  }
  reset();
  return place;
}
