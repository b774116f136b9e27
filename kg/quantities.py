"""Quantities as Peruvian plans write them: amounts of money, numbers, percentages, years, targets.

A parse never destroys: the raw text is kept beside the value, and a reading that the separators leave open is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from kg.declared import read_yaml
from kg.paths import DATA
from kg.text import fold_aligned, squeeze

_CENTS = Decimal("0.01")
_NUMBER = r"\d+(?:(?:[.,'’´`]|\s(?=\d{3}(?!\d))|\s(?=\d{2}(?![\d.,]))|(?<=[.,])\s?(?=\d))\d+)*"
_YEAR = re.compile(r"(?<![\d.,'])(?:19[5-9]\d|20[0-4]\d)(?![\d.,']\d|\d)")


@dataclass(frozen=True)
class Amount:
    """A sum of money.

    `amount` has two decimals and is in `currency` (ISO 4217). `certain` is false when the separators allow two readings;
    `readings` then holds the others, in falling order of likelihood.
    """

    raw: str
    amount: Decimal
    currency: str = "PEN"
    certain: bool = True
    readings: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A number that a target or statement aims at.

    `unit` is `%` or the noun as written. `direction` is increase, decrease or reach. `baseline` is where the plan says it starts.
    """

    raw: str
    value: Decimal
    unit: str | None
    direction: str
    year: int | None = None
    baseline: Decimal | None = None


@dataclass(frozen=True)
class _Units:
    multipliers: dict[str, Decimal]
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]
    directions: dict[str, str]
    not_units: frozenset[str]


@cache
def _units() -> _Units:
    root, collector = read_yaml(DATA / "units.yaml")
    top = collector.mapping(root, "")
    multipliers: dict[str, Decimal] = {}
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    directions: dict[str, str] = {}
    for entry in collector.sequence(top["multipliers"], "multipliers"):
        fields = collector.mapping(entry, "multipliers")
        multipliers[str(fields["word"].value)] = Decimal(str(fields["factor"].value))
    for entry in collector.sequence(top["currencies"], "currencies"):
        fields = collector.mapping(entry, "currencies")
        code = str(fields["code"].value)
        before += [(pattern, code) for pattern in collector.scalars(fields["before"], "before")]
        after += [(pattern, code) for pattern in collector.scalars(fields["after"], "after")]
    for entry in collector.sequence(top["directions"], "directions"):
        fields = collector.mapping(entry, "directions")
        directions |= dict.fromkeys(collector.scalars(fields["words"], "words"), str(fields["direction"].value))
    not_units = frozenset(collector.scalars(top["not_units"], "not_units"))
    collector.raise_if_any()
    return _Units(multipliers, tuple(before), tuple(after), directions, not_units)


def parse_number(raw: str) -> tuple[Decimal, bool, tuple[Decimal, ...]] | None:
    """Read digits with separators: (value, certain, other readings), or None where there is no number.

    Groups of three after a first group of one to three are thousands; a last group of one or two digits, or of four
    or more, is a fraction. A lone group of three after a point or comma is read as thousands.
    """
    text = re.sub(r"(?<=\d)\s*([.,])\s*(?=\d)", r"\1", squeeze(raw).strip(" .,'’´`"))
    groups = re.split(r"[.,'’´` ]", text)
    marks = re.findall(r"[.,'’´` ]", text)
    if not groups or not all(g.isdigit() for g in groups):
        return None
    if len(groups) == 1:
        return Decimal(groups[0]), True, ()
    *head, last = groups
    if len(last) == 3:
        return _grouped(groups)
    if len(head) == 1:
        certain = marks[0] != " "
        return Decimal(f"{head[0]}.{last}"), certain, () if certain else (Decimal(head[0] + last),)
    return _with_cents(head, last, marks)


def _grouped(groups: list[str]) -> tuple[Decimal, bool, tuple[Decimal, ...]]:
    value = Decimal("".join(groups))
    well_formed = len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])
    return (value, True, ()) if well_formed else (value, False, (Decimal("".join(groups[:-1])),))


def _with_cents(head: list[str], last: str, marks: list[str]) -> tuple[Decimal, bool, tuple[Decimal, ...]]:
    value = Decimal("".join(head) + "." + last)
    well_formed = len(head[0]) <= 3 and all(len(g) == 3 for g in head[1:])
    distinct = marks[-1] == "," or marks[-1] not in marks[:-1]
    certain = well_formed and distinct and marks[-1] != " "
    return value, certain, () if certain else (Decimal("".join(head) + last),)


def parse_amount(raw: str) -> Amount | None:
    """Read one sum of money, with or without its currency mark; None where there is none."""
    found = next(find_amounts(raw), None)
    if found is not None:
        return found[2]
    match = re.search(_NUMBER, raw)
    parsed = parse_number(match.group()) if match else None
    return _amount(squeeze(raw), parsed, "PEN", Decimal(1)) if parsed else None


