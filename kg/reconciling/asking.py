"""Reconciliation queries: what a client asks, read with care, and its candidates.

Source: Reconciliation Service API 0.2, https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from kg.reconciling.index import Entity, Index, code_forms
from kg.reconciling.likeness import NEARLY
from kg.reconciling.vocabulary import SYSTEMS, Property, Vocabulary, Words
from kg.text import fold

LIMIT, MOST = 5, 50  # candidates of a query that asks for no number of them, and at most
TEXT_SIZE = 300  # characters of a name that are read
VALUES = 20  # values of a property, and properties of a query, that are read
NARROW = 80.0  # likeness from which the value of a property counts as nearly the same: nothing is certain then
BY_CODE_ALONE, BY_PROPERTIES_ALONE = 90.0, 50.0  # score of a code without its system, and without any name
AGREES = 70.0  # likeness from which a name agrees with a code beside it
SAME, NEAR, OTHER = 2, 1, 0  # how the properties of a thing stand to those asked for
AGAINST = 0.5  # what the score counts when properties say otherwise
_CODE = re.compile(r"^(?P<system>[a-z ]*?)[\s:.-]*(?P<digits>\d{1,6}(?:\.0)?)$")
_PLACES = {"Territory", "Department", "Province", "District"}
_TYPES, _STRICT = (str, int, float, bool), {"any", "should", "all"}


class BadQuery(Exception):
    """A query that does not have the form of the specification: where, and what is expected."""

    def __init__(self, where: str, what: str):
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what


@dataclass(frozen=True)
class Value:
    """A value that a property is asked to have: a text with the forms in which it is compared, or the id of a thing."""

    text: str
    keys: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Asked:
    """A query. `types`: any of them, all where `all_types`; `sure`: nothing unknown was asked, so that a match can be certain."""

    text: str
    types: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    all_types: bool = False
    limit: int = LIMIT
    narrow: tuple[tuple[Property, tuple[Value, ...]], ...] = ()
    sure: bool = True


@dataclass(frozen=True)
class Candidate:
    """A thing that may be meant: its score (0 to 100), if it is meant for sure, how like its name is, if properties agree."""

    entity: Entity
    score: float
    match: bool
    likeness: float
    exact: bool
    agrees: bool


# ------------------------------------------------------------------ reading


def parse_batch(text: str, vocabulary: Vocabulary, most: int) -> dict[str, Asked]:
    """Read a batch of queries from JSON.

    Raises:
        BadQuery: it is not JSON or not of the form of the specification. ValueError: there are more than `most`.
    """
    raw = load_json(text, "queries")
    if not isinstance(raw, dict):
        raise BadQuery("queries", 'an object of queries is expected: {"q0": {"query": "…"}}')
    if len(raw) > most:
        raise ValueError(len(raw))
    return {key: parse_query(value, f"queries.{key[:50]}", vocabulary) for key, value in raw.items()}


def load_json(text: str, where: str) -> Any:
    """Read JSON; raises BadQuery, also for what is nested too deeply to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadQuery(where, f"not JSON ({str(error)[:100]})") from error


def parse_query(raw: object, where: str, vocabulary: Vocabulary) -> Asked:
    """Read one query.

    Raises:
        BadQuery: a part of it has not the form of the specification.
    """
    if not isinstance(raw, dict):
        raise BadQuery(where, 'an object is expected: {"query": "…"}')
    text = raw.get("query", "")
    if not isinstance(text, str):
        raise BadQuery(f"{where}.query", "a text is expected")
    narrow, known_properties = _narrow(raw.get("properties"), f"{where}.properties", vocabulary)
    if "query" not in raw and not raw.get("properties"):
        raise BadQuery(where, "`query` or `properties` is needed")
    given = _types(raw.get("type"), f"{where}.type", vocabulary.types)
    found = [t for t in given if t in vocabulary.types]
    strict = raw.get("type_strict", "should")
    if not isinstance(strict, str) or strict not in _STRICT:
        raise BadQuery(f"{where}.type_strict", "any, should or all is expected")
    codes = tuple(system for t in found if (system := vocabulary.types[t].code))
    types = dict.fromkeys("Territory" if vocabulary.types[t].code else t for t in found)
    return Asked(
        text[:TEXT_SIZE],
        tuple(types),
        codes,
        strict == "all",
        _limit(raw.get("limit"), f"{where}.limit"),
        narrow,
        len(found) == len(given) and known_properties,
    )


