"""Numbers in digits, in words and mixed (`10 mil`, `1 millón 200 mil`, `treinta y cinco`), with their place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from kg.quantities.vocabulary import load_vocabulary
from kg.text import squeeze

_GROUP = (
    r"[.,'’´`]"
    r"|(?<![0-9]{4})\s(?=[0-9]{3}(?![0-9]))"
    r"|(?<=[\s.,'’´`][0-9]{3})\s(?=[0-9]{2}(?![0-9.,%]))"
    r"|,\s(?=0[0-9]{2}(?![0-9])|[0-9]{3},[0-9]{3}(?![0-9]))"
)
DIGITS = rf"[0-9]+(?:(?:{_GROUP})[0-9]+)*"
_LONGEST = 18  # digits; a longer run is a code
_GAP = re.compile(r"\s{0,3}|\s{1,2}(?:y|con|de)\s{1,2}")

_HALF = Decimal("0.5")
_MILLION = Decimal(1_000_000)
_TOO_MUCH = Decimal(10) ** 16

Reading = tuple[Decimal, bool, tuple[Decimal, ...]]


@dataclass(frozen=True)
class Number:
    """A number and where it stands: `text[start:end]`.

    `certain` and `readings` as in `Amount`. `written` tells digits from words; `article` is true for a lone `un`, `una`;
    `scaled` for one that ends in a multiplier (`10 mil`).
    """

    start: int
    end: int
    value: Decimal
    certain: bool = True
    readings: tuple[Decimal, ...] = ()
    written: str = "digits"
    article: bool = False
    scaled: bool = False


def parse_number(raw: str) -> Reading | None:
    """Read digits with separators: (value, certain, other readings), or None where there is no number.

    Groups of three after a first group of one to three are thousands; a last group of one or two digits, or of four
    or more, is a fraction. A lone group of three after a point or comma is read as thousands, except after a lone 0.
    """
    if len(raw) > _LONGEST * 6:
        return None
    text = re.sub(r"(?<=\d)\s{0,3}([.,])\s{0,3}(?=\d)", r"\1", squeeze(raw).strip(" .,'’´`"))
    groups = re.split(r"[.,'’´` ]", text)
    marks = re.findall(r"[.,'’´` ]", text)
    if not all(re.fullmatch(r"[0-9]+", g) for g in groups) or sum(map(len, groups)) > _LONGEST:
        return None
    if len(groups) == 1:
        return Decimal(groups[0]), True, ()
    *head, last = groups
    if len(last) == 3 and not (len(head) == 1 and head[0] == "0"):
        return _grouped(groups)
    if len(head) == 1:
        certain = marks[0] != " "
        return Decimal(f"{head[0]}.{last}"), certain, () if certain else (Decimal(head[0] + last),)
    return _with_cents(head, last, marks)


def _grouped(groups: list[str]) -> Reading:
    value = Decimal("".join(groups))
    well_formed = len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])
    return (value, True, ()) if well_formed else (value, False, (Decimal("".join(groups[:-1])),))


def _with_cents(head: list[str], last: str, marks: list[str]) -> Reading:
    value = Decimal("".join(head) + "." + last)
    well_formed = len(head[0]) <= 3 and all(len(g) == 3 for g in head[1:])
    distinct = marks[-1] == "," or marks[-1] not in marks[:-1]
    certain = well_formed and distinct and marks[-1] != " "
    return value, certain, () if certain else (Decimal("".join(head) + last),)


@cache
def _token() -> re.Pattern[str]:
    known = load_vocabulary()
    words = "|".join(sorted({*known.multipliers, *known.cardinals}, key=len, reverse=True))
    return re.compile(
        rf"(?P<digits>{DIGITS})|(?<![a-z0-9])(?P<word>{words})(?![a-z0-9])|(?<=[0-9])(?P<glued>{words})(?![a-z0-9])"
    )


def find_numbers(folded: str, *, money: bool = False) -> Iterator[Number]:
    """Find the numbers of a folded text, in its order. `money` allows the multipliers that hold for money only."""
    held: Number | None = None
    for token in _tokens(folded, money=money):
        joined = _joined(held, token, folded) if held and _GAP.fullmatch(folded, held.end, token.start) else None
        if joined is None and held is not None:
            yield held
        held = joined or token
    if held is not None:
        yield held


def _tokens(folded: str, *, money: bool) -> Iterator[Number]:
    known = load_vocabulary()
    for match in _token().finditer(folded):
        word = match["word"] or match["glued"]
        if word is None:
            parsed = parse_number(match["digits"])
            if parsed:
                yield Number(match.start(), match.end(), *parsed)
        elif word in known.multipliers:
            if money or word not in known.money_multipliers:
                yield Number(match.start(), match.end(), known.multipliers[word], written="multiplier", scaled=True)
        elif not folded.startswith("por ", max(0, match.start() - 4)):
            value = known.cardinals[word]
            yield Number(match.start(), match.end(), value, written="words", article=value == 1)


def _joined(held: Number, token: Number, folded: str) -> Number | None:
    """Return the number that the two make together, or None where they are two."""
    between = folded[held.end : token.start].strip()
    plain = not between
    if token.written == "multiplier":
        thousands_of = between == "de" and held.scaled and token.value >= _MILLION  # "2,5 miles de millones"
        return _times(held, token.value, token.end) if plain or thousands_of else None
    if between == "de":
        return None
    if not held.scaled and (held.written == "digits" or token.written == "digits"):
        return None
    fits = _half(held, token) if token.value == _HALF else _smaller(held, token, folded, plain=plain)
    if not fits:
        return None
    added = _MILLION / 2 if token.value == _HALF else token.value
    return replace(held, end=token.end, value=held.value + added, article=False, written=min(held.written, "words"))


def _times(held: Number, factor: Decimal, end: int) -> Number | None:
    low = held.value % factor if held.scaled else held.value
    high = held.value - low if held.value > factor and held.scaled else Decimal(0)
    if high and not low:
        return None
    value = high + (low or held.value) * factor
    readings = tuple(r * factor for r in held.readings)
    return replace(held, end=end, value=value, readings=readings, article=False, scaled=True) if value < _TOO_MUCH else None


def _half(held: Number, token: Number) -> bool:
    return held.scaled and held.value % _MILLION == 0 and token.start - held.end >= 3  # "un millón y medio"


def _smaller(held: Number, token: Number, folded: str, *, plain: bool) -> bool:
    """Say whether the token goes on with the number: hundreds after thousands, tens after hundreds, `y` before a unit."""
    value, new = held.value, token.value
    if token.written == "digits":
        thousands = re.compile(r"\s{1,3}mil(?:es)?\b").match(folded, token.end) is not None
        return new < 1000 and (thousands if value % _MILLION == 0 else plain and new >= 100 and value % 1000 == 0)
    if token.article and held.scaled:
        return False
    if not plain:
        return value % 100 >= 30 and value % 10 == 0 and 1 <= new < 10
    return (value >= 1000 and value % 1000 == 0 and new < 1000) or (value >= 100 and value % 100 == 0 and new < 100)
