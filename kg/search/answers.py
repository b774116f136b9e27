"""What a search found, written as JSON for the site's page, or as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import BinaryIO

from kg.search.fields import FACETS
from kg.search.index import Found, Index, Request

COLUMNS = ("statement", "plan", "line", "page", "type", "dimension", "text", "amount", "currency", "partners", "score")
FEW_PLACES = 15  # so many places are shown at all their levels
_CHUNK = 500  # rows written at a time


def write_answer(index: Index, request: Request, form: str, file: BinaryIO) -> None:
    """Write the answer to a request: `search-json` with labels, or `search-csv`.

    Raises:
        KgError: the index is broken.
    """
    found = index.search(request)
    if form == "search-csv":
        _write_csv(index, found, file)
        return
    facets = {}
    for name, values in found.facets.items():
        shown = _places(values, request) if name == "place" and request.values else values[: request.values or None]
        facets[name] = [[value, count, *label_of(index, name, value)] for value, count in shown]
    told = {
        "total": found.total,
        "hits": found.hits,
        "facets": facets,
        "values": {name: len(values) for name, values in found.facets.items()},
        "names": found.names,
        "asked": asdict(found.asked),
        "near": found.near,
        "labels": {key: index.labels[key] for key in sorted(_keys(found, request)) if key in index.labels},
        "above": index.head["above"],
    }
    file.write(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))


def _places(values: list[tuple[str, int]], request: Request) -> list[tuple[str, int]]:
    """Return the places that a page shows: the departments, and what lies in a chosen place; all of them where they are few."""
    if len(values) <= FEW_PLACES:
        return values
    chosen = request.filters.get("place", [])
    return [(v, n) for v, n in values if len(v) == 2 or any(c.startswith(v[:-2]) for c in chosen)]


def label_of(index: Index, facet: str, value: str) -> list[str]:
    """Return the Spanish and the English label of a facet's value; the value itself where it has none."""
    return index.labels.get(FACETS[facet].prefix + value) or [value, value]


def _keys(found: Found, request: Request) -> set[str]:
    """Return the keys whose labels a page needs: of the hits, and of what was chosen."""
    keys = {FACETS[name].prefix + value for name, values in request.filters.items() if name in FACETS for value in values}
    for hit in found.hits:
        keys |= {hit.get("plan", ""), f"class/{hit.get('type', '')}", *hit.get("partners", [])}
        keys |= {f"dimension/{value}" for value in hit.get("dimension", [])}
    return keys


def _write_csv(index: Index, found: Found, file: BinaryIO) -> None:
    def label(key: str) -> str:
        return index.labels[key][0] if key in index.labels else key

    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for number, hit in enumerate(found.hits, 1):
        values = {name: hit.get(name, "") for name in COLUMNS}
        values |= {"statement": hit["iri"], "plan": label(hit.get("plan", "")), "type": label(f"class/{hit.get('type', '')}")}
        values["dimension"] = "; ".join(label(f"dimension/{value}") for value in hit.get("dimension", []))
        values["partners"] = "; ".join(label(key) for key in hit.get("partners", []))
        writer.writerow(values[name] for name in COLUMNS)
        if number % _CHUNK == 0:
            _pass_on(lines, file)
    _pass_on(lines, file)


def _pass_on(lines: io.StringIO, file: BinaryIO) -> None:
    file.write(lines.getvalue().encode("utf-8", "replace"))
    lines.seek(0)
    lines.truncate()