def find_amounts(text: str) -> Iterator[tuple[int, int, Amount]]:
    """Find sums of money that carry a currency mark, as (start, end, amount), in the order of the text."""
    units = _units()
    folded = fold_aligned(text)
    before = "|".join(f"(?P<b{i}>{p})" for i, (p, _) in enumerate(units.before))
    after = "|".join(f"(?P<a{i}>{p})" for i, (p, _) in enumerate(units.after))
    words = "|".join(sorted(units.multipliers, key=len, reverse=True))
    pattern = re.compile(
        rf"(?:(?<![a-z])(?:{before})\s*)?(?P<number>{_NUMBER})(?:\s*(?P<factor>{words})\b\.?)?(?:\s*(?:de )?(?:{after}))?"
    )
    for match in pattern.finditer(folded):
        groups = match.groupdict()
        code = next((c for i, (_, c) in enumerate(units.before) if groups[f"b{i}"]), None) or next(
            (c for i, (_, c) in enumerate(units.after) if groups[f"a{i}"]), None
        )
        parsed = parse_number(groups["number"])
        if code and parsed:
            factor = units.multipliers.get(groups["factor"] or "", Decimal(1))
            raw = squeeze(text[match.start() : match.end()])
            yield match.start(), match.end(), _amount(raw, parsed, code, factor)


def _amount(raw: str, parsed: tuple[Decimal, bool, tuple[Decimal, ...]], code: str, factor: Decimal) -> Amount:
    value, certain, others = parsed
    readings = tuple((o * factor).quantize(_CENTS) for o in others)
    return Amount(raw, (value * factor).quantize(_CENTS), code, certain, readings)


def find_years(text: str) -> list[int]:
    """Return the calendar years named in the text, in order, with repetitions."""
    return [int(match.group()) for match in _YEAR.finditer(text)]


def direction_of(text: str, default: str = "reach") -> str:
    """Say what a sentence wants of its value, from the first word that tells."""
    directions = _units().directions
    for word in re.findall(r"[a-zñ]+", fold_aligned(text)):
        if word in directions:
            return directions[word]
    return default


def find_targets(text: str, year: int | None = None) -> list[Quantity]:
    """Find what a target sentence aims at, in the order of the text; empty where it states no number.

    `year` is the year of the column or plan; a year in the sentence itself (`al 2026`, `2030:`) wins.
    """
    units = _units()
    folded = fold_aligned(text)
    own = [int(m.group(1)) for m in re.finditer(r"(?:\bal? (?:ano )?|\ben |\bhasta (?:el )?|^)(20[0-4]\d)\b:?", folded)]
    money = [(start, end) for start, end, _ in find_amounts(text)]
    words = "|".join(sorted(units.multipliers, key=len, reverse=True))
    unit = r"%|por ciento|puntos porcentuales|[a-z]+"
    pattern = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<factor>(?:{words})\b)?\s*(?:de )?(?P<unit>{unit})?")
    found: list[Quantity] = []
    for match in pattern.finditer(folded):
        quantity = _quantity(text, folded, match, units, own[-1] if own else year)
        if quantity and not any(start <= match.start() < end for start, end in money):
            found.append(quantity)
    return _with_baselines(folded, found)


def _quantity(text: str, folded: str, match: re.Match[str], units: _Units, year: int | None) -> Quantity | None:
    parsed = parse_number(match["number"])
    if parsed is None or _YEAR.fullmatch(match["number"]) or folded[: match.start()].rstrip().endswith(("ley n°", "nro", "n°")):
        return None
    value = parsed[0] * units.multipliers.get(match["factor"] or "", Decimal(1))
    unit: str | None = match["unit"]
    if unit in {"por ciento", "%"}:
        unit = "%"
    elif unit in units.not_units:
        return None
    elif unit:
        unit = text[match.start("unit") : match.end("unit")]
    raw = squeeze(text[match.start() : match.end()])
    return Quantity(raw, _plain(value), unit, direction_of(text), year)


def _with_baselines(folded: str, found: list[Quantity]) -> list[Quantity]:
    """Join `de 18 % a 12 %` into one quantity with its baseline."""
    if len(found) == 2 and found[0].unit == found[1].unit == "%" and re.search(r"\bde(?:l)? [\d.,]+ ?%? (?:a|al|hasta) ", folded):
        start, goal = found
        direction = "increase" if goal.value > start.value else "decrease"
        return [Quantity(goal.raw, goal.value, goal.unit, direction, goal.year, start.value)]
    return found


def _plain(value: Decimal) -> Decimal:
    try:
        return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
    except InvalidOperation:
        return value
