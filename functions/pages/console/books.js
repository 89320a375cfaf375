// The panel of the books: what the scheduled reconciliation looked at last, and what it found.
import { ago, badge, counted, duration, el, number, table } from "./dom.js";

const RUNBOOKS = "docs/runbooks/";
const MORE = 20; // of this many findings the answer has the words
const COVERED = ["products", "accounts", "orders", "coupons", "drops"];

export const runbook = (page) => el("span", { class: "quiet" }, `Runbook ${RUNBOOKS}${page}`);

export function troubles({ books }) {
  return [
    books.findings_count && ["books", "books", `The books do not hold: ${books.findings[0].words}${books.findings_count > 1 ? `, and ${counted(books.findings_count - 1, "more finding")}` : ""}`],
    books.is_late && ["books late", "books", books.last ? "It is not known whether the books hold: the last complete check is too old" : "The books have not been checked yet"],
    !books.is_late && books.last.boards === null && ["boards unknown", "books", "Valkey does not answer: ranking boards were not compared"],
  ].filter(Boolean);
}

// What "All is well" rests on: only what was looked at is named, and when.
export function lookedAt({ overview, letters, drops }, answeredAt) {
  const { last } = overview.books;
  const others = [letters && "queues", "orders", "payments", "outbox", drops && "drops"].filter(Boolean).join(", ");
  return ["Looked at: books", last.boards !== null && " and ranking boards", " ", ago(last.ended_at), `; ${others} `, ago(new Date(answeredAt).toISOString()), "."];
}

export function books({ books: found }) {
  const { last, last_full: full, findings, findings_count: count } = found;
  const holds = last && !count && !found.is_late;
  return [
    last ? el("p", { class: holds ? "well" : "" }, count ? badge(counted(count, "finding"), "bad") : last.is_complete ? "Books: held" : "Books: not all were checked", " ", ago(last.ended_at), ".") : el("p", { class: "cause" }, "No reconciliation has run yet."),
    count ? foundTable(findings, count) : null,
    last ? covered("Since the run before", last) : null,
    full ? covered("Everything", full) : el("p", { class: "quiet" }, "Everything has not been checked yet: the full run is under way, or due."),
    found.is_late ? runbook("books-not-checked.md") : null,
  ];
}

function foundTable(findings, count) {
  return el("div", {}, table("What does not hold", [
    ["Finding", (each) => el("span", { class: "cause" }, each.words)],
    ["First", (each) => el("code", {}, each.command)],
    ["Runbook", (each) => el("span", {}, RUNBOOKS + each.runbook)],
  ], findings), count > MORE ? el("p", { class: "quiet" }, `${number(MORE)} of ${number(count)} shown; all: make ops ARGS="reconcile".`) : null);
}

function covered(title, run) {
  const parts = COVERED.map((name) => `${number(run[name])} ${name}`);
  if (run.kind === "INCREMENTAL") parts.push(run.boards === null ? "boards not compared" : `${counted(run.boards, "ranked product")}`);
  return el("p", { class: "quiet" }, `${title}: ${parts.join(", ")}; `, ago(run.begun_at),
    run.is_complete ? ` in ${duration(run.seconds)}.` : ", not completed.");
}
