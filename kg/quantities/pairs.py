"""Two numbers that are one quantity: a baseline with its target, the two ends of a range."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from kg.quantities.items import BEFORE, Item
from kg.quantities.sentences import Surroundings
from kg.quantities.vocabulary import load_vocabulary

_IN_YEAR = r"(?:\(?(?:en |al |el |del |de )?(?:el )?(?:ano )?(?:19|20)[0-9]{2}\)?,?\s{0,2})?"
_TO = re.compile(
    rf"\s{{0,2}}{_IN_YEAR}(?:a|al|hasta|hasta llegar al?|para llegar al?)"
    r"(?: un| una| los| las| mas del?| menos del?| al menos)?\s{0,2}"
)
_AND = re.compile(r"\s{0,2}(?:y|e)(?: el| los| las)?\s{0,2}")
_DASH = re.compile(r"\s?[-–]\s?")
_FROM = re.compile(r"\b(?:del?|desde)(?: el| los| las| un| una)?\s{1,2}$")
_BETWEEN = re.compile(r"\bentre(?: el| los| las| un)?\s{1,2}$")


def _course(start: Decimal, goal: Decimal) -> str:
    return "increase" if goal > start else "decrease"


def join_pairs(folded: str, items: list[Item], around: Surroundings) -> list[Item]:
    """Join `de 18 % a 12 %` (baseline and target), ranges, and a value of today in brackets."""
    kept: list[Item] = []
    for item in items:
        last = kept[-1] if kept else None
        joined = _pair(folded, last, item, around) if last else None
        if joined:
            kept[-1] = joined
        else:
            kept.append(item)
    return kept


def _pair(folded: str, first: Item, second: Item, around: Surroundings) -> Item | None:
    if second.start - first.end > BEFORE:
        return _today(folded, first, second)
    gap = folded[first.end : second.start]
    before = folded[max(0, first.start - BEFORE) : first.start]
    same = first.unit == second.unit or first.unit is None or (second.unit is None and second.kind == "none")
    if first.kind == "factor" or first.baseline is not None or not same:
        return _today(folded, first, second)
    kind, unit = (second.kind, second.unit) if second.unit else (first.kind, first.unit)
    if second.kind == "refused":
        kind, unit = "refused", None
    joined = replace(second, start=first.start, kind=kind, unit=unit)
    moves = around.verb(first.start)
    if _FROM.search(before) and _TO.fullmatch(gap):
        if moves or kind == "percent":
            grows = _course(first.value, second.value)
            return replace(joined, unit=_subject(before, joined), baseline=first.value, grows=grows)
        return replace(joined, value=first.value, upper=second.value)
    between = _BETWEEN.search(before) and _AND.fullmatch(gap)
    if kind != "refused" and load_vocabulary().now.search(before) and not re.search(r"[.;]", gap):
        return replace(joined, baseline=first.value, grows=_course(first.value, second.value))
    plain_range = (
        (first.unit is None or kind == "percent")
        and (_DASH.fullmatch(gap) or gap.strip() in {"a", "al"})
        and first.value < second.value
    )
    if (between or plain_range) and first.value <= second.value:
        return replace(joined, value=first.value, upper=second.value)
    return _today(folded, first, second)


def _subject(before: str, item: Item) -> str | None:
    """Give `elevar centralidades de 18 a 26` the plural noun before it as its unit."""
    noun = re.search(r"([a-z]{3,}s)\s+(?:del?|desde)(?: los| las)?\s+$", before)
    if item.unit or not noun or item.value != item.value.to_integral_value():
        return item.unit
    return f"\0{len(before) - noun.start(1)}:{len(before) - noun.end(1)}"


def _today(folded: str, first: Item, second: Item) -> Item | None:
    """Take the number in `0 % de locales en riesgo (actualmente, el 45 %)` as the baseline of the one before it."""
    if second.start - first.end > 3 * BEFORE:
        return None
    before = folded[max(first.end, second.start - BEFORE) : second.start]
    inside = before.rfind("(") > before.rfind(")")
    if inside and first.baseline is None and first.unit == second.unit and load_vocabulary().now.search(before):
        return replace(first, baseline=second.value)
    return None
