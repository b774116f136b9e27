"""A named question on its way to its answer: what was asked, what its parameters may be, and the solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rdflib import Literal
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.cache import Kept
from api.columns import columns
from api.context import client_of, own_address, pages_of, settings_of, snapshot_of
from api.kept import cache_of
from api.lookup import Node, Row, labels, parsed, rows
from api.once import once
from api.rendering import language_of, link_maker, literal_text
from api.strings import Language, value_name
from kg.frames import Query
from kg.namespaces import PG, plan_iri, thing_iri
from kg.prepared import ROWS, prepared_answer
from kg.processes import Answer
from kg.queries import ParameterError, Question, choices_query, known_things
from kg.queries import render as fill
from kg.text import fold

CONTROL = {"lang", "format", "bom", "sort", "page"}  # what an address says beside the parameters of a question
READ = ROWS  # rows of an answer that a page, a chart or a sentence is made from
SPOKEN = 1000  # characters of the longest value that is looked up in another language
_BATCH = 500
_TRANSLATED = """SELECT ?es (MIN(?other) AS ?en) {
  { VALUES ?es { %(texts)s } ?x rdfs:label ?es , ?other FILTER(LANG(?other) = "en") }
  UNION { VALUES ?es { %(texts)s } ?x pg:description ?es , ?other FILTER(LANG(?other) = "en") }
} GROUP BY ?es"""


@dataclass(frozen=True)
class Asked:
    """A question with the values that it was asked with: those given, and those that hold, by parameter."""

    question: Question
    given: dict[str, str]
    values: dict[str, str]
    text: str
    labels: dict[str, str] = field(default_factory=dict)

    def permalink(self, request: Request) -> str:
        """Return the address of the answer, with every parameter, so that another default changes nothing."""
        language = language_of(request)
        return own_address(request) + link_maker(language)(f"questions/{self.question.name}", **self.values)


@dataclass(frozen=True)
class Solutions:
    """An answer: its columns, its rows, whether there are more, and the words of its values in the reader's language."""

    names: list[str]
    rows: list[Row]
    cut: bool = False
    spoken: Mapping[str, str] = field(default_factory=dict)

    def text(self, node: Node, language: Language) -> str:
        """Write a term for a reader."""
        return self.spoken.get(node.value) or literal_text(node, language)


def given_in(request: Request) -> dict[str, str]:
    """Return the parameters of a request; an empty one was not given."""
    return {name: value for name, value in request.query_params.items() if name not in CONTROL and value.strip()}


async def asked_of(request: Request, question: Question, given: Mapping[str, str]) -> Asked:
    """Return what is asked: the query, with names read as the keys that they stand for.

    Raises:
        ParameterError: there is no such parameter, or no such value.
    """
    kinds = {param.name: param.kind for param in question.params}
    read = {name: await _key_of(request, kinds.get(name, ""), value.strip()) for name, value in given.items()}
    plans = await choices(request, "plan") if "plan" in kinds.values() else None
    text = fill(question, read, plans)
    values = {param.name: read.get(param.name, param.default) for param in question.params}
    return Asked(question, read, values, text, {name: await label_of(request, kinds[name], values[name]) for name in values})


async def ask(request: Request, text: str, format_: str, max_rows: int = 0) -> Answer:
    """Ask the graph, as a stranger's query."""
    settings = settings_of(request)
    seconds = int(settings.query_seconds) + 5
    query = Query(text, format_, None, max_rows=max_rows, max_bytes=settings.result_bytes, seconds=seconds)
    return await snapshot_of(request).queries.ask(query, client_of(request.scope))


async def solutions_of(request: Request, text: str, max_rows: int = READ) -> Solutions:
    """Return the first solutions of a query; kept for as long as the data are in service, where they are few."""
    cache, key = cache_of(snapshot_of(request)), ("solutions", text, max_rows)
    kept = cache.get(key)
    if kept is None:
        kept = Kept((), await _answer_to(request, text, max_rows), "")
        cache.put(key, kept, len(text))
    names, found, cut = await parsed(kept.body)
    spoken = await _in_english(request, names, found) if language_of(request) == "en" else {}
    return Solutions(names, found, cut, spoken)


