"""What of a document its record leaves out: the stretches of words that gave no statement, section, table head or figure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from rapidfuzz.distance import LCSseq

from kg.documents import Document
from kg.reading.roles import load_roles
from kg.records import Record, Statement
from kg.text import fold_aligned, shorten, squeeze, strip_accents, strip_markup

_WORD = re.compile(r"[a-z0-9%]+")
_MARK = re.compile(r"(?:\d{1,2}|[a-z]|[ivx]{1,5})")
_LEAST_WORDS = 4  # of a stretch in a line that gave something else; fewer are labels and enumerators
_LEAST_ALONE = 2  # of a line that gave nothing
_SHORT, _HEADER_TIMES = 15, 3  # words of a line that may be a running header or a label; how often such a header recurs
_BELOW = 20  # lines below a statement in which its money, funding and partners may stand
_AHEAD = 8  # blank lines and page furniture that a run may go on over
_LOOSE, _WIDEST = 2, 2000  # how far a run whose words do not stand together is looked for, in its own lengths and in words
_HEAD_SHARE = 0.6


@dataclass(frozen=True)
class Stretch:
    """Words of a document that its record does not have: lines `first` to `last` (1-based), their page, what stands there."""

    first: int
    last: int
    page: int | None
    words: int
    text: str


@dataclass(frozen=True)
class Coverage:
    """How much of a document its record has, in words. `stated`: in statements, figures and what belongs to them; `structure`:
    headings, table heads, running headers, page numbers; what is neither nor left out are labels and enumerators.

    `silent_pages`: pages with words, none of them in a statement; empty where the document has no pages.
    """

    words: int
    stated: int
    structure: int
    left_out: tuple[Stretch, ...]
    silent_pages: tuple[int, ...]

    @property
    def share(self) -> float:
        """Share of the words that are not left out, of those that are no structure (0 to 1)."""
        return 1 - self.missing / self.text if self.text else 1.0

    @property
    def text(self) -> int:
        """Number of words that are no structure."""
        return self.words - self.structure

    @property
    def missing(self) -> int:
        """Number of words left out."""
        return sum(stretch.words for stretch in self.left_out)


def coverage(document: Document, record: Record) -> Coverage:
    """Measure how much of a document its record has."""
    return _Marked(document, record).coverage()


def uncovered(document: Document, record: Record) -> list[Stretch]:
    """Return the stretches of a document that its record leaves out, in order; may be empty."""
    return list(coverage(document, record).left_out)


_NOTHING, _STRUCTURE, _STATED = 0, 1, 2


class _Marked:
    """The words of a document in one row, each marked by what came of it; `starts[n - 1]` is where line n begins."""

    def __init__(self, document: Document, record: Record):
        self.document, self.record = document, record
        lines = [_words(line) for line in document.lines]
        self.starts = [0, *accumulate(map(len, lines))]
        self.words = [word for words in lines for word in words]
        self.marks = [_NOTHING] * len(self.words)
        self._cursor: dict[int, int] = {}
        self._mark_structure(lines)
        for statement in record.statements:
            self._mark_statement(statement)
        for line in (*(f.line for f in record.figures), *self._named_lines()):
            self._mark_line(line, _STATED)

    def coverage(self) -> Coverage:
        counted = Counter(self.marks)
        left = tuple(self._stretches())
        return Coverage(len(self.words), counted[_STATED], counted[_STRUCTURE], left, tuple(self._silent_pages()))

    def _named_lines(self) -> Iterator[int]:
        yield from (named.line for named in (self.record.organization, self.record.candidate) if named and named.line)

    def _bounds(self, line: int) -> tuple[int, int]:
        return self.starts[line - 1], self.starts[line]

    # ------------------------------------------------------------------ marking

    def _mark_line(self, line: int, mark: int) -> None:
        if 1 <= line < len(self.starts):
            start, end = self._bounds(line)
            self.marks[start:end] = [mark] * (end - start)

    def _mark_structure(self, lines: list[list[str]]) -> None:
        """Mark headings that a statement stands under, labels, table heads, running headers and page numbers."""
        roles = load_roles()
        shapes = Counter(map(_shape, lines))
        for number, (line, words) in enumerate(zip(self.document.lines, lines, strict=True), 1):
            short = bool(words) and len(words) <= _SHORT and "\t" not in line
            running = short and shapes[_shape(words)] >= _HEADER_TIMES
            label = short and roles.of_label(strip_markup(line.lstrip("# "))) is not None
            if running or label or _is_head(line) or self._is_section(words) or all(word.isdigit() for word in words):
                self._mark_line(number, _STRUCTURE)

    @cached_property
    def _sections(self) -> set[str]:
        """The headings that statements stand under, as words with spaces between, with and without their enumerators."""
        titles = {title for s in self.record.statements for title in (*s.section, s.axis or "")}
        titles |= {self.record.title, *(axis.name for axis in self.record.axes)}
        found = {tuple(_words(title)) for title in titles}
        return {" ".join(words) for title in found for words in _without_marks(title) if words}

    def _is_section(self, words: list[str]) -> bool:
        return any(" ".join(bare) in self._sections for bare in _without_marks(tuple(words)))

    def _mark_statement(self, statement: Statement) -> None:
        runs = [(statement.line, statement.first_run), *((part.line, part.text) for part in statement.parts)]
        for line, text in runs:
            self._mark_run(line, _words(text))
        raws = [thing.raw for thing in (statement.target, statement.budget, *statement.funding, *statement.partners) if thing]
        for raw in raws:
            self._mark_attached(statement.line, _words(raw))

    def _mark_attached(self, line: int, wanted: list[str]) -> None:
        """Mark what belongs to a statement and stands at its line or in a line of its own below: money, funding, partners."""
        if not wanted or not 1 <= line < len(self.starts):
            return
        end = self.starts[min(line + _BELOW, len(self.starts) - 1)]
        at = _find(self.words, wanted, self.starts[line - 1], end)
        if at is not None:
            self.marks[at : at + len(wanted)] = [_STATED] * len(wanted)

    def _mark_run(self, line: int, wanted: list[str]) -> None:
        """Mark the words of a run that starts at a line: where they stand together, else the longest common sequence.

        What was found last on the line is where the search begins: statements mostly come in the order of the document.
        """
        if not wanted or not 1 <= line < len(self.starts):
            return
        start, end = self._bounds(line)
        cursor = self._cursor.get(line, start)
        limit = min(self.starts[min(line + _AHEAD + len(wanted), len(self.starts) - 1)], end + len(wanted))
        at = _find(self.words, wanted, cursor, limit)
        at = _find(self.words, wanted, start, limit) if at is None and cursor > start else at
        if at is not None:
            self.marks[at : at + len(wanted)] = [_STATED] * len(wanted)
            self._cursor[line] = at + len(wanted)
        else:
            window = self.words[cursor : min(limit, cursor + _LOOSE * len(wanted) + end - start, cursor + _WIDEST)]
            for op in LCSseq.opcodes(wanted[:_WIDEST], window):
                if op.tag == "equal":
                    self.marks[cursor + op.dest_start : cursor + op.dest_end] = [_STATED] * (op.dest_end - op.dest_start)

    # ------------------------------------------------------------------ what is left

    def _stretches(self) -> Iterator[Stretch]:
        """Yield what nothing came of; lines that follow each other, but for structure and blank lines, make one stretch."""
        open_: list[tuple[int, str, int]] = []
        for number in range(1, len(self.starts)):
            marks = self.marks[slice(*self._bounds(number))]
            if not marks or all(mark == _STRUCTURE for mark in marks):
                continue
            pieces = list(self._pieces(number))
            whole = len(pieces) == 1 and pieces[0][1] == len(marks)
            if not whole and open_:
                yield self._stretch(open_)
                open_ = []
            if whole:
                open_.append((number, *pieces[0]))
            else:
                yield from (self._stretch([(number, *piece)]) for piece in pieces)
        if open_:
            yield self._stretch(open_)

    def _pieces(self, number: int) -> Iterator[tuple[str, int]]:
        """Yield (text, number of words) of each stretch of a line that nothing came of and that is long enough to tell."""
        start, stop = self._bounds(number)
        words, marks, text = self.words[start:stop], self.marks[start:stop], self.document.lines[number - 1]
        alone = _STATED not in marks
        at = 0
        while at < len(marks):
            end = at
            while end < len(marks) and marks[end] == marks[at]:
                end += 1
            told = sum(word.isalpha() for word in words[at:end])
            if marks[at] == _NOTHING and told >= (_LEAST_ALONE if alone else _LEAST_WORDS):
                written = _as_written(text, words, at, end)
                if not load_roles().is_absent(written.rsplit(":", 1)[-1]):
                    yield written, end - at
            at = end

    def _stretch(self, lines: list[tuple[int, str, int]]) -> Stretch:
        first, last = lines[0][0], lines[-1][0]
        text = " / ".join(text for _, text, _ in lines)
        return Stretch(first, last, self.document.page_of(first), sum(words for _, _, words in lines), text)

    def _silent_pages(self) -> Iterator[int]:
        if not self.document.pages:
            return
        words: Counter[int] = Counter()
        stated: Counter[int] = Counter()
        for number, page in enumerate(self.document.pages, 1):
            marks = self.marks[slice(*self._bounds(number))]
            words[page] += sum(mark != _STRUCTURE for mark in marks)
            stated[page] += marks.count(_STATED)
        yield from sorted(page for page, number in words.items() if number and not stated[page])


def shown_text(stretch: Stretch, limit: int = 160) -> str:
    """Return the text of a stretch, shortened."""
    return shorten(stretch.text, limit)


def _words(text: str) -> list[str]:
    """Return the words that are compared: mark-up gone, folded, letters, digits and % only."""
    return _WORD.findall(strip_accents(strip_markup(text.replace("\t", " "))).casefold())


def _as_written(line: str, words: list[str], first: int, last: int) -> str:
    """Return what stands in a line from one of its words up to another, as the document has it."""
    text = squeeze(strip_markup(line.replace("\t", " ").lstrip("# ")))
    if last - first == len(words):
        return text
    places = [match.span() for match in _WORD.finditer(fold_aligned(text))]
    return text[places[first][0] : places[last - 1][1]] if len(places) == len(words) else " ".join(words[first:last])


def _shape(words: list[str]) -> str:
    """Return a line's words with every number alike: page numbers change from page to page."""
    return " ".join("0" if word.isdigit() else word for word in words)


def _without_marks(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words, and what is left of them when enumerators are cut off the front."""
    yield words
    while len(words) > 1 and _MARK.fullmatch(words[0]):
        words = words[1:]
        yield words


def _is_head(line: str) -> bool:
    """Say whether a line is the head of a table: most of its cells are known names of columns."""
    cells = [strip_markup(c) for c in (line.split("\t") if "\t" in line else line.strip().strip("|").split("|"))]
    filled = [cell for cell in cells if cell]
    if len(filled) < 2 or any(len(cell) > 120 for cell in filled):
        return False
    known = sum(load_roles().of_column(cell) is not None for cell in filled)
    return known >= 2 and known >= len(filled) * _HEAD_SHARE


def _find(words: list[str], wanted: list[str], start: int, end: int) -> int | None:
    """Return where the wanted words stand together between two places, or None."""
    size = len(wanted)
    while True:
        try:
            start = words.index(wanted[0], start, max(start, end - size + 1))
        except ValueError:
            return None
        if words[start : start + size] == wanted:
            return start
        start += 1
