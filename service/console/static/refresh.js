/** Reading something again and again while its page is open and seen. */

/**
 * Read and draw once, then read every so many seconds and draw what is new. What is as before stays:
 * a button that is being pressed, and text that is being marked.
 * The first failure is raised, later ones wait their turn.
 * @param {() => Promise<any>} read Returns what `draw` takes.
 * @param {(found: any) => void} draw
 * @param {number} seconds
 * @param {AbortSignal} signal Ends it.
 * @param {() => boolean} more Whether to go on.
 * @returns {Promise<() => Promise<void>>} What reads and draws at once.
 */
export async function refreshed(read, draw, seconds, signal, more = () => true) {
  let drawn = "";
  const again = async () => {
    const found = await read();
    const text = JSON.stringify(found);
    if (text === drawn) return;
    drawn = text;
    draw(found);
  };
  await again();
  const timer = setInterval(async () => {
    if (!more()) return clearInterval(timer);
    if (!document.hidden && !keepsFocus()) await again().catch((error) => { if (!signal.aborted) console.warn(error); });
  }, seconds * 1000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return again;
}

/** Who is inside a table by keyboard would lose their place. */
function keepsFocus() {
  return Boolean(document.activeElement?.closest("table, .scroll"));
}
