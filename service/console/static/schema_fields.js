/** Fields for the options that the API describes: each empty until somebody wants another value. */

import { h } from "./dom.js";
import { words } from "./format.js";
import { field, select } from "./parts.js";

/**
 * Make fields of a schema's properties.
 * @param {Object} schema Of openapi.json.
 * @param {Object} [given] Values that the fields have at first.
 * @returns {{element: Node, fields: Node[], values: () => Object}} `values` has those that were given.
 */
export function schemaFields(schema, given = {}) {
  const inputs = {};
  const made = Object.entries(schema?.properties ?? {}).map(([name, described]) => {
    inputs[name] = inputOf(described);
    if (given[name] !== undefined) inputs[name].value = String(given[name]);
    return field(words(name), inputs[name], described.description);
  });
  const values = () => Object.fromEntries(Object.entries(inputs).filter(([, input]) => input.value !== "").map(([name, input]) => [name, valueOf(input.value)]));
  return { element: h("div", { class: "columns" }, made), fields: made, values };
}

function inputOf(property) {
  // what may be null as well is described by its other type
  const described = { ...property, ...property.anyOf?.find((each) => each.type !== "null") };
  const options = described.enum ?? (described.const === undefined ? null : [described.const]) ?? (described.type === "boolean" ? ["true", "false"] : null);
  if (options) return select([{ value: "", text: "Default" }, ...options.map((value) => ({ value: String(value), text: String(value) }))], "");
  if (["number", "integer"].includes(described.type)) {
    return h("input", { type: "number", min: described.minimum, max: described.maximum, step: described.type === "integer" ? 1 : "any", placeholder: "Default" });
  }
  return h("input", { placeholder: "Default", autocomplete: "off", spellcheck: "false" });
}

/** Read the default of an option, which openapi.json says in words; undefined where it says none. */
export function defaultOf(described) {
  const [, said] = described?.description?.match(/Default: (.*)\.$/s) ?? [];
  return said === undefined ? undefined : valueOf(said);
}

function valueOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a word, such as a name
  }
}

/** Name a schema of a family, as openapi.json does. */
export const ofFamily = (family, kind) => family.charAt(0).toUpperCase() + family.slice(1) + kind;
