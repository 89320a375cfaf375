// Elements made from data. Text is always set as text, so no content can become markup, and characters
// that are invisible, or that show what follows in another order, are shown as their code points.
const UNSEEN = /(?![\n\t\ufe0f])[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cs}\u2028\u2029]/gu;
const SHOWN_ATTRIBUTES = ["title", "aria-label", "data-exact", "data-label"];

export const plain = (text) => text.replace(UNSEEN, (each) => {
  const code = each.codePointAt(0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
});

const nodes = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
  .map((child) => (child instanceof Node ? child : plain(String(child))));

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : SHOWN_ATTRIBUTES.includes(key) ? plain(String(value)) : value);
  }
  made.append(...nodes(children));
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...nodes(children));
  return made;
}

// Replaces the content of an element. The focus stays on the child with the same key, and in a field on
// the same character; where that child is gone, it goes to what `data-home` names, or to the heading.
export function show(place, ...children) {
  const back = place.contains(document.activeElement) ? wayBack(document.activeElement) : null;
  place.replaceChildren(...nodes(children));
  back?.();
}

export function wayBack(element) {
  if (!element || element === document.body) return () => {};
  const key = keyOf(element);
  const home = element.closest("[data-home]")?.dataset.home;
  const section = element.closest(".panel")?.id;
  const caret = typeof element.selectionStart === "number" ? [element.selectionStart, element.selectionEnd] : null;
  return () => {
    const same = byKey(key);
    const found = same ?? byKey(home) ?? (section && document.querySelector(`#${section} > h2`)) ?? document.getElementById("main");
    found.focus({ preventScroll: Boolean(same) });
    if (same && caret) same.setSelectionRange(...caret);
  };
}

export const keyOf = (element) => element?.closest("[data-key]")?.dataset.key ?? null;
export const byKey = (key) => key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);

const whole = new Intl.NumberFormat("en");
export const number = (value) => whole.format(value);
export const counted = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

export function money({ amount, currency }) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
export function duration(seconds) {
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? UNITS.at(-1);
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "long" });
function relative(at) {
  const seconds = (Date.now() - at) / 1000;
  return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
}

export function ago(moment) {
  const at = new Date(moment);
  const made = el("time", { datetime: moment, tabindex: "0", role: "note", "data-exact": exact.format(at), class: "ago" }, relative(at));
  made.setAttribute("aria-label", `${made.textContent}, ${exact.format(at)}`);
  return made;
}

export function updateTimes() {
  for (const each of document.querySelectorAll("time.ago")) {
    const text = relative(new Date(each.dateTime));
    if (each.textContent !== text) each.textContent = text;
  }
}

export const shortId = (id) => (id.length > 12 ? `…${id.slice(-8)}` : id);

export function badge(text, kind = "") {
  return el("span", { class: `badge ${kind}` }, text);
}

export function button(label, key, onclick, kind = "", name = label, title = undefined) {
  return el("button", { type: "button", class: kind, "data-key": key, "aria-label": name, title, onclick }, label);
}

export function figure(label, value, bad) {
  return el("p", { class: bad ? "figure bad" : "figure" }, el("b", {}, value), el("span", {}, label));
}

// A runbook, which the API serves beside this page: no other site needs to work for it.
export function runbookLink(page) {
  return el("a", { href: `console/${page}`, target: "_blank", rel: "noopener", class: "runbook", "aria-label": `Runbook ${page}` }, "Runbook");
}

// Columns are [label, cell(row), class]; on a narrow screen each row is shown as a card.
export function table(caption, columns, rows, kind = "cards") {
  const heads = columns.map(([label, , kind]) => el("th", { scope: "col", class: kind }, label));
  const lines = rows.map((row) =>
    el("tr", {}, columns.map(([label, cell, kind]) => el("td", { "data-label": label, class: kind }, cell(row)))));
  return el("table", { class: kind },
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, heads)),
    el("tbody", {}, lines));
}

export function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

export function problemText(problem) {
  return el("p", { class: "problem", role: "alert" },
    el("strong", {}, problem.message), " ",
    problem.code ? el("span", { class: "quiet" }, problem.code) : null,
    problem.requestId ? el("span", { class: "quiet" }, ` · request ${problem.requestId}`) : null);
}
