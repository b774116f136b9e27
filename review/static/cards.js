// The right side: one card a statement; the one that is looked at has the buttons.

import { button, el } from "./dom.js";
import { find, isDoubtful, isUnsure, pageOf, say, store, visible } from "./store.js";

const list = document.getElementById("list");
const LINKS = ["addresses", "pursues", "part_of", "measures"];
const GROUPS = { problem: "problem", objective: "objective", target: "target", program: "commitment", project: "commitment", activity: "commitment", proposal: "commitment", priority: "objective" };

/** Draw the list of what is shown. `actions` are the functions behind the buttons. */
export function drawList(actions) {
  const shown = visible();
  if (!shown.some((s) => s.id === store.current)) store.current = (shown.find((s) => s.status === "waiting") ?? shown[0])?.id ?? null;
  const rows = shown.map((s) => card(s, actions));
  if (!rows.length) rows.push(empty(actions));
  list.replaceChildren(...rows);
  const name = store.filter === "line" ? say("ui.of-line", { n: store.line }) : "";
  document.getElementById("shown").replaceChildren(name, ...(name ? [" ", button(say("ui.all"), actions.showAll, "Esc", "small")] : []));
}

function empty(actions) {
  if (store.filter !== "line") return el("li.empty", {}, say("ui.none"));
  return el("li.empty", {}, el("p", {}, say("ui.none-of-line")), button(say("ui.add-of", { n: store.line }), () => actions.add(store.line), "+", "main"));
}

/** Draw one card anew, where it is shown. */
export function redraw(id, actions) {
  const old = document.getElementById(`st-${id}`);
  const statement = find(id);
  if (old && statement) {
    const focused = old === document.activeElement || old.contains(document.activeElement);
    const fresh = card(statement, actions);
    old.replaceWith(fresh);
    if (focused) fresh.focus({ preventScroll: true });
  }
}

function card(s, actions) {
  const current = s.id === store.current;
  const refused = store.rejected.has(s.id);
  const li = el("li.card", {
    id: `st-${s.id}`, "data-id": s.id, "data-status": s.status, "data-kind": GROUPS[s.type] ?? "other", tabIndex: current ? 0 : -1,
    "aria-current": current ? "true" : null, "aria-label": spoken(s), onclick: () => actions.select(s.id, true),
  });
  li.append(
    el("div.top", {}, el("span.type", {}, typeName(s.type)), el("span.id", {}, s.id), place(s), badge(s)),
    el("p.text", { dir: "auto" }, s.text),
    ...details(s),
  );
  if (current) li.append(refused ? refusedButtons(s, actions) : buttons(s, actions));
  return li;
}

const spoken = (s) => `${s.id}, ${typeName(s.type)}, ${say("ui.line", { n: s.line })}, ${statusName(s)}: ${s.text.slice(0, 300)}`;

export const typeName = (type) => store.vocabulary.types[type] ?? type;

function statusName(s) {
  if (s.status === "waiting") return say("ui.waiting");
  return { accepted: store.vocabulary.statuses.accepted, corrected: say("values.corrected"), rejected: say("values.rejected"), merged: say("values.merged") }[s.status] ?? s.status;
}

function place(s) {
  const lines = s.runs.flatMap(([a, b]) => (a === b ? [a] : [`${a}–${b}`]));
  const page = pageOf(s.line) ?? s.page;
  const text = lines.length > 1 || /–/.test(lines[0]) ? say("ui.lines", { n: lines.join(", ") }) : say("ui.line", { n: lines[0] ?? s.line });
  return el("span.place", {}, text + (page ? `, ${say("ui.page", { n: page })}` : ""));
}

function badge(s) {
  const who = s.by && s.when ? say("ui.by", { status: statusName(s), name: s.by, when: when(s.when) }) : statusName(s);
  return el("span.badge", { title: who }, statusName(s));
}

const when = (moment) => (moment.length > 10 ? new Date(moment).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }) : moment);

