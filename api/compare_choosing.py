"""The page that helps to choose the plans of a comparison: by place, down from the departments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process
from starlette.requests import Request

from api.compare_data import PLACE, Plan, all_plans, describe
from api.compare_view import Asked
from api.context import pages_of
from api.lookup import labels
from api.once import once
from api.strings import Language, say
from kg.gazetteer import load_gazetteer
from kg.text import fold

LISTED = 120  # plans that are listed at once; where a place has more, its parts are listed
ADDED = 40  # plans offered beside those that are compared
NEAR = 5
LONGEST = 80  # characters of a name that are looked up
_LEVELS = (0, 2, 4, 6)  # figures of an INEI code: the country, departments, provinces, districts


@dataclass(frozen=True)
class Part:
    """A place that has plans, with how many."""

    code: str
    name: str
    href: str
    count: str


@dataclass
class Choice:
    """What there is to choose from: plans by place, or the parts of a place; what a name may have meant."""

    heading: str
    groups: list[tuple[str, list[Plan]]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    near: list[tuple[str, str]] = field(default_factory=list)
    near_heading: str = ""


@once
async def known_plans(request: Request) -> dict[str, str]:
    """Return key → INEI code of all plans."""
    return await all_plans(pages_of(request))


@once
async def _plans_by_place(request: Request) -> dict[str, list[str]]:
    return _by_place(await known_plans(request))


async def near_plans(request: Request, unknown: Sequence[str], language: Language) -> list[Plan]:
    """Return the plans whose keys are spelt like one of these."""
    known = list(await known_plans(request))
    keys: dict[str, None] = {}
    for key in unknown[:NEAR]:
        for found, _, _ in process.extract(key[:LONGEST].lower(), known, scorer=fuzz.WRatio, limit=NEAR, score_cutoff=60):
            keys[found] = None
    return await describe(pages_of(request), list(keys)[:NEAR], language)


async def beside(request: Request, asked: Asked) -> list[Plan]:
    """Return plans that may be added: of the same place, then of the same province, department, country."""
    known = await known_plans(request)
    by_place = await _plans_by_place(request)
    keys: dict[str, None] = {}
    for size in reversed(_LEVELS):
        for place in dict.fromkeys(known[key][:size] for key in asked.plans if size <= len(known[key])):
            mine = by_place[place][: ADDED + len(asked.plans)] if len(keys) < ADDED else []
            keys |= dict.fromkeys(key for key in mine if key not in asked.plans)
    return await describe(pages_of(request), list(keys)[:ADDED], asked.language)


def _by_place(known: dict[str, str]) -> dict[str, list[str]]:
    """Return the plans of each place and of all places in it, by the place's code; all of them under the empty one."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, code in known.items():
        for place in dict.fromkeys((code, *(code[:size] for size in _LEVELS))):
            found[place].append(key)
    return found


async def choice_of(request: Request, asked: Asked, wanted: str) -> Choice:
    """Return what there is to choose from in a place: an INEI code or a name; empty for the whole country."""
    known = await known_plans(request)
    if not wanted:
        return await _within(request, asked, known, "")
    codes = _codes(wanted)
    having = [code for code in codes if any(_inside(other, code) for other in known.values())]
    if len(having) == 1:
        return await _within(request, asked, known, having[0])
    choice = await _within(request, asked, known, "")
    _explain(asked, choice, wanted, codes, having)
    return choice


def _explain(asked: Asked, choice: Choice, wanted: str, codes: list[str], having: list[str]) -> None:
    """Say why a place was not found, that it has no plans, or which ones may have been meant: `having` are those with plans."""
    if codes and not having:
        choice.near_heading = _say(asked, "empty_place", name=_declared_name(codes[0], asked.language))
        return
    near = having
    if not codes:
        names = {code: fold(territory.name) for code, territory in load_gazetteer().territories.items()}
        near = [
            code for _, _, code in process.extract(fold(wanted[:LONGEST]), names, scorer=fuzz.ratio, limit=NEAR, score_cutoff=60)
        ]
    heading = "which_place" if codes else "near_place" if near else "unknown_place"
    choice.near_heading = _say(asked, heading, detail=wanted[:LONGEST])
    choice.near = [(_declared_name(code, asked.language), _address(asked, code)) for code in near]


