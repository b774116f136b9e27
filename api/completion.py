"""What the editor offers while one types: the ontology's terms, and the things of the graph by what they are called."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from heapq import nsmallest

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import pages_of, snapshot_of
from api.kept import has_it, lasting, mark_of
from api.lookup import Node, Row, labels, rows
from api.once import once
from api.rendering import language_of
from api.strings import Language, term_name, words
from kg.namespaces import PREFIXES, shared_graph, shrink
from kg.text import fold

router = APIRouter(prefix="/completion")
MOST_THINGS = 20
SHORTEST = 2  # letters of a text that is looked up
PG = PREFIXES["pg"]
Facts = dict[str, list[Node]]  # of one thing, by property
TERMS = f"""SELECT ?term ?kind ?label ?about {{ GRAPH <{shared_graph("ontology")}> {{
  VALUES ?kind {{ owl:Class owl:ObjectProperty owl:DatatypeProperty }}
  ?term a ?kind FILTER(STRSTARTS(STR(?term), "{PG}"))
  OPTIONAL {{ ?term rdfs:label ?label FILTER(LANG(?label) = "%(lang)s") }}
  OPTIONAL {{ ?term skos:definition ?about FILTER(LANG(?about) = "%(lang)s") }}
}} }}"""
# What things are called in any language, as people type what a plan says; what they are; and what they lie in.
TOLD = """?thing ?p ?o
  FILTER(?p IN (rdfs:label, skos:prefLabel, skos:altLabel, pg:acronym, rdf:type, pg:directlyWithin, skos:inScheme))"""
SHARED = [f"{{ GRAPH <{shared_graph(name)}> {{ {TOLD} }} }}" for name in ("territories", "actors", "issues")]
PLANS = f"{{ {{ SELECT ?thing {{ ?thing a pg:Plan }} }} {TOLD} }}"
THINGS = f"SELECT DISTINCT ?thing ?p ?o {{ {' UNION '.join([*SHARED, PLANS])} }}"
TITLES = {PREFIXES["rdfs"] + "label", PREFIXES["skos"] + "prefLabel"}
TYPE, WITHIN, SCHEME = PREFIXES["rdf"] + "type", PG + "directlyWithin", PREFIXES["skos"] + "inScheme"


@dataclass(frozen=True)
class Thing:
    """A thing that a query may name: what it is shown as, what kind it is, and all that it is called, folded."""

    iri: str
    label: str
    kind: str
    names: tuple[str, ...]


@router.api_route("/terms", methods=["GET", "HEAD"])
async def terms(request: Request) -> Response:
    """Send prefixes, and all terms that queries use, with their names and definitions in the page's language."""
    language = language_of(request)
    return await _kept(request, ("terms", language), lambda: _terms(request, language))


@router.api_route("/things", methods=["GET", "HEAD"])
async def things(request: Request) -> Response:
    """Send the things that a text (`?q=`) may name, those that are called nearest to it first."""
    language = language_of(request)
    text = " ".join(fold(request.query_params.get("q", "")[:100]).split())
    return await _kept(request, ("things", language, text), lambda: _things(request, language, text))


def find_things(known: Iterable[Thing], text: str, limit: int = MOST_THINGS) -> list[Thing]:
    """Return the things in whose names all words of a folded text begin a word, best first.

    Best is what is called just so; then what begins so; then the shortest.
    """
    words = [f" {word}" for word in text.split()]
    if len(text) < SHORTEST:
        return []
    fitting = ((_distance(name, text), thing) for thing in known if (name := _fitting(thing.names, words, text)))
    best = nsmallest(limit, fitting, key=lambda found: (found[0], found[1].label, found[1].iri))
    return [thing for _, thing in best]


def _fitting(names: tuple[str, ...], words: list[str], text: str) -> str:
    """Return the name that fits all words best, or an empty string."""
    found = [name for name in names if all(word in f" {name}" for word in words)]
    return min(found, key=lambda name: _distance(name, text), default="")


def _distance(name: str, text: str) -> tuple[bool, bool, int]:
    return name != text, not name.startswith(text), len(name)


