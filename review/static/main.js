// The page: wiring, actions and keys.

import { drawList, redraw } from "./cards.js";
import * as dialogs from "./dialogs.js";
import { drawDifference } from "./difference.js";
import { drawDocument, focusLine, lightLine, lightUp, markLines } from "./document.js";
import { button, el } from "./dom.js";
import { apply, ask, counts, find, isWaiting, linesOf, load, Refused, say, store, visible } from "./store.js";

const $ = (id) => document.getElementById(id);
const FILTERS = ["waiting", "all", "doubtful", "corrected", "rejected", "difference"];
const letters = { on: localStorage.getItem("letters") !== "off", set(on) { this.on = on; localStorage.setItem("letters", on ? "on" : "off"); } };
let busy = false;

// ------------------------------------------------------------------ showing

function drawHead() {
  const n = counts();
  $("plan").textContent = store.plan.title || store.plan.key;
  $("plan").title = store.plan.title;
  $("bar").max = Math.max(n.all, 1);
  $("bar").value = n.decided;
  $("count").textContent = say("ui.progress", { done: n.decided, all: n.all });
  $("who").textContent = store.by ? say("ui.reviewer", { name: store.by }) : say("ui.nobody");
  $("undo").disabled = !store.undo;
  $("undo").title = store.undo ? say("ui.undo-what", { what: actionName(store.undo) }) : "";
  $("finish").textContent = say(store.plan.status === "draft" ? "ui.finish" : "ui.finished");
  $("finish").disabled = store.plan.status !== "draft" || n.waiting > 0;
  $("silent").hidden = !store.silent.size;
  $("silent").replaceChildren(say("ui.silent-count", { n: store.silent.size }), " ", el("kbd", { "aria-hidden": "true" }, "L"));
  $("filters").replaceChildren(...FILTERS.map((key) => {
    const number = key in n ? ` ${n[key]}` : "";
    return el("button", { type: "button", "data-filter": key, "aria-pressed": String(store.filter === key), onclick: () => setFilter(key) }, say(`ui.${key}`) + number);
  }));
}

const actionName = (name) => store.words[`ui.${name}`] ?? name;

function draw() {
  drawHead();
  markLines();
  if (store.filter === "difference") return drawDifference(actions).catch(told);
  drawList(actions);
  lightUp(store.current, false);
}

function setFilter(filter, line = null) {
  store.filter = filter;
  store.line = line;
  draw();
  if (filter !== "line") showCurrent();
}

function select(id, follow = true, focus = true) {
  const before = store.current;
  if (before === id && document.activeElement?.closest(`#st-${CSS.escape(id)}`)) return $(`st-${id}`).scrollIntoView({ block: "nearest" });
  store.current = id;
  if (before && before !== id) redraw(before, actions);
  redraw(id, actions);
  lightUp(id, follow);
  if (focus) $(`st-${id}`)?.focus({ preventScroll: true });
  return $(`st-${id}`)?.scrollIntoView({ block: "nearest" });
}

function showCurrent() {
  if (store.current && $(`st-${store.current}`)) select(store.current);
}

function chooseLine(n) {
  if (dialogs.isOpen() || (store.line === n && store.filter === "line")) return;
  setFilter("line", n);
  lightLine(n);
  focusLine(n);
  if (store.current) lightUp(store.current, false);
}

function announce(text) {
  $("said").textContent = text;
  $("said").classList.remove("faded");
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => $("said").classList.add("faded"), 6000);
}

function warn(text) {
  $("warning").textContent = text;
  $("warning").hidden = !text;
}

// ------------------------------------------------------------------ acting

/** Send an action and show what it changed; a refusal is thrown to the dialog that asked. */
async function send(action, values = {}) {
  return perform("do", { action, version: store.version, ...values });
}

async function perform(path, values) {
  if (busy) return null;
  busy = true;
  try {
    const done = await ask(path, values);
    const whole = ["rejected", "difference", "line"].includes(store.filter) || done.statements.some((s) => !store.statements.has(s.id));
    const changed = apply(done);
    warn("");
    if (whole) draw();
    else drawChanged(changed, done.gone);
    if (done.notes.length) announce(done.notes.join(" "));
    return done;
  } catch (error) {
    if (error instanceof Refused && error.code === "changed") {
      await reload();
    }
    throw error;
  } finally {
    busy = false;
  }
}

/** Draw only what an action changed: what the filter no longer lets through goes. */
function drawChanged(changed, gone) {
  drawHead();
  markLines();
  const shown = new Set(visible().map((s) => s.id));
  for (const id of [...changed, ...gone]) {
    if (shown.has(id) && $(`st-${id}`)) redraw(id, actions);
    else if (shown.has(id)) return draw();
    else $(`st-${id}`)?.remove();
  }
  if (!shown.size) draw();
  return undefined;
}

