"""What the columns of answers hold, as columns.yaml declares it: quotes, names of things, amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from api.lookup import Row
from kg.declared import Collector, Item, read_yaml

_FILE = Path(__file__).with_name("columns.yaml")
_SECTIONS = {"quotes", "verbatim", "things", "soles", "amount", "codes"}
_QUOTE = {"quote", "line", "page", "thing", "words"}
_AMOUNT = ("value", "raw", "certain", "currency", "soles")


@dataclass(frozen=True)
class Quoted:
    """Columns that belong together: the words, their line and page, the thing that says them. `page` may be empty.

    `is_ours` tells words about a plan from its own.
    """

    quote: str
    line: str
    thing: str
    page: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class Amount:
    """Columns that tell of one amount: its number, how the plan writes it, whether it has one reading, its currency.

    `soles` is the value of the last for soles.
    """

    value: str
    raw: str
    certain: str
    currency: str
    soles: str


@dataclass(frozen=True)
class Columns:
    """The declared columns; `soles` hold amounts in soles, `codes` digits that are no numbers."""

    quotes: tuple[Quoted, ...]
    verbatim: frozenset[str]
    things: dict[str, list[str]]
    soles: frozenset[str]
    amount: Amount
    codes: frozenset[str]

    def is_quoted(self, name: str) -> bool:
        """Tell whether a column holds a plan's own words."""
        return name in self.verbatim or any(name == quoted.quote and not quoted.is_ours for quoted in self.quotes)


@cache
def columns() -> Columns:
    """Return what columns.yaml declares.

    Raises:
        ProblemsError: something in it is not as expected, each with its line.
    """
    root, collector = read_yaml(_FILE)
    collector.known_keys(root, _SECTIONS)
    top = collector.mapping(root, "")
    for name in _SECTIONS - top.keys():
        collector.add(1, name, "missing", "a section of this name is expected")
    collector.raise_if_any()
    amount = _scalars(top.get("amount"), collector, "amount")
    for key in (key for key in _AMOUNT if key not in amount):
        collector.add(1, f"amount.{key}", "missing", "name the column")
    found = Columns(
        quotes=tuple(_quoted(item, collector) for item in collector.sequence(top.get("quotes"), "quotes")),
        verbatim=frozenset(collector.scalars(top.get("verbatim"), "verbatim")),
        things={n: collector.scalars(i, n) for n, i in collector.mapping(top["things"], "things").items()},
        soles=frozenset(collector.scalars(top.get("soles"), "soles")),
        amount=Amount(*(amount.get(key, "") for key in _AMOUNT)),
        codes=frozenset(collector.scalars(top.get("codes"), "codes")),
    )
    collector.raise_if_any()
    return found


def quoted_in(names: Sequence[str], rows: Sequence[Row]) -> list[Quoted]:
    """Return the declared quotes that an answer has: a column with things, and one with their words or with their line."""
    found: list[Quoted] = []
    for quoted in columns().quotes:
        taken = {name for known in found for name in (known.quote, known.line)}
        told = {quoted.quote, quoted.line} & set(names)
        if quoted.thing in names and told and not told & taken and _are_things(quoted.thing, rows):
            found.append(quoted)
    return found


def _are_things(name: str, rows: Sequence[Row]) -> bool:
    return all(row[name].is_iri for row in rows if name in row)


def _quoted(item: Item, collector: Collector) -> Quoted:
    collector.known_keys(item, _QUOTE, "quotes")
    told = _scalars(item, collector, "quotes")
    for key in ("quote", "line", "thing"):
        if key not in told:
            collector.add(item.line, f"quotes.{key}", "missing", "name the column")
    quote, line, thing = (told.get(key, "") for key in ("quote", "line", "thing"))
    return Quoted(quote, line, thing, told.get("page", ""), told.get("words") == "ours")


def _scalars(item: Item | None, collector: Collector, key: str) -> dict[str, str]:
    entries = collector.mapping(item, key) if item else {}
    return {name: text for name, value in entries.items() if (text := collector.scalar(value, f"{key}.{name}"))}
