"""An answer as a table on a page: a plan's words first, their line in the margin, sortable headings, a drawer with evidence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from starlette.requests import Request

from api.answers import number_in
from api.asking import Asked, Solutions, names_of
from api.columns import Quoted, columns, quoted_in
from api.context import pages_of, settings_of
from api.lookup import Node, Row, labels, quotable, rows, value_of
from api.rendering import Cell, cell, language_of, link_maker, site_path
from api.strings import Language, column, say
from kg.namespaces import plan_iri, thing_iri
from kg.queries import Question
from kg.text import fold

A_PAGE = 50  # rows
_BATCH = 200
_PLAN = "plan"
_DRAFT = "/review-status/draft"
_PARTS = (
    ("quote", "?s pg:evidence ?e . ?e pg:quote ?text OPTIONAL { ?e pg:evidenceLine ?line }"),
    ("amount", "?s pg:budget ?b . ?b pg:rawText ?text"),
    ("problem", "?s pg:addresses ?other . ?other pg:text ?text OPTIONAL { ?other pg:sourceLine ?line }"),
    ("section", "?s pg:section ?text"),
    ("review", "?s pg:reviewStatus ?other"),
)
_BRANCH = '{ VALUES ?s { %%(things)s } %s BIND("%s" AS ?what) }'
_EVIDENCE = "SELECT ?s ?what ?text ?line ?other { "
_EVIDENCE += " UNION ".join(_BRANCH % (pattern, what) for what, pattern in _PARTS) + " } ORDER BY ?s ?what ?line ?text"


@dataclass(frozen=True)
class Head:
    """A heading: where a click on it leads, and how the rows are sorted by it (ascending, descending, or empty)."""

    name: str
    label: str
    href: str
    sorted: str = ""
    is_number: bool = False
    is_quote: bool = False


@dataclass(frozen=True)
class Evidence:
    """What a drawer holds: where it stands, in words; the quotes, each in parts (text, marked); the problems answered."""

    where: str
    href: str
    quotes: list[list[tuple[str, bool]]] = field(default_factory=list)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    section: str = ""
    is_draft: bool = False


@dataclass(frozen=True)
class Box:
    """A cell of the table: what it says, as whose words, the drawer below it; of an amount, how the plan writes it."""

    cell: Cell
    label: str
    is_quote: bool = False
    is_verbatim: bool = False
    is_thing: bool = False
    is_line: bool = False
    evidence: Evidence | None = None
    more: str = ""
    more_words: str = "answers.detail"
    raw: str = ""
    is_doubtful: bool = False


@dataclass(frozen=True)
class Table:
    """A page of the table: rows `first` to `last` of `count`, links to others (empty: there are none), the plan of all rows."""

    heads: list[Head]
    rows: list[list[Box]]
    count: int
    first: int
    last: int
    before: str
    after: str
    whole: str
    plan: Cell | None


@dataclass(frozen=True)
class _View:
    """What the cells are made from."""

    request: Request
    solutions: Solutions
    language: Language
    quotes: list[Quoted]
    known: Mapping[str, str]
    addresses: Mapping[str, Mapping[str, str]]
    evidence: Mapping[str, list[Row]]


async def table_page(request: Request, asked: Asked, solutions: Solutions, known: Mapping[str, Question]) -> Table:
    """Return the page of an answer's table that `?page=` and `?sort=` ask for."""
    quotes = quoted_in(solutions.names, solutions.rows)
    names = _names(solutions, quotes)
    sort = request.query_params.get("sort", "")
    found = _sorted(solutions, sort) if sort.removeprefix("-") in solutions.names else list(solutions.rows)
    first, last, before, after, whole = _slice(request, asked, len(found), sort)
    shown = found[first:last]
    view = await _view(request, solutions, quotes, shown)
    shared = _shared_plan(solutions, names)
    if shared:
        names.remove(_PLAN)
    more = await _details(request, asked, shown, known)
    return Table(
        heads=[_head(view, asked, name, sort) for name in names],
        rows=[
            [_box(view, name, row, link if i == 0 else "") for i, name in enumerate(names)]
            for row, link in zip(shown, more, strict=True)
        ],
        count=len(found),
        first=first + 1,
        last=min(last, len(found)),
        before=before,
        after=after,
        whole=whole,
        plan=_box(view, _PLAN, found[0], "").cell if shared else None,
    )


def sort_key(node: Node) -> tuple[int, Decimal, str]:
    """Return what a term is sorted by: numbers by size, a list of lines by its first, then texts without case and accents."""
    number = number_in(node)
    if number is not None:
        return (0, number, "")
    leading = re.match(r"\d+(?=[,;] |$)", node.value)
    return (0, Decimal(leading[0]), node.value) if leading else (1, Decimal(0), fold(node.value))


def _sorted(solutions: Solutions, sort: str) -> list[Row]:
    name = sort.removeprefix("-")
    told = [row for row in solutions.rows if name in row]
    told.sort(key=lambda row: sort_key(row[name]), reverse=sort.startswith("-"))
    return told + [row for row in solutions.rows if name not in row]


