// What is wrong, for those who do not look at the page: the number in its title, and each new incident
// read once by screen readers.
import { counted, el, number } from "./dom.js";

const NAME = "Lastunit console";
let known = new Set();

// An incident that has ended and comes again is a new one.
export function announce(found, count) {
  document.title = count ? `(${number(count)}) ${NAME}` : NAME;
  const isNew = found.filter(([key]) => !known.has(key)).map(([, text]) => text);
  known = new Set(found.map(([key]) => key));
  if (isNew.length) document.getElementById("incidents").replaceChildren(...isNew.map((text) => el("p", {}, `New: ${text}.`)));
}

export function forget() {
  known = new Set();
  document.title = NAME;
  document.getElementById("incidents").replaceChildren();
}

// Dead letters and failing messages are one incident for each queue.
export function incidents({ letters, overview }, wrongs) {
  const others = wrongs.filter(({ panel }) => !["letters", "failing"].includes(panel)).map(({ harm, panel, text }) => [panel === "drops" ? text : harm, text]);
  const dead = letters?.queues.filter((queue) => queue.count).map((queue) => [`letters ${queue.queue}`, `${counted(queue.count, "dead letter")} in ${queue.queue}`]) ?? [];
  const failing = overview?.failing.map((queue) => [`failing ${queue.queue}`, `${counted(queue.messages, "message")} of ${queue.queue} failing`]) ?? [];
  return [...dead, ...failing, ...others];
}