def _limit(raw: object, where: str) -> int:
    if raw is None:
        return LIMIT
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or raw < 1:
        raise BadQuery(where, "a number from 1 on is expected")
    return min(int(raw), MOST)


def _types(raw: object, where: str, known: Mapping[str, object]) -> list[str]:
    """Return the ids of the types asked for; the last part of an IRI or prefixed name counts."""
    given = raw if isinstance(raw, list) else [raw] if raw else []
    ids: list[Any] = [t["id"] if isinstance(t, dict) and "id" in t else t for t in given]
    if not all(isinstance(t, str) for t in ids):
        raise BadQuery(where, "a type or a list of types is expected")
    return [t if t in known else re.split(r"[#/:]", t)[-1] for t in ids if t]


def _narrow(raw: object, where: str, vocabulary: Vocabulary) -> tuple[tuple[tuple[Property, tuple[Value, ...]], ...], bool]:
    """Return the properties to narrow by, with the values of each, and whether all that were given can narrow."""
    if raw is None:
        return (), True
    if not isinstance(raw, list):
        raise BadQuery(where, "a list is expected")
    found, sure = [], len(raw) <= VALUES
    for number, item in enumerate(raw[:VALUES]):
        if not isinstance(item, dict) or not isinstance(item.get("pid"), str) or "v" not in item:
            raise BadQuery(f"{where}[{number}]", '{"pid": "…", "v": …} is expected')
        given = item["v"] if isinstance(item["v"], list) else [item["v"]]
        values = tuple(_value(v, f"{where}[{number}].v", vocabulary.words) for v in given[:VALUES])
        property_ = vocabulary.properties.get(re.split(r"[#/:]", item["pid"])[-1])
        if property_ is None or property_.compare is None:
            sure = False
        elif any(v.text or v.id for v in values):
            found.append((property_, values))
    return tuple(found), sure


def _value(raw: object, where: str, words: Words) -> Value:
    """Read a value; of a thing that was reconciled before, id and name."""
    id_ = ""
    if isinstance(raw, dict) and isinstance(raw.get("id"), str):
        id_, raw = raw["id"], raw.get("name") or ""
    if not isinstance(raw, _TYPES):
        raise BadQuery(where, "a text, a number, a truth value or an object with an id is expected")
    text = (str(int(raw)) if isinstance(raw, float) and raw.is_integer() else str(raw))[:TEXT_SIZE].strip()
    tokens = words.tokens(text)
    forms = (" ".join(tokens), " ".join(t for t in tokens if t not in words.levels))
    return Value(text, tuple(dict.fromkeys(filter(None, forms))), id_)


# ------------------------------------------------------------------ answering


def answer(asked: Asked, index: Index) -> list[Candidate]:
    """Return the candidates of a query, the best first."""
    scores, certain = _found(asked, index)
    kept = {id_: score for id_, score in scores.items() if _is_of(index.entities[id_], asked, index)}
    standing = {id_: _standing(index.entities[id_], asked, index) for id_ in kept}
    exact = {id_ for id_ in certain & kept.keys() if standing[id_] == SAME}
    best = {id_ for id_ in kept if standing[id_] != OTHER} or kept.keys()
    candidates = [_candidate(index.entities[id_], kept[id_], asked, exact, standing[id_] != OTHER) for id_ in best]
    return sorted(candidates, key=lambda c: _rank(c, asked, index))[: asked.limit]


def _found(asked: Asked, index: Index) -> tuple[dict[str, float], set[str]]:
    """Return what may be meant with its likeness, and what is meant exactly: its name is the same, or a code says so."""
    by_code = {id_ for p, values in asked.narrow if p.identifies for v in values for id_ in index.by_code(p, v.text)}
    text = asked.text.strip()
    if not text:
        return _by_properties(asked, index, by_code)
    if entity := index.entities.get(_local(text)):
        return {entity.id: 100.0}, {entity.id}
    if code := _code(text, asked, index):
        return code
    key = index.words.key(text)
    exact, scores = _by_name(key, asked, index)
    agreeing = {id_: index.likeness_to(index.entities[id_], key) for id_ in by_code}
    scores |= {id_: max(score, scores.get(id_, 0.0)) for id_, score in agreeing.items()}
    return scores, {id_ for id_ in by_code if scores[id_] >= AGREES} or exact


def _local(text: str) -> str:
    """Return what of a text would be the id of a thing: `territory/2101`, also at the end of an address."""
    return "/".join(text.rstrip("/").split("/")[-2:])


