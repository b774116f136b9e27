// The left side: the document's lines, what came of them, and the place of the statement that is looked at.

import { el } from "./dom.js";
import { find, fold, isWaiting, linesOf, pageOf, say, store } from "./store.js";

const list = document.getElementById("lines");
const highlight = "highlights" in CSS ? new Highlight() : null;
if (highlight) CSS.highlights.set("quote", highlight);
let lit = [];

/** Draw all lines; once for a document. */
export function drawDocument(choose) {
  const rows = [];
  let page = null;
  store.document.lines.forEach((text, index) => {
    const n = index + 1;
    if (pageOf(n) !== undefined && pageOf(n) !== page) {
      page = pageOf(n);
      rows.push(el("li.page", { role: "separator", "aria-label": say("ui.page", { n: page }) }, say("ui.page", { n: page })));
    }
    rows.push(line(n, text));
  });
  list.replaceChildren(...rows);
  rows.find((row) => row.dataset.n)?.setAttribute("tabindex", "0");
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li[data-n]");
    if (row && !String(getSelection())) choose(Number(row.dataset.n));
  });
  list.addEventListener("keydown", (event) => {
    const row = event.target.closest("li[data-n]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (row && step) {
      event.preventDefault();
      event.stopPropagation();
      focusLine(nextFilled(Number(row.dataset.n), step));
    } else if (row && event.key === "Enter") {
      event.preventDefault();
      choose(Number(row.dataset.n));
    }
  });
}

function line(n, text) {
  const blank = !text.trim();
  const tall = text.length > 4000 ? ".tall" : "";
  const kind = blank ? "li.blank" : text.startsWith("#") ? "li.heading" : (text.includes("\t") ? "li.row" : "li") + tall;
  return el(kind, { id: `line-${n}`, "data-n": n, tabIndex: -1, dir: "auto" }, el("span.n", { dir: "ltr", "aria-hidden": "true" }, String(n)), el("div.t", {}, blank ? "" : content(text)));
}

