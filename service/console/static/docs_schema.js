/** Schemas of openapi.json as tables, opened one level at a time. */

import { coded, h } from "./dom.js";

const MAX_DEPTH = 6;

/** Follow a reference. */
function resolved(schema, api) {
  return schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;
}

/** Say what a value is, in a few words. */
function kindOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map(String).join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map(kindOf).join(" or ");
  if (schema.type === "array") return `list of ${kindOf(schema.items)}`;
  if (typeof schema.additionalProperties === "object") return `object of ${kindOf(schema.additionalProperties)}`;
  return [schema.type, schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

/** Make the table of an object's fields; what is inside a field is drawn when it is opened. */
export function schemaTable(schema, api, depth = 0) {
  const object = resolved(schema, api);
  const fields = Object.entries(object?.properties ?? {});
  if (!fields.length) return h("p", {}, h("code", {}, kindOf(schema)), object?.description && [" ", coded(object.description)]);
  const required = new Set(object.required ?? []);
  const name = object.title ?? "Fields";
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, h("table", {}, h("caption", {}, name), h("tbody", {}, fields.map(([field, described]) =>
    h("tr", {}, h("th", { scope: "row" }, h("code", {}, field), required.has(field) && " *"), h("td", {}, h("code", {}, kindOf(described)), described.description && h("div", {}, coded(described.description)), inner(described, api, depth)))))));
}

function inner(described, api, depth) {
  const found = [described, described.items, described.additionalProperties, ...(described.anyOf ?? [])].filter((each) => each?.$ref && resolved(each, api)?.properties);
  if (depth >= MAX_DEPTH) return null;
  return found.map((each) => {
    const element = h("details", { ontoggle: () => { if (element.open && element.children.length === 1) element.append(schemaTable(each, api, depth + 1)); } }, h("summary", {}, kindOf(each)));
    return element;
  });
}

/** Show the first example of a schema. */
export function exampleOf(schema, api) {
  const [example] = resolved(schema, api)?.examples ?? [];
  return example && h("details", {}, h("summary", {}, "Example"), h("pre", { tabindex: "0" }, JSON.stringify(example, null, 2)));
}
