// All series as a grid of which only the rows in sight exist, so that thousands cost no more than a screenful.

import { button, element } from "./element.js";
import { isMissing, plain, quantity, rate, share, short } from "./format.js";
import { groups } from "./group.js";
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
/** How much wider bold text is at most, and the mark of a group before its name. */
const BOLD = 1.15;
const MARKER = 20;
/** Rows beyond both ends of the visible part. */
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
  const full = (series) => (series.isGroup && !isMissing(of(series)) ? `the greatest ${id} of ${series.text}` : "");
  return { id, title: id, priority, of, rank: (series) => (series.unit === "seconds" ? 0 : 1), show: (series) => quantity(of(series), series.unit), full };
}

export class Table {
  /** `open` is called with the series that the user chose, `changed` after another sort order. */
  constructor(store, open, changed) {
    this.store = store;
    this.open = open;
    this.changed = changed;
    this.sort = { column: COLUMNS.find(({ id }) => id === "p99"), down: true };
    this.needle = "";
    /** The label by whose values series are grouped; empty for no groups. */
    this.group = "";
    /** Whether groups are closed, and the keys of the exceptions. */
    this.closed = false;
    this.exceptions = new Set();
    /** The series that match the search, then the items of the rows: series and groups. */
    this.shown = [];
    this.items = [];
    this.error = null;
    this.active = null;
    this.selected = null;
    this.pool = [];
    this.grid = document.getElementById("table");
    this.rows = document.getElementById("rows");
    this.content = document.getElementById("content");
    this.heads = COLUMNS.map((column) => this.head(column));
    this.rows.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
    new ResizeObserver(() => this.draw()).observe(this.rows);
    this.grid.addEventListener("keydown", (event) => this.key(event));
  }

  head(column) {
    const sort = button(column.title, column.about ?? "", () => {
      this.sort = { column, down: this.sort.column === column ? !this.sort.down : !column.text };
      this.update();
      this.changed();
    });
    const cell = element("div", { role: "columnheader" }, sort);
    document.getElementById("head").append(cell);
    return cell;
  }

  groupBy(label) {
    this.group = label;
    this.fold(false);
  }

  fold(closed) {
    this.closed = closed;
    this.exceptions.clear();
    this.rows.scrollTop = 0;
    this.update();
  }

  isClosed(group) {
    return this.closed !== this.exceptions.has(group.key);
  }

  choose(item) {
    this.active = item.key;
    if (!item.isGroup) {
      this.open(item);
      return;
    }
    if (!this.exceptions.delete(item.key)) this.exceptions.add(item.key);
    this.update();
  }

  /** Series or groups in the chosen order. */
  ordered(items) {
    const { column, down } = this.sort;
    // Those without a value come last in both directions.
    const sign = down ? -1 : 1;
    const rank = column.rank ?? (() => 0);
    const compare = column.text
      ? (one, other) => sign * one[1].localeCompare(other[1])
      : (one, other) => one[2] - other[2] || sign * (one[1] - other[1]);
    // Groups have no labels to be sorted by.
    const of = (item) => (column.text && item.isGroup ? item.name : column.of(item));
    const keyed = items.map((item) => [item, of(item), rank(item)]);
    const valued = keyed.filter(([, value]) => !isMissing(value)).sort(compare);
    const rest = keyed.filter(([, value]) => isMissing(value));
    return [...valued, ...rest].map(([item]) => item);
  }

