"""From lines to blocks: headings, list items, paragraphs and table rows, with page breaks mended and page headers dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kg.documents import Document
from kg.reading.html_tables import Row, take_tables
from kg.reading.linear import LinearRow, ends_table, find_head, read_linear
from kg.reading.lines import Line, is_wrapped, text_lines, usual_width
from kg.reading.marks import (
    BARE_MARK,
    BULLET,
    ENUMERATOR,
    HASHES,
    in_capitals,
    is_bold,
    label_of,
    split_enumerator,
    split_glued,
    split_labels,
)
from kg.reading.roles import Roles, load_roles
from kg.text import strip_markup

_TABLE_RULE = re.compile(r"^[\s|:+=-]+$")
_ENDS = (".", "!", "?", ":", ";", "”", '"', "»")


@dataclass(frozen=True)
class Block:
    """A piece of the document.

    `kind` is heading, item, paragraph, row or label (`Objetivo 1: …`). `level`: hashes of a Markdown heading, or an item's
    indentation. `mark`: its enumerator. `label`: the words before the colon, or bold words that open a paragraph; `role` is what
    they say. `runs`: (line, text), several where a page break cut. `cell_lines`: line of each cell, where the row has several;
    `source`: the lines that its cells' items stand at.
    """

    kind: str
    runs: tuple[tuple[int, str], ...]
    level: int = 0
    mark: str = ""
    bold: bool = False
    label: str = ""
    cells: tuple[str, ...] = field(default=())
    role: str | None = None
    cell_lines: tuple[int, ...] = field(default=())
    is_head: bool = False
    is_spanned: bool = False
    linear: LinearRow | None = None
    source: tuple[Line, ...] = field(default=(), compare=False, repr=False)

    @property
    def line(self) -> int:
        """First line, 1-based."""
        return self.runs[0][0]

    @property
    def text(self) -> str:
        """All runs joined by a space."""
        return " ".join(text for _, text in self.runs if text)


def split_blocks(document: Document) -> list[Block]:
    """Cut a document into blocks, in its order."""
    roles = load_roles()
    lines = text_lines(document, roles)
    cutter = _Cutter(roles, is_wrapped(lines), usual_width(lines))
    rules = {line.number for line in lines if _TABLE_RULE.match(line.text) and "-" in line.text}
    blocks = [replace(b, is_head=True) if b.kind == "row" and b.line + 1 in rules else b for b in cutter.cut(lines)]
    return _settle_titles(_mend_page_breaks(blocks))


class _Cutter:
    """Cuts lines into blocks; in `wrapped` text (lines of a fixed `width`) a line goes on until something ends it."""

    def __init__(self, roles: Roles, wrapped: bool, width: int):
        self._roles, self._wrapped, self._width = roles, wrapped, width
        self._open: list[tuple[int, str]] = []
        self._kind = "none"
        self._titled = self._below_label = False
        self._labels: frozenset[str] = frozenset()

    def cut(self, lines: list[Line]) -> Iterator[Block]:
        """Return the blocks of the lines."""
        self._labels = self._repeated_labels(lines)
        index = start = 0
        while index < len(lines):
            head = find_head(lines, index, self._roles) if self._may_head(lines, index) else None
            if head is None:
                index += 1
                continue
            yield from self._cut_plain(lines[start:index])
            end = next((i for i in range(head[1], len(lines)) if ends_table(lines[i], self._roles)), len(lines))
            for row in read_linear(lines[head[1] : end], head[0], self._roles):
                runs = (row.title,) if row.title else tuple(run for _, item in row.items for run in item)
                yield Block("row", runs, linear=row)
            index = start = end
        yield from self._cut_plain(lines[start:])

    def _may_head(self, lines: list[Line], index: int) -> bool:
        text = lines[index].text
        return (
            0 < len(text.strip()) < 60 and "\t" not in text and "|" not in text and "<" not in text and not text.startswith("#")
        )

    def _cut_plain(self, lines: list[Line]) -> Iterator[Block]:
        for piece in take_tables(lines):
            if isinstance(piece, Row):
                yield from self._flush()
                yield Block(
                    "row",
                    ((piece.line, " ".join(strip_markup(c) for c in piece.cells)),),
                    cells=piece.cells,
                    cell_lines=piece.lines,
                    is_head=piece.is_head,
                    is_spanned=piece.is_spanned,
                    source=piece.source,
                )
                continue
            for number, text in split_glued(piece.number, piece.text):
                for part in split_labels(text, self._roles):
                    yield from self._take(number, part)
        yield from self._flush()

    def _take(self, number: int, line: str) -> Iterator[Block]:
        kind = _kind(line, self._roles)
        if kind == "paragraph" and self._is_bare_label(line):
            yield from self._flush()
            self._open, self._kind = [(number, line)], "paragraph"
            yield from self._flush()
            self._below_label = True
            return
        if self._continues(kind, line):
            self._open.append((number, line))
            return
        yield from self._flush()
        if kind == "row":
            yield _row(number, line)
        elif kind != "none":
            self._open, self._kind = [(number, line)], kind
            if kind in {"heading", "numbered", "label"}:
                self._below_label = (
                    kind != "label" and self._roles.of_label(split_enumerator(strip_markup(line.lstrip("# ")))[1]) is not None
                )

    def _repeated_labels(self, lines: list[Line]) -> frozenset[str]:
        """Return the lines, numbers apart, that are nothing but a label and stand more than once in the document."""
        seen: Counter[str] = Counter()
        for line in lines:
            text = line.text.strip()
            if 3 < len(text) < 60 and text[:1].isupper() and self._roles.of_label(text) not in {None, "ignored", "name"}:
                seen[_unnumbered(text)] += 1
        return frozenset(text for text, count in seen.items() if count > 1)

    def _is_bare_label(self, line: str) -> bool:
        """Say whether a line is nothing but a label, and does not stand in the middle of a sentence."""
        text = strip_markup(line)
        if not text[:1].isupper() or len(text) > 60:
            return False
        if not self._open and in_capitals(text) and self._roles.is_chapter(text):
            return True
        if self._roles.of_label(text) in {None, "ignored", "name"}:
            return False
        if _unnumbered(line.strip()) in self._labels:
            return True
        before = strip_markup(self._open[-1][1]) if self._open else ""
        return not before or text.endswith(":") or before.endswith(_ENDS) or (not self._wrapped and in_capitals(text))

    def _continues(self, kind: str, line: str) -> bool:
        """Say whether a line goes on with what is open."""
        if not self._open:
            return False
        if BARE_MARK.match(self._open[-1][1]):
            return kind in {"paragraph", "label"}
        if kind != "paragraph" or line.startswith("**"):
            return False
        last = self._open[-1][1].rstrip()
        if self._kind == "paragraph":
            if self._wrapped:
                self._titled = self._is_short_title(line)
                return not self._titled and not self._switches(line)
            return line.lstrip()[:1].islower() or not (last.endswith((".", ";")) or self._stands_alone(last))
        if self._kind in {"item", "numbered", "label"}:
            goes_on = not last.endswith(_ENDS) and (line.lstrip()[:1].islower() or self._roles.is_unfinished(last))
            return goes_on if not self._wrapped else not self._switches(line)
        return False

    def _stands_alone(self, last: str) -> bool:
        """Say whether, in text that is not wrapped, a line of some words below a label is a line of its own."""
        return (
            self._below_label
            and len(last) < 0.7 * max(self._width, 80)
            and not in_capitals(last)
            and not last.endswith((",", ":"))
        )

    def _is_short_title(self, line: str) -> bool:
        """Say whether, in wrapped text, a lone short line without a stop is a title, and this full one the text below it."""
        text = strip_markup(self._open[0][1])
        short = (
            len(self._open) == 1
            and len(text) < 0.5 * self._width
            and not text.endswith((*_ENDS[:1], ",", ";"))
            and text[:1].isupper()
        )
        return short and line.lstrip()[:1].isupper() and len(line.rstrip()) > 0.75 * self._width and self._width > 45

    def _switches(self, line: str) -> bool:
        """Say whether, in wrapped text, a title in capitals begins or ends between the open lines and this one."""
        before = [in_capitals(strip_markup(text)) for _, text in self._open]
        now = in_capitals(strip_markup(line))
        if now and all(before):
            return False
        if all(before):
            return len(" ".join(t for _, t in self._open).split()) > 1
        ended = self._open[-1][1].rstrip().endswith(_ENDS)
        return now and ended and len(line.split()) > 1

    def _joined(self, kind: str, first: list[tuple[int, str]], later: list[tuple[int, str]]) -> Iterator[Block]:
        """Make one block of lines between which a page ended."""
        if kind == "label":
            block = _label(first, self._roles)
        elif kind == "paragraph":
            block = Block("paragraph", ((first[0][0], " ".join(strip_markup(text) for _, text in first)),))
        else:
            block = _block(kind, first)
        yield replace(block, runs=(*block.runs, *later))

    def _flush(self) -> Iterator[Block]:
        lines, kind = self._open, self._kind
        self._open, self._kind = [], "none"
        if not lines:
            return
        first, later = _contiguous(lines)
        if later:
            titled, self._titled = self._titled, False
            yield from self._joined(kind, first, later)
            self._titled = titled
            return
        if kind == "paragraph" and self._titled:
            self._titled = False
            yield Block("heading", ((lines[0][0], strip_markup(lines[0][1])),))
        elif kind == "paragraph":
            yield from _paragraph(lines, self._roles)
        elif kind == "label":
            yield _label(lines, self._roles)
        else:
            yield _block(kind, lines)


def _contiguous(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Part lines where a page number or the like stood between them: the first run, and (line, text) of the others."""
    runs: list[list[tuple[int, str]]] = []
    for number, text in lines:
        if runs and runs[-1][-1][0] + 1 >= number:
            runs[-1].append((number, text))
        else:
            runs.append([(number, text)])
    return runs[0], [(run[0][0], " ".join(strip_markup(text) for _, text in run)) for run in runs[1:]]


