"""Tables whose cells a conversion wrote one after another: found by their heads, cut into pieces, put together again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kg.reading.columns import WEIGHTS, Head, Move, Piece, Weights, assign
from kg.reading.lines import Line
from kg.reading.roles import STATEMENTS, Roles
from kg.text import strip_markup

_MARK = re.compile(
    r"^\s*(?:(?P<bullet>[-–—•*·▪➢✓+●■◦○►✔❖]|\uf0b7|\uf0a7|\uf0d8)|(?P<number>\d{1,2})\s?(?:\.-|[.)-])(?!\d))\s*(?P<rest>.*)$"
)
_ROMAN_TITLE = re.compile(r"^\s*[IVX]{1,5}\s?[.)-]+\s*\S")
_ENDS = (".", ";", ":", "!", "?")
_LEAST_COLUMNS = 3


@dataclass
class LinearRow:
    """A row put together again: (column, runs of text) of its items, in the order of the document; `title` opens a group."""

    head: Head
    items: list[tuple[int, list[tuple[int, str]]]] = field(default_factory=list)
    title: tuple[int, str] | None = None


def find_head(lines: list[Line], start: int, roles: Roles) -> tuple[Head, int] | None:
    """Return the heads that begin at a line and the index after them, or None where no table begins."""
    columns: list[str] = []
    texts: list[str] = []
    index = start
    while index < len(lines):
        text = strip_markup(lines[index].text)
        if not text:
            index += 1
            continue
        role = roles.of_label(text) if len(text) < 60 and ":" not in text.rstrip(":") else None
        if role in STATEMENTS | {"action"}:
            columns.append("activity" if role == "action" else str(role))
            texts.append(text)
        elif not columns or not roles.only_qualifies(text):
            break
        index += 1
    if len(columns) < _LEAST_COLUMNS or len(set(columns)) < 2:
        return None
    kinds = tuple(
        "indicator" if roles.is_indicator(t) else "goal" if c == "target" else c for c, t in zip(columns, texts, strict=True)
    )
    return Head(tuple(columns), kinds), index


def ends_table(line: Line, roles: Roles) -> bool:
    """Say whether a line closes a table: a chapter's title."""
    text = strip_markup(line.text.lstrip("# "))
    if not text:
        return False
    is_title = line.text.startswith("#") or (_ROMAN_TITLE.match(text) and text.isupper() and len(text) > 8)
    return bool(is_title) and not roles.is_axis(text)


def read_linear(lines: list[Line], head: Head, roles: Roles, weights: Weights = WEIGHTS) -> Iterator[LinearRow]:
    """Put the rows of a linearised table together again; `lines` are those below its heads."""
    groups: list[list[Piece]] = [[]]
    for piece in _pieces(lines, roles):
        if piece.title:
            groups += [[piece], []]
        else:
            groups[-1].append(piece)
    texts = groups[::2]
    moves = assign(texts, head, roles, weights)
    for index, group in enumerate(texts):
        yield from _joined(group, moves[index], head)
        if 2 * index + 1 < len(groups):
            title = groups[2 * index + 1][0]
            yield LinearRow(head, title=(title.line, title.text))


def _pieces(lines: list[Line], roles: Roles) -> Iterator[Piece]:
    """Cut lines where something may begin: at marks, at capitals, after blank lines and page ends; repeated heads go."""
    open_: list[str] = []
    first: tuple[int, bool, bool] = (0, False, False)
    blank = breaks = False
    index = 0
    while index < len(lines):
        again = find_head(lines, index, roles)
        if again:
            if open_ and all(_is_title(text, roles) for text in open_):
                open_ = []  # a running header stands above the heads that a new page repeats
            breaks, index = True, again[1]
            continue
        line = lines[index]
        index += 1
        breaks = breaks or line.breaks
        text = strip_markup(line.text)
        if not text:
            blank = True
            continue
        if open_ and _begins(text, open_, blank or breaks, roles):
            yield _piece(open_, first, roles)
            open_ = []
        if not open_:
            first = (line.number, blank, breaks)
        open_.append(text)
        blank = breaks = False
    if open_:
        yield _piece(open_, first, roles)


def _begins(text: str, open_: list[str], gap: bool, roles: Roles) -> bool:
    if len(open_) == 1 and (match := _MARK.match(open_[0])) is not None and not match["rest"]:
        return False
    if _MARK.match(text) or gap or _is_title(text, roles) or (len(open_) == 1 and _is_title(open_[0], roles)):
        return True
    return not text[:1].islower() and (open_[-1].endswith(_ENDS) or text[:1].isupper())


def _is_title(text: str, roles: Roles) -> bool:
    letters = [c for c in text if c.isalpha()]
    if _MARK.match(text) or len(letters) < 4 or len(text) > 90:
        return False
    return (text.isupper() and len(letters) > 6) or (roles.is_axis(text) and len(text) < 60 and text[:1].isupper())


def _piece(texts: list[str], first: tuple[int, bool, bool], roles: Roles) -> Piece:
    text = " ".join(texts)
    match = _MARK.match(text)
    number = int(match["number"]) if match and match["number"] else None
    body = match["rest"] if match else text
    title = match is None and _is_title(text, roles)
    width = max(map(len, texts)) if len(texts) > 1 else 0
    return Piece(first[0], body, bool(match and match["bullet"]), number, first[1], first[2], title, width)


def _joined(pieces: list[Piece], moves: list[Move], head: Head) -> Iterator[LinearRow]:
    row: LinearRow | None = None
    for (move, column), piece in zip(moves, pieces, strict=True):
        if move == "row" or row is None:
            if row is not None:
                yield row
            row = LinearRow(head)
        same = [runs for c, runs in row.items if c == column]
        if move == "on" and same:
            same[-1].append((piece.line, piece.text))
        else:
            row.items.append((column, [(piece.line, piece.text)]))
    if row is not None:
        yield row
