/** The reference of the API, drawn from openapi.json: nothing is loaded from elsewhere. */

import { coded, fill, h, title } from "./dom.js";
import { exampleOf, schemaTable } from "./docs_schema.js";
import { themeChoice, useTheme } from "./theme.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const main = document.getElementById("main");
useTheme();
fill(document.getElementById("account"), themeChoice());

try {
  const api = await (await fetch("/openapi.json")).json();
  fill(main, reference(api));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  fill(main, title("API reference"), h("p", { class: "notice bad", role: "alert" }, `openapi.json could not be read: ${error.message}`));
}

function reference(api) {
  const operations = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => ({ method, path, ...item[method] })));
  const sections = (api.tags ?? []).map((tag) => ({ ...tag, operations: operations.filter((each) => each.tags?.includes(tag.name)) })).filter((each) => each.operations.length);
  const shown = h("div", {}, sections.map((section) => tagged(section, api)));
  const none = h("p", { class: "quiet", role: "status" });
  const search = h("input", { type: "search", "aria-label": "Find an operation", placeholder: "Find an operation", oninput: () => {
    const wanted = search.value.trim().toLowerCase();
    let num = 0;
    for (const each of shown.querySelectorAll(".operation")) num += !(each.hidden = !each.dataset.words.includes(wanted));
    for (const each of shown.children) each.hidden = !each.querySelector(".operation:not([hidden])");
    fill(none, num ? "" : "No operation is called like this.");
  } });
  return [title("API reference", h("span", { class: "quiet" }, `OpenAPI ${api.openapi}, version ${api.info.version}`)), h("section", { class: "card" }, paragraphs(api.info.description), search, none), shown];
}

function tagged(section, api) {
  return h("section", { class: "card" }, h("h2", {}, section.name), h("p", { class: "quiet" }, section.description), section.operations.map((each) => operation(each, api)));
}

function operation(each, api) {
  const words = `${each.method} ${each.path} ${each.operationId} ${each.summary}`.toLowerCase();
  const element = h("details", { class: "operation", id: each.operationId, "data-words": words, ontoggle: () => { if (element.open && !element.dataset.drawn) { element.dataset.drawn = "yes"; element.append(body(each, api)); } } },
    h("summary", {}, h("span", { class: "method" }, each.method.toUpperCase()), " ", h("code", {}, each.path), ` ${each.summary}`));
  return element;
}

function body(each, api) {
  const parameters = each.parameters ?? [];
  return h("div", {}, paragraphs(each.description), h("p", { class: "quiet" }, each["x-scopes"]?.length ? `Needs one of the scopes: ${each["x-scopes"].join(", ")}.` : "Open to everybody."),
    parameters.length > 0 && h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Parameters of ${each.operationId}` }, h("table", {}, h("caption", {}, "Parameters"), h("tbody", {}, parameters.map((one) =>
      h("tr", {}, h("th", { scope: "row" }, h("code", {}, one.name), one.required && " *"), h("td", {}, one.in), h("td", {}, coded(one.description))))))),
    each.requestBody && Object.entries(each.requestBody.content).map(([type, content]) => h("div", {}, h("h3", {}, `Body: ${type}`), schemaTable(content.schema, api), exampleOf(content.schema, api))),
    h("h3", {}, "Answers"), Object.entries(each.responses).map(([status, answer]) => response(status, answer, api)));
}

function response(status, answer, api) {
  const [[type, content] = []] = Object.entries(answer.content ?? {});
  return h("div", {}, h("p", {}, h("strong", {}, status), ` ${answer.description ?? ""}`, type && h("span", { class: "quiet" }, ` (${Object.keys(answer.content).join(", ")})`)),
    content?.schema && status < "300" && [schemaTable(content.schema, api), exampleOf(content.schema, api)]);
}

function paragraphs(text) {
  return (text ?? "").split(/\n\s*\n/).filter(Boolean).map((each) => h("p", {}, coded(each)));
}
