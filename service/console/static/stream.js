/** Following a job's log as it is written: server-sent events, with the key in a header. */

import { authorization, problemOf } from "./api.js";
import { note, pause } from "./connection.js";

const DONE = 204;
const TOO_MANY = 429;
const MOST_SILENT = 45_000; // milliseconds; the service says something every 15 seconds

/**
 * Hand over every entry of a job's log, from the first, until the job is done.
 * A connection that was lost, or has long been silent, is taken up behind the last entry that came.
 * @param {string} path Of the job's events.
 * @param {(entry: Object) => void} onEntry
 * @param {AbortSignal} signal
 */
export async function follow(path, onEntry, signal) {
  let last = 0;
  for (let tries = 0; !signal.aborted; tries += 1) {
    const silence = new Silence();
    try {
      const headers = { ...authorization(), Accept: "text/event-stream", "Last-Event-ID": String(last) };
      const answer = await fetch(path, { headers, signal: AbortSignal.any([signal, silence.signal]), cache: "no-store" });
      if (answer.status === DONE) return note(true);
      if (answer.ok) {
        note(true);
        await read(answer.body, silence, (entry) => {
          last = entry.sequence;
          tries = 0;
          onEntry(entry);
        });
        continue; // the job is done, which the next answer says; or the stream was cut
      }
      if (answer.status < 500 && answer.status !== TOO_MANY) throw await problemOf(answer);
    } catch (error) {
      if (signal.aborted) return;
      // a TypeError is a connection that failed
      if (!(error instanceof TypeError) && !silence.signal.aborted) throw error;
      note(false);
    } finally {
      silence.end();
    }
    await pause(tries, signal);
  }
}

/** Ends a connection on which nothing comes: a network that drops everything never says so. */
class Silence {
  #ends = new AbortController();
  #timer = null;

  constructor() {
    this.broken();
  }

  /** What ends the connection. */
  get signal() {
    return this.#ends.signal;
  }

  /** Note that something came. */
  broken() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ends.abort(), MOST_SILENT);
  }

  /** Wait no longer. */
  end() {
    clearTimeout(this.#timer);
  }
}

async function read(body, silence, onEntry) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    silence.broken();
    if (done) return;
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const data = message.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
      if (data.length) onEntry(JSON.parse(data.join("\n")));
    }
  }
}
