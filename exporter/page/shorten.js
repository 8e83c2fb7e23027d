// Shortens names and labels to the width of a cell, so that different rows stay different. Numbers are
// never shortened.

const canvas = document.createElement("canvas").getContext("2d");
let widths = new Map();

let used = null;

export function useFont(font) {
  if (used === font) return;
  canvas.font = used = font;
  widths = new Map();
}

export function width(text) {
  let cached = widths.get(text);
  if (cached === undefined) {
    if (widths.size > 20000) widths = new Map();
    // Rounded up, so that a cell of that width has no overflow.
    widths.set(text, cached = Math.ceil(canvas.measureText(text).width) + 1);
  }
  return cached;
}

/** The longest text of that form that fits: `form` returns it for a number of characters. */
function longest(max, maxWidth, form) {
  let low = 0, high = max;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (width(form(middle)) <= maxWidth) low = middle;
    else high = middle - 1;
  }
  return form(low);
}

/** A text with its middle replaced by an ellipsis, if it is too wide. */
export function middle(text, maxWidth) {
  if (width(text) <= maxWidth) return text;
  const all = [...text];
  return longest(all.length - 1, maxWidth, (kept) => `${all.slice(0, Math.ceil(kept / 2)).join("")}…${kept > 1 ? all.slice(-Math.floor(kept / 2)).join("") : ""}`);
}

/** A text from shortly before a character. */
function from(text, start, maxWidth) {
  const all = [...text];
  const begin = Math.max(0, start - 3);
  const head = begin > 0 ? "…" : "";
  const rest = head + all.slice(begin).join("");
  if (width(rest) <= maxWidth) return rest;
  return longest(all.length - begin - 1, maxWidth, (kept) => `${head}${all.slice(begin, begin + kept).join("")}…`);
}

/** The number of characters with which both texts begin, or end. */
function shared(one, other, isEnd = false) {
  const max = Math.min(one.length, other.length);
  let at = 0;
  while (at < max && one.at(isEnd ? -1 - at : at) === other.at(isEnd ? -1 - at : at)) at += 1;
  return at;
}

/** Separates rows whose different texts look equal: they begin shortly before their first difference. */
function separate(shown, texts, maxWidth) {
  for (let pass = 0; pass < 4; pass++) {
    const groups = Map.groupBy(shown.keys(), (index) => shown[index]);
    let settled = true;
    for (const group of groups.values()) {
      const first = texts[group[0]];
      if (group.every((index) => texts[index] === first)) continue;
      settled = false;
      const common = Math.min(...group.map((index) => (texts[index] === first ? Infinity : shared(first, texts[index]))));
      for (const index of group) shown[index] = from(texts[index], [...texts[index].slice(0, common)].length, maxWidth);
    }
    if (settled) break;
  }
  return shown;
}

export function names(texts, maxWidth) {
  return separate(texts.map((text) => middle(text, maxWidth)), texts, maxWidth);
}

/** Joins values; long ones lose their middle, short ones stay whole. */
function values(texts, maxWidth) {
  let left = maxWidth - (texts.length - 1) * width(" ");
  const maxWidths = new Map();
  [...texts.keys()].sort((one, other) => width(texts[one]) - width(texts[other])).forEach((index, place) => {
    const own = Math.min(width(texts[index]), left / (texts.length - place));
    maxWidths.set(index, own);
    left -= own;
  });
  return middle(texts.map((text, index) => middle(text, maxWidths.get(index))).join(" "), maxWidth);
}

/** The part of a value that differs from the values of other rows with the same labels. */
function differing(rows, series, label) {
  const value = series.values[label];
  const others = rows.filter((other) => other.name === series.name && label in other.values).map((other) => other.values[label]);
  if (others.every((other) => other === value)) return value;
  const start = Math.min(...others.map((other) => shared(value, other)));
  const common = Math.min(...others.map((other) => shared(value.slice(start), other.slice(start), true)));
  // Two common characters show the place of the part.
  const first = Math.max(0, start - 2), last = Math.min(value.length, value.length - common + 2);
  return `${first > 0 ? "…" : ""}${value.slice(first, last)}${last < value.length ? "…" : ""}`;
}

/** The rows that look like a row of the same metric with another full text. */
function alike(rows, shown, full) {
  const key = (row) => `${rows[row].name}\n${shown[row]}`;
  const first = new Map(), ambiguous = new Set();
  full.forEach((text, row) => {
    if (!first.has(key(row))) first.set(key(row), text);
    else if (first.get(key(row)) !== text) ambiguous.add(key(row));
  });
  return [...shown.keys()].filter((row) => ambiguous.has(key(row)));
}

/** Shortens labels. Labels with one value in their whole metric do not distinguish rows, and go first. */
export function labels(rows, varying, maxWidth) {
  const needed = (series) => {
    const all = Object.keys(series.values);
    const kept = all.filter((label) => varying.get(series.name)?.has(label));
    return kept.length > 0 ? kept : all;
  };
  // The forms of a row, the longest first. Rows of one metric have the same form, to be comparable.
  const forms = rows.map((series) => {
    if (series.isGroup) return [series.text];
    const pairs = needed(series).map((label) => `${label}=${series.values[label]}`).join(" ");
    return [series.text, pairs, values(needed(series).map((label) => series.values[label]), maxWidth)];
  });
  const form = new Map();
  rows.forEach(({ name, isGroup }, row) => {
    if (isGroup) return;
    const fitting = forms[row].findIndex((text) => width(text) <= maxWidth);
    form.set(name, Math.max(form.get(name) ?? 0, fitting < 0 ? 2 : fitting));
  });
  const shown = rows.map(({ name, isGroup }, row) => forms[row][isGroup ? 0 : form.get(name)]);
  const full = rows.map((series) => Object.values(series.values).join(" "));
  for (const row of alike(rows, shown, full)) shown[row] = values(needed(rows[row]).map((label) => differing(rows, rows[row], label)), maxWidth);
  const separated = names(full, maxWidth);
  for (const row of alike(rows, shown, full)) shown[row] = separated[row];
  return shown;
}
