"""Plan summaries of the Jurado Nacional de Elecciones (JNE): JSON into rows of problem, objective, indicator and target.

A summary has no lines of its own. It gets some: a text with one line a field, one a paragraph of a long text, and one a row with
its cells separated by tabs. The text is made of the summary alone, so that whoever has the JSON can make it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg.documents.jne_format import Field, Format, bare_words, load_format
from kg.documents.json_items import Found, stream_objects
from kg.documents.model import Document, Gap
from kg.errors import KgError, did_you_mean
from kg.paths import shown
from kg.text import fold, strip_markup

MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class Note:
    """Something of a summary that was not taken as it is: the kind of matter, the field's path, what it is in both languages."""

    kind: str
    field: str
    es: str
    en: str


@dataclass(frozen=True)
class Text:
    """A text and the line of the document at which it stands."""

    line: int
    text: str


@dataclass(frozen=True)
class Row:
    """A row: its line, its dimension (heading, and the JNE's or "") and its cells, in the order declared; absent ones are empty.

    Breaks within a cell are `<br>`.
    """

    line: int
    heading: str
    dimension: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """A summary as read: general fields by their declared name, long texts by paragraph, rows, and notes."""

    document: Document
    fields: dict[str, Text]
    texts: dict[str, tuple[Text, ...]]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...]


def canonical_json(value: Any) -> bytes:
    """Return the one spelling of a JSON value that its fingerprint is made of: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def read_summaries(path: Path) -> Iterator[tuple[Found, Summary | None]]:
    """Yield every summary of a JSON file, with what it was found as; None for what stands in its place and is none.

    Raises:
        KgError: the file cannot be read, or breaks off; the summaries before that have been yielded.
    """
    form = load_format()
    for found in stream_objects(path, form.markers.__contains__, form.lists["wrappers"]):
        yield found, parse_summary(found.value, path.name) if _is_summary(found.value, form) else None


def read_summary(path: Path) -> Summary:
    """Read a JSON file that holds one summary.

    Raises:
        KgError: the file cannot be read, or does not hold just one summary.
    """
    found = read_summaries(path)
    _, first = next(found)
    if first is None or next(found, None) is not None:
        raise KgError(f"{shown(path)}: more than one plan summary in it; import them with `kg import-jne {shown(path)}`")
    return first


def read_json(path: Path) -> Document:
    """Read a JSON file that holds one summary as a document.

    Raises:
        KgError: as `read_summary`.
    """
    return read_summary(path).document


def find_summaries(path: Path, wanted: Collection[str]) -> Iterator[Document]:
    """Yield the documents of the summaries with these fingerprints, in one pass over a file of any number of them.

    Raises:
        KgError: the file cannot be read.
    """
    left = set(wanted)
    for _, summary in read_summaries(path) if left else ():
        if summary and summary.document.sha256 in left:
            left.discard(summary.document.sha256)
            yield summary.document
        if not left:
            return


def render_summary(summary: Any, name: str = "") -> tuple[str, ...]:
    """Return the lines of the document that a summary (a parsed JSON object) is turned into."""
    return parse_summary(summary, name).document.lines


def parse_summary(value: dict[str, Any], name: str) -> Summary:
    """Turn a JSON object into a summary with its document; `name` is the file's."""
    return _Reader(value, load_format()).read(name)


def _is_summary(value: Any, form: Format) -> bool:
    return isinstance(value, dict) and any(form.markers & o.keys() for _, o in _layers(value, form, ""))


