/** Which measures of a training belong on one drawing. */

import { curves, manyCurves } from "./chart.js";
import { h } from "./dom.js";

const OF_THEIR_OWN = [["memorisation", "Memorisation, in standard errors"], ["kid", "KID: distance to training images, with its 95 % interval"]];
const ENDS = ["_low", "_high"]; // of the interval of a measure, under its name and these
const MOST_TOGETHER = 4;

/**
 * Draw the measures of a training: losses together, and what they are made of one by one.
 * @param {string} stage Of the training.
 * @param {Object<string, Array<[number, number]>>} series Points by the measure's name.
 */
export function grouped(stage, series) {
  const names = Object.keys(series);
  const apart = OF_THEIR_OWN.map(([part, caption]) => [caption, names.filter((name) => name.includes(part))]).filter(([, found]) => found.length);
  const rest = names.filter((name) => !OF_THEIR_OWN.some(([part]) => name.includes(part)));
  const losses = rest.filter((name) => /(^|_)loss$/.test(name)).slice(0, MOST_TOGETHER);
  const together = losses.length ? losses : rest.slice(0, MOST_TOGETHER);
  const further = rest.filter((name) => !together.includes(name));
  return [
    together.length > 0 && h("section", { class: "card" }, curves(`Losses, ${stage}`, only(series, together)),
      further.length > 0 && h("details", {}, h("summary", {}, "What they are made of"), manyCurves(only(series, further)))),
    apart.map(([caption, found]) => h("section", { class: "card" }, withIntervals(caption, only(series, found)))),
  ];
}

/** Draw measures, each with the interval that is measured beside it. */
function withIntervals(caption, series) {
  const measures = Object.keys(series).filter((name) => !ENDS.some((end) => name.endsWith(end)));
  const intervals = {};
  for (const name of measures) {
    const [low, high] = ENDS.map((end) => series[`${name}${end}`]);
    if (low && high) intervals[name] = low.map(([across, least], index) => [across, least, high[index]?.[1] ?? least]);
  }
  return curves(caption, only(series, measures), intervals);
}

const only = (series, names) => Object.fromEntries(names.map((name) => [name, series[name]]));
