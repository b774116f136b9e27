"""Statements as pages show them: the line in the margin, the type, the verbatim text, the plan that says it."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from starlette.requests import Request

from api.context import pages_of
from api.lookup import Node, Row, labels, rows, value_of
from api.once import once
from api.rendering import Cell, cell, language_of, link_maker, site_path
from api.strings import Language
from kg.namespaces import BASE, PREFIXES

PG = PREFIXES["pg"]
KINDS = {"Problem": "problem", "Objective": "objective", "Target": "target", "Budget": "money"}
KINDS |= dict.fromkeys(("Commitment", "Program", "Project", "Activity", "Proposal"), "commitment")
_TOO_WIDE = ("pg:Statement", "pg:Commitment", "<http://www.w3.org/ns/prov#Entity>")
_QUOTES = f"""SELECT ?s ?text ?line ?page ?class ?plan %(extra)s {{
  {{ SELECT DISTINCT ?s %(extra)s {{ %(pattern)s }} LIMIT %(limit)d }}
  ?s pg:text ?text ; pg:statedIn ?plan ; a ?class FILTER(?class NOT IN ({", ".join(_TOO_WIDE)}))
  OPTIONAL {{ ?s pg:sourceLine ?line }} OPTIONAL {{ ?s pg:sourcePage ?page }}
}}"""
_TERMS = f"SELECT ?x ?label {{ GRAPH <{BASE}graph/ontology> {{ ?x rdfs:label|skos:prefLabel ?label }} }}"


@dataclass(frozen=True)
class Quote:
    """A statement on a page. `told` holds the further columns of the query that found it, by name."""

    iri: str
    href: str
    text: str
    line: int
    page: str
    type: str
    name: str
    plan: str
    told: Row

    @property
    def kind(self) -> str:
        """The word that gives its type a colour, empty for what has none."""
        return KINDS.get(self.name, "")


async def quotes(request: Request, pattern: str, extra: str = "", limit: int = 200) -> list[Quote]:
    """Return the statements (?s) that a pattern finds, by plan and line; one for each value of its further columns.

    extra: names of further columns that the pattern binds, as `?role ?instrument`. limit: how many at most, counted before order.
    """
    found = await rows(pages_of(request), _QUOTES % {"pattern": pattern, "extra": extra, "limit": limit})
    names, link = await known_terms(request), link_maker(language_of(request))
    columns = [name.removeprefix("?") for name in extra.split()]
    made: dict[tuple[str, ...], Quote] = {}
    for row in sorted(found, key=lambda r: r["class"].value):
        key = (row["s"].value, *(value_of(row, name) for name in columns))
        made.setdefault(key, quote_of(row, names, link(site_path(row["s"].value)), columns))
    return sorted(made.values(), key=lambda q: (q.plan, q.line, q.iri))


def quote_of(row: Row, names: dict[str, str], href: str, columns: Iterable[str] = ()) -> Quote:
    """Make a row with the columns s, text, class, plan, line and page into a quote."""
    class_ = row["class"].value
    name = class_.removeprefix(PG)
    line = value_of(row, "line")
    return Quote(
        iri=row["s"].value,
        href=href,
        text=row["text"].value,
        line=int(line) if line.isdecimal() else 0,
        page=value_of(row, "page"),
        type=names.get(class_, name),
        name=name,
        plan=row["plan"].value if "plan" in row else "",
        told={column: row[column] for column in columns if column in row},
    )


async def by_plan(request: Request, found: list[Quote]) -> list[tuple[Cell, list[Quote]]]:
    """Group quotes by their plan: the plan's name with its link, and the quotes."""
    language = language_of(request)
    names = await labels(pages_of(request), {q.plan for q in found}, language)
    groups: dict[str, list[Quote]] = {}
    for quote in found:
        groups.setdefault(quote.plan, []).append(quote)
    link = link_maker(language)
    return [(Cell(names.get(iri, iri.rpartition("/")[2]), link(site_path(iri))), group) for iri, group in groups.items()]


async def known_terms(request: Request) -> dict[str, str]:
    """Return the name of every class, property and concept of the ontology, in the reader's language."""
    return await _terms(request, language_of(request))


async def known_names(request: Request, iris: Set[str]) -> dict[str, str]:
    """Return the names of the ontology's terms, and of those of some things that have one."""
    terms = await known_terms(request)
    return terms | await labels(pages_of(request), iris - terms.keys(), language_of(request))


async def cells_of(request: Request, nodes: Iterable[Node]) -> list[Cell]:
    """Return things with their names and links, by name."""
    nodes, language = list(nodes), language_of(request)
    known = await known_names(request, {node.value for node in nodes if node.is_iri})
    return sorted((cell(node, known, language) for node in nodes), key=lambda c: c.text)


@once
async def _terms(request: Request, language: Language) -> dict[str, str]:
    order: dict[str, int] = {"es": 1} | {language: 2}
    best: dict[str, tuple[int, str]] = {}
    for row in await rows(pages_of(request), _TERMS):
        candidate = (order.get(row["label"].language, 0), row["label"].value)
        best[row["x"].value] = max(best.get(row["x"].value, (-1, "")), candidate)
    return {iri: label for iri, (_, label) in best.items()}
