"""From pages to the lines of a document: reading order, rows that go on over a page, hyphens mended, headings marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kg.documents.pdf.lines import Line, Paragraph, lines_of, paragraphs_of
from kg.documents.pdf.pages import Page, Word
from kg.documents.pdf.regions import Column, LooseTable, regions_of
from kg.documents.pdf.running import without_running
from kg.documents.pdf.tables import Row, Table, inside, loose_cells, table_of
from kg.text import fold

_STOPS = (".", "!", "?", ":", ";", "”", '"', "»", ")")
_HYPHEN = re.compile(r"(\w+)[-\u00ad\u2010]$")
_BREAK = "<br>"


@dataclass
class Text:
    """Lines of a document with the page of each, and where pages begin within lines: (line, offset, page)."""

    lines: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    breaks: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, text: str, page: int) -> None:
        """Add a line."""
        self.lines.append(text)
        self.pages.append(page)

    def blank(self, page: int) -> None:
        """Add a blank line, unless there is one."""
        if self.lines and self.lines[-1]:
            self.add("", page)


def text_of(pages: Sequence[Page]) -> Text:
    """Bring pages into the lines of a document."""
    pages = without_running(pages)
    writer = _Writer(_Hyphens(pages), _Sizes(pages))
    for page in pages:
        for element in _elements(page):
            writer.add(element, page)
    writer.close()
    return writer.text


def _elements(page: Page) -> Iterator[Table | LooseTable | Column]:
    """Yield what stands on a page in reading order: tables where they stand, text around them."""
    words = list(page.words)
    tables = [t for grid in page.grids if (t := table_of(grid, words)) and t.rows]
    outer = [t for t in tables if not any(_within(t, other) for other in tables)]
    outer.sort(key=lambda t: (round(t.box[1]), t.box[0]))
    free = [word for word in words if not any(inside(word, t.box) for t in outer)]
    for table in outer:
        above = [word for word in free if (word.top + word.bottom) / 2 < table.box[1]]
        free = [word for word in free if word not in set(above)] if above else free
        yield from regions_of(above)
        yield table
    yield from regions_of(free)


def _within(table: Table, other: Table) -> bool:
    a, b = table.box, other.box
    return table is not other and a[0] >= b[0] - 1 and a[1] >= b[1] - 1 and a[2] <= b[2] + 1 and a[3] <= b[3] + 1 and a != b


class _Sizes:
    """The sizes of letters in a document: what is larger than most of its text outside tables is a heading."""

    def __init__(self, pages: Iterable[Page]):
        counts: Counter[float] = Counter()
        outside: Counter[float] = Counter()
        for page in pages:
            for word in page.words:
                counts[word.size] += len(word.text)
                if not any(inside(word, grid.box) for grid in page.grids):
                    outside[word.size] += len(word.text)
        usual = outside if sum(outside.values()) > 2_000 else counts
        self.body = max(usual, key=lambda s: (usual[s], s), default=10.0)
        larger = sorted({round(s) for s in counts if s > 1.15 * self.body and round(s) > round(self.body)}, reverse=True)
        self._levels = {size: min(level, 6) for level, size in enumerate(larger, 1)}

    def level(self, paragraph: Paragraph, text: str) -> int:
        """Return the level of a heading, 1 the largest; 0 for text: its size, or a sentence set large."""
        if paragraph.mark == "-" or len(text) > 160 or text.endswith((".", ",", ";")):
            return 0
        return self._levels.get(round(paragraph.size), 0)


class _Hyphens:
    """Mends words that the end of a line cut, by the words of the rest of the document."""

    def __init__(self, pages: Iterable[Page]):
        self._known: set[str] = set()
        ends = spaced = cut = 0
        for page in pages:
            for word in page.words:
                self._known.add(fold(word.text).strip(".,;:()¿?¡!“”\"'"))
            for line in lines_of(page.words):
                ends += 1
                spaced += line.words[-1].spaced
                cut += bool(_HYPHEN.search(line.words[-1].text))
        self._spaces_told = spaced > 0.9 * ends
        self._rare = cut < 0.01 * ends

    def join(self, before: str, after: str, spaced: bool = True) -> str:
        """Join two pieces of text at the end of a line. `spaced`: whether a space was printed there."""
        cut = _HYPHEN.search(before)
        first = re.match(r"\w+", after)
        if self._spaces_told and not spaced and first and after[:1].islower() and before[-1:].isalpha():
            return before + after
        if not cut or not first or not after[:1].islower():
            return f"{before} {after}"
        whole, halves = fold(cut[1] + first[0]), (fold(cut[1]), fold(first[0]))
        compound = f"{halves[0]}-{halves[1]}"
        if whole not in self._known and (
            self._rare or compound in self._known or all(len(h) > 3 and h in self._known for h in halves)
        ):
            return before + after
        return before[: cut.end(1)] + after


class _Writer:
    """Writes elements as lines. Keeps the last table row open, so that the next page may go on with it."""

    def __init__(self, hyphens: _Hyphens, sizes: _Sizes):
        self.text = Text()
        self._hyphens = hyphens
        self._sizes = sizes
        self._open: _OpenRow | None = None
        self._in_table = False
        self._edges: tuple[float, ...] = ()
        self._heads: list[str] = []
        self._shape = _Shape()
        self._held: list[tuple[Sequence[Paragraph], int]] = []

    def add(self, element: Table | LooseTable | Column, page: Page) -> None:
        """Write an element of a page."""
        if isinstance(element, Column):
            paragraphs = paragraphs_of(element.lines)
            if self._in_table and self._is_note(element, page):
                self._held.append((paragraphs, page.number))
                return
            self.close()
            self._paragraphs(paragraphs, page.number)
        elif isinstance(element, LooseTable):
            self.close()
            for cells in element.rows:
                self._write(_OpenRow(self._cells(loose_cells(cells), ()), page.number))
            self.text.blank(page.number)
        else:
            self._table(element, page)

    def _is_note(self, column: Column, page: Page) -> bool:
        """Say whether a text below a table is a note at the foot of the page: the table may go on overleaf."""
        lines = column.lines
        low = lines[0].top > 0.75 * page.height and len(lines) <= 6
        return low and (lines[0].size < 0.95 * self._sizes.body or lines[0].words[0].size < 0.8 * lines[0].size)

    def close(self) -> None:
        """End the table: write the row that is still open, and the notes that stood below the table's pages."""
        if not self._in_table:
            return
        self._in_table = False
        self._end_row()
        self.text.blank(self.text.pages[-1] if self.text.pages else 1)
        for paragraphs, number in self._held:
            self._paragraphs(paragraphs, number)
        self._held = []

    # ------------------------------------------------------------------ tables

    def _table(self, table: Table, page: Page) -> None:
        if len(table.edges) <= 2:
            self.close()
            for row in table.rows:
                for cell in row.cells:
                    self._paragraphs(cell.paragraphs, page.number)
            return
        goes_on = self._in_table and self._same_columns(table)
        if not goes_on:
            self.close()
            self._edges, self._heads, self._shape = table.edges, [], _Shape()
        elif len(table.edges) > len(self._edges):
            self._edges, self._shape = table.edges, _Shape()
        self._in_table = True
        first = goes_on
        for row in table.rows:
            first = self._row(row, page, first)

    def _same_columns(self, table: Table) -> bool:
        a, b = self._edges, table.edges
        if len(a) == len(b):
            return all(abs(x - y) < 12 for x, y in zip(a, b, strict=True))
        fewer, more = sorted((a, b), key=len)
        return abs(a[-1] - b[-1]) < 12 and all(any(abs(x - y) < 12 for y in more) for x in fewer)

    def _row(self, row: Row, page: Page, first: bool) -> bool:
        """Write a row, or the rest of the open one. Returns whether the next row is still the first that says something new."""
        if row.across:
            self._end_row()
            for paragraph in row.across.paragraphs:
                self._line(paragraph, page.number, title=True)
            return False
        cells = self._cells(row, self._edges)
        plain = [fold(re.sub(r"\*\*|<br>", " ", c)) for c in cells]
        if first and plain == self._heads:
            return True
        if not self._heads:
            self._heads = plain
        if self._open and first and self._open.page_now != page.number and self._open.goes_on(cells, self._shape):
            self._open.join(cells, page.number, self._hyphens)
            return False
        self._end_row()
        self._open = _OpenRow(cells, page.number)
        self._shape.add(cells)
        return False

    def _end_row(self) -> None:
        if self._open:
            self._write(self._open)
            self._open = None

    def _cells(self, row: Row, edges: tuple[float, ...]) -> list[str]:
        cells = [""] * (max(len(edges) - 1, row.columns) if edges else row.columns)
        for cell in row.cells:
            column = cell.column
            if edges and row.columns != len(edges) - 1:
                column = min(range(len(edges) - 1), key=lambda k: abs(edges[k] - cell.box[0]))
            text = _BREAK.join(self._inline(p) for p in cell.paragraphs)
            cells[column] = _BREAK.join(part for part in (cells[column], text) if part)
        return cells

    def _write(self, row: _OpenRow) -> None:
        offset = 0
        line = len(self.text.lines) + 1
        for cell, breaks in zip(row.cells, row.breaks, strict=True):
            if row.page_now != row.page:
                self.text.breaks += [(line, offset + at, page) for at, page in [(0, row.page), *breaks]]
            offset += len(cell) + 1
        self.text.add("\t".join(row.cells), row.page)

    # ------------------------------------------------------------------ text

    def _paragraphs(self, paragraphs: Sequence[Paragraph], page: int) -> None:
        item = False
        for paragraph in paragraphs:
            if not (item and paragraph.mark == "-"):
                self.text.blank(page)
            self._line(paragraph, page)
            item = bool(paragraph.mark)
        self.text.blank(page)

    def _line(self, paragraph: Paragraph, page: int, title: bool = False) -> None:
        text = self._inline(paragraph)
        level = self._sizes.level(paragraph, text)
        if level and not title:
            text = f"{'#' * level} {text.replace('**', '')}"
        elif title and len(text) <= 160 and not text.startswith("**") and paragraph.mark != "-":
            text = f"**{text.replace('**', '')}**"
        self.text.add(text, page)

    def _inline(self, paragraph: Paragraph) -> str:
        text = ""
        spaced = True
        for line in paragraph.body:
            part = _emphasised(line)
            text = self._hyphens.join(text, part, spaced) if text else part
            spaced = line.words[-1].spaced
        text = text.replace("** **", " ")
        if paragraph.mark and paragraph.bold and paragraph.mark != "-":
            return f"**{paragraph.mark} {text.removeprefix('**')}"
        return f"{paragraph.mark} {text}".strip()