function details(s) {
  const found = [];
  const put = (key, value) => value && found.push(el("div", {}, el("dt", {}, say(`fields.${key}`)), el("dd", {}, value)));
  if (s.section?.length) put("section", s.section.slice(-2).join(" › "));
  put("issues", (s.issues ?? []).map((i) => store.vocabulary.issues[i] ?? i).join(" · "));
  if (s.target) put("target", targetText(s.target));
  if (s.budget) put("budget", `${s.budget.raw} = ${money(s.budget)}${s.budget.certain === false ? " (?)" : ""}`);
  put("funding", (s.funding ?? []).map((f) => store.vocabulary.funds[f.fund] ?? store.vocabulary.institutions[f.institution]).join(" · "));
  put("partners", (s.partners ?? []).map((p) => store.vocabulary.institutions[p.institution] ?? p.raw).join(" · "));
  for (const kind of LINKS) put(kind, (s[kind] ?? []).map((id) => `${id} «${short(find(id)?.text ?? "?", 70)}»`).join(" · "));
  const notes = [];
  if (s.clean) put("clean", s.clean);
  if (isDoubtful(s) && isUnsure(s)) notes.push(say("ui.low-confidence"));
  for (const n of s.lost) notes.push(say("ui.not-found", { n }));
  if (s.split_from) notes.push(say("ui.split-from", { id: s.split_from }));
  if (s.into) notes.push(say("ui.merged-into", { id: s.into }));
  return [
    found.length ? el("dl", {}, found) : "",
    ...notes.map((text) => el("p.note", {}, text)),
    s.proposed ? el("div.proposed", {}, el("strong", {}, say("ui.proposed")), el("dl", {}, Object.entries(s.proposed).map(([key, value]) => el("div", {}, el("dt", {}, say(`fields.${key}`)), el("dd", {}, told(key, value)))))) : "",
  ];
}

/** Say a value of a statement in words. */
export function told(key, value) {
  if (value === undefined || value === null || value === "" || value.length === 0) return say("ui.nothing");
  if (key === "type") return typeName(value);
  if (key === "issues") return value.map((i) => store.vocabulary.issues[i] ?? i).join(" · ");
  if (key === "target") return targetText(value);
  if (key === "budget") return `${value.raw} = ${money(value)}`;
  if (Array.isArray(value)) return value.map((v) => (typeof v === "object" ? v.raw ?? v.text : v)).join(" · ");
  return String(value);
}

function targetText(t) {
  const value = [t.direction && say(`values.${t.direction}`), t.value, t.unit].filter(Boolean).join(" ");
  const rest = [t.baseline && `${say("fields.target.baseline")} ${t.baseline}`, t.year].filter(Boolean).join(", ");
  return [`«${short(t.raw, 60)}»`, [value, rest].filter(Boolean).join("; ")].filter(Boolean).join(" = ");
}

const money = (b) => `${b.currency ?? "PEN"} ${Number(b.amount).toLocaleString("es-PE", { minimumFractionDigits: 2 })}`;

export const short = (text, limit) => (text.length > limit ? `${text.slice(0, limit - 1).trimEnd()}…` : text);

function buttons(s, actions) {
  const settled = s.status !== "waiting";
  return el("div.actions", { role: "toolbar", "aria-label": s.id },
    button(say(settled ? "ui.reopen" : "ui.accept"), () => (settled ? actions.reopen(s.id) : actions.accept(s.id)), settled ? "V" : "A", settled ? "" : "main"),
    button(say("ui.correct"), () => actions.correct(s.id), "C"),
    button(say("ui.retype"), () => actions.retype(s.id), "T"),
    button(say("ui.split"), () => actions.split(s.id), "D"),
    button(say("ui.merge"), () => actions.merge(s.id), "U"),
    button(say("ui.link"), () => actions.link(s.id), "E"),
    button(say("ui.reject"), () => actions.reject(s.id), "R", "danger"),
    s.proposed ? button(say("ui.revert"), () => actions.revert(s.id)) : "");
}

function refusedButtons(s, actions) {
  return el("div.actions", { role: "toolbar", "aria-label": s.id }, button(say("ui.restore"), () => actions.reopen(s.id), "V", "main"));
}
