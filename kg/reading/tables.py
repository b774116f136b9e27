"""Table rows to statements: columns by their heads, rows that go on, cells with several items, rows that a label opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kg.reading.blocks import Block
from kg.reading.drafted import Drafted
from kg.reading.linear import LinearRow
from kg.reading.lines import Line
from kg.reading.links import link_row
from kg.reading.marks import split_enumerator
from kg.reading.packed import split_items, split_packed
from kg.reading.roles import ATTACHED, COMMITMENTS, STATEMENTS, Roles
from kg.text import fold, strip_markup

_LONGEST_HEAD = 70
_START = 20
_TOTAL = re.compile(r"(?:sub ?)?total\b|suma\b")
_YEAR = re.compile(r"^(?:a[ñn]o\s+)?((?:19|20)\d\d)$", re.IGNORECASE)
_YEAR_COLUMN = "year "
_BULLETS = re.compile(
    r"(?:^|(?<=[\s.;,>]))(?:[•▪●■◦➢✓+])(?=\s?[A-ZÁÉÍÓÚÑ¿“\"]|\s\d)|(?:^|(?<=[.;,:>]))\s?[-–—](?!\d)(?=\s?[A-ZÁÉÍÓÚÑ¿“\"]|\s\d)"
)
_DASHES = re.compile(
    r"(?:^|(?<=[\s.;,>]))(?:[•▪●■◦➢✓+]|-(?!\d))(?=\s?[A-ZÁÉÍÓÚÑ¿“\"]|\s\d)|^[–—]\s|(?<=[.;,>])\s?[–—](?=\s?[A-ZÁÉÍÓÚÑ])"
)
_LABEL = re.compile(r"^(?:(?P<number>\d{1,2}(?:\.\d{1,2})*)[.)]?\s*)?(?P<label>[^:]{3,60}?)\s*:\s*(?P<rest>.*)$")
_TITLE = re.compile(r"^(?:\*\*[^*]{3,80}\*\*|[A-ZÁÉÍÓÚÑ ,/-]{6,80}):?$")
_SERIES = (
    (("a", "b"), re.compile(r"(?:^|\s)([a-h])\)\s*")),
    (("i", "ii"), re.compile(r"(?:^|\s)(i{1,3}|iv|vi{0,3})[.)]\s+")),
)


@dataclass
class Table:
    """An open table: the role of each column, and the statements of its last row by column."""

    columns: list[str | None]
    width: int
    last_row: str | None = None
    last: dict[int, list[int]] = field(default_factory=dict)


def head_columns(block: Block, roles: Roles, section_role: str | None) -> list[str | None] | None:
    """Return the role of each column where a row is a table's head, else None."""
    cells = [strip_markup(cell) for cell in block.cells]
    filled = [c for c in cells if c]
    if not filled or max(map(len, filled)) > _LONGEST_HEAD:
        return None
    columns = [_column(cell, roles) for cell in cells]
    known = [c for c in columns if c]
    strict = [c for cell in cells if cell and (c := roles.of_label(cell)) and c != "ignored"]
    enough = len(known) >= 2 and len(known) >= len(filled) * 0.6
    lone = block.is_head and bool(strict) and any(c in COMMITMENTS | {"problem", "objective", "name"} for c in strict)
    if not (enough or lone) or not any(c in STATEMENTS or c in {"chain", "name"} for c in known):
        return None
    return [_named(c, columns, section_role) for c in columns]


def _column(cell: str, roles: Roles) -> str | None:
    if not cell:
        return None
    loose = roles.of_column(cell)
    if loose == "chain":
        return loose
    if year := _YEAR.match(cell):
        return f"{_YEAR_COLUMN}{year[1]}"
    role = roles.of_label(cell) or loose
    return "activity" if role == "action" else role


def _named(column: str | None, columns: list[str | None], section_role: str | None) -> str | None:
    """Give a column of names the role of the section that holds the table; without one, that of what is paid for."""
    if column != "name":
        return column
    if section_role in COMMITMENTS:
        return section_role
    if any(c in STATEMENTS for c in columns):
        return None
    return "project" if "budget" in columns else "proposal"


