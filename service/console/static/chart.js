/** Curves and histograms as drawings, each with its figures as a table for those who do not see it. */

import { h, svg, table } from "./dom.js";
import { count, figure, words } from "./format.js";

const WIDTH = 560;
const HEIGHT = 220;
const LEFT = 60;
const BOTTOM = 28;
const MAX_ROWS = 12;

/**
 * Draw curves over the images seen.
 * @param {string} caption
 * @param {Object<string, Array<[number, number]>>} series Points by the curve's name.
 * @param {Object<string, Array<[number, number, number]>>} intervals Of some curves: (images seen, least, most).
 */
export function curves(caption, series, intervals = {}) {
  const xName = "Images seen";
  const names = Object.keys(series).filter((name) => series[name].length);
  const points = names.flatMap((name) => series[name]);
  if (!points.length) return h("p", { class: "quiet" }, `${caption}: nothing is measured yet.`);
  const x = scale(points.map((point) => point[0]), LEFT, WIDTH - 8);
  const bounds = names.flatMap((name) => intervals[name] ?? []).flatMap(([, ...ends]) => ends);
  const y = scale([...points.map((point) => point[1]), ...bounds], HEIGHT - BOTTOM, 8);
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": inWords(caption, series, names) },
    y.ticks.map((value) => [
      svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: y.at(value), y2: y.at(value) }),
      svg("text", { x: LEFT - 6, y: y.at(value) + 4, "text-anchor": "end" }, figure(value, 2)),
    ]),
    x.ticks.map((value, index) => svg("text", { x: x.at(value), y: HEIGHT - 10, "text-anchor": ["start", "middle", "end"][index] ?? "middle" }, count(value))),
    names.map((name) => intervals[name] && bandOf(intervals[name], x, y)),
    names.map((name, index) => lineOf(series[name], x, y, `s${index % 4}`)));
  return h("figure", { class: "drawing" }, h("figcaption", {}, `${caption}, by ${xName.toLowerCase()}`), drawing, names.length > 1 && legend(names),
    figures(caption, series, names, xName, intervals));
}

/** Draw a curve for each of many measures that have nothing to do with each other's scale. */
export function manyCurves(captions) {
  return h("div", { class: "small-charts" }, Object.entries(captions).map(([name, points]) => curves(words(name), { [words(name)]: points })));
}

/** An interval around a curve: a band, or a bar where there is one point. */
function bandOf(intervals, x, y) {
  const [low, high] = [1, 2].map((end) => intervals.map((each) => [each[0], each[end]]));
  if (intervals.length === 1) return svg("path", { class: "band bar", d: pathOf([low[0], high[0]], x, y) });
  return svg("path", { class: "band", d: `${pathOf([...low, ...high.toReversed()], x, y)}Z` });
}

function lineOf(points, x, y, kind) {
  if (points.length === 1) return svg("circle", { class: kind, cx: x.at(points[0][0]), cy: y.at(points[0][1]), r: 3 });
  return svg("path", { class: `line ${kind}`, d: pathOf(points, x, y) });
}

function pathOf(points, x, y) {
  return points.map(([across, up], index) => `${index ? "L" : "M"}${x.at(across).toFixed(1)} ${y.at(up).toFixed(1)}`).join("");
}

function scale(values, from, to) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 10, high + Math.abs(high) / 10];
  return { at: (value) => from + (to - from) * (value - low) / (high - low), ticks: [low, (low + high) / 2, high] };
}

function inWords(caption, series, names) {
  const parts = names.map((name) => {
    const points = series[name];
    return `${name} went from ${figure(points[0][1])} to ${figure(points.at(-1)[1])}`;
  });
  return `${caption}: ${parts.join("; ")}.`;
}

function legend(names) {
  return h("ul", { class: "legend" }, names.map((name, index) =>
    h("li", {}, svg("svg", { width: 24, height: 8, "aria-hidden": "true" }, svg("line", { class: `s${index % 4}`, x1: 0, x2: 24, y1: 4, y2: 4, "stroke-width": 2 })), " ", name)));
}

function figures(caption, series, names, xName, intervals) {
  const rows = names.flatMap((name) => {
    const stride = Math.ceil(series[name].length / MAX_ROWS);
    const ends = new Map((intervals[name] ?? []).map(([across, low, high]) => [across, ` (${figure(low)} to ${figure(high)})`]));
    return series[name].filter((_, index) => index % stride === 0 || index === series[name].length - 1)
      .map(([across, up]) => [name, count(across), `${figure(up)}${ends.get(across) ?? ""}`]);
  });
  return h("details", {}, h("summary", {}, "Figures"),
    table(caption, ["Curve", { text: xName, number: true }, { text: "Value", number: true }], rows));
}

/**
 * Draw two histograms over the same bins, each as shares of its own count.
 * @param {string} caption
 * @param {number[]} edges One more than there are bins.
 * @param {Object<string, number[]>} counts By name; two of them.
 */
export function histograms(caption, edges, counts) {
  const names = Object.keys(counts);
  const shares = names.map((name) => {
    const total = counts[name].reduce((sum, each) => sum + each, 0) || 1;
    return counts[name].map((each) => each / total);
  });
  const most = Math.max(...shares.flat(), 1e-9);
  const numBins = edges.length - 1;
  const wide = (WIDTH - LEFT - 8) / numBins;
  const up = (share) => (HEIGHT - BOTTOM - 8) * share / most;
  const bars = shares.map((each, series) => each.map((share, bin) => svg("rect", {
    class: `f${series}`, x: LEFT + bin * wide + series * wide / 2, width: Math.max(1, wide / 2 - 1), y: HEIGHT - BOTTOM - up(share), height: up(share) })));
  const ticks = edges.filter((_, index) => index % Math.ceil(numBins / 8) === 0);
  const rows = edges.slice(0, -1).map((edge, bin) => [
    `${figure(edge)} to ${bin === numBins - 1 ? "more" : figure(edges[bin + 1])}`, ...names.map((name) => count(counts[name][bin]))]);
  return h("figure", { class: "drawing" }, h("figcaption", {}, caption),
    svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${caption}. The table below has the figures.` },
      svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 8, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
      svg("text", { x: LEFT - 6, y: 16, "text-anchor": "end" }, `${figure(100 * most, 2)} %`),
      bars, ticks.map((edge) => svg("text", { x: LEFT + edges.indexOf(edge) * wide, y: HEIGHT - 10, "text-anchor": "middle" }, figure(edge, 2)))),
    h("ul", { class: "legend" }, names.map((name, index) => h("li", {}, svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { class: `f${index}`, width: 12, height: 12 })), " ", name))),
    h("details", {}, h("summary", {}, "Figures"), table(caption, ["Distance", ...names.map((text) => ({ text, number: true }))], rows)));
}
