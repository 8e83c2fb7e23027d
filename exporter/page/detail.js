// One series: its names, its numbers, its quantiles and rate over the last minutes, and its window as a
// distribution.

import { ranges } from "./distribution.js";
import { button, copy, element, save } from "./element.js";
import { plain, quantity, rate, share, short } from "./format.js";
import { Plot } from "./plot.js";
import { selector } from "./search.js";
import { QUANTILES } from "./store.js";

const MINUTES = [1, 5, 15];
/** The minimum time in seconds that a rate is computed over: two points may be close to each other. */
const MIN_SPAN = 1.5;
const IDS = Object.keys(QUANTILES), TITLES = Object.values(QUANTILES);

/** A text that can be broken after each label. */
function breakable(text) {
  return text.split(/(?<=[{,])/).flatMap((part, at) => (at === 0 ? [part] : [element("wbr"), part]));
}

export class Detail {
  /** `close` is called to show all series, `changed` after another range or scale. */
  constructor(store, close, changed) {
    this.store = store;
    this.place = document.getElementById("detail");
    this.close = close;
    this.changed = changed;
    this.series = null;
    this.plots = [];
    this.minutes = 5;
    this.log = false;
    this.values = null;
    /** Legends of lines that the user has hidden. */
    this.hidden = new Set();
    /** The exporter's history from before this page was opened; null before it is fetched. */
    this.past = null;
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.plots.forEach((plot) => plot.fit())).observe(this.place);
  }

  /** Draws the same series again: in another theme, range or scale. */
  redraw() {
    const { series, values, past } = this;
    if (!series) return;
    this.show(series);
    this.past = past;
    if (values) this.window(values);
  }

  /** Shows a series, or nothing. */
  show(series) {
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    this.series = series;
    this.values = this.past = null;
    this.place.hidden = series === null;
    this.place.replaceChildren();
    if (series === null) return;
    this.numbers = element("dl", { className: "numbers" });
    const figures = element("div", { className: "plots" });
    this.place.append(
      element("div", { className: "title" }, button("← All series", "Esc", this.close), element("h2", {}, ...breakable(selector(series.name, series.labels)))),
      element("div", { className: "help", textContent: [series.help, series.others.length > 0 ? `Also ${series.others.join(", ")}.` : ""].filter(Boolean).join(" – ") }),
      this.tools(series),
      this.numbers,
      figures,
    );
    const measured = (value) => quantity(value, series.unit);
    const plot = (title, lines, text, options = {}) => {
      const made = new Plot(figures, title, lines, text, { dark: this.dark.matches, ...options });
      this.plots.push(made);
      return made;
    };
    const span = this.minutes === 1 ? "over the last minute" : `over the last ${this.minutes} minutes`;
    this.quantiles = this.distribution = null;
    if (series.type === "timer") {
      this.quantiles = plot(`Quantiles of the window, ${span}`, TITLES, measured, { log: this.log, hidden: this.hidden });
      this.rates = plot(`Observations per second, ${span}`, ["rate"], rate);
      this.distribution = plot("Observations of the window by range", ["observations"], plain, { ranges: () => this.ranges ?? [], rangeText: measured });
    } else {
      this.rates = plot(series.type === "gauge" ? `Value, ${span}` : `Increase per second, ${span}`, ["value"], series.type === "gauge" ? measured : rate);
    }
    this.update();
  }

  tools(series) {
    const range = element("select", { id: "range", title: "[ ]" });
    range.append(...MINUTES.map((minutes) => element("option", { value: minutes, textContent: `${minutes} min`, selected: minutes === this.minutes })));
    range.addEventListener("change", () => this.choose(Number(range.value), this.log));
    const log = button("Log scale", "l", () => this.choose(this.minutes, !this.log));
    log.setAttribute("aria-pressed", String(this.log));
    const query = series.query;
    const file = `${series.name}.`;
    const tools = [
      element("label", { htmlFor: "range", textContent: "Range" }), range,
      ...(series.type === "timer" ? [log] : []),
      button("Copy link", "the address of this series", (made) => copy(location.href, made)),
      ...(query ? [button("Copy PromQL", `y: ${query}`, (made) => copy(query, made))] : []),
      button("CSV", "save the shown minutes as CSV", () => save(`${file}csv`, "text/csv", this.csv())),
      button("JSON", "save the shown minutes as JSON", () => save(`${file}json`, "application/json", this.json())),
    ];
    return element("div", { className: "tools" }, ...tools);
  }

  /** Chooses the range and the scale. */
  choose(minutes, log) {
    const focused = document.activeElement?.id === "range";
    Object.assign(this, { minutes, log });
    this.redraw();
    if (focused) document.getElementById("range").focus();
    this.changed();
  }

  key(key) {
    const at = MINUTES.indexOf(this.minutes) + { "[": -1, "]": 1 }[key];
    if (key === "l") this.choose(this.minutes, !this.log);
    else if (key === "y" && this.series.query) copy(this.series.query, [...this.place.querySelectorAll(".tools button")].find(({ textContent }) => textContent.includes("PromQL")) ?? this.place.querySelector("button"));
    else if (MINUTES[at]) this.choose(MINUTES[at], this.log);
  }

  /** The shown minutes: points of the exporter's history, then those of this page. */
  points() {
    const { series, store } = this;
    const own = store.order(this.minutes).map((at) => ({ time: store.times[at], count: series.counts[at], past: series.past.map((ring) => ring[at]) }));
    const known = own.findIndex(({ count }) => Number.isFinite(count));
    const first = known < 0 ? Infinity : own[known].time;
    const since = (store.time ?? 0) - this.minutes * 60000;
    const earlier = (this.past ?? []).filter(({ time }) => time < first && time >= since);
    return [...earlier.map(({ time, count, quantiles }) => ({ time, count, past: IDS.map((id) => quantiles?.[id] ?? NaN) })), ...own.slice(Math.max(0, known))];
  }

  /** The shown minutes, one row for each snapshot. */
  rows() {
    const { series } = this;
    const columns = ["time", series.type === "timer" ? "count" : "value", ...(series.past.length > 0 ? IDS : [])];
    const number = (value) => (Number.isFinite(value) ? value : null);
    const rows = this.points().map(({ time, count, past }) => [new Date(time).toISOString(), number(count), ...past.map(number)]);
    return { columns, rows };
  }

  csv() {
    const { columns, rows } = this.rows();
    return `${[columns, ...rows].map((row) => row.map((cell) => cell ?? "").join(",")).join("\n")}\n`;
  }

  json() {
    const { series } = this;
    const { columns, rows } = this.rows();
    const points = rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])));
    return JSON.stringify({ name: series.name, labels: series.labels, unit: series.unit, points, window: this.values }, null, 1);
  }

  /** Draws what the store has now. */
  update() {
    const { series } = this;
    if (!series) return;
    const points = this.points();
    const times = points.map(({ time }) => time / 1000);
    const shown = [["count", short(series.count), series.count]];
    if (series.type === "timer") {
      const mean = series.count > 0 && series.sum !== null ? series.sum / series.count : null;
      shown.push(["rate /s", rate(series.rate)], ["errors", share(series.errors)], ["mean", quantity(mean, series.unit)]);
      const quantiles = IDS.map((id) => [QUANTILES[id], quantity(series.quantiles?.[id], series.unit), series.quantiles?.[id]]);
      shown.push(...quantiles);
      shown.push(["window", plain(series.window)]);
      const past = IDS.map((_, which) => points.map(({ past: { [which]: value } }) => (Number.isNaN(value) || (this.log && value <= 0) ? null : value)));
      this.quantiles.set([times, ...past], quantiles.map(([title, text]) => `${title} ${text}`).join(", "));
    } else {
      shown[0][0] = series.type === "gauge" ? "value" : "total";
      if (series.type === "counter") shown.push(["rate /s", rate(series.rate)]);
    }
    this.numbers.replaceChildren(...shown.map(([name, text, exact]) => {
      const value = element("dd", { textContent: text });
      if (exact !== undefined && exact !== null) value.title = String(exact);
      return element("div", {}, element("dt", { textContent: name }), value);
    }));
    const rates = points.map(({ count }, index) => {
      if (series.type === "gauge") return Number.isNaN(count) ? null : count;
      const before = times.findLastIndex((time, at) => at < index && time <= times[index] - MIN_SPAN);
      const grown = count - points[before]?.count;
      return Number.isFinite(grown) ? Math.max(0, grown) / (times[index] - times[before]) : null;
    });
    this.rates.set([times, rates], series.type === "gauge" ? plain(series.count) : `${rate(series.rate)} per second`);
  }

  /** Draws the values of the window. */
  window(values) {
    if (!this.distribution) return;
    this.values = values;
    this.ranges = ranges(values);
    const unit = this.series.unit;
    const text = values.length === 0 ? "no observations" : `${values.length} observations from ${quantity(Math.min(...values), unit)} to ${quantity(Math.max(...values), unit)}`;
    this.distribution.set([this.ranges.map((_, at) => at), this.ranges.map(({ count }) => count)], text);
    this.update();
  }
}
