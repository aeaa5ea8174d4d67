/** The secret of a webhook, which an answer holds once and nothing can show again. */

import { announce, h } from "./dom.js";
import { field } from "./parts.js";

/** Show it to be copied. */
export function shownOnce(secret) {
  const input = h("input", { readonly: true, value: secret, autocomplete: "off", spellcheck: "false", class: "id", onfocus: () => input.select() });
  const copy = async () => {
    await navigator.clipboard.writeText(secret);
    announce("The secret was copied.");
  };
  announce("The secret is shown, once.");
  return h("div", { class: "notice good" }, field("Secret", input, "It is shown this once. Its receiver checks messages with it: keep it there, and nowhere else."),
    navigator.clipboard && h("div", { class: "actions" }, h("button", { type: "button", onclick: copy }, "Copy")));
}
