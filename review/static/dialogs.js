// The dialogs: each resolves to what the reviewer chose, or to null.

import { button, el, labelled, options } from "./dom.js";
import { short, typeName } from "./cards.js";
import { ask, find, fold, Refused, say, store } from "./store.js";

const dialog = document.getElementById("dialog");
const BEHIND = ["head", "draft"];

/** Show a dialog, over all or `beside` the document, which can then be read and copied from. `submit` may be async and throw Refused: its words are shown and the dialog stays. */
function open(title, content, submit, { save = say("ui.save"), wide = false, first = null, beside = false } = {}) {
  const back = document.activeElement?.closest?.("[id]")?.id;
  return new Promise((resolve) => {
    const trouble = el("p.trouble", { role: "alert" });
    const form = el("form", { autocomplete: "off", novalidate: true });
    const finish = (value) => {
      dialog.close();
      for (const id of BEHIND) document.getElementById(id).inert = false;
      dialog.replaceChildren();
      (document.getElementById(back) ?? document.getElementById("list")).focus?.({ preventScroll: true });
      resolve(value);
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      trouble.replaceChildren();
      try {
        const value = await submit();
        if (value !== undefined) finish(value);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        trouble.replaceChildren(error.message);
        const field = form.querySelector(`[data-field="${CSS.escape(error.field ?? "")}"], [data-field^="${CSS.escape(`${error.field ?? ""}.`)}"]`);
        field?.setAttribute("aria-invalid", "true");
        field?.focus();
      }
    });
    const close = submit ? say("ui.cancel") : say("ui.close");
    form.append(
      el("h2", { id: "dialog-title" }, title), el("div.content", {}, content), trouble,
      el("div.actions", {}, submit ? el("button.main", { type: "submit" }, save) : "", el("button", { type: "button", onclick: () => finish(null) }, close)),
    );
    dialog.className = beside ? "beside" : wide ? "wide" : "";
    dialog.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && submit) form.requestSubmit();
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      finish(null);
    };
    dialog.replaceChildren(form);
    dialog.style.top = beside ? `${document.getElementById("head").offsetHeight}px` : "";
    if (beside) {
      for (const id of BEHIND) document.getElementById(id).inert = true;
      dialog.show();
    } else dialog.showModal();
    (first ?? form.querySelector("textarea, select, input, button"))?.focus();
  });
}

export const isOpen = () => dialog.open;

/** Say whether a text is being written that would be lost. */
export const isWriting = () => dialog.open && dialog.className === "beside";

// ------------------------------------------------------------------ choosing one of a list

function chooser(entries, label, chosen = "") {
  const select = el("select", { size: Math.min(Math.max(entries.length, 2), 12), "data-field": "choice" }, options(entries, chosen));
  if (!select.value && entries.length) select.selectedIndex = 0;
  select.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      select.form.requestSubmit();
    }
  });
  select.addEventListener("dblclick", () => select.form.requestSubmit());
  return [labelled(label, select, say("ui.choose")), select];
}

export function chooseType(statement) {
  const [field, select] = chooser(Object.entries(store.vocabulary.types), say("fields.type"), statement.type);
  return open(say("ui.retype-title", { id: statement.id }), field, () => select.value, { first: select });
}

const named = (s) => [s.id, `${s.id} · ${typeName(s.type)} · ${say("ui.line", { n: s.line })} · ${short(s.text, 100)}`];

/** List the other statements, those of the same row first, then by how far away they stand. */
function others(statement, types = null) {
  const at = store.order.indexOf(statement.id);
  const far = (s) => (s.row && s.row === statement.row ? 0 : Math.abs(store.order.indexOf(s.id) - at));
  const found = store.order.map((id) => store.statements.get(id)).filter((s) => s.id !== statement.id && (!types || types.includes(s.type)));
  return found.map((s) => [far(s), s]).sort((a, b) => a[0] - b[0]).map(([, s]) => s);
}

/** Make a search field over a list of statements. */
function statementFinder(statements) {
  const search = el("input", { type: "search", placeholder: say("ui.link-find") });
  const [field, select] = chooser(statements().slice(0, 300).map(named), say("ui.link-other"));
  const refill = () => {
    const wanted = fold(search.value);
    const found = statements().filter((s) => fold(`${s.id} ${s.text}`).includes(wanted)).slice(0, 300);
    select.replaceChildren(...options(found.map(named)));
    select.size = Math.min(Math.max(found.length, 2), 12);
    if (found.length) select.selectedIndex = 0;
  };
  search.addEventListener("input", refill);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      select.focus();
    }
  });
  return { search, select, refill, fields: [labelled(say("ui.search"), search), field] };
}

