// The last snapshot, and the snapshots of the last minutes.

import { visible } from "./format.js";
import { failed } from "./group.js";
import { parse, selector } from "./search.js";

/** The quantiles of a window by their names in a snapshot, and as people write them. */
export const QUANTILES = { p50: "p50", p75: "p75", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9", max: "max" };
const IDS = Object.keys(QUANTILES);
/** Milliseconds between two snapshots. */
export const INTERVAL = 2000;
/** Snapshots that are kept: a quarter of an hour, or five minutes of very many series. */
const HISTORY_LENGTH = 450;
const HISTORY_OF_MANY = 150;
const MANY = 1500;
/** Snapshots that a rate is computed over: ten seconds, and a minute for shares. */
const RATE_SNAPSHOTS = 5;
const MINUTE = 30;
/** Label values that are no failures. */
const SUCCESS = /^(success|completed|ok|2\d\d|3\d\d)$/i;

const pairs = (labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(" ");

/** One series and its history: rings, so that thousands of them fit. */
class Series {
  constructor(family, seen, key, kept) {
    this.key = key;
    this.kept = kept;
    this.recorded = family.name;
    this.shown = family.shown ?? [];
    this.name = this.shown[0]?.name ?? family.name;
    this.origin = family.origin;
    this.type = family.type;
    this.unit = family.unit;
    this.help = this.shown[0]?.help ?? family.help;
    this.recordedLabels = seen.labels;
    this.labels = seen.shown_labels ?? seen.labels;
    /** The values of the labels as rows show them. */
    this.values = Object.fromEntries(Object.entries(this.labels).map(([name, value]) => [name, visible(value)]));
    this.text = pairs(this.values);
    this.search = [...this.shown.map(({ name }) => name), this.recorded, pairs(this.labels)].join(" ").toLowerCase();
    this.rate = null;
    this.errors = null;
    /** Failures and successes of the operation: of the last minute, and of all time. */
    this.outcomes = null;
    this.counts = new Float64Array(kept).fill(NaN);
    this.past = this.type === "timer" ? IDS.map(() => new Float32Array(kept).fill(NaN)) : [];
    // Failures and successes are the same series but for the status.
    const values = this.recordedLabels;
    this.operation = "status" in values ? `${this.origin} ${this.recorded} ${JSON.stringify({ ...values, status: "" })}` : null;
    this.isFailure = this.operation !== null && !SUCCESS.test(values.status);
  }

  /** The names of the metric besides the first. */
  get others() {
    return [...new Set([...this.shown.slice(1).map(({ name }) => name), this.recorded])].filter((name) => name !== this.name);
  }

  /** The series as a query of Prometheus. */
  get query() {
    const first = this.shown[0];
    if (!first) return null;
    const labels = Object.fromEntries(Object.entries(this.labels).filter(([name]) => first.labels.includes(name)));
    if (first.type === "counter") return `rate(${selector(first.name, labels)}[5m])`;
    if (first.type === "histogram") return `histogram_quantile(0.99, sum by (le) (rate(${selector(`${first.name}_bucket`, labels)}[5m])))`;
    const isNewest = first.type === "gauge" && this.type === "timer" && !/_(seconds|bytes)$|request$/.test(first.name);
    return selector(first.name, this.type === "timer" && !isNewest ? { ...labels, quantile: "0.99" } : labels);
  }

  update(at, seen) {
    this.count = this.type === "timer" ? seen.count : seen.value;
    this.sum = seen.sum ?? null;
    this.window = seen.window ?? null;
    this.quantiles = seen.quantiles ?? null;
    this.counts[at] = this.count;
    this.past.forEach((ring, which) => { ring[at] = seen.quantiles?.[IDS[which]] ?? NaN; });
  }

  /** The series in this snapshot is not known. */
  miss(at) {
    this.counts[at] = NaN;
    this.past.forEach((ring) => { ring[at] = NaN; });
  }

  /** How much it has grown in the last snapshots, and in how many seconds. */
  grown(times, at, snapshots) {
    for (let back = snapshots; back > 0; back--) {
      const previous = (at - back + this.kept) % this.kept;
      if (Number.isFinite(this.counts[previous]) && Number.isFinite(times[previous])) {
        return [Math.max(0, this.count - this.counts[previous]), (times[at] - times[previous]) / 1000];
      }
    }
    return null;
  }
}

export class Store {
  constructor() {
    this.series = new Map();
    /** By metric, the labels that have several values. */
    this.varying = new Map();
    /** The number of series that have a label, by its name. */
    this.labels = new Map();
    this.kept = null;
    this.snapshots = 0;
    this.health = null;
    /** When the last snapshot was received. */
    this.time = null;
  }

  next(time) {
    const at = this.snapshots % this.kept;
    this.snapshots += 1;
    this.times[at] = time;
    return at;
  }

  add(snapshot, time) {
    if (this.kept === null) {
      const count = snapshot.families.reduce((sum, family) => sum + family.series.length, 0);
      this.kept = count > MANY ? HISTORY_OF_MANY : HISTORY_LENGTH;
      this.times = new Float64Array(this.kept).fill(NaN);
    }
    // After a pause or an interruption, the lines have a gap.
    if (this.time !== null && time - this.time > 2.5 * INTERVAL) this.gap(this.time + INTERVAL);
    const at = this.at = this.next(time);
    this.time = time;
    this.health = snapshot.health;
    const present = new Set();
    for (const family of snapshot.families) {
      for (const seen of family.series) {
        const key = `${family.origin} ${family.name} ${JSON.stringify(Object.entries(seen.labels))}`;
        let series = this.series.get(key);
        if (!series) {
          this.series.set(key, series = new Series(family, seen, key, this.kept));
          this.compare(series);
        }
        series.update(at, seen);
        present.add(key);
      }
    }
    for (const key of this.series.keys()) if (!present.has(key)) this.series.delete(key);
    this.derive();
  }

  gap(time) {
    const at = this.next(time);
    for (const series of this.series.values()) series.miss(at);
  }

  /** Counts the labels of a new series, and notes which labels of its metric have several values. */
  compare(series) {
    for (const label of Object.keys(series.labels)) this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
    let labels = this.varying.get(series.name);
    if (!labels) {
      this.varying.set(series.name, labels = new Set());
      labels.first = series.labels;
    }
    for (const [label, value] of Object.entries(series.labels)) if (labels.first[label] !== value) labels.add(label);
  }

  derive() {
    const operations = new Map();
    for (const series of this.series.values()) {
      const grown = series.type === "gauge" ? null : series.grown(this.times, this.at, RATE_SNAPSHOTS);
      series.rate = grown && grown[1] > 0 ? grown[0] / grown[1] : null;
      if (series.operation === null) continue;
      const lately = series.grown(this.times, this.at, MINUTE);
      series.outcomes = operations.get(series.operation) ?? { lately: [0, 0], ever: [0, 0] };
      const which = series.isFailure ? 0 : 1;
      series.outcomes.lately[which] += lately ? lately[0] : 0;
      series.outcomes.ever[which] += series.count;
      operations.set(series.operation, series.outcomes);
    }
    for (const series of this.series.values()) series.errors = series.outcomes && failed([series.outcomes]);
  }

  /** The series that match a search, and why a part of it matches nothing. */
  find(text) {
    const search = parse(text);
    return { matches: [...this.series.values()].filter(search.matches), error: search.error };
  }

  /** The places of the rings in the last minutes, oldest first. */
  order(minutes) {
    const length = Math.min(this.snapshots, this.kept ?? 0);
    const all = Array.from({ length }, (_, index) => (this.snapshots - length + index) % this.kept);
    return all.filter((at) => this.times[at] >= (this.time ?? 0) - minutes * 60000);
  }
}
