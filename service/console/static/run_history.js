/** What a job's log says so far: where it is, its curves, its previews, its remarks. */

/** Collects the entries of a log. */
export class RunHistory {
  /** By stage and by measure: points (images seen, value). */
  curves = {};
  previews = [];
  remarks = [];
  progress = null;
  numEntries = 0;

  /** Take one entry. */
  add({ kind, at, data }) {
    this.numEntries += 1;
    if (kind === "progress") this.progress = data;
    if (kind === "metrics") this.#measured(data);
    if (kind === "sample") this.previews.push(data);
    const said = this.#remark(kind, data);
    if (said) this.remarks.push({ at, ...said });
  }

  #measured(metrics) {
    const series = (this.curves[this.progress?.phase ?? "training"] ??= {});
    for (const [name, value] of Object.entries(metrics)) (series[name] ??= []).push([this.progress?.images_seen ?? 0, value]);
  }

  #remark(kind, data) {
    if (kind === "state") return { text: `${data.state}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}` };
    if (kind === "plan") return { text: `Planned: ${data.stages.map((each) => `${each.stage} ${Math.round(each.seconds)} s`).join(", ")}; ${Math.round(data.expected_seconds)} s in all.` };
    if (kind === "log") return { text: data.message ?? JSON.stringify(data), level: data.level };
    if (kind === "diagnosis") return { text: data.findings.length ? data.findings.map((each) => `${each.code}: ${each.what} ${each.fix}`).join(" ") : "No fault was found in the training.", level: data.findings.length ? "warning" : null };
    if (kind === "sample") return { text: `Preview after ${data.images_seen} images.` };
    if (kind === "done") return { text: "Done." };
    return null;
  }
}
