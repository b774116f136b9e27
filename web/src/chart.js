// Bars: one for each row, from a column of words and a column of numbers. Widths in per cent, so that they read on a phone.

import { choice, fill, html, svg, written } from "./dom.js";
import { sortColumns } from "./table.js";

const MOST_BARS = 60;

/** Whether an answer can be drawn as bars. */
export function canChart(table) {
  const { numbers, words } = sortColumns(table);
  return table.rows.length > 0 && numbers.length > 0 && words.length > 0;
}

/** Draw the bars, with choices of their columns above. */
export function drawChart(table, texts) {
  const { numbers, words } = sortColumns(table);
  const figure = html("figure", { class: "chart" });
  const bars = html("ol", { class: "bars" });
  const labels = words.map((column) => [table.heads[column], [column]]);
  if (words.length > 1) labels.push([words.map((column) => table.heads[column]).join(" · "), words]);
  const start = isTelling(table, words[0]) ? 0 : labels.length - 1;
  const label = choice(texts.chart_label, labels.map(([name]) => name), start);
  const value = choice(texts.chart_value, numbers.map((column) => table.heads[column]), numbers.length - 1);
  const note = html("p", { class: "sub" });
  const draw = () => {
    const shown = readBars(table, labels[label.select.selectedIndex][1], numbers[value.select.selectedIndex]);
    bars.replaceChildren(...shown.bars);
    const sentence = shown.all > MOST_BARS ? fill(texts.chart_cut, { shown: MOST_BARS, all: shown.all }) : "";
    note.textContent = [value.select.value, sentence].filter(Boolean).join(". ");
  };
  label.select.addEventListener("change", draw);
  value.select.addEventListener("change", draw);
  draw();
  figure.append(html("div", { class: "choices" }, label.field, value.field), note, bars);
  return figure;
}

/** Whether one column tells the rows apart. */
function isTelling(table, column) {
  return new Set(table.rows.map((row) => row[column].text)).size === table.rows.length;
}

function readBars(table, words, number) {
  const rows = table.rows.filter((row) => row[number].number !== null);
  const values = rows.map((row) => row[number].number);
  const least = Math.min(0, ...values);
  const span = Math.max(0, ...values) - least || 1;
  const bars = rows.slice(0, MOST_BARS).map((row) => bar(row, words, row[number].number, least, span));
  return { bars, all: rows.length };
}

function bar(row, words, value, least, span) {
  const from = (100 * (Math.min(0, value) - least)) / span;
  const width = (100 * Math.abs(value)) / span;
  const parts = words.flatMap((column, place) => {
    const { text, href } = row[column];
    const shown = href ? html("a", { href }, text) : text;
    return place ? [" · ", shown] : [shown];
  });
  const drawn = svg(
    "svg",
    { height: 18, "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: "bar", x: `${from.toFixed(2)}%`, y: 0, width: `${width.toFixed(2)}%`, height: 18 }),
  );
  return html("li", {}, html("span", { class: "of" }, ...parts), html("b", { class: "num" }, written(value)), drawn);
}
