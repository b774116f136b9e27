"""A comparison laid out for its page: the sentence at its head, and tables with a column for each plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from urllib.parse import urlencode

from api.compare_data import ISSUE, KINDS, Comparison, Money, Plan, Said, left_open, only_one, unanswered
from api.lookup import XSD, Node
from api.rendering import NBSP, link_maker, literal_text, site_path
from api.strings import Language, say, words
from kg.text import fold, shorten

FIRST, FIRST_NARROWED = 3, 12  # items of a cell that are seen at once: of everything, and on one issue
MOST = 60  # items of a cell on the page; the files have all
PLACES = 6  # lines shown for one partner
CUT = 120  # characters of a statement beside its amount; the rows above have it whole
SOME = 3  # plans that a sentence names
ORDER = tuple(KINDS.values())


@dataclass(frozen=True)
class Asked:
    """What a reader asked for: keys of plans, those shown as columns, an issue's id, a dimension's id; empty leaves it open."""

    plans: tuple[str, ...]
    shown: tuple[str, ...] = ()
    issue: str = ""
    dimension: str = ""
    language: Language = "es"

    def address(self, **other: object) -> str:
        """Return the page's address, with something else in it."""
        asked = replace(self, **other)  # type: ignore[arg-type]
        pairs = [("plan", key) for key in asked.plans]
        pairs += [("show", key) for key in asked.shown if key in asked.plans]
        pairs += [(name, value) for name, value in (("issue", asked.issue), ("dimension", asked.dimension)) if value]
        pairs += [("lang", asked.language)] if asked.language != "es" else []
        return "/compare" + ("?" + urlencode(pairs) if pairs else "")


@dataclass(frozen=True)
class Place:
    """A line or page of a document, as a link to the statement there."""

    word: str
    number: str
    href: str


@dataclass(frozen=True)
class Item:
    """Something in a cell: text (verbatim or a name), what stands before it, remarks, and where it is said."""

    text: str
    places: tuple[Place, ...] = ()
    href: str = ""
    lead: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    verbatim: bool = True
    beyond: int = 0  # places that are not shown