class TableReader:
    """Reads rows into `found`; numbers them r01, r02 …"""

    def __init__(self, roles: Roles, found: list[Drafted]):
        self._roles, self._found = roles, found
        self._rows = 0
        self.table: Table | None = None

    def read(self, table: Table, block: Block, section: tuple[str, ...], axis: str | None, owner: int | None) -> None:
        """Read a row of the table into statements, with the links of the row."""
        cells = list(block.cells)
        if self._is_total(table, cells):
            self._keep_total(table, cells, owner)
            return
        goes_on = not self._begins(table, cells) and table.last_row is not None and any(c.strip() for c in cells)
        if not goes_on:
            self._rows += 1
            table.last_row, table.last = f"r{self._rows:02d}", {}
        before = len(self._found)
        inherited = table.last
        parts = [tuple(cells)] if goes_on else split_packed(cells)
        numbered = len(parts) > 1
        rows = [self._read_part(table, part, block, section, axis, goes_on) for part in parts]
        for statement in self._found[before:]:
            statement.owner = owner
        self._finish(table, rows, inherited, goes_on and block.is_spanned, numbered)

    def _is_total(self, table: Table, cells: list[str]) -> bool:
        """Say whether a row sums up the others: its first filled cell says so."""
        first = next((strip_markup(c) for c in cells if strip_markup(c)), "")
        return "budget" in table.columns and _TOTAL.match(fold(first)) is not None

    def _keep_total(self, table: Table, cells: list[str], owner: int | None) -> None:
        """Give the sum to the program that holds the table, where it has no money of its own."""
        if owner is None or self._found[owner].budget:
            return
        for role, cell in zip(table.columns, cells, strict=False):
            if role == "budget" and strip_markup(cell) and not self._roles.is_absent(strip_markup(cell)):
                self._found[owner].attach(role, strip_markup(cell))

    def _begins(self, table: Table, cells: list[str]) -> bool:
        """Say whether a row begins something new: its first cell, or its first cell that says anything, is filled."""
        first = next((i for i, role in enumerate(table.columns) if role in STATEMENTS or role == "chain"), 0)
        return bool(cells[0].strip()) or (first < len(cells) and bool(cells[first].strip()))

    def read_linear(self, row: LinearRow, section: tuple[str, ...], axis: str | None) -> None:
        """Read a row that was put together again from cells written one after another."""
        self._rows += 1
        name = f"r{self._rows:02d}"
        before = len(self._found)
        for column, runs in sorted(row.items, key=lambda item: item[0]):
            text = " ".join(t for _, t in runs)
            if not self._roles.is_absent(text):
                self._found.append(Drafted(row.head.roles[column], tuple(runs), section, axis, name, "linear-column", 0.6))
        link_row(self._found, range(before, len(self._found)))

    def _finish(
        self, table: Table, rows: list[dict[int, list[int]]], inherited: dict[int, list[int]], spanned: bool, numbered: bool
    ) -> None:
        if not numbered:
            row = rows[0]
            for column, ids in inherited.items():
                if not spanned or column not in row:
                    row[column] = [*ids, *(i for i in row.get(column, []) if i not in ids)]
            table.last = row
            link_row(self._found, _members(row))
            return
        # a cell without numbers, such as one problem, counts for all the numbered items beside it
        packed = {column for row in rows if len(row) > 1 for column in row}
        shared = [i for row in rows if len(row) == 1 and not packed & row.keys() for i in _members(row)]
        for row in rows:
            link_row(self._found, sorted({*_members(row), *shared}) if len(row) > 1 else _members(row))
        table.last = {column: [i for r in rows for i in r.get(column, [])] for r in rows for column in r}

    def _read_part(
        self, table: Table, cells: tuple[str, ...], block: Block, section: tuple[str, ...], axis: str | None, goes_on: bool
    ) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        lines = block.cell_lines or (block.line,) * len(cells)
        money: list[tuple[str, str]] = []
        for column, (role, cell, line) in enumerate(zip(table.columns, cells, lines, strict=False)):
            text = strip_markup(cell)
            if not text or role is None or self._roles.is_absent(text):
                continue
            if role in ATTACHED:
                money.append((role, text))
            elif role.startswith(_YEAR_COLUMN):
                self._set_goal(found, int(role.removeprefix(_YEAR_COLUMN)), text)
            elif role in STATEMENTS or role == "chain":
                found[column] = self._read_cell(role, cell, line, table, section, axis, column if goes_on else None)
                self._place_items(found[column], block.source)
        row = {**(table.last if goes_on else {}), **found}
        for role, text in money:
            self._attach(role, text, _members(row))
        return found

    def _place_items(self, items: list[int], source: tuple[Line, ...]) -> None:
        """Give the items of a cell that runs over several lines the line at which each begins."""
        if not source or not items:
            return
        lines = [(line.number, fold(strip_markup(line.text))) for line in source]
        at = next((i for i, (number, _) in enumerate(lines) if number >= self._found[items[0]].runs[0][0]), len(lines))
        for index in items:
            (_, text), *rest = self._found[index].runs
            start = fold(text)[:_START]
            at = next((i for i in range(at, len(lines)) if start in lines[i][1]), at)
            if at < len(lines) and start in lines[at][1]:
                self._found[index].runs = ((lines[at][0], text), *rest)

    def _set_goal(self, row: dict[int, list[int]], year: int, text: str) -> None:
        """Give the row's last target the value of a year's column; a later year's wins."""
        targets = [i for i in _members(row) if self._found[i].type == "target"]
        for index in targets[-1:]:
            self._found[index].goal = (year, text)

    def _attach(self, role: str, text: str, members: list[int]) -> None:
        """Put money, funding or partners on the row's project, else on its last commitment, else on its last statement."""
        commitments = [i for i in members if self._found[i].type in COMMITMENTS]
        projects = [i for i in commitments if self._found[i].type == "project"]
        objectives = [i for i in members if self._found[i].type == "objective"]
        for index in (projects or commitments or objectives or members)[-1:]:
            self._found[index].attach(role, text)

    def _read_cell(
        self, role: str, cell: str, line: int, table: Table, section: tuple[str, ...], axis: str | None, column: int | None
    ) -> list[int]:
        members: list[int] = []
        for piece_role, text in split_cell(cell, role, self._roles):
            last = table.last.get(column, []) if column is not None and not members else []
            cut = next((i for i in reversed(last) if self._found[i].type == piece_role), None)
            if cut is not None and text[:1].islower() and not self._found[cut].text.endswith((".", ":", ";")):
                self._found[cut].runs = (*self._found[cut].runs, (line, text))
                continue
            kind = "proposal" if piece_role == "chain" else piece_role
            if (text.endswith(":") and len(text) < 160 and kind != "activity") or self._roles.is_absent(text):
                continue
            rule = "column" if piece_role == role else "cell-label"
            self._found.append(Drafted(kind, ((line, text),), section, axis, table.last_row, rule, 0.9))
            members.append(len(self._found) - 1)
        return members