  update() {
    const { column, down } = this.sort;
    const { matches, error } = this.store.find(this.needle);
    this.error = error;
    this.shown = this.ordered(matches);
    this.items = this.group === ""
      ? this.shown
      : this.ordered(groups(this.shown, this.group)).flatMap((group) => (this.isClosed(group) ? [group] : [group, ...group.members]));
    Object.assign(this.grid, { role: this.group === "" ? "grid" : "treegrid", ariaRowCount: this.items.length + 1 });
    this.heads.forEach((cell, index) => {
      const sorted = COLUMNS[index] === column;
      cell.ariaSort = sorted ? (down ? "descending" : "ascending") : "none";
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
      this.nameWidth = this.labelsWidth / BOLD;
      this.groupWidth = this.nameWidth - MARKER;
      return;
    }
    const numbers = COLUMNS.filter(({ text }) => !text).sort((one, other) => (other === sorted) - (one === sorted) || one.priority - other.priority);
    const kept = numbers.slice(0, Math.max(1, Math.floor((width - TEXT) / NUMBER)));
    this.visible = COLUMNS.filter((column) => column.text || kept.includes(column));
    const available = width - kept.length * NUMBER;
    const natural = Math.max(80, ...rows.map(({ name, isGroup }) => (isGroup ? BOLD * shorten.width(name) + MARKER : shorten.width(name)))) + PADDING + 8;
    const labels = Math.max(80, ...rows.map((series) => shorten.width(series.text))) + PADDING;
    const name = Math.floor(Math.min(natural, Math.max(available * 0.45, available - labels)));
    this.nameWidth = name - PADDING;
    this.groupWidth = (this.nameWidth - MARKER) / BOLD;
    this.labelsWidth = available - name - PADDING;
    this.grid.style.setProperty("--columns", `${name}px minmax(0, 1fr) repeat(${kept.length}, ${NUMBER}px)`);
  }

  draw() {
    // Columns depend on the rows, and rows on the height of one.
    const height = this.rows.clientWidth < NARROW ? CARD : ROW;
    const first = Math.max(0, Math.floor(this.rows.scrollTop / height) - MORE);
    const last = Math.min(this.items.length, Math.ceil((this.rows.scrollTop + this.rows.clientHeight) / height) + MORE);
    const focused = this.content.contains(document.activeElement);
    const inSight = this.items.slice(first, last);
    this.layout(inSight);
    this.content.style.height = `${this.items.length * height}px`;
    this.heads.forEach((cell, index) => { cell.hidden = !this.visible.includes(COLUMNS[index]); });
    const texts = {
      name: this.names(inSight),
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
      row.ariaRowIndex = first + index + 2;
      row.ariaSelected = series.key === this.selected;
      row.ariaLevel = this.group === "" ? null : series.isGroup ? 1 : 2;
      row.ariaExpanded = series.isGroup ? !this.isClosed(series) : null;
      row.classList.toggle("group", series.isGroup === true);
      row.tabIndex = series.key === tabbable ? 0 : -1;
      COLUMNS.forEach((column, at) => {
        const cell = row.children[at];
        cell.hidden = !this.visible.includes(column);
        const text = column.text ? texts[column.id][index] : column.show(series);
        if (cell.textContent !== text) cell.textContent = text;
        const full = column.text ? column.of(series) : column.full?.(series) ?? "";
        if (cell.title !== full) cell.title = full;
        if (column.id === "errors") cell.classList.toggle("bad", series.errors > 0);
      });
    });
    if (focused) this.focus();
  }

  focus() {
    this.pool.find((row) => !row.hidden && row.series.key === this.active)?.focus({ preventScroll: true });
  }

  /** The names of rows; those of groups are bold. */
  names(items) {
    const of = (isGroup, maxWidth) => shorten.names(items.filter((item) => isGroup === (item.isGroup === true)).map(({ name }) => name), maxWidth);
    const series = of(false, this.nameWidth), groups = of(true, this.groupWidth);
    return items.map(({ isGroup }) => (isGroup ? groups : series).shift());
  }

  row() {
    const row = element("div", { role: "row" });
    for (const { id, text, title } of COLUMNS) {
      const cell = element("div", { role: "gridcell", className: text ? id : "number" });
      cell.dataset.title = title;
      row.append(cell);
    }
    row.addEventListener("click", () => this.choose(row.series));
    row.addEventListener("focus", () => { this.active = row.series.key; });
    this.content.append(row);
    return row;
  }

  key(event) {
    const { height } = this;
    const page = Math.max(1, Math.floor(this.rows.clientHeight / height) - 1);
    const at = this.items.findIndex((item) => item.key === this.active);
    const item = this.items[at];
    const isInRow = item !== undefined && this.content.contains(event.target);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.items.length - 1 };
    // As in a tree: left closes a group, or goes from a series to its group; right opens a group.
    if (event.key === "ArrowLeft" && isInRow && !item.isGroup) steps.ArrowLeft = this.items.findLastIndex((one, index) => index < at && one.isGroup);
    if (event.key === "Enter" && isInRow) this.choose(item);
    else if (isInRow && item.isGroup && event.key === (this.isClosed(item) ? "ArrowRight" : "ArrowLeft")) this.choose(item);
    else if (event.key in steps && this.items.length > 0) {
      const next = Math.min(this.items.length - 1, Math.max(0, steps[event.key]));
      this.active = this.items[next].key;
      if (next * height < this.rows.scrollTop) this.rows.scrollTop = next * height;
      else if ((next + 1) * height > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = (next + 1) * height - this.rows.clientHeight;
      this.draw();
      this.focus();
    } else return;
    event.preventDefault();
  }
}