def _layers(value: dict[str, Any], form: Format, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an object and those within it that hold general fields or only wrap, each with its path."""
    yield path, value
    for key in sorted(value.keys() & (form.lists["wrappers"] | form.lists["general"])):
        if isinstance(value[key], dict):
            yield from _layers(value[key], form, f"{path}{key}.")


class _Reader:
    """Reads one summary; lines, rows and notes gather as it goes."""

    def __init__(self, value: dict[str, Any], form: Format):
        self.value, self.form = value, form
        self.layers = list(_layers(value, form, ""))
        self.lines: list[str] = []
        self.rows: list[Row] = []
        self.notes: list[Note] = []

    def read(self, name: str) -> Summary:
        """Return the summary."""
        self._note_unknown()
        general = {f.name: self._general(f) for f in self.form.fields}
        self.lines.append(f"# {general['kind'] or self.form.words['title']}")
        fields = {"kind": Text(1, general["kind"])} if general["kind"] else {}
        for f in self.form.fields:
            if general[f.name] and f.name != "kind":
                if f.head:
                    self.lines.append(f"{f.head}: {general[f.name]}")
                fields[f.name] = Text(len(self.lines), general[f.name])
        texts = {f.name: self._paragraphs(f) for f in self.form.texts}
        self._dimensions()
        gaps = tuple(Gap(f"{n.field}: {n.es}", f"{n.field}: {n.en}") for n in self.notes)
        digest = hashlib.sha256(canonical_json(self.value)).hexdigest()
        document = Document(name, digest, MEDIA_TYPE, tuple(self.lines), gaps=gaps)
        return Summary(document, fields, texts, tuple(self.rows), tuple(self.notes))

    def _note(self, kind: str, path: str, es: str, en: str) -> None:
        self.notes.append(Note(kind, path, es, en))

    def _note_unknown(self) -> None:
        lists = {k for d in self.form.dimensions for k in d.keys} | self.form.lists["dimension_lists"]
        for path, layer in self.layers:
            for key in sorted(layer.keys() - self.form.known - self.form.lists["general"] - lists):
                self._unknown(path + key, self.form.known)

    def _unknown(self, path: str, known: frozenset[str]) -> None:
        self._note("unknown", path, "campo desconocido, no leído", "unknown field, not read" + _hint(path, known))

    def _general(self, f: Field) -> str:
        """Return the first value that a field has; note it where it is null, of another kind, or missing though expected."""
        seen = False
        for path, layer in self.layers:
            for key in f.keys:
                if key in layer:
                    seen = True
                    if text := self._scalar(layer[key], path + key):
                        return text
        if not seen and f.name in self.form.lists["expected"]:
            self._note("missing", f.keys[0], "falta el campo", "the field is missing")
        return ""

    def _scalar(self, value: Any, path: str) -> str:
        return "" if (text := self._text(value, path)) is None or self._is_absent(text, path) else text.replace("<br>", " ")

    def _text(self, value: Any, path: str) -> str | None:
        """Return a value as text without mark-up, paragraphs joined by `<br>`; None, and a note, where it is no text."""
        if value is None:
            self._note("null", path, "nulo", "null")
            return None
        if isinstance(value, bool | list | dict):
            self._note("odd", path, "no es un texto", f"a text is expected, not a {_KINDS[type(value)]}")
            return None
        number = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
        lines = re.split(r"\r\n?|\n|\u2028|</?p>|<br\s*/?>", number.replace("\0", ""))
        return "<br>".join(plain for line in lines if (plain := _plain(line)))

    def _is_absent(self, text: str, path: str) -> bool:
        if bare_words(text) not in self.form.lists["absent"]:
            return False
        self._note("absent", path, "no especificado" if text else "vacío", "not specified" if text else "empty")
        return True

    def _paragraphs(self, f: Field) -> tuple[Text, ...]:
        text = next(
            (t for path, o in self.layers for k in f.keys if k in o and (t := self._text(o[k], path + k)) is not None), ""
        )
        if not text or self._is_absent(text, f.keys[0]):
            return ()
        self.lines += ["", f"## {f.head}"]
        found = []
        for paragraph in text.split("<br>"):
            self.lines.append(paragraph)
            found.append(Text(len(self.lines), paragraph))
        return tuple(found)

    def _dimensions(self) -> None:
        seen = False
        for path, layer in self.layers:
            for dimension in self.form.dimensions:
                for key in sorted(layer.keys() & set(dimension.keys)):
                    seen = True
                    self._table(dimension.head, dimension, layer[key], path + key)
            for key in sorted(layer.keys() & self.form.lists["dimension_lists"]):
                seen = True
                for number, entry in enumerate(self._listed(layer[key], path + key)):
                    self._dimension(entry, f"{path}{key}[{number}]")
        if not seen:
            self._note("missing", "dimensiones", "falta el campo", "the field is missing")

    def _dimension(self, entry: Any, path: str) -> None:
        """Read one entry of `dimensiones`: its heading as written, and the rows in its list."""
        if not isinstance(entry, dict):
            self._note("odd", path, "no es un objeto", "an object is expected")
            return
        lists = self.form.lists
        own = lists["dimension_heads"] | lists["dimension_rows"] | lists["dimension_numbers"]
        for key in sorted(entry.keys() - own - self.form.known):
            self._unknown(f"{path}.{key}", own)
        heads = [self._scalar(entry[k], f"{path}.{k}") for k in sorted(entry.keys() & lists["dimension_heads"])]
        numbers = [str(entry[k]) for k in entry.keys() & lists["dimension_numbers"]]
        head = next(filter(None, heads), "")
        dimension = next((d for d in self.form.dimensions if _names(d, head)), None)
        dimension = dimension or next((d for d in self.form.dimensions if d.number in numbers), None)
        if dimension is None:
            self._note("odd", path, f"dimensión desconocida: {head!r}", f"unknown dimension: {head!r}")
        rows = next((k for k in sorted(entry.keys() & lists["dimension_rows"])), None)
        if rows is None:
            self._note("missing", path, "falta el detalle", "no list of rows")
            return
        self._table(head or (dimension.head if dimension else path), dimension, entry[rows], f"{path}.{rows}")

    def _listed(self, value: Any, path: str) -> list[Any]:
        if isinstance(value, list):
            return value
        if value is None:
            self._note("null", path, "nulo", "null")
        else:
            self._note("odd", path, "no es una lista", "a list is expected")
        return []

    def _table(self, heading: str, dimension: Field | None, value: Any, path: str) -> None:
        items = self._listed(value, path)
        if not items:
            return
        self.lines += ["", f"## {heading}", "\t".join(c.head for c in self.form.cells)]
        for number, item in enumerate(items):
            where = f"{path}[{number}]"
            if not isinstance(item, dict):
                self._note("odd", where, "no es un objeto", "an object is expected")
                continue
            self._row(heading, dimension, item, where)

    def _row(self, heading: str, dimension: Field | None, item: dict[str, Any], path: str) -> None:
        known = {k for c in self.form.cells for k in c.keys} | self.form.lists["dimension_numbers"]
        for key in sorted(item.keys() - known - self.form.known):
            self._unknown(f"{path}.{key}", frozenset(known))
        numbers = {str(item[k]) for k in item.keys() & self.form.lists["dimension_numbers"] if item[k] is not None}
        if dimension and dimension.number and numbers and dimension.number not in numbers:
            said = ", ".join(sorted(numbers))
            self._note(
                "odd",
                path,
                f"su número dice la dimensión {said}, su lista otra",
                f"numbered as dimension {said}, listed in another",
            )
        written, cells = [], []
        for cell in self.form.cells:
            name = next((k for k in cell.keys if k in item), None)
            text = self._text(item[name], f"{path}.{name}") if name else None
            if name is None:
                self._note("missing", f"{path}.{cell.keys[0]}", "falta el campo", "the field is missing")
            written.append(text or "")
            cells.append("" if text is None or self._is_absent(text, f"{path}.{name}") else text)
        self.lines.append("\t".join(written))
        self.rows.append(Row(len(self.lines), heading, dimension.name if dimension else "", tuple(cells)))


_KINDS = {bool: "truth value", list: "list", dict: "mapping"}


def _names(dimension: Field, head: str) -> bool:
    return any(word in fold(head) for word in dimension.words)


def _hint(path: str, known: frozenset[str]) -> str:
    near = did_you_mean(path.rsplit(".", 1)[-1], known)
    return f"; {near}" if near else ""


def _plain(line: str) -> str:
    """Take mark-up off a line until none is left, so that the line reads the same however often it is done."""
    for _ in range(4):
        plain = strip_markup(line)
        if plain == line:
            break
        line = plain
    return line