def _unnumbered(text: str) -> str:
    return re.sub(r"\d+", "", text).strip(" .:-")


def _kind(line: str, roles: Roles) -> str:
    plain = strip_markup(line.lstrip("# "))
    if not plain or (_TABLE_RULE.match(line) and "-" in line):
        return "none"
    if plain.startswith("¿") and plain.endswith("?") and len(plain) < 80:
        return "none"
    if "\t" in line.strip("\n") and line.count("\t") >= 1:
        return "row"
    if line.count("|") >= 3 or (line.count("|") == 2 and line.strip().startswith("|") and line.strip().endswith("|")):
        return "row"
    if HASHES.match(line):
        return "heading"
    if label_of(line, roles):
        return "label"
    if BULLET.match(line) and not re.match(r"^\s*\*\*", line):
        return "item"
    if ENUMERATOR.match(strip_markup(line)) or BARE_MARK.match(line):
        return "numbered" if not line.lstrip().startswith(("-", "•", "–")) else "item"
    return "paragraph"


def _label(lines: list[tuple[int, str]], roles: Roles) -> Block:
    text = " ".join(line.strip() for _, line in lines)
    found = label_of(text, roles)
    assert found is not None
    role, label, rest = found
    level = len(match[1]) if (match := BULLET.match(lines[0][1])) else 0
    return Block("label", ((lines[0][0], rest),), level, label=label, role=role)


