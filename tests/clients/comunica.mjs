// Reads cases as JSON from standard input, runs each with Comunica, and writes what came back as JSON.
// Usage: node comunica.mjs FOLDER, where FOLDER/node_modules holds @comunica/query-sparql.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const { QueryEngine } = require("@comunica/query-sparql");

const text = (term) => {
  if (term.termType !== "Literal") return term.value;
  return term.language ? `${term.value}@${term.language}` : term.value;
};
const row = (binding) => Object.fromEntries([...binding].map(([name, term]) => [name.value, text(term)]));

const results = {
  bindings: async (engine, query, context) => (await (await engine.queryBindings(query, context)).toArray()).map(row),
  boolean: (engine, query, context) => engine.queryBoolean(query, context),
  quads: async (engine, query, context) =>
    (await (await engine.queryQuads(query, context)).toArray()).map((q) => [q.subject, q.predicate, q.object].map(text)),
};

const run = async ({ kind, query, sources }) => {
  const requests = [];
  const noted = async (url, options) => {
    const headers = new Headers(options?.headers);
    const answer = await fetch(url, options);
    requests.push({ method: options?.method ?? "GET", url: String(url), accept: headers.get("accept"), status: answer.status });
    return answer;
  };
  try {
    // an engine of its own: what one case learned of a source must not help the next
    const result = await results[kind](new QueryEngine(), query, { sources, fetch: noted });
    return { result, requests };
  } catch (error) {
    return { error: String(error), requests };
  }
};

const told = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) told.push(await run(one));
process.stdout.write(JSON.stringify(told));
