"""Writes the light Markdown of documents: headings, items, paragraphs, and tables whose rows are one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kg.text import squeeze

BREAK = "<br>"
_WIDEST = 60
_TALLEST = 2_000


@dataclass(frozen=True)
class Cell:
    """A table cell: its paragraphs as text, and how many columns and rows it spans."""

    paragraphs: tuple[str, ...]
    columns: int = 1
    rows: int = 1


class LineWriter:
    """Collects the lines of a document."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def blank(self) -> None:
        """End a block."""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def paragraph(self, text: str) -> None:
        """Write a paragraph."""
        if text := tidy(text):
            self.blank()
            self.lines.append(text)
            self.blank()

    def heading(self, text: str, level: int) -> None:
        """Write a heading; level 1 is the highest, 6 the lowest."""
        if text := tidy(text).replace("**", ""):
            self.paragraph(f"{'#' * min(level, 6)} {text}")

    def item(self, text: str, mark: str = "-", depth: int = 0) -> None:
        """Write a list item; depth 0 is the outermost list."""
        if text := tidy(text):
            if self.lines and not self.lines[-1] and len(self.lines) > 1 and self._is_item:
                self.lines.pop()
            self.lines.append(f"{'  ' * min(depth, 8)}{mark} {text}")
            self._is_item = True
            return
        self._is_item = False

    _is_item = False

    def table(self, rows: Iterable[Iterable[Cell]]) -> None:
        """Write a table: one line a row, cells parted by TAB. A table of one column is text, not a table."""
        grid = _laid_out(rows)
        width = max((len(row) for row, _ in grid), default=0)
        self.blank()
        if width <= 1:
            for row, _ in grid:
                for cell in row:
                    for text in cell:
                        self.paragraph(text)
            return
        for row, across in grid:
            cells = [BREAK.join(filter(None, map(tidy, cell))) for cell in row]
            if across and len(row) == width:
                self._across(cells[0])
            elif any(cells):
                self.lines.append("\t".join([*cells, *[""] * (width - len(cells))]))
        self.blank()

    def _across(self, text: str) -> None:
        """Write a cell that spans the whole table: a heading between its rows."""
        for part in filter(None, text.split(BREAK)):
            bare = part.replace("**", "")
            self.lines.append(f"**{bare}**" if len(bare) <= 160 and not part.startswith("- ") else part)


def _laid_out(rows: Iterable[Iterable[Cell]]) -> list[tuple[list[tuple[str, ...]], bool]]:
    """Put cells into their columns: a spanned column or row is empty but for its first; with whether one cell spans all."""
    grid: list[tuple[list[tuple[str, ...]], bool]] = []
    taken: dict[int, int] = {}
    for row in rows:
        cells: list[tuple[str, ...]] = []
        spans = 0
        for cell in row:
            while taken.get(len(cells), 0) > 0:
                taken[len(cells)] -= 1
                cells.append(())
            width = max(1, min(cell.columns, _WIDEST))
            for column in range(len(cells), len(cells) + width):
                taken[column] = max(0, min(cell.rows, _TALLEST) - 1)
            cells += [cell.paragraphs, *[()] * (width - 1)]
            spans += 1
        while taken.get(len(cells), 0) > 0:
            taken[len(cells)] -= 1
            cells.append(())
        if cells:
            grid.append((cells, spans == 1 and len(cells) > 1 and bool(cells[0])))
    return grid


def tidy(text: str) -> str:
    """Fold white space, and drop emphasis that holds nothing."""
    text = squeeze(text.replace("\u00ad", ""))
    for empty, full in (("** **", " "), ("****", "")):
        text = text.replace(empty, full)
    return squeeze(text)
