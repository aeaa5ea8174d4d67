/** Asking the API: with the reader's key, again where the connection was lost, errors as problems. */

import { note, pause } from "./connection.js";
import * as session from "./session.js";

const UNANSWERED = new Set([502, 503, 504]); // of a proxy, or of a service that starts

/** An error that the API names (RFC 9457). */
export class Problem extends Error {
  constructor(body, status) {
    super(body.detail ?? `The service answered ${status}.`);
    this.code = body.code ?? "unknown";
    this.status = status;
    this.fields = body.errors ?? [];
    this.requestId = body.request_id;
  }
}

/** Nobody answered a request that is not repeated by itself. */
export class Unanswered extends Problem {
  constructor() {
    super({ code: "no_answer", detail: "The service did not answer. Look whether it was done, then try again." }, 0);
  }
}

/** The header that says who asks. */
export function authorization() {
  return session.key() ? { Authorization: `Bearer ${session.key()}` } : {};
}

/**
 * Send a request, and again while nobody answers it: what reads, and what has an idempotency key.
 * @returns {Promise<Response>} One that succeeded.
 */
export async function send(path, { method = "GET", body, headers = {}, signal, cache = "no-store" } = {}) {
  const once = method !== "GET" && !headers["Idempotency-Key"];
  for (let tries = 0; ; tries += 1) {
    const answer = await attempt(path, { method, body, headers, signal, cache });
    if (answer && !(UNANSWERED.has(answer.status) && !isProblem(answer))) {
      note(true);
      if (answer.ok || answer.status === 304) return answer;
      throw await problemOf(answer);
    }
    note(false);
    if (once) throw new Unanswered();
    await pause(tries, signal);
  }
}

async function attempt(path, { method, body, headers, signal, cache }) {
  try {
    return await fetch(path, { method, body, headers: { ...authorization(), ...headers }, signal, cache });
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}

const isProblem = (answer) => (answer.headers.get("content-type") ?? "").includes("problem+json");

/** Read the problem that an answer is; ends the session where the key is not accepted. */
export async function problemOf(answer) {
  const found = new Problem(await answer.json().catch(() => ({})), answer.status);
  if (answer.status === 401 && session.caller()) {
    session.end("Your key has expired or was revoked, so you were signed out. What was started goes on.");
  }
  return found;
}

/** Read a JSON answer. */
export async function get(path, signal, accept = "application/json") {
  return (await send(path, { signal, headers: { Accept: accept } })).json();
}

/** Read the schemas of the API; the browser keeps them, and asks each time whether they changed. */
export async function schemas(signal) {
  const api = await (await send("/openapi.json", { signal, cache: "no-cache" })).json();
  return api.components.schemas;
}

/** Send JSON; `repeatable` requests carry a key, so that a lost answer does no work twice. */
export async function post(path, body, { signal, repeatable = false } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (repeatable) headers["Idempotency-Key"] = newKey();
  const sent = body === undefined ? undefined : JSON.stringify(body);
  if (sent === undefined) delete headers["Content-Type"];
  const answer = await send(path, { method: "POST", body: sent, headers, signal });
  return answer.status === 204 ? null : answer.json();
}

function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
}

/** Read every record of a list, up to some pages of it. */
export async function list(path, signal, maxPages = 5) {
  const items = [];
  let cursor = null;
  for (let page = 0; page < maxPages; page += 1) {
    const here = `${path}${path.includes("?") ? "&" : "?"}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const found = await get(here, signal);
    items.push(...found.items);
    cursor = found.next_cursor;
    if (!cursor) break;
  }
  return items;
}

/** Send a form with a file, and say how far it is: the only request that shows its progress. */
export function upload(path, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded, event.total));
    request.addEventListener("error", () => { note(false); reject(new Unanswered()); });
    request.addEventListener("load", () => {
      note(true);
      const answer = new Response(request.responseText, { status: request.status });
      if (answer.ok) answer.json().then(resolve, reject);
      else problemOf(answer).then(reject);
    });
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

/** Fetch a picture; returns its address inside this page, which ends with the page. */
export async function picture(path, signal) {
  const blob = await (await send(path, { signal, headers: { Accept: "image/png" } })).blob();
  const address = URL.createObjectURL(blob);
  signal?.addEventListener("abort", () => URL.revokeObjectURL(address), { once: true });
  return address;
}

/** Save a file under a name. */
export async function save(path, name, accept) {
  const blob = await (await send(path, { headers: accept ? { Accept: accept } : {} })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