def _row(number: int, line: str) -> Block:
    raw = line.strip("\n")
    if re.match(r"^[^\t:]{2,40}\t\s*:\s*\S[^\t]*$", raw):
        return Block("paragraph", ((number, strip_markup(raw.replace("\t", " "))),))
    cells = raw.split("\t") if "\t" in raw else re.split(r"(?<!\\)\|", raw.strip().removeprefix("|").removesuffix("|"))
    text = strip_markup(raw.replace("\t", " "))
    return Block("row", ((number, text),), cells=tuple(c.replace("\\|", "|").strip() for c in cells))


def _block(kind: str, lines: list[tuple[int, str]]) -> Block:
    number = lines[0][0]
    level = 0
    if len(lines) > 1 and BARE_MARK.match(lines[0][1]):
        lines = [(lines[1][0], f"{lines[0][1].strip()} {lines[1][1].strip()}"), *lines[2:]]
    line = body = "\n".join(text for _, text in lines) if len(lines) > 1 else lines[0][1]
    body = body.replace("\n", " ")
    if match := HASHES.match(line):
        level, body = len(match[1]), match[2]
    bold = is_bold(body)
    if kind == "item":
        match = BULLET.match(body)
        if match is None:
            return Block("none", ((number, ""),))
        level, body = len(match[1]), match[2]
        bold = is_bold(body)
    mark, rest = split_enumerator(strip_markup(body))
    if kind == "numbered":
        kind = "heading" if _is_title(rest, bold) and (len(lines) == 1 or in_capitals(rest)) else "item"
    return Block(kind, ((number, rest),), level, mark, bold)


