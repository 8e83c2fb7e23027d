// One series: its numbers, its quantiles and its rate over the last minutes, its window as a distribution.

import { plain, quantity, rate, share } from "./format.js";
import { QUANTILES } from "./store.js";

const COLOURS = { light: ["#7a8699", "#3d8f5f", "#b58900", "#d2691e", "#c2255c"], dark: ["#8fa0b8", "#63c48b", "#e0b94a", "#ff9f5a", "#ff7aa8"] };
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const BINS = 40;
const HEIGHT = 170;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export class Detail {
  constructor(store, close) {
    this.store = store;
    this.place = document.getElementById("detail");
    this.close = close;
    this.series = null;
    this.plots = [];
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => { if (this.series) this.show(this.series); });
    this.dark = dark;
    new ResizeObserver(() => this.fit()).observe(this.place);
  }

  /** Shows a series, or with none nothing. */
  show(series) {
    this.plots.forEach(({ plot }) => plot.destroy());
    this.plots = [];
    this.series = series;
    this.place.hidden = series === null;
    this.place.replaceChildren();
    if (series === null) return;
    const back = element("button", { type: "button", textContent: "All series (Esc)" });
    back.addEventListener("click", this.close);
    this.numbers = element("dl", { className: "numbers" });
    this.figures = element("div", { className: "plots" });
    this.place.append(
      element("div", { className: "title" }, element("h2", { textContent: `${series.name} ${series.text}` }), back),
      element("div", { className: "help", textContent: series.help }),
      this.numbers,
      this.figures,
    );
    if (series.type === "timer") {
      this.quantiles = this.plot("Quantiles of the window, over the last minutes", QUANTILES, true);
      this.rates = this.plot("Observations a second", ["rate"], true);
      this.distribution = this.plot("The window: how many observations lie where", ["observations"], false);
    } else {
      this.rates = this.plot(series.type === "gauge" ? "Value" : "Increase a second", ["value"], true);
    }
    this.update();
  }

  plot(title, lines, byTime) {
    const style = getComputedStyle(document.documentElement);
    const colours = COLOURS[this.dark.matches ? "dark" : "light"];
    const figure = element("figure", {}, element("figcaption", { textContent: title }));
    this.figures.append(figure);
    const room = element("div");
    room.setAttribute("role", "img");
    figure.append(room);
    const unit = this.series.unit;
    const axis = { stroke: style.getPropertyValue("--faint"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, size: 66 };
    const measured = (_, values) => values.map((value) => (value === null ? "" : quantity(value, unit)));
    const clock = (_, values) => values.map((value) => CLOCK.format(value * 1000));
    const counted = (_, values) => values.map((value) => plain(value));
    const bars = byTime ? {} : { paths: uPlot.paths.bars({ size: [1, 80], align: 1 }), fill: `${colours[1]}88` };
    const isMeasured = lines === QUANTILES;
    const plot = new uPlot({
      width: Math.max(200, room.clientWidth), height: HEIGHT,
      scales: {
        x: byTime ? { time: true } : { time: false, distr: 3 },
        // From nothing, so that a line that looks twice as high is.
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), 1.1 * (high || 1)] },
      },
      cursor: { y: false },
      axes: [
        byTime ? { ...axis, size: 30, values: clock, space: 80 } : { ...axis, size: 30, values: measured, space: 90 },
        { ...axis, values: isMeasured || this.series.type === "gauge" ? measured : counted },
      ],
      series: [
        byTime ? { label: "at", value: (_, value) => (value === null ? "–" : CLOCK.format(value * 1000)) } : { label: "from", value: (_, value) => quantity(value, unit) },
        ...lines.map((label, index) => ({
          label, stroke: colours[lines.length === 1 ? 1 : index], width: 1.5, points: { show: false }, ...bars,
          value: (_, value) => (isMeasured ? quantity(value, unit) : plain(value)),
        })),
      ],
    }, [[], ...lines.map(() => [])], room);
    this.plots.push({ plot, room });
    return { plot, room, title };
  }

  fit() {
    for (const { plot, room } of this.plots) {
      const width = Math.max(200, room.parentElement.clientWidth);
      if (plot.width !== width) plot.setSize({ width, height: HEIGHT });
    }
  }

  /** Draws what the store has now. */
  update() {
    const { series, store } = this;
    if (!series) return;
    const order = store.order();
    const times = order.map((at) => store.times[at] / 1000);
    const shown = [["count", plain(series.count)]];
    if (series.type === "timer") {
      const mean = series.count > 0 && series.sum !== null ? series.sum / series.count : null;
      shown.push(["rate /s", rate(series.rate)], ["errors", share(series.errors)], ["mean", quantity(mean, series.unit)]);
      for (const id of QUANTILES) shown.push([id, quantity(series.quantiles?.[id], series.unit), series.quantiles?.[id]]);
      shown.push(["window", plain(series.window)]);
      const past = series.past.map((ring) => order.map((at) => (Number.isNaN(ring[at]) ? null : ring[at])));
      this.quantiles.plot.setData([times, ...past]);
      this.describe(this.quantiles, QUANTILES.map((id) => `${id} ${quantity(series.quantiles?.[id], series.unit)}`).join(", "));
    } else {
      shown[0][0] = series.type === "gauge" ? "value" : "total";
      if (series.type === "counter") shown.push(["rate /s", rate(series.rate)]);
    }
    this.numbers.replaceChildren(...shown.map(([name, text, exact]) => {
      const value = element("dd", { textContent: text });
      if (exact !== undefined && exact !== null) { value.title = String(exact); value.dataset.value = String(exact); }
      return element("div", {}, element("dt", { textContent: name }), value);
    }));
    const rates = order.map((at, index) => {
      if (series.type === "gauge") return Number.isNaN(series.counts[at]) ? null : series.counts[at];
      if (index === 0) return null;
      const grown = series.counts[at] - series.counts[order[index - 1]];
      return Number.isFinite(grown) ? Math.max(0, grown) / (times[index] - times[index - 1]) : null;
    });
    this.rates.plot.setData([times, rates]);
    this.describe(this.rates, series.type === "gauge" ? plain(series.count) : `${rate(series.rate)} a second`);
  }

  /** Draws the window's values; bins of equal ratio, for times spread over orders of magnitude. */
  window(values) {
    const positive = values.filter((value) => value > 0);
    if (!this.distribution || positive.length === 0) return;
    const low = Math.min(...positive), high = Math.max(...positive);
    const step = Math.max(1e-9, Math.log(high / low) / BINS) || 1e-9;
    const counts = new Array(BINS).fill(0);
    for (const value of positive) counts[Math.min(BINS - 1, Math.floor(Math.log(value / low) / step))] += 1;
    this.distribution.plot.setData([counts.map((_, bin) => low * Math.exp(bin * step)), counts]);
    const unit = this.series.unit;
    this.describe(this.distribution, `${values.length} observations from ${quantity(low, unit)} to ${quantity(high, unit)}`);
  }

  describe({ room, title }, text) {
    room.setAttribute("aria-label", `${title}: ${text}`);
  }
}
