"""An answer as a spreadsheet: headings in words, numbers as numbers, and a sheet that says where it comes from."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from api.answers import number_in
from api.columns import columns
from api.lookup import Node, Row

LONGEST = 32767  # characters that a cell holds
MOST = 100_000  # rows: what is longer is for a CSV
_BOLD, _TOP, _WRAPPED = Font(bold=True), Alignment(vertical="top"), Alignment(vertical="top", wrap_text=True)
_WIDE, _NARROW, _MIDDLE = 70, 11, 24
_AMOUNT = "#,##0.##"
_TIDY = "#,##0"


def workbook(
    names: Sequence[str],
    heads: Sequence[str],
    rows: Sequence[Row],
    title: str,
    source: Sequence[tuple[str, str]],
    sheets: tuple[str, str],
    text: Callable[[Node], str],
) -> bytes:
    """Return the rows as a workbook of two sheets, named by `sheets`: the table, and what it is (`source`, label and text)."""
    book = Workbook(write_only=True)
    book.properties.title = title
    table = book.create_sheet(sheets[0][:31])
    table.freeze_panes = "A2"
    table.auto_filter.ref = f"A1:{get_column_letter(max(len(names), 1))}{len(rows) + 1}"
    for place, name in enumerate(names, 1):
        table.column_dimensions[get_column_letter(place)].width = _width(name, rows)
    table.append([_text(table, head, bold=True) for head in heads])
    for row in rows:
        table.append([_cell(table, name, row.get(name), text) for name in names])
    about = book.create_sheet(sheets[1][:31])
    about.column_dimensions["A"].width, about.column_dimensions["B"].width = _MIDDLE, 100
    for label, told in source:
        about.append([_text(about, label, bold=True), _text(about, told)])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _cell(sheet: object, name: str, node: Node | None, text: Callable[[Node], str]) -> object:
    """Return a number where the term is one, whole where it is whole; else a text cell, so that `=1+1` stays text."""
    if node is None:
        return None
    number = number_in(node) if node.datatype and name not in columns().codes else None
    if number is None:
        return _text(sheet, node.value if node.is_iri or columns().is_quoted(name) else text(node))
    whole = number == number.to_integral_value()
    cell = WriteOnlyCell(sheet, int(number) if whole else float(number))
    cell.alignment = _TOP
    if name in columns().soles:
        cell.number_format = _TIDY if whole else _AMOUNT
    return cell


def _text(sheet: object, value: str, bold: bool = False) -> object:
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST])
    cell.data_type = "s"
    cell.alignment = _WRAPPED
    if bold:
        cell.font = _BOLD
    return cell


def _width(name: str, rows: Sequence[Row]) -> int:
    longest = max((len(row[name].value) for row in rows[:1000] if name in row), default=0)
    return _WIDE if longest > 60 else _MIDDLE if longest > 12 else _NARROW
