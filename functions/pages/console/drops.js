// The panel of drops: those under way with their entries, and what an operator may do with each.
import * as actions from "./actions.js";
import { get } from "./api.js";
import { read } from "./dialogs.js";
import { ago, badge, button, el, figure, number, problemText, runbookLink, shortId, show } from "./dom.js";
import { opens } from "./links.js";
import { facts, page } from "./order.js";

const OVER = ["CLOSED", "CANCELLED"];
const SEALED = ["SEALED", "OFFERING", ...OVER];
const TROUBLES = {
  NOT_SEALED: "the draw's time is over, and its entries are not sealed",
  NOT_DRAWN: "its beacon's round is published, and it is not drawn",
  NOT_PROMOTED: "units or entries wait for promote",
  NOT_ENDED: "it is cancelled, and not all of its entries have ended",
};

export const isOver = (drop) => OVER.includes(drop.state);

export function troubles({ drops }) {
  return drops.filter((drop) => drop.trouble)
    .map((drop) => ({ harm: "drops", panel: "drops", runbook: "drop-stuck.md", of: [`DROP_STUCK ${drop.drop_id}`],
      text: `Drop ${shortId(drop.drop_id)} is stuck: ${TROUBLES[drop.trouble]}` }));
}

export function drops({ drops: newest }, { changed }) {
  if (!newest.length) return [el("p", { class: "quiet" }, "There is no drop.")];
  return newest.map((drop) => section(drop, changed));
}

function section(drop, changed) {
  return el("section", { class: "queue", "aria-label": `Drop ${drop.drop_id}` },
    el("div", { class: "queue-head" },
      el("h3", {}, el("code", { class: "id", title: drop.drop_id }, shortId(drop.drop_id))),
      badge(drop.state, drop.trouble ? "bad" : ""),
      el("span", { class: "quiet" }, drop.mode),
      el("div", { class: "buttons" }, buttons(drop, changed))),
    drop.trouble ? el("p", { class: "cause" }, `Stuck: ${TROUBLES[drop.trouble]}. `, runbookLink("drop-stuck.md")) : null,
    isOver(drop) ? null : facts(moments(drop)),
    unitsOf(drop),
    drop.statuses ? el("p", {}, Object.entries(drop.statuses).flatMap(([status, count]) => [badge(`${status} ${number(count)}`), " "])) : null,
    el("p", {}, links(drop)));
}

function openDrop(id) {
  const body = read(`Drop ${shortId(id)}`, el("p", { class: "quiet" }, "Loading …"));
  const load = async () => {
    try {
      show(body, section(await get(actions.path("drops", id)), () => { void load(); page.changed(); }));
    } catch (problem) {
      show(body, problemText(problem));
    }
  };
  void load();
  return body;
}

function moments(drop) {
  return [
    ["Entries", ago(drop.entries_at)],
    ["Draw", ago(drop.draws_at)],
    ["Beacon's round", drop.beacon_round ? el("span", {}, `${drop.beacon_round}, `, ago(drop.beacon_at)) : "–"],
    ["Last orders", ago(drop.offers_until)],
  ];
}

function unitsOf(drop) {
  const sum = (name) => drop.lots.reduce((total, lot) => total + lot[name], 0);
  const [units, held, bought, returned] = ["units", "held", "bought", "returned"].map(sum);
  return el("div", { class: "figures-row" },
    figure("units", number(units)), figure("free", number(units - held - bought - returned)), figure("held", number(held)),
    figure("bought", number(bought)), figure("back in stock", number(returned)), figure("entries", number(drop.entries)));
}

function buttons(drop, changed) {
  const made = (act, verb, kind) => button(verb, `${act.name} ${drop.drop_id}`, () => act(drop, changed), kind, `${verb} drop ${drop.drop_id}`);
  if (isOver(drop)) return [];
  if (drop.state === "DRAFT") return [made(actions.publish, "Publish"), made(actions.cancelDrop, "Cancel", "danger-quiet")];
  return [made(actions.addUnits, "Add units"), made(actions.cancelDrop, "Cancel", "danger-quiet")];
}

function links(drop) {
  const link = (what) => el("a", { href: `drops/${drop.drop_id}/${what}`, target: "_blank", rel: "noopener" }, what);
  if (!SEALED.includes(drop.state)) return [];
  return isOver(drop) ? [link("proof"), " · ", link("report")] : [link("proof")];
}

opens("drop", "drops", openDrop);