@dataclass(frozen=True)
class Column:
    """What one plan has in one row: the first items, the others, how many more there are; or why there is nothing."""

    name: str
    first: list[Item]
    rest: list[Item] = field(default_factory=list)
    beyond: int = 0
    void: str = ""
    head: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a grid; `nobody` stands across it where no plan has anything."""

    head: str
    columns: list[Column]
    kind: str = ""
    nobody: str = ""


class View:
    """Lays a comparison out. `said` is what the filters leave of it."""

    def __init__(self, found: Comparison, asked: Asked, said: list[Said]):
        self.found, self.asked, self.said = found, asked, said
        self.plans = found.plans
        self.shown = [p for p in found.plans if p.key in asked.shown] or found.plans
        self.narrowed = bool(asked.issue or asked.dimension)
        self._link = link_maker(asked.language)
        self._by_plan: dict[str, list[Said]] = {}
        for s in said:
            self._by_plan.setdefault(s.plan, []).append(s)

    def t(self, key: str, **filled: object) -> str:
        """Return one of the page's texts."""
        return say(f"compare.{key}", self.asked.language, **filled)

    def count(self, number: int) -> str:
        """Write a number of plans in words."""
        return self.t(f"n{number}") if 2 <= number <= 8 else str(number)

    # ------------------------------------------------------------------ sentence

    def lede(self) -> str:
        """Say in a few sentences which plans have what: plans that have the same are told together, nobody last."""
        if not self.said:
            return self.t("say_nothing", count=self.count(len(self.plans)))
        groups: dict[tuple[str, ...], list[str]] = {}
        for name, has in _ASPECTS.items():
            having = {s.plan for s in self.said if has(s)}
            groups.setdefault(tuple(p.key for p in self.plans if p.key in having), []).append(name)
        ordered = sorted(groups.items(), key=lambda group: not group[0])
        return " ".join(self._sentence(keys, aspects) for keys, aspects in ordered)

    def _sentence(self, keys: tuple[str, ...], aspects: list[str]) -> str:
        number, total = len(keys), len(self.plans)
        verb = "does" if number <= 1 else "do"
        what = self._joined([self.t(f"{verb}_{a}") for a in aspects], "and" if keys else "nor")
        names = self._joined([p.name for p in self.plans if p.key in keys])
        if number == total:
            return self.t("say_both" if total == 2 else "say_all", count=self.count(total), what=what)
        frame = ["none", "one"][number] if number < 2 else "some" if number <= SOME else "several"
        some = self.count(number).capitalize()
        return self.t(f"say_{frame}", names=names, some=some, count=self.count(total), what=what)

    def _joined(self, parts: Sequence[str], word: str = "and") -> str:
        """Join with commas and a word; Spanish says «e» before the sound of an i."""
        if len(parts) < 2:
            return "".join(parts)
        joiner = self.t(word)
        if (
            joiner == "y"
            and fold(parts[-1]).startswith(("i", "hi"))
            and not fold(parts[-1]).startswith(("ia", "ie", "hia", "hie"))
        ):
            joiner = "e"
        return f"{', '.join(parts[:-1])} {joiner} {parts[-1]}"

    # ------------------------------------------------------------------ what each one says

    def grid(self) -> list[Line]:
        """Return the rows from problem to partners, and what else there is."""
        lines = [self._line(kind, lambda s, kind=kind: s.kind == kind, self._statement) for kind in ORDER]  # type: ignore[misc]
        lines.append(self._line("money", lambda s: bool(s.money or s.funds), self._money))
        lines.append(self._made("partners", lambda key: self._partners(self._of(key)), self.t("void_partners")))
        rest = self._line("rest", lambda s: not s.kind, self._statement)
        return [*lines, rest] if self.narrowed and not rest.nobody else lines

    def _line(self, name: str, fits: Callable[[Said], bool], item: Callable[[Said], Item]) -> Line:
        narrowed_void = self.t("void") if self.narrowed else self.t("void_all")
        void = self.t("void_money") if name == "money" else narrowed_void
        return self._made(name, lambda key: [item(s) for s in self._of(key) if fits(s)], void)

    def _made(self, name: str, items: Callable[[str], list[Item]], void: str) -> Line:
        having = {plan.key: items(plan.key) for plan in self.plans}
        told = "" if any(having.values()) else self.t(f"nobody_{name}", count=self.count(len(self.plans)))
        return Line(self.t(name), [self._column(p, having[p.key], void) for p in self.shown], name, told)

    def _column(self, plan: Plan, items: list[Item], void: str, head: str = "") -> Column:
        first = FIRST_NARROWED if self.narrowed else FIRST
        return Column(plan.name, items[:first], items[first:MOST], max(len(items) - MOST, 0), "" if items else void, head)

    def _of(self, key: str) -> list[Said]:
        return self._by_plan.get(key, [])

    def _place(self, s: Said) -> Place:
        word, number = ("page", s.page) if s.page else ("line", str(s.line))
        return Place(say(f"doc.{word}", self.asked.language), number, self._link(site_path(s.iri)))

    def _statement(self, s: Said) -> Item:
        name = self.found.name(s.type) if s.type else ""
        notes = (name,) if name and s.kind in {"commitment", ""} else ()
        doubts: tuple[str, ...] = ()
        if s.kind == "target":
            missing = {(False, False): "no_figure_no_year", (False, True): "no_figure", (True, False): "no_year"}
            lacking = missing.get((bool(s.value), bool(s.year)))
            doubts = (self.t(lacking),) if lacking else ()
        return Item(s.text, (self._place(s),), notes=notes, doubts=doubts)

    def _money(self, s: Said) -> Item:
        funds = [self.found.name(iri) for iri in s.funds]
        notes = (self.t("source", names="; ".join(funds)),) if funds else ()
        doubts = (self.t("doubtful"),) if any(not m.certain for m in s.money) else ()
        lead = "; ".join(self.amount(m) for m in s.money) or self.t("no_amount")
        text = s.text if len(s.text) <= CUT else shorten(s.text, CUT).removesuffix("…") + " […]"
        return Item(text, (self._place(s),), lead=lead, notes=notes, doubts=doubts)

    def _partners(self, said: list[Said]) -> list[Item]:
        """Return the partners that statements name, those named most first, each with its lines."""
        named: dict[str, list[Said]] = {}
        for s in said:
            for iri in s.partners:
                named.setdefault(iri, []).append(s)
        ordered = sorted(named.items(), key=lambda entry: (-len(entry[1]), fold(self.found.name(entry[0]))))
        return [
            Item(
                self.found.name(iri),
                tuple(self._place(s) for s in where[:PLACES]),
                self._link(site_path(iri)),
                verbatim=False,
                beyond=max(len(where) - PLACES, 0),
            )
            for iri, where in ordered
        ]

    def amount(self, money: Money) -> str:
        """Write an amount with its currency's sign."""
        signs = words().get(f"compare.symbol_{money.currency}")
        sign = signs[self.asked.language] if signs else money.currency
        number = literal_text(Node(f"{money.amount:f}", datatype=XSD + "decimal"), self.asked.language)
        return f"{sign} {number}".strip().replace(" ", NBSP)

    # ------------------------------------------------------------------ by dimension and issue

    def overview(self) -> list[dict[str, object]]:
        """Return a group for each dimension with its counts, and in it a row for each of the highest issues."""
        relevant = [s for s in self.said if s.kind]
        tops = {self.found.top[issue] for s in relevant for issue in s.issues}
        groups: list[dict[str, object]] = []
        for dimension in sorted({s.dimension for s in relevant} | {self._dimension(t) for t in tops}, key=self._dimension_name):
            mine = sorted((t for t in tops if self._dimension(t) == dimension), key=lambda t: fold(self.found.name(t)))
            groups.append(
                {
                    "name": self._dimension_name(dimension),
                    "href": self.asked.address(dimension=_end(dimension)) if dimension else "",
                    "cells": self._counted([s for s in relevant if s.dimension == dimension]),
                    "rows": [
                        {
                            "name": capital(self.found.name(top)),
                            "href": self.asked.address(issue=_end(top)),
                            "cells": self._counted([s for s in relevant if top in s.about]),
                        }
                        for top in mine
                    ],
                }
            )
        return groups

    def _dimension(self, top: str) -> str:
        """Return the dimension of one of the highest issues: that of any issue below it says the same."""
        below = (issue for issue, above in self.found.top.items() if above == top)
        return next((self.found.dimensions[issue] for issue in sorted(below) if issue in self.found.dimensions), "")

    def _dimension_name(self, dimension: str) -> str:
        return self.found.name(dimension) if dimension else self.t("no_dimension")

    def _counted(self, said: list[Said]) -> list[dict[str, str]]:
        counts = Counter((s.plan, s.kind) for s in said)
        return [{"name": p.name, "text": ", ".join(self._kinds({k: counts[p.key, k] for k in ORDER}))} for p in self.shown]

    def _kinds(self, counts: dict[str, int]) -> list[str]:
        told = (self.t(f"n_{k}_1") if n == 1 else self.t(f"n_{k}", count=n) for k, n in counts.items() if n)
        return [words_.replace(" ", NBSP) for words_ in told]

    # ------------------------------------------------------------------ what one has, what nobody answers

    def alone(self) -> list[Line]:
        """Return the issues, partners and sources that one of the plans alone has."""
        issues = only_one((s for s in self.said if s.kind), self._issues_asked_for)
        lines = [self._alone_line("alone_issues", issues, self._issue_item)]
        for name, things in (("alone_partners", _partners_of), ("alone_funds", _funds_of)):
            lines.append(self._alone_line(name, only_one(self.said, things), self._thing_item))
        return [line for line in lines if not line.nobody]

    def _issues_asked_for(self, s: Said) -> Iterable[str]:
        wanted = ISSUE + self.asked.issue
        return [i for i in s.issues if not self.asked.issue or i == wanted or wanted in self.found.above[i]]

    def _alone_line(self, name: str, found: dict[str, Counter[str]], item: Callable[[str, int], Item]) -> Line:
        def items(key: str) -> list[Item]:
            ordered = sorted(found.get(key, Counter()).items(), key=lambda e: (-e[1], fold(self.found.name(e[0]))))
            return [item(iri, number) for iri, number in ordered]

        columns = [self._column(p, items(p.key), self.t("alone_none")) for p in self.shown]
        return Line(self.t(name), columns, nobody="" if any(found.values()) else "–")

    def _issue_item(self, iri: str, number: int) -> Item:
        return replace(
            self._thing_item(iri, number), text=capital(self.found.name(iri)), href=self.asked.address(issue=_end(iri))
        )

    def _thing_item(self, iri: str, number: int) -> Item:
        notes = (self.t("n_statements", count=number),) if number > 1 else ()
        return Item(self.found.name(iri), href=self._link(site_path(iri)), notes=notes, verbatim=False)

    def open_issues(self) -> list[dict[str, str]]:
        """Return the issues on which plans name problems and nobody has an objective or commitment: name, address, who."""
        found = left_open(self.said, self.found.said)
        return [
            {
                "name": capital(self.found.name(issue)),
                "href": self.asked.address(issue=_end(issue)),
                "who": ", ".join(f"{p.name} {found[issue][p.key]}" for p in self.plans if found[issue][p.key]),
            }
            for issue in sorted(found, key=lambda i: fold(self.found.name(i)))
            if issue in self._issues_asked_for(Said("", "", "", issues=[issue]))
        ]

    def open_problems(self) -> Line:
        """Return each plan's problems that no objective and no commitment is tied to."""
        left = unanswered(self.said)
        problems = Counter(s.plan for s in self.said if s.kind == "problem")
        columns = []
        for plan in self.shown:
            mine, number = [s for s in left if s.plan == plan.key], problems[plan.key]
            answered = "open_none_1" if number == 1 else "open_none"
            void = self.t(answered, count=number) if number else self.t("open_void")
            head = self.t("open_of", open=len(mine), count=number) if mine else ""
            columns.append(self._column(plan, [self._statement(s) for s in mine], void, head))
        return Line(self.t("open_problems"), columns, nobody="" if left else self.t("open_nobody"))

    # ------------------------------------------------------------------ whole plans

    def totals(self) -> list[tuple[str, list[str]]]:
        """Return counts for each plan, all issues: a name and a text for each of the plans."""
        rows = []
        for name, number in _TOTALS.items():
            told = [number([s for s in self.found.said if s.plan == plan.key]) for plan in self.plans]
            rows.append((self.t(f"total_{name}"), [self._grouped(n) for n in told]))
            if name == "money":
                rows.append((self.t("total_sum"), [self._sums(plan.key) for plan in self.plans]))
        if any(plan.lines for plan in self.plans):
            rows.insert(0, (self.t("total_lines"), [self._grouped(p.lines) if p.lines else "–" for p in self.plans]))
        return rows

    def warning(self) -> str:
        """Say that more statements is not better, and how long the documents are where that is known."""
        lines = [plan.lines for plan in self.plans if plan.lines]
        if len(set(lines)) < 2:
            return self.t("warning")
        return self.t("warning_lines", low=self._grouped(min(lines)), high=self._grouped(max(lines)))

    def _sums(self, key: str) -> str:
        sums: dict[str, Decimal] = {}
        for m in (m for s in self.found.said if s.plan == key for m in s.money):
            sums[m.currency] = sums.get(m.currency, Decimal(0)) + m.amount
        return "; ".join(self.amount(Money(total, currency, True)) for currency, total in sorted(sums.items())) or self.t(
            "unsaid"
        )

    def _grouped(self, number: int) -> str:
        return literal_text(Node(str(number), datatype=XSD + "integer"), self.asked.language)


