"""Where a text stands in the document: at which lines, in which runs; and where it departs from what the document says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kg.documents import Document
from kg.records import Part
from kg.text import squeeze

_AHEAD = 60
"""Lines behind a page break in which the rest of a text is looked for."""
_RUNS_ON = 8


@dataclass(frozen=True)
class Placed:
    """A text that stands in the document: at `line`, and in `parts` after each break."""

    line: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Astray:
    """A text that does not stand at its line.

    `stands` is its beginning, as far as it is there; `rest` the next words, which are not. `elsewhere` is the line at which the
    whole text stands, or None.
    """

    stands: str
    rest: str
    elsewhere: int | None


def place(document: Document, text: str, line: int, known: Iterable[int] = ()) -> Placed | Astray:
    """Find a text at its line: in one run, or going on after a page break (at the `known` lines first, then the next sixty)."""
    text = squeeze(text)
    if not text:
        return Astray("", "", None)
    words = text.split(" ")
    size = _longest(document, words, line)
    if size == len(words):
        return Placed(line)
    parts = _rest(document, words[size:], line, list(known)) if size else None
    if parts is not None:
        return Placed(line, parts)
    return Astray(" ".join(words[:size]), " ".join(words[size : size + 6]), document.find(text))


def _rest(document: Document, words: list[str], line: int, known: list[int]) -> tuple[Part, ...] | None:
    """Find the rest of a text further down, in as many runs as it takes; None where it does not go on."""
    found: list[Part] = []
    while words:
        ahead = range(line + 1, min(line + _AHEAD, len(document.lines)) + 1)
        chosen = next((n for n in known if n >= line and document.holds(" ".join(words), n)), None)
        if chosen is None:
            chosen = next((n for n in ahead if _begins(document, n, words[0])), None)
        size = _longest(document, words, chosen) if chosen is not None else 0
        if chosen is None or not size:
            return None
        found.append(Part(chosen, " ".join(words[:size])))
        words, line = words[size:], chosen
    return tuple(found)


def _begins(document: Document, line: int, word: str) -> bool:
    """Say whether a line begins with a word: a text that a page break cut goes on at the beginning of a line."""
    first = squeeze(document.lines[line - 1]).split(" ")[0].lstrip("-•*# ")
    return bool(first) and first.casefold() == word.casefold()


def _longest(document: Document, words: list[str], line: int) -> int:
    """Return how many of the words stand at the line, from the first on."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if document.holds(" ".join(words[:middle]), line) else (low, middle - 1)
    return low


def extent(document: Document, text: str, line: int) -> tuple[int, int] | None:
    """Return the first and last line of a run that starts at a line; None where it does not stand there."""
    last = next((line + window for window in range(_RUNS_ON + 1) if document.holds(text, line, window)), None)
    return None if last is None or not text else (line, min(last, len(document.lines)))
