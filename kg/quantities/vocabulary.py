"""The words that quantities are written with, from `kg/data/units.yaml`, made ready for matching folded text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from kg.declared import Collector, Item, read_yaml
from kg.paths import DATA


@dataclass(frozen=True)
class Trend:
    """What a verb wants of the value that it governs.

    `change`: "en 20 %" after it is a share of what there is. `weak`: only "en 20 %" after it tells of a change.
    """

    direction: str
    change: bool = False
    weak: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """Declared words, as look-ups for single words and as compiled patterns (named groups where several meanings share one)."""

    multipliers: dict[str, Decimal]
    money_multipliers: frozenset[str]
    cardinals: dict[str, Decimal]
    fractions: tuple[tuple[re.Pattern[str], Decimal], ...]
    factors: tuple[tuple[re.Pattern[str], Decimal], ...]
    currency_before: tuple[tuple[re.Pattern[str], str], ...]
    currency_after: tuple[tuple[re.Pattern[str], str], ...]
    units: tuple[tuple[re.Pattern[str], str], ...]
    measures: re.Pattern[str]
    periods: tuple[tuple[str, str, str], ...]
    trends: tuple[tuple[re.Pattern[str], Trend], ...]
    approximations: str
    arriving: re.Pattern[str]
    references: re.Pattern[str]
    making: re.Pattern[str]
    year_before: str
    year_not_before: re.Pattern[str]
    now: re.Pattern[str]
    words: dict[str, frozenset[str]]


_WORD_LISTS = (
    "rates",
    "known",
    "ordinals",
    "not_units",
    "durations",
    "times_of",
    "not_nouns",
    "before_nouns",
    "incomplete_nouns",
    "nouns_of",
    "works",
)


@cache
def load_vocabulary() -> Vocabulary:
    """Load the declared words.

    Raises:
        KgError, ProblemsError: the file is missing, no YAML, or not of the expected form.
    """
    root, collector = read_yaml(DATA / "units.yaml")
    top = collector.mapping(root, "")

    def rows(section: str) -> list[dict[str, Item]]:
        return [collector.mapping(entry, section) for entry in collector.sequence(top.get(section), section)]

    def listed(section: str) -> list[str]:
        return collector.scalars(top.get(section), section)

    years = collector.mapping(top["years"], "years")
    multipliers = rows("multipliers")
    vocabulary = Vocabulary(
        multipliers={_text(f, "word"): Decimal(_text(f, "factor")) for f in multipliers},
        money_multipliers=frozenset(_text(f, "word") for f in multipliers if "money" in f),
        cardinals={w: Decimal(_text(f, "value")) for f in rows("cardinals") for w in collector.scalars(f["words"], "words")},
        fractions=tuple((_starting(_patterns(f, collector), r"\b"), Decimal(_text(f, "of"))) for f in rows("fractions")),
        factors=tuple((_starting(_patterns(f, collector), r"\b"), Decimal(_text(f, "times"))) for f in rows("factors")),
        currency_before=tuple((_ending(collector.scalars(f["before"], "before")), _text(f, "code")) for f in rows("currencies")),
        currency_after=tuple(
            (re.compile(rf"\s{{0,3}}(?:de )?(?:{_any(collector.scalars(f['after'], 'after'))})"), _text(f, "code"))
            for f in rows("currencies")
        ),
        units=tuple((re.compile(rf"\s{{0,3}}(?:{_any(_patterns(f, collector))})"), _text(f, "unit")) for f in rows("units")),
        measures=re.compile(rf"\s{{0,3}}({_any(listed('measures'))})(?![a-z0-9])\.?"),
        periods=tuple((_any(_patterns(f, collector)), _text(f, "noun"), _text(f, "unit")) for f in rows("periods")),
        trends=tuple(
            (_starting(_patterns(f, collector), ""), Trend(_text(f, "direction"), "change" in f, "weak" in f))
            for f in rows("directions")
        ),
        approximations=_any(sorted(listed("approximations"), key=len, reverse=True)),
        arriving=re.compile(rf"\b(?:{_any(listed('arriving'))})\s+(?:a )?(?:los|las)\s+$"),
        references=re.compile(rf"(?<![a-z0-9])(?:{_any(listed('references'))})\s{{0,2}}[:°]?\s{{0,2}}$"),
        making=re.compile(rf"\b(?:{_any(listed('making'))})\b"),
        year_before=_any(sorted(collector.scalars(years["before"], "before"), key=len, reverse=True)),
        year_not_before=re.compile(rf"\b(?:{_any(collector.scalars(years['not_before'], 'not_before'))})\b[^.;]{{0,20}}$"),
        now=re.compile(rf"\b(?:{_any(listed('now'))})\b[^0-9.;]{{0,15}}$"),
        words={name: frozenset(listed(name)) for name in _WORD_LISTS},
    )
    collector.raise_if_any()
    return vocabulary


def _text(fields: dict[str, Item], key: str) -> str:
    return str(fields[key].value)


def _patterns(fields: dict[str, Item], collector: Collector) -> list[str]:
    return collector.scalars(fields["patterns"], "patterns")


def _any(patterns: Iterable[str]) -> str:
    return "|".join(patterns)


def _starting(patterns: Iterable[str], end: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{_any(patterns)}){end}")


def _ending(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{_any(patterns)})\s{{0,3}}$")
