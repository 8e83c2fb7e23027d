// All series as a grid of which only the rows in sight exist, so that thousands cost no more than a screenful.

import { isMissing, plain, quantity, rate, share, short } from "./format.js";
import * as shorten from "./shorten.js";

/** As the style sheet's `--row`, and that of cards on narrow screens. */
const ROW = 28;
const CARD = 84;
/** Below this width, a series is a card. */
const NARROW = 620;
/** The width of a number and of its title, and what names and labels need at least. */
const NUMBER = 98;
const TEXT = 330;
/** The padding of a cell, on both sides. */
const PADDING = 16;
/** Rows beyond both ends of what is in sight. */
const MORE = 6;

export const COLUMNS = [
  { id: "name", title: "Metric", text: true, of: (series) => series.name },
  { id: "labels", title: "Labels", text: true, of: (series) => series.text },
  { id: "count", title: "Count", priority: 4, of: (series) => series.count, rank: (series) => (series.type === "gauge" ? 1 : 0), show: shownCount, full: (series) => plain(series.count) },
  { id: "rate", title: "Rate /s", priority: 2, of: (series) => series.rate, show: (series) => rate(series.rate) },
  { id: "errors", title: "Errors", priority: 3, about: "failures among all, whatever the status, in the last minute", of: (series) => series.errors, show: (series) => share(series.errors) },
  quantile("p50", 6), quantile("p95", 5), quantile("p99", 1),
];
/** The columns of a card. */
const ON_CARD = ["name", "labels", "rate", "errors", "p50", "p99"];

function shownCount(series) {
  return series.type === "timer" ? short(series.count) : quantity(series.count, series.unit);
}

function quantile(id, priority) {
  const of = (series) => series.quantiles?.[id] ?? null;
  // Bytes are neither slower nor faster than a duration: they come after all durations.
  return { id, title: id, priority, of, rank: (series) => (series.unit === "seconds" ? 0 : 1), show: (series) => quantity(of(series), series.unit) };
}

export class Table {
  /** `open` is called with the series that the user chose, `changed` after another sort order. */
  constructor(store, open, changed) {
    this.store = store;
    this.open = open;
    this.changed = changed;
    this.sort = { column: COLUMNS.find(({ id }) => id === "p99"), down: true };
    this.needle = "";
    this.shown = [];
    this.error = null;
    this.active = null;
    this.selected = null;
    this.pool = [];
    this.grid = document.getElementById("table");
    this.rows = document.getElementById("rows");
    this.room = document.getElementById("room");
    this.heads = COLUMNS.map((column) => this.head(column));
    this.rows.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
    new ResizeObserver(() => this.draw()).observe(this.rows);
    this.grid.addEventListener("keydown", (event) => this.key(event));
  }

  head(column) {
    const cell = document.createElement("div");
    cell.setAttribute("role", "columnheader");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.title;
    button.title = column.about ?? "";
    button.addEventListener("click", () => {
      this.order(column.id, this.sort.column === column ? !this.sort.down : !column.text);
      this.changed();
    });
    cell.append(button);
    document.getElementById("head").append(cell);
    return cell;
  }

  /** Sorts by a column. */
  order(id, down) {
    const column = COLUMNS.find((one) => one.id === id);
    if (column) this.sort = { column, down };
    this.update();
  }

  /** Sorts and filters again. */
  update() {
    const { column, down } = this.sort;
    const { found, error } = this.store.find(this.needle);
    this.error = error;
    // Series without a value come last in both directions.
    const sign = down ? -1 : 1;
    const rank = column.rank ?? (() => 0);
    const compare = column.text
      ? (one, other) => sign * one[1].localeCompare(other[1])
      : (one, other) => one[2] - other[2] || sign * (one[1] - other[1]);
    const keyed = found.map((series) => [series, column.of(series), rank(series)]);
    const valued = keyed.filter(([, value]) => !isMissing(value)).sort(compare);
    const rest = keyed.filter(([, value]) => isMissing(value));
    this.shown = [...valued, ...rest].map(([series]) => series);
    this.grid.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.heads.forEach((cell, index) => {
      const sorted = COLUMNS[index] === column;
      cell.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
      cell.firstChild.textContent = COLUMNS[index].title + (sorted ? (down ? " ▾" : " ▴") : "");
    });
    this.draw();
  }