async def _kept(request: Request, key: Hashable, making: Callable[[], Awaitable[dict[str, object]]]) -> Response:
    """Send what is made, with an ETag of the snapshot; to a client that has it already, only that."""
    version = snapshot_of(request).version
    mark = mark_of(snapshot_of(request), repr(key)) if version else ""
    headers = {name.decode(): value.decode() for name, value in lasting(request.scope, mark)}
    if mark and has_it(request.scope, mark):
        return Response(status_code=304, headers=headers)
    body = json.dumps(await making(), ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, headers=headers, media_type="application/json")


async def _terms(request: Request, language: Language) -> dict[str, object]:
    return {"prefixes": PREFIXES, "terms": await _all_terms(request, language)}


@once
async def _all_terms(request: Request, language: Language) -> list[dict[str, str]]:
    return own_terms(await rows(pages_of(request), TERMS % {"lang": language}), language)


def own_terms(found: Iterable[Row], language: Language) -> list[dict[str, str]]:
    """Return the ontology's terms and those of other vocabularies that the site has names for, by name."""
    nothing = Node("")
    told = {
        shrink(row["term"].value): {
            "name": shrink(row["term"].value),
            "label": row.get("label", nothing).value,
            "about": row.get("about", nothing).value,
        }
        for row in found
    }
    others = (key.removeprefix("terms.") for key in words() if key.startswith("terms."))
    told |= {name: {"name": name, "label": term_name(name, language), "about": ""} for name in others}
    return [told[name] for name in sorted(told, key=str.lower)]


async def _things(request: Request, language: Language, text: str) -> dict[str, object]:
    found = find_things(await _all_things(request, language), text)
    return {"things": [{"iri": thing.iri, "label": thing.label, "kind": thing.kind} for thing in found]}


@once
async def _all_things(request: Request, language: Language) -> list[Thing]:
    """Read the names of all shared things and plans."""
    pool = pages_of(request)
    told, size = await asyncio.to_thread(_gathered, await rows(pool, THINGS))
    titles = await labels(pool, [cls for cls in size if cls.startswith(PG)], language)
    return await asyncio.to_thread(_told, told, size, titles, language)


def _gathered(found: Iterable[Row]) -> tuple[dict[str, Facts], Counter[str]]:
    """Return what is known of each thing by property, and how many things each class has."""
    told: dict[str, Facts] = defaultdict(lambda: defaultdict(list))
    for row in found:
        told[row["thing"].value][row["p"].value].append(row["o"])
    return told, Counter(node.value for facts in told.values() for node in facts.get(TYPE, []))


def _told(told: dict[str, Facts], size: Counter[str], titles: dict[str, str], language: Language) -> list[Thing]:
    shown = {iri: _title(facts, language) for iri, facts in told.items()}
    return [
        Thing(iri, shown[iri], _kind(told[iri], titles, size, shown), _names(told[iri])) for iri in sorted(told) if shown[iri]
    ]


def _title(facts: Facts, language: Language) -> str:
    """Choose the name that is shown: in the page's language, else in Spanish, else any; empty where there is none."""
    order = {language: 0, "es": 1, "": 2}
    names = [node for p in TITLES for node in facts.get(p, [])]
    return min(names, key=lambda node: (order.get(node.language, 3), node.value)).value if names else ""


def _kind(facts: Facts, titles: dict[str, str], size: Counter[str], shown: dict[str, str]) -> str:
    """Say what a thing is, by the one of its classes that fewest are in or by its vocabulary, and what it lies in."""
    classes = [node.value for node in facts.get(TYPE, []) if node.value in titles]
    above = [shown.get(node.value, "") for node in facts.get(WITHIN, []) or (facts.get(SCHEME, []) if not classes else [])]
    narrowest = titles[min(classes, key=lambda cls: (size[cls], cls))] if classes else ""
    return ", ".join(filter(None, [narrowest, *above]))


def _names(facts: Facts) -> tuple[str, ...]:
    called = (node.value for p, nodes in facts.items() if p not in {TYPE, WITHIN, SCHEME} for node in nodes)
    return tuple(dict.fromkeys(fold(name) for name in called))
