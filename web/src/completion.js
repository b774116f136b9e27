// What the editor offers while one types: variables of the query, words of SPARQL, terms of the ontology, things of the graph.

const WORD = /<?[\p{L}\p{N}_:.-]+/u;
const LEAST = 2; // letters before anything is offered unasked
const LEAST_FOR_THINGS = 3;
const MOST_TERMS = 30;
const KEYWORDS =
  "SELECT DISTINCT WHERE OPTIONAL FILTER UNION MINUS BIND VALUES GRAPH CONSTRUCT DESCRIBE ASK PREFIX EXISTS NOT COUNT SUM AVG MIN MAX SAMPLE GROUP_CONCAT SEPARATOR REGEX CONTAINS STRSTARTS STRENDS LCASE UCASE STR LANG LANGMATCHES DATATYPE BOUND COALESCE CONCAT REPLACE ROUND YEAR LIMIT OFFSET HAVING".split(" ");
const PAIRS = ["GROUP BY", "ORDER BY", "ORDER BY DESC()", "FILTER NOT EXISTS {  }", "FILTER(LANG(?x) = \"es\")"];

/** Lower case without accents, as the search does it. */
export function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Make the sources of completions. `words` are the ontology's terms, `things` asks for what a text may name. */
export function sources(words, things, texts) {
  const sections = { words: { name: texts.section_words, rank: 1 }, things: { name: texts.section_things, rank: 2 } };

  async function fromOntology(context) {
    const word = wordAt(context);
    if (!word) return null;
    const found = matching(await words(), fold(word.text));
    const options = found.slice(0, MOST_TERMS).map((term) => ({
      label: term.name,
      detail: ` ${term.label}`, // the blank parts them for who hears them
      info: term.about || undefined,
      section: sections.words,
    }));
    return options.length ? { from: word.from, options, filter: false } : null;
  }

  async function fromGraph(context) {
    const word = wordAt(context);
    const text = word?.text.replace(/^</, "") ?? "";
    if (text.length < LEAST_FOR_THINGS || /:/.test(text)) return null;
    const options = (await things(text.replace(/[_.-]+/g, " "))).map((thing) => ({
      label: thing.label,
      detail: ` ${thing.kind}`,
      apply: `<${thing.iri}>`,
      section: sections.things,
    }));
    return options.length && !context.aborted ? { from: word.from, options, filter: false } : null;
  }

  return [fromVariables, fromKeywords, fromOntology, fromGraph];
}

/** Terms that a folded text begins: by name, by what stands behind the prefix, by a word of the label. */
export function matching(terms, text) {
  const [, prefix = "", rest = text] = /^([\p{L}\p{N}]*):(.*)$/u.exec(text) ?? [];
  const rank = (term) => {
    const [before, local] = fold(term.name).split(":");
    if (text.includes(":") && before !== prefix) return 0;
    if (!rest) return 4;
    if (local.startsWith(rest)) return 5 - (local.length - rest.length) / 100;
    const label = fold(term.label);
    if (label.startsWith(rest)) return 3;
    if (label.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(rest))) return 2;
    return local.includes(rest) && rest.length > LEAST ? 1 : 0;
  };
  const ranked = terms.map((term) => [rank(term), term]).filter(([score]) => score > 0);
  return ranked.sort(([a], [b]) => b - a).map(([, term]) => term);
}

function fromVariables(context) {
  const word = context.matchBefore(/[?$]\w*/);
  if (!word || isQuoted(context)) return null;
  const text = context.state.doc.toString();
  const known = new Set([...text.matchAll(/[?$]\w+/g)].filter((hit) => hit.index !== word.from).map(([name]) => name));
  const options = [...known].sort().map((label) => ({ label }));
  return options.length ? { from: word.from, options, validFor: /^[?$]\w*$/ } : null;
}

function fromKeywords(context) {
  const word = wordAt(context);
  if (!word || !/^[a-z]+$/i.test(word.text)) return null;
  const upper = word.text.toUpperCase();
  const options = [...KEYWORDS, ...PAIRS].filter((known) => known.startsWith(upper) && known !== upper).map((label) => ({ label }));
  return options.length ? { from: word.from, options, filter: false } : null;
}

function wordAt(context) {
  const word = context.matchBefore(WORD);
  if (!word || isQuoted(context) || /[?$]/.test(context.state.sliceDoc(Math.max(0, word.from - 1), word.from))) return null;
  return word.text.replace(/^</, "").length >= LEAST || context.explicit ? word : null;
}

/** Whether the cursor stands in a string or a comment of its line. */
function isQuoted(context) {
  const { from } = context.state.doc.lineAt(context.pos);
  const before = context.state.sliceDoc(from, context.pos).replace(/<[^<>\s]*>/g, "").replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "");
  return /["'#]/.test(before);
}
