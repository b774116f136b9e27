"""HTML documents: what a reader sees of them, as lines. Nothing is fetched, and scripts are no text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from kg.documents.writing import Cell, LineWriter

_DROPPED = frozenset(
    {"script", "style", "template", "noscript", "svg", "iframe", "object", "applet", "math", "title", "select", "textarea"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "main", "nav", "p", "pre"}
    | {"section", "summary"}
)
_BOLD = frozenset({"b", "strong", "th"})
_EMPTY = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "wbr", "col", "area", "base", "embed", "param", "source", "track"}
)
_DEEPEST = 5_000
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def declared_charset(data: bytes) -> str:
    """Return the encoding that the document's `meta` names, or ''."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii") if found else ""


def lines_of_html(text: str) -> list[str]:
    """Return an HTML document as lines.

    Raises:
        TooDeepError: its tags are nested thousands deep.
    """
    target = _Reader()
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True, huge_tree=True, recover=True)
    data = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "", text).encode()
    for start in range(0, len(data), 1 << 16):
        parser.feed(data[start : start + (1 << 16)])
    parser.close()
    return target.lines


@dataclass
class _List:
    ordered: bool
    number: int = 0
    kind: str = "1"


@dataclass
class _Table:
    rows: list[list[Cell]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    columns: int = 1
    span: int = 1
    in_cell: bool = False


class TooDeepError(Exception):
    """The document nests its tags deeper than any page does."""


class _Reader:
    """Receives the tags and texts of a document in order; nothing is nested in it but lists and tables."""

    def __init__(self) -> None:
        self._writer = LineWriter()
        self._text: list[str] = []
        self._depth = self._dropping = 0
        self._bold = 0
        self._heading = 0
        self._mark = ""
        self._lists: list[_List] = []
        self._tables: list[_Table] = []

    @property
    def lines(self) -> list[str]:
        """The lines so far."""
        return self._writer.lines

    def start(self, tag: str | bytes, attrib: dict[str | bytes, str | bytes]) -> None:
        """Receive an opening tag."""
        tag = str(tag).lower()
        attributes = {str(name): str(value) for name, value in attrib.items()}
        self._depth += tag not in _EMPTY
        if self._depth > _DEEPEST:
            raise TooDeepError
        if tag in _DROPPED:
            self._dropping += 1
        elif self._dropping:
            return
        elif tag == "br":
            self._text.append("\n")
        elif tag in _BOLD:
            self._set_bold(1)
            if tag == "th":
                self._open_cell(attributes)
        elif tag in {"ul", "ol", "menu"}:
            self._flush()
            start = attributes.get("start") or "1"
            self._lists.append(
                _List(tag == "ol", int(start) - 1 if re.fullmatch(r"\d{1,6}", start) else 0, attributes.get("type") or "1")
            )
        elif tag == "li":
            self._flush()
            self._mark = self._next_mark(attributes.get("value", ""))
        elif re.fullmatch(r"h[1-6]", tag):
            self._flush()
            self._heading = int(tag[1])
        elif tag == "table":
            self._flush()
            self._tables.append(_Table())
        elif tag == "tr":
            self._flush()
            if self._tables:
                self._tables[-1].rows.append([])
        elif tag == "td":
            self._open_cell(attributes)
        elif tag in _BLOCKS:
            self._flush()

    def end(self, tag: str | bytes) -> None:
        """Receive a closing tag."""
        tag = str(tag).lower()
        self._depth -= tag not in _EMPTY
        if tag in _DROPPED:
            self._dropping = max(0, self._dropping - 1)
        elif self._dropping or tag in _EMPTY:
            return
        elif tag in {"td", "th"}:
            self._close_cell()
            if tag == "th":
                self._set_bold(-1)
        elif tag in _BOLD:
            self._set_bold(-1)
        elif tag in {"ul", "ol", "menu"}:
            self._flush()
            if self._lists:
                self._lists.pop()
            if not self._lists:
                self._writer.blank()
        elif tag == "table":
            self._close_table()
        elif tag == "li" or tag in _BLOCKS or re.fullmatch(r"h[1-6]", tag):
            self._flush()
            self._heading = 0
            if tag == "li":
                self._mark = ""

    def data(self, data: str | bytes) -> None:
        """Receive text."""
        if not self._dropping:
            self._text.append(re.sub(r"[\n\r\t]", " ", str(data)))

    def comment(self, text: str | bytes) -> None:
        """Receive a comment: it is no text."""

    def close(self) -> None:
        """Write what is still open."""
        while self._tables:
            self._close_cell()
            self._close_table()
        self._flush()

    def _set_bold(self, change: int) -> None:
        before, self._bold = self._bold, max(0, self._bold + change)
        if bool(before) != bool(self._bold):
            self._text.append("\x02" if self._bold else "\x03")

    def _next_mark(self, value: str) -> str:
        if not self._lists or not self._lists[-1].ordered:
            return "-"
        current = self._lists[-1]
        current.number = int(value) if re.fullmatch(r"\d{1,6}", value) else current.number + 1
        letter = chr(ord("a") + (current.number - 1) % 26)
        return {"a": f"{letter})", "A": f"{letter.upper()})"}.get(current.kind, f"{current.number}.")

    def _flush(self) -> None:
        """Write the text gathered so far as a heading, item or paragraphs."""
        pieces = [_marked(piece) for piece in _parted("".join(self._text))]
        self._text = ["\x02"] if self._bold else []
        for text in filter(str.strip, pieces):
            if self._tables and self._tables[-1].in_cell:
                self._tables[-1].texts.append(f"{self._mark} {text}" if self._mark else text)
            elif self._heading:
                self._writer.heading(text, self._heading)
            elif self._mark:
                self._writer.item(text, self._mark, len(self._lists) - 1)
            else:
                self._writer.paragraph(text)
            self._mark = ""

    def _open_cell(self, attributes: dict[str, str]) -> None:
        self._close_cell()
        if not self._tables:
            return
        table = self._tables[-1]
        if not table.rows:
            table.rows.append([])
        spans = [attributes.get(key) or "1" for key in ("colspan", "rowspan")]
        table.columns, table.span = (int(s) if re.fullmatch(r"\d{1,4}", s.strip()) else 1 for s in spans)
        table.texts, table.in_cell = [], True

    def _close_cell(self) -> None:
        self._flush()
        if self._tables and self._tables[-1].in_cell:
            table = self._tables[-1]
            table.rows[-1].append(Cell(tuple(table.texts), table.columns, table.span or 1))
            table.in_cell = False

    def _close_table(self) -> None:
        """Write a table; one within a cell becomes part of the cell's text."""
        self._flush()
        if not self._tables:
            return
        self._close_cell()
        table = self._tables.pop()
        if self._tables and self._tables[-1].in_cell:
            self._tables[-1].texts += [text for row in table.rows for cell in row for text in cell.paragraphs]
        else:
            self._writer.table(table.rows)


def _parted(text: str) -> list[str]:
    """Part text at line breaks, unless the next line goes on in the middle of a sentence; bold goes on over them."""
    pieces: list[str] = []
    open_bold = False
    for piece in text.split("\n"):
        whole = f"\x02{piece}" if open_bold else piece
        open_bold = whole.count("\x02") > whole.count("\x03")
        whole = f"{whole}\x03" if open_bold else whole
        bare = whole.replace("\x02", "").strip()
        if pieces and bare[:1].islower():
            pieces[-1] += f" {whole}"
        else:
            pieces.append(whole)
    return pieces


def _marked(text: str) -> str:
    """Turn the marks of bold into `**`, close to the words."""
    parts = re.split("\x02([^\x02\x03]*)\x03?", text.replace("\x03\x02", ""))
    shown = []
    for index, part in enumerate(parts):
        bare = part.strip("\x03 ")
        if index % 2 and bare:
            head, tail = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
            shown.append(f"{head}**{bare}**{tail}")
        else:
            shown.append(part.replace("\x03", ""))
    return "".join(shown)
