"""From a file to a document: the kind of file decides who reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kg.documents.model import Document, Gap
from kg.documents.pdf.reading import read_pdf
from kg.documents.plain import lines_from, text_from
from kg.errors import KgError, reason_of

MEDIA_TYPES = {
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pdf": "application/pdf",
}
LIMIT_BYTES = 50_000_000
LIMIT_LETTERS = 5_000_000
LIMIT_LINE = 200_000


def read_document(path: Path) -> Document:
    """Read a document: text, Markdown, HTML, Word or PDF. What could not be read of it is in its `gaps`.

    Raises:
        KgError: the file is missing, unreadable, empty, too large, protected, damaged, in no known encoding, or of another kind.
    """
    suffix = path.suffix.lower()
    if suffix not in MEDIA_TYPES:
        kinds = ", ".join(MEDIA_TYPES)
        raise KgError(f"{path}: documents of the kind '{suffix or 'without ending'}' are not read; convert to one of {kinds}")
    digest, data = _read_bytes(path)
    document = _READERS[suffix](path, digest, data)
    if not any(line.strip() for line in document.lines):
        raise KgError(f"{path}: the document is empty{''.join(f'; {gap.en}' for gap in document.gaps)}")
    _check_size(path, document.lines)
    return document


def _read_bytes(path: Path) -> tuple[str, bytes]:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise KgError(f"{path}: larger than {LIMIT_BYTES:,} bytes; a plan is text of some hundred pages: check the file")
        data = path.read_bytes()
    except OSError as error:
        raise KgError(f"{path}: cannot be read ({reason_of(error)}); check the path and its permissions") from error
    if not data:
        raise KgError(f"{path}: the document is empty")
    return hashlib.sha256(data).hexdigest(), data


def _check_size(path: Path, lines: Sequence[str]) -> None:
    longest = max(range(len(lines)), key=lambda i: len(lines[i]))
    if len(lines[longest]) > LIMIT_LINE:
        what = f"{path}:{longest + 1}: a line of {len(lines[longest]):,} letters (at most {LIMIT_LINE:,})"
        raise KgError(f"{what}; break the text into lines or paragraphs")
    if (letters := sum(map(len, lines))) > LIMIT_LETTERS:
        raise KgError(f"{path}: {letters:,} letters of text (at most {LIMIT_LETTERS:,}, about 1,500 pages); check the file")


def _decoded(path: Path, data: bytes, declared: str = "") -> tuple[str, tuple[Gap, ...]]:
    try:
        text, gaps = text_from(data, declared)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise KgError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x}); save the file as UTF-8") from error
    if "\0" in text:
        raise KgError(f"{path}: not a text file (it holds zero bytes); convert the document to text first")
    return text, gaps


def _read_text(path: Path, digest: str, data: bytes) -> Document:
    text, gaps = _decoded(path, data)
    return Document(path.name, digest, MEDIA_TYPES[path.suffix.lower()], tuple(lines_from(text)), gaps=gaps)


def _read_html(path: Path, digest: str, data: bytes) -> Document:
    from kg.documents.web import TooDeepError, declared_charset, lines_of_html

    text, gaps = _decoded(path, data, declared_charset(data))
    try:
        lines = lines_of_html(text)
    except TooDeepError as error:
        raise KgError(f"{path}: tags nested thousands deep: no page of a plan; save it anew from a browser") from error
    return Document(path.name, digest, MEDIA_TYPES[".html"], _trimmed(lines), gaps=gaps)


def _read_docx(path: Path, digest: str, _: bytes) -> Document:
    from kg.documents.word import lines_of_docx

    lines, gaps = lines_of_docx(path)
    return Document(path.name, digest, MEDIA_TYPES[".docx"], _trimmed(lines), gaps=gaps)


def _read_pdf(path: Path, digest: str, _: bytes) -> Document:
    text, gaps = read_pdf(path)
    lines = _trimmed(text.lines)
    return Document(path.name, digest, MEDIA_TYPES[".pdf"], lines, tuple(text.pages[: len(lines)]), gaps, tuple(text.breaks))


def _trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return tuple(lines[:end])


_READERS: dict[str, Callable[[Path, str, bytes], Document]] = {
    ".txt": _read_text,
    ".md": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".docx": _read_docx,
    ".pdf": _read_pdf,
}


def find_documents(folder: Path) -> Iterator[Path]:
    """List the readable documents of a folder, sorted by name.

    Raises:
        KgError: the folder is missing or holds no document.
    """
    if not folder.is_dir():
        raise KgError(f"{folder}: no such folder; name the folder that holds the plan documents")
    passed_over = ("readme", ".", "~$")  # hidden files, and what word processors leave beside an open document
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in MEDIA_TYPES and not p.name.lower().startswith(passed_over))
    if not found:
        raise KgError(f"{folder}: no document in it ({', '.join(MEDIA_TYPES)})")
    yield from found
