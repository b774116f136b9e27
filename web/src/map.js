// A map without tiles: all places of the country that have coordinates as faint points, those of the answer on top.

import { choice, fill, html, short, svg, svgLink, written } from "./dom.js";
import { askAbout, askRows } from "./endpoint.js";
import { sortColumns } from "./table.js";

const WIDTH = 400;
const MARGIN = 12;
const MOST_NAMES = 14;
const BIGGEST = 10; // radius

/** The column whose links lead to territories or plans: the first in which a row has one; -1 where there is none. */
export function placeColumn(table) {
  const isPlace = (cell) => /^\/doc\/(territory\/[^/?#]+|plan\/[^/?#]+)(?:[?#]|$)/.test(cell.href);
  const found = table.heads.map((_, column) => table.rows.some((row) => isPlace(row[column])));
  const territory = table.heads.findIndex((_, column) => table.rows.some((row) => row[column].href.startsWith("/doc/territory/")));
  return territory >= 0 ? territory : found.indexOf(true);
}

/** Draw the places of an answer, with a choice of what the size of a mark tells. */
export async function drawMap(table, texts, base) {
  const column = placeColumn(table);
  const rows = table.rows.filter((row) => row[column].href);
  const iris = new Map(rows.map((row) => [row[column].href, iriOf(row[column].href, base)]));
  const [all, where] = await Promise.all([everywhere(base), coordinates([...iris.values()], base)]);
  const { numbers } = sortColumns(table);
  const size = choice(texts.map_size, [texts.map_even, ...numbers.map((number) => table.heads[number])], numbers.length);
  const land = html("div");
  const draw = () => {
    const marks = gather(rows, column, numbers[size.select.selectedIndex - 1], (href) => where.get(iris.get(href)));
    land.replaceChildren(...picture(marks, all, iris.size - marks.length, texts));
  };
  size.select.addEventListener("change", draw);
  draw();
  return html("figure", { class: "chart map" }, html("div", { class: "choices" }, size.field), land, html("figcaption", {}, texts.map_source));
}

function picture(marks, all, missing, texts) {
  const project = projection(all.length ? all : marks);
  const notes = [fill(texts.map_places, { count: marks.length })];
  if (missing) notes.push(fill(texts.map_missing, { count: missing }));
  const land = svg("g", { "aria-hidden": "true", class: "land" }, ...all.map((point) => dot(project(point), 1.1)));
  const box = { viewBox: `0 0 ${WIDTH} ${project.height}`, role: "group", "aria-label": texts.map_label };
  return [html("p", { class: "sub" }, notes.join(" ")), svg("svg", box, land, ...drawn(marks, project))];
}

function drawn(marks, project) {
  const largest = Math.max(...marks.map((mark) => mark.size ?? 0), 0);
  const radius = (mark) => (largest > 0 && mark.size !== null ? Math.max(2.5, BIGGEST * Math.sqrt(Math.max(0, mark.size) / largest)) : 4);
  const ordered = [...marks].sort((a, b) => (b.size ?? 0) - (a.size ?? 0));
  const links = ordered.map((mark) => {
    const shape = dot(project(mark), radius(mark));
    shape.setAttribute("class", "mark");
    const told = mark.size === null ? mark.name : `${mark.name}: ${written(mark.size)}`;
    return svgLink(mark.href, svg("title", {}, told), shape);
  });
  return [...links, svg("g", { "aria-hidden": "true" }, ...names(ordered, project, radius))];
}

/** Names beside the first marks, where they do not lie on one another. */
function names(marks, project, radius) {
  const taken = [];
  const found = [];
  for (const mark of marks) {
    const { x, y } = project(mark);
    const text = short(mark.name, 36);
    const width = 5.8 * text.length;
    const onLeft = x > WIDTH / 2;
    const from = onLeft ? x - radius(mark) - 4 - width : x + radius(mark) + 4;
    const isFree = taken.every((box) => Math.abs(box.y - y) > 14 || box.from > from + width || box.from + box.width < from);
    if (!isFree) continue;
    taken.push({ from, y, width });
    found.push(svg("text", { x: onLeft ? from + width : from, y: y + 4, "text-anchor": onLeft ? "end" : "start" }, text));
    if (found.length === MOST_NAMES) break;
  }
  return found;
}

/** One mark for each place: the sum of a column of numbers, or no size where there is no such column. */
function gather(rows, column, number, whereIs) {
  const marks = new Map();
  for (const row of rows) {
    const { href, text } = row[column];
    const point = whereIs(href);
    if (!point) continue;
    const mark = marks.get(href) ?? { href, name: text, size: null, ...point };
    if (number !== undefined && row[number].number !== null) mark.size = (mark.size ?? 0) + row[number].number;
    marks.set(href, mark);
  }
  return [...marks.values()];
}

function projection(points) {
  const lats = points.map((point) => point.lat);
  const lons = points.map((point) => point.lon);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const scale = (WIDTH - 2 * MARGIN) / ((east - west || 1) * squeeze);
  const project = ({ lat, lon }) => ({ x: MARGIN + (lon - west) * squeeze * scale, y: MARGIN + (north - lat) * scale });
  project.height = Math.round(2 * MARGIN + (north - south || 1) * scale);
  return project;
}

function dot({ x, y }, r) {
  return svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: r.toFixed(1) });
}

function iriOf(href, base) {
  return `${base}id/${decodeURI(href.replace(/^\/doc\//, "").replace(/[?#].*$/, ""))}`;
}

/** Where things are: places themselves, plans by the place that they are for. */
async function coordinates(iris, base) {
  const rows = await askAbout(
    iris,
    (values) => `PREFIX pg: <${base}ontology#> SELECT ?x ?lat ?lon { VALUES ?x { ${values} } ?x pg:forTerritory? ?t . ?t pg:latitude ?lat ; pg:longitude ?lon }`,
  );
  return new Map(rows.map((row) => [row.x.text, point(row)]));
}

async function everywhere(base) {
  const rows = await askRows(`PREFIX pg: <${base}ontology#> SELECT ?lat ?lon { ?x a pg:District ; pg:latitude ?lat ; pg:longitude ?lon }`);
  return rows.map(point);
}

function point(row) {
  return { lat: Number(row.lat.text), lon: Number(row.lon.text) };
}
