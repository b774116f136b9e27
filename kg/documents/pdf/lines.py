"""From words to lines of text, and from lines to paragraphs, items and headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from kg.documents.pdf.pages import Word

_BULLET = re.compile(r"^(?:[-–—−‐•‣⁃◦●○■□▪▫◆◇❖➢➤►▶✓✔✗*·]|[\uf000-\uf0ff])$")
_GLUED_BULLET = re.compile(r"^([-–](?=[A-ZÁÉÍÓÚÑ¿¡“])|[•‣●■▪◆❖➢➤►✓✔\uf000-\uf0ff])(?=\w|¿|¡|“|\")")
_NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}[.)]?-?|\(?[a-zA-Zñ]\)|[a-zA-ZñÑ]\.-?|[IVX]{1,5}[.)]-?|[ivx]{1,4}[.)])$")
_LEADERS = re.compile(r"\.{4,}\s*\d*$")
_ENDS = (".", "!", "?", ":", ";", "”", "»")


@dataclass(frozen=True)
class Line:
    """Words that stand on one base line, from left to right."""

    words: tuple[Word, ...]

    @property
    def x0(self) -> float:
        """Left edge, in points."""
        return self.words[0].x0

    @property
    def x1(self) -> float:
        """Right edge, in points."""
        return max(w.x1 for w in self.words)

    @property
    def top(self) -> float:
        """Upper edge, in points."""
        return min(w.top for w in self.words)

    @property
    def bottom(self) -> float:
        """Lower edge, in points."""
        return max(w.bottom for w in self.words)

    @property
    def size(self) -> float:
        """Size of most of its letters, in points."""
        sizes: dict[float, int] = {}
        for word in self.words:
            sizes[word.size] = sizes.get(word.size, 0) + len(word.text)
        return max(sizes, key=lambda s: (sizes[s], s))

    @property
    def sizes(self) -> set[int]:
        """Sizes of its words, rounded to points."""
        return {round(w.size + shift) for w in self.words for shift in (-0.3, 0.3)}

    @property
    def text(self) -> str:
        """The words, plain."""
        return " ".join(w.text for w in self.words)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph as found on a page. `mark`: its bullet (as `-`) or enumerator, which `lines` holds, too."""

    lines: tuple[Line, ...]
    mark: str = ""

    @property
    def size(self) -> float:
        """Size of most of its letters, in points."""
        return median(line.size for line in self.lines)

    @property
    def top(self) -> float:
        """Upper edge, in points."""
        return self.lines[0].top

    @property
    def body(self) -> tuple[Line, ...]:
        """The lines without the mark."""
        first, *rest = self.lines
        if not self.mark:
            return self.lines
        words = first.words[1:]
        return (Line(words), *rest) if words else tuple(rest)

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        words = [w for line in self.body for w in line.words if any(c.isalnum() for c in w.text)]
        return bool(words) and all(w.bold for w in words)


def lines_of(words: Iterable[Word]) -> list[Line]:
    """Group words into lines, from top to bottom."""
    groups: list[list[Word]] = []
    for word in sorted(words, key=lambda w: ((w.top + w.bottom) / 2, w.x0)):
        middle = (word.top + word.bottom) / 2
        if groups and _on_line(groups[-1], word, middle):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [Line(tuple(sorted(g, key=lambda w: w.x0))) for g in groups]


def _on_line(group: list[Word], word: Word, middle: float) -> bool:
    last = max(group, key=lambda w: w.bottom - w.top)
    shared = min(last.bottom, word.bottom) - max(last.top, word.top)
    return shared >= 0.5 * min(last.bottom - last.top, word.bottom - word.top) and last.top <= middle <= last.bottom


def paragraphs_of(lines: Sequence[Line], right: float | None = None) -> list[Paragraph]:
    """Cut the lines of one column into paragraphs. `right`: its right margin, in points; else its longest line's end."""
    if not lines:
        return []
    lines = [_unglued(line) for line in lines]
    edge = max(line.x1 for line in lines) if right is None else right
    pitch = _pitch(lines)
    groups: list[list[Line]] = [[lines[0]]]
    for before, line in pairwise(lines):
        if _starts(groups[-1], before, line, edge, pitch):
            groups.append([line])
        else:
            groups[-1].append(line)
    return [Paragraph(tuple(g), _mark(g[0])) for g in groups]


def _unglued(line: Line) -> Line:
    """Part a bullet from the word that it is glued to."""
    first = line.words[0]
    match = _GLUED_BULLET.match(first.text)
    if not match:
        return line
    cut = first.x0 + min(first.size / 2, (first.x1 - first.x0) / 2)
    bullet = first._replace(text=match[1], x1=cut)
    return replace(line, words=(bullet, first._replace(text=first.text[1:], x0=cut), *line.words[1:]))


def _pitch(lines: Sequence[Line]) -> float:
    """Return the usual distance between base lines, in points."""
    steps = [b.bottom - a.bottom for a, b in pairwise(lines) if 0 < b.bottom - a.bottom < 3 * a.size]
    return sorted(steps)[len(steps) // 3] if steps else lines[0].size * 1.2


def is_mark(text: str) -> bool:
    """Say whether a word is a bullet or an enumerator."""
    return bool(_BULLET.match(text) or _NUMBER.match(text))


def _mark(line: Line) -> str:
    first = line.words[0]
    if _is_bullet(line):
        return "-"
    return first.text if _NUMBER.match(first.text) and len(line.words) > 1 else ""


def _is_bullet(line: Line) -> bool:
    first = line.words[0]
    if _BULLET.match(first.text):
        return True
    return first.text in {"o", "§", "v", "ü", "Ø", "q"} and len(line.words) > 1 and line.words[1].x0 - first.x1 > 0.8 * first.size


def _starts(group: list[Line], before: Line, line: Line, edge: float, pitch: float) -> bool:
    """Say whether a line starts a paragraph of its own."""
    if _is_bullet(line) or _LEADERS.search(before.text):
        return True
    if line.bottom - before.bottom > 1.45 * pitch or not line.sizes & before.sizes:
        return True
    ended = before.text.endswith(_ENDS)
    if len(before.words) == 1 and _mark(Line((before.words[0], before.words[0]))):
        return False
    if _mark(line) and (ended or line.x0 < before.x0 - 2 or _follows(group[0], line)):
        return True
    room = edge - before.x1
    space = 0.25 * before.size
    if room > (line.words[0].x1 - line.words[0].x0) + space + 0.1 * (edge - group[0].x0):
        return ended or not line.text[:1].islower()
    weights = [all(w.bold for w in part.words) for part in (before, line)]
    if weights[0] != weights[1] and all(w.bold for g in group for w in g.words) and not line.text[:1].islower():
        return not line.words[0].bold
    return ended and line.x0 > group[-1].x0 + 1.2 * line.size and len(group) > 1


def _follows(first: Line, line: Line) -> bool:
    """Say whether a line's number is the one after that of the paragraph before."""
    numbers = [re.findall(r"\d+", mark) for mark in (_mark(first), _mark(line))]
    if not all(numbers):
        return False
    return len(numbers[0]) == len(numbers[1]) and int(numbers[1][-1]) == int(numbers[0][-1]) + 1