def _declared_name(code: str, language: Language) -> str:
    """Return a place's name with its level, and what it lies in: Puno (distrito), Puno, Puno."""
    gazetteer = load_gazetteer()
    above = [territory.name for territory in gazetteer.ancestors(code)]
    return ", ".join((_in_words(code, gazetteer.territories[code].name, language), *above))


async def _within(request: Request, asked: Asked, known: dict[str, str], scope: str) -> Choice:
    """Return the plans of a place and of the places in it, or the latter with their numbers where these are many."""
    keys = [key for key, code in known.items() if _inside(code, scope)]
    name = (await _place_names(request, [scope], asked.language))[scope] if scope else ""
    choice = Choice(_say(asked, "plans_of", name=name) if scope else _say(asked, "all_plans"))
    listed = keys if len(keys) <= LISTED else [key for key in keys if known[key] == scope][:LISTED]
    choice.groups = await _grouped(request, listed, asked.language)
    if len(keys) > LISTED:
        below = next((size for size in _LEVELS if size > len(scope)), 0)
        counts = Counter(known[key][:below] for key in keys if known[key] != scope)
        names = await _place_names(request, list(counts), asked.language)
        choice.parts = [
            Part(code, names[code], _address(asked, code), _say(asked, "n_plans_1" if n == 1 else "n_plans", count=n))
            for code, n in sorted(counts.items(), key=lambda entry: fold(names[entry[0]]))
        ]
    return choice


async def _grouped(request: Request, keys: list[str], language: Language) -> list[tuple[str, list[Plan]]]:
    """Return the plans by department, and in it by place and year."""
    plans = await describe(pages_of(request), keys, language)
    groups: dict[str, list[Plan]] = {}
    for plan in sorted(plans, key=lambda p: (fold(p.place), p.code, p.start, fold(p.organization), p.key)):
        groups.setdefault(plan.code[:2], []).append(plan)
    names = await _place_names(request, list(groups), language)
    return sorted(((names[code], mine) for code, mine in groups.items()), key=lambda group: fold(group[0]))


async def _place_names(request: Request, codes: list[str], language: Language) -> dict[str, str]:
    named = await labels(pages_of(request), [PLACE + code for code in codes if code], language)
    nation = say("compare.nation", language)
    return {code: _in_words(code, named.get(PLACE + code, code), language) if code else nation for code in codes}


def _in_words(code: str, name: str, language: Language) -> str:
    """Return a place's name with its level, as several places share a name."""
    level = say(f"compare.level_{len(code)}", language) if len(code) in _LEVELS[1:] else ""
    return say("compare.in_place", language, name=name, level=level) if level else name


def _codes(wanted: str) -> list[str]:
    """Return the INEI codes of the places that a reader may mean: by code, or by name whatever its case and accents."""
    gazetteer = load_gazetteer()
    wanted = wanted[:LONGEST].strip()
    coded = gazetteer.by_code(wanted, "inei") if wanted.isascii() and wanted.isdigit() else None
    found = [coded] if coded else gazetteer.by_name(wanted)
    return sorted((territory.inei for territory in found), key=lambda code: (len(code), code))


def _inside(code: str, scope: str) -> bool:
    return code.startswith(scope)


def _address(asked: Asked, code: str) -> str:
    address = asked.address()
    return f"{address}{'&' if '?' in address else '?'}territory={code}"


def _say(asked: Asked, key: str, **filled: object) -> str:
    return say(f"compare.{key}", asked.language, **filled)
