// The things that a CONSTRUCT or DESCRIBE connects, drawn as a network. The layout begins from fixed places: same answer, same drawing.

import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import { fill, html, short, svg, svgLink } from "./dom.js";
import { askTriples, labelsOf } from "./endpoint.js";

const WIDTH = 900;
const MOST_NODES = 40;
const MOST_EDGE_LABELS = 24;
const EDGE = 90; // beside the outermost nodes
const ROOM = 40; // about a node, for its name
const LINE = 22; // letters of a line of a name
const STEPS = 300;
const TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
/** The kinds of things, by the part of their address: their colour and their shape (sides; 0 is a circle). */
const KINDS = { statement: [1, 0], plan: [3, 4], institution: [2, 5], territory: [5, 3], issue: [4, 6], other: [0, 4] };

/** Draw the triples of a query. */
export async function drawNetwork(query, texts, { base, language, link, vocabulary }, signal) {
  const triples = await askTriples(query, signal);
  const { nodes, edges, all, literals } = connect(triples, base);
  if (!edges.length) return html("p", {}, texts.net_none);
  const labels = new Map([...namesOf(await vocabulary()), ...(await labelsOf(nodes.map((node) => node.iri), language))]);
  for (const node of nodes) node.name = labels.get(node.iri) ?? tail(node.iri);
  lay(nodes, edges);
  const notes = [fill(texts.net_shown, { nodes: nodes.length, edges: edges.length })];
  if (all > nodes.length) notes.push(fill(texts.net_cut, { all }));
  if (literals) notes.push(fill(texts.net_literals, { count: literals }));
  const kinds = countOf(edges.map((edge) => labels.get(edge.p) ?? tail(edge.p)));
  notes.push(fill(texts.net_kinds, { kinds: [...kinds].map(([kind, count]) => `${kind} (${count})`).join(", ") }));
  notes.push(texts.net_position);
  const { width, height } = fit(nodes);
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": texts.net_label },
    svg("g", { "aria-hidden": "true" }, ...edges.flatMap((edge) => line(edge, labels, edges.length <= MOST_EDGE_LABELS && kinds.size > 1))),
    ...nodes.map((node) => drawnNode(node, base, link)),
  );
  return html(
    "figure",
    { class: "chart net-drawn" },
    html("p", { class: "sub" }, notes.join(" ")),
    key(nodes, texts),
    html("p", { class: "slide" }, texts.net_slide),
    html("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": texts.net_label }, drawing),
  );
}

/** Make nodes and edges from triples; of many, those with the most edges. */
function connect(triples, base) {
  const links = triples.filter((triple) => !triple.isLiteral && triple.p !== TYPE && triple.s !== triple.o);
  const degree = countOf(links.flatMap(({ s, o }) => [s, o]));
  const kept = [...degree].sort((a, b) => b[1] - a[1]).slice(0, MOST_NODES);
  const nodes = kept.map(([iri, count]) => ({ iri, kind: kindOf(iri, base), r: 7 + 3 * Math.sqrt(count) }));
  const known = new Map(nodes.map((node) => [node.iri, node]));
  const edges = links
    .filter((triple) => known.has(triple.s) && known.has(triple.o))
    .map((triple) => ({ source: known.get(triple.s), target: known.get(triple.o), p: triple.p }));
  const linked = new Set(edges.flatMap((edge) => [edge.source, edge.target]));
  return { nodes: nodes.filter((node) => linked.has(node)), edges, all: degree.size, literals: triples.filter((triple) => triple.isLiteral).length };
}

/** The names of terms by their full addresses. */
function namesOf({ prefixes, terms }) {
  return terms.map(({ name, label }) => [name.replace(/^(\w+):/, (whole, prefix) => prefixes[prefix] ?? whole), label]);
}

