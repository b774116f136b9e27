"""A plan document as text, whatever the file was: numbered lines, their pages, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kg.text import fold, strip_markup

_RUNS_ON = 400  # lines that a quote may reach over, in text of a word a line


@dataclass(frozen=True)
class Gap:
    """Something of a document that could not be read, or not for certain: `es` and `en` say what, and what to do.

    `page` and `line` are 1-based; both are None where the document as a whole is meant.
    """

    es: str
    en: str
    page: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class Document:
    """A plan document as text in the light Markdown that the reader reads. `lines` has no line ends; line n is `lines[n - 1]`.

    `pages` has the 1-based page on which each line starts, and is empty where the kind of document has no pages.
    `breaks` has (line, offset, page) where the page changes within a line, in order: in the cells of a row that runs over pages.
    """

    name: str
    sha256: str
    media_type: str
    lines: tuple[str, ...]
    pages: tuple[int, ...] = ()
    gaps: tuple[Gap, ...] = ()
    breaks: tuple[tuple[int, int, int], ...] = ()

    @cached_property
    def _plain(self) -> tuple[str, ...]:
        return tuple(fold(strip_markup(line.replace("\t", " "))) for line in self.lines)

    @cached_property
    def _breaks_of(self) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for line, offset, page in self.breaks:
            found.setdefault(line, []).append((offset, page))
        return found

    def page_of(self, line: int, quote: str = "") -> int | None:
        """Return the page on which a line starts, or the one on which the quote starts in it; None without pages."""
        if not 1 <= line <= len(self.pages):
            return None
        breaks = self._breaks_of.get(line, [])
        at = self._offset(line, quote) if breaks and quote else 0
        return next((page for offset, page in reversed(breaks) if offset <= at), self.pages[line - 1])

    def _offset(self, line: int, quote: str) -> int:
        """Return where the quote starts in the line as far as it can be told: the place of its first words."""
        text = self.lines[line - 1]
        words = quote.split()
        return next((at for size in range(len(words), 0, -1) if (at := text.find(" ".join(words[:size]))) >= 0), 0)

    def holds(self, quote: str, line: int, window: int = _RUNS_ON) -> bool:
        """Say whether the quote stands at the line, or starts there and runs on, over at most the next `window` lines.

        White space, mark-up, case and accents are not compared; line is 1-based.
        """
        if not 1 <= line <= len(self.lines):
            return False
        wanted = fold(strip_markup(quote))
        if wanted in self._plain[line - 1]:
            return True
        first = self._plain[line - 1]
        if wanted.split(" ", 1)[0] not in first:
            return False
        parts, length = [first], len(first)
        for part in self._plain[line : line + window]:
            if length > len(first) + len(wanted):
                break
            if part:
                parts.append(part)
                length += len(part) + 1
        return 0 <= " ".join(parts).find(wanted) <= len(first)

    def find(self, quote: str) -> int | None:
        """Return the first line at which the quote stands, or None."""
        return next((n for n in range(1, len(self.lines) + 1) if self.holds(quote, n)), None)
