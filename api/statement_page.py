"""The page of a statement: what it says, where it says it, what stands around it, what it is tied to, how it came here."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from api.citing import Citation, day_of
from api.context import own_address, pages_of, snapshot_of
from api.lookup import Node, Row, labels, rows, value_of
from api.places import trail_of
from api.quotes import PG, Quote, by_plan, cells_of, known_terms, quotes
from api.rendering import NBSP, Cell, data_version, language_of, link_maker, literal_text, site_path
from api.strings import say
from kg.namespaces import BASE, PREFIXES
from kg.text import shorten

Facts = dict[str, list[Node]]
REACH = 12  # lines before and after in which a neighbour is looked for
BESIDE_SHOWN = 2  # neighbours shown on each side
OTHERS_READ, OTHERS_SHOWN = 60, 4
TIES = ("addresses", "pursues", "measures", "partOf")

_TIES = "VALUES ?rel { %s } { <%s> ?rel ?s BIND(true AS ?out) } UNION { ?s ?rel <%s> BIND(false AS ?out) }"
_AROUND = "?s pg:statedIn <%s> ; pg:sourceLine ?l FILTER(?l >= %d && ?l <= %d) OPTIONAL { ?s pg:row ?row }"
_SAME_ROW = "<%(iri)s> pg:row ?row ; pg:statedIn ?p . ?s pg:row ?row ; pg:statedIn ?p"
_PARTNERS = """SELECT ?who ?name ?acronym ?role ?instrument ?own {
  { SELECT DISTINCT ?s ?own { { VALUES ?s { <%(iri)s> } BIND(true AS ?own) }
    UNION { <%(iri)s> pg:row ?row ; pg:statedIn ?plan . ?s pg:row ?row ; pg:statedIn ?plan
      FILTER(?s != <%(iri)s>) BIND(false AS ?own) } } }
  ?n pg:partnershipOf ?s ; pg:partnershipInstitution ?who . ?who rdfs:label ?name FILTER(LANG(?name) = "es")
  OPTIONAL { ?who pg:acronym ?acronym } OPTIONAL { ?n pg:partnershipRole ?role }
  OPTIONAL { ?n pg:instrument ?instrument }
} ORDER BY DESC(?own) ?who"""
_BUDGET = """SELECT ?amount ?currency ?certain ?raw ?other {
  <%s> pg:budget ?b OPTIONAL { ?b pg:amount ?amount } OPTIONAL { ?b pg:currency ?currency } OPTIONAL { ?b pg:certain ?certain }
  OPTIONAL { ?b pg:rawText ?raw } OPTIONAL { ?b pg:alternativeAmount ?other }
}"""
_PLAN = """SELECT ?name ?place ?organization ?organizationName ?status ?by ?date ?document ?file ?sha {
  VALUES ?plan { <%s> } ?plan a pg:Plan
  OPTIONAL { ?plan rdfs:label ?name FILTER(LANG(?name) = "%s") } OPTIONAL { ?plan pg:forTerritory ?place }
  OPTIONAL { ?plan pg:presentedBy ?organization . ?organization rdfs:label ?organizationName
    FILTER(LANG(?organizationName) = "es") }
  OPTIONAL { ?plan pg:reviewStatus ?status } OPTIONAL { ?plan pg:reviewedBy ?by } OPTIONAL { ?plan pg:reviewDate ?date }
  OPTIONAL { ?plan pg:sourceDocument ?document OPTIONAL { ?document pg:fileName ?file } OPTIONAL { ?document pg:sha256 ?sha } }
}"""
_PLAN_COLUMNS = ("name", "place", "organization", "organizationName", "status", "by", "date", "document", "file", "sha")
_FINDINGS = """SELECT DISTINCT ?f ?text ?kind {
  ?f pg:inPlan <%s> ; pg:findingLine %d ; pg:description ?text ; pg:findingKind ?kind
  FILTER(LANG(?text) = "%s") } ORDER BY ?f"""


@dataclass(frozen=True)
class Excerpt:
    """Lines around a statement: those before, its own line or row with the cells that others of it take, those after."""

    before: list[Quote]
    here: list[Quote]
    after: list[Quote]


async def statement_page(request: Request, iri: str, facts: Facts) -> dict[str, object]:
    """Collect what the page of a statement shows."""
    language = language_of(request)
    plan = _first(facts, "statedIn")
    line = int(_first(facts, "sourceLine")) if _first(facts, "sourceLine").isdecimal() else 0
    about = await _plan(request, plan)
    text = _first(facts, "text")
    return {
        "text": text,
        "title": shorten(text),
        "clean": _first(facts, "cleanText"),
        "line": line,
        "page": _first(facts, "sourcePage"),
        "section": [part for part in _first(facts, "section").split(" › ") if part],
        "plan": about,
        "trail": await trail_of(request, about["place"]) if about["place"] else [],
        "excerpt": await _excerpt(request, iri, plan, line),
        "ties": await _ties(request, iri),
        "precise": await _precise(request, iri, facts),
        "others": await _others(request, plan, facts),
        "noticed": await _noticed(request, plan, line),
        "status": await _status(request, facts, about),
        "citation": citation(request, iri, text, about, line, _first(facts, "sourcePage")),
        "cited": cited(request, iri, shorten(text, 200)),
        "issues": await cells_of(request, facts.get(PG + "issue", [])),
        "dimension": await cells_of(request, facts.get(PG + "dimension", [])),
        "axis": _first(facts, "axis"),
        "mentions": await cells_of(request, facts.get(PG + "mentions", [])),
        "places": await cells_of(request, facts.get(PG + "locatedIn", [])),
        "is_target": any(n.value == PG + "Target" for n in facts.get(PREFIXES["rdf"] + "type", [])),
        "language": language,
    }


def citation(request: Request, iri: str, text: str, about: dict[str, str], line: int, page: str) -> str:
    """Write the reference of a statement: the quote, its plan, where in it, the version of the data, the address that stays."""
    language = language_of(request)
    where = say("doc.cite_page", language, page=page) if page else say("doc.cite_line", language, line=line)
    by = about["organizationName"]
    return say(
        "doc.cite_statement",
        language,
        text=shorten(text, 400),
        plan=about["name"] + (f" ({by})" if by else ""),
        where=where,
        version=data_version(request),
        iri=iri if iri.startswith(BASE) else own_address(request),
    )


def cited(request: Request, iri: str, title: str) -> Citation:
    """Return how a thing is cited, for BibTeX and CSL."""
    language = language_of(request)
    return Citation(
        key="-".join([*iri.removeprefix(BASE + "id/").split("/")[1:], data_version(request)[:8]]),
        title=title,
        publisher=say("dataset.name", language),
        version=data_version(request),
        date=day_of(snapshot_of(request).modified),
        url=iri,
        language=language,
        version_words=say("dataset.version", language),
    )


async def _plan(request: Request, plan: str) -> dict[str, str]:
    """Return what is known of a statement's plan, each part empty where it is not; `…Href` is where a thing is shown."""
    found = await rows(pages_of(request), _PLAN % (plan, language_of(request))) if plan else []
    row: Row = found[0] if found else {}
    link = link_maker(language_of(request))
    about = {name: value_of(row, name) for name in _PLAN_COLUMNS}
    about |= {f"{name}Href": link(site_path(about[name])) if about[name] else "" for name in ("organization", "document")}
    about["href"] = link(site_path(plan))
    if not about["name"]:
        about["name"] = (await labels(pages_of(request), [plan], language_of(request))).get(plan, plan.rpartition("/")[2])
    return about


