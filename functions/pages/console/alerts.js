// The panel of alerts: what was alerted in seven days, who looks after it, and what is silenced.
import { path } from "./actions.js";
import { get, post } from "./api.js";
import { ask } from "./dialogs.js";
import { ago, badge, button, counted, el, number, runbookLink, shortId, table } from "./dom.js";
import { REASON } from "./letters.js";
import { may } from "./session.js";

const MOST = 100; // the newest: what stands was seen in the last minutes
const LONGEST_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export const load = () => get(`admin/alerts?limit=${MOST}`);

const isSilent = ({ silence }) => silence !== null && new Date(silence.until) > new Date();
const titled = ({ code, about }) => `${code} ${about.replace(ID, shortId)}`;

// Whether an alert of this kind and subject is silenced now; the API allows that of few only.
export const silencer = (alerts) => {
  const silent = new Set((alerts?.items ?? []).filter(isSilent).map(({ code, about }) => `${code} ${about}`));
  return (code, about) => silent.has(`${code} ${about}`);
};

export const silences = ({ alerts }) => (alerts?.items ?? []).filter(isSilent)
  .map((alert) => ({ panel: "alerts", text: `Silenced: ${titled(alert)}`, until: alert.silence.until }));

// Who looks after what stands, where somebody has said so since it was first raised.
export function caredFor({ alerts }, of) {
  const found = (alerts?.items ?? []).filter(({ code, about, acknowledgement }) => acknowledgement && of.includes(`${code} ${about}`));
  return found.length === of.length && found.length ? `acknowledged by ${nameOf(found[0].acknowledgement.by)}` : "";
}

export function alerts({ items, next_cursor: more }, { changed }) {
  if (!items.length) return [el("p", { class: "well" }, "Nothing was alerted in seven days.")];
  return [
    table("Alerts of seven days", [
      ["Alert", (alert) => el("span", {}, badge(alert.code, alert.is_current && !isSilent(alert) ? "bad" : ""), " ",
        el("span", { title: alert.about }, alert.about.replace(ID, shortId)), " ", el("span", { class: "quiet" }, alert.summary))],
      ["First", (alert) => ago(alert.first_at)],
      ["Last", (alert) => (alert.is_current ? "stands" : ago(alert.last_at))],
      ["Times", (alert) => number(alert.count), "number"],
      ["Handled", handled],
      ["", (alert) => el("span", { class: "buttons" }, runbookLink(alert.runbook), acts(alert, changed)), "act"],
    ], items),
    more && el("p", { class: "quiet" }, `The newest ${counted(MOST, "alert")} are shown; all: make ops ARGS="alerts list".`),
  ];
}

function handled(alert) {
  const { acknowledgement: done, silence } = alert;
  return el("span", {},
    done ? el("span", { class: "note" }, nameOf(done.by), " ", ago(done.at), `: ${done.note}`,
      alert.last_at > done.at && !alert.is_current ? " (raised again since)" : "") : el("span", { class: "quiet" }, "not acknowledged"),
    isSilent(alert) ? el("span", { class: "note" }, badge("silenced"), " ends ", ago(silence.until), `, ${nameOf(silence.by)}: ${silence.reason}`) : null);
}

const nameOf = (by) => by.replace(ID, shortId);

function acts(alert, changed) {
  if (!may("ops")) return null;
  const named = (label, key, act) => button(label, `${key} ${alert.alert_id}`, () => act(alert, changed), "", `${label} ${titled(alert)}`);
  return [
    named("Acknowledge", "acknowledge", acknowledge),
    alert.can_be_silenced && (isSilent(alert) ? named("End silence", "unsilence", endSilence) : named("Silence", "silence", silence)),
  ];
}

function acknowledge(alert, after) {
  ask({
    title: "Acknowledge this alert?",
    text: `${titled(alert)}: others see that you look after it. It stays shown as wrong while it is.`,
    verb: "Acknowledge",
    field: { label: "Note, shown to everybody at the console", attributes: { maxlength: "500" } },
    act: (note) => send(alert, "acknowledgement", { note }, "is acknowledged", after),
  });
}

function silence(alert, after) {
  const until = el("input", { id: "until", type: "datetime-local", required: true, value: local(Date.now() + HOUR_MS),
    min: local(Date.now()), max: local(Date.now() + LONGEST_MS) });
  ask({
    title: "Silence this alert?",
    text: `${titled(alert)} is not counted as wrong until then. Messages to the operators' topic go out as before.`,
    verb: "Silence",
    field: REASON,
    parts: el("p", {}, el("label", { for: "until" }, `Until, in ${zone()}, within seven days`), until),
    act: (reason) => send(alert, "silence", { until: new Date(until.value).toISOString(), reason }, "is silenced", after),
  });
}

function endSilence(alert, after) {
  ask({
    title: "End this silence?",
    text: `${titled(alert)} is counted as wrong again while it is.`,
    verb: "End the silence",
    field: REASON,
    act: (reason) => send(alert, "silence", { until: null, reason }, "is silenced no more", after),
  });
}

async function send(alert, act, body, done, after) {
  try {
    await post(path("alerts", alert.alert_id, act), body, alert.version);
    return { text: `${titled(alert)} ${done}.` };
  } finally {
    after();
  }
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

// As an input of type datetime-local takes it: without a zone, to the minute.
function local(moment) {
  const at = new Date(moment);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
