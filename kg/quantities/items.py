"""The numbers of a text with their units: what is an enumerator, a name, a date, an age or an ordinal is left out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from kg.quantities.money import find_amounts
from kg.quantities.numbers import Number, find_numbers
from kg.quantities.sentences import YEAR, Surroundings
from kg.quantities.units_of import Unit, find_unit
from kg.quantities.vocabulary import load_vocabulary

BEFORE = 60  # characters before a number that can say what it is
_HUNDRED = Decimal(100)
_ENUMERATOR = re.compile(r"(?:\.\s?-|[.)]|-)(?=\s|[a-z]|$)|\s?°")
_ITEM_START = re.compile(r"(?:^|[.;•\n:)]|\s[-–])\s{0,3}\(?$")
_PER = re.compile(r"(?:\bcada|/)\s{0,2}$|\bpor\s{1,2}$")


@dataclass(frozen=True)
class Item:
    """A number with its unit, before it is known whether it is a value of its own, a baseline or the end of a range."""

    start: int
    end: int
    value: Decimal
    unit: str | None
    kind: str
    number_end: int
    baseline: Decimal | None = None
    upper: Decimal | None = None
    grows: str | None = None


def find_items(text: str, folded: str, around: Surroundings) -> Iterator[Item]:
    """Find the numbers of a text with their units: money first, then shares, then the rest."""
    amounts = list(find_amounts(text))
    for start, end, amount in amounts:
        yield Item(start, end, _plain(amount.amount), amount.currency, "money", end)
    taken_to = -1
    shares = list(_shares(folded))
    yield from shares
    ends = {start: end for start, end, _ in amounts} | {share.start: share.end for share in shares}
    starts = sorted(ends)
    for number in _without_echoes(folded, list(find_numbers(folded))):
        index = bisect_right(starts, number.start) - 1
        if number.start < taken_to or (index >= 0 and number.start < ends[starts[index]]):
            continue
        item = _item(text, folded, number, around)
        if item is not None:
            taken_to = item.end
            yield item


def _without_echoes(folded: str, numbers: list[Number]) -> list[Number]:
    """Join `cinco (5)` and `5 (cinco)` into one number."""
    kept: list[Number] = []
    for number in numbers:
        last = kept[-1] if kept else None
        gap = folded[last.end : number.start] if last and number.start - last.end < 5 else ""
        closes = folded[number.end : number.end + 2].lstrip()[:1] == ")"
        if last and closes and gap.strip() == "(" and number.value == last.value:
            kept[-1] = replace(last, end=folded.index(")", number.end) + 1, article=False)
        else:
            kept.append(number)
    return kept


@cache
def _share_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    known = load_vocabulary()
    parts = "|".join(p.pattern for p, _ in known.fractions)
    words = "|".join(sorted(known.cardinals, key=len, reverse=True))
    fraction = rf"(?<![a-z])(?:(?P<count>{words}|la)\s{{1,2}})(?P<part>{parts})(?![a-z])"
    one_in = r"(?<![0-9.,])(?P<some>[0-9]{1,3}|[a-z]{2,6})\s{1,2}de\s{1,2}cada\s{1,2}(?P<all>[0-9]{1,4}|[a-z]{3,6})(?![a-z0-9])"
    return re.compile(fraction), re.compile(one_in)


def _shares(folded: str) -> Iterator[Item]:
    """Find fractions in words, verbs that are a factor (`duplicar`) and `nueve de cada diez`."""
    known = load_vocabulary()
    fraction, one_in = _share_patterns()
    for match in fraction.finditer(folded):
        part = next(of for pattern, of in known.fractions if pattern.fullmatch(match["part"]))
        count = known.cardinals.get(match["count"], Decimal(1))
        if count <= part and count >= 1:
            yield Item(match.start(), match.end(), _tenths(_HUNDRED * count / part), "%", "fraction", match.end())
    for match in one_in.finditer(folded):
        some, whole = (_small(match[name]) for name in ("some", "all"))
        if some and whole and some <= whole:
            yield Item(match.start(), match.end(), _tenths(_HUNDRED * some / whole), "%", "percent", match.end())
    for pattern, times in known.factors:
        for match in pattern.finditer(folded):
            yield Item(match.start(), match.end(), times, "times", "factor", match.end())


def _small(word: str) -> Decimal | None:
    return Decimal(word) if word.isdecimal() else load_vocabulary().cardinals.get(word)


def _tenths(value: Decimal) -> Decimal:
    return _plain(value.quantize(Decimal("0.1")))


def _item(text: str, folded: str, number: Number, around: Surroundings) -> Item | None:
    before = folded[max(0, number.start - BEFORE) : number.start]
    if number.written == "multiplier" and not folded.startswith("mil ", number.start):
        return None
    if _is_reference(before, folded, number) or _is_enumerator(before, folded, number):
        return None
    unit = find_unit(text, folded, number.end, scaled=number.scaled)
    if unit.kind == "refused" or _is_year(before, folded, number, unit):
        return Item(number.start, number.end, number.value, None, "refused", number.end) if unit.kind == "refused" else None
    if number.written != "digits" and not _word_counts(before, number, unit, around):
        return None
    value, name, end = number.value, unit.name, unit.end
    if unit.kind == "percent" and value >= 1000 and re.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", folded[number.start : number.end]):
        value = value / 1000
    return Item(number.start, end, _plain(value), name, unit.kind, number.end)


def _is_reference(before: str, folded: str, number: Number) -> bool:
    """Say whether the number is part of a name, a code, a date or a time of day, or the base of a rate."""
    last, ahead = before[-1:], folded[number.end : number.end + 2]
    if last and (last.isalnum() or last in "/°#_@") and not re.search(r"[0-9][.,]?$", before):
        return True
    coded = last in {"-", "–", ":"} and re.search(r"[a-z0-9][-–:]$", before) is not None
    ranged = last in {"-", "–"} and before[-2:-1].isdigit()
    leading_zeros = number.written == "digits" and re.match(r"0[0-9]{2}", folded[number.start : number.end]) is not None
    if (coded and not ranged and last != ":") or (last == ":" and before[-2:-1].isdigit()) or leading_zeros:
        return True
    if re.match(r"[/:][0-9]|[-–_][a-z]", ahead):
        return True
    round_base = number.value >= 10 and set(str(int(number.value))[1:]) == {"0"}
    per = _PER.search(before)
    if per and (not per[0].startswith("por") or (round_base and number.value >= 1000)):
        return True
    return load_vocabulary().references.search(before) is not None


def _is_enumerator(before: str, folded: str, number: Number) -> bool:
    short = number.written == "digits" and number.end - number.start <= 2
    return short and _ENUMERATOR.match(folded, number.end) is not None and _ITEM_START.search(before) is not None


def _is_year(before: str, folded: str, number: Number, unit: Unit) -> bool:
    if number.written != "digits" or not YEAR.fullmatch(folded[number.start : number.end]):
        return False
    if unit.kind in {"percent", "measure", "points"}:
        return False
    plural = unit.kind == "noun" and (unit.name or "").casefold().rstrip().split(" ")[0].endswith("s")
    tied = re.search(r"\b(?:al|el|ano|del|periodo)\s{1,2}$|[-–]\s?$", before) is not None
    return not plural or tied


def _word_counts(before: str, number: Number, unit: Unit, around: Surroundings) -> bool:
    """Say whether a number in words is a quantity: `dos hospitales`, `un hospital` where one is made, never `un plan`."""
    if unit.kind in {"percent", "points", "measure"} or number.scaled:
        return unit.kind != "none"
    words = load_vocabulary().words
    if number.value < 1 or unit.kind not in {"noun", "times"}:
        return False
    if not number.article:
        return True
    start, _ = around.sentence(number.start)
    made = load_vocabulary().making.search(before[-max(0, min(BEFORE, number.start - start)) :]) or not before.strip()
    return bool(made) and (unit.name or "").casefold() in words["works"]


def _plain(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
