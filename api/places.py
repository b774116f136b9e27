"""Where in the country a thing is: the trail from the department down, in words, as several places have one name."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from api.context import pages_of
from api.lookup import rows, value_of
from api.quotes import known_terms
from api.rendering import Cell, language_of, link_maker, site_path
from kg.namespaces import PREFIXES

LEVELS = tuple(PREFIXES["pg"] + name for name in ("Department", "Province", "District", "PopulatedPlace"))
_TRAIL = """SELECT ?place ?name ?class {
  { <%(iri)s> pg:within ?place } UNION { VALUES ?place { <%(iri)s> } }
  ?place rdfs:label ?name FILTER(LANG(?name) = "es")
  OPTIONAL { ?place a ?class VALUES ?class { pg:Department pg:Province pg:District pg:PopulatedPlace } }
}"""


@dataclass(frozen=True)
class Step:
    """A place on a trail: its name with its link, its level in words, and its IRI."""

    place: Cell
    level: str
    iri: str


async def trail_of(request: Request, territory: str) -> list[Step]:
    """Return the places from the department down to a territory, it included; empty where nothing is known of it."""
    terms, link = await known_terms(request), link_maker(language_of(request))
    steps: dict[str, tuple[int, Step]] = {}
    for row in await rows(pages_of(request), _TRAIL % {"iri": territory}):
        iri, class_ = row["place"].value, value_of(row, "class")
        order = LEVELS.index(class_) if class_ in LEVELS else len(LEVELS)
        steps[iri] = (order, Step(Cell(row["name"].value, link(site_path(iri))), terms.get(class_, "").lower(), iri))
    return [step for _, step in sorted(steps.values(), key=lambda s: (s[0], s[1].iri))]