async def _answer_to(request: Request, text: str, max_rows: int) -> bytes:
    """Return the first solutions in JSON: those that were written when the store was built, or the graph's."""
    folder = snapshot_of(request).folder
    found = await run_in_threadpool(prepared_answer, folder, text) if folder and max_rows == READ else None
    return found or await (await ask(request, text, "json", max_rows)).read()


async def choices(request: Request, kind: str) -> dict[str, str] | None:
    """Return what the graph has of a kind, id → label, by label; None where anything goes."""
    listed = await _choices(request, kind, language_of(request))
    return dict(listed) if listed is not None else None


@once
async def _choices(request: Request, kind: str, language: Language) -> dict[str, str] | None:
    listing = choices_query(kind)
    if listing is None:
        return None
    found = [(row["id"].value, row["label"].value) for row in await rows(pages_of(request), listing)]
    if language != "es" and kind != "territory":
        known = await labels(pages_of(request), [_iri(kind, id_) for id_, _ in found], language)
        found = [(id_, known.get(_iri(kind, id_), label)) for id_, label in found]
    return dict(sorted(found, key=lambda c: fold(c[1])))


async def label_of(request: Request, kind: str, value: str) -> str:
    """Return the name of a parameter's value, as the graph or the declared data have it."""
    known = await choices(request, kind)
    return (known or {}).get(value) or (known_things(kind) or {}).get(value, value)


@once
async def names_of(request: Request, kind: str) -> dict[str, str]:
    """Return label → id for a kind; labels that several things have are left out."""
    listing = choices_query(kind)
    ids: dict[str, str] = {}
    for row in await rows(pages_of(request), listing) if listing else []:
        label = row["label"].value
        ids[label] = "" if label in ids else row["id"].value
    return {label: id_ for label, id_ in ids.items() if id_}


def near_addresses(asked: Question, error: ParameterError, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (words, address) of the same question with what may have been meant in the place of what was given."""
    link = link_maker("es")
    found = []
    for key, label in error.near:
        kept = {name: value for name, value in given.items() if name != error.name}
        kept |= {key: given[error.name]} if error.reason == "unknown" else {error.name: key}
        found.append((f"{label} ({key})" if label != key else key, link(f"/questions/{asked.name}", **kept)))
    return found


async def _key_of(request: Request, kind: str, value: str) -> str:
    """Return the key that a value stands for: itself, or that of the one thing with this name, accents and case folded."""
    known = await choices(request, kind) if kind else None
    if not known or value in known:
        return value
    folded = fold(value)
    named = [key for key, label in known.items() if folded in {fold(key), fold(label), fold(label.partition(" (")[0])}]
    return named[0] if len(named) == 1 else value


async def _in_english(request: Request, names: Sequence[str], found: Sequence[Row]) -> dict[str, str]:
    """Return the English labels of the values that are labels; a plan's own words stay as they are."""
    spoken = [name for name in names if not columns().is_quoted(name)]
    texts = sorted({row[name].value for row in found for name in spoken if name in row and _is_spoken(row[name])})
    known: dict[str, str] = {}
    for start in range(0, len(texts), _BATCH):
        values = " ".join(Literal(text, lang="es").n3() for text in texts[start : start + _BATCH])
        for row in await rows(pages_of(request), _TRANSLATED % {"texts": values}):
            known[row["es"].value] = row["en"].value
    return {text: told for text in texts if (told := known.get(text) or value_name(text, "en")) != text}


def _is_spoken(node: Node) -> bool:
    plain = not node.datatype or node.datatype.endswith("#string")
    return not node.is_iri and plain and 0 < len(node.value) <= SPOKEN


def _iri(kind: str, id_: str) -> str:
    if kind == "class":
        return str(PG[id_])
    return str(plan_iri(id_) if kind == "plan" else thing_iri(kind, id_))