def _emphasised(line: Line) -> str:
    """Return the words of a line, bold ones between `**`."""
    pieces: list[tuple[bool, list[str]]] = []
    for word in line.words:
        bold = word.bold if any(c.isalnum() for c in word.text) or not pieces else pieces[-1][0]
        if not pieces or pieces[-1][0] != bold:
            pieces.append((bold, []))
        pieces[-1][1].append(_clean(word))
    return " ".join(f"**{' '.join(words)}**" if bold else " ".join(words) for bold, words in pieces)


def _clean(word: Word) -> str:
    return word.text.replace("\u00a0", " ").replace("\u00ad", "-" if word.text.endswith("\u00ad") else "").replace("**", "")


class _Shape:
    """How the rows of a table look: whether cells stay empty, and how their first cell begins."""

    def __init__(self) -> None:
        self._full = 0
        self._forms: Counter[str] = Counter()
        self._leading: Counter[int] = Counter()

    def add(self, cells: list[str]) -> None:
        """Count a row."""
        self._full += all(cells)
        self._forms[_form(cells[0])] += 1
        self._leading[_leading(cells)] += 1

    def begins_late(self, cells: list[str]) -> bool:
        """Say whether other rows leave as many first cells empty, as where those are merged over several rows."""
        return self._leading[_leading(cells)] > 0 and _leading(cells) > 0

    def is_strange(self, cells: list[str]) -> bool:
        """Say whether a row looks unlike nearly all before it: an empty cell, or another beginning."""
        rows = sum(self._forms.values())
        if rows < 3:
            return False
        form = _form(cells[0])
        unlike = form in {"item", "text"} and self._forms[form] <= 0.1 * rows and max(self._forms.values()) >= 0.8 * rows
        return unlike or (not all(cells) and self._full >= 0.8 * rows)


