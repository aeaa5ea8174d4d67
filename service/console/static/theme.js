/** Light or dark: as the system asks, or as the reader chose on this machine. */

import { h } from "./dom.js";

const STORED = "synthcxr.theme";
const CHOICES = { system: "System", light: "Light", dark: "Dark" };

/** Use the reader's choice. */
export function useTheme(choice = localStorage.getItem(STORED) ?? "system") {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

/** A list to choose it from. */
export function themeChoice() {
  const chosen = localStorage.getItem(STORED) ?? "system";
  const change = (event) => {
    localStorage.setItem(STORED, event.target.value);
    useTheme(event.target.value);
  };
  return h("select", { "aria-label": "Colours", title: "Colours", onchange: change },
    Object.entries(CHOICES).map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}