export function chooseOther(statement) {
  const at = store.order.indexOf(statement.id);
  const next = find(store.order[at + 1]);
  const finder = statementFinder(() => [...(next ? [next] : []), ...others(statement).filter((s) => s !== next)]);
  return open(say("ui.merge-title", { id: statement.id }), [el("p.quote", { dir: "auto" }, statement.text), ...finder.fields], () => finder.select.value || undefined, { save: say("ui.merge"), first: finder.select, wide: true });
}

/** Choose a tie to make or to take away: {kind, other, remove}. */
export function chooseLink(statement) {
  const kinds = Object.entries(store.vocabulary.links).filter(([, [sources]]) => sources.includes(statement.type));
  const existing = Object.keys(store.vocabulary.links).flatMap((kind) => (statement[kind] ?? []).map((other) => ({ kind, other })));
  let removed = null;
  const kind = el("select", { "data-field": "link" }, options(kinds.map(([key]) => [key, say(`fields.${key}`)])));
  const finder = statementFinder(() => others(statement, store.vocabulary.links[kind.value]?.[1]).filter((s) => !(statement[kind.value] ?? []).includes(s.id)));
  kind.addEventListener("change", finder.refill);
  const now = existing.map((tie) => {
    const remove = el("button.danger", { type: "submit", "aria-label": `${say("ui.unlink")} ${say(`fields.${tie.kind}`)} ${tie.other}`, onclick: () => (removed = tie) }, say("ui.unlink"));
    return el("li", {}, el("span", {}, `${say(`fields.${tie.kind}`)} ${tie.other} · ${short(find(tie.other)?.text ?? "?", 90)}`), remove);
  });
  const content = [
    el("p.quote", { dir: "auto" }, statement.text),
    now.length ? el("div", {}, el("h3", {}, say("ui.links-now")), el("ul.ties", {}, now)) : "",
    labelled(say("ui.link-kind"), kind), ...finder.fields,
  ];
  const submit = () => {
    if (removed) return { ...removed, remove: true };
    return finder.select.value ? { kind: kind.value, other: finder.select.value } : undefined;
  };
  return open(say("ui.link-title", { id: statement.id }), content, submit, { save: say("ui.link"), first: kind, wide: true });
}

// ------------------------------------------------------------------ splitting

export function chooseSplit(statement, send) {
  const text = el("textarea", { rows: 7, dir: "auto", "data-field": "text", spellcheck: "false" });
  text.value = statement.text;
  const one = el("p.half", { dir: "auto" }), two = el("p.half", { dir: "auto" });
  const halves = () => [statement.text.slice(0, text.selectionStart).trim(), statement.text.slice(text.selectionStart).trim()];
  const show = () => halves().forEach((half, i) => [one, two][i].replaceChildren(half || "…"));
  text.addEventListener("beforeinput", (event) => event.preventDefault());
  for (const event of ["keyup", "click", "select"]) text.addEventListener(event, show);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      text.form.requestSubmit();
    }
  });
  const at = statement.text.search(/(?<=[.;:•])\s+\S/);
  text.setSelectionRange(at + 1, at + 1);
  show();
  const content = [labelled(say("fields.text"), text, say("ui.split-how")), el("h3", {}, say("ui.split-first")), one, el("h3", {}, say("ui.split-second")), two];
  return open(say("ui.split-title", { id: statement.id }), content, () => send(...halves()), { save: say("ui.split"), first: text, beside: true });
}

// ------------------------------------------------------------------ correcting and adding

