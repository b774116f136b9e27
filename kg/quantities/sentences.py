"""What stands around a number: the sentence, the verb that governs it, the year it is for."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from functools import cache

from kg.quantities.vocabulary import Trend, load_vocabulary

YEAR = re.compile(r"(?<![0-9.,'])(?:19[5-9][0-9]|20[0-4][0-9])(?![.,'][0-9]|[0-9])")
_END = re.compile(r"[.!?](?=\s|[a-z0-9•¿(]|$)(?<![0-9]\.(?=[0-9]))(?<!\bn\.)(?<!\bart\.)(?<!\bs/\.)|•|\n")
_LEADING = re.compile(r"\s{0,3}(?:[-•]\s{0,2})?\(?(20[0-9]{2})\)?\s{0,2}:")
_PERIOD = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}\s?[-–/]\s?(20[0-9]{2})(?![0-9])")
REACH = Trend("reach")
_CLAUSE = 200  # characters back to look for the start of a clause


@dataclass(frozen=True)
class Surroundings:
    """Sentences, verbs and years of one folded text, made ready for look-ups by place."""

    folded: str
    ends: list[int]
    verbs: list[tuple[int, int, Trend]]
    years: list[tuple[int, int]]
    leading: list[tuple[int, int]]
    starts: list[int] = field(default_factory=list)

    def sentence(self, place: int) -> tuple[int, int]:
        """Return the bounds of the sentence around a place."""
        index = bisect_right(self.ends, place)
        start = self.ends[index - 1] if index else 0
        return start, self.ends[index] if index < len(self.ends) else len(self.folded)

    def verb(self, place: int) -> tuple[int, int, Trend] | None:
        """Return the last telling verb before a place in its sentence, as (start, end, trend).

        A semicolon with a new subject ends its reach.
        """
        index = bisect_left(self.starts, place) - 1
        if index < 0 or self.verbs[index][0] < self.sentence(place)[0]:
            return None
        end = self.verbs[index][1]
        _, mark, clause = self.folded[max(end, place - _CLAUSE) : place].rpartition(";")
        return None if mark and re.search(r"[a-z]{4}", clause) else self.verbs[index]

    def year(self, place: int) -> int | None:
        """Return the year that a number at this place is for; a year that leads (`2030: …`) holds until the next one."""
        start, end = self.sentence(place)
        low, high = bisect_left(self.years, (start, 0)), bisect_left(self.years, (end, 0))
        here = bisect_left(self.years, (place, 0))
        if low < high:
            first = self.years[low][0]
            before_all = not re.search(r"[0-9]", self.folded[max(start, first - 60) : first])
            if here > low and (before_all or here == high):
                return self.years[here - 1][1]
            return self.years[min(here, high - 1)][1]
        index = bisect_right(self.leading, (place, 0)) - 1
        return self.leading[index][1] if index >= 0 else None

    def without_years(self, spans: list[tuple[int, int]]) -> Surroundings:
        """Leave out the years inside the spans: those of baselines."""
        dropped = {
            y for low, high in spans for y in self.years[bisect_left(self.years, (low, 0)) : bisect_left(self.years, (high, 0))]
        }
        return replace(self, years=[year for year in self.years if year not in dropped]) if dropped else self


@cache
def _trends() -> tuple[re.Pattern[str], tuple[Trend, ...]]:
    known = load_vocabulary().trends
    return re.compile("|".join(f"({pattern.pattern})" for pattern, _ in known)), tuple(trend for _, trend in known)


def find_verbs(folded: str) -> list[tuple[int, int, Trend]]:
    """Find the words that tell what a sentence wants of its value."""
    pattern, trends = _trends()
    return [(m.start(), m.end(), trends[(m.lastindex or 1) - 1]) for m in pattern.finditer(folded)]


def look_around(folded: str) -> Surroundings:
    """Prepare a folded text."""
    verbs = find_verbs(folded)
    ends = [match.end() for match in _END.finditer(folded)]
    leading = [(m.start(1), int(m.group(1))) for start in [0, *ends] if (m := _LEADING.match(folded, start))]
    return Surroundings(folded, ends, verbs, _years(folded), leading, [start for start, _, _ in verbs])


@cache
def _year_mark() -> re.Pattern[str]:
    before = load_vocabulary().year_before
    return re.compile(rf"\b(?:(?:{before})\s{{1,2}}){{1,4}}(?P<year>20[0-9][0-9])(?![0-9]|[.,'][0-9])(?:\s(?P<noun>[a-z]+s)\b)?")


def _years(folded: str) -> list[tuple[int, int]]:
    past = load_vocabulary().year_not_before
    found = [(m.start("year"), int(m["year"])) for m in _year_mark().finditer(folded) if not counts(m[0], m["noun"])]
    found += [(m.start(1), int(m[1])) for m in _PERIOD.finditer(folded)]
    return sorted({(at, year) for at, year in found if not past.search(folded[max(0, at - 40) : at])})


def counts(before: str, noun: str | None) -> bool:
    """Say whether four digits that could be a year count something: `a 2000 familias`, but not `al 2026 familias`."""
    if not noun or noun in load_vocabulary().words["not_nouns"]:
        return False
    return not re.search(r"\b(?:al|el|ano|del|periodo)\s{1,2}(?:[0-9]{4}.*)?$", before)
