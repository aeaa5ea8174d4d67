/** Numbers, times and sizes, as people read them. */

/** Write a count with thousands apart. */
export const count = (value) => Math.round(value).toLocaleString("en-GB");

/** Write a number with some significant digits. */
export function figure(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(digits - 1)
    : Number(value.toPrecision(digits)).toString();
}

/** Write a share in per cent. */
export const percent = (share, digits = 3) => `${figure(100 * share, digits)} %`;

/** Write a span of seconds. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "under 1 s";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return parts(Math.floor(whole / 60), "min", whole % 60, "s");
  return parts(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
}

const parts = (many, large, few, small) => (few ? `${many} ${large} ${few} ${small}` : `${many} ${large}`);

/** Write a moment in the reader's own time zone. */
export function moment(text) {
  if (!text) return "–";
  return new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** Write a size. */
export function bytes(size) {
  if (size === null || size === undefined) return "–";
  for (const [unit, each] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (size >= each) return `${figure(size / each)} ${unit}`;
  }
  return `${size} bytes`;
}

/** Write a name of the API as words: `images_per_second` as "Images per second". */
export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Write an estimate with its interval. */
export function estimate(found) {
  if (!found) return "not measured";
  const value = found.value ?? found.estimate ?? found.point;
  if (found.low === null || found.low === undefined) return figure(value);
  return `${figure(value)} (${figure(found.low)} to ${figure(found.high)})`;
}
