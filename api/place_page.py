"""The page of a place: where it lies, its codes, the plans for it side by side, the places in it, and who names it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from api.context import pages_of
from api.home import PlanLine, overview
from api.lookup import Node, number_of, rows, value_of
from api.places import trail_of
from api.quotes import PG, by_plan, quotes
from api.rendering import Cell, grouped, language_of, link_maker, literal_text, site_path
from api.strings import say
from kg.namespaces import PREFIXES
from kg.text import fold

Facts = dict[str, list[Node]]
INSIDE_SHOWN = 50  # plans for the places within
NAMED_READ = 60  # statements that name the place
COUNTED = 10_000  # of them that are counted
_PLANS = "SELECT DISTINCT ?plan { ?plan pg:forTerritory <%s> }"
_PLANS_INSIDE = "SELECT DISTINCT ?plan { ?place pg:within <%s> . ?plan pg:forTerritory ?place }"
_CHILDREN = """SELECT ?place ?name { ?place pg:directlyWithin <%s> ; rdfs:label ?name FILTER(LANG(?name) = "es") }"""
_NAMED = "{ ?s pg:locatedIn <%(iri)s> } UNION { ?s pg:mentions <%(iri)s> }"
_NAMED_COUNT = "SELECT (COUNT(?s) AS ?n) { { SELECT DISTINCT ?s { %s ?s pg:text ?text } LIMIT %d } }"
MEASURES = (("capital", ""), ("area", "km²"), ("altitude", "m s. n. m."), ("population", ""))


@dataclass(frozen=True)
class Code:
    """A code of a place with the system that gives it: the same digits are another place in another system."""

    system: str
    value: str


async def place_page(request: Request, iri: str, facts: Facts) -> dict[str, object]:
    """Collect what the page of a place shows."""
    language, pool = language_of(request), pages_of(request)
    link = link_maker(language)
    here = await _lines(request, _PLANS % iri)
    inside = await _lines(request, _PLANS_INSIDE % iri)
    children = [Cell(r["name"].value, link(site_path(r["place"].value))) for r in await rows(pool, _CHILDREN % iri)]
    named = await quotes(request, _NAMED % {"iri": iri}, limit=NAMED_READ)
    count = await rows(pool, _NAMED_COUNT % (_NAMED % {"iri": iri}, COUNTED))
    total = number_of(count[0], "n") if count else 0
    trail = await trail_of(request, iri)
    return {
        "trail": [step for step in trail if step.iri != iri],
        "level": next((step.level for step in trail if step.iri == iri), ""),
        "codes": _codes(facts),
        "measures": _measures(facts, language),
        "plans": here,
        "inside": inside[:INSIDE_SHOWN],
        "inside_count": len(inside),
        "children": sorted(children, key=lambda c: fold(c.text)),
        "named": await by_plan(request, named),
        "named_count": total,
        "named_text": grouped(total) + ("+" if total == COUNTED else ""),
        "named_shown": len({q.iri for q in named}),
        "keys": [line.plan.href.partition("?")[0].rpartition("/")[2] for line in here],
    }


async def _lines(request: Request, query: str) -> list[PlanLine]:
    """Return the plans that a query finds (?plan), as lines of the list of plans and in its order."""
    wanted = {value_of(row, "plan") for row in await rows(pages_of(request), query)}
    return [line for line in (await overview(request)).plans if line.iri in wanted]


def _codes(facts: Facts) -> list[Code]:
    systems = {PG + "ubigeoINEI": "INEI", PG + "ubigeoRENIEC": "RENIEC", PG + "iso3166-2": "ISO 3166-2"}
    found = facts.get(PREFIXES["skos"] + "notation", [])
    return [Code(name, node.value) for kind, name in systems.items() for node in found if node.datatype == kind]


def _measures(facts: Facts, language: str) -> list[tuple[str, str]]:
    """Return (name, value with unit) of what is known of a place's size and height."""
    shown = []
    for name, unit in MEASURES:
        for node in facts.get(PG + name, []):
            text = literal_text(node, "en" if language == "en" else "es")
            shown.append((say(f"place.{name}", "en" if language == "en" else "es"), f"{text} {unit}".strip()))
    return shown
