// Making elements. Attributes only: the site's policy lets no style attribute through, and text is never read as markup.

const SVG = "http://www.w3.org/2000/svg";
let made = 0;

/** Make an HTML element. @param {Record<string, any>} attributes @param {(Node|string)[]} children */
export function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Make a link that SVG draws like any other shape; without an address, a group. */
export function svgLink(href, ...children) {
  return href ? svg("a", { href }, ...children) : svg("g", {}, ...children);
}

/** Cut a long text for a drawing. */
export function short(text, length) {
  return text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text;
}

/** Fill `{name}` in a text. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Write a number as the site does: groups of three from five figures on, decimal point. */
export function written(number) {
  const [whole, part] = String(number).split(".");
  const digits = whole.replace("-", "");
  const grouped = digits.length > 4 ? whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u00a0") : whole;
  return part ? `${grouped}.${part.slice(0, 2)}` : grouped;
}

/** Make a labelled pick-list. @returns {{select: HTMLSelectElement, field: HTMLElement}} */
export function choice(name, options, start) {
  made += 1;
  const id = `choice-${made}`;
  const select = html("select", { id }, ...options.map((option, at) => html("option", { selected: at === start }, option)));
  return { select, field: html("div", {}, html("label", { for: id }, name), select) };
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}
