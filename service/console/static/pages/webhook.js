/** One webhook: what became of its messages, a test, and what lets messages go there again. */

import { get, list, post, send } from "../api.js";
import { announce, facts, fill, h, table, title } from "../dom.js";
import { count, moment, words } from "../format.js";
import { guardedButton, id, problem, state } from "../parts.js";
import { refreshed } from "../refresh.js";
import { shownOnce } from "../webhook_secret.js";
import { messages, standing } from "./webhooks.js";

/** Make the page. */
export async function page([webhookId], signal) {
  const here = `/webhooks/${webhookId}`;
  const webhook = h("div", {});
  const deliveries = h("div", {});
  const wrong = h("div", {});
  const read = async () => {
    const [found, sent] = await Promise.all([get(here, signal), list(`${here}/deliveries`, signal, 1)]);
    return { found, sent };
  };
  const draw = ({ found, sent }) => {
    const held = heldButton(webhook, deliveries);
    fill(webhook, known(found, act));
    fill(deliveries, sent.length ? listed(sent, found, act) : h("p", {}, "No message in 30 days."));
    held?.();
  };
  /** Ask for something, say that it was done, and show what came of it. */
  async function act(path, done) {
    fill(wrong);
    try {
      await post(`${here}${path}`);
      await again();
      announce(done);
    } catch (error) {
      if (!signal.aborted) fill(wrong, problem(error));
    }
  }
  const remove = async () => {
    try {
      await send(here, { method: "DELETE" });
      location.hash = "#/webhooks";
    } catch (error) {
      fill(wrong, problem(error));
    }
  };
  const again = await refreshed(read, draw, 5, signal);
  return h("div", {}, title("Webhook"), wrong, webhook, secret(here, again),
    h("section", { class: "card" }, h("h2", {}, "Messages"), deliveries),
    h("section", { class: "card" }, h("h2", {}, "Delete"), h("p", {}, "What waits for it is not sent, and the list of its messages goes."), guardedButton("Delete the webhook", "Delete it?", remove)));
}

/** A new secret in place of the present one, which signs for a day more. */
function secret(here, again) {
  const place = h("div", {});
  const rotate = async () => {
    try {
      fill(place, shownOnce((await post(`${here}/rotate`)).secret));
    } catch (error) {
      fill(place, problem(error));
    }
    await again().catch(() => {}); // the page is read anew soon; the secret is shown this once
  };
  const ask = () => guardedButton("Make a new secret", "Make one? Messages are signed with both for a day.", rotate, "");
  fill(place, ask());
  return h("section", { class: "card" }, h("h2", {}, "Secret"), h("p", {}, "It was shown when it was made. A new one takes its place; the old one signs beside it for a day, so that the receiver can change over."), place);
}

/** Remember which button has the focus; returns what gives it to its successor, or to the first. */
function heldButton(...places) {
  if (!places.some((place) => place.contains(document.activeElement))) return null;
  const name = (button) => button.getAttribute("aria-label") ?? button.textContent;
  const held = name(document.activeElement);
  return () => {
    const buttons = places.flatMap((place) => [...place.querySelectorAll("button")]);
    (buttons.find((each) => name(each) === held) ?? buttons[0])?.focus();
  };
}

function known(found, act) {
  const off = found.disabled_at;
  return h("section", { class: "card" },
    off && h("p", { class: "notice warn" }, "Its receiver answered 410 (Gone), so nothing is sent since ", moment(off), ". Enable it once the receiver is back; messages that died can be sent again below."),
    h("p", {}, h("code", {}, found.url)),
    facts([["State", standing(found)], ["Messages", messages(found)], ["Identifier", id(found.id)], ["Made by", id(found.created_by)], ["Made", moment(found.created_at)],
      ["Earlier secret signs until", found.earlier_expires_at && moment(found.earlier_expires_at)]]),
    h("div", { class: "actions" }, off
      ? h("button", { type: "button", class: "main", onclick: () => act("/enable", "Messages go there again.") }, "Enable")
      : h("button", { type: "button", onclick: () => act("/test", "A test is on its way.") }, "Send a test")));
}

function listed(sent, found, act) {
  const rows = sent.map((each) => [id(each.id), each.type, state(each.state), count(each.num_attempts), answer(each), moment(each.last_attempt_at), each.next_attempt_at ? moment(each.next_attempt_at) : "–",
    found.disabled_at ? "–" : h("button", { type: "button", class: "small", "aria-label": `Send again: ${each.id}`, onclick: () => act(`/deliveries/${each.id}/resend`, "It is sent once more.") }, "Send again")]);
  return table("Messages, newest first", ["Message", "Type", "State", { text: "Attempts", number: true }, "Last answer", "Last attempt", "Next attempt", "Once more"], rows);
}

/** Say what the receiver answered, or why nothing came. */
function answer(delivery) {
  const parts = [delivery.last_status && String(delivery.last_status), delivery.last_error && words(delivery.last_error)];
  return parts.filter(Boolean).join(", ") || "–";
}
