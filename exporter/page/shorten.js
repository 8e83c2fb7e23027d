// Shortens names and labels to the width of a cell, so that different rows stay different. Numbers are
// never shortened.

const canvas = document.createElement("canvas").getContext("2d");
let widths = new Map();

let used = null;

/** Sets the font of the cells. */
export function useFont(font) {
  if (used === font) return;
  canvas.font = used = font;
  widths = new Map();
}

export function width(text) {
  let known = widths.get(text);
  if (known === undefined) {
    if (widths.size > 20000) widths = new Map();
    // Rounded up, so that a cell of that width has no overflow.
    widths.set(text, known = Math.ceil(canvas.measureText(text).width) + 1);
  }
  return known;
}

/** The longest text of that form that fits: `form` returns it for a number of characters. */
function longest(most, room, form) {
  let low = 0, high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (width(form(middle)) <= room) low = middle;
    else high = middle - 1;
  }
  return form(low);
}

/** A text with its middle replaced by an ellipsis, if it is too wide. */
export function middle(text, room) {
  if (width(text) <= room) return text;
  const all = [...text];
  return longest(all.length - 1, room, (kept) => `${all.slice(0, Math.ceil(kept / 2)).join("")}…${kept > 1 ? all.slice(-Math.floor(kept / 2)).join("") : ""}`);
}

/** A text from shortly before a character. */
function from(text, start, room) {
  const all = [...text];
  const begin = Math.max(0, start - 3);
  const head = begin > 0 ? "…" : "";
  const rest = head + all.slice(begin).join("");
  if (width(rest) <= room) return rest;
  return longest(all.length - begin - 1, room, (kept) => `${head}${all.slice(begin, begin + kept).join("")}…`);
}

/** Separates rows whose different texts look equal: they begin shortly before their first difference. */
function separate(shown, texts, room) {
  for (let pass = 0; pass < 4; pass++) {
    const groups = Map.groupBy(shown.keys(), (index) => shown[index]);
    let settled = true;
    for (const group of groups.values()) {
      const first = texts[group[0]];
      if (group.every((index) => texts[index] === first)) continue;
      settled = false;
      const common = Math.min(...group.map((index) => {
        const other = texts[index];
        let at = 0;
        while (at < first.length && first[at] === other[at]) at += 1;
        return other === first ? Infinity : at;
      }));
      for (const index of group) shown[index] = from(texts[index], [...texts[index].slice(0, common)].length, room);
    }
    if (settled) break;
  }
  return shown;
}

export function names(texts, room) {
  return separate(texts.map((text) => middle(text, room)), texts, room);
}

/** Joins values; long ones lose their middle, short ones stay whole. */
function values(texts, room) {
  let left = room - (texts.length - 1) * width(" ");
  const rooms = new Map();
  [...texts.keys()].sort((one, other) => width(texts[one]) - width(texts[other])).forEach((index, place) => {
    const own = Math.min(width(texts[index]), left / (texts.length - place));
    rooms.set(index, own);
    left -= own;
  });
  return middle(texts.map((text, index) => middle(text, rooms.get(index))).join(" "), room);
}

/** The part of a value that differs from the values of other rows with the same labels. */
function differing(rows, series, label) {
  const value = series.labels[label];
  const others = rows.filter((other) => other.name === series.name && label in other.labels).map((other) => other.labels[label]);
  if (others.every((other) => other === value)) return value;
  const start = Math.min(...others.map((other) => { let at = 0; while (at < value.length && value[at] === other[at]) at += 1; return at; }));
  const common = Math.min(...others.map((other) => {
    let tail = 0;
    while (tail < Math.min(value.length, other.length) - start && value.at(-1 - tail) === other.at(-1 - tail)) tail += 1;
    return tail;
  }));
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
export function labels(rows, varying, room) {
  const needed = (series) => {
    const all = Object.keys(series.labels);
    const kept = all.filter((label) => varying.get(series.name)?.has(label));
    return kept.length > 0 ? kept : all;
  };
  // The forms of a row, the longest first. Rows of one metric have the same form, to be comparable.
  const forms = rows.map((series) => {
    if (series.isGroup) return [series.text];
    const pairs = needed(series).map((label) => `${label}=${series.labels[label]}`).join(" ");
    return [series.text, pairs, values(needed(series).map((label) => series.labels[label]), room)];
  });
  const form = new Map();
  rows.forEach(({ name, isGroup }, row) => {
    if (isGroup) return;
    const fitting = forms[row].findIndex((text) => width(text) <= room);
    form.set(name, Math.max(form.get(name) ?? 0, fitting < 0 ? 2 : fitting));
  });
  const shown = rows.map(({ name, isGroup }, row) => forms[row][isGroup ? 0 : form.get(name)]);
  const full = rows.map((series) => Object.values(series.labels).join(" "));
  for (const row of alike(rows, shown, full)) shown[row] = values(needed(rows[row]).map((label) => differing(rows, rows[row], label)), room);
  const separated = names(full, room);
  for (const row of alike(rows, shown, full)) shown[row] = separated[row];
  return shown;
}
