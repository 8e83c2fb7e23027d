// Numbers as people read them, as the command's table has them.

const SCALES = {
  seconds: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
  bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
};

/** Three digits and a unit that suits them; a dash for what is not there. */
export function quantity(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const scales = SCALES[unit];
  if (!scales || value === 0) return plain(value);
  const [scale, name] = scales.find(([least]) => value >= least) ?? scales[scales.length - 1];
  const scaled = value / scale;
  const digits = name === "B" || scaled >= 100 || scaled === 0 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${name}`;
}

/** A number without a unit. */
export function plain(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumSignificantDigits: 6 });
}

/** How often a second. */
export function rate(value) {
  if (value === null) return "–";
  return value === 0 ? "0" : value < 0.1 ? value.toFixed(3) : value < 100 ? value.toFixed(1) : plain(Math.round(value));
}

/** A share as a percentage. */
export function share(value) {
  if (value === null) return "–";
  return value > 0 && value < 0.001 ? "<0.1 %" : `${(100 * value).toFixed(1)} %`;
}