function countOf(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function lay(nodes, edges) {
  forceSimulation(nodes)
    .force("link", forceLink(edges).distance(120))
    .force("charge", forceManyBody().strength(-600).distanceMax(420))
    .force("collide", forceCollide((node) => node.r + ROOM))
    .force("x", forceX().strength(0.07))
    .force("y", forceY().strength(0.1))
    .stop()
    .tick(STEPS);
}

/** Bring the nodes into a drawing; return its width and height. */
function fit(nodes) {
  const [xs, ys] = [nodes.map((node) => node.x), nodes.map((node) => node.y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const width = Math.max(WIDTH, Math.ceil(Math.max(...xs) - left + 2 * EDGE));
  const indent = (width - (Math.max(...xs) - left)) / 2;
  for (const node of nodes) {
    node.x += indent - left;
    node.y += 40 - top;
  }
  return { width, height: Math.ceil(100 + Math.max(...ys) - top) };
}

function line({ source, target, p }, labels, named) {
  const name = labels.get(p) ?? tail(p);
  const drawn = svg("line", { x1: source.x.toFixed(1), y1: source.y.toFixed(1), x2: target.x.toFixed(1), y2: target.y.toFixed(1) });
  drawn.append(svg("title", {}, name));
  if (!named) return [drawn];
  const middle = { x: ((source.x + target.x) / 2).toFixed(1), y: ((source.y + target.y) / 2 - 3).toFixed(1) };
  return [drawn, svg("text", { ...middle, class: "edge", "text-anchor": "middle" }, short(name, 26))];
}

function drawnNode(node, base, link) {
  const path = node.iri.startsWith(`${base}id/`) ? link(`/doc/${node.iri.slice(base.length + 3)}`) : "";
  const shape = shapeOf(node.kind, node.x, node.y, node.r);
  const lines = wrapped(node.name).map((line, place) => svg("tspan", { x: node.x.toFixed(1), dy: place ? 15 : 0 }, line));
  const name = svg("text", { y: (node.y + node.r + 15).toFixed(1), "text-anchor": "middle" }, ...lines);
  const drawn = svgLink(path, svg("title", {}, node.name), shape, name);
  drawn.setAttribute("class", "node");
  return drawn;
}

/** A name in at most two lines. */
function wrapped(name) {
  if (name.length <= LINE) return [name];
  const cut = name.lastIndexOf(" ", LINE);
  return cut > 0 ? [name.slice(0, cut), short(name.slice(cut + 1), LINE)] : [short(name, LINE)];
}

function shapeOf(kind, x, y, r) {
  const [colour, sides] = KINDS[kind];
  if (!sides) return svg("circle", { class: `n${colour}`, cx: x.toFixed(1), cy: y.toFixed(1), r: r.toFixed(1) });
  const turn = kind === "other" ? Math.PI / 4 : -Math.PI / 2;
  const corners = Array.from({ length: sides }, (_, corner) => {
    const angle = turn + (2 * Math.PI * corner) / sides;
    return `${(x + 1.12 * r * Math.cos(angle)).toFixed(1)},${(y + 1.12 * r * Math.sin(angle)).toFixed(1)}`;
  });
  return svg("polygon", { class: `n${colour}`, points: corners.join(" ") });
}

function key(nodes, texts) {
  const kinds = Object.keys(KINDS).filter((kind) => nodes.some((node) => node.kind === kind));
  const entries = kinds.map((kind) =>
    html("li", {}, svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, shapeOf(kind, 10, 10, 8)), texts[`kind_${kind}`]),
  );
  return html("ul", { class: "key" }, ...entries);
}

function kindOf(iri, base) {
  if (!iri.startsWith(`${base}id/`)) return "other";
  const [kind, , part] = iri.slice(base.length + 3).split("/");
  if (kind === "plan") return part ? "statement" : "plan";
  return kind in KINDS ? kind : "other";
}

function tail(iri) {
  return iri.replace(/^.*[/#:](?=[^/#])/, "") || iri;
}
