"""Page headers, footers and page numbers: what stands at the same place of many pages is no text of the plan."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from kg.documents.pdf.lines import Line, lines_of
from kg.documents.pdf.pages import Page, Word
from kg.text import fold

_ZONE = 0.15
_DEPTH = 5
_PAGES = 3
_SHIFT = 4.0
_NEAR = 12
_PAGE_NUMBER = re.compile(
    r"^\W*(?:p[aá]g(?:ina|\.)?|page)?\W*(?:\d{1,4}|[ivxlc]{1,6})(?:\W*(?:de|of|/)\W*\d{1,4})?\W*$", re.IGNORECASE
)

Place = tuple[int, int]


def without_running(pages: Sequence[Page]) -> list[Page]:
    """Take page headers, footers and page numbers off the pages: only what repeats at its place on three pages or more near by.

    The first of each header that is words stays, on its page: it may be the only place that says what it says.
    """
    edges = {page.number: _edge_lines(page) for page in pages}
    places: dict[str, list[tuple[int, Line]]] = defaultdict(list)
    for number, lines in edges.items():
        for line in lines:
            places[_key(line)].append((number, line))
    gone: dict[int, set[Word]] = defaultdict(set)
    for key, found in places.items():
        for number, line in _repeated(found):
            gone[number].update(line.words)
        if key.strip("#") and (repeated := _repeated(found)) and not _PAGE_NUMBER.match(repeated[0][1].text):
            number, line = repeated[0]
            gone[number].difference_update(line.words)
    return [replace(p, words=tuple(w for w in p.words if w not in gone[p.number])) if gone[p.number] else p for p in pages]


def _edge_lines(page: Page) -> list[Line]:
    """Return the outermost lines of a page: at most five at the top and at the bottom, in the outer parts of its height."""
    lines = lines_of(page.words)
    top = [line for line in lines[:_DEPTH] if line.bottom < _ZONE * page.height + 20]
    bottom = [line for line in lines[-_DEPTH:] if line.top > (1 - _ZONE) * page.height]
    return top + [line for line in bottom if line not in top]


def _key(line: Line) -> str:
    """Return what a line says without its numbers: those of pages differ."""
    if _PAGE_NUMBER.match(line.text):
        return "#"
    return re.sub(r"\d+", "#", fold(line.text))


def _repeated(found: list[tuple[int, Line]]) -> list[tuple[int, Line]]:
    """Return the lines that stand at the same height on three pages or more, none of them far from the next."""
    kept: list[tuple[int, Line]] = []
    for number, line in found:
        same = [n for n, other in found if abs(other.top - line.top) <= _SHIFT and abs(n - number) <= _NEAR]
        if len(set(same)) >= _PAGES:
            kept.append((number, line))
    return kept
