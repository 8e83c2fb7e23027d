// All series as a grid of which only the rows in sight exist, so that thousands cost no more than a screenful.

import { plain, quantity, rate, share } from "./format.js";

/** As the style sheet's `--row`. */
const ROW = 28;
/** Rows beyond both ends of what is in sight. */
const MORE = 6;

export const COLUMNS = [
  { id: "name", title: "Metric", text: true, of: (series) => series.name, show: (series) => series.name },
  { id: "labels", title: "Labels", text: true, of: (series) => series.text, show: (series) => series.text },
  { id: "count", title: "Count", of: (series) => series.count, show: shownCount },
  { id: "rate", title: "Rate /s", of: (series) => series.rate, show: (series) => rate(series.rate) },
  { id: "errors", title: "Errors", about: "failures among all, whatever the status, in the last minute", of: (series) => series.errors, show: (series) => share(series.errors) },
  quantile("p50"), quantile("p95"), quantile("p99"),
];

function shownCount(series) {
  return series.type === "timer" ? plain(series.count) : series.unit ? quantity(series.count, series.unit) : plain(series.count);
}

function quantile(id) {
  const of = (series) => series.quantiles?.[id] ?? null;
  return { id, title: id, measured: true, of, show: (series) => quantity(of(series), series.unit) };
}

export class Table {
  /** `open` is called with the series that somebody chose. */
  constructor(store, open) {
    this.store = store;
    this.open = open;
    this.sort = { column: COLUMNS.find(({ id }) => id === "p99"), down: true };
    this.needle = "";
    this.shown = [];
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
      const down = this.sort.column === column ? !this.sort.down : !column.text;
      this.sort = { column, down };
      this.update();
    });
    cell.append(button);
    document.getElementById("head").append(cell);
    return cell;
  }

  /** Orders and filters anew. */
  update() {
    const words = this.needle.toLowerCase().split(/\s+/).filter(Boolean);
    const { column, down } = this.sort;
    const found = [...this.store.series.values()].filter((series) => words.every((word) => series.search.includes(word)));
    // What has no value comes last, whichever way.
    const sign = down ? -1 : 1;
    const compare = column.text
      ? (one, other) => sign * one[1].localeCompare(other[1])
      // What is no time is neither slower nor faster than one.
      : (one, other) => other[2] - one[2] || sign * (one[1] - other[1]);
    const keyed = found.map((series) => [series, column.of(series), column.measured && series.unit === "seconds"]);
    const valued = keyed.filter(([, value]) => value !== null && !Number.isNaN(value)).sort(compare);
    const rest = keyed.filter(([, value]) => value === null || Number.isNaN(value));
    this.shown = [...valued, ...rest].map(([series]) => series);
    this.grid.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.room.style.height = `${this.shown.length * ROW}px`;
    this.heads.forEach((cell, index) => {
      const sorted = COLUMNS[index] === column;
      cell.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
      cell.firstChild.textContent = COLUMNS[index].title + (sorted ? (down ? " ▾" : " ▴") : "");
    });
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.rows.scrollTop / ROW) - MORE);
    const last = Math.min(this.shown.length, Math.ceil((this.rows.scrollTop + this.rows.clientHeight) / ROW) + MORE);
    const focused = this.room.contains(document.activeElement);
    const inSight = this.shown.slice(first, last);
    const tabbable = inSight.some((series) => series.key === this.active) ? this.active : inSight[0]?.key;
    while (this.pool.length < inSight.length) this.pool.push(this.row());
    this.pool.forEach((row, index) => {
      const series = inSight[index];
      row.hidden = !series;
      if (!series) return;
      row.series = series;
      row.style.transform = `translateY(${(first + index) * ROW}px)`;
      row.setAttribute("aria-rowindex", String(first + index + 2));
      row.setAttribute("aria-selected", String(series.key === this.selected));
      row.tabIndex = series.key === tabbable ? 0 : -1;
      COLUMNS.forEach((column, at) => {
        const cell = row.children[at];
        const text = column.show(series);
        if (cell.textContent !== text) cell.textContent = text;
        if (column.text) cell.title = text;
        if (column.id === "errors") cell.classList.toggle("bad", series.errors > 0);
      });
    });
    if (focused) this.pool.find((row) => !row.hidden && row.series.key === this.active)?.focus({ preventScroll: true });
  }

  row() {
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    for (const _ of COLUMNS) {
      const cell = document.createElement("div");
      cell.setAttribute("role", "gridcell");
      row.append(cell);
    }
    row.addEventListener("click", () => { this.active = row.series.key; this.open(row.series); });
    row.addEventListener("focus", () => { this.active = row.series.key; });
    this.room.append(row);
    return row;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.rows.clientHeight / ROW) - 1);
    const at = this.shown.findIndex((series) => series.key === this.active);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.shown.length - 1 };
    if (event.key === "Enter" && at >= 0 && this.room.contains(event.target)) this.open(this.shown[at]);
    else if (event.key in steps && this.shown.length > 0) {
      const next = Math.min(this.shown.length - 1, Math.max(0, steps[event.key]));
      this.active = this.shown[next].key;
      if (next * ROW < this.rows.scrollTop) this.rows.scrollTop = next * ROW;
      else if ((next + 1) * ROW > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = (next + 1) * ROW - this.rows.clientHeight;
      this.draw();
      this.pool.find((row) => !row.hidden && row.series.key === this.active)?.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
  }
}
