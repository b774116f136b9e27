"""Typed access to the entries of a YAML mapping; what is wrong is noted, with its line and a hint, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from kg.declared import Collector, Item
from kg.errors import did_you_mean


class Fields:
    """The entries of one mapping, handed out with their types; what is wrong goes to the collector."""

    def __init__(self, item: Item, collector: Collector, key: str, known: set[str]):
        self.item, self.collector, self.key = item, collector, key
        self.map = collector.mapping(item, key)
        collector.known_keys(item, known, key)

    def name(self, key: str) -> str:
        """Return the full name of a key of this mapping, as messages show it."""
        return f"{self.key}.{key}" if self.key else key

    def line_of(self, key: str) -> int:
        """Return the line of a key, or the mapping's own."""
        return self.item.key_lines.get(key, self.item.line)

    def bad(self, key: str, what: str, hint: str = "") -> None:
        """Note what is wrong with a key."""
        self.collector.add(self.line_of(key), self.name(key), what, hint)

    def text(self, key: str) -> str | None:
        """Return a value as written; None where it is absent or empty."""
        return self.collector.scalar(self.map.get(key), self.name(key))

    def needed(self, key: str) -> str:
        """Return a value as written; an empty string, after noting it, where it is absent."""
        value = self.text(key)
        if value is None and not (key in self.map and not isinstance(self.map[key].value, str)):
            self.bad(key, "missing", f"every entry here needs `{key}`")
        return value or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the strings of a list; may be empty."""
        return tuple(self.collector.scalars(self.map.get(key), self.name(key)))

    def typed(self, key: str, parse: Callable[[str], Any], what: str) -> Any:
        """Return a value through `parse`; None where it is absent or, after noting it, is not `what`."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, ArithmeticError):
            self.bad(key, f"{value!r} is not {what}")
            return None

    def integer(self, key: str) -> int | None:
        """Return a positive whole number."""
        number = self.typed(key, int, "a whole number")
        if number is not None and number < 1:
            self.bad(key, f"{number} is not a positive number")
        return number if number is None else int(number)

    def year(self, key: str) -> int | None:
        """Return a calendar year."""
        return None if (value := self.typed(key, parse_year, "a year of four digits, such as 2019")) is None else int(value)

    def decimal(self, key: str) -> Decimal | None:
        """Return a decimal number."""
        value = self.typed(key, parse_decimal, "a plain decimal number such as 2100000.00")
        return value if isinstance(value, Decimal) else None

    def decimals(self, key: str) -> tuple[Decimal, ...]:
        """Return the decimal numbers of a list."""
        found = []
        for text in self.texts(key):
            try:
                found.append(parse_decimal(text))
            except (ValueError, ArithmeticError):
                self.bad(key, f"{text!r} is not a plain decimal number")
        return tuple(found)

    def one_of(self, key: str, known: Iterable[str], what: str, needed: bool = False) -> str | None:
        """Return a value that must be one of the known ones."""
        value = self.needed(key) if needed else self.text(key)
        if value and value not in set(known):
            self.bad(key, f"{value!r} is no {what}", did_you_mean(value, known) or f"known: {some_of(known)}")
        return value

    def nested(self, key: str, make: Callable[[Fields], Any], known: set[str]) -> Any:
        """Make something of a nested mapping; None where it is absent."""
        item = self.map.get(key)
        return None if item is None or item.value == "" else make(Fields(item, self.collector, self.name(key), known))

    def listed(self, key: str, make: Callable[[Fields], Any], known: set[str]) -> tuple[Any, ...]:
        """Make something of each mapping of a list."""
        items = self.collector.sequence(self.map.get(key), self.name(key))
        return tuple(make(Fields(item, self.collector, self.name(key), known)) for item in items)


def parse_year(text: str) -> int:
    """Parse a year of four digits; raises ValueError."""
    if not re.fullmatch(r"(?:1[5-9]|20|21)\d\d", text):
        raise ValueError
    return int(text)


def parse_decimal(text: str) -> Decimal:
    """Parse a plain decimal number; raises ValueError."""
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        raise ValueError
    return Decimal(text)


def parse_boolean(text: str) -> bool:
    """Parse true or false; raises ValueError."""
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def some_of(known: Iterable[str], limit: int = 12) -> str:
    """Return the first of some names, for a hint."""
    names = sorted(known)
    return ", ".join(names[:limit]) + (" …" if len(names) > limit else "")