def _members(row: dict[int, list[int]]) -> list[int]:
    return sorted({i for ids in row.values() for i in ids})


def split_cell(cell: str, role: str, roles: Roles) -> Iterator[tuple[str, str]]:
    """Cut a cell into statements, as (role, text): at paragraphs, bullets, letters and labels such as `1.1 Proyecto:`."""
    paragraphs = _paragraphs(cell)
    for paragraph in paragraphs:
        if len(paragraphs) > 1 and _TITLE.match(paragraph.strip()):
            continue
        text = strip_markup(paragraph)
        if not text:
            continue
        pieces = list(_at_letters(_at_bullets(text)))
        if len(pieces) == 1 and role in {"objective", "proposal", "target"}:
            pieces = _at_promises(pieces[0], roles)
        if len(pieces) == 1 and role == "activity":
            pieces = _at_semicolons(pieces[0])
        for piece in pieces:
            own = role
            mark, rest = split_enumerator(piece)
            match = _LABEL.match(piece)
            if match and (labelled := _typed(roles.of_label(match["label"]))):
                own, rest = labelled, match["rest"]
            elif role == "chain" and (named := _typed(roles.of_label(rest.split(" ", 1)[0]))):
                own = named
            elif not mark:
                rest = piece
            if rest := re.sub(r"\s+,$", "", rest).strip():
                yield own, rest