def _code(text: str, asked: Asked, index: Index) -> tuple[dict[str, float], set[str]] | None:
    """Return what a code stands for. One without its system is certain only where both systems say the same."""
    parts = _CODE.match(fold(text))
    if not parts or not code_forms(parts["digits"]) or not (not asked.types or _PLACES & set(asked.types)):
        return None
    named = index.words.systems.get(parts["system"].strip()) if parts["system"].strip() else ""
    if named is None:
        return None
    systems = (named,) if named else asked.systems or SYSTEMS
    properties = [p for p in index.vocabulary.properties.values() if p.compare in systems]
    each = [index.by_code(p, parts["digits"]) for p in properties]
    found = set().union(*each)
    if not found and not named:
        return None
    certain = found if len(found) == 1 and all(each) else set()
    return dict.fromkeys(found, 100.0 if certain else BY_CODE_ALONE), certain


def _by_properties(asked: Asked, index: Index, by_code: set[str]) -> tuple[dict[str, float], set[str]]:
    """Return what a query without a name may mean: what a code says, else all that have the properties."""
    if by_code or not asked.narrow:
        return dict.fromkeys(by_code, 100.0), by_code
    having = (e.id for e in index.of_type(asked.types) if all(e.values.get(p.id) for p, _ in asked.narrow))
    return dict.fromkeys(having, BY_PROPERTIES_ALONE), set()


def _by_name(key: str, asked: Asked, index: Index) -> tuple[set[str], dict[str, float]]:
    """Return what has the name, and what has one like it. Words that only say levels count, or narrow to the first one's."""
    forms = [(key, asked.types)]
    tokens = key.split()
    level = index.words.levels.get(tokens[0]) if len(tokens) > 1 else None
    if level and (not asked.types or {level, "Territory"} & set(asked.types)):
        forms.append((" ".join(t for t in tokens if t not in index.words.levels), (level,)))
    exact: set[str] = set()
    scores: dict[str, float] = {}
    for form, types in forms:
        exact = exact or index.exactly(form, types)
        for id_, score in index.like(form, types).items():
            scores[id_] = max(scores.get(id_, 0.0), min(score, NEARLY))
    return exact, scores | dict.fromkeys(exact, 100.0)


def _is_of(entity: Entity, asked: Asked, index: Index) -> bool:
    types = index.vocabulary.with_broader(entity.type)
    return not asked.types or (all if asked.all_types else any)(t in types for t in asked.types)


def _standing(entity: Entity, asked: Asked, index: Index) -> int:
    """Tell how the properties of a thing stand to those asked for; one that it does not have says nothing."""
    each = (
        max(_fit(own, value, property_, index) for own in entity.values[property_.id] for value in values)
        for property_, values in asked.narrow
        if entity.values.get(property_.id)
    )
    return min(each, default=SAME)


def _fit(own: str, value: Value, property_: Property, index: Index) -> int:
    """Compare a value that a thing has with one that was asked for."""
    if value.id and own in {value.id, _local(value.id)}:
        return SAME
    if property_.compare in SYSTEMS:
        return SAME if own in code_forms(value.text) else OTHER
    if property_.compare in {"number", "id"}:
        return SAME if own.lstrip("0") == value.text.removesuffix(".0").lstrip("0") else OTHER
    entity = index.entities.get(own)
    names: Iterable[str] = entity.keys if entity else (index.value_key(own),)
    likeness = max((fuzz.ratio(name, key) for name in names for key in value.keys), default=0.0)
    return SAME if likeness == 100 else NEAR if likeness >= NARROW else OTHER


def _candidate(entity: Entity, score: float, asked: Asked, exact: set[str], agrees: bool) -> Candidate:
    certain = exact == {entity.id}
    score = score if agrees else score * AGAINST
    return Candidate(entity, round(score, 1), certain and asked.sure, round(score, 1), entity.id in exact, agrees)


def _rank(candidate: Candidate, asked: Asked, index: Index) -> tuple[object, ...]:
    """Order candidates: the most certain and likest first, then those that have what was asked for, then by their own name."""
    entity = candidate.entity
    has = sum(1 for p, _ in asked.narrow if entity.values.get(p.id))
    own = bool(entity.keys) and entity.keys[0] == index.words.key(asked.text)
    return (not candidate.match, -candidate.score, -has, not own, index.order[entity.type], len(entity.name), entity.id)
