// The search field: words, and selectors of PromQL, as in `ictus top`. A selector that is not complete
// yet is read as far as it goes, because it is typed character by character. Of an expression such as
// `sum(rate(name[5m]))`, the selectors are searched.

import { compile } from "./re2.js";

const IDENTIFIER = /^[\p{L}\p{N}_:.]*/u;
const OPERATOR = /^(=~|!~|!=|=)/;
const SUFFIXES = { counter: [], gauge: ["_count", "_sum"], summary: ["_count", "_sum"], histogram: ["_count", "_sum", "_bucket"] };
/** Labels that Prometheus adds to samples of timers, not to series. */
const OF_SAMPLES = ["quantile", "le"];
const ESCAPES = { n: "\n", t: "\t" };

/** Returns whether a sample of the family has that name, or whether it was recorded under it. */
function has(series, name) {
  return series.recorded === name
    || series.shown.some((shown) => name === shown.name || SUFFIXES[shown.type].some((suffix) => name === shown.name + suffix));
}

/** The text in quotes, and what follows; no text before the quotes are closed. */
function quoted(text) {
  const quote = text[0];
  if (!"\"'`".includes(quote ?? "x")) {
    const value = text.split(/[,}]/, 1)[0];
    return [value.trim() || null, text.slice(value.length)];
  }
  let value = "";
  for (let at = 1; at < text.length; at++) {
    if (text[at] === quote) return [value, text.slice(at + 1)];
    const isEscape = text[at] === "\\" && quote !== "`";
    if (isEscape) at += 1;
    value += (isEscape && ESCAPES[text[at]]) || (text[at] ?? "");
  }
  return [null, ""];
}

/** Returns whether a text begins with a function or an aggregation of PromQL. */
function isExpression(text) {
  const start = text.trimStart();
  const name = IDENTIFIER.exec(start)[0];
  const after = start.slice(name.length).trimStart();
  return name !== "" && (after.startsWith("(") || ["by", "without"].includes(IDENTIFIER.exec(after)[0]));
}

function afterRange(text) {
  return text.replace(/^\[[^\]]*(\]|$)/, "");
}

/** Parses a search; `error` is why a part of it matches nothing. */
export function parse(text) {
  const tests = [];
  let error = null;

  function matcher(label, operator, rest) {
    const [value, left] = quoted(rest);
    if (value === null) return left;
    let is = (text) => text === value;
    if (operator.endsWith("~")) {
      try {
        const expression = compile(value);
        is = (text) => expression.test(text);
      } catch (failure) {
        error = failure.message;
        tests.push(() => false);
        return left;
      }
    }
    const wanted = !operator.startsWith("!");
    if (label === "__name__") tests.push((series) => [series.recorded, ...series.shown.map(({ name }) => name)].some(is) === wanted);
    // To Prometheus, a label that is missing is empty.
    else if (!OF_SAMPLES.includes(label)) tests.push((series) => is(series.labels[label] ?? series.recordedLabels[label] ?? "") === wanted);
    return left;
  }

  function matchers(rest) {
    for (;;) {
      rest = next(rest);
      const label = IDENTIFIER.exec(rest)[0];
      const after = rest.slice(label.length).trimStart();
      const operator = OPERATOR.exec(after)?.[0];
      if (!label || !operator) return after.startsWith("}") ? afterRange(after.slice(1)) : "";
      rest = matcher(label, operator, after.slice(operator.length).trimStart());
    }
  }

  /** Reads a selector after its name. */
  function select(name, after) {
    if (name) tests.push((series) => has(series, name));
    return after.startsWith("{") ? matchers(after.slice(1)) : afterRange(after);
  }

  const next = (rest) => rest.replace(/^[\s,]+/, "");
  const alternatives = [];
  for (let rest = isExpression(text) ? text : ""; rest;) {
    const name = IDENTIFIER.exec(rest)[0];
    const after = rest.slice(name.length);
    if (/["'`]/.test(rest[0])) rest = quoted(rest)[1];
    else if (after.startsWith("{") || (name && after.startsWith("["))) {
      rest = select(name, after);
      alternatives.push(tests.splice(0));
    } else rest = name ? after : rest.slice(1);
  }
  if (alternatives.length > 0) return { error, matches: (series) => alternatives.some((all) => all.every((test) => test(series))) };
  let rest = next(text);
  while (rest) {
    const name = IDENTIFIER.exec(rest)[0];
    const after = rest.slice(name.length);
    const operator = OPERATOR.exec(after)?.[0];
    if (after.startsWith("{")) {
      rest = select(name, after);
    } else if (name && operator && /^["'`]/.test(after.slice(operator.length))) {
      // Without quotes it is a word: `job=imp` finds `job=import`.
      rest = matcher(name, operator, after.slice(operator.length));
    } else {
      const word = /^\S+/.exec(rest)[0];
      const lower = word.toLowerCase();
      tests.push((series) => series.search.includes(lower) || has(series, word));
      rest = rest.slice(word.length);
    }
    rest = next(rest);
  }
  return { error, matches: (series) => tests.every((test) => test(series)) };
}

/** A name and labels as a selector of PromQL. */
export function selector(name, labels) {
  const value = (text) => JSON.stringify(text).replaceAll("\\/", "/");
  return `${name}{${Object.entries(labels).map(([label, text]) => `${label}=${value(text)}`).join(",")}}`;
}