function told(error) {
  if (!(error instanceof Refused)) throw error;
  warn(error.message);
}

/** Run what a key or button asked for; refusals outside of dialogs are shown above. */
const safely = (act) => async (...values) => {
  try {
    await act(...values);
  } catch (error) {
    told(error);
  }
};

/** Run what a reviewer decides, whose name is asked for first where it is not known. */
const decided = (act) => safely(async (...values) => {
  if (store.by || (await dialogs.askName(setName))) await act(...values);
});

async function setName(name) {
  store.by = (await ask("who", { name })).by;
  drawHead();
  return true;
}

/** Go on to the next statement that is to be decided; where there is none, stay. */
function goOn(from, place) {
  const shown = visible();
  const at = shown.findIndex((s) => s.id === from);
  const start = at >= 0 ? at + 1 : Math.min(place, shown.length);
  const next = [...shown.slice(start), ...shown.slice(0, start)].find(isWaiting);
  if (next) select(next.id);
  else if (shown.length) select(at >= 0 ? from : shown[Math.min(place, shown.length - 1)].id);
}

const placeOf = (id) => visible().findIndex((s) => s.id === id);

async function decide(action, id, values = {}) {
  const place = placeOf(id);
  const done = await send(action, { id, ...values });
  if (!done) return;
  if (!done.notes.length) announce(say("ui.say-done", { what: `${actionName(action)} ${id}` }) + " " + say("ui.progress", { done: counts().decided, all: counts().all }));
  goOn(id, place);
}

/** Do what a dialog chose, and stay with the statement. */
async function edit(action, id, values) {
  const done = await send(action, { id, ...values });
  if (!done) return null;
  if (!done.notes.length) announce(say("ui.say-done", { what: `${actionName(action)} ${id}` }));
  const focus = done.focus ?? id;
  queueMicrotask(() => ($(`st-${focus}`) ? select(focus) : goOn(id, 0)));
  return done;
}

const actions = {
  select,
  showAll: () => setFilter("all"),
  look: (s) => lightUpProposal(s),
  accept: decided((id) => decide("accept", id)),
  reject: decided((id) => decide("reject", id)),
  reopen: decided((id) => edit(store.rejected.has(id) ? "restore" : "reopen", id, {})),
  revert: decided((id) => edit("revert", id, {})),
  correct: decided((id) => dialogs.chooseCorrection(find(id), (changes) => edit("correct", id, { changes }))),
  split: decided((id) => dialogs.chooseSplit(find(id), (first, second) => edit("split", id, { first, second }))),
  retype: decided(async (id) => {
    const type = await dialogs.chooseType(find(id));
    if (type) await edit("retype", id, { type });
  }),
  merge: decided(async (id) => {
    const other = await dialogs.chooseOther(find(id));
    if (other) await edit("merge", id, { other });
  }),
  link: decided(async (id) => {
    const tie = await dialogs.chooseLink(find(id));
    if (tie) await edit(tie.remove ? "unlink" : "link", id, { kind: tie.kind, other: tie.other });
  }),
  add: decided((line) => dialogs.chooseText(line, suggestion(line), (values) => edit("add", "", values))),
  take: decided((id) => send("take", { id })),
  refuse: decided((id) => send("refuse", { id })),
};

