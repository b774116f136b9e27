// What a new reading of the document proposes beside what was accepted.

import { button, el } from "./dom.js";
import { told, typeName } from "./cards.js";
import { ask, find, say, store } from "./store.js";

const list = document.getElementById("list");

/** Fetch and draw the difference. */
export async function drawDifference(actions) {
  list.replaceChildren(el("li.empty", {}, say("ui.loading")));
  const d = (store.difference = await ask("difference", {}));
  if (store.filter !== "difference") return;
  const rows = [el("li.empty", {}, say("ui.difference-summary", d))];
  if (!d.new.length && !d.changed.length && !d.gone.length) rows.push(el("li.empty", {}, say("ui.no-difference")));
  const part = (key, entries) => entries.length && rows.push(el("li.part", {}, el("h3", {}, `${say(key)} (${entries.length})`)), ...entries);
  part("ui.difference-changed", d.changed.map((change) => changed(change, actions)));
  part("ui.difference-new", d.new.map((s) => fresh(s, actions)));
  part("ui.difference-gone", d.gone.map((id) => gone(id, actions)));
  list.replaceChildren(...rows);
  document.getElementById("shown").replaceChildren();
}

function frame(s, actions, ...children) {
  return el("li.card", { tabIndex: 0, "data-status": s.status, "data-id": s.id, onclick: () => actions.look(s), onfocus: () => actions.look(s) },
    el("div.top", {}, el("span.type", {}, typeName(s.type)), el("span.place", {}, say("ui.line", { n: s.line }))), ...children);
}

function fresh(s, actions) {
  return frame(s, actions, el("p.text", { dir: "auto" }, s.text), el("div.actions", {},
    button(say("ui.take"), () => actions.take(s.id), "", "main"), button(say("ui.refuse"), () => actions.refuse(s.id), "", "danger")));
}

function changed(change, actions) {
  const s = find(change.id);
  const rows = change.keys.map((key) => el("div", {}, el("dt", {}, say(`fields.${key}`)), el("dd", {},
    el("del", { dir: "auto" }, told(key, s[key])), el("ins", { dir: "auto" }, told(key, change.read[key])))));
  return frame(s, actions, el("p.text", { dir: "auto" }, s.text), el("div.proposed", {}, el("strong", {}, say("ui.now")), el("dl", {}, rows)), el("div.actions", {},
    button(say("ui.keep"), () => actions.refuse(s.id), "", "main"), button(say("ui.take"), () => actions.take(s.id))));
}

function gone(id, actions) {
  const s = find(id);
  return frame(s, actions, el("p.text", { dir: "auto" }, s.text), el("p.note", {}, say("ui.kept-safe")));
}
