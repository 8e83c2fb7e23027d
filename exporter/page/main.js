// Reads a snapshot every two seconds, and passes it on together with the user's choices.

import { Detail, MINUTES } from "./detail.js";
import { button, element } from "./element.js";
import { clock, plain, rate } from "./format.js";
import { METRIC } from "./group.js";
import { INTERVAL, Store } from "./store.js";
import { COLUMNS, Table } from "./table.js";

/** How long a reconnection is reported. */
const RECONNECTED = 10000;
const store = new Store();
const table = new Table(store, (series) => { location.hash = address(series); }, remember);
const detail = new Detail(store, () => { location.hash = ""; }, remember);
const byId = (id) => document.getElementById(id);
const state = byId("state"), search = byId("search"), pause = byId("pause"), help = byId("help");
const group = byId("group"), fold = byId("fold");
let paused = false;
/** The time of the lost connection, the message of its return, and the end of that message. */
let lostAt = null, returned = { text: "", until: 0 };

/** A series in the page's address: its recorded name and labels. */
function address(series) {
  const labels = new URLSearchParams(series.recordedLabels).toString();
  return `#${series.origin}/${encodeURIComponent(series.recorded)}?${labels}`;
}

function chosen() {
  if (location.hash.length < 2) return null;
  return [...store.series.values()].find((series) => address(series) === location.hash) ?? null;
}

/** The parameters of the address with their defaults, which the address omits. */
const USUAL = { q: "", group: "", closed: "0", sort: "-p99", range: "5", log: "0" };

/** Writes search, order and selection into the address, so that it can be shared. */
function remember() {
  const { column, down } = table.sort;
  const query = new URLSearchParams(location.search);
  const now = { q: table.needle, group: table.group, closed: table.closed ? "1" : "0", sort: `${down ? "-" : ""}${column.id}`, range: String(detail.minutes), log: detail.log ? "1" : "0" };
  for (const [name, value] of Object.entries(now)) if (value === USUAL[name]) query.delete(name); else query.set(name, value);
  history.replaceState(null, "", `${location.pathname}${query.size > 0 ? `?${query}` : ""}${location.hash}`);
}

function restore() {
  const { q, group, closed, sort, range, log } = { ...USUAL, ...Object.fromEntries(new URLSearchParams(location.search)) };
  search.value = table.needle = q;
  table.group = group;
  table.closed = closed === "1";
  const column = COLUMNS.find(({ id }) => id === sort.replace("-", ""));
  if (column) table.sort = { column, down: sort[0] === "-" };
  if (MINUTES.includes(Number(range))) detail.minutes = Number(range);
  detail.log = log === "1";
}

