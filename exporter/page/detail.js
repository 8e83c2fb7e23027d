// One series: its names, its numbers, its quantiles and rate over the last minutes, and its window as a
// distribution.

import { ranges } from "./distribution.js";
import { button, copy, element, save } from "./element.js";
import { plain, quantity, rate, share, short, visible } from "./format.js";
import { Plot } from "./plot.js";
import { selector } from "./search.js";
import { QUANTILES } from "./store.js";

export const MINUTES = [1, 5, 15];
/** The minimum time in seconds that a rate is computed over: two points may be close to each other. */
const MIN_SPAN = 1.5;
/** From this length on, a heading may scroll. */
const LONG = 150;
const IDS = Object.keys(QUANTILES), TITLES = Object.values(QUANTILES);

/** A text that can be broken after each label. */
function breakable(text) {
  return text.split(/(?<=[{,])/).flatMap((part, at) => (at === 0 ? [part] : [element("wbr"), part]));
}

export class Detail {
  /** `close` is called to show all series, `changed` after another range or scale. */
  constructor(store, close, changed) {
    this.store = store;
    this.panel = document.getElementById("detail");
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
    new ResizeObserver(() => this.plots.forEach((plot) => plot.fit())).observe(this.panel);
  }

  /** Draws the same series again: in another theme, range or scale. */
  redraw() {
    const { series, values, past } = this;
    if (!series) return;
    this.show(series);
    this.past = past;
    if (values) this.window(values);
  }

  show(series) {
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    this.series = series;
    this.values = this.past = null;
    this.panel.hidden = series === null;
    this.panel.replaceChildren();
    if (series === null) return;
    this.numbers = element("dl", { className: "numbers" });
    const figures = element("div", { className: "plots" });
    this.panel.append(
      element("div", { className: "title" }, button("← All series", "Esc", this.close), this.heading(series)),
      element("div", { className: "help", textContent: [series.help, series.others.length > 0 ? `Also ${series.others.join(", ")}.` : ""].filter(Boolean).join(" – ") }),
      this.tools(series),
      this.numbers,
      figures,
    );
    const measured = (value) => quantity(value, series.unit);
    const plot = (title, lines, text, options = {}) => {
      const created = new Plot(figures, title, lines, text, { dark: this.dark.matches, ...options });
      this.plots.push(created);
      return created;
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

  /** Name and labels; long ones scroll, so that the numbers stay in sight. */
  heading(series) {
    const text = visible(selector(series.name, series.labels));
    return element("h2", text.length > LONG ? { tabIndex: 0 } : {}, ...breakable(text));
  }

  tools(series) {
    const range = element("select", { id: "range", title: "[ ]" });
    range.append(...MINUTES.map((minutes) => element("option", { value: minutes, textContent: `${minutes} min`, selected: minutes === this.minutes })));
    range.addEventListener("change", () => this.choose(Number(range.value), this.log));
    const log = button("Log scale", "l", () => this.choose(this.minutes, !this.log));
    log.ariaPressed = this.log;
    const { query } = series;
    this.copyQuery = query && button("Copy PromQL", `y: ${query}`, (used) => copy(query, used));
    const file = `${series.name}.`;
    const tools = [
      element("label", { htmlFor: "range", textContent: "Range" }), range,
      ...(series.type === "timer" ? [log] : []),
      button("Copy link", "the address of this series", (created) => copy(location.href, created)),
      ...(query ? [this.copyQuery] : []),
      button("CSV", "save the shown minutes as CSV", () => save(`${file}csv`, "text/csv", this.csv())),
      button("JSON", "save the shown minutes as JSON", () => save(`${file}json`, "application/json", this.json())),
    ];
    return element("div", { className: "tools" }, ...tools);
  }

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
    else if (key === "y") this.copyQuery?.click();
    else if (MINUTES[at]) this.choose(MINUTES[at], this.log);
  }

  /** The shown minutes: points of the exporter's history, then those of this page. */
  points() {
    const { series, store } = this;
    const own = store.order(this.minutes).map((at) => ({ time: store.times[at], count: series.counts[at], past: series.past.map((ring) => ring[at]) }));
    const index = own.findIndex(({ count }) => Number.isFinite(count));
    const first = index < 0 ? Infinity : own[index].time;
    const since = (store.time ?? 0) - this.minutes * 60000;
    const earlier = (this.past ?? []).filter(({ time }) => time < first && time >= since);
    return [...earlier.map(({ time, count, quantiles }) => ({ time, count, past: IDS.map((id) => quantiles?.[id] ?? NaN) })), ...own.slice(Math.max(0, index))];
  }

  /** The shown minutes, one row for each snapshot. */
  rows() {
    const total = this.series.type === "timer" ? "count" : "value";
    const number = (value) => (Number.isFinite(value) ? value : null);
    return this.points().map(({ time, count, past }) => ({
      time: new Date(time).toISOString(), [total]: number(count), ...Object.fromEntries(past.map((value, at) => [IDS[at], number(value)])),
    }));
  }

  csv() {
    const rows = this.rows();
    return [Object.keys(rows[0]), ...rows.map(Object.values)].map((row) => `${row.join(",")}\n`).join("");
  }

  json() {
    const { name, labels, unit } = this.series;
    return JSON.stringify({ name, labels, unit, points: this.rows(), window: this.values }, null, 1);
  }

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
      const previous = times.findLastIndex((time, at) => at < index && time <= times[index] - MIN_SPAN);
      const grown = count - points[previous]?.count;
      return Number.isFinite(grown) ? Math.max(0, grown) / (times[index] - times[previous]) : null;
    });
    this.rates.set([times, rates], series.type === "gauge" ? plain(series.count) : `${rate(series.rate)} per second`);
  }

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
