"""Several items in one cell: numbered ones are matched across the cells of a row, glued and bulleted ones come apart.

A cell's line breaks are newlines or `<br>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kg.text import squeeze

_BREAK = re.compile(r"\s*(?:\n|<br\s*/?>)\s*")
# An enumerator: a number of one or two digits, or a letter, with `.-`, `.`, `)`, `-`, `°` or `:` after it (not `1.25 millones`).
_MARK = re.compile(
    r"(?<![\w,/])(?<!\d\.)(?P<number>\d{1,2})\s?(?:\.{1,2}[-)]?|\)[.-]?|[°º][.)]?-?|-(?=\s?[^\W\d])|:(?=\s))(?!\d)"
    r"|(?<=[^\W\d])(?P<glued>\d{1,2})(?:\.-|\))(?!\d)"
    r"|(?<![\w,/])(?P<letter>[a-zñ])(?:\)[.-]?|\.-)",
    re.IGNORECASE,
)
_BULLET = re.compile(
    r"(?:^|(?<=[\s.;:,)])(?<!\d[.)]))[•●▪■◦·➢✓✔*]\s*"
    r"|(?:^|(?<=[.;:)])(?<!\d[.)])|(?<=[.;:)]\s)(?<!\d[.)]\s))[-–—](?:\s?(?=[A-ZÁÉÍÓÚÑ¿“\"])|\s(?=\d))"
)
# A full stop with the next item right behind it: `formalizadas.300,000 emprendedores`, `asistidos.Reducir`.
_GLUE = re.compile(
    r"(?<=[a-záéíóúüñ]{3}[.;])(?<!www\.)(?=\d[\d.,]*\s?%|\d[\d.,]*\s+[^\W\d]|[A-ZÁÉÍÓÚÑ][a-záéíóúüñ]{2})"
    r"|(?<=%[.;])(?=\d|[A-ZÁÉÍÓÚÑ][a-záéíóúüñ])"
)
_GAP = 3
"""So many numbers further may the next item be where its mark is `.-` or `)`, which ends no sentence."""
_LETTERS = "abcdefghijklmnñopqrstuvwxyz"


@dataclass(frozen=True)
class _Mark:
    start: int
    end: int
    value: int
    kind: str
    strong: bool


def split_packed(cells: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut a row whose cells pack several numbered items into one row an item, matched by number.

    Returns tuples as long as `cells`, in the order of the numbers. Where two cells or more are numbered, what has no partner
    stands alone, with empty strings beside it: a number that only one cell has, words before the first number, and the whole
    text of a cell without numbers. A row with less than two numbered cells comes back as it is, in one tuple.
    """
    numbered = {column: items for column, cell in enumerate(cells) if (items := _numbered(cell))}
    if len(numbered) < 2 or max(map(len, numbered.values())) < 2:
        return [tuple(cells)]
    values = sorted({value for items in numbered.values() for value in items if value})
    rows = [tuple(numbered.get(column, {}).get(value, "") for column in range(len(cells))) for value in values]
    alone = [(column, items[0]) for column, items in numbered.items() if 0 in items]
    alone += [(column, cell) for column, cell in enumerate(cells) if column not in numbered and squeeze(cell)]
    return rows + [tuple(text if i == column else "" for i in range(len(cells))) for column, text in sorted(alone)]


def split_items(cell: str) -> list[str]:
    """Cut one cell into its items: at numbers, line breaks, bullets, and where items are glued without a space.

    Enumerators and bullets go, words stay, white space is folded; a line that begins with a small letter goes on with the one
    before it.
    """
    items = _numbered(cell)
    pieces = [text for _, text in sorted(items.items())] if items else [cell]
    return [item for piece in pieces for item in _unglued(piece)]


def _numbered(cell: str) -> dict[int, str]:
    """Return the items of a numbered cell by number, 0 for words before the first; empty where the cell is not numbered.

    Words that only announce the list (they end with a colon) are left out.
    """
    chain = _chain(cell)
    if not chain or (len(chain) == 1 and not _opens(cell, chain[0])):
        return {}
    ends = [*(mark.start for mark in chain[1:]), len(cell)]
    items = {mark.value: _trim(cell[mark.end : end]) for mark, end in zip(chain, ends, strict=True)}
    before = _trim(cell[: chain[0].start])
    if before and not before.endswith(":"):
        items[0] = before
    return {value: text for value, text in items.items() if text}


def _opens(cell: str, mark: _Mark) -> bool:
    """Say whether a lone enumerator opens the cell and has words behind it (`3. Falta de agua`, not `10: 30 %`)."""
    return not _trim(cell[: mark.start]) and re.match(r"\W*[^\W\d]", cell[mark.end :]) is not None


def _chain(cell: str) -> list[_Mark]:
    """Return the marks that count up, from one at the cell's start, or from 1 after words that announce a list."""
    marks = list(_marks(cell))
    first = next(
        (m for m in marks if not _trim(cell[: m.start]) or (m.value == 1 and _trim(cell[: m.start]).endswith(":"))), None
    )
    if first is None:
        return []
    chain = [first]
    for mark in marks:
        step = mark.value - chain[-1].value
        if mark.start > chain[-1].start and mark.kind == first.kind and (step == 1 or (mark.strong and 1 < step <= _GAP)):
            chain.append(mark)
    return chain


def _marks(cell: str) -> Iterator[_Mark]:
    for match in _MARK.finditer(cell):
        digits = match["number"] or match["glued"]
        value = int(digits) if digits else _LETTERS.index(match["letter"].lower()) + 1
        strong = match.group().endswith((".-", ")", ")-"))
        yield _Mark(match.start(), match.end(), value, "number" if digits else "letter", strong)


def _unglued(piece: str) -> Iterator[str]:
    lines: list[str] = []
    for line in _BREAK.split(piece):
        if lines and line[:1].islower() and not lines[-1].endswith((".", ";", ":")):
            lines[-1] += " " + line
        elif line:
            lines.append(line)
    for line in lines:
        for item in _BULLET.split(line):
            yield from (text for part in _GLUE.split(item) if (text := squeeze(_trim(part))))


def _trim(text: str) -> str:
    """Cut white space, line breaks and bullets off both ends."""
    return re.sub(r"^(?:\s|<br\s*/?>|[•●▪■◦·➢✓✔*–—]|-(?=\s))+|(?:\s|<br\s*/?>|[•●▪■◦·➢✓✔*])+$", "", text)