def _names(solutions: Solutions, quotes: Sequence[Quoted]) -> list[str]:
    """Return the columns in the order of the page: the first quote with its line leads; what a link stands for is left out."""
    names = [n for n in solutions.names if n not in {q.page for q in quotes} or any(n in row for row in solutions.rows)]
    names = [n for n in names if n not in {q.thing for q in quotes} and n not in _in_amounts(solutions)]
    for place, quoted in enumerate(quotes):
        together = [n for n in (quoted.line, quoted.page, quoted.quote) if n in names]
        at = 0 if place == 0 else min(names.index(n) for n in together)
        rest = [n for n in names if n not in together]
        names = [*rest[:at], *together, *rest[at:]]
    return names


def _in_amounts(solutions: Solutions) -> set[str]:
    """Return the columns that the cell of the amount tells of; the currency is one where all amounts are in soles."""
    amount = columns().amount
    if not {amount.value, amount.certain} <= set(solutions.names):
        return set()
    others = any(amount.currency in row and row[amount.currency].value != amount.soles for row in solutions.rows)
    return {amount.raw, amount.certain} | (set() if others else {amount.currency})


def _shared_plan(solutions: Solutions, names: Sequence[str]) -> bool:
    """Tell whether all of several rows are of one plan, which then need not be told in each."""
    plans = {row[_PLAN].value if _PLAN in row else "" for row in solutions.rows}
    return _PLAN in names and len(names) > 2 and len(solutions.rows) > 1 and len(plans) == 1


