// The views of an answer: the table (or the Turtle) that the server wrote, and what can be drawn from it.

import { canChart, drawChart } from "./chart.js";
import { html } from "./dom.js";
import { drawMap, placeColumn } from "./map.js";
import { drawNetwork } from "./network.js";
import { readTable } from "./table.js";

/** Give an answer its views; `show` draws the named one, or the first where it has no such view. */
export function viewsOf(answer, query, site) {
  const first = answer.querySelector("[data-view=first]");
  if (!first) return null;
  const { texts } = site;
  const table = readTable(first);
  const makers = { table: null };
  if (table && canChart(table)) makers.chart = () => drawChart(table, texts);
  if (table && placeColumn(table) >= 0) makers.map = () => drawMap(table, texts, site.base);
  if (!table && first.querySelector("pre")) makers.network = () => drawNetwork(query, texts, site);
  const names = { ...texts, view_table: table ? texts.view_table : texts.view_turtle };
  const buttons = Object.keys(makers).map((name) => html("button", { type: "button", "data-name": name, "aria-pressed": "false" }, names[`view_${name}`]));
  const panel = html("div", { class: "drawn", hidden: true });
  first.after(panel);
  if (buttons.length > 1) first.before(html("div", { class: "views", role: "group", "aria-label": texts.views }, ...buttons));
  const shown = new Map();

  async function show(wanted) {
    const name = wanted in makers ? wanted : "table";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.name === name));
    first.hidden = name !== "table";
    panel.hidden = name === "table";
    if (name === "table") return name;
    panel.replaceChildren(shown.get(name) ?? html("p", { role: "status" }, texts.drawing));
    if (!shown.has(name)) shown.set(name, await drawn(makers[name], texts));
    panel.replaceChildren(shown.get(name));
    return name;
  }
  return { buttons, show };
}

async function drawn(make, texts) {
  try {
    return await make();
  } catch (error) {
    console.warn(error);
    return html("p", { role: "status" }, texts.not_drawn);
  }
}
