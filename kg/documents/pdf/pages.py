"""What a PDF page holds, as plain values: words with their places, ruled grids, how much of it is pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

Box = tuple[float, float, float, float]


class Word(NamedTuple):
    """A word and its place: points from the upper left corner of the page.

    `size` is the font's, in points; `spaced` says that a space was printed after it, as is usual at the end of a line, too.
    """

    x0: float
    top: float
    x1: float
    bottom: float
    text: str
    size: float
    bold: bool
    spaced: bool = True


@dataclass(frozen=True)
class Grid:
    """A table drawn with rules: rows of cell boxes (left, top, right, bottom), from top to bottom, None where a row has none."""

    box: Box
    rows: tuple[tuple[Box | None, ...], ...]


@dataclass(frozen=True)
class Page:
    """A page as extracted. `pictures`: share of its area that images cover; `unreadable`: share of letters without meaning.

    `failed` says in a word why the page could not be read: empty when it could.
    """

    number: int
    width: float
    height: float
    words: tuple[Word, ...] = ()
    grids: tuple[Grid, ...] = ()
    pictures: float = 0.0
    unreadable: float = 0.0
    drawings: int = 0
    dense_drawings: bool = False
    failed: str = ""
    by_ocr: bool = False


def page_from_json(value: dict[str, Any]) -> Page:
    """Build a page of what the extracting process sent."""
    words = tuple(Word(*word) for word in value.pop("words"))
    grids = tuple(
        Grid(tuple(g["box"]), tuple(tuple(tuple(c) if c else None for c in row) for row in g["rows"])) for g in value.pop("grids")
    )
    return Page(words=words, grids=grids, **value)
