"""From lines to blocks: headings, list items, paragraphs and table rows, with page breaks mended and page headers dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kg.documents import Document
from kg.text import fold, strip_markup

_HASHES = re.compile(r"^(#{1,6})\s*(.*)$")
_BULLET = re.compile(r"^(\s*)(?:[-–—•*·▪➢✓]|\uf0b7)\s+(.*)$")
_ENUMERATOR = re.compile(
    r"^\s*(?P<mark>(?:[A-Z]\.\d{1,2}\.?|\d{1,2}(?:\.\d{1,2})+\.?-?|\d{1,2}[.)]-?|[IVX]{1,5}[.)]-?|[a-zA-ZñÑ]{1,2}\)|[A-ZÑ]\.-?|[ivx]{1,4}\)|[a-z]\.)(?=\s|\S)|PARTE\s+[IVX\d]+)\s*(?P<rest>.*)$"
)
_TABLE_RULE = re.compile(r"^[\s|:+=-]+$")
_ENDS = (".", "!", "?", ":", ";", "”", '"', "»")


@dataclass(frozen=True)
class Block:
    """A piece of the document.

    `kind` is heading, item, paragraph or row. `level`: hashes of a Markdown heading, or an item's indentation.
    `mark`: its enumerator. `label`: bold words that open a paragraph. `runs`: (line, text), several where a page break cut.
    """

    kind: str
    runs: tuple[tuple[int, str], ...]
    level: int = 0
    mark: str = ""
    bold: bool = False
    label: str = ""
    cells: tuple[str, ...] = field(default=())

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
    headers = _page_headers(document.lines)
    return _settle_titles(_mend_page_breaks(list(_raw_blocks(document.lines, headers))))


def _page_headers(lines: tuple[str, ...]) -> set[str]:
    """Return the folded lines that recur as headings at page tops: three times or more, and no list item."""
    seen = Counter(
        fold(strip_markup(line.lstrip("# "))) for line in lines if line.strip() and "\t" not in line and not _BULLET.match(line)
    )
    capitals = {fold(strip_markup(line.lstrip("# "))) for line in lines if strip_markup(line.lstrip("# ")).isupper()}
    return {text for text, count in seen.items() if count >= 3 and text in capitals and len(text) > 3}


def _raw_blocks(lines: tuple[str, ...], headers: set[str]) -> Iterator[Block]:
    paragraph: list[tuple[int, str]] = []
    for number, line in _split_glued(lines):
        kind = _kind(line, headers)
        if paragraph and (kind != "paragraph" or line.startswith("**")):
            yield from _paragraph(paragraph)
            paragraph = []
        if kind == "paragraph":
            paragraph.append((number, line))
        elif kind != "none":
            yield _block(kind, number, line)
    if paragraph:
        yield from _paragraph(paragraph)


def _split_glued(lines: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Number the lines; two titles that a conversion glued into one line (`VIVIENDA**a. Agua**`) come apart."""
    for number, line in enumerate(lines, 1):
        if "\t" not in line and "**" in line:
            pieces = re.split(r"(?<=\*\*)(?=\*\*)|(?<=[A-ZÁÉÍÓÚÑ])(?=\*\*[^*]+\*\*$)", line)
            if len(pieces) > 1 and all(p.strip("*# ") for p in pieces):
                yield from ((number, piece) for piece in pieces)
                continue
        yield number, line


def _kind(line: str, headers: set[str]) -> str:
    plain = strip_markup(line.lstrip("# "))
    if not plain or (_TABLE_RULE.match(line) and "-" in line):
        return "none"
    if fold(plain) in headers or (plain.startswith("¿") and plain.endswith("?") and len(plain) < 80):
        return "none"
    if "\t" in line.strip("\n") and line.count("\t") >= 1:
        return "row"
    if line.count("|") >= 3:
        return "row"
    if _HASHES.match(line):
        return "heading"
    if _BULLET.match(line) and not re.match(r"^\s*\*\*", line):
        return "item"
    if _ENUMERATOR.match(strip_markup(line)):
        return "numbered"
    return "paragraph"


def _block(kind: str, number: int, line: str) -> Block:
    if kind == "row":
        raw = line.strip("\n")
        if re.match(r"^[^\t:]{2,40}\t\s*:\s*\S[^\t]*$", raw):
            return Block("paragraph", ((number, strip_markup(raw.replace("\t", " "))),))
        cells = raw.split("\t") if "\t" in raw else raw.strip().strip("|").split("|")
        return Block("row", ((number, strip_markup(raw.replace("\t", " "))),), cells=tuple(c.strip() for c in cells))
    level = 0
    body = line
    if match := _HASHES.match(line):
        level, body = len(match[1]), match[2]
    bold = _is_bold(body)
    if kind == "item":
        match = _BULLET.match(line)
        assert match is not None
        level, body = len(match[1]), match[2]
        bold = _is_bold(body)
    mark, rest = split_enumerator(strip_markup(body))
    if kind == "numbered":
        kind = "heading" if _is_title(rest, bold) else "item"
    return Block(kind, ((number, rest),), level, mark, bold)


def split_enumerator(text: str) -> tuple[str, str]:
    """Cut the enumerator off a line: ("1.1", "Proyecto …"), or ("", text)."""
    match = _ENUMERATOR.match(text)
    if not match or not match["rest"].strip():
        return "", text
    mark = match["mark"]
    if mark[-1] not in ".)-" and not mark.upper().startswith("PARTE") and not re.search(r"\d\.\d", mark):
        return "", text
    if re.fullmatch(r"[A-ZÑ]\.|[a-z]\.", mark) and not match["rest"][:1].isspace() and not text[len(mark) :][:1].isspace():
        return "", text
    return mark, match["rest"].strip()


def _is_bold(text: str) -> bool:
    stripped = text.strip()
    return bool(re.fullmatch(r"(?:\*\*|__).+(?:\*\*|__):?", stripped)) and len(stripped) < 200


def _is_title(text: str, bold: bool) -> bool:
    """Say whether a numbered or lone line is a heading by its looks: short, and bold, in capitals or without a final stop."""
    words = text.split()
    if not words or len(text) > 140:
        return False
    letters = [c for c in text if c.isalpha()]
    capitals = sum(c.isupper() for c in letters) / max(len(letters), 1)
    if capitals > 0.7:
        return True
    return bold or (len(words) <= 9 and not text.endswith((".", ",", ";")) and text[:1].isupper())


def _paragraph(lines: list[tuple[int, str]]) -> Iterator[Block]:
    """Make one block of hard-wrapped lines; a lone line that looks like a title or ends in a colon is a heading."""
    text = " ".join(strip_markup(line) for _, line in lines)
    joined = "\n".join(line for _, line in lines)
    bold = _is_bold(joined.replace("\n", " "))
    letters = [c for c in text if c.isalpha()]
    capitals = sum(c.isupper() for c in letters) / max(len(letters), 1)
    short = len(text) <= 160
    if short and (bold or capitals > 0.8 or (text.endswith(":") and len(text) <= 70)):
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
    return not last.text.rstrip().endswith(_ENDS) and block.text[:1].islower()


def _settle_titles(blocks: list[Block]) -> list[Block]:
    """Decide by their neighbours what lone short lines are: a numbered run is a list, a title stands before a paragraph."""
    settled: list[Block] = []
    for index, found in enumerate(blocks):
        block = found
        before = blocks[index - 1] if index else None
        after = blocks[index + 1] if index + 1 < len(blocks) else None
        if block.kind == "heading" and block.mark and not block.level and not block.bold and _runs_on(block, before, after):
            block = replace(block, kind="item")
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
