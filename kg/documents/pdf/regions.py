"""The reading order of what stands on a page outside drawn tables: columns, and tables without rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from kg.documents.pdf.lines import Line, is_mark, lines_of
from kg.documents.pdf.pages import Word

_GUTTER = 1.25  # of the size of the letters
_BANDS = 3
_FAR = 10_000.0
Span = tuple[float, float]


@dataclass(frozen=True)
class Column:
    """Lines that are read from top to bottom."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class LooseTable:
    """A table that is set without rules: rows of cells, each cell its lines (may be empty)."""

    rows: tuple[tuple[tuple[Line, ...], ...], ...]

    @property
    def top(self) -> float:
        """Upper edge, in points."""
        return min(line.top for row in self.rows for cell in row for line in cell)


Region = Column | LooseTable


def regions_of(words: Sequence[Word]) -> list[Region]:
    """Cut words into columns and tables without rules, in reading order."""
    return _cut(lines_of(words), 0)


def _cut(bands: list[Line], depth: int) -> list[Region]:
    regions: list[Region] = []
    plain: list[Line] = []
    index = 0
    while index < len(bands):
        end, gutters = _run(bands, index) if depth < 4 else (index, [])
        if not gutters:
            plain.append(bands[index])
            index += 1
            continue
        if plain:
            regions.append(Column(tuple(plain)))
            plain = []
        regions += _settle(bands[index:end], gutters, depth)
        index = end
    if plain:
        regions.append(Column(tuple(plain)))
    return regions


def _free(line: Line) -> list[Span]:
    """Return the stretches of a line where nothing stands, outer ones included."""
    spans: list[Span] = [(-_FAR, line.words[0].x0)]
    edge = line.words[0].x1
    least = _GUTTER * line.size
    for word in line.words[1:]:
        if word.x0 - edge >= least:
            spans.append((edge, word.x0))
        edge = max(edge, word.x1)
    return [*spans, (edge, _FAR)]


def _shared(a: list[Span], b: list[Span], least: float) -> list[Span]:
    found = ((max(p[0], q[0]), min(p[1], q[1])) for p in a for q in b)
    return [span for span in found if span[1] - span[0] >= least]


def _run(bands: list[Line], start: int) -> tuple[int, list[Span]]:
    """Return (end, gutters) of the longest run of lines from `start` that leave one or more gutters free; (start, []) without."""
    if len(_free(bands[start])) == 2:
        return start, []
    free = _free(bands[start])
    best: tuple[int, list[Span]] = (start, [])
    for end in range(start + 1, len(bands) + 1):
        gutters = [g for g in free if _divides(bands[start:end], g)]
        if end - start >= _BANDS and gutters:
            best = (end, gutters)
        if end == len(bands) or _far_apart(bands[end - 1], bands[end]):
            break
        shared = _shared(free, _free(bands[end]), _GUTTER * bands[end].size)
        inner = [g for g in shared if g[0] > -_FAR and g[1] < _FAR]
        if not inner:
            break
        free = shared
    return best


def _far_apart(before: Line, line: Line) -> bool:
    return line.top - before.bottom > 5 * max(before.size, line.size)


def _divides(bands: Sequence[Line], gutter: Span) -> bool:
    """Say whether both sides of a gutter hold text in enough lines, and more than marks."""
    if gutter[0] <= -_FAR or gutter[1] >= _FAR:
        return False
    middle = (gutter[0] + gutter[1]) / 2
    left = [[w for w in b.words if w.x1 <= middle] for b in bands]
    right = [[w for w in b.words if w.x0 >= middle] for b in bands]
    if sum(map(bool, left)) < max(2, 0.3 * len(bands)) or sum(map(bool, right)) < max(2, 0.3 * len(bands)):
        return False
    if sum(bool(a) and bool(b) for a, b in zip(left, right, strict=True)) < 2:
        return False
    return not all(len(side) == 1 and is_mark(side[0].text) for side in left if side)


def _settle(bands: list[Line], gutters: list[Span], depth: int) -> list[Region]:
    """Decide whether lines with gutters are columns of prose or a table without rules."""
    middles = [(a + b) / 2 for a, b in gutters]
    grid = [_split(band, middles) for band in bands]
    rows = _rows(bands, grid)
    if _is_table(grid, rows):
        cells = tuple(tuple(tuple(Line(c) for i in row if (c := grid[i][k])) for k in range(len(middles) + 1)) for row in rows)
        return [LooseTable(cells)]
    found: list[Region] = []
    for k in range(len(middles) + 1):
        found += _cut([Line(row[k]) for row in grid if row[k]], depth + 1)
    return found


def _split(band: Line, middles: list[float]) -> list[tuple[Word, ...]]:
    cells: list[list[Word]] = [[] for _ in range(len(middles) + 1)]
    for word in band.words:
        cells[sum(m < (word.x0 + word.x1) / 2 for m in middles)].append(word)
    return [tuple(c) for c in cells]


def _rows(bands: list[Line], grid: list[list[tuple[Word, ...]]]) -> list[list[int]]:
    """Group lines into table rows: by gaps where those part them, else by what stands in the first column."""
    steps = [b.bottom - a.bottom for a, b in pairwise(bands)]
    usual = min(steps, default=0.0)
    wide = [i + 1 for i, step in enumerate(steps) if step > 1.35 * usual]
    by_gaps = bool(wide) and len(wide) < len(steps)
    starts = [0, *wide] if by_gaps else [i for i, row in enumerate(grid) if i == 0 or row[0]]
    return [list(range(a, b)) for a, b in zip(starts, [*starts[1:], len(bands)], strict=True)]


def _is_table(grid: list[list[tuple[Word, ...]]], rows: list[list[int]]) -> bool:
    """Say whether lines are rows of a table: their cells begin side by side, and do not begin in the middle of a sentence."""
    if len(rows) < 2:
        return False
    columns = range(len(grid[0]))
    opened = [[grid[row[0]][k] for k in columns if grid[row[0]][k]] for row in rows]
    if sum(len(cells) >= 2 for cells in opened) < 0.5 * len(rows):
        return False
    starts = [cell[0].text[:1] for cells in opened for cell in cells]
    if sum(start.islower() for start in starts) > 0.25 * len(starts):
        return False
    prose = sum(_is_prose([row[k] for row in grid if row[k]]) for k in columns)
    return prose < 2 or (len(rows) >= 3 and len(columns) >= 3 and all(len(cells) >= 2 for cells in opened))


def _is_prose(cells: list[tuple[Word, ...]]) -> bool:
    """Say whether a column's lines run from edge to edge, several words each."""
    if len(cells) < 3:
        return False
    left, right = min(c[0].x0 for c in cells), max(c[-1].x1 for c in cells)
    full = sum(c[-1].x1 - c[0].x0 > 0.7 * (right - left) for c in cells)
    return full >= 0.6 * len(cells) and median(len(c) for c in cells) >= 4
