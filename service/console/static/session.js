/** Who reads the console: their key, which the browser forgets with the tab, and what it allows. */

const STORED = "synthcxr.key";
const state = { caller: null, ended: null };

/** The key, or null where none was entered: a service without keys asks for none. */
export const key = () => sessionStorage.getItem(STORED);

/** Who the service takes the reader for; null before that is known. */
export const caller = () => state.caller;

/** Whether the reader holds a scope. */
export const may = (scope) => Boolean(state.caller?.scopes.includes(scope));

/** Why the last session ended, for the page that asks for a key; null where none did. */
export const ended = () => state.ended;

/** Begin with a key. */
export function begin(secret, found) {
  if (secret) sessionStorage.setItem(STORED, secret);
  state.caller = found;
  state.ended = null;
}

/** End it, and say why. */
export function end(why) {
  sessionStorage.removeItem(STORED);
  state.caller = null;
  state.ended = why;
  window.dispatchEvent(new Event("session-ended"));
}