/** A text with its line, checked against the document while one writes. */
function textAndLine(text, line) {
  const area = el("textarea", { rows: Math.min(10, 3 + Math.floor(text.length / 90)), dir: "auto", "data-field": "text", spellcheck: "false" });
  area.value = text;
  const number = el("input", { type: "number", min: 1, max: store.document.lines.length, value: String(line), "data-field": "line" });
  const state = el("p.state", { role: "status" });
  let timer, asked = 0;
  const check = async () => {
    const turn = ++asked;
    try {
      const answer = await ask("check", { text: area.value, line: Number(number.value) || 0 });
      if (turn !== asked) return;
      state.className = answer.found ? "state good" : "state bad";
      const use = answer.elsewhere ? button(say("ui.use-line", { n: answer.elsewhere }), () => {
        number.value = answer.elsewhere;
        check();
      }, "", "small") : "";
      state.replaceChildren(answer.text, " ", use);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      state.replaceChildren(error.message);
    }
  };
  for (const input of [area, number]) input.addEventListener("input", () => {
    input.removeAttribute("aria-invalid");
    clearTimeout(timer);
    timer = setTimeout(check, 250);
  });
  check();
  return { area, number, fields: [labelled(say("fields.text"), area, say("ui.text-hint")), state, el("div.pair", {}, labelled(say("fields.line"), number))] };
}

export function chooseText(line, text, send) {
  const place = textAndLine(text, line);
  const [field, select] = chooser(Object.entries(store.vocabulary.types), say("fields.type"), "proposal");
  select.size = 5;
  const submit = () => send({ line: Number(place.number.value), text: place.area.value, type: select.value });
  return open(say("ui.add-title"), [...place.fields, field], submit, { beside: true, first: place.area });
}

export function chooseCorrection(s, send) {
  const place = textAndLine(s.text, s.line);
  const type = el("select", { "data-field": "type" }, options(Object.entries(store.vocabulary.types), s.type));
  const section = el("textarea", { rows: Math.min(Math.max((s.section ?? []).length, 2), 8), "data-field": "section" });
  section.value = (s.section ?? []).join("\n");
  const clean = el("input", { type: "text", value: s.clean ?? "", "data-field": "clean" });
  const issues = chips("issues", s.issues ?? [], store.vocabulary.issues);
  const target = group("target", s.target, [["raw"], ["value"], ["unit"], ["direction", store.vocabulary.directions], ["year"], ["baseline"]]);
  const budget = group("budget", s.budget, [["raw"], ["amount"], ["currency", store.vocabulary.currencies]]);
  const certain = el("input", { type: "checkbox", checked: s.budget?.certain !== false });
  budget.frame.append(labelled(say("fields.budget.certain"), certain));
  const funding = rowsOf("funding", s.funding, [["raw"], ["fund", store.vocabulary.funds], ["institution", store.vocabulary.institutions]]);
  const partners = rowsOf("partners", s.partners, [["raw"], ["institution", store.vocabulary.institutions], ["role", store.vocabulary.roles], ["instrument", store.vocabulary.instruments]]);
  const filled = Boolean(s.target || s.budget || s.funding || s.partners);
  const more = el("details", { open: filled }, el("summary", {}, say("ui.more-fields")), target.frame, budget.frame, funding.frame, partners.frame);
  place.fields[2].append(labelled(say("fields.type"), type));
  const money = () => {
    const value = budget.value();
    if (!value) return "";
    return certain.checked ? value : { ...value, certain: false, ...(s.budget?.readings ? { readings: s.budget.readings } : {}) };
  };
  const now = () => ({
    text: place.area.value.trim(), line: Number(place.number.value) || 0, type: type.value,
    section: section.value.split("\n").map((t) => t.trim()).filter(Boolean), clean: clean.value.trim(),
    issues: issues.value(), target: target.value() ?? "", budget: money(), funding: funding.value(), partners: partners.value(),
  });
  const before = now();
  const submit = () => {
    const after = now();
    return send(Object.fromEntries(Object.entries(after).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key]))));
  };
  const content = [...place.fields, issues.frame, labelled(say("fields.section"), section, say("ui.section-hint")), labelled(say("fields.clean"), clean), more];
  return open(say("ui.correct-title", { id: s.id }), content, submit, { beside: true, first: place.area });
}

const lists = new Map();

/** Return the id of a list of suggestions, made when it is first needed. */
function suggestions(key, entries) {
  const id = `known-${key}`;
  if (!lists.has(id)) {
    lists.set(id, el("datalist", { id }, Object.entries(entries).map(([value, text]) => el("option", { value, label: text }, text))));
    document.body.append(lists.get(id));
  }
  return id;
}

