// The editor's page. Without this script the page is a form that works; with it, the same form, answered in place.

import { sources } from "./completion.js";
import { addressOf, askPage, LONGEST_ADDRESS } from "./endpoint.js";
import { fill, html } from "./dom.js";
import { editorFor } from "./typing.js";
import { viewsOf } from "./views.js";

const form = document.querySelector("form[data-editor]");
if (form) start(form);

function start(form) {
  const { texts, base, seconds } = JSON.parse(form.dataset.editor);
  const language = document.documentElement.lang;
  const others = language === "es" ? {} : { lang: language };
  const link = (path) => (language === "es" ? path : `${path}${path.includes("?") ? "&" : "?"}lang=${language}`);
  const button = form.querySelector("[type=submit]");
  const status = form.querySelector("[role=status]");
  const answer = document.querySelector("#answer");
  const vocabulary = once(() => getJson("/completion/terms", others), { prefixes: {}, terms: [] });
  const words = async () => (await vocabulary()).terms;
  const site = { texts, base, language, link, vocabulary };
  const known = remembered(things);
  const editor = editorFor(form.elements.query, { texts, words, sources: sources(words, known, texts), run });
  const running = html("progress", { "aria-label": texts.running, hidden: true });
  button.after(running);
  let stop = null;
  let views = null;

  editor.view.contentDOM.addEventListener("focus", () => (words(), known("")), { once: true }); // so that they are there when wanted
  form.querySelector("label[for=query]").addEventListener("click", () => editor.view.focus());
  form.addEventListener("submit", (event) => {
    form.elements.query.value = editor.text();
    if (stop) {
      event.preventDefault();
      stop.abort();
    } else if (form.elements.format.value === "html") {
      event.preventDefault();
      run();
    }
  });
  window.addEventListener("popstate", restore);
  if (!answer.hidden) open(new URLSearchParams(location.search).get("view"), editor.text());

  /** Answer what is in the editor, and let the address say so. */
  async function run() {
    const query = editor.text();
    if (stop || !query.trim()) return;
    if (await answered(query) && addressOf(query).length <= LONGEST_ADDRESS) {
      history.pushState(null, "", addressOf(query, others));
    }
  }

  async function answered(query, view = null) {
    stop = new AbortController();
    say(fill(texts.running_for, { seconds }), true);
    try {
      const { page, problem } = await askPage(query, language, stop.signal);
      if (problem) return refuse(problem);
      editor.mark(0);
      answer.replaceChildren(...page.querySelector("#answer").childNodes);
      answer.hidden = false;
      open(view, query);
      say(answer.querySelector("h2").textContent);
      answer.scrollIntoView({ block: "nearest" });
      return true;
    } catch (error) {
      say(error.name === "AbortError" ? texts.stopped : texts.unreachable);
      return false;
    } finally {
      stop = null;
      button.textContent = texts.run;
      running.hidden = true;
    }
  }

  function say(text, isRunning = false) {
    status.textContent = text;
    status.className = "dim";
    if (isRunning) button.textContent = texts.stop;
    running.hidden = !isRunning;
  }

  function refuse({ title, detail, hint, line, column }) {
    answer.hidden = true;
    status.className = "notice";
    status.replaceChildren(html("p", {}, html("b", {}, title)), html("p", {}, detail), html("p", {}, hint));
    editor.mark(line, column);
    return true;
  }

  /** Give the answer its views; choosing one is part of the address. */
  function open(wanted, query) {
    views = viewsOf(answer, query, site);
    for (const chosen of views?.buttons ?? []) {
      chosen.addEventListener("click", async () => {
        const name = await views.show(chosen.dataset.name);
        const shown = new URLSearchParams(location.search);
        if (!shown.has("query")) return;
        shown.delete("view");
        if (name !== "table") shown.set("view", name);
        history.replaceState(null, "", `/sparql?${shown}`);
      });
    }
    if (wanted) views?.show(wanted);
  }

  /** Bring back what an address of the history says. */
  async function restore() {
    const told = new URLSearchParams(location.search);
    if (!told.get("query")) {
      location.reload();
      return;
    }
    editor.setText(told.get("query"));
    await answered(told.get("query"), told.get("view"));
  }

  async function things(text) {
    return (await getJson("/completion/things", { q: text, ...others })).things;
  }
}

async function getJson(path, parameters) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response.json();
}

/** Ask once; again only when it failed, and that gives nothing. */
function once(ask, nothing) {
  let asked = null;
  return () => (asked ??= ask().catch(() => ((asked = null), nothing)));
}

/** Keep answers by their question. */
function remembered(ask) {
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, ask(text).catch(() => (known.delete(text), [])));
    return known.get(text);
  };
}
