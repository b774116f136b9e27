"""What follows a number: %, a measure, a counted noun, how often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from kg.quantities.vocabulary import load_vocabulary

_WORD = re.compile(r"\s{1,3}([a-z]{2,40})(?![a-z0-9])")
_GLUED = re.compile(r"([a-z°]{1,40})")
_OF = re.compile(r"\s{1,2}de\s{1,2}")
_TAKEN_OF = re.compile(r"\s{1,2}de(?: la)?\s{1,2}([a-z]{3,40})(?![a-z])")
_PARTICIPLE = re.compile(r"[a-z]{2,}[ai]d[ao]s?$")


@dataclass(frozen=True)
class Unit:
    """The unit of a number and where it ends. `kind`: percent, points, times, measure, noun, duration, none or refused."""

    end: int
    name: str | None
    kind: str


def find_unit(text: str, folded: str, end: int, *, scaled: bool) -> Unit:
    """Read the unit after a number that ends at `end`; `scaled` allows `de` before the noun (`dos millones de árboles`)."""
    known = load_vocabulary()
    for pattern, name in known.units:
        if match := pattern.match(folded, end):
            return Unit(match.end(), name, "percent" if name == "%" else "times" if name == "times" else "points")
    if match := known.measures.match(folded, end):
        return Unit(match.end(1), text[match.start(1) : match.end(1)], "measure")
    place = end
    if glued := _GLUED.match(folded, end):
        if glued[1] in known.words["ordinals"] or len(glued[1]) < 4:
            return Unit(end, None, "refused")
        return Unit(glued.end(), text[glued.start() : glued.end()], "noun")
    if scaled and (of := _OF.match(folded, place)):
        place = of.end() - 1
    return _noun(text, folded, place, end)


def _noun(text: str, folded: str, place: int, end: int) -> Unit:
    words = load_vocabulary().words
    word = _WORD.match(folded, place)
    for _ in range(2):
        if word and word[1] in words["before_nouns"]:
            word = _WORD.match(folded, word.end())
    if word is None or word[1] in words["not_nouns"]:
        refused = re.compile(r"\s{1,2}de\s{1,2}([a-z]+)").match(folded, end)
        return Unit(end, None, "refused" if refused and refused[1] in words["not_units"] else "none")
    if word[1] in words["durations"]:
        return Unit(word.end(), text[word.start(1) : word.end()], "duration")
    if word[1] in words["not_units"]:
        return Unit(end, None, "refused")
    last = _completed(folded, word)
    return Unit(last, text[word.start(1) : last], "noun")


def _completed(folded: str, noun: re.Match[str]) -> int:
    """Return where the noun ends with the word that it cannot do without (`zonas críticas`, `puestos de trabajo`)."""
    words = load_vocabulary().words
    if noun[1] in words["nouns_of"] and (of := _TAKEN_OF.match(folded, noun.end())):
        return of.end()
    following = _WORD.match(folded, noun.end())
    if noun[1] in words["incomplete_nouns"] and following and following[1] not in words["not_nouns"]:
        agrees = following[1].endswith("s") == noun[1].endswith("s") and not _PARTICIPLE.fullmatch(following[1])
        return following.end() if agrees else noun.end()
    return noun.end()


def find_period(folded: str, start: int, end: int) -> tuple[int, str, str] | None:
    """Find how often: (end, words after a noun, words after another unit), after the unit or just before the number."""
    for after, before, noun, unit in _periods():
        if match := after.match(folded, end):
            return match.end(), noun, unit
        if before.search(folded[max(0, start - 50) : start]):
            return end, noun, unit
    return None


@cache
def _periods() -> tuple[tuple[re.Pattern[str], re.Pattern[str], str, str], ...]:
    return tuple(
        (
            re.compile(rf"(?:\s{{1,2}}(?!y\b|o\b|en\b|al\b)[a-z]{{1,20}}){{0,3}}?\s{{1,2}}(?:{pattern})(?![a-z])"),
            re.compile(rf"\b(?:{pattern})\s{{1,2}}(?:[a-z]{{1,20}}\s{{1,2}}){{0,4}}$"),
            noun,
            unit,
        )
        for pattern, noun, unit in load_vocabulary().periods
    )
