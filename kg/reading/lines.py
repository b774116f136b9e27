"""From the lines of a document to the lines of its text: page furniture gone, page breaks known, hard wraps seen."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from kg.documents import Document
from kg.reading.roles import Roles
from kg.text import fold, strip_markup

_PAGE_NUMBER = re.compile(
    r"^[\s|#*_–—-]*(?:p[aá]g(?:ina)?s?\.?\s*:?\s*(?:n[°º]\s*)?)?\d{1,3}(?:\s*(?:de|/|of)\s*\d{1,3})?[\s|*_–—-]*$", re.IGNORECASE
)
_NEAR = 3
_STAMP_LINES = 5
_WRAPPED_SHARE = 0.22


@dataclass(frozen=True)
class Line:
    """A line of the text. `number` is 1-based; `breaks` says that a page ends before it; `text` is empty for a blank line."""

    number: int
    text: str
    breaks: bool = False


def text_lines(document: Document, roles: Roles) -> list[Line]:
    """Return the lines without page numbers, running headers and signature stamps; blank ones are kept."""
    pages = document.pages
    found: list[Line] = []
    furniture = _furniture(document, roles)
    breaks, stamp = False, 0
    for number, text in enumerate(document.lines, 1):
        breaks = breaks or "\f" in text or (number > 1 and bool(pages) and pages[number - 1] != pages[number - 2])
        if roles.is_noise(text):
            stamp = _STAMP_LINES
            continue
        if stamp and text.strip():
            stamp = 0 if roles.ends_stamp(text) else stamp - 1
            continue
        stamp = 0
        if number in furniture:
            breaks = True
            continue
        found.append(Line(number, text.replace("\f", ""), breaks and bool(text.strip())))
        breaks = breaks and not text.strip()
    return found


def _furniture(document: Document, roles: Roles) -> set[int]:
    """Return the numbers of the lines that belong to the page and not to the text."""
    lines = document.lines
    numbers = {n for n, line in enumerate(lines, 1) if _PAGE_NUMBER.match(line) and "\t" not in line}
    filled = [n for n, line in enumerate(lines, 1) if line.strip()]
    numbers -= _listed_numbers(filled, numbers)
    return numbers | _running_headers(document, roles, filled, numbers)


def _listed_numbers(filled: list[int], numbers: set[int]) -> set[int]:
    """Return those lone numbers that stand beside other lone numbers: figures of a table, no page numbers."""
    pairs = pairwise(filled)
    return {n for pair in pairs if pair[0] in numbers and pair[1] in numbers for n in pair}


def _running_headers(document: Document, roles: Roles, filled: list[int], numbers: set[int]) -> set[int]:
    """Return the lines that recur three times or more where pages begin or end, or as titles in capitals; no role's label."""
    places: dict[str, list[int]] = {}
    for position, number in enumerate(filled):
        line = document.lines[number - 1]
        plain = strip_markup(line.lstrip("# "))
        if number not in numbers and "\t" not in line and line.count("|") < 2 and 3 < len(plain) < 120:
            places.setdefault(re.sub(r"\d+", "", fold(plain)).strip(" -–|."), []).append(position)
    edges = _page_edges(document, filled, numbers)
    found: set[int] = set()
    for key, positions in places.items():
        texts = [strip_markup(document.lines[filled[p] - 1].lstrip("# ")) for p in positions]
        beside = all({filled[q] for q in (p - 1, p + 1) if 0 <= q < len(filled)} & numbers for p in positions)
        if (
            len(positions) < (2 if beside else 3)
            or not key
            or roles.of_label(texts[0])
            or roles.of_heading(texts[0]) == "problem"
        ):
            continue
        near = sum(p in edges for p in positions) / len(positions)
        if (all(t.isupper() for t in texts) and len(set(map(fold, texts))) == 1) or near >= 0.6:
            found |= {filled[p] for p in positions}
    return found


def _page_edges(document: Document, filled: list[int], numbers: set[int]) -> set[int]:
    """Return the positions (in `filled`) within three filled lines of a page's edge."""
    edges: set[int] = set()
    for position, number in enumerate(filled):
        line = document.lines[number - 1]
        turned = bool(document.pages) and position and document.pages[number - 1] != document.pages[filled[position - 1] - 1]
        if number in numbers or "\f" in line or turned:
            edges |= set(range(position - _NEAR, position + _NEAR + 1))
    return edges


def is_wrapped(lines: list[Line]) -> bool:
    """Say whether the text is broken into lines of a fixed width: many lines go on in small letters on the next."""
    pairs = [(a, b) for a, b in pairwise(lines) if _is_text(a.text) and _is_text(b.text)]
    if len(pairs) < 20:
        return False
    on = sum(b.text.lstrip()[:1].islower() and not a.text.rstrip().endswith((".", ":", ";")) for a, b in pairs)
    return on / len(pairs) > _WRAPPED_SHARE


def usual_width(lines: list[Line]) -> int:
    """Return the width, in characters, that nine of ten text lines do not exceed."""
    widths = Counter(len(line.text.rstrip()) for line in lines if _is_text(line.text))
    left = sum(widths.values()) * 0.9
    for width in sorted(widths):
        left -= widths[width]
        if left <= 0:
            return width
    return 0


def _is_text(text: str) -> bool:
    return bool(text.strip()) and "\t" not in text and "|" not in text
