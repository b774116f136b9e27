// What the page asks the endpoint: the reader's own query, and small queries of its own for labels and coordinates.

export const LONGEST_ADDRESS = 30_000; // characters of a query in an address; longer ones are posted
const BATCH = 300; // things in one query, so that it is no longer than the endpoint reads
const PAGE = "text/html, application/problem+json"; // the page of an answer, but errors as data
const RDFS = "http://www.w3.org/2000/01/rdf-schema#";
const SKOS = "http://www.w3.org/2004/02/skos/core#";

/** The address of a query, with what else is to stand in it. */
export function addressOf(query, others = {}) {
  const parameters = new URLSearchParams({ query, ...others });
  return `/sparql?${parameters}`;
}

/** Ask for the page of an answer. @returns {Promise<{page?: Document, problem?: object}>} */
export async function askPage(query, language, signal) {
  const others = language === "es" ? {} : { lang: language };
  const response = await ask(query, PAGE, others, signal);
  if (response.headers.get("content-type")?.startsWith("application/problem+json")) return { problem: await response.json() };
  return { page: new DOMParser().parseFromString(await response.text(), "text/html") };
}

/** Ask for triples. @returns {Promise<Triple[]>} */
export async function askTriples(query, signal) {
  const response = await ask(query, "application/n-triples", {}, signal);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return parseTriples(await response.text());
}

/** Ask for rows: an object a row, variable → text. */
export async function askRows(query) {
  const response = await ask(query, "application/sparql-results+json", {});
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const told = await response.json();
  return told.results.bindings.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, term]) => [name, { text: term.value, lang: term["xml:lang"] ?? "" }])),
  );
}

/** Ask for rows about things, some hundred at a time; `toQuery` gets them as the values of a VALUES. */
export async function askAbout(iris, toQuery) {
  const wanted = [...new Set(iris)].filter(isQuotable).map((iri) => `<${iri}>`);
  const found = [];
  for (let start = 0; start < wanted.length; start += BATCH) {
    found.push(...(await askRows(toQuery(wanted.slice(start, start + BATCH).join(" ")))));
  }
  return found;
}

/** Return the labels of things: in the language, else in Spanish, else in any. @returns {Promise<Map<string, string>>} */
export async function labelsOf(iris, language) {
  const rows = await askAbout(iris, (values) => `SELECT ?x ?label { VALUES ?x { ${values} } ?x <${RDFS}label>|<${SKOS}prefLabel> ?label }`);
  const rank = (lang) => [language, "es", ""].indexOf(lang) + 1 || 9;
  const sorted = rows.sort((a, b) => rank(b.label.lang) - rank(a.label.lang));
  return new Map(sorted.map((row) => [row.x.text, row.label.text]));
}

/** Whether an IRI may be written between < and >. */
export function isQuotable(iri) {
  return iri.includes(":") && !/[<>"{}|^`\\\u0000- ]/.test(iri);
}

/** @typedef {{s: string, p: string, o: string, isLiteral: boolean}} Triple */

/** Read N-Triples, as the endpoint writes them: one a line. */
export function parseTriples(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const parts = /^(?:<([^>]*)>|(_:\S+)) <([^>]*)> (?:<([^>]*)>|(_:\S+)|"((?:[^"\\]|\\.)*)".*) \.$/.exec(line.trim());
    if (!parts) continue;
    const [, subject, blank, p, object, blankObject, literal] = parts;
    found.push({ s: subject ?? blank, p, o: object ?? blankObject ?? unescaped(literal), isLiteral: literal !== undefined });
  }
  return found;
}

function unescaped(text) {
  return text.replace(/\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)/g, (_, code) =>
    /^u|^U/.test(code) && code.length > 1 ? String.fromCodePoint(parseInt(code.slice(1), 16)) : ({ n: "\n", r: "\r", t: "\t" }[code] ?? code),
  );
}

function ask(query, accept, others, signal) {
  const headers = { Accept: accept };
  const address = addressOf(query, others);
  if (address.length <= LONGEST_ADDRESS) return fetch(address, { headers, signal });
  return fetch(`/sparql?${new URLSearchParams(others)}`, { method: "POST", headers, signal, body: new URLSearchParams({ query }) });
}
