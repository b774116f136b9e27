"""What reconciliation takes from a snapshot: the index of names, built once off the event loop, and the values of properties."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from api.lookup import XSD, Node, Row, labels, parsed, quotable, rows
from api.strings import LANGUAGES
from kg.frames import Query
from kg.namespaces import BASE
from kg.pool import Pool
from kg.reconciling import Entity, Index, Property, Vocabulary, load_vocabulary
from kg.snapshots import Snapshot
from kg.text import slug

logger = logging.getLogger(__name__)
ID = BASE + "id/"
ROWS = 400_000  # names of a type, or values of a property, that are kept; a graph that has more is cut there, and the log says so
BYTES = 256 * 1024**2  # of an answer that the index is made from
VALUES = 200  # values of a property of one thing that an answer tells
BULK = 20_000  # values of a property that are asked for at once; where there are more, each thing is asked for by itself
_KEY = "reconciliation"
_NAME_PARTS = ("rdfs:label", "skos:altLabel", "pg:acronym", "dcterms:title", "skos:definition")
_YEAR, _DATE = XSD + "gYear", XSD + "date"
_WHOLE = {XSD + name for name in ("integer", "int", "long", "nonNegativeInteger")}
_NUMBERS = {XSD + name for name in ("decimal", "double", "float")}


async def index_of(snapshot: Snapshot) -> Index:
    """Return the index of a snapshot's names; whoever asks first has it built, and all others wait for that.

    Raises:
        QueryFailed: the graph does not answer; the next request tries again.
    """
    return await asyncio.shield(begin(snapshot))


def begin(snapshot: Snapshot) -> asyncio.Task[Index]:
    """Have the index of a snapshot built, unless it is, or is being built."""
    task: asyncio.Task[Index] | None = snapshot.kept.get(_KEY)
    if task is None or (task.done() and (task.cancelled() or task.exception())):
        task = snapshot.kept[_KEY] = asyncio.ensure_future(_build(snapshot.pages))
        task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[Index]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.warning("reconciliation has no names yet: %s", error)


async def values_of(pool: Pool, property_: Property, ids: Sequence[str]) -> dict[str, list[Node]]:
    """Return up to `VALUES` values of a property for each of some things of the index; of one that is counted, their number."""
    safe = [id_ for id_ in ids if quotable(ID + id_)]
    found = await rows(pool, _values_query(property_, safe, BULK)) if safe else []
    if len(found) >= BULK:
        found = [row for id_ in safe for row in await rows(pool, _values_query(property_, [id_], VALUES))]
    values: dict[str, list[Node]] = defaultdict(list)
    for row in found:
        own = values[row["s"].value.removeprefix(ID)]
        if len(own) < VALUES:
            own.append(row["n" if property_.counted else "o"])
    return values


def _values_query(property_: Property, ids: Sequence[str], most: int) -> str:
    subjects = " ".join(f"<{ID}{id_}>" for id_ in ids)
    head = "?s (COUNT(DISTINCT ?o) AS ?n)" if property_.counted else "DISTINCT ?s ?o"
    tail = "GROUP BY ?s" if property_.counted else f"ORDER BY ?s ?o LIMIT {most}"
    return f"SELECT {head} {{ VALUES ?s {{ {subjects} }} {property_.pattern} }} {tail}"


async def names_of(pool: Pool, nodes: Iterable[Node], index: Index, language: str) -> dict[str, str]:
    """Return the names of the things among some values: the index knows most of them."""
    iris = {n.value for n in nodes if n.is_iri}
    known = {i: index.entities[i.removeprefix(ID)].label(language) for i in iris if i.removeprefix(ID) in index.entities}
    return known | await labels(pool, iris - known.keys(), language)


def json_value(node: Node, names: dict[str, str], known: Index) -> dict[str, object]:
    """Return a value as data extension writes it."""
    if node.is_iri:
        name = names.get(node.value, node.value)
        id_ = node.value.removeprefix(ID)
        return {"id": id_, "name": name} if id_ in known.entities else {"str": name}
    if node.datatype in _WHOLE or node.datatype == _YEAR:
        return _number(node.value, int, "int")
    if node.datatype in _NUMBERS:
        return _number(node.value, float, "float")
    if node.datatype == _DATE:
        return {"date": f"{node.value[:10]}T00:00:00Z"}
    return {"str": node.value}


def _number(text: str, kind: type[int] | type[float], name: str) -> dict[str, object]:
    try:
        return {name: kind(text)}
    except ValueError:
        return {"str": text}


# ------------------------------------------------------------------ the index


async def _build(pool: Pool) -> Index:
    vocabulary = load_vocabulary()
    entities: dict[str, Entity] = {}
    for type_ in vocabulary.types.values():
        for part in _NAME_PARTS if type_.pattern else ():
            text = f"SELECT DISTINCT ?s ?name {{ {type_.pattern} . ?s {part} ?name }} LIMIT {ROWS}"
            found = await _limited(pool, text, type_.id)
            await asyncio.to_thread(_take_names, found, part, type_.id, entities)
    for property_ in vocabulary.properties.values():
        if property_.compare:
            found = await _limited(pool, f"SELECT ?s ?o {{ {property_.pattern} }} LIMIT {ROWS}", property_.id)
            texts = await _texts(pool, found) if not property_.value else {}
            await asyncio.to_thread(_take_values, found, property_, texts, entities)
    index = await asyncio.to_thread(Index, _finished(entities, vocabulary), vocabulary)
    logger.info("reconciliation knows %d things", len(index.entities))
    return index


async def _limited(pool: Pool, text: str, what: str) -> list[Row]:
    """Answer a SELECT with many rows; these are read in a thread, too."""
    answer = await pool.ask(Query(text, "json", None, max_bytes=BYTES))
    found = (await parsed(await answer.read()))[1]
    if len(found) >= ROWS:
        logger.warning("reconciliation: %s has more than %d rows; what is beyond is not found", what, ROWS)
    return found


async def _texts(pool: Pool, found: list[Row]) -> dict[str, list[str]]:
    """Return the names, in every language, of the values that are no things of ours: levels, kinds, dimensions."""
    iris = {row["o"].value for row in found if row["o"].is_iri}
    each = [await labels(pool, iris, language) for language in LANGUAGES]
    return {iri: list(dict.fromkeys(known[iri] for known in each if iri in known)) for iri in iris}


def _take_names(found: list[Row], part: str, type_: str, entities: dict[str, Entity]) -> None:
    """Add the things of a type with their names; what has a type already keeps it."""
    for row in sorted(found, key=lambda r: (r["s"].value, r["name"].value)):
        id_ = row["s"].value.removeprefix(ID)
        if row["s"].is_iri and id_ != row["s"].value and not row["name"].is_iri:
            entity = entities.setdefault(id_, Entity(id_, type_))
            if entity.type == type_:
                _take_name(entity, part, row["name"])


def _take_name(entity: Entity, part: str, name: Node) -> None:
    if part == "skos:definition":
        entity.about = name.value if name.language != "en" else entity.about
        return
    if part == "rdfs:label" and name.language == "en":
        entity.name_en = entity.name_en or name.value
    elif part == "rdfs:label" and not entity.name:
        entity.name = name.value
        entity.names.insert(0, name.value)
    entity.names.append(name.value)


def _take_values(found: list[Row], property_: Property, texts: dict[str, list[str]], entities: dict[str, Entity]) -> None:
    """Add the values of a property: ids of things, else texts, of which the one that is the thing's own key comes first."""
    given: dict[str, dict[str, None]] = defaultdict(dict)
    for row in sorted(found, key=lambda r: r["o"].value):
        id_, value = row["s"].value.removeprefix(ID), row["o"].value
        if id_ in entities:
            own = texts.get(value, [value]) if row["o"].is_iri and not property_.value else [value.removeprefix(ID)]
            given[id_] |= dict.fromkeys(own)
    for id_, values in given.items():
        key = id_.rpartition("/")[2]
        entities[id_].values[property_.id] = tuple(sorted(values, key=lambda value: slug(value) != key))


def _finished(entities: dict[str, Entity], vocabulary: Vocabulary) -> list[Entity]:
    """Let things be found by the words of their own key, too; a territory's is a code, which needs its system."""
    for entity in entities.values():
        key = entity.id.rpartition("/")[2]
        if vocabulary.with_broader(entity.type)[-1] != "Territory":
            entity.names.append(key.replace("-", " "))
    return list(entities.values())
