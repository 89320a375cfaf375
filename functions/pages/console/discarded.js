// The dialog of discarded messages: who discarded what and why, and sending it to its queue again.
import { get } from "./api.js";
import { ask, read } from "./dialogs.js";
import { ago, badge, button, counted, el, problemText, shortId, show, table } from "./dom.js";
import { inParts, nameOf } from "./letters.js";
import { orderLink } from "./order.js";

export function openDiscarded(after) {
  const body = read("Discarded messages", el("p", { class: "quiet" }, "Loading …"));
  const found = [];
  const load = async (cursor) => {
    try {
      const page = await get(`admin/discarded-messages?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      found.push(...page.items);
      show(body, ...shown(found, again), page.next_cursor && button("Older ones", "older discards", () => load(page.next_cursor), "plain"));
    } catch (problem) {
      show(body, problemText(problem));
    }
  };
  const again = () => { after(); found.length = 0; void load(); };
  void load();
  return body;
}

function shown(messages, again) {
  if (!messages.length) return [el("p", { class: "quiet" }, "No message has been discarded.")];
  return [table("Discarded messages", [
    ["When", (each) => ago(each.at)],
    ["Queue", (each) => each.queue],
    ["What", (each) => badge(nameOf(each.kind))],
    ["Order", (each) => orderLink(each.order_id, `discarded ${each.message_id}`)],
    ["By", (each) => el("code", { class: "id", title: each.by }, shortId(each.by))],
    ["Reason", (each) => each.reason],
    ["Message", (each) => el("details", {}, el("summary", { "data-key": `body ${each.message_id}` }, shortId(each.message_id)),
      el("pre", { tabindex: "0" }, each.body + (each.body_is_cut ? "\n… cut" : "")))],
    ["", (each) => [
      each.restored_at && el("span", { class: "quiet" }, "restored ", ago(each.restored_at), " "),
      // Also once more: a restore is audited first, and sending may have failed after that.
      button(each.restored_at ? "Restore again" : "Restore", `restore ${each.message_id}`, () => restore(each, again), "", `Restore message ${each.message_id}`),
    ], "act"],
  ], messages)];
}

function restore({ queue, message_id: id, kind }, after) {
  ask({
    title: "Restore this message?",
    text: `${counted(1, "message")} (${nameOf(kind)}) will be sent to ${queue} again and tried. Consumers handle an event once.`,
    verb: "Restore",
    act: (_, progress) => inParts("restore", queue, { message_ids: [id] }, ["sent again to", "sent again"], progress, after),
  });
}
