"""The site's own questions to the graph: small queries over the pool kept for pages, with their solutions as Python values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kg.frames import Query
from kg.pool import Pool

XSD = "http://www.w3.org/2001/XMLSchema#"
_LABELS = "SELECT ?x ?label { VALUES ?x { %s } ?x rdfs:label|skos:prefLabel ?label }"
_BATCH = 500
LARGE = 256 * 1024  # bytes of an answer that are read beside the event loop


@dataclass(frozen=True)
class Node:
    """An RDF term: an IRI or a literal, with its language or datatype where it has one."""

    value: str
    is_iri: bool = False
    language: str = ""
    datatype: str = ""


Row = dict[str, Node]


async def rows(pool: Pool, text: str, max_bytes: int = 64 * 1024**2) -> list[Row]:
    """Answer a SELECT.

    Raises:
        QueryFailed: any of its kinds.
    """
    answer = await pool.ask(Query(text, "json", None, max_bytes=max_bytes))
    return (await parsed(await answer.read()))[1]


async def holds(pool: Pool, text: str) -> bool:
    """Answer an ASK."""
    answer = await pool.ask(Query(text, "json", None))
    return bool(json.loads(await answer.read())["boolean"])


def parse_solutions(data: bytes) -> tuple[list[str], list[Row]]:
    """Read SPARQL results in JSON: the columns in order, and the rows. ASK becomes one row with the column `answer`."""
    return parse_first(data)[:2]


async def parsed(data: bytes) -> tuple[list[str], list[Row], bool]:
    """Do what `parse_first` does, so that others need not wait for what is large."""
    return await asyncio.to_thread(parse_first, data) if len(data) > LARGE else parse_first(data)


def parse_first(data: bytes) -> tuple[list[str], list[Row], bool]:
    """Read results that may be the first of more: columns, rows, and whether it says that it was cut."""
    told = json.loads(data)
    if "boolean" in told:
        return ["answer"], [{"answer": Node(json.dumps(told["boolean"]), datatype=XSD + "boolean")}], False
    return told["head"]["vars"], [{k: _node(v) for k, v in row.items()} for row in told["results"]["bindings"]], "cut" in told


async def labels(pool: Pool, iris: Iterable[str], language: str) -> dict[str, str]:
    """Return the label of each thing that has one: in the language, else in Spanish, else in any."""
    wanted = sorted({iri for iri in iris if quotable(iri)})
    found: dict[str, tuple[int, str]] = {}
    order = {language: 3, "es": 2, "": 1}
    for start in range(0, len(wanted), _BATCH):
        values = " ".join(f"<{iri}>" for iri in wanted[start : start + _BATCH])
        for row in await rows(pool, _LABELS % values):
            candidate = (-order.get(row["label"].language, 0), row["label"].value)
            found[row["x"].value] = min(candidate, found.get(row["x"].value, candidate))
    return {iri: label for iri, (_, label) in found.items()}


def value_of(row: Row, name: str) -> str:
    """Return a column's value, empty where the row has none."""
    return row[name].value if name in row else ""


def number_of(row: Row, name: str) -> int:
    """Return a column's whole number, 0 where the row has none or it is none."""
    value = value_of(row, name)
    return int(value) if value.removeprefix("-").isdecimal() else 0


def quotable(iri: str) -> bool:
    """Tell whether an IRI may be written between < and > in a query."""
    return ":" in iri and not any(c in '<>"{}|^`\\' or c <= " " for c in iri)


def _node(term: dict[str, Any]) -> Node:
    if term["type"] == "triple":
        return Node(json.dumps(term["value"]))
    return Node(term["value"], term["type"] == "uri", term.get("xml:lang", ""), term.get("datatype", ""))
