// Numbers for people. `ictus top` and tables write them alike, but for the commas of thousands.

const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const BYTES = [[1e18, "EB"], [1e15, "PB"], [1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];
const COUNTS = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"]];
const MINUTE = 60, HOUR = 3600, DAY = 86400, YEAR = 365 * DAY;
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);

export const clock = (milliseconds) => CLOCK.format(milliseconds);

/** Three digits and a unit; a dash for a missing value. */
export function quantity(value, unit) {
  if (isMissing(value)) return "–";
  if (value < 0) return `-${quantity(-value, unit)}`;
  if (unit === "bytes") return value >= 1e20 ? `${exponential(value, 0)} B` : scaled(value, BYTES);
  if (unit !== "seconds") return short(value);
  return value >= 59.95 ? longDuration(value) : scaled(value, SECONDS);
}

function scaled(value, scales) {
  if (value === 0) return `0 ${scales.find(([scale]) => scale === 1)[1]}`;
  // A value that rounds up to the next unit is shown in it: not `1000 ms`.
  const [scale, name] = scales.find((_, at) => value / scales[at + 1]?.[0] >= 999.5) ?? scales.at(-1);
  const number = value / scale;
  const digits = name === "B" || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return `${number.toFixed(digits)} ${name}`;
}

function exponential(value, digits) {
  return value.toExponential(digits).replace("+", "");
}

/** The two largest units, such as `3 d 20 h`. */
function longDuration(seconds) {
  const parts = (large, largeName, small, smallName) => {
    const total = Math.round(seconds / small), ratio = large / small;
    const rest = total % ratio, whole = (total - rest) / ratio;
    return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
  };
  if (seconds < HOUR - 0.5) return parts(MINUTE, "m", 1, "s");
  if (seconds < DAY - MINUTE / 2) return parts(HOUR, "h", MINUTE, "m");
  if (seconds < 100 * DAY - HOUR / 2) return parts(DAY, "d", HOUR, "h");
  if (seconds < 10000 * DAY - DAY / 2) return `${(seconds / DAY).toFixed(0)} d`;
  return seconds < 1e6 * YEAR ? `${(seconds / YEAR).toFixed(0)} y` : `${exponential(seconds / YEAR, 0)} y`;
}

export function plain(value) {
  return isMissing(value) ? "–" : value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) < 1e6 ? 6 : 15 });
}

/** A number, abbreviated from a million on: `13.3 M`. */
export function short(value) {
  if (isMissing(value)) return "–";
  if (value < 0) return `-${short(-value)}`;
  if (value >= 999.5e18) return exponential(value, 2);
  if (value >= 1e6) return scaled(value, COUNTS);
  return value === 0 || value >= 0.001 ? value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 1 : 3 }) : exponential(value, 1);
}

export function rate(value) {
  if (isMissing(value)) return "–";
  return value === 0 ? "0" : value < 0.1 ? short(value) : value < 100 ? value.toFixed(1) : short(Math.round(value));
}

/** A text as a part of a line, with escapes for characters that are invisible or reverse the line. */
export function visible(text) {
  if (text.trim() === "") return `"${text}"`;
  const escaped = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return text.replace(/[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, (one) => escaped[one] ?? `\\u{${one.codePointAt(0).toString(16)}}`);
}

/** A share as a percentage. */
export function share(value) {
  if (isMissing(value)) return "–";
  return value > 0 && value < 0.001 ? "<0.1 %" : `${(100 * value).toFixed(1)} %`;
}
