// Making elements. Text only ever becomes text: nothing of a document or record is read as HTML.

/** Make an element: el("p.note", {id: "x", onclick: f}, "text", child, …); null children are left out. */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in PROPERTIES) element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, selected: 1, tabIndex: 1, hidden: 1 };

/** Make a button that also tells its key. */
export function button(text, onclick, key = "", kind = "") {
  return el(kind ? `button.${kind}` : "button", { type: "button", onclick, "aria-keyshortcuts": key || null }, text, key ? " " : "", key ? el("kbd", { "aria-hidden": "true" }, key) : "");
}

/** Put a key and its value in a field's frame. */
export function labelled(text, control, hint = "") {
  const id = control.id || (control.id = `f${++labelled.count}`);
  const note = hint ? el("small", { id: `${id}-hint` }, hint) : "";
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return el("div.field", {}, el("label", { for: id }, text), control, note);
}
labelled.count = 0;

export function options(entries, chosen = "") {
  return entries.map(([value, text]) => el("option", { value, selected: value === chosen }, text));
}