const TAGS = /<(\/?)(p|b|i|u|em|strong|span|sup|sub|ul|ol|li|br|div|a|font|table|tr|td|th)\b[^<>]*>|(\*{1,3})/gi;
const INLINE = new Set(["b", "i", "u", "em", "strong", "span", "sup", "sub", "a", "font"]);
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Return a line as it reads: cells side by side, emphasis, line breaks; all else as text. */
function content(text) {
  const cells = text.replace(/^#{1,6}\s+/, "").split("\t");
  return cells.length > 1 ? cells.map((cell) => el("div.cell", {}, pieces(cell))) : pieces(cells[0]);
}

/** Split a cell where its mark-up breaks the line; bold stays bold, other mark-up is left out, as the reader does. */
function pieces(text) {
  const blocks = [[]];
  let bold = false, at = 0;
  const put = (run) => {
    const plain = run.replace(/&(?:#(\d{1,6})|(\w+));/g, (whole, number, name) => (number ? String.fromCodePoint(Math.min(Number(number), 0x10ffff)) : ENTITIES[name] ?? whole));
    if (plain) blocks.at(-1).push(bold ? el("strong", {}, plain) : plain);
  };
  for (const match of text.matchAll(TAGS)) {
    put(text.slice(at, match.index));
    at = match.index + match[0].length;
    const tag = (match[2] ?? "b").toLowerCase();
    if (match[3]) bold = match[3].length > 1 ? !bold : bold;
    else if (tag === "b" || tag === "strong") bold = !match[1];
    else if (!INLINE.has(tag) && blocks.at(-1).length) blocks.push([]);
  }
  put(text.slice(at));
  return blocks.filter((runs) => runs.length).map((runs) => el("div", {}, runs));
}

function nextFilled(n, step) {
  let at = n + step;
  while (store.document.lines[at - 1] !== undefined && !store.document.lines[at - 1].trim()) at += step;
  return store.document.lines[at - 1] === undefined ? n : at;
}

export function focusLine(n) {
  const row = document.getElementById(`line-${n}`);
  if (!row) return;
  list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
  row.tabIndex = 0;
  row.focus();
  reveal(row);
}

/** Mark each line by what came of it: statements to be decided, decided ones only, or nothing. */
export function markLines() {
  const waiting = new Set(), decided = new Set();
  for (const s of store.statements.values()) for (const n of linesOf(s)) (isWaiting(s) ? waiting : decided).add(n);
  for (const row of list.children) {
    const n = Number(row.dataset.n);
    if (!n) continue;
    const state = waiting.has(n) ? "waiting" : store.silent.has(n) ? "silent" : decided.has(n) ? "decided" : "";
    if ((row.dataset.state ?? "") === state) continue;
    row.dataset.state = state;
    row.title = state === "silent" ? say("ui.none-of-line") : "";
  }
}

/** Light up the lines of a statement, and its words in them; `follow` brings them into sight. */
export function lightUp(id, follow = true) {
  for (const row of lit) row.classList.remove("lit");
  highlight?.clear();
  const statement = find(id);
  if (!statement) return;
  const runs = statement.runs.length ? statement.runs : [[statement.line, statement.line]];
  lit = runs.flatMap(([first, last]) => rows(first, last));
  for (const row of lit) row.classList.add("lit");
  const texts = runTexts(statement);
  statement.runs.forEach((run, i) => mark(rows(...run), texts[i] ?? statement.text));
  if (follow && lit.length) reveal(lit[0]);
}

/** Light up lines without a statement. */
export function lightLine(n) {
  for (const row of lit) row.classList.remove("lit");
  highlight?.clear();
  lit = rows(n, n);
  for (const row of lit) row.classList.add("lit");
}

function rows(first, last) {
  const found = [];
  for (let n = first; n <= last; n++) {
    const row = document.getElementById(`line-${n}`);
    if (row) found.push(row);
  }
  return found;
}

function runTexts(statement) {
  const parts = (statement.parts ?? []).map((part) => part.text);
  let first = statement.text;
  for (const part of [...parts].reverse()) if (first.endsWith(part)) first = first.slice(0, -part.length).trim();
  return [first, ...parts];
}

/** Find a text in the rows as the server finds it (case, accents and white space do not count) and highlight it. */
function mark(rows, text) {
  if (!highlight) return;
  const places = [];
  let folded = "";
  const put = (character, node, offset) => {
    const bare = /\s/.test(character) ? " " : character.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    if (bare === " " && folded.endsWith(" ")) return;
    for (const c of bare) {
      folded += c;
      places.push([node, offset]);
    }
  };
  for (const row of rows) {
    const walker = document.createTreeWalker(row.querySelector(".t"), NodeFilter.SHOW_TEXT);
    let block = null;
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest("div") !== block) put(" ", node, 0);
      block = node.parentElement.closest("div");
      for (let i = 0; i < node.length; i++) put(node.data[i], node, i);
    }
  }
  const wanted = fold(text);
  const at = folded.indexOf(wanted);
  if (at < 0 || !wanted) return;
  const range = new Range();
  range.setStart(...places[at]);
  const [node, offset] = places[at + wanted.length - 1];
  range.setEnd(node, Math.min(offset + 1, node.length));
  highlight.add(range);
}

/** Bring a row into sight, and in it the words that are highlighted. */
function reveal(row) {
  const [range] = highlight ? [...highlight] : [];
  const inside = range && row.contains(range.startContainer) ? range : row;
  const box = row.querySelector(".t");
  if (inside !== row && box.scrollHeight > box.clientHeight + 1) {
    box.scrollTop += first(range).top - box.getBoundingClientRect().top - box.clientHeight / 3;
  }
  const pane = list.getBoundingClientRect(), place = first(inside);
  if (place.top < pane.top + 30 || place.top > pane.bottom - 90) list.scrollTop += place.top - pane.top - pane.height / 3;
}

const first = (thing) => thing.getClientRects()[0] ?? thing.getBoundingClientRect();
