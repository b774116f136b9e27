"""What is declared of the JNE's plan summaries: names of fields, words for what is absent, dimensions, elections."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from kg.declared import Collector, Item, read_yaml
from kg.paths import DATA
from kg.text import fold


@dataclass(frozen=True)
class Field:
    """A declared field or list: its name (or the type of its statements), its head in the document, its keys in the JSON."""

    name: str
    head: str
    keys: tuple[str, ...]
    number: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Level:
    """A level of plans, by words of the kind of election and by the JNE's numbers."""

    level: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Format:
    """What is declared of the summaries' format."""

    fields: tuple[Field, ...]
    texts: tuple[Field, ...]
    cells: tuple[Field, ...]
    dimensions: tuple[Field, ...]
    levels: tuple[Level, ...]
    terms: dict[str, tuple[int, int]]
    processes: dict[str, str]
    lists: dict[str, frozenset[str]]
    words: dict[str, str]
    known: frozenset[str] = field(default=frozenset())

    @property
    def markers(self) -> frozenset[str]:
        """Return the keys by which an object is known as a summary."""
        return self.lists["general"] | self.lists["dimension_lists"] | {k for d in self.dimensions for k in d.keys}


@cache
def load_format() -> Format:
    """Load the declared format.

    Raises:
        ProblemsError: a key is unknown or of the wrong kind.
    """
    root, c = read_yaml(DATA / "jne.yaml")
    top = c.mapping(root, "")
    names = ("absent", "wrappers", "general", "expected", "ignored", "dimension_lists", "dimension_heads", "dimension_rows")
    lists = {n: frozenset(c.scalars(top.get(n), n)) for n in (*names, "dimension_numbers")}
    lists["absent"] = frozenset(map(bare_words, lists["absent"])) | {""}
    fields, texts = (_fields(c, top.get(n), n, "name", "keys") for n in ("fields", "texts"))
    cells = _fields(c, top.get("cells"), "cells", "type", "keys")
    dimensions = _fields(c, top.get("dimensions"), "dimensions", "id", "lists")
    levels = tuple(Level(f["level"][0], f["words"], f["numbers"]) for f in _entries(c, top.get("levels"), "levels"))
    terms = {f["prefix"][0]: (int(f["after"][0]), int(f["years"][0])) for f in _entries(c, top.get("terms"), "terms")}
    processes = {f["number"][0]: f["election"][0] for f in _entries(c, top.get("processes"), "processes")}
    words = {n: c.scalar(top.get(n), n) or "" for n in ("title", "national", "documents")}
    c.raise_if_any()
    known = lists["ignored"] | lists["wrappers"] | {k for f in fields + texts for k in f.keys}
    return Format(fields, texts, cells, dimensions, levels, terms, processes, lists, words, known)


class _Entry(dict[str, tuple[str, ...]]):
    def __missing__(self, key: str) -> tuple[str, ...]:
        return ()


def _entries(c: Collector, item: Item | None, name: str) -> list[_Entry]:
    return [_Entry({k: tuple(c.scalars(v, k)) for k, v in c.mapping(i, name).items()}) for i in c.sequence(item, name)]


def _fields(c: Collector, item: Item | None, name: str, key: str, keys: str) -> tuple[Field, ...]:
    return tuple(
        Field("".join(f[key]), "".join(f["head"]), f[keys], "".join(f["number"]), f["words"]) for f in _entries(c, item, name)
    )


def bare_words(text: str) -> str:
    """Fold a text and drop what is no letter or digit at its ends."""
    return re.sub(r"^[^a-z0-9]+|[^a-z0-9]+$", "", fold(text.replace("<br>", " ")))
