"""Word documents (.docx): paragraphs, lists with their numbers, tables and notes, as lines."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from kg.documents.model import Gap
from kg.documents.writing import BREAK, Cell, LineWriter
from kg.errors import KgError

_LIMIT_PARTS = 5_000
_LIMIT_XML = 40_000_000  # bytes unpacked, of all XML parts
_LIMIT_RATIO = 200  # unpacked to packed, of a part that is not small
_SMALL = 1_000_000
_ENCRYPTED = b"\xd0\xcf\x11\xe0"
_CONTAINERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:smartTag", "w:customXml", "w:moveTo")))


def lines_of_docx(path: Path) -> tuple[list[str], tuple[Gap, ...]]:
    """Return a Word document as lines, with what could not be read.

    Raises:
        KgError: the file is protected, damaged, or unpacks to more than a plan can hold.
    """
    _check_package(path)
    try:
        document = docx.Document(str(path))
        reader = _Reader(document)
        reader.read()
    except (
        PackageNotFoundError,
        etree.XMLSyntaxError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        OSError,
        RecursionError,
    ) as error:
        what = " ".join(str(error).split())[:150]
        raise KgError(f"{path}: no readable Word document ({what}); open it in a word processor and save it again") from error
    return reader.writer.lines, tuple(reader.gaps)


def _check_package(path: Path) -> None:
    """Refuse what is no package, or unpacks to far more than it is: judged by its directory, which unpacking then holds it to."""
    with path.open("rb") as file:
        if file.read(4) == _ENCRYPTED:
            raise KgError(
                f"{path}: protected by a password, or an old .doc; save it in a word processor as .docx, without password"
            )
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise KgError(f"{path}: no readable Word document ({error}); open it in a word processor and save it again") from error
    total = sum(p.file_size for p in parts if p.filename.endswith((".xml", ".rels")))
    packed = [p for p in parts if p.file_size > _SMALL and p.file_size > _LIMIT_RATIO * max(1, p.compress_size)]
    if len(parts) > _LIMIT_PARTS or total > _LIMIT_XML or sum(p.file_size for p in parts) > 20 * _LIMIT_XML or packed:
        raise KgError(f"{path}: unpacks to far more than a plan can hold (a zip bomb?); check the file")


@dataclass(frozen=True)
class _Level:
    """A level of a numbered list: its format (decimal, lowerLetter …), pattern (`%1.%2.`) and first number."""

    kind: str
    pattern: str
    start: int


class _Numbering:
    """The numbers that Word shows before paragraphs: they stand nowhere in the text, and are counted here."""

    def __init__(self, document: Any):
        self._levels: dict[tuple[str, int], _Level] = {}
        self._abstract: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = {}
        part = next((r.target_part for r in document.part.rels.values() if r.reltype.endswith("/numbering")), None)
        root = etree.fromstring(part.blob, _PARSER) if part is not None else None
        if root is None:
            return
        for abstract in root.iter(qn("w:abstractNum")):
            for level in abstract.iter(qn("w:lvl")):
                place = _number(level.get(qn("w:ilvl")))
                values = [_value(level, f"w:{name}") for name in ("numFmt", "lvlText", "start")]
                self._levels[str(abstract.get(qn("w:abstractNumId"))), place] = _Level(
                    values[0], values[1], _number(values[2], 1)
                )
        for number in root.iter(qn("w:num")):
            self._abstract[str(number.get(qn("w:numId")))] = _value(number, "w:abstractNumId")

    def mark(self, list_id: str, place: int) -> str:
        """Count a paragraph of a list, and return its mark: `-` for bullets, '' where the list shows none."""
        abstract = self._abstract.get(list_id, "")
        level = self._levels.get((abstract, place))
        if level is None or level.kind == "none":
            return ""
        if level.kind == "bullet":
            return "-"
        counts = self._counts.setdefault(abstract, {})
        counts[place] = counts.get(place, level.start - 1) + 1
        for deeper in [p for p in counts if p > place]:
            del counts[deeper]
        mark = level.pattern
        for other in range(place + 1):
            known = self._levels.get((abstract, other), level)
            mark = mark.replace(f"%{other + 1}", _shown(counts.get(other, known.start), known.kind))
        return mark.strip()


def _shown(number: int, kind: str) -> str:
    if kind in {"lowerLetter", "upperLetter"}:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter.upper() if kind == "upperLetter" else letter
    if kind in {"lowerRoman", "upperRoman"} and 0 < number < 400:
        roman = "c" * (number // 100) + ["", "x", "xx", "xxx", "xl", "l", "lx", "lxx", "lxxx", "xc"][number % 100 // 10]
        roman += ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"][number % 10]
        return roman.upper() if kind == "upperRoman" else roman
    return str(number)


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def _value(element: Any, name: str) -> str:
    child = element.find(qn(name))
    return (child.get(qn("w:val")) or "") if child is not None else ""


def _number(text: str | None, default: int = 0) -> int:
    return int(text) if text and text.isdigit() and len(text) < 7 else default


class _Reader:
    """Goes through the body once."""

    def __init__(self, document: Any):
        self.writer = LineWriter()
        self.gaps: list[Gap] = []
        self._document = document
        self._numbering = _Numbering(document)
        self._styles = {s.element.get(qn("w:styleId")): s.element for s in document.styles}
        self._default = next(
            (k for k, e in self._styles.items() if e.get(qn("w:default")) == "1" and e.get(qn("w:type")) == "paragraph"), ""
        )
        self._pictures = 0

    def read(self) -> None:
        """Read body and notes."""
        self._blocks(self._document.element.body)
        for kind in ("footnotes", "endnotes"):
            self._notes(kind)
        if self._pictures and not any(self.writer.lines):
            es = f"El documento tiene {self._pictures} imágenes y ningún texto: páselo por OCR."
            self.gaps.append(Gap(es, f"The document holds {self._pictures} images and no text: OCR it."))

    def _blocks(self, parent: Any) -> None:
        for element in parent:
            if element.tag == qn("w:p"):
                self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                self.writer.table(list(self._rows(element)))
            elif element.tag in _CONTAINERS:
                self._blocks(element)

    def _paragraph(self, element: Any) -> None:
        self._pictures += sum(1 for _ in element.iter(qn("w:drawing"), qn("w:pict")))
        text = _text(element)
        level = self._outline(element)
        mark, depth = self._mark(element)
        for number, part in enumerate(text.split("\n")):
            if not part.strip():
                continue
            if level:
                self.writer.heading(f"{mark} {part}" if mark and mark != "-" else part, level)
            elif mark and not number:
                self.writer.item(part, mark, depth)
            else:
                self.writer.paragraph(part)
        for box in element.iter(qn("w:txbxContent")):
            if not _is_fallback(box):
                self._blocks(box)

    def _chain(self, element: Any) -> Iterator[Any]:
        """Yield the properties that hold for a paragraph: its own, then those of its styles."""
        own = element.find(qn("w:pPr"))
        if own is not None:
            yield own
        style = _value(own, "w:pStyle") if own is not None else ""
        seen: set[str] = set()
        current = style or self._default
        while current in self._styles and current not in seen:
            seen.add(current)
            found = self._styles[current]
            if (properties := found.find(qn("w:pPr"))) is not None:
                yield properties
            current = _value(found, "w:basedOn")

    def _outline(self, element: Any) -> int:
        """Return the level of a heading, 1 to 6, or 0."""
        level = next((v for p in self._chain(element) if (v := _value(p, "w:outlineLvl"))), "9")
        return min(_number(level, 9) + 1, 6) if _number(level, 9) < 9 else self._is_title(element)

    def _is_title(self, element: Any) -> int:
        own = element.find(qn("w:pPr"))
        style = self._styles.get(_value(own, "w:pStyle")) if own is not None else None
        return 1 if style is not None and _value(style, "w:name").lower() == "title" else 0

    def _mark(self, element: Any) -> tuple[str, int]:
        """Return the mark that Word shows before a paragraph, and its depth."""
        list_id = place = ""
        for properties in self._chain(element):
            numbers = properties.find(qn("w:numPr"))
            if numbers is not None:
                list_id = list_id or _value(numbers, "w:numId")
                place = place or _value(numbers, "w:ilvl")
        if not list_id or list_id == "0":
            return "", 0
        return self._numbering.mark(list_id, _number(place)), _number(place)

    def _rows(self, table: Any) -> Iterator[list[Cell]]:
        for row in _children(table, "w:tr"):
            before = row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}")
            cells = [Cell(())] * (min(_number(before.get(qn("w:val"))), 60) if before is not None else 0)
            for cell in _children(row, "w:tc"):
                properties = cell.find(qn("w:tcPr"))
                span = _number(_value(properties, "w:gridSpan"), 1) if properties is not None else 1
                merged = properties.find(qn("w:vMerge")) if properties is not None else None
                goes_on = merged is not None and merged.get(qn("w:val")) != "restart"
                cells.append(Cell(() if goes_on else tuple(self._cell(cell)), span))
            yield cells

    def _cell(self, cell: Any) -> Iterator[str]:
        """Yield the paragraphs of a cell, those of tables within it, too."""
        for element in cell:
            if element.tag == qn("w:p"):
                mark, _ = self._mark(element)
                for number, part in enumerate(_text(element).split("\n")):
                    if part.strip():
                        yield f"{mark} {part}" if mark and not number else part
            elif element.tag == qn("w:tbl"):
                yield from (BREAK.join(c.paragraphs) for row in self._rows(element) for c in row)
            elif element.tag in _CONTAINERS:
                yield from self._cell(element)

    def _notes(self, kind: str) -> None:
        """Write footnotes or endnotes at the end, as paragraphs."""
        part = next((r.target_part for r in self._document.part.rels.values() if r.reltype.endswith(f"/{kind}")), None)
        if part is None:
            return
        root = etree.fromstring(part.blob, _PARSER)
        for note in root:
            if note.get(qn("w:type")) is None:
                text = " ".join(_text(p) for p in note.iter(qn("w:p")))
                self.writer.paragraph(f"[{note.get(qn('w:id'))}] {text}" if text.strip() else "")


def _children(parent: Any, name: str) -> Iterator[Any]:
    """Yield children of a kind, those in content controls and insertions, too."""
    for element in parent:
        if element.tag == qn(name):
            yield element
        elif element.tag in _CONTAINERS:
            yield from _children(element, name)


def _is_fallback(element: Any) -> bool:
    """Say whether an element is the older form of what stands beside it."""
    return any(a.tag.endswith("}Fallback") for a in element.iterancestors())


def _text(paragraph: Any) -> str:
    """Return the text of a paragraph with bold between `**`: insertions count, deletions and text boxes do not."""
    pieces: list[tuple[bool, str]] = []
    for run in paragraph.iter(qn("w:r")):
        if _is_apart(run, paragraph):
            continue
        text = "".join(map(_shown_of, run))
        bold = _is_bold(run) and bool(text.strip())
        if pieces and (pieces[-1][0] == bold or not text.strip()):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + text)
        elif text:
            pieces.append((bold, text))
    return "".join(_emphasised(text) if bold else text for bold, text in pieces)


def _is_apart(run: Any, paragraph: Any) -> bool:
    for ancestor in run.iterancestors():
        if ancestor is paragraph:
            return False
        if ancestor.tag in {qn("w:del"), qn("w:moveFrom"), qn("w:txbxContent")}:
            return True
    return False


def _is_bold(run: Any) -> bool:
    properties = run.find(qn("w:rPr"))
    bold = properties.find(qn("w:b")) if properties is not None else None
    return bold is not None and bold.get(qn("w:val")) not in {"0", "false", "off"}


def _emphasised(text: str) -> str:
    parts = []
    for line in text.split("\n"):
        bare = line.strip()
        parts.append(line.replace(bare, f"**{bare}**", 1) if bare else line)
    return "\n".join(parts)


def _shown_of(element: Any) -> str:
    if element.tag == qn("w:t"):
        return element.text or ""
    if element.tag == qn("w:footnoteReference"):
        return f"[{element.get(qn('w:id'))}]"
    return {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}.get(element.tag, "")
