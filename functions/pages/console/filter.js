// Finding an opened queue's dead letters by type and cause, and choosing those to redrive.
import { path } from "./actions.js";
import { get } from "./api.js";
import { ago, badge, button, counted, el, number, problemText, table } from "./dom.js";
import { nameOf } from "./letters.js";
import { redriveMany } from "./redriving.js";

const SHOWN = 50; // the API's most
const finds = new Map(); // queue → what is typed, what was found, and which messages are chosen

function stateOf(queue) {
  if (!finds.has(queue)) finds.set(queue, { kind: "", cause: "", chosen: new Set(), found: null, at: null, problem: null, isBusy: false });
  return finds.get(queue);
}

export const forget = (queue) => (queue === undefined ? finds.clear() : finds.delete(queue));
export const found = (queue) => finds.get(queue)?.found ?? null;

// What a change of redraws the panel; what is typed is in the fields already.
export const drawnBy = () => [...finds].map(([queue, { chosen, found: of, at, problem, isBusy }]) => [queue, [...chosen], of, at, problem?.message, isBusy]);

async function find(queue, redraw) {
  const state = stateOf(queue);
  const { kind, cause } = state;
  state.isBusy = true;
  redraw();
  try {
    const query = new URLSearchParams({ limit: String(SHOWN), ...(kind && { kind }), ...(cause.trim() && { cause: cause.trim() }) });
    state.found = { ...(await get(`${path("dead-letters", queue, "search")}?${query}`)), kind, cause: cause.trim() };
    state.at = new Date().toISOString();
    state.problem = null;
  } catch (problem) {
    state.problem = problem;
  }
  state.isBusy = false;
  redraw();
}

// After an act: what was found may be gone.
export async function again(queue, redraw) {
  if (found(queue)) await find(queue, redraw);
}

export function bar(queue, shown, { redraw, changed, settled }) {
  const state = stateOf(queue.queue);
  const kinds = [...new Set([...(state.found?.groups ?? []).map((each) => each.kind), ...shown.map((each) => each.kind), state.kind].filter(Boolean))].sort();
  const key = (part) => `${part} ${queue.queue}`;
  const kind = el("select", { "data-key": key("kind"), "aria-label": "Type", onchange: ({ target }) => { state.kind = target.value; } },
    el("option", { value: "" }, "All types"), kinds.map((each) => el("option", { value: each, selected: each === state.kind }, nameOf(each))));
  const cause = el("input", { type: "search", "data-key": key("cause"), "aria-label": "Cause contains", placeholder: "Cause contains …", maxlength: "300", autocomplete: "off",
    value: state.cause, oninput: ({ target }) => { state.cause = target.value; } });
  const submit = (event) => { event.preventDefault(); void find(queue.queue, redraw); };
  const chosen = shown.filter((each) => state.chosen.has(each.message_id)).map((each) => each.message_id);
  const acts = { changed: () => { state.chosen.clear(); changed(); }, settled };
  return el("div", { class: "filter" },
    el("form", { class: "find", role: "search", "aria-label": `Find dead letters of ${queue.queue}`, onsubmit: submit }, kind, cause,
      el("button", { type: "submit", "data-key": key("find"), disabled: state.isBusy }, state.isBusy ? "Looking …" : "Find"),
      state.found && button("Show all", key("find none"), () => { forget(queue.queue); changed(); }, "plain", `Show all of ${queue.queue}`)),
    state.problem && problemText(state.problem),
    state.found && summary(queue.queue, state, redraw),
    queue.can_redrive && shown.length > 0 && el("div", { class: "choosing" },
      el("label", {}, el("input", { type: "checkbox", "data-key": key("choose all"), checked: chosen.length === shown.length, onchange: ({ target }) => {
        state.chosen = new Set(target.checked ? shown.map((each) => each.message_id) : []);
        redraw();
      } }), `Choose all ${number(shown.length)} shown`),
      chosen.length > 0 && button(`Redrive ${number(chosen.length)} chosen`, key("redrive chosen"), () =>
        redriveMany(queue.queue, { message_ids: chosen }, chosen.length, counted(chosen.length, "chosen message"), acts)),
      state.found?.matching > 0 && button(`Redrive all ${number(state.found.matching)} found`, key("redrive found"), () => redriveFound(queue.queue, state.found, acts))));
}

function redriveFound(queue, { kind, cause, matching }, acts) {
  const what = [kind && nameOf(kind), cause && `with the cause “${cause}”`].filter(Boolean).join(" ");
  redriveMany(queue, { message_ids: "all", ...(kind && { kind }), ...(cause && { cause }) }, matching, `all of ${queue}${what && `: ${what}`}`, acts);
}

function summary(queue, state, redraw) {
  const { matching, looked_at: looked, count, is_complete: isComplete, groups } = state.found;
  const hidden = isComplete ? count - looked : 0;
  const fill = ({ kind, cause }) => { Object.assign(state, { kind, cause }); void find(queue, redraw); };
  return el("div", { class: "found" },
    el("p", { role: "status" }, `${counted(matching, "message")} of ${number(looked)} found `, ago(state.at), ".",
      isComplete ? "" : ` There are about ${number(count)}: the time was over before all were looked at. A redrive looks at all.`,
      hidden > 0 ? ` About ${number(hidden)} more are hidden at the moment: another operator may be handling them.` : ""),
    groups.length > 0 && el("details", { "data-open": `groups ${queue}` }, el("summary", { "data-key": `groups ${queue}` }, "Types and causes"),
      table(`Types and causes in ${queue}`, [
        ["Type", (group) => badge(nameOf(group.kind))],
        ["Cause", (group) => (group.cause ? el("span", { class: "cause" }, group.cause) : el("span", { class: "quiet" }, "not noted"))],
        ["Messages", (group) => number(group.count), "number"],
        ["", (group) => group.cause && button("Find", `group ${queue} ${group.kind} ${group.cause}`, () => fill(group), "plain", `Find ${nameOf(group.kind)}, ${group.cause}`), "act"],
      ], groups)));
}

export function choice(queue, letter, redraw) {
  const { chosen } = stateOf(queue);
  return el("input", { type: "checkbox", "data-key": `choose ${letter.message_id}`, "aria-label": `Choose message ${letter.message_id}`, checked: chosen.has(letter.message_id),
    onchange: ({ target }) => {
      if (target.checked) chosen.add(letter.message_id);
      else chosen.delete(letter.message_id);
      redraw();
    } });
}
