"""What a target sentence aims at: values with unit, direction, year and, where it is told, the value that it starts from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache

from kg.quantities.items import BEFORE, Item, find_items
from kg.quantities.pairs import join_pairs
from kg.quantities.sentences import REACH, YEAR, Surroundings, find_verbs, look_around
from kg.quantities.units_of import find_period
from kg.quantities.vocabulary import Trend, load_vocabulary
from kg.text import fold_aligned, squeeze


@dataclass(frozen=True)
class Quantity:
    """A number that a target or statement aims at.

    `unit` is `%`, `% (relative)` (a share of what there is), `percentage points`, `times`, a currency code, or the noun as
    written; with `per year`, `per month` or, after a noun, `por año` where the plan says so. `direction` is increase, decrease
    or reach. `baseline` is where the plan says it starts, `upper` the far end of a range. It stands at `text[start:end]`.
    """

    raw: str
    value: Decimal
    unit: str | None
    direction: str
    year: int | None = None
    baseline: Decimal | None = None
    upper: Decimal | None = None
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


def find_years(text: str) -> list[int]:
    """Return the calendar years named in the text, in order, with repetitions."""
    return [int(match.group()) for match in YEAR.finditer(fold_aligned(text))]


def direction_of(text: str, default: str = "reach") -> str:
    """Say what a sentence wants of its value, from the first word that tells."""
    verbs = find_verbs(fold_aligned(text))
    return verbs[0][2].direction if verbs else default


def find_targets(text: str, year: int | None = None, is_target: bool = False) -> list[Quantity]:
    """Find what a target sentence aims at, in the order of the text; empty where it states no number.

    `year` is the year of the column or plan; a year in the sentence itself (`al 2026`, `2030:`) wins. `is_target`: the plan
    itself calls the text a target; then its first number counts also where the words alone leave it open (`20 horas`), and
    `de 30 a 7 días` tells where it starts.
    """
    folded = fold_aligned(text)
    around = look_around(folded)
    items = join_pairs(folded, sorted(find_items(text, folded, around), key=lambda item: item.start), around)
    around = around.without_years([(item.start, item.end) for item in items if item.baseline is not None])
    kept = [item for item in items if _is_target(item, folded, around)]
    if is_target:
        kept = [_from_start(item, folded) for item in kept or [i for i in items if i.kind != "refused"][:1]]
    return [_quantity(text, folded, item, around, year) for item in kept]


def _from_start(item: Item, folded: str) -> Item:
    """Read `de 30 a 7 días` as a baseline and its target, not as a range."""
    if item.upper is None or not re.search(r"(?:^|:\s?|\b(?:pasar|sube|baja)\s)de\s$", folded[: item.start]):
        return item
    return replace(
        item, value=item.upper, upper=None, baseline=item.value, grows="increase" if item.upper > item.value else "decrease"
    )


def _is_target(item: Item, folded: str, around: Surroundings) -> bool:
    before = folded[max(0, item.start - BEFORE) : item.start]
    verb = around.verb(item.start)
    words = load_vocabulary().words
    if item.kind == "refused":
        return False
    if item.kind == "factor":
        return not _has_range(item, folded, around)
    if item.kind == "duration":
        start, end = around.sentence(item.start)
        window = re.findall(r"[a-z]+", folded[max(start, item.start - 2 * BEFORE) : min(end, item.end + BEFORE)])
        changed = verb is not None and (verb[2].change or item.baseline is not None)
        return changed and any(word in words["times_of"] for word in window)
    if item.kind == "none" and item.unit is None:
        return _bare_counts(item, before, folded, around)
    if item.kind in {"noun", "measure"}:
        last = re.findall(r"[a-z]+", before)[-1:]
        return not last or last[0] not in words["known"] or load_vocabulary().arriving.search(before) is not None
    return True


def _has_range(item: Item, folded: str, around: Surroundings) -> bool:
    """Say whether `duplicar … de 10 a 20` gives the two values, which then stand for themselves."""
    _, end = around.sentence(item.start)
    return (
        re.search(r"\bde(?:l|sde)?\s{1,2}[0-9][^;]{0,60}?\s(?:a|al|hasta)\s[0-9]", folded[item.end : min(end, item.end + 160)])
        is not None
    )


def _bare_counts(item: Item, before: str, folded: str, around: Surroundings) -> bool:
    """Say whether a number without unit is a value: the end of a change, `a 40` after a verb, or all that is written."""
    alone = len(folded) - (item.number_end - item.start) < 10 and not re.search(
        r"[a-z0-9]", folded[: item.start] + folded[item.number_end :]
    )
    verb = around.verb(item.start)
    moved = verb is not None and verb[2].direction != "reach" and not verb[2].weak
    led = re.search(r"\b(?:a|hasta)(?: menos de| mas de)?\s{1,2}$", before) is not None
    often = find_period(folded, 0, item.number_end)
    yearly = often is not None and not re.search(r"[a-z]+ [a-z]+ ", folded[item.number_end : often[0]])
    return (
        item.baseline is not None or alone or yearly or (moved and led) or load_vocabulary().arriving.search(before) is not None
    )


def _quantity(text: str, folded: str, item: Item, around: Surroundings, year: int | None) -> Quantity:
    before = folded[max(0, item.start - BEFORE) : item.start]
    unit, end = _unit_name(text, folded, item)
    direction, relative, start = _wish(folded, before, item, around)
    if relative and unit and unit.startswith("%"):
        unit = unit.replace("%", "% (relative)", 1)
    raw = squeeze(text[start:end])
    told = around.year(item.start)
    return Quantity(raw, item.value, unit, direction, told or year, item.baseline, item.upper, start, end)


def _unit_name(text: str, folded: str, item: Item) -> tuple[str | None, int]:
    unit = item.unit
    if unit and unit.startswith("\0"):
        back_start, back_end = (int(n) for n in unit[1:].split(":"))
        unit = text[item.start - back_start : item.start - back_end]
    if item.kind in {"factor", "fraction", "duration"}:
        return unit, item.end
    period = find_period(folded, item.start if item.kind in {"money", "percent"} else 0, item.end)
    if period is None:
        return unit, item.end
    end, for_noun, for_unit = period
    spoken = for_noun if item.kind in {"noun", "measure", "none"} else for_unit
    return f"{unit} {spoken}" if unit else spoken, end


def _wish(folded: str, before: str, item: Item, around: Surroundings) -> tuple[str, bool, int]:
    """Return (direction, whether the percentage is a share of what there is, where the raw text starts)."""
    trend = around.verb(item.start + 1 if item.kind == "factor" else item.start)
    after = _noun_of_change().match(folded, item.end)
    start, manner = _manner(folded, item, trend)
    if item.grows:
        return item.grows, False, start
    if after:
        share = item.kind in {"percent", "fraction"} and not _of_a_rate(folded, (item.start, item.start, REACH), item)
        return find_verbs(after[0])[0][2].direction, share, start
    if trend is None or _starts_anew(folded, before, item):
        return REACH.direction, False, start
    wish = trend[2]
    if wish.weak:
        return ("increase" if manner == "by" else "reach"), False, start
    share = item.kind in {"percent", "fraction"} and wish.change and manner == "by" and not _of_a_rate(folded, trend, item)
    return wish.direction, share or (item.kind == "fraction" and wish.change), start


def _starts_anew(folded: str, before: str, item: Item) -> bool:
    """Say whether a share stands as a subject of its own after a conjunction: `… en 30 % y 100 % de los distritos conectados`."""
    return (
        item.kind == "percent" and re.search(r"(?:[,;]|\sy)\s{1,2}$", before) is not None and folded.startswith(" de ", item.end)
    )


@cache
def _noun_of_change() -> re.Pattern[str]:
    patterns = [p.pattern for p, trend in load_vocabulary().trends if trend.change]
    return re.compile(rf"\s{{1,2}}(?:de )?(?:{'|'.join(patterns)})(?= (?:[a-z]{{4,12}} )?(?:del?|en)\b)")


@cache
def _approached() -> re.Pattern[str]:
    return re.compile(rf"(?:\b(?:{load_vocabulary().approximations})\s{{1,2}}){{1,3}}$")


def _manner(folded: str, item: Item, verb: tuple[int, int, Trend] | None) -> tuple[int, str]:
    """Return where the expression starts and how it changes its object: `by` (en 20 %), `to` (al 20 %) or nothing told."""
    low = max(0, item.start - BEFORE)
    before = folded[low : item.start]
    rounded = _approached().search(before)
    cut = rounded.start() if rounded else len(before)
    held = re.sub(r"^(?:un|una|el|otros|otras)\s{1,2}", "", before[cut:])
    first = len(before) - len(held)
    preposition = re.search(r"\b(en|a|al|del?|hasta)\s{1,2}$", before[:cut])
    reach_up = rounded is not None and re.match(r"hasta\b", rounded[0]) is not None
    if preposition and (item.baseline is not None or not preposition[1].startswith("de")):
        first = preposition.start()
    direct = verb is not None and low <= verb[1] and _governs(before[verb[1] - low : cut])
    manner = (
        "by"
        if preposition and preposition[1] == "en"
        else "to"
        if (preposition and preposition[1] in {"a", "al"}) or reach_up
        else ""
    )
    noun = verb is not None and re.search(r"(?:o|cion|miento)$", folded[verb[0] : verb[1]]) is not None
    if not manner and (direct or (noun and preposition and preposition[1].startswith("de"))):
        manner = "by"
    if direct and verb and item.kind != "factor":
        return (verb[0] if preposition is None or preposition[1] != "de" else low + first), manner
    return (low + first if item.kind != "factor" else item.start), manner


def _governs(between: str) -> bool:
    """Say whether a number stands right after its verb: `reducir en`, `reducción del`, `reducción anual del`."""
    return re.fullmatch(r"\s{0,3}(?:en|a|al|del?|hasta)?\s{0,3}|\s{1,3}[a-z]{4,20}\s{1,2}del?\s{1,3}", between) is not None


def _of_a_rate(folded: str, verb: tuple[int, int, Trend], item: Item) -> bool:
    """Say whether what changes is a share already, so that "en 5 %" may mean points."""
    after = re.split(r"[0-9.;,]|\sy\s", folded[item.end : item.end + 40])[0]
    between = folded[max(verb[1], item.start - 2 * BEFORE) : item.start]
    return any(word in load_vocabulary().words["rates"] for word in re.findall(r"[a-z]+", between + " " + after))