def _slice(request: Request, asked: Asked, count: int, sort: str) -> tuple[int, int, str, str, str]:
    """Return from which row to which the page goes, and the addresses of the page before, the one after, and that of all rows."""
    wanted = request.query_params.get("page", "1")
    most = settings_of(request).table_rows
    link = _link(request, asked)
    kept = {"sort": sort} if sort else {}
    whole = link(**kept, page="all") if count > A_PAGE else ""
    if wanted == "all":
        return 0, most, "", "", ""
    last_page = max(1, -(-count // A_PAGE))
    page = min(max(int(wanted), 1), last_page) if wanted.isdecimal() and len(wanted) < 9 else 1
    before = link(**kept, page=page - 1) if page > 1 else ""
    after = link(**kept, page=page + 1) if page < last_page else ""
    return (page - 1) * A_PAGE, page * A_PAGE, before, after, whole


def _link(request: Request, asked: Asked) -> Callable[..., str]:
    link = link_maker(language_of(request))
    return lambda **more: link(f"/questions/{asked.question.name}", **asked.given, **more) + "#h-tabla"


async def _view(request: Request, solutions: Solutions, quotes: list[Quoted], shown: Sequence[Row]) -> _View:
    language = language_of(request)
    things = {row[q.thing].value for q in quotes for row in shown if q.thing in row}
    iris = {node.value for row in shown for node in row.values() if node.is_iri} - things
    kinds = {name: columns().things[name] for name in solutions.names if name in columns().things}
    addresses: dict[str, dict[str, str]] = {}
    for name, several in kinds.items():
        for kind in reversed(several):
            found = {label: _iri(kind, key) for label, key in (await names_of(request, kind)).items()}
            addresses[name] = addresses.get(name, {}) | found
    return _View(
        request,
        solutions,
        language,
        quotes,
        await labels(pages_of(request), iris, language) if iris else {},
        addresses,
        await _evidence(request, things),
    )


async def _evidence(request: Request, things: set[str]) -> dict[str, list[Row]]:
    """Return what is known of the place of each statement."""
    found: dict[str, list[Row]] = defaultdict(list)
    wanted = sorted(thing for thing in things if quotable(thing))
    for start in range(0, len(wanted), _BATCH):
        values = " ".join(f"<{thing}>" for thing in wanted[start : start + _BATCH])
        for row in await rows(pages_of(request), _EVIDENCE % {"things": values}):
            found[row["s"].value].append(row)
    return found


async def _details(request: Request, asked: Asked, shown: Sequence[Row], known: Mapping[str, Question]) -> list[str]:
    """Return for each row the address where more is told of it, empty where there is none: a question, or another page."""
    sources = {name: source for name, source in asked.question.detail.items() if name not in {"question", "page"}}
    target, page = known.get(asked.question.detail.get("question", "")), asked.question.detail.get("page", "")
    if target is None and (not page or settings_of(request).endpoint):
        return [""] * len(shown)
    keys = {source: await _keys(request, source) for source in sources.values()}
    passed: dict[str, str] = {}
    if target:
        kinds = {param.name: param.kind for param in target.params}
        passed = {p.name: asked.values[p.name] for p in asked.question.params if kinds.get(p.name) == p.kind}
    link, path = link_maker(language_of(request)), f"/questions/{target.name}" if target else f"/{page}"
    found = []
    for row in shown:
        values = passed | {name: _source(source, row, asked, keys[source]) for name, source in sources.items()}
        found.append(link(path, **values) if all(values.values()) else "")
    return found


async def _keys(request: Request, name: str) -> dict[str, str] | None:
    """Return label → key of the things that a column names, None where it names none."""
    kinds = columns().things.get(name)
    if kinds is None:
        return None
    return {label: key for kind in reversed(kinds) for label, key in (await names_of(request, kind)).items()}


def _source(source: str, row: Row, asked: Asked, keys: Mapping[str, str] | None) -> str:
    """Return what a parameter of a link is: `=` and a value, the value of a column, or what was asked for by this name."""
    if source.startswith("="):
        return source[1:]
    if source not in row:
        return asked.values.get(source, "")
    return row[source].value if keys is None else keys.get(row[source].value, "")


def _head(view: _View, asked: Asked, name: str, sort: str) -> Head:
    is_number = _is_number(view.solutions, name)
    downwards = sort == name or (is_number and sort != f"-{name}" and name not in {q.line for q in view.quotes})
    way = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    href = _link(view.request, asked)(sort=f"-{name}" if downwards else name)
    quoted = any(name == q.quote for q in view.quotes)
    return Head(name, column(name, view.language), href, way, is_number, quoted)


def _is_number(solutions: Solutions, name: str) -> bool:
    found = [row[name] for row in solutions.rows if name in row]
    return name not in columns().codes and bool(found) and all(number_in(node) is not None and node.datatype for node in found)


def _box(view: _View, name: str, row: Row, more: str) -> Box:
    node = row.get(name)
    label = column(name, view.language)
    for quoted in view.quotes:
        if name == quoted.line:
            where = Cell(node.value if node else "", _page_of(view, row, quoted), number=number_in(node) is not None)
            return Box(
                where, label, is_line=True, evidence=None if quoted.quote in row else _drawer(view, row, quoted), more=more
            )
        if name == quoted.quote and quoted.is_ours:
            return Box(_cell(view, name, node), label, more=_page_of(view, row, quoted), more_words="questions.where")
        if name == quoted.quote:
            return Box(Cell(node.value if node else ""), label, is_quote=True, evidence=_drawer(view, row, quoted), more=more)
    amount = columns().amount
    if name == amount.value and amount.certain in view.solutions.names:
        doubtful = node is not None and value_of(row, amount.certain) in {"false", "0"}
        return Box(_cell(view, name, node), label, more=more, raw=value_of(row, amount.raw), is_doubtful=doubtful)
    found = _cell(view, name, node)
    return Box(found, label, is_verbatim=columns().is_quoted(name), is_thing=name in columns().things, more=more)


def _cell(view: _View, name: str, node: Node | None) -> Cell:
    """Write a value; the name of a thing leads to its page."""
    if node is None or node.is_iri:
        return cell(node, dict(view.known), view.language)
    iri = view.addresses.get(name, {}).get(node.value, "")
    href = link_maker(view.language)(site_path(iri)) if iri else ""
    text = node.value if columns().is_quoted(name) else view.solutions.text(node, view.language)
    return Cell(text, href, number=name not in columns().codes and number_in(node) is not None and bool(node.datatype))


def _iri(kind: str, key: str) -> str:
    return str(plan_iri(key) if kind == "plan" else thing_iri(kind, key))


def _page_of(view: _View, row: Row, quoted: Quoted) -> str:
    path = site_path(value_of(row, quoted.thing))
    return link_maker(view.language)(path) if path else ""


def _drawer(view: _View, row: Row, quoted: Quoted) -> Evidence | None:
    if quoted.thing not in row:
        return None
    facts: dict[str, list[Row]] = defaultdict(list)
    for fact in view.evidence.get(row[quoted.thing].value, []):
        facts[fact["what"].value].append(fact)
    amounts = {value_of(fact, "text") for fact in facts["amount"]}
    link = link_maker(view.language)
    quotes = [_marked(value_of(fact, "text"), amounts) for fact in facts["quote"]]
    apart = sorted(amounts - {text for parts in quotes for text, is_marked in parts if is_marked})
    return Evidence(
        _where(row, quoted, view.language),
        _page_of(view, row, quoted),
        [*quotes, *([(amount, True)] for amount in apart)],
        [(value_of(f, "text"), value_of(f, "line"), link(site_path(value_of(f, "other")))) for f in facts["problem"]],
        value_of(facts["section"][0], "text") if facts["section"] else "",
        any(value_of(fact, "other").endswith(_DRAFT) for fact in facts["review"]),
    )


def _where(row: Row, quoted: Quoted, language: Language) -> str:
    """Return “Línea 416”, with the page where the document has pages; empty where nothing is known."""
    line, page = value_of(row, quoted.line), value_of(row, quoted.page)
    parts = [say("answers.line", language, line=line)] if line else []
    return ", ".join([*parts, say("answers.page", language, page=page)] if page else parts)


def _marked(text: str, amounts: set[str]) -> list[tuple[str, bool]]:
    """Split a quote into parts, those marked that write the amount."""
    for amount in sorted(filter(None, amounts), key=len, reverse=True):
        before, found, after = text.partition(amount)
        if found:
            return [part for part in ((before, False), (amount, True), (after, False)) if part[0]]
    return [(text, False)]
