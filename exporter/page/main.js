// Looks every two seconds, and passes on what was seen and what somebody wants to see.

import { Detail } from "./detail.js";
import { plain, rate } from "./format.js";
import { EVERY, Store } from "./store.js";
import { Table } from "./table.js";

const store = new Store();
const table = new Table(store, (series) => { location.hash = address(series); });
const detail = new Detail(store, () => { location.hash = ""; });
const state = document.getElementById("state");
const search = document.getElementById("search");
const pause = document.getElementById("pause");
const help = document.getElementById("help");
let paused = false;

/** A series in the page's address: its name, then its labels. */
function address(series) {
  const labels = new URLSearchParams(series.labels).toString();
  return `#${series.origin}/${encodeURIComponent(series.name)}?${labels}`;
}

function chosen() {
  if (location.hash.length < 2) return null;
  for (const series of store.series.values()) if (address(series) === location.hash) return series;
  return null;
}

async function fetched(path) {
  // Longer than a slow directory takes; shorter than a viewer's patience.
  const answer = await fetch(path, { signal: AbortSignal.timeout(15000), cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`.slice(0, 200));
  return answer.json();
}

function say(text, bad) {
  // Screen readers read a change aloud: only say what is new.
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("bad", bad);
}

async function look() {
  try {
    store.saw(await fetched("snapshot.json"), Date.now());
    say(`${plain(store.series.size)} series of ${plain(store.health.live_segments)} live and ${plain(store.health.dead_segments)} dead workers`, false);
    document.body.dataset.looks = String(store.looks);
    await draw();
  } catch (error) {
    say(`no answer: ${error.message}; what is shown is old`, true);
  }
}

async function draw() {
  const series = chosen();
  if (series !== detail.series) detail.show(series);
  else detail.update();
  table.selected = series?.key ?? null;
  table.update();
  overview();
  if (series?.type === "timer") {
    const query = new URLSearchParams([["origin", series.origin], ["name", series.name], ...Object.values(series.labels).map((value) => ["label", value])]);
    const { values } = await fetched(`window.json?${query}`);
    if (detail.series === series) detail.window(values);
  }
}

function overview() {
  const timers = [...store.series.values()].filter((series) => series.type === "timer");
  const rates = timers.reduce((sum, series) => sum + (series.rate ?? 0), 0);
  const lost = Object.entries(store.health.lost).filter(([, count]) => count > 0);
  const lines = [`${plain(timers.length)} timers, ${rate(rates)} observations a second.`];
  if (store.series.size === 0) lines.push("Nothing is recorded yet: the page goes on looking.");
  if (location.hash.length > 1 && chosen() === null) lines.push("The series in this page's address is not there (any more).");
  if (store.health.bad_segments > 0) lines.push(`${store.health.bad_segments} segments cannot be read: ictus check says why.`);
  if (lost.length > 0) lines.push(`Left out: ${lost.map(([why, count]) => `${plain(count)} ${why.replaceAll("_", " ")}`).join(", ")}.`);
  const place = document.getElementById("overview");
  place.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
}

function toggle() {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) look();
}

pause.addEventListener("click", toggle);
help.addEventListener("click", () => {
  const keys = document.getElementById("keys");
  keys.hidden = !keys.hidden;
  help.setAttribute("aria-expanded", String(!keys.hidden));
});
search.addEventListener("input", () => { table.needle = search.value; table.update(); });
addEventListener("hashchange", () => { if (store.health) draw().catch(() => {}); });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (document.activeElement === search && search.value) { search.value = ""; table.needle = ""; table.update(); }
    else location.hash = "";
  }
  if (event.target.matches?.("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); search.focus(); }
  if (event.key === "p") toggle();
  if (event.key === "?") help.click();
});

async function forever() {
  for (;;) {
    // A page that nobody looks at asks for nothing.
    if (!paused && !document.hidden) await look();
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
forever();
