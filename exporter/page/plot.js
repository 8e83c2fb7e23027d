// One chart of uPlot, in the colours of the theme, with its values in the legend at all times.

import { element } from "./element.js";
import { clock, isMissing } from "./format.js";

const COLOURS = { light: ["#7a8699", "#3d8f5f", "#b58900", "#d2691e", "#c2255c", "#7c3aed", "#1c2330"], dark: ["#8fa0b8", "#63c48b", "#e0b94a", "#ff9f5a", "#ff7aa8", "#b794ff", "#e4e8ee"] };
const HEIGHT = 170;

export class Plot {
  /**
   * `lines` are the legends; `text` writes a value. `ranges` returns the ranges of a distribution, if
   * the chart has bars instead of times. `hidden` are the legends of lines that the user has hidden; the
   * chart changes it.
   */
  constructor(figures, title, lines, text, { dark, log, ranges, rangeText, hidden = new Set() }) {
    const style = getComputedStyle(document.documentElement);
    const colours = COLOURS[dark ? "dark" : "light"];
    this.title = title;
    this.container = element("div", { role: "img", ariaLabel: title });
    const figure = element("figure", {}, element("figcaption", { textContent: title }), this.container);
    figures.append(figure);
    this.labels = [];
    const axis = { stroke: style.getPropertyValue("--faint"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, size: 70 };
    const from = (at) => ranges?.()[Math.round(at)];
    const last = (plot, line) => plot.data[line].findLast((value) => value !== null && value !== undefined);
    this.plot = new uPlot({
      width: Math.max(200, this.container.clientWidth), height: HEIGHT,
      scales: {
        x: { time: !ranges, ...(ranges ? { range: () => [-0.5, Math.max(1, ranges().length) - 0.5] } : {}) },
        // From zero, so that a line that looks twice as high is; a logarithmic scale has no zero.
        y: log ? { distr: 3 } : { range: (_, low, high) => [Math.min(0, low ?? 0), 1.1 * (high || 1)] },
      },
      // To the right, half of the last time under the axis.
      padding: [null, 28, null, null],
      cursor: { y: false },
      // Outside of the image, because its labels are buttons.
      legend: { mount: (_, legend) => figure.append(legend) },
      hooks: {
        setSeries: [(plot, line, { show }) => {
          if (show === undefined) return;
          hidden[show ? "delete" : "add"](lines[line - 1]);
          if (this.labels[line]) this.labels[line].ariaPressed = show;
        }],
      },
      axes: [
        ranges
          ? { ...axis, size: 30, space: 90, incrs: [1, 2, 5, 10, 20], values: (_, all) => all.map((at) => (Number.isInteger(at) && from(at) ? rangeText(from(at).from) : "")) }
          : { ...axis, size: 30, space: 60, values: (_, all) => all.map((value) => clock(value * 1000)) },
        { ...axis, values: (_, all) => all.map((value) => (value === null ? "" : text(value))) },
      ],
      series: [
        ranges
          ? { label: "range", value: (plot, at) => (isMissing(at) || !from(at) ? "all" : `${rangeText(from(at).from)} – ${rangeText(from(at).to)}`) }
          : { label: "at", value: (plot, value) => (isMissing(value) ? "now" : clock(value * 1000)) },
        ...lines.map((label, index) => ({
          label, stroke: colours[lines.length === 1 ? 1 : index], width: 1.5, show: !hidden.has(label), ...(label === "max" ? { dash: [4, 3] } : {}), points: { show: false }, spanGaps: false,
          ...(ranges ? { paths: uPlot.paths.bars({ size: [0.9, 80] }), fill: `${colours[1]}88` } : {}),
          // Without a pointer over the chart: the newest value, or the sum of a distribution.
          value: (plot, value, line, at) => {
            if (!isMissing(at)) return isMissing(value) ? "–" : text(value);
            const shown = ranges ? plot.data[line].reduce((sum, count) => sum + count, 0) : last(plot, line);
            return isMissing(shown) ? "–" : text(shown);
          },
        })),
      ],
    }, [[], ...lines.map(() => [])], this.container);
    if (lines.length === 1) return;
    this.labels = [...figure.querySelectorAll(".u-label")];
    lines.forEach((line, index) => {
      const label = Object.assign(this.labels[index + 1], { tabIndex: 0, role: "button", ariaPressed: !hidden.has(line) });
      label.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        label.click();
      });
    });
  }

  fit() {
    const width = Math.max(200, this.container.parentElement.clientWidth);
    if (this.plot.width !== width) this.plot.setSize({ width, height: HEIGHT });
  }

  set(data, text) {
    this.plot.setData(data);
    this.container.ariaLabel = `${this.title}: ${text}`;
  }

  destroy() {
    this.plot.destroy();
  }
}
