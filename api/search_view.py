"""What the search page shows: links that choose and remove, groups of counts, statements with their marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from api.lookup import XSD, Node
from api.rendering import NBSP, literal_text, site_path
from api.strings import Language, say
from kg.namespaces import ID
from kg.search import FACETS
from kg.search import Request as Wanted
from kg.text import shorten

SHOWN_VALUES = 10  # of a group, until all are asked for
KINDS = {"Problem": "problem", "Objective": "objective", "Target": "target", "Commitment": "commitment"}
_MONEY = {"PEN": "S/", "USD": "US$"}
_LEVELS = {4: "search.level_province", 6: "search.level_district"}
LONGEST_HEADING = 80
SHOWN_PARTNERS = 4


@dataclass(frozen=True)
class Links:
    """Makes the addresses of a search: all that is asked is in them. `whole` names a facet whose values are all shown."""

    wanted: Wanted
    page: int
    per_page: int
    whole: str
    language: Language

    def to(self, page: int = 1, **more: str) -> str:
        """Return the address of this search, at a page."""
        wanted = self.wanted
        pairs = [("q", wanted.text)] if wanted.text else []
        pairs += [("any", "1")] if wanted.any else []
        pairs += [(name, value) for name, values in wanted.filters.items() for value in values]
        pairs += [("page", str(page))] if page > 1 else []
        pairs += list(more.items())
        pairs += [("lang", self.language)] if self.language != "es" else []
        return "/search" + (f"?{urlencode(pairs)}" if pairs else "")

    def json_at(self, page: int, limit: int) -> str:
        """Return the address of a part of the JSON answer."""
        return self.to(page, format="json", limit=str(limit))

    def with_value(self, name: str, value: str) -> str:
        """Return the address of the search narrowed by one more value."""
        chosen = {**self.wanted.filters, name: [*self.wanted.filters.get(name, []), value]}
        return replace(self, wanted=replace(self.wanted, filters=_ordered(chosen))).to()

    def without(self, name: str, value: str) -> str:
        """Return the address of the search without a value."""
        rest = {**self.wanted.filters, name: [v for v in self.wanted.filters.get(name, []) if v != value]}
        return replace(self, wanted=replace(self.wanted, filters=_ordered(rest))).to()

    def unfiltered(self) -> str:
        """Return the address of the search with nothing chosen."""
        return replace(self, wanted=replace(self.wanted, filters={})).to()

    def instead(self, text: str) -> str:
        """Return the address of the same search for another text."""
        return replace(self, wanted=replace(self.wanted, text=text)).to()

    def of_any(self, any_of: bool) -> str:
        """Return the address of the search for any, or for all, of the words."""
        return replace(self, wanted=replace(self.wanted, any=any_of)).to()


@dataclass
class Value:
    """A value of a facet: its words, how many statements have it, where it leads, whether it is chosen, how deep it lies."""

    label: str
    count: int
    href: str
    chosen: bool = False
    depth: int = 0


@dataclass
class Group:
    """A facet on the page; `more` leads to all of its values."""

    title: str
    values: list[Value]
    more: str = ""
    total: int = 0


@dataclass(frozen=True)
class Hit:
    """A statement on the page; `parts` are (text, is marked), `facts` are words beside plan and dimension."""

    href: str
    folio: str
    folio_word: str
    folio_label: str
    kind: str
    type: str
    parts: list[tuple[str, bool]]
    plan: str
    plan_href: str
    facts: list[str]
    doubtful: bool


@dataclass
class View:
    """Everything that the page shows of an answer."""

    total: int
    count: str
    heading: str
    hits: list[Hit]
    groups: list[Group]
    names: list[tuple[str, str, str]]  # label, kind, address
    chosen: list[tuple[str, str]]  # label, address without it
    notes: list[str]
    first: int
    last: int
    previous: str
    next: str
    near: str = ""
    links: dict[str, str] = field(default_factory=dict)


def view_of(told: dict[str, Any], links: Links) -> View:
    """Make the view of an answer of the index."""
    total: int = told["total"]
    language, first = links.language, (links.page - 1) * links.per_page
    hits = [_hit(hit, told, language) for hit in told["hits"]]
    return View(
        total=total,
        count=_figure(total, language),
        heading=shorten(" ".join(links.wanted.text.split()), LONGEST_HEADING),
        hits=hits,
        groups=[group for name in FACETS if (group := _group(name, told, links)).values],
        names=[
            (_capital(n["label"][language != "es"]), say(f"search.kind_{n['kind']}", language), site_path(n["iri"]))
            for n in told["names"]
        ],
        chosen=[
            (_label(name, value, told["labels"], language), links.without(name, value))
            for name, values in links.wanted.filters.items()
            for value in values
        ],
        notes=_notes(told["asked"], links),
        first=first + 1,
        last=first + len(hits),
        previous=links.to(links.page - 1) if links.page > 1 else "",
        next=links.to(links.page + 1) if first + len(hits) < total and hits else "",
        near=told["near"],
        links={
            "near": links.instead(told["near"]) if told["near"] else "",
            "any": links.of_any(True) if len(told["asked"]["clauses"]) > 1 and not links.wanted.any else "",
            "all": links.of_any(False) if links.wanted.any else "",
            "unfiltered": links.unfiltered() if links.wanted.filters and links.wanted.text else "",
            "csv": links.to(format="csv"),
            "excel": links.to(format="csv", bom="1"),
            "json": links.to(format="json"),
            "here": links.to(links.page),
        },
    )


def _notes(asked: dict[str, Any], links: Links) -> list[str]:
    notes = [say("search.cut", links.language)] if asked["cut"] else []
    if asked["ignored"]:
        notes.append(say("search.ignored", links.language, words=", ".join(asked["ignored"])))
    return notes + ([say("search.is_any", links.language)] if links.wanted.any else [])


def _hit(hit: dict[str, Any], told: dict[str, Any], language: Language) -> Hit:
    labels, name = told["labels"], hit.get("type", "")
    plan, page, line = hit.get("plan", ""), hit.get("page", ""), hit.get("line", "")
    plan_label = _word(labels, plan, language)
    where = "page" if page else "line"
    return Hit(
        href=site_path(hit["iri"]),
        folio=page or line or say("search.no_line", language),
        folio_word=say(f"search.{where}", language) if page or line else "",
        folio_label=say(f"search.{where}_of", language, **{where: page or line or "–", "plan": plan_label}),
        kind=next((KINDS[n] for n in (name, *told["above"].get(name, [])) if n in KINDS), ""),
        type=_word(labels, f"class/{name}", language),
        parts=list(_parts(hit["text"], hit["marks"])),
        plan=plan_label,
        plan_href=site_path(str(ID) + plan) if plan else "",
        facts=list(_facts(hit, labels, language)),
        doubtful=bool(hit.get("doubtful")),
    )


def _facts(hit: dict[str, Any], labels: dict[str, list[str]], language: Language) -> Iterator[str]:
    yield from (_word(labels, f"dimension/{value}", language) for value in hit.get("dimension", []))
    if "amount" in hit:
        currency = hit.get("currency", "")
        amount = literal_text(Node(hit["amount"], datatype=XSD + "decimal"), language)
        yield f"{_MONEY.get(currency, currency)}{NBSP}{amount}".strip()
    partners = [_word(labels, key, language) for key in hit.get("partners", [])]
    if partners:
        names = ", ".join(partners[:SHOWN_PARTNERS]) + (", …" if len(partners) > SHOWN_PARTNERS else "")
        yield say("search.with_partners", language, names=names)


def _parts(text: str, marks: list[list[int]]) -> Iterator[tuple[str, bool]]:
    """Split a text at its marks."""
    at = 0
    for start, end in marks:
        if start > at:
            yield text[at:start], False
        yield text[start:end], True
        at = end
    if at < len(text):
        yield text[at:], False


def _group(name: str, told: dict[str, Any], links: Links) -> Group:
    values = told["facets"].get(name, [])
    arrange = {"type": _types, "place": _places}.get(name, _flat)
    chosen = set(links.wanted.filters.get(name, []))
    arranged = arrange(values, told)
    shown = arranged if links.whole == name else arranged[:SHOWN_VALUES]
    total = len(arranged) if name == "place" else told["values"].get(name, 0)
    found = []
    for value, count, es, en, depth in shown:
        label = _named(name, value, es if links.language == "es" else en, links.language)
        href = links.without(name, value) if value in chosen else links.with_value(name, value)
        found.append(Value(label, count, href, value in chosen, depth))
    more = links.to(all=name) if total > len(shown) else ""
    return Group(say(f"search.facet_{name}", links.language), found, more, total)


Row = tuple[str, int, str, str, int]  # value, count, Spanish label, English label, depth


def _flat(values: list[Any], _: dict[str, Any]) -> list[Row]:
    return [(value, count, es, en, 0) for value, count, es, en in values]


def _types(values: list[Any], told: dict[str, Any]) -> list[Row]:
    """Put each type behind the one above it."""
    here = {row[0] for row in values}
    above = {name: next((a for a in told["above"].get(name, []) if a in here), "") for name in here}
    ordered: list[Row] = []
    for value, count, es, en in values:
        if not above[value]:
            ordered.append((value, count, es, en, 0))
            ordered += [(v, n, s, e, 1) for v, n, s, e in values if above[v] == value]
    return ordered


def _places(values: list[Any], _: dict[str, Any]) -> list[Row]:
    """Put provinces behind their department and districts behind their province."""

    def below(parent: str, size: int) -> list[Row]:
        found: list[Row] = []
        for value, count, es, en in values:
            if len(value) == size and value.startswith(parent):
                found.append((value, count, es, en, size // 2 - 1))
                found += below(value, size + 2)
        return found

    return below("", 2)


def _named(facet: str, value: str, label: str, language: Language) -> str:
    """Return the words for a value of a facet."""
    if facet == "place" and len(value) in _LEVELS:
        return say(_LEVELS[len(value)], language, name=label)
    if facet == "period":
        return value.replace("-", "–")
    if facet == "precision" and value in {"budget", "target", "partner"}:
        return say(f"search.has_{value}", language)
    label = label.removeprefix(say(f"search.facet_{facet}", language) + " ")
    return _capital(label)


def _label(facet: str, value: str, labels: dict[str, list[str]], language: Language) -> str:
    """Return the words for a value that was chosen; the value itself where it is none of the graph's."""
    return _named(facet, value, _word(labels, FACETS[facet].prefix + value, language, value), language)


def _word(labels: dict[str, list[str]], key: str, language: Language, other: str | None = None) -> str:
    found = labels.get(key)
    return found[language != "es"] if found else (key.partition("/")[2] or key) if other is None else other


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figure(number: int, language: Language) -> str:
    return literal_text(Node(str(number), datatype=XSD + "integer"), language)


def _ordered(chosen: dict[str, Any]) -> dict[str, Any]:
    """Put what is chosen in the order of the facets, so that one search has one address."""
    return {name: sorted(chosen[name]) for name in FACETS if chosen.get(name)}
