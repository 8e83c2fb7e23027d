// Series in groups, by metric or by the value of a label. A group has the same fields as a series, so
// that the table shows and sorts both alike.

import { isMissing, visible } from "./format.js";

/** The label of PromQL that has the name of the metric. */
export const METRIC = "__name__";

class Group {
  constructor(key, name, members) {
    this.isGroup = true;
    this.key = key;
    this.name = name;
    this.members = members;
    this.values = {};
    this.text = members.length === 1 ? "1 series" : `${members.length} series`;
    this.type = common(members, ({ type }) => type);
    // Bytes are not compared with durations.
    const timers = members.filter(({ quantiles }) => quantiles);
    const durations = timers.filter(({ unit }) => unit === "seconds");
    const compared = durations.length > 0 ? durations : timers;
    this.unit = common(compared.length > 0 ? compared : members, ({ unit }) => unit);
    // Polls and executions are not added up, because no number is the sum of both.
    const isSum = this.type !== "gauge" && common(members, ({ name }) => name) !== undefined;
    this.count = isSum ? sum(members.map(({ count }) => count)) : null;
    this.rate = isSum ? sum(members.map(({ rate }) => rate)) : null;
    this.errors = failed(new Set(members.map(({ outcomes }) => outcomes).filter(Boolean)));
    this.quantiles = this.unit === undefined ? null : greatest(compared);
  }
}

/** The value that all members have; undefined if they differ. */
function common(members, of) {
  const first = of(members[0]);
  return members.every((series) => of(series) === first) ? first : undefined;
}

function sum(values) {
  const present = values.filter((value) => !isMissing(value));
  return present.length > 0 ? present.reduce((one, other) => one + other, 0) : null;
}

/** The share of failures: of the last minute, or of all time if nothing happened in it. */
export function failed(outcomes) {
  for (const span of ["lately", "ever"]) {
    const [failures, successes] = [0, 1].map((which) => sum([...outcomes].map((one) => one[span][which])) ?? 0);
    if (failures + successes > 0) return failures / (failures + successes);
  }
  return null;
}

/** The greatest of each quantile, because quantiles cannot be added. */
function greatest(timers) {
  if (timers.length === 0) return null;
  const ids = Object.keys(timers[0].quantiles);
  return Object.fromEntries(ids.map((id) => [id, timers.reduce((max, { quantiles }) => Math.max(max, quantiles[id]), 0)]));
}

/** Groups series by a label. Series without the label are one group, as its values in PromQL are empty. */
export function groups(series, label) {
  const of = label === METRIC ? ({ name }) => name : ({ labels }) => labels[label] ?? "";
  const name = (value) => (label === METRIC ? value : value === "" ? `no ${label}` : `${label}=${visible(value)}`);
  return [...Map.groupBy(series, of)].map(([value, members]) => new Group(`group ${label} ${value}`, name(value), members));
}