async def _excerpt(request: Request, iri: str, plan: str, line: int) -> Excerpt:
    """Return the statements beside this one: of the same line or row, and of the lines before and after."""
    if not line or not plan:
        return Excerpt([], [], [])
    row = await quotes(request, _SAME_ROW % {"iri": iri})
    near = await quotes(request, _AROUND % (plan, line - REACH, line + REACH), "?row")
    same = {q.iri: q for q in [*row, *(q for q in near if q.line == line)]}
    firsts = {q.line: q for q in reversed(near) if q.iri not in same}
    low, high = (min, max)
    lines = [q.line for q in same.values()] or [line]
    before = [firsts[n] for n in sorted(firsts) if n < low(lines)][-BESIDE_SHOWN:]
    after = [firsts[n] for n in sorted(firsts) if n > high(lines)][:BESIDE_SHOWN]
    return Excerpt(before, sorted(same.values(), key=lambda q: (q.line, q.iri)), after)


async def _ties(request: Request, iri: str) -> list[tuple[str, Quote]]:
    """Return what the plan ties a statement to, each with the words for the tie."""
    relations = " ".join(f"pg:{name}" for name in TIES)
    found = await quotes(request, _TIES % (relations, iri, iri), "?rel ?out")
    language = language_of(request)

    def place(quote: Quote) -> tuple[int, int, int, str]:
        relation = quote.told["rel"].value.removeprefix(PG)
        return (quote.told["out"].value != "true", TIES.index(relation), quote.line, quote.iri)

    told: dict[str, tuple[list[str], Quote]] = {}
    for quote in sorted(found, key=place):
        direction = "out" if quote.told["out"].value == "true" else "in"
        words = say(f"ties.{quote.told['rel'].value.removeprefix(PG)}_{direction}", language)
        told.setdefault(quote.iri, ([], quote))[0].append(words)
    return [("; ".join(words), quote) for words, quote in told.values()]