/** Return what of a line gave nothing, without its bullet, as a text to begin with. */
const suggestion = (line) => (store.silent.get(line) || store.document.lines[line - 1] || "").replace(/<br\s*\/?>|\t/gi, " ").replace(/\*\*/g, "").replace(/^\s*(?:#+|[-•*])\s+/, "").trim();

function lightUpProposal(s) {
  const known = store.statements.get(s.id);
  if (known) return lightUp(s.id);
  store.statements.set(s.id, s);
  lightUp(s.id);
  store.statements.delete(s.id);
  return undefined;
}

const undo = safely(async () => {
  if (!store.undo) return announce(say("errors.nothing-to-undo"));
  const what = actionName(store.undo);
  const done = await perform("undo", { version: store.version });
  if (done) announce(say("ui.say-done", { what: say("ui.undo-what", { what }) }));
  if (done?.statements.length === 1 && $(`st-${done.statements[0].id}`)) select(done.statements[0].id);
  else showCurrent();
  return undefined;
});

async function finish() {
  await dialogs.askFinish(() => send("finish"));
}

// ------------------------------------------------------------------ moving

function move(step) {
  const shown = visible();
  const at = shown.findIndex((s) => s.id === store.current);
  const next = shown[Math.min(Math.max(at + step, 0), shown.length - 1)];
  if (next) select(next.id);
}

function nextSilent() {
  const lines = [...store.silent.keys()].sort((a, b) => a - b);
  const here = store.filter === "line" ? store.line : Number(document.activeElement?.dataset?.n) || find(store.current)?.line || 0;
  const next = lines.find((n) => n > here) ?? lines[0];
  if (next) chooseLine(next);
}

async function goToLine() {
  const line = await dialogs.askLine();
  if (line) chooseLine(Math.min(line, store.document.lines.length));
}

function otherPane() {
  if ($("lines").contains(document.activeElement)) showCurrent();
  else focusLine(linesOf(find(store.current) ?? { runs: [] })[0] ?? 1);
}

function escape() {
  $("search").value = store.query = "";
  if (store.filter === "line") setFilter("all");
  else draw();
  showCurrent();
}

const KEYS = [
  [["J", "↓"], "move", () => move(1), ["j", "ArrowDown"]], [["K", "↑"], "", () => move(-1), ["k", "ArrowUp"]],
  [["S"], "next", () => goOn(store.current, 0), ["s"]],
  [["A"], "accept", () => on(actions.accept, isWaiting), ["a"]], [["C"], "correct", () => on(actions.correct), ["c"]],
  [["R"], "reject", () => on(actions.reject), ["r"]], [["T"], "retype", () => on(actions.retype), ["t"]],
  [["D"], "split", () => on(actions.split), ["d"]], [["U"], "merge", () => on(actions.merge), ["u"]],
  [["E"], "link", () => on(actions.link), ["e"]], [["V"], "reopen", () => store.current && actions.reopen(store.current), ["v"]],
  [["Z"], "undo", undo, ["z"]], [["+"], "add", () => actions.add(store.line ?? find(store.current)?.line ?? 1), ["+"]],
  [["L"], "silent", nextSilent, ["l"]], [["G"], "goto", goToLine, ["g"]], [["/"], "search", () => $("search").focus(), ["/"]],
  [["F6"], "pane", otherPane, ["F6"]], [["?"], "help", help, ["?"]], [["Esc"], "escape", escape, ["Escape"]],
];

/** Do something to the current statement, where it is one of the record and fits. */
function on(act, fits = () => true) {
  const s = store.statements.get(store.current);
  if (s && fits(s) && store.filter !== "difference") return act(s.id);
  return undefined;
}

function help() {
  const shown = KEYS.filter(([, name]) => name).map(([keys, name]) => [name === "move" ? ["J", "↓", "K", "↑"] : keys, name]);
  shown.splice(-1, 0, [["Ctrl", "↵"], "save"]);
  return dialogs.showHelp(shown, letters);
}

document.addEventListener("keydown", (event) => {
  if (dialogs.isOpen() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.closest("input, textarea, select");
  if (writing && event.key !== "Escape") return;
  if (!letters.on && event.key.length === 1 && event.key !== "?") return;
  const found = KEYS.find(([, , , keys]) => keys.includes(event.key) || keys.includes(event.key.toLowerCase()));
  if (!found) return;
  event.preventDefault();
  if (writing) writing.blur();
  found[2]();
});

// ------------------------------------------------------------------ beginning, and noticing what others do

async function reload() {
  load(await ask("state"));
  store.difference = null;
  draw();
  showCurrent();
}

async function watch() {
  if (document.hidden || busy || dialogs.isOpen() || !store.version) return;
  try {
    const { version } = await ask("version");
    if (version !== store.version && !busy) {
      await reload();
      warn(say("ui.changed-outside"));
    }
  } catch (error) {
    told(error);
  }
}

async function begin() {
  const answer = await ask("state");
  store.document = answer.document;
  store.words = answer.words;
  store.vocabulary = answer.vocabulary;
  load(answer);
  store.filter = counts().waiting ? "waiting" : "all";
  drawDocument(chooseLine);
  draw();
  const gaps = store.document.gaps.map((gap) => gap.text).join(" ");
  if (store.document.other) warn(say("ui.other-document"));
  else if (gaps) warn(`${say("ui.gaps")}: ${gaps}`);
  showCurrent();
  setInterval(watch, 4000);
  addEventListener("focus", watch);
  addEventListener("beforeunload", (event) => dialogs.isWriting() && event.preventDefault());
  document.body.dataset.ready = "true";
}

$("who").addEventListener("click", safely(() => dialogs.askName(setName)));
$("undo").addEventListener("click", undo);
$("finish").addEventListener("click", decided(finish));
$("help").addEventListener("click", help);
$("silent").addEventListener("click", nextSilent);
$("search").addEventListener("input", (event) => {
  store.query = event.target.value;
  if (store.filter === "difference") store.filter = "all";
  draw();
});
safely(begin)();
