// The distribution of a window: how many values are in which range.

const RANGES = 40;

/**
 * Ranges of equal ratio, for durations of several orders of magnitude. Zeros, which are in no such
 * range, have the first range to themselves; equal values have one range.
 */
export function ranges(values) {
  const positive = values.filter((value) => value > 0);
  const result = [];
  if (positive.length < values.length) result.push({ from: 0, to: 0, count: values.length - positive.length });
  if (positive.length === 0) return result;
  const low = Math.min(...positive), high = Math.max(...positive);
  if (high <= low * 1.0001) return [...result, { from: low, to: high, count: positive.length }];
  const step = Math.log(high / low) / RANGES;
  const counts = new Array(RANGES).fill(0);
  for (const value of positive) counts[Math.min(RANGES - 1, Math.floor(Math.log(value / low) / step))] += 1;
  return [...result, ...counts.map((count, at) => ({ from: low * Math.exp(at * step), to: low * Math.exp((at + 1) * step), count }))];
}