function input(field, value, entries) {
  const key = field.split(".")[1];
  if (!entries) return el("input", { type: "text", value: value ?? "", "data-field": field, inputmode: ["value", "amount", "baseline"].includes(key) ? "decimal" : null });
  if (Object.keys(entries).length > 20) return el("input", { type: "text", value: value ?? "", "data-field": field, list: suggestions(key, entries) });
  return el("select", { "data-field": field }, options([["", "–"], ...Object.entries(entries)], value ?? ""));
}

/** A few fields that make one value, absent where the first is empty. */
function group(name, value, keys) {
  const inputs = keys.map(([key, entries]) => [key, input(`${name}.${key}`, value?.[key], entries)]);
  const frame = el("fieldset", {}, el("legend", {}, say(`fields.${name}`)), inputs.map(([key, control]) => labelled(say(`fields.${name}.${key}`), control)));
  const read = () => {
    const found = Object.fromEntries(inputs.map(([key, control]) => [key, control.value.trim()]).filter(([, text]) => text));
    return Object.keys(found).some((key) => key !== "currency") ? found : null;
  };
  return { frame, value: read };
}

function rowsOf(name, values, keys) {
  const rows = new Set();
  const frame = el("fieldset.rows", {}, el("legend", {}, say(`fields.${name}`)));
  const more = button(say("ui.more"), () => put({}).querySelector("input").focus(), "", "small");
  function put(value) {
    const row = group(name, value, keys);
    row.frame.querySelector("legend").remove();
    row.frame.append(button(say("ui.remove"), () => {
      rows.delete(row);
      row.frame.remove();
    }, "", "small"));
    rows.add(row);
    more.before(row.frame);
    return row.frame;
  }
  frame.append(more);
  (values ?? []).forEach(put);
  return { frame, value: () => [...rows].map((row) => row.value()).filter(Boolean) };
}

function chips(name, chosen, entries) {
  const keys = [...chosen];
  const list = el("ul.chips", {});
  const entry = el("input", { type: "text", list: suggestions(name, entries), "data-field": name });
  const draw = () => list.replaceChildren(...keys.map((key) => el("li", {}, entries[key] ?? key, " ", el("button", { type: "button", "aria-label": `${say("ui.remove")} ${entries[key] ?? key}`, onclick: () => {
    keys.splice(keys.indexOf(key), 1);
    draw();
    entry.focus();
  } }, "×"))));
  const take = () => {
    const found = entry.value in entries ? entry.value : Object.keys(entries).find((key) => fold(entries[key]) === fold(entry.value));
    if (found && !keys.includes(found)) keys.push(found);
    if (found) entry.value = "";
    draw();
    return Boolean(found);
  };
  entry.addEventListener("change", take);
  entry.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && entry.value) {
      event.preventDefault();
      take();
    }
  });
  draw();
  return { frame: el("div.field", {}, labelled(say(`fields.${name}`), entry), list), value: () => [...keys] };
}

// ------------------------------------------------------------------ name, end, line, help

export function askName(send) {
  const name = el("input", { type: "text", value: store.by, "data-field": "name", maxlength: 120 });
  return open(say("ui.nobody"), labelled(say("ui.who"), name, say("ui.who-why")), () => send(name.value), { save: say("ui.start") });
}

export const askFinish = (send) => open(say("ui.finish"), el("p", {}, say("ui.finish-sure", { name: store.by })), send, { save: say("ui.finish") });

export function askLine() {
  const number = el("input", { type: "number", min: 1, max: store.document.lines.length });
  return open(say("keys.goto"), labelled(say("fields.line"), number), () => Number(number.value) || undefined, { save: say("ui.show") });
}

export function showHelp(keys, letters) {
  const rows = keys.map(([keysShown, name]) => el("div", {}, el("dt", {}, keysShown.map((key) => [el("kbd", {}, key), " "])), el("dd", {}, say(`keys.${name}`))));
  const toggle = el("input", { type: "checkbox", checked: letters.on, onchange: (event) => letters.set(event.target.checked) });
  const content = [
    el("h3", {}, say("ui.how")), el("ul", {}, [1, 2, 3, 4].map((n) => el("li", {}, say(`ui.how-${n}`)))),
    el("h3", {}, say("ui.shortcuts")), el("dl.keys", {}, rows), el("p.check", {}, el("label", {}, toggle, " ", say("ui.shortcuts-on"))),
  ];
  return open(say("ui.help"), content, null, { wide: true });
}
