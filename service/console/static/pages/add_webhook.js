/** Making a webhook: where messages lead, and which; its secret is shown once. */

import { post, schemas } from "../api.js";
import { action, fill, h, title } from "../dom.js";
import { field, form } from "../parts.js";
import { may } from "../session.js";
import { shownOnce } from "../webhook_secret.js";

/** Make the page. */
export async function page(_, signal) {
  if (!may("admin")) return h("div", {}, title("Add a webhook"), h("p", { class: "notice" }, "Webhooks need the scope ", h("code", {}, "admin"), "."));
  const { WebhookBody: { properties: { url: described, events } } } = await schemas(signal);
  const url = h("input", { type: "url", maxlength: described.maxLength, autocomplete: "off", spellcheck: "false", placeholder: described.examples[0] });
  const boxes = events.items.enum.map((name) => h("input", { type: "checkbox", id: `event-${name}`, value: name }));
  const place = h("div", { class: "card" });
  const submit = async () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    const made = await post("/webhooks", { url: url.value.trim(), events: chosen }, { signal });
    fill(place, h("p", {}, "Messages go to ", h("code", {}, made.url), " from now on."), shownOnce(made.secret),
      h("div", { class: "actions" }, action("Open the webhook", `#/webhook/${made.id}`)));
    place.querySelector("input").focus();
  };
  fill(place, form("Add it", submit, field("URL", url, described.description),
    h("fieldset", {}, h("legend", {}, "Messages"), h("p", { class: "quiet" }, "All, where none is chosen."),
      boxes.map((box) => h("div", { class: "choice" }, box, h("label", { for: box.id }, h("code", {}, box.value)))))));
  return h("div", {}, title("Add a webhook"), place);
}