async def _precise(request: Request, iri: str, facts: Facts) -> dict[str, object]:
    """Return what a statement states beyond its words: figure, direction, deadline, baseline, money, sources, partners."""
    language, terms = language_of(request), await known_terms(request)
    link = link_maker(language)
    partners: dict[str, Cell] = {}
    found = await rows(pages_of(request), _PARTNERS % {"iri": iri})
    for row in found:
        how = [terms.get(value_of(row, name), "").lower() for name in ("role", "instrument")]
        how += [say("doc.same_row", language)] if value_of(row, "own") == "false" else []
        note = ", ".join(filter(None, how))
        name = value_of(row, "acronym") or row["name"].value
        partners.setdefault(row["who"].value, Cell(name, link(site_path(row["who"].value)), note=note))
    return {
        "value": _figure(facts, language),
        "raw": _first(facts, "targetRaw"),
        "direction": _shown(facts, "targetDirection", language),
        "year": _first(facts, "targetYear"),
        "baseline": _shown(facts, "targetBaseline", language),
        "money": await _money(request, iri),
        "funds": await cells_of(request, facts.get(PG + "fundedBy", [])),
        "partners": list(partners.values()),
    }


async def _money(request: Request, iri: str) -> dict[str, object] | None:
    """Return an amount as a reader writes it, as the plan writes it, and how else it could be read."""
    found = await rows(pages_of(request), _BUDGET % iri)
    if not found:
        return None
    language = language_of(request)
    others = {amount_text(row, "other", language) for row in found if "other" in row}
    certain = value_of(found[0], "certain") != "false"
    return {
        "amount": amount_text(found[0], "amount", language),
        "raw": value_of(found[0], "raw"),
        "certain": certain,
        "others": sorted(others),
    }


def amount_text(row: Row, name: str, language: str) -> str:
    """Write an amount with its currency: `S/ 2 100 000`."""
    if name not in row:
        return ""
    number = literal_text(row[name], "en" if language == "en" else "es")
    currency = value_of(row, "currency") or "PEN"
    return ("S/" if currency == "PEN" else currency) + NBSP + number


async def _others(request: Request, plan: str, facts: Facts) -> list[tuple[Cell, list[Quote]]]:
    """Return what other plans say on the statement's issue, one statement of each of a few plans."""
    issues = facts.get(PG + "issue", [])
    if not issues or not plan:
        return []
    pattern = f"?s pg:issue <{issues[0].value}> ; pg:statedIn ?p FILTER(?p != <{plan}>)"
    found = await quotes(request, pattern, limit=OTHERS_READ)
    first: dict[str, Quote] = {}
    for quote in sorted(found, key=lambda q: (q.kind not in {"commitment", "target"}, q.plan, q.line)):
        first.setdefault(quote.plan, quote)
    return await by_plan(request, list(first.values())[:OTHERS_SHOWN])


async def _noticed(request: Request, plan: str, line: int) -> list[tuple[str, str, str]]:
    """Return (kind, text, address) of what readers noticed in a statement's line."""
    if not line or not plan:
        return []
    language, terms = language_of(request), await known_terms(request)
    found = await rows(pages_of(request), _FINDINGS % (plan, line, language))
    link = link_maker(language)
    return [(terms.get(r["kind"].value, ""), r["text"].value, link(site_path(r["f"].value))) for r in found]


async def _status(request: Request, facts: Facts, plan: dict[str, str]) -> dict[str, str]:
    terms = await known_terms(request)
    status = _first(facts, "reviewStatus") or plan["status"]
    confidence = _first(facts, "confidence")
    return {
        "name": terms.get(status, ""),
        "draft": "1" if status.endswith("/draft") else "",
        "confidence": f"{float(confidence) * 100:.0f}{NBSP}%" if confidence.replace(".", "", 1).isdecimal() else "",
        "by": plan["by"],
        "date": plan["date"],
    }


def _figure(facts: Facts, language: str) -> str:
    nodes = facts.get(PG + "targetValue", [])
    if not nodes:
        return ""
    number = literal_text(nodes[0], "en" if language == "en" else "es")
    unit = _first(facts, "targetUnit")
    return f"{number}{NBSP}{unit}" if unit else number


def _shown(facts: Facts, name: str, language: str) -> str:
    nodes = facts.get(PG + name, [])
    return literal_text(nodes[0], "en" if language == "en" else "es") if nodes else ""


def _first(facts: Facts, name: str) -> str:
    nodes = facts.get(PG + name, [])
    return nodes[0].value if nodes else ""
