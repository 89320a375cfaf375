// The page: signs in, reloads every 15 seconds while it is visible, and redraws what has changed.
import * as alerts from "./alerts.js";
import { get } from "./api.js";
import * as books from "./books.js";
import { closeAll, showOutcome } from "./dialogs.js";
import { openDiscarded } from "./discarded.js";
import { ago, counted, duration, el, problemText, runbookLink, updateTimes, show } from "./dom.js";
import * as drops from "./drops.js";
import * as ending from "./ending.js";
import * as failing from "./failing.js";
import { findForm } from "./find.js";
import * as filter from "./filter.js";
import * as incidents from "./incidents.js";
import { follow, forget as forgetLinks, opens } from "./links.js";
import { page } from "./order.js";
import * as panels from "./panels.js";
import * as renewal from "./renewal.js";
import { may, scopes, token } from "./session.js";
import { endSession as endOnServer, signIn } from "./signing.js";
import * as staff from "./staff.js";
import * as trends from "./trends.js";
import "./user.js";

const EVERY_MS = 15_000;
const UNANSWERED = "api-5xx.md"; // the runbook where the API gives no answer
const LATE_SECONDS = 60; // four refreshes without an answer
const $ = (id) => document.getElementById(id);

const SOURCES = {
  letters: () => get("admin/dead-letters"),
  overview: () => get("admin/overview"),
  drops: newestDrops,
  alerts: alerts.load,
  trends: trends.load,
  sales: () => get("admin/sales"),
  ranking: () => get("rankings?period=daily&limit=10"),
  staff: staff.load,
  audit: () => get("admin/audit?limit=10"),
};
const SCOPES = { letters: "ops", overview: "ops", drops: "drops", alerts: "ops", trends: "ops", sales: "ops", staff: "admin", audit: "admin" }; // the others are public
const PANELS = [
  ["letters", "Dead letters", "letters", panels.letters],
  ["failing", "Failing now", "overview", failing.failing],
  ["orders", "Orders", "overview", panels.orders],
  ["payments", "Card payments", "overview", panels.payments],
  ["outbox", "Outbox", "overview", panels.outbox],
  ["books", "Books", "overview", books.books],
  ["drops", "Drops", "drops", drops.drops],
  ["alerts", "Alerts of seven days", "alerts", alerts.alerts],
  ["trends", "Trends of 24 hours", "trends", trends.trends],
  ["sales", "Sales of the last day", "sales", panels.sales],
  ["stock", "Stock of what sold best", "sales", panels.stock],
  ["ranking", "Today's ranking", "ranking", panels.ranking],
  ["audit", "Audit", "audit", panels.audit],
  ["staff", "Staff and API keys", "staff", staff.staff],
];
const isShown = (source) => !SCOPES[source] || may(SCOPES[source]);
const shownPanels = () => PANELS.filter(([, , source]) => isShown(source));

const known = {}; // the last answer of each source
const failed = {}; // the problem of each source that failed
const loadedAt = {}; // when each source answered last
const opened = new Map(); // queue → its dead letters, once they are loaded
let timer, drawn, running;

// --- loading -------------------------------------------------------------------------------------

function refresh() {
  running ??= load().finally(() => { running = null; });
  return running;
}

async function load() {
  clearTimeout(timer);
  if (renewal.isDue()) await renewal.renew();
  $("refresh").setAttribute("aria-busy", "true");
  const others = Object.keys(SOURCES).filter((source) => source !== "letters" && isShown(source));
  await Promise.all([loadAllDeadLetters(), ...others.map(loadSource)]);
  $("refresh").removeAttribute("aria-busy");
  if (!token.get()) return;
  draw();
  timer = setTimeout(refresh, EVERY_MS);
}

// Those under way have their entries counted, and a cancelled one until all of them have ended; `now`
// would redraw the panel each time.
const ended = new Set();
async function newestDrops() {
  const { items } = await get("admin/drops?limit=10");
  const found = await Promise.all(items.map(async (drop) => {
    if (drop.state === "CLOSED" || ended.has(drop.drop_id)) return drop;
    const seen = await get(`admin/drops/${drop.drop_id}`);
    if (seen.ended_at) ended.add(drop.drop_id);
    return seen;
  }));
  return { drops: found.map(({ now, ...drop }) => drop) };
}

async function loadSource(source) {
  try {
    known[source] = await SOURCES[source]();
    loadedAt[source] = Date.now();
    delete failed[source];
  } catch (problem) {
    if (problem.status === 401) return endSession();
    failed[source] = problem;
  }
}