def split_listed(text: str, role: str) -> list[str]:
    """Cut what stands after a label at bullets and letters; lists of activities and projects at semicolons, too."""
    pieces = list(_at_letters(_at_bullets(text, in_cell=False)))
    if len(pieces) == 1 and role == "target":
        pieces = split_items(pieces[0])
    listed = role in {"activity", "action", "project"} or role == "target"
    return _at_semicolons(pieces[0]) if len(pieces) == 1 and listed else pieces


def _typed(role: str | None) -> str | None:
    """Return the type of statement that a label inside a cell gives, None where it gives none."""
    if role == "action":
        return "activity"
    return role if role in STATEMENTS else None


def _paragraphs(cell: str) -> list[str]:
    """Cut at breaks; a line that goes on in small letters stays with the one before it."""
    pieces: list[str] = []
    for piece in re.split(r"</p>|<p>|<br\s*/?>|</li>|<li>", cell):
        plain = strip_markup(piece)
        if pieces and plain[:1].islower() and not strip_markup(pieces[-1]).endswith((".", ":", ";")):
            pieces[-1] += " " + piece
        elif plain:
            pieces.append(piece)
    return pieces


def _at_bullets(text: str, in_cell: bool = True) -> list[str]:
    """Cut at bullets; a dash between words is one in a cell, elsewhere only where the text begins with one."""
    dashed = in_cell or text.startswith(("-", "–", "—"))
    pieces = [p.strip() for p in (_DASHES if dashed else _BULLETS).split(text)]
    return [p for p in pieces if p]


def _at_semicolons(text: str) -> list[str]:
    """Cut a list of short things that semicolons part."""
    pieces = [p.strip() for p in text.split(";")]
    return [p for p in pieces if p] if len(pieces) > 1 and all(len(p.split()) <= 12 for p in pieces) else [text]


def _at_promises(text: str, roles: Roles) -> list[str]:
    """Cut a cell of several sentences that each promise something; what a lead-in announces belongs to the first."""
    sentences = re.split(r"(?<=[a-záéíóúñ][.])\s+(?=[A-ZÁÉÍÓÚÑ])", text)
    if len(sentences) > 1 and all(roles.promises(s.rsplit(":", 1)[-1].strip()) for s in sentences):
        return [s.rsplit(":", 1)[-1].strip() if i == 0 and ":" in s else s for i, s in enumerate(sentences)]
    return [text]


def _at_letters(pieces: list[str]) -> Iterator[str]:
    """Cut at a), b), c) or i., ii. where at least two follow each other; what stands before the first stays with it."""
    for piece in pieces:
        series = (list(pattern.finditer(piece)) for _, pattern in _SERIES)
        firsts = (first for first, _ in _SERIES)
        marks = next((m for m, first in zip(series, firsts, strict=True) if tuple(x[1] for x in m[:2]) == first), [])
        if not marks:
            yield piece
            continue
        ends = [m.start() for m in marks[1:]] + [len(piece)]
        yield piece[: ends[0]].strip()
        for mark, end in zip(marks[1:], ends[1:], strict=True):
            yield piece[mark.end() : end].strip()


def names_section(block: Block, table: Table, roles: Roles) -> str | None:
    """Return the title that a row of one filled cell gives to the rows below it, or None."""
    filled = [strip_markup(c) for c in block.cells if strip_markup(c)]
    if len(filled) != 1 or table.width < 2 or len(filled[0]) > 120:
        return None
    text = filled[0]
    capitals = text.isupper() and len(text) > 3
    is_title = capitals or roles.is_axis(text) or (text.endswith(":") and len(text) < 80)
    first = bool(strip_markup(block.cells[0]))
    return text.rstrip(": ") if is_title and (first or roles.is_axis(text)) else None
