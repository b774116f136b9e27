"""The page of an institution, a political organization, a fund or an issue: its names, and which plan says what with it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from api.context import pages_of
from api.home import PlanLine, overview
from api.lookup import Node, number_of, rows, value_of
from api.quotes import PG, Quote, by_plan, cells_of, known_terms, quotes
from api.rendering import NBSP, Cell, grouped, language_of, literal_text
from api.strings import say
from kg.namespaces import BASE, PREFIXES

Facts = dict[str, list[Node]]
READ = 200  # statements that are shown
COUNTED = 10_000  # statements that are counted; more are "more than"
SKOS = PREFIXES["skos"]
WIDER, NARROWER = SKOS + "broader", SKOS + "narrower"

_INSTITUTION = """{ ?n pg:partnershipInstitution <%(iri)s> ; pg:partnershipOf ?s
    OPTIONAL { ?n pg:partnershipRole ?role } OPTIONAL { ?n pg:instrument ?instrument } OPTIONAL { ?n pg:rawText ?raw } }
  UNION { ?s pg:fundedBy <%(iri)s> BIND(pg:fundedBy AS ?role) }
  UNION { ?s pg:mentions <%(iri)s> BIND(pg:mentions AS ?role) MINUS { ?s pg:partner <%(iri)s> } }"""
_FUND = """{ ?s pg:fundedBy <%(iri)s> } UNION { ?f skos:broaderTransitive <%(iri)s> . ?s pg:fundedBy ?f }"""
_AMOUNT = " OPTIONAL { ?s pg:budget ?b . ?b pg:amount ?amount }"
_ISSUE = "{ ?s pg:issue <%(iri)s> } UNION { ?i skos:broaderTransitive <%(iri)s> . ?s pg:issue ?i }"
_PATTERNS = {  # which statements, what is shown of them beside their text, and its columns
    "institution": (_INSTITUTION, "", "?role ?instrument ?raw"),
    "fund": (_FUND, _AMOUNT, "?amount"),
    "issue": (_ISSUE, "", ""),
}
_COUNT = (
    "SELECT (COUNT(?s) AS ?n) (COUNT(DISTINCT ?plan) AS ?plans) { { SELECT DISTINCT ?s { %s } LIMIT %d } ?s pg:statedIn ?plan }"
)
_CLASSES = """SELECT ?class (COUNT(?s) AS ?n) { { SELECT DISTINCT ?s { %s } LIMIT %d } ?s a ?class
  FILTER(?class IN (pg:Problem, pg:Objective, pg:Commitment, pg:Target)) } GROUP BY ?class"""
_PLANS = "SELECT DISTINCT ?plan { ?plan pg:presentedBy <%s> }"
_NO_USES: dict[str, object] = {"uses": [], "total": 0, "told_total": "", "shown": 0, "counts": [], "plan_count": 0, "query": ""}
_LISTING = "SELECT DISTINCT ?s ?plan ?line\nWHERE {\n  %s\n  ?s pg:statedIn ?plan ; pg:sourceLine ?line .\n}"
_NARROWER = "SELECT DISTINCT ?x { ?x skos:broader <%s> }"


@dataclass(frozen=True)
class Use:
    """A statement on the page, with the words for how it uses the thing: role, instrument, amount, as the plan writes it."""

    quote: Quote
    how: str


async def actor_page(request: Request, iri: str, facts: Facts) -> dict[str, object]:
    """Collect what the page of an institution, organization, fund or issue shows."""
    kind = iri.removeprefix(BASE + "id/").partition("/")[0]
    pattern, more, extra = _PATTERNS.get(kind, ("", "", ""))
    return {
        "what": kind,
        "names": sorted({n.value for n in facts.get(SKOS + "altLabel", [])}),
        "acronyms": sorted(n.value for n in facts.get(PG + "acronym", [])),
        "definition": _in_language(facts.get(SKOS + "definition", []), language_of(request)),
        "kinds": await cells_of(request, facts.get(PG + "institutionKind", []) + facts.get(PG + "dimension", [])),
        "wider": await cells_of(request, facts.get(WIDER, [])),
        "narrower": await _narrower(request, iri),
        "plans": await _plans(request, iri) if kind == "organization" else [],
        **(await _uses(request, pattern % {"iri": iri}, more, extra) if pattern else _NO_USES),
        "key": iri.rpartition("/")[2],
    }


async def _uses(request: Request, filled: str, more: str, extra: str) -> dict[str, object]:
    """Return who says what with a thing: how many statements in how many plans, of which types, and the first of them by plan."""
    found = await quotes(request, filled + more, extra, READ)
    terms = await known_terms(request)
    count = (await rows(pages_of(request), _COUNT % (filled, COUNTED)) or [{}])[0]
    classes = await rows(pages_of(request), _CLASSES % (filled, COUNTED))
    total = number_of(count, "n")
    merged: dict[str, tuple[Quote, list[str]]] = {}
    for quote in found:
        how = _how(request, quote, terms)
        told = merged.setdefault(quote.iri, (quote, []))[1]
        if how and how not in told:
            told.append(how)
    grouped_ = await by_plan(request, [quote for quote, _ in merged.values()])
    return {
        "uses": [(plan, [Use(q, "; ".join(merged[q.iri][1])) for q in group]) for plan, group in grouped_],
        "total": total,
        "plan_count": number_of(count, "plans"),
        "told_total": _told(request, total, number_of(count, "plans")),
        "shown": len(merged),
        "counts": sorted((terms.get(r["class"].value, ""), grouped(number_of(r, "n"))) for r in classes if total < COUNTED),
        "query": _LISTING % (filled + more),
    }


def _told(request: Request, total: int, plans: int) -> str:
    """Say in words how many statements there are, in how many plans."""
    words = "said_more" if total >= COUNTED else "said_one" if total == 1 else "said_one_plan" if plans == 1 else "said"
    return say(f"actor.{words}", language_of(request), total=grouped(total), plans=grouped(plans))


def _how(request: Request, quote: Quote, terms: dict[str, str]) -> str:
    """Say in words how a statement uses a thing."""
    language = language_of(request)
    role, raw = value_of(quote.told, "role"), value_of(quote.told, "raw")
    if "amount" in quote.told:
        return f"S/{NBSP}{literal_text(quote.told['amount'], language)}"
    if role in {PG + "mentions", PG + "fundedBy"}:
        return say(f"actor.{role.removeprefix(PG)}", language)
    words = [terms.get(value_of(quote.told, name), "") for name in ("role", "instrument")]
    how = ", ".join(filter(None, (words[0], words[1].lower())))
    return how + (f" («{raw}»)" if raw else "")


async def _plans(request: Request, iri: str) -> list[PlanLine]:
    wanted = {value_of(row, "plan") for row in await rows(pages_of(request), _PLANS % iri)}
    return [line for line in (await overview(request)).plans if line.iri in wanted]


async def _narrower(request: Request, iri: str) -> list[Cell]:
    return await cells_of(request, [row["x"] for row in await rows(pages_of(request), _NARROWER % iri)])


def _in_language(texts: list[Node], language: str) -> str:
    return next((n.value for wanted in (language, "es", "") for n in texts if n.language == wanted), "")
