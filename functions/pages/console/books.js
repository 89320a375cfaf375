// The panel of the books: what the scheduled reconciliation looked at last, and what it found.
import { ago, badge, counted, duration, el, number, runbookLink, table } from "./dom.js";

const MORE = 20; // of this many findings the answer has the words
const COVERED = ["products", "accounts", "orders", "coupons", "drops"];

const BOARDS = "BOARD_IS_WHAT_ITS_METRICS_SAY"; // the only rule whose findings may be silenced
const codeOf = ({ rule }) => (rule === BOARDS ? "RANKINGS_LOST" : "BOOKS_DO_NOT_HOLD");

export function troubles({ books }, isSilenced) {
  const shown = books.findings.filter((each) => !isSilenced(codeOf(each), each.rule));
  const count = books.findings_count - books.findings.length + shown.length;
  return [
    count && shown.length && { harm: "books", panel: "books", runbook: shown[0].runbook, of: [...new Set(shown.map((each) => `${codeOf(each)} ${each.rule}`))],
      text: `The books do not hold: ${shown[0].words}${count > 1 ? `, and ${counted(count - 1, "more finding")}` : ""}` },
    books.is_late && { harm: "books late", panel: "books", runbook: "books-not-checked.md", of: ["BOOKS_NOT_CHECKED books"],
      text: books.last ? "It is not known whether the books hold: the last complete check is too old" : "The books have not been checked yet" },
    !books.is_late && books.last.boards === null && !isSilenced("BOARDS_NOT_COMPARED", "boards") &&
      { harm: "boards unknown", panel: "books", runbook: "rankings-lost.md", of: ["BOARDS_NOT_COMPARED boards"], text: "Valkey does not answer: ranking boards were not compared" },
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
    found.is_late ? el("p", { class: "cause" }, "No complete check is recent enough. ", runbookLink("books-not-checked.md")) : null,
  ];
}

function foundTable(findings, count) {
  return el("div", {}, table("What does not hold", [
    ["Finding", (each) => el("span", { class: "cause" }, each.words)],
    ["First", (each) => el("code", {}, each.command)],
    ["Runbook", (each) => runbookLink(each.runbook)],
  ], findings), count > MORE ? el("p", { class: "quiet" }, `${number(MORE)} of ${number(count)} shown; all: make ops ARGS="reconcile".`) : null);
}

function covered(title, run) {
  const parts = COVERED.map((name) => `${number(run[name])} ${name}`);
  if (run.kind === "INCREMENTAL") parts.push(run.boards === null ? "boards not compared" : `${counted(run.boards, "ranked product")}`);
  return el("p", { class: "quiet" }, `${title}: ${parts.join(", ")}; `, ago(run.begun_at),
    run.is_complete ? ` in ${duration(run.seconds)}.` : ", not completed.");
}
