"""Plan documents: read once into numbered lines with their fingerprint; search a quote at its line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kg.errors import KgError, reason_of
from kg.text import fold, strip_markup

MEDIA_TYPES = {".txt": "text/plain", ".md": "text/markdown"}
LIMIT_BYTES = 50_000_000


@dataclass(frozen=True)
class Document:
    """A plan document as text. `lines` has no line ends; line n of the file is `lines[n - 1]`."""

    name: str
    sha256: str
    media_type: str
    lines: tuple[str, ...]

    @cached_property
    def _plain(self) -> tuple[str, ...]:
        return tuple(fold(strip_markup(line.replace("\t", " "))) for line in self.lines)

    def holds(self, quote: str, line: int, window: int = 8) -> bool:
        """Say whether the quote stands at the line, or starts there and runs on over the next `window` lines.

        White space, mark-up, case and accents are not compared; line is 1-based.
        """
        if not 1 <= line <= len(self.lines):
            return False
        wanted = fold(strip_markup(quote))
        if wanted in self._plain[line - 1]:
            return True
        joined = " ".join(part for part in self._plain[line - 1 : line + window] if part)
        start = joined.find(wanted)
        return 0 <= start <= len(self._plain[line - 1])

    def find(self, quote: str) -> int | None:
        """Return the first line at which the quote stands, or None."""
        return next((n for n in range(1, len(self.lines) + 1) if self.holds(quote, n)), None)


def read_document(path: Path) -> Document:
    """Read a text or Markdown document.

    Raises:
        KgError: the file is missing, unreadable, empty, too large, not UTF-8, binary, or of a kind that is not read.
    """
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise KgError(f"{path}: documents of the kind '{path.suffix or 'without ending'}' are not read; convert to .txt or .md")
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise KgError(f"{path}: larger than {LIMIT_BYTES:,} bytes; a plan is text of some hundred pages: check the file")
        data = path.read_bytes()
    except OSError as error:
        raise KgError(f"{path}: cannot be read ({reason_of(error)}); check the path and its permissions") from error
    if b"\0" in data:
        raise KgError(f"{path}: not a text file (it holds zero bytes); convert the document to text first")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise KgError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x}); save the file as UTF-8") from error
    if not text.strip():
        raise KgError(f"{path}: the document is empty")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return Document(path.name, hashlib.sha256(data).hexdigest(), media_type, tuple(lines))


def find_documents(folder: Path) -> Iterator[Path]:
    """List the readable documents of a folder, sorted by name.

    Raises:
        KgError: the folder is missing or holds no document.
    """
    if not folder.is_dir():
        raise KgError(f"{folder}: no such folder; name the folder that holds the plan documents")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in MEDIA_TYPES and not p.name.lower().startswith("readme"))
    if not found:
        raise KgError(f"{folder}: no document in it ({', '.join(MEDIA_TYPES)})")
    yield from found
