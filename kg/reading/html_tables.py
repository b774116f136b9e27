"""HTML tables inside a text document: rows of cells that keep the line at which each cell begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from kg.reading.lines import Line

_OPENS = re.compile(r"<table\b", re.IGNORECASE)
_CLOSES = re.compile(r"</table\s*>", re.IGNORECASE)
_TITLE = re.compile(r"^\s*<h([1-6])\b[^>]*>(.*?)</h\1>\s*$", re.IGNORECASE)
_ITEM = re.compile(r"^\s*<li\b[^>]*>(.*?)(?:</li>)?\s*$", re.IGNORECASE)
_LONGEST = 5000
_MOST_SPAN = 50


@dataclass
class Row:
    """A row of a table: cells (with `<br>` between their paragraphs and items), and the 1-based line of each.

    `is_spanned`: a cell of an earlier row reaches into it. `source`: the lines of the table.
    """

    line: int
    cells: tuple[str, ...]
    lines: tuple[int, ...]
    is_head: bool = False
    is_spanned: bool = False
    source: tuple[Line, ...] = ()


def take_tables(lines: list[Line]) -> Iterator[Line | Row]:
    """Return the lines in their order; those of an HTML table are replaced by its rows, HTML titles and items by Markdown."""
    index = 0
    while index < len(lines):
        line = lines[index]
        if not _OPENS.search(line.text):
            yield _as_markdown(line)
            index += 1
            continue
        end = _end_of(lines, index)
        source = tuple(lines[index : end + 1])
        for row in _Tables(source).rows():
            row.source = source
            yield row
        index = end + 1


def _as_markdown(line: Line) -> Line:
    if "<" not in line.text:
        return line
    if match := _TITLE.match(line.text):
        return Line(line.number, f"{'#' * int(match[1])} {match[2]}", line.breaks)
    if match := _ITEM.match(line.text):
        return Line(line.number, f"- {match[1]}", line.breaks)
    return line


def _end_of(lines: list[Line], start: int) -> int:
    """Return the index of the line that closes the table opened at `start`; of the last line looked at where none does."""
    depth = 0
    last = min(len(lines), start + _LONGEST)
    for index in range(start, last):
        depth += len(_OPENS.findall(lines[index].text)) - len(_CLOSES.findall(lines[index].text))
        if depth <= 0:
            return index
    return last - 1


@dataclass
class _Cell:
    line: int
    columns: int
    rows: int
    is_head: bool
    parts: list[str] = field(default_factory=list)


class _Tables(HTMLParser):
    """Reads the rows of tables; a nested table's cells flow into the cell that holds it."""

    def __init__(self, lines: tuple[Line, ...]):
        super().__init__(convert_charrefs=True)
        self._numbers = [line.number for line in lines]
        self._rows: list[list[_Cell]] = []
        self._cell: _Cell | None = None
        self._depth = 0
        self.feed("\n".join(line.text for line in lines))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a row or cell; breaks, paragraphs and items part what a cell holds."""
        if tag == "table":
            self._depth += 1
        elif tag == "tr" and self._depth == 1:
            self._rows.append([])
        elif tag in {"td", "th"} and self._depth == 1:
            spans = {name: _span(value) for name, value in attrs if name in {"colspan", "rowspan"}}
            self._cell = _Cell(self._line(), spans.get("colspan", 1), spans.get("rowspan", 1), tag == "th")
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(self._cell)
        elif self._cell and tag in {"br", "p", "div"}:
            self._cell.parts.append("<br>")
        elif self._cell and tag == "li":
            self._cell.parts.append("<br>- ")

    def handle_endtag(self, tag: str) -> None:
        """Close a cell."""
        if tag == "table":
            self._depth -= 1
        elif tag in {"td", "th"} and self._depth == 1:
            self._cell = None
        elif self._cell and tag in {"p", "li", "ul", "ol", "div"}:
            self._cell.parts.append("<br>")

    def handle_data(self, data: str) -> None:
        """Keep the text of the open cell; its line is that of its first word."""
        if self._cell is None:
            return
        if not any(p.strip() and not p.startswith("<br>") for p in self._cell.parts) and data.strip():
            blank = data[: len(data) - len(data.lstrip())]
            self._cell.line = self._numbers[min(self.getpos()[0] - 1 + blank.count("\n"), len(self._numbers) - 1)]
        self._cell.parts.append(data)

    def _line(self) -> int:
        return self._numbers[min(self.getpos()[0] - 1, len(self._numbers) - 1)]

    def rows(self) -> Iterator[Row]:
        """Return the rows; a cell that spans rows is empty in the later ones, one that spans columns in the later columns."""
        spanned: dict[int, int] = {}
        for cells in self._rows:
            texts: list[str] = []
            lines: list[int] = []
            reached = any(left > 0 for left in spanned.values())
            queue = list(cells)
            while queue or any(column >= len(texts) for column in spanned):
                column = len(texts)
                if spanned.get(column, 0) > 0:
                    spanned[column] -= 1
                    texts.append("")
                    lines.append(cells[0].line if cells else 0)
                    continue
                spanned.pop(column, None)
                if not queue:
                    break
                cell = queue.pop(0)
                texts += [_tidy(cell.parts), *[""] * (cell.columns - 1)]
                lines += [cell.line] * cell.columns
                if cell.rows > 1:
                    spanned |= dict.fromkeys(range(column, column + cell.columns), cell.rows - 1)
            if any(texts):
                yield Row(lines[0], tuple(texts), tuple(lines), bool(cells) and all(c.is_head for c in cells), reached)


def _span(value: str | None) -> int:
    return max(1, min(int(value), _MOST_SPAN)) if value and value.strip().isdigit() else 1


def _tidy(parts: list[str]) -> str:
    text = re.sub(r"\s+", " ", "".join(parts))
    return re.sub(r"^(?:\s*<br>\s*)+(?!- )|(?:\s*<br>\s*)+$", "", re.sub(r"(?:<br>\s*)+(?=<br>)", "", text)).strip()
