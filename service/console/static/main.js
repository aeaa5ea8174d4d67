/** The console's frame: who reads it, which page is open, what leads to the others. */

import { authorization, get, Problem } from "./api.js";
import { announce, fill, h, title } from "./dom.js";
import { problem } from "./parts.js";
import * as session from "./session.js";
import { themeChoice, useTheme } from "./theme.js";

// text, page, and the scope without which it is not shown
const PLACES = [["Jobs", "jobs"], ["Datasets", "datasets"], ["Models", "models"], ["Sets", "sets"], ["Webhooks", "webhooks", "admin"]];
// each page is a module that makes it: `page(arguments of the address, signal that ends it)`
const PAGES = {
  jobs: "jobs", job: "job", datasets: "datasets", "add-dataset": "add_dataset", dataset: "dataset", train: "train",
  models: "models", model: "model", generate: "generate", sets: "sets", set: "set",
  webhooks: "webhooks", "add-webhook": "add_webhook", webhook: "webhook",
};
const WITHIN = { job: "jobs", dataset: "datasets", "add-dataset": "datasets", train: "models", model: "models", generate: "sets", set: "sets", "add-webhook": "webhooks", webhook: "webhooks" };

const main = document.getElementById("main");
let leaving = new AbortController();

async function open() {
  leaving.abort(new DOMException("Another page is open.", "AbortError"));
  leaving = new AbortController();
  const { signal } = leaving;
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  if (!PAGES[name]) return location.replace("#/jobs");
  showPlaces(WITHIN[name] ?? name);
  main.setAttribute("aria-busy", "true");
  fill(main, h("p", { class: "quiet" }, "Loading …"));
  try {
    const module = await import(`./pages/${PAGES[name]}.js`);
    const page = await module.page(rest, signal);
    if (!signal.aborted) show(page);
  } catch (error) {
    if (!signal.aborted) show(h("div", {}, title("This page cannot be shown"), problem(error)));
  }
}

function show(page) {
  fill(main, page);
  main.removeAttribute("aria-busy");
  main.dataset.shows = location.hash;
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · SynthCXR` : "SynthCXR";
  heading?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function showPlaces(current) {
  const nav = document.getElementById("nav");
  nav.hidden = false;
  fill(nav, PLACES.filter(([, , scope]) => !scope || session.may(scope)).map(([text, name]) => h("a", { href: `#/${name}`, "aria-current": name === current && "page" }, text)));
}

function showAccount() {
  const who = session.caller();
  fill(document.getElementById("account"), themeChoice(),
    session.key() && who && h("button", { type: "button", class: "small", onclick: () => session.end(null) }, "Sign out"));
}

function showCaller() {
  const who = session.caller();
  fill(document.getElementById("caller"), who && ["You are ", h("code", {}, who.id), ` of ${who.tenant}, with the scopes ${who.scopes.join(", ")}.`]);
}

async function askForKey() {
  leaving.abort(new DOMException("The session ended.", "AbortError"));
  document.getElementById("nav").hidden = true;
  showAccount();
  showCaller();
  const login = await import("./pages/login.js");
  show(login.page(session.ended(), start));
  if (session.ended()) announce(session.ended());
}

async function start() {
  try {
    const found = await get("/caller");
    session.begin(null, found);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return askForKey();
    return show(problem(error));
  }
  showAccount();
  showCaller();
  await open();
}

window.addEventListener("hashchange", () => session.caller() && open());
window.addEventListener("session-ended", askForKey);
useTheme();
showAccount();
if (session.key()) start();
else askWhetherKeysAreAsked();

/** A service without keys lets everybody in: nothing is asked then. */
async function askWhetherKeysAreAsked() {
  const answer = await fetch("/caller", { headers: authorization() }).catch(() => null);
  if (answer?.status === 401) return askForKey();
  return start();
}

fetch("/version").then((answer) => answer.json())
  .then(({ version }) => fill(document.getElementById("version"), ` · version ${version}`))
  .catch(() => {});
