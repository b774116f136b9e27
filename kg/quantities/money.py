"""Sums of money, with their currency mark before or after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from kg.quantities.numbers import Number, find_numbers
from kg.quantities.vocabulary import load_vocabulary
from kg.text import fold_aligned, squeeze

_CENTS = Decimal("0.01")
_WINDOW = 12  # characters that a currency mark takes at most
_RANGE = re.compile(r"\s{0,2}(?:a|al|hasta|y|e|o|-|–)\s{0,2}")


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


def parse_amount(raw: str) -> Amount | None:
    """Read one sum of money, with or without its currency mark; None where there is none."""
    found = next(find_amounts(raw), None)
    if found is not None:
        return found[2]
    folded = fold_aligned(raw)
    number = next((n for n in find_numbers(folded, money=True) if n.written == "digits"), None)
    return _amount(squeeze(raw), number, "PEN") if number else None


def find_amounts(text: str) -> Iterator[tuple[int, int, Amount]]:
    """Find sums of money that carry a currency mark, as (start, end, amount), in the order of the text."""
    folded = fold_aligned(text)
    found = [(*_marked(folded, number), number) for number in find_numbers(folded, money=True)]
    for index, (start, end, code, number) in enumerate(found):
        before = found[index - 1] if index else None
        after = found[index + 1] if index + 1 < len(found) else None
        ranged = after is not None and bool(_RANGE.fullmatch(folded, end, after[0])) and after[3].value > number.value
        scaled = _scaled_like(number, after[3]) if after and ranged and (code or after[2]) else number
        lent: str | None = None  # the mark of the other end of a range
        if after and ranged and _led(folded, start):
            lent = after[2]
        elif before and number.scaled and _RANGE.fullmatch(folded, before[1], start) and _led(folded, before[0]):
            lent = before[2]
        if name := code or lent:
            yield start, end, _amount(squeeze(text[start:end]), scaled, name)


def _led(folded: str, start: int) -> bool:
    """Say whether a range begins here: `entre 15 y 20 soles`, `de 5 a 10 millones de soles`."""
    return re.search(r"\b(?:entre|del?)\s{1,2}$", folded[max(0, start - 8) : start]) is not None


def _marked(folded: str, number: Number) -> tuple[int, int, str | None]:
    known = load_vocabulary()
    low = max(0, number.start - _WINDOW)
    code: str | None = None
    start, end = number.start, number.end
    for pattern, name in known.currency_before:
        if match := pattern.search(folded[low : number.start]):
            start, code = low + match.start(), name
            break
    for pattern, name in known.currency_after:
        if match := pattern.match(folded, number.end):
            if code in {None, name}:
                end, code = match.end(), name
            break
    return start, end, code


def _scaled_like(first: Number, second: Number) -> Number:
    """Give the lower end of a range the multiplier of the upper: `entre 5 y 10 millones`."""
    if first.scaled or not second.scaled:
        return first
    for factor in (Decimal(1_000_000), Decimal(1000)):
        if second.value % factor == 0 and first.value * factor < second.value:
            return replace(first, value=first.value * factor, readings=tuple(r * factor for r in first.readings))
    return first


def _amount(raw: str, number: Number, code: str) -> Amount:
    readings = tuple(r.quantize(_CENTS) for r in number.readings)
    return Amount(raw, number.value.quantize(_CENTS), code, number.certain, readings)
