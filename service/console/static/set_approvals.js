/** Who approved a set: one or two people, where the operator asks for them. */

import { get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { moment } from "./format.js";
import { guardedButton, id, problem } from "./parts.js";
import { caller, may } from "./session.js";

const RELEASED = ["passed", "passed_filtered"];

/**
 * Show the approvals, with a button for who may approve.
 * @param {(complete: boolean) => void} onChange Hears whether the set may be handed out.
 */
export async function approvals(made, signal, onChange) {
  const here = `/synthetic-sets/${made.id}/approvals`;
  const element = h("section", { class: "card" });
  const show = (found) => {
    onChange(found.complete);
    element.hidden = !RELEASED.includes(made.verdict.outcome) || (!found.required && !found.items.length && !may("release:approve"));
    fill(element, h("h2", {}, "Approval"), h("p", {}, summary(found)),
      found.items.length > 0 && h("ul", {}, found.items.map((each) => h("li", {}, id(each.by), `, ${moment(each.at)}`))),
      may("release:approve") && !found.items.some((each) => each.by === caller().id) && guardedButton("Approve this set", "Approve it in your name, for good?", approve, "main"));
  };
  async function approve() {
    try {
      show(await post(here));
      announce("You approved this set.");
    } catch (error) {
      element.append(problem(error));
    }
  }
  show(await get(here, signal));
  return element;
}

function summary({ required, items, complete }) {
  if (!required) return "The operator asks for no approval; one is written to the audit log all the same.";
  const people = required === 1 ? "one person" : `${required} different people`;
  if (complete) return `It was approved by ${people}, as the operator asks: it can be handed out.`;
  return `It can be downloaded when ${people} approved it; ${items.length} did so far.`;
}
