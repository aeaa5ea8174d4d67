/** Reading something again and again while its page is open and seen. */

/**
 * Read once, then every so many seconds; the first failure is raised, later ones wait their turn.
 * @param {() => Promise<any>} read
 * @param {number} seconds
 * @param {AbortSignal} signal Ends it.
 * @param {() => boolean} more Whether to go on.
 */
export async function refreshed(read, seconds, signal, more = () => true) {
  await read();
  const timer = setInterval(async () => {
    if (!more()) return clearInterval(timer);
    if (!document.hidden && !keepsFocus()) await read().catch((error) => { if (!signal.aborted) console.warn(error); });
  }, seconds * 1000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** Who is inside a table by keyboard would lose their place. */
function keepsFocus() {
  return Boolean(document.activeElement?.closest("table, .scroll"));
}
