"""From drawn grids to table rows: which words stand in which cell, which cells are one column, which rows go on over the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kg.documents.pdf.lines import Line, Paragraph, lines_of, paragraphs_of
from kg.documents.pdf.pages import Box, Grid, Word

_SAME_COLUMN = 8.0
_NARROW = 14.0
_ASIDE = 10.0


@dataclass(frozen=True)
class Cell:
    """A table cell: its column (0-based), how many it spans, its box, and its text as paragraphs."""

    column: int
    span: int
    box: Box
    paragraphs: tuple[Paragraph, ...]

    @property
    def empty(self) -> bool:
        """Whether it holds no text."""
        return not self.paragraphs


@dataclass(frozen=True)
class Row:
    """A row of a table on one page: its cells from left to right."""

    cells: tuple[Cell, ...]
    columns: int

    @property
    def across(self) -> Cell | None:
        """The one cell that spans the whole table, where the row is one; or a title in its first cell, beside empty ones."""
        filled = [c for c in self.cells if not c.empty]
        if len(filled) != 1 or self.columns < 2:
            return None
        cell = filled[0]
        title = cell.column == 0 and self.columns > 2 and len(cell.paragraphs) == 1 and cell.paragraphs[0].bold
        return cell if title or cell.span == self.columns else None


@dataclass(frozen=True)
class Table:
    """A table on one page. `edges`: left edges of its columns and the right edge of the last, in points."""

    box: Box
    edges: tuple[float, ...]
    rows: tuple[Row, ...]

    @property
    def top(self) -> float:
        """Upper edge, in points."""
        return self.box[1]


def inside(word: Word, box: Box) -> bool:
    """Say whether the middle of a word stands in a box."""
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def table_of(grid: Grid, words: Sequence[Word]) -> Table | None:
    """Fill a grid with the words that stand in it; None where none do."""
    placed = [word for word in words if inside(word, grid.box)]
    if not placed:
        return None
    owners = {word: _owner(word, grid) for word in placed}
    boxes = [[(box, [w for w in placed if owners[w] == box]) for box in row if box] for row in grid.rows]
    edges = _edges(boxes)
    rows = tuple(_row(row, edges) for row in boxes)
    return Table(grid.box, edges, tuple(row for row in rows if any(not c.empty for c in row.cells)))


def strays(grid: Grid, words: Iterable[Word]) -> int:
    """Count the words of a table that stand in none of its cells: its rules are not closed."""
    return sum(inside(w, grid.box) and not any(box and inside(w, box) for row in grid.rows for box in row) for w in words)


def _owner(word: Word, grid: Grid) -> Box:
    """Return the cell that a word stands in, or the nearest: rather one beside it than one above or below."""
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    boxes = (box for row in grid.rows for box in row if box)
    return min(boxes, key=lambda b: max(b[0] - x, x - b[2], 0.0) + _ASIDE * max(b[1] - y, y - b[3], 0.0))


def _edges(boxes: list[list[tuple[Box, list[Word]]]]) -> tuple[float, ...]:
    """Return the left edges of the columns: those of cells that hold text or could; nearly equal ones are one."""
    lefts = sorted(box[0] for row in boxes for box, words in row if words or box[2] - box[0] > _NARROW)
    right = max(box[2] for row in boxes for box, _ in row)
    edges: list[float] = []
    for left in lefts:
        if not edges or left - edges[-1] > _SAME_COLUMN:
            edges.append(left)
    return (*edges, right)


def _row(boxes: list[tuple[Box, list[Word]]], edges: tuple[float, ...]) -> Row:
    last = len(edges) - 1
    cells: dict[int, Cell] = {}
    for box, words in boxes:
        column = _column(box[0], edges)
        end = max(column + 1, min(last, _column(box[2], edges)))
        if not words and column in cells:
            continue
        cell = Cell(column, end - column, box, tuple(_paragraphs(words, box)))
        if column in cells and not cells[column].empty:
            both = cells[column]
            cell = replace(both, paragraphs=both.paragraphs + cell.paragraphs, span=max(both.span, cell.span))
        cells[column] = cell
    return Row(tuple(cells[k] for k in sorted(cells)), last)


def _column(x: float, edges: tuple[float, ...]) -> int:
    """Return the column that begins at x: the last one whose edge is not right of it."""
    return max((i for i, edge in enumerate(edges) if edge <= x + _SAME_COLUMN), default=0)


def _paragraphs(words: Sequence[Word], box: Box) -> list[Paragraph]:
    lines = lines_of(words)
    if not lines:
        return []
    padding = min(max(min(line.x0 for line in lines) - box[0], 2.0), 8.0)
    return paragraphs_of(lines, box[2] - padding)


def loose_cells(row: Sequence[Sequence[Line]]) -> Row:
    """Make a row of a table without rules."""
    cells = []
    for column, lines in enumerate(row):
        box = (0.0, 0.0, 0.0, 0.0)
        cells.append(Cell(column, 1, box, tuple(paragraphs_of(list(lines)))))
    return Row(tuple(cells), len(row))