// One request after another: what one has received is invisible to the next.
async function loadAllDeadLetters() {
  if (!isShown("letters")) return;
  await loadSource("letters");
  // What was found is read again after an act alone: it takes a look at every message.
  for (const queue of [...opened.keys()]) if (!filter.found(queue)) await loadDeadLetters(queue);
}

async function loadDeadLetters(queue) {
  try {
    opened.set(queue, await get(`admin/dead-letters/${encodeURIComponent(queue)}?limit=50`));
  } catch (problem) {
    if (problem.status === 401) return endSession();
    failed.letters = problem;
  }
}

// --- drawing -------------------------------------------------------------------------------------

const handlers = {
  opened,
  changed: () => void changed(),
  redraw: () => draw(),
  settled: () => running, // a refresh hides for a moment the dead letters that it reads
  toggle: async (queue) => {
    filter.forget(queue);
    if (opened.delete(queue)) return draw();
    opened.set(queue, undefined);
    await loadDeadLetters(queue);
    draw();
  },
};

page.changed = handlers.changed;
page.settled = handlers.settled;
opens("queue", "ops", (name) => void openQueue(name));
opens("discarded", "ops", () => openDiscarded(handlers.changed));

async function openQueue(name) {
  await running;
  const queue = known.letters?.queues.find((each) => each.queue === name);
  if (!queue) return showOutcome({ text: known.letters ? `There is no queue ${name}.` : "The queues cannot be read.", bad: true });
  if (!queue.count) return showOutcome({ text: `${name} has no dead letters.` });
  if (!opened.has(name)) await handlers.toggle(name);
  document.querySelector(`section.queue[aria-label="${CSS.escape(name)}"]`)?.scrollIntoView();
}

async function changed() {
  await running; // its answers may be older than the change
  await refresh();
  for (const queue of opened.keys()) await filter.again(queue, draw);
}