  /** Chooses the columns that fit; the least important go first, and the sorted one stays. */
  layout(rows) {
    const width = this.rows.clientWidth;
    // The shorthand `font` is empty, because it cannot express tabular digits.
    const { fontSize, fontFamily } = getComputedStyle(this.rows);
    shorten.useFont(`${fontSize} ${fontFamily}`);
    this.cards = width < NARROW;
    this.grid.classList.toggle("cards", this.cards);
    this.height = this.cards ? CARD : ROW;
    const sorted = this.sort.column;
    if (this.cards) {
      // The least important number makes way for the sorted one.
      const ids = sorted.text || ON_CARD.includes(sorted.id) ? ON_CARD : ON_CARD.map((id) => (id === "p50" ? sorted.id : id));
      this.visible = COLUMNS.filter(({ id }) => ids.includes(id));
      this.labelsWidth = width - PADDING;
      // Names on cards are bold.
      this.nameWidth = 0.9 * this.labelsWidth;
      return;
    }
    const numbers = COLUMNS.filter(({ text }) => !text).sort((one, other) => (other === sorted) - (one === sorted) || one.priority - other.priority);
    const kept = numbers.slice(0, Math.max(1, Math.floor((width - TEXT) / NUMBER)));
    this.visible = COLUMNS.filter((column) => column.text || kept.includes(column));
    const room = width - kept.length * NUMBER;
    const natural = Math.max(80, ...rows.map((series) => shorten.width(series.name))) + PADDING + 8;
    const labels = Math.max(80, ...rows.map((series) => shorten.width(series.text))) + PADDING;
    const name = Math.floor(Math.min(natural, Math.max(room * 0.45, room - labels)));
    this.nameWidth = name - PADDING;
    this.labelsWidth = room - name - PADDING;
    this.grid.style.setProperty("--columns", `${name}px minmax(0, 1fr) repeat(${kept.length}, ${NUMBER}px)`);
  }

  draw() {
    // Columns depend on the rows, and rows on the height of one.
    const height = this.rows.clientWidth < NARROW ? CARD : ROW;
    const first = Math.max(0, Math.floor(this.rows.scrollTop / height) - MORE);
    const last = Math.min(this.shown.length, Math.ceil((this.rows.scrollTop + this.rows.clientHeight) / height) + MORE);
    const focused = this.room.contains(document.activeElement);
    const inSight = this.shown.slice(first, last);
    this.layout(inSight);
    this.room.style.height = `${this.shown.length * height}px`;
    this.heads.forEach((cell, index) => { cell.hidden = !this.visible.includes(COLUMNS[index]); });
    const texts = {
      name: shorten.names(inSight.map((series) => series.name), this.nameWidth),
      labels: shorten.labels(inSight, this.store.varying, this.labelsWidth),
    };
    const tabbable = inSight.some((series) => series.key === this.active) ? this.active : inSight[0]?.key;
    while (this.pool.length < inSight.length) this.pool.push(this.row());
    this.pool.forEach((row, index) => {
      const series = inSight[index];
      row.hidden = !series;
      if (!series) return;
      row.series = series;
      row.style.transform = `translateY(${(first + index) * height}px)`;
      row.setAttribute("aria-rowindex", String(first + index + 2));
      row.setAttribute("aria-selected", String(series.key === this.selected));
      row.tabIndex = series.key === tabbable ? 0 : -1;
      COLUMNS.forEach((column, at) => {
        const cell = row.children[at];
        cell.hidden = !this.visible.includes(column);
        const text = column.text ? texts[column.id][index] : column.show(series);
        if (cell.textContent !== text) cell.textContent = text;
        const full = column.text ? column.of(series) : column.full?.(series) ?? "";
        if (cell.title !== full) cell.title = full;
        if (column.text) cell.ariaLabel = full;
        if (column.id === "errors") cell.classList.toggle("bad", series.errors > 0);
      });
    });
    if (focused) this.pool.find((row) => !row.hidden && row.series.key === this.active)?.focus({ preventScroll: true });
  }

  row() {
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    for (const column of COLUMNS) {
      const cell = document.createElement("div");
      cell.setAttribute("role", "gridcell");
      cell.className = column.text ? column.id : "number";
      cell.dataset.title = column.title;
      row.append(cell);
    }
    row.addEventListener("click", () => { this.active = row.series.key; this.open(row.series); });
    row.addEventListener("focus", () => { this.active = row.series.key; });
    this.room.append(row);
    return row;
  }

  key(event) {
    const { height } = this;
    const page = Math.max(1, Math.floor(this.rows.clientHeight / height) - 1);
    const at = this.shown.findIndex((series) => series.key === this.active);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.shown.length - 1 };
    if (event.key === "Enter" && at >= 0 && this.room.contains(event.target)) this.open(this.shown[at]);
    else if (event.key in steps && this.shown.length > 0) {
      const next = Math.min(this.shown.length - 1, Math.max(0, steps[event.key]));
      this.active = this.shown[next].key;
      if (next * height < this.rows.scrollTop) this.rows.scrollTop = next * height;
      else if ((next + 1) * height > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = (next + 1) * height - this.rows.clientHeight;
      this.draw();
      this.pool.find((row) => !row.hidden && row.series.key === this.active)?.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
  }
}
