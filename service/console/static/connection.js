/** Whether the service answers: says so where it does not, and waits for it to come back. */

import { announce, fill, h } from "./dom.js";

const LONGEST_WAIT = 10_000; // milliseconds
let lost = false;
const waiting = new Set(); // what ends each wait for another try
const wake = () => waiting.forEach((go) => go());

/** Note that the service did not answer, or that it does again. */
export function note(answered) {
  if (answered !== lost) return;
  lost = !answered;
  const place = document.getElementById("connection");
  if (!place) return;
  if (lost) {
    fill(place, h("p", { class: "notice warn" }, "The service does not answer. Trying again; nothing is lost, jobs go on. ",
      h("button", { type: "button", class: "small", onclick: wake }, "Try now")));
  } else {
    fill(place);
    announce("The service answers again.");
  }
}

/** Wait before another try: longer each time, until somebody says now. */
export function pause(tries, signal) {
  const milliseconds = Math.min(500 * 2 ** tries, LONGEST_WAIT);
  return new Promise((resolve, reject) => {
    const stop = () => { end(); reject(signal.reason); };
    const done = () => { end(); resolve(); };
    const timer = setTimeout(done, milliseconds);
    waiting.add(done);
    function end() { clearTimeout(timer); waiting.delete(done); signal?.removeEventListener("abort", stop); }
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

window.addEventListener("online", wake);