def _leading(cells: list[str]) -> int:
    """Count the empty cells at the left."""
    return next((k for k, cell in enumerate(cells) if cell), len(cells))


def _form(cell: str) -> str:
    if not cell:
        return "empty"
    if cell.startswith("**"):
        return "bold"
    return "item" if cell.startswith("- ") else "number" if cell[:1].isdigit() else "text"


class _OpenRow:
    """A table row whose end has not been seen."""

    def __init__(self, cells: list[str], page: int):
        self.cells = list(cells)
        self.page = self.page_now = page
        self.breaks: list[list[tuple[int, int]]] = [[] for _ in cells]

    def goes_on(self, cells: list[str], shape: _Shape) -> bool:
        """Say whether the first row of the next page is the rest of this one."""
        pairs = [(mine, new) for mine, new in zip(self.cells, cells, strict=False) if new]
        ended = all(new.startswith(("- ", "**")) and mine.rstrip("*").endswith(_STOPS) for mine, new in pairs)
        if ended and shape.begins_late(cells):
            return False
        if not cells[0] or shape.is_strange(cells) or any(new[:1].islower() or new[:1] in "(,;)" for new in cells if new):
            return True
        cut = [bool(mine) and not mine.rstrip("*").endswith(_STOPS) for mine, _ in pairs]
        clean = [new[:1].isdigit() or new.startswith(("- ", "**")) for new in cells if new]
        return sum(cut) * 2 > len(cut) and not any(clean)

    def join(self, cells: list[str], page: int, hyphens: _Hyphens) -> None:
        """Add the rest of the row, as the next page has it."""
        self.page_now = page
        while len(self.cells) < len(cells):
            self.cells.append("")
            self.breaks.append([])
        for k, new in enumerate(cells):
            if not new:
                continue
            old = self.cells[k]
            if not old:
                joined, at = new, 0
            elif new[:1].islower() and not old.endswith((".", ":", ";")):
                joined = hyphens.join(old, new)
                at = len(joined) - len(new)
            else:
                joined, at = old + _BREAK + new, len(old) + len(_BREAK)
            self.cells[k] = joined
            self.breaks[k].append((at, page))