def capital(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def _end(iri: str) -> str:
    return iri.rpartition("/")[2]


def _partners_of(s: Said) -> list[str]:
    return s.partners


def _funds_of(s: Said) -> list[str]:
    return s.funds


_ASPECTS: dict[str, Callable[[Said], bool]] = {
    "problem": lambda s: s.kind == "problem",
    "commitment": lambda s: s.kind == "commitment",
    "figure": lambda s: s.kind == "target" and bool(s.value),
    "money": lambda s: bool(s.money),
    "partners": lambda s: bool(s.partners),
}
_TOTALS: dict[str, Callable[[list[Said]], int]] = {
    "statements": len,
    "problem": lambda said: sum(s.kind == "problem" for s in said),
    "unanswered": lambda said: len(unanswered(said)),
    "objective": lambda said: sum(s.kind == "objective" for s in said),
    "commitment": lambda said: sum(s.kind == "commitment" for s in said),
    "target": lambda said: sum(s.kind == "target" for s in said),
    "figure": lambda said: sum(s.kind == "target" and bool(s.value) for s in said),
    "money": lambda said: sum(bool(s.money) for s in said),
    "partners": lambda said: len({iri for s in said for iri in s.partners}),
    "funds": lambda said: len({iri for s in said for iri in s.funds}),
}


def totals_of(said: list[Said]) -> dict[str, int]:
    """Return a plan's counts by the names under which the files have them."""
    return {name: count(said) for name, count in _TOTALS.items()}