async function fetched(path) {
  // Longer than a slow directory takes; shorter than a viewer waits.
  const answer = await fetch(path, { signal: AbortSignal.timeout(15000), cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`.slice(0, 200));
  return answer.json();
}

function setState(text, bad) {
  // Screen readers read each change aloud: set only a new text.
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("bad", bad);
}

/** The host, the directory and the version, in the header and the title. */
async function showAbout() {
  try {
    const { host, directory, version, surfaces } = await fetched("about.json");
    const parts = [host, directory, surfaces.join(", "), `Ictus ${version}`].filter(Boolean);
    byId("about").textContent = parts.join(" · ");
    document.title = ["Ictus", host, directory].filter(Boolean).join(" – ");
  } catch {
    // Shown by the next snapshot, if it fails too.
  }
}

async function refresh() {
  try {
    const now = Date.now();
    store.add(await fetched("snapshot.json"), now);
    if (lostAt !== null) {
      returned = { text: ` Connected again at ${clock(now)}; nothing was read since ${clock(lostAt)}.`, until: now + RECONNECTED };
      lostAt = null;
      showAbout();
    }
    delete document.body.dataset.stale;
    setState(`${plain(store.series.size)} series of ${plain(store.health.live_segments)} live and ${plain(store.health.dead_segments)} dead workers.${now < returned.until ? returned.text : ""}`, false);
    document.body.dataset.snapshots = String(store.snapshots);
    await draw();
  } catch (error) {
    lostAt ??= store.time ?? Date.now();
    document.body.dataset.stale = clock(lostAt);
    setState(`Not connected since ${clock(lostAt)}, and the numbers are of then. Trying again. (${error.message})`, true);
  }
}

async function draw() {
  const series = chosen();
  if (series !== detail.series) detail.show(series);
  else detail.update();
  table.selected = series?.key ?? null;
  table.update();
  offerGroups();
  overview();
  if (series?.type === "timer") {
    const query = new URLSearchParams([["origin", series.origin], ["name", series.recorded], ...Object.values(series.recordedLabels).map((value) => ["label", value])]);
    if (detail.past === null) {
      const { points } = await fetched(`history.json?${query}`);
      if (detail.series === series) detail.past = points;
    }
    const { values } = await fetched(`window.json?${query}`);
    if (detail.series === series) detail.window(values);
  }
}

/** Offers the metric and the labels to group by, those of the most series first. */
function offerGroups() {
  const labels = [...store.labels].sort(([, one], [, other]) => other - one).map(([label]) => label);
  if (table.group && table.group !== METRIC && !labels.includes(table.group)) labels.push(table.group);
  const offered = [["", "none"], [METRIC, "metric"], ...labels.map((label) => [label, label])];
  // An open list stays open: it changes only if there is another label.
  if (group.options.length !== offered.length) group.replaceChildren(...offered.map(([value, textContent]) => element("option", { value, textContent })));
  group.value = table.group;
  fold.hidden = table.group === "";
  fold.textContent = table.closed ? "Open groups" : "Close groups";
}

function overview() {
  const timers = [...store.series.values()].filter((series) => series.type === "timer");
  const rates = timers.reduce((sum, series) => sum + (series.rate ?? 0), 0);
  const counts = Object.entries(store.health.counts).filter(([, count]) => count > 0);
  const lines = [`${plain(timers.length)} timers, ${rate(rates)} observations per second.`];
  if (table.needle) lines[0] += ` ${plain(table.shown.length)} of ${plain(store.series.size)} series match the search.`;
  if (store.series.size === 0) lines.push("Nothing is recorded yet. Series appear as soon as a worker records; ictus check names the cause if none does.");
  if (location.hash.length > 1 && chosen() === null) lines.push("The series in this page's address does not exist (any more).");
  if (store.health.bad_segments > 0) lines.push(`${store.health.bad_segments} segments cannot be read: ictus check names the cause.`);
  if (counts.length > 0) lines.push(`Left out: ${counts.map(([why, count]) => `${plain(count)} ${why.replaceAll("_", " ")}`).join(", ")}.`);
  byId("overview").replaceChildren(...lines.map((line) => element("p", { textContent: line })));
  const none = byId("none");
  none.hidden = store.series.size === 0 || table.shown.length > 0;
  const text = table.error ? `The search has an error: ${table.error}` : `No series matches ${table.needle}`;
  // The button keeps the focus.
  if (none.firstChild?.textContent !== text) none.replaceChildren(element("p", { textContent: text }), button("Show all series", "Esc", () => find("")));
}

function find(text) {
  search.value = table.needle = text;
  table.rows.scrollTop = 0;
  table.update();
  if (store.health) overview();
  remember();
}

function toggle() {
  paused = !paused;
  pause.ariaPressed = paused;
  pause.textContent = paused ? "Resume" : "Pause";
  if (!paused) refresh();
}

function toggleHelp() {
  const keys = byId("keys");
  keys.hidden = !keys.hidden;
  help.ariaExpanded = !keys.hidden;
}

group.addEventListener("change", () => { table.groupBy(group.value); offerGroups(); remember(); });
fold.addEventListener("click", () => { table.fold(!table.closed); offerGroups(); remember(); });
pause.addEventListener("click", toggle);
help.addEventListener("click", toggleHelp);
search.addEventListener("input", () => find(search.value));
addEventListener("hashchange", () => { if (store.health) draw().catch(() => {}); });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (document.activeElement === search && search.value) find("");
    else if (location.hash.length > 1) location.hash = "";
    else if (table.needle) find("");
  }
  if (event.target.matches?.("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") search.focus();
  else if (event.key === "g") group.focus();
  else if (event.key === "p") toggle();
  else if (event.key === "?") toggleHelp();
  else if (detail.series && ["l", "y", "[", "]"].includes(event.key)) detail.key(event.key);
  else return;
  event.preventDefault();
});

async function run() {
  for (;;) {
    // A page in the background requests nothing.
    if (!paused && !document.hidden) await refresh();
    await new Promise((done) => setTimeout(done, INTERVAL));
  }
}
restore();
showAbout();
run();
