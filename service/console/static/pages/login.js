/** Asking for a key. */

import { get, Problem } from "../api.js";
import { h, title } from "../dom.js";
import { field, form } from "../parts.js";
import * as session from "../session.js";

/** Make the page; `why` says why the last session ended, `enter` opens the console. */
export function page(why, enter) {
  const input = h("input", { type: "password", name: "key", autocomplete: "off", spellcheck: "false", required: true, autocapitalize: "off" });
  const submit = async () => {
    const secret = input.value.trim();
    if (!secret) throw new Problem({ code: "no_key", detail: "Enter a key, or a token of your identity provider." });
    sessionStorage.setItem("synthcxr.key", secret);
    try {
      session.begin(secret, await get("/caller"));
    } catch (error) {
      sessionStorage.removeItem("synthcxr.key");
      throw error;
    }
    enter();
  };
  return h("div", { class: "narrow" }, title("Sign in"),
    why && h("div", { class: "notice warn", role: "alert" }, h("p", {}, why)),
    h("div", { class: "card" }, form("Sign in", submit,
      field("Key or token", input, "It stays in this tab of the browser and is forgotten with it."))),
    h("div", { class: "card" }, h("h2", {}, "Where do I find one?"),
      h("p", {}, "On the machine that runs ", h("code", {}, "synthcxr up"), ", in the file ", h("code", {}, "token"), " of its data directory. Otherwise whoever runs the service makes one: ", h("code", {}, "synthcxr keys create"), "."),
      h("p", { class: "quiet" }, "To see the images of patients, previews and unreleased sets, it needs the scope ", h("code", {}, "private:read"), ".")));
}