function build() {
  const parts = shownPanels().map(([id, title]) => el("section", { id, class: "panel", "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title`, tabindex: "-1" }, title),
    el("div", { class: "panel-trouble" }), el("div", { class: "panel-body", "aria-busy": "true" }, el("p", { class: "quiet" }, "Loading …"))));
  show($("main"), el("section", { id: "wrong", "aria-label": "What is wrong now" }, el("h1", { class: "verdict" }, "Looking …")),
    el("div", { class: "panels" }, parts));
  drawn = { scopes: String(scopes()) };
}

function draw() {
  if (!drawn) return;
  drawVerdict();
  for (const [id, , source, render] of shownPanels()) {
    const [, trouble, body] = $(id).children;
    drawOnce(`${id} trouble`, failed[source]?.message, () => show(trouble, failed[source] && [problemText(failed[source]), el("p", {}, runbookLink(UNANSWERED)), asOf(source)]));
    body.classList.toggle("stale", Boolean(failed[source]));
    if (known[source]) drawOnce(id, shownOf(id, source), () => { keepOpen(body, () => show(body, render(known[source], handlers))); body.removeAttribute("aria-busy"); });
    else if (failed[source]) body.replaceChildren();
  }
  updateTimes();
  showFreshness();
}

function drawVerdict() {
  const found = wrongs();
  drawOnce("wrong", [found, panels.pendings(known), alerts.silences(known), Object.keys(known), Object.keys(failed), lateness()], () => show($("wrong"), verdict(found)));
  incidents.announce(incidents.incidents(known, found), found.length);
}

const asOf = (source) => loadedAt[source] && el("p", { class: "quiet" }, "Shown as it was ", ago(new Date(loadedAt[source]).toISOString()));

const shownOf = (id, source) => [known[source], id === "letters" && [[...opened], filter.drawnBy()], id === "trends" && known.trends.points.at(-1).at];

// Only what has changed is redrawn, so that selections and opened details stay. Ages are computed
// from the times, so they are no change.
function drawOnce(name, value, render) {
  const text = JSON.stringify(value, (key, each) => (["age_seconds", "at"].includes(key) ? undefined : each)) ?? "";
  if (drawn[name] === text) return;
  drawn[name] = text;
  render();
}

function keepOpen(body, render) {
  const open = [...body.querySelectorAll("details[open]")].map((each) => each.dataset.open ?? each.textContent);
  render();
  for (const each of body.querySelectorAll("details")) if (open.includes(each.dataset.open ?? each.textContent)) each.open = true;
}

function wrongs() {
  const found = panels.wrongs(known);
  const missing = Object.keys(failed);
  if (missing.length) found.push({ harm: "missing", panel: PANELS.find(([, , source]) => source === missing[0])[0], runbook: UNANSWERED, text: `${counted(missing.length, "answer")} missing: some of the state is unknown` });
  if (lateness()) found.push({ harm: "late", panel: "wrong", runbook: UNANSWERED, text: `Not updated for ${lateness()}: what is shown may have changed` });
  return found;
}

function verdict(found) {
  const [pendings, silences] = [panels.pendings(known), alerts.silences(known)];
  if (found.length) {
    const title = found.length === 1 ? "One thing is wrong" : `${found.length} things are wrong`;
    return [el("h1", { class: "verdict bad" }, title), lines([...found, ...pendings, ...silences])];
  }
  const isRead = Object.keys(SOURCES).filter(isShown).every((source) => source in known || source in failed);
  if (!isRead) return [el("h1", { class: "verdict" }, "Looking …")];
  if (pendings.length) return [el("h1", { class: "verdict" }, "Nothing is wrong, but not all is done"), lines([...pendings, ...silences])];
  if (silences.length) return [el("h1", { class: "verdict" }, "Nothing is wrong but what is silenced"), lines(silences)];
  if (!may("ops")) return [el("h1", { class: "verdict" }, "Nothing is wrong here"), el("p", { class: "quiet" }, "Dead letters, orders, payments and the outbox are shown to staff with the scope ops.")];
  return [el("h1", { class: "verdict good" }, "All is well"), el("p", { class: "quiet" }, books.lookedAt(known, Math.min(...answeredAt())))];
}

function lines(found) {
  return el("ul", { class: "wrongs" }, found.map(({ panel, text, runbook, care, until }) => el("li", {},
    el("a", { href: `#${panel}`, "data-key": `wrong ${panel} ${text}` }, text),
    runbook ? [" ", runbookLink(runbook)] : null,
    care ? el("span", { class: "quiet" }, ` ${care}`) : null,
    until ? el("span", { class: "quiet" }, ", ends ", ago(until)) : null)));
}

const secondsSince = (moment) => (Date.now() - moment) / 1000;
const answeredAt = () => Object.keys(SOURCES).filter(isShown).map((source) => loadedAt[source] ?? NaN);

// How long nothing has answered, where that is too long: not where one source of several fails.
function lateness() {
  const seconds = secondsSince(Math.max(...answeredAt().filter(Number.isFinite)));
  return Number.isFinite(seconds) && seconds > LATE_SECONDS ? duration(seconds) : "";
}

function showFreshness() {
  const seconds = secondsSince(Math.min(...answeredAt())); // of the oldest answer that is shown
  const isStale = Object.keys(failed).length > 0 || lateness() !== "";
  $("freshness").textContent = Number.isNaN(seconds) ? "" : isStale ? `not updated for ${duration(seconds)}` : `updated ${duration(seconds)} ago`;
  $("freshness").classList.toggle("stale", isStale);
}

// --- session -------------------------------------------------------------------------------------

function signOut(note) {
  clearTimeout(timer);
  forgetLinks();
  closeAll();
  token.forget();
  drawn = null;
  opened.clear();
  staff.close();
  trends.forget();
  filter.forget();
  incidents.forget();
  for (const each of [known, failed, loadedAt]) for (const key of Object.keys(each)) delete each[key];
  begin(note);
}

function endSession() {
  if (token.get()) signOut("Your session has ended. Sign in again."); // several answers may be 401 at once
}

function begin(note) {
  const isIn = Boolean(token.get());
  for (const id of ["refresh", "sign-out", "freshness", "find"]) $(id).hidden = !isIn;
  show($("find"), isIn && may("ops") && findForm());
  if (isIn) {
    build();
    void refresh();
    return follow();
  }
  const { card, focus } = signIn(note, () => { begin(); $("main").focus(); });
  show($("main"), card);
  focus();
}

// A renewed token, or a new session's, may have other scopes: other panels.
function renewed() {
  if (!drawn) return;
  if (drawn.scopes !== String(scopes())) build();
  void changed();
}

renewal.onRenewal(() => { if (drawn && drawn.scopes !== String(scopes())) renewed(); });
$("refresh").addEventListener("click", () => { staff.forget(); trends.forget(); void refresh(); });
$("sign-out").addEventListener("click", () => {
  void endOnServer(token.get());
  signOut("You have signed out.");
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (token.get()) void refresh();
});
window.addEventListener("resize", () => {
  if (!drawn) return;
  for (const each of ["sales", "trends"]) delete drawn[each]; // their text size depends on the width of the screen
  draw();
});
setInterval(() => {
  if (renewal.isDue()) void renewal.renew();
  if (ending.watch(renewed)) return endSession();
  if (drawn && "wrong" in drawn) drawVerdict();
  updateTimes();
  showFreshness();
}, 1000);
begin();
