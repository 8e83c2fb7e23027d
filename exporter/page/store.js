// What has been recorded, as it was seen last, and what was seen in the last minutes.

export const QUANTILES = ["p50", "p75", "p90", "p95", "p99"];
/** Between two looks. */
export const EVERY = 2000;
/** Looks that are kept: five minutes. */
export const KEPT = 150;
/** Looks that a rate is taken over: ten seconds, and a minute for shares. */
const LATELY = 5;
const MINUTE = 30;
/** Label values that are no failures. */
const WELL = /^(success|completed|ok|2\d\d|3\d\d)$/i;

/** One series and its history: rings, so that thousands of them fit. */
class Series {
  constructor(family, values, key) {
    this.key = key;
    this.name = family.name;
    this.origin = family.origin;
    this.type = family.type;
    this.unit = family.unit;
    this.help = family.help;
    this.labels = values;
    this.text = Object.entries(values).map(([name, value]) => `${name}=${value}`).join(" ");
    this.search = `${this.name} ${this.text}`.toLowerCase();
    this.rate = null;
    this.errors = null;
    this.counts = new Float64Array(KEPT).fill(NaN);
    this.past = this.type === "timer" ? QUANTILES.map(() => new Float32Array(KEPT).fill(NaN)) : [];
    // Where failures are told from the rest: the same series whatever its status.
    this.group = "status" in values ? `${this.origin} ${this.name} ${JSON.stringify({ ...values, status: "" })}` : null;
    this.fails = this.group !== null && !WELL.test(values.status);
  }

  saw(at, seen) {
    this.count = this.type === "timer" ? seen.count : seen.value;
    this.sum = seen.sum ?? null;
    this.window = seen.window ?? null;
    this.quantiles = seen.quantiles ?? null;
    this.counts[at] = this.count;
    this.past.forEach((ring, which) => { ring[at] = seen.quantiles?.[QUANTILES[which]] ?? NaN; });
  }

  /** How much it has grown in the last looks, and in how many seconds. */
  grown(times, at, looks) {
    for (let back = looks; back > 0; back--) {
      const before = (at - back + KEPT) % KEPT;
      if (Number.isFinite(this.counts[before]) && Number.isFinite(times[before])) {
        return [Math.max(0, this.count - this.counts[before]), (times[at] - times[before]) / 1000];
      }
    }
    return null;
  }
}

export class Store {
  constructor() {
    this.series = new Map();
    this.times = new Float64Array(KEPT).fill(NaN);
    this.looks = 0;
    this.health = null;
  }

  /** Takes in a snapshot. */
  saw(snapshot, time) {
    const at = this.looks % KEPT;
    this.looks += 1;
    this.at = at;
    this.times[at] = time;
    this.health = snapshot.health;
    const present = new Set();
    for (const family of snapshot.families) {
      for (const seen of family.series) {
        const key = `${family.origin} ${family.name} ${JSON.stringify(Object.values(seen.labels))}`;
        let series = this.series.get(key);
        if (!series) this.series.set(key, series = new Series(family, seen.labels, key));
        series.saw(at, seen);
        present.add(key);
      }
    }
    for (const key of this.series.keys()) if (!present.has(key)) this.series.delete(key);
    this.derive();
  }

  derive() {
    const groups = new Map();
    for (const series of this.series.values()) {
      const grown = series.type === "gauge" ? null : series.grown(this.times, this.at, LATELY);
      series.rate = grown && grown[1] > 0 ? grown[0] / grown[1] : null;
      if (series.group === null) continue;
      const lately = series.grown(this.times, this.at, MINUTE);
      const group = groups.get(series.group) ?? { lately: [0, 0], ever: [0, 0] };
      const of = series.fails ? 0 : 1;
      group.lately[of] += lately ? lately[0] : 0;
      group.ever[of] += series.count;
      groups.set(series.group, group);
    }
    // Of the last minute; of all time where nothing happened in it.
    const part = ([failed, well]) => (failed + well > 0 ? failed / (failed + well) : null);
    for (const series of this.series.values()) {
      const group = series.group === null ? null : groups.get(series.group);
      series.errors = group ? part(group.lately) ?? part(group.ever) : null;
    }
  }

  /** The places of the rings, oldest first. */
  order() {
    const known = Math.min(this.looks, KEPT);
    return Array.from({ length: known }, (_, index) => (this.looks - known + index) % KEPT);
  }
}
