// The text field: CodeMirror, in a shadow root. There it brings its style by a style sheet object, which the site's policy lets
// through, where a <style> element would not be.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { sparql } from "@codemirror/legacy-modes/mode/sparql";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { html } from "./dom.js";

const MONO = 'ui-monospace,"Source Code Pro","DejaVu Sans Mono",Menlo,monospace';
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--d3)", fontWeight: "600" },
  { tag: tags.local(tags.variableName), color: "var(--link)" },
  { tag: [tags.atom, tags.url, tags.tagName], color: "var(--d5)" },
  { tag: [tags.string, tags.number], color: "var(--note)" },
  { tag: tags.comment, color: "var(--ink-2)" },
]);
const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)", border: "1px solid var(--line)", borderRadius: "3px", fontSize: ".95rem" },
  "&.cm-focused": { outline: "3px solid var(--focus)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: MONO, lineHeight: "1.5", minHeight: "16rem", maxHeight: "70vh", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: ".6rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--wash)", color: "var(--ink-2)", border: "0", borderRight: "1px solid var(--rule)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--mark) !important" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--mark)" },
  ".cm-wrong": { backgroundColor: "var(--note-bg)", boxShadow: "inset 3px 0 var(--note)" },
  ".cm-tooltip": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line)", fontFamily: "var(--sans)", fontSize: ".95rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--sans)", maxHeight: "18rem", maxWidth: "min(95vw,44rem)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: ".25rem .6rem", lineHeight: "1.4" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > completion-section": { padding: ".35rem .6rem .2rem", opacity: "1", color: "var(--ink-2)", fontSize: ".85rem", borderBottom: "1px solid var(--rule)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--link) !important", color: "var(--on-link) !important" },
  ".cm-completionDetail": { fontStyle: "normal", marginLeft: ".8em", opacity: ".85" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-tooltip.cm-completionInfo": { padding: ".5rem .7rem", maxWidth: "24rem" },
  ".cm-told": { padding: ".45rem .7rem", maxWidth: "26rem" },
  ".cm-told p": { margin: "0" },
});

const markLine = StateEffect.define();
const wrongLine = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    const found = transaction.effects.find((effect) => effect.is(markLine));
    if (found) return found.value ? Decoration.set([Decoration.line({ class: "cm-wrong" }).range(found.value.from)]) : Decoration.none;
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Put an editor in the place of a text area. `run` is called by Ctrl+Enter; `words` gives the terms for hints. */
export function editorFor(area, { texts, sources, words, run }) {
  const host = html("div", { class: "typed" });
  const root = host.attachShadow({ mode: "open" });
  area.after(host, html("p", { class: "hint" }, texts.keys));
  area.hidden = true;
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        lineNumbers(),
        history(),
        bracketMatching(),
        closeBrackets(),
        EditorView.lineWrapping,
        StreamLanguage.define(sparql),
        syntaxHighlighting(colours),
        autocompletion({ override: sources, icons: false }),
        hoverTooltip((of, at) => hint(of, at, words)),
        keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }, ...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": texts.field, "aria-description": texts.keys, autocapitalize: "off" }),
        EditorState.phrases.of({ Completions: texts.completions }),
        EditorView.domEventHandlers({ beforeinput: replaceSelection }),
        wrongLine,
        look,
      ],
    }),
  });
  return {
    view,
    text: () => view.state.doc.toString(),
    setText: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    /** Point at a place, 1-based, or with no line take the mark away. */
    mark(line, column) {
      const known = line && line <= view.state.doc.lines ? view.state.doc.line(line) : null;
      const selection = known ? { anchor: Math.min(known.from + Math.max(0, (column || 1) - 1), known.to) } : undefined;
      view.dispatch({ effects: markLine.of(known), selection, scrollIntoView: Boolean(known) });
    },
  };
}

/**
 * Type over a selection without the browser's own editing: Chromium would keep the style of what was there in a style attribute,
 * which the site's policy blocks, and says so in the console.
 */
function replaceSelection(event, view) {
  const { main } = view.state.selection;
  if (event.inputType !== "insertText" || !event.data || main.empty || view.composing) return false;
  const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  const isHandled = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, main.from, main.to, event.data, insert));
  if (!isHandled) view.dispatch(insert());
  event.preventDefault();
  return true;
}

/** What a term under the pointer means. */
async function hint({ state }, at, words) {
  const line = state.doc.lineAt(at);
  for (const hit of line.text.matchAll(/[A-Za-z]\w*:[\w-]+/g)) {
    const from = line.from + hit.index;
    if (at < from || at > from + hit[0].length) continue;
    const term = (await words()).find(({ name }) => name === hit[0]);
    if (!term) return null;
    const parts = [html("p", {}, html("b", {}, term.label)), ...(term.about ? [html("p", {}, term.about)] : [])];
    return { pos: from, end: from + hit[0].length, create: () => ({ dom: html("div", { class: "cm-told" }, ...parts) }) };
  }
  return null;
}
