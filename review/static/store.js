// What the page knows: the record as the server last told it, and what is shown of it. Nothing here touches the page.

export const store = {
  version: "", by: "", undo: "", plan: {}, statements: new Map(), order: [], rejected: new Map(), silent: new Map(),
  document: { lines: [], pages: [], gaps: [] }, words: {}, vocabulary: {},
  current: null, filter: "all", line: null, query: "", difference: null,
};

const token = document.querySelector("meta[name=token]").content;
const lang = document.documentElement.lang;

export class Refused extends Error {
  constructor(answer) {
    super(answer.text);
    this.code = answer.error;
    this.field = answer.field;
  }
}

/** Ask the server; raises Refused with what it says, or where it does not answer. */
export async function ask(path, values) {
  const options = { headers: { "X-Review-Token": token }, cache: "no-store" };
  if (values !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(values);
  }
  let response, answer;
  try {
    response = await fetch(`/${path}?lang=${lang}`, options);
    answer = await response.json();
  } catch {
    throw new Refused({ error: "unreachable", text: store.words["ui.unreachable"] ?? "kg review: no answer" });
  }
  if (!response.ok) throw new Refused(answer);
  return answer;
}

/** Return a text of the page, filled in. */
export function say(key, values = {}) {
  const text = store.words[key] ?? key;
  return text.replace(/\{([\w-]+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function load(answer) {
  head(answer);
  store.statements = new Map(answer.statements.map((s) => [s.id, s]));
  store.order = answer.statements.map((s) => s.id);
  store.rejected = new Map(answer.rejected.map((s) => [s.id, s]));
  store.silent = new Map();
  for (const [first, last, text] of answer.silent) {
    for (let n = first; n <= last; n++) if (/^(?!#).*\S/.test(lineOf(n))) store.silent.set(n, first === last ? text : "");
  }
}

const lineOf = (n) => store.document.lines[n - 1] ?? "";

function head(answer) {
  for (const key of ["version", "by", "undo", "plan"]) store[key] = answer[key];
}

/** Take over what an action changed; returns the ids whose cards must be drawn anew. */
export function apply(done) {
  head(done);
  for (const s of done.statements) {
    store.statements.set(s.id, s);
    for (const n of linesOf(s)) store.silent.delete(n);
  }
  for (const id of done.gone) store.statements.delete(id);
  if (done.order) store.order = done.order;
  if (done.rejected) store.rejected = new Map(done.rejected.map((s) => [s.id, s]));
  return done.statements.map((s) => s.id);
}

export function linesOf(statement) {
  const lines = [];
  for (const [first, last] of statement.runs) for (let n = first; n <= last; n++) lines.push(n);
  return lines;
}

export const isWaiting = (s) => s.status === "waiting";
export const isUnsure = (s) => s.confidence !== undefined && Number(s.confidence) < 0.5; // as shapes/statement.ttl has it
export const isDoubtful = (s) => isWaiting(s) && (s.lost.length > 0 || isUnsure(s));

const KINDS = {
  all: () => true,
  waiting: isWaiting,
  doubtful: isDoubtful,
  corrected: (s) => s.status === "corrected",
  line: (s) => linesOf(s).includes(store.line) || s.line === store.line,
};

const all = () => store.order.map((id) => store.statements.get(id));

/** Return the statements that the filter and the search let through, in order. */
export function visible() {
  const rejected = [...store.rejected.values()];
  let found = store.filter === "rejected" ? rejected : all().filter(KINDS[store.filter] ?? KINDS.all);
  if (store.filter === "line") found = found.concat(rejected.filter(KINDS.line));
  const wanted = fold(store.query);
  return wanted ? found.filter((s) => fold(`${s.id} ${s.text} ${s.clean ?? ""}`).includes(wanted)) : found;
}

export function counts() {
  const statements = all();
  const waiting = statements.filter(isWaiting).length;
  return {
    all: statements.length, waiting, doubtful: statements.filter(isDoubtful).length,
    corrected: statements.filter(KINDS.corrected).length, rejected: store.rejected.size,
    decided: statements.length - waiting,
  };
}

export const find = (id) => store.statements.get(id) ?? store.rejected.get(id);

/** Fold case, accents and white space, as names are compared. */
export function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

export const pageOf = (line) => store.document.pages[line - 1];
