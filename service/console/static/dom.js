/** Making elements without a word of HTML: text stays text, whatever a record holds. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag
 * @param {Object} [attributes] A function is a listener (`onclick`); true is an attribute without a
 *   value; false, null and undefined are none.
 * @param {...any} children Nodes, texts or lists of them; null and false are none.
 */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Replace what is in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Say something to screen readers, without moving to it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/**
 * Make a table that scrolls by itself where it is too wide.
 * @param {string} caption Names it.
 * @param {Array<string|{text: string, number: boolean, wide: boolean}>} columns `wide` ones hold sentences.
 * @param {Array<Array<any>>} rows The first cell of each names the row.
 */
export function table(caption, columns, rows) {
  const kinds = columns.map((column) => (column.number ? "number" : column.wide ? "wide" : null));
  const head = columns.map((column, index) =>
    h("th", { scope: "col", class: kinds[index] }, column.text ?? column));
  const body = rows.map((cells) =>
    h("tr", {}, cells.map((cell, index) => index === 0
      ? h("th", { scope: "row" }, cell)
      : h("td", { class: kinds[index] }, cell))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}

/** List names with their values; those without a value are left out. */
export function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" },
    given.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Write what stands between backticks as code. */
export function coded(text) {
  return (text ?? "").split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/** A heading that a new page moves the focus to. */
export function title(text, ...more) {
  return h("div", { class: "title" }, h("h1", { tabindex: "-1" }, text), more);
}

/** A link that looks like a button. */
export function action(text, href, kind = "") {
  return h("a", { class: `button ${kind}`, href }, text);
}