def _is_title(text: str, bold: bool) -> bool:
    """Say whether a numbered or lone line is a heading by its looks: short, and bold, in capitals or without a final stop."""
    words = text.split()
    if not words or len(text) > 140:
        return False
    letters = [c for c in text if c.isalpha()]
    capitals = sum(c.isupper() for c in letters) / max(len(letters), 1)
    if capitals > 0.7:
        return True
    ended = text.endswith((".", ",", ";")) or load_roles().is_unfinished(text)
    return bold or (len(words) <= 9 and not ended and text[:1].isupper())


def _paragraph(lines: list[tuple[int, str]], roles: Roles) -> Iterator[Block]:
    """Make one block of hard-wrapped lines; a lone line that looks like a title or ends in a colon is a heading."""
    text = " ".join(strip_markup(line) for _, line in lines)
    joined = "\n".join(line for _, line in lines)
    bold = is_bold(joined.replace("\n", " "))
    letters = [c for c in text if c.isalpha()]
    worded = len(letters) >= 0.6 * len(text.replace(" ", ""))
    capitals = sum(c.isupper() for c in letters) / max(len(letters), 1) if worded else 0.0
    short = len(text) <= 160
    bare_label = len(lines) == 1 and text[:1].isupper() and roles.of_label(text) not in {None, "ignored"}
    if short and (bold or capitals > 0.8 or bare_label or (text.endswith(":") and len(text) <= 70)):
        yield Block("heading", ((lines[0][0], text),), 0, "", bold)
        return
    label = re.match(r"^\*\*([^*\n]{3,60}?)[:.]?\*\*[:.]?\s*(?=\S)", joined)
    yield Block("paragraph", ((lines[0][0], text),), label=strip_markup(label[1]) if label else "")


def _mend_page_breaks(blocks: list[Block]) -> list[Block]:
    """Join a paragraph or item that stops in mid-sentence with the small-lettered paragraph that goes on."""
    mended: list[Block] = []
    for block in blocks:
        last = mended[-1] if mended else None
        if last and _goes_on(last, block):
            mended[-1] = replace(last, runs=(*last.runs, *block.runs))
        else:
            mended.append(block)
    return mended


def _goes_on(last: Block, block: Block) -> bool:
    if last.kind not in {"paragraph", "item"} or block.kind != "paragraph":
        return False
    unfinished = block.text[:1].islower() or load_roles().is_unfinished(last.text)
    return not last.text.rstrip().endswith(_ENDS) and unfinished


def _settle_titles(blocks: list[Block]) -> list[Block]:
    """Decide by their neighbours what lone short lines are: a numbered run is a list, a title stands before a paragraph."""
    settled: list[Block] = []
    for index, found in enumerate(blocks):
        block = found
        before = blocks[index - 1] if index else None
        after = blocks[index + 1] if index + 1 < len(blocks) else None
        listed = block.kind == "heading" and block.mark and not block.level and not block.bold
        if listed and _runs_on(block, before, after) and load_roles().of_label(block.text) is None:
            block = replace(block, kind="item")
        elif block.kind == "item" and block.bold and not block.mark and after is not None and after.kind == "label":
            block = replace(block, kind="heading", level=0)
        elif block.kind in {"item", "paragraph"} and _stands_as_title(block, before, after):
            block = replace(block, kind="heading")
        settled.append(block)
    return settled


def _runs_on(block: Block, before: Block | None, after: Block | None) -> bool:
    return any(n is not None and n.mark and abs(n.line - block.line) == 1 for n in (before, after))


def _stands_as_title(block: Block, before: Block | None, after: Block | None) -> bool:
    if len(block.runs) > 1 or len(block.text) > 80 or after is None or block.bold:
        return False
    alone = (before is None or block.line - before.line > 1) and after.line - block.line > 1
    if block.kind == "item":
        return bool(block.mark) and not block.level and alone and after.kind == "paragraph" and block.mark[0].isalpha()
    long_after = after.kind == "paragraph" and len(after.text) > 120
    return alone and long_after and not block.text.endswith((".", ",", ";")) and block.text[:1].isupper()
