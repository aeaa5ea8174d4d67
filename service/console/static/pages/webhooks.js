/** All webhooks of the tenant, and what became of the last message to each. */

import { get, list } from "../api.js";
import { action, fill, h, table, title } from "../dom.js";
import { moment } from "../format.js";
import { state } from "../parts.js";
import { refreshed } from "../refresh.js";
import { may } from "../session.js";

/** Make the page. */
export async function page(_, signal) {
  if (!may("admin")) return h("div", {}, title("Webhooks"), h("p", { class: "notice" }, "Webhooks need the scope ", h("code", {}, "admin"), "."));
  const place = h("div", { class: "card" });
  const read = async () => {
    const found = await list("/webhooks", signal);
    const last = await Promise.all(found.map((each) => get(`/webhooks/${each.id}/deliveries?limit=1`, signal)));
    return { found, last: last.map((each) => each.items[0]) };
  };
  const draw = ({ found, last }) => fill(place, found.length ? shown(found, last) : h("p", {}, "No webhook yet."));
  await refreshed(read, draw, 60, signal); // a request for each webhook
  return h("div", {}, title("Webhooks", h("div", { class: "actions" }, action("Add a webhook", "#/add-webhook", "main"))), place,
    h("p", { class: "quiet" }, "The service sends a signed message when a job is done and when a set was examined."));
}

function shown(found, last) {
  const rows = found.map((each, index) => [h("a", { href: `#/webhook/${each.id}`, class: "id" }, each.url), messages(each), standing(each), became(last[index]), h("span", { class: "id" }, each.created_by), moment(each.created_at)]);
  return table("Webhooks, newest first", ["URL", "Messages", "State", "Last message", "Made by", "Made"], rows);
}

/** Say which messages a webhook gets. */
export const messages = (webhook) => webhook.events.join(", ") || "all";

/** Say whether a webhook is sent anything. */
export const standing = (webhook) => state(webhook.disabled_at ? "disabled" : "enabled");

function became(delivery) {
  if (!delivery) return "none in 30 days";
  return [state(delivery.state), ` ${delivery.type}, ${moment(delivery.last_attempt_at ?? delivery.created_at)}`];
}
