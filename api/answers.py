"""The sentence that sums an answer up: the templates of the question files, filled in from the rows.

A template is text with numbers in braces, and parts in brackets that are left out when a number in them is nothing:

    {rows}                    how many rows there are
    {distinct:COLUMN}         how many different values the column has
    {filled:COLUMN}           how many of the rows have a value there; {unfilled:COLUMN} how many have none
    {positive:COLUMN}         how many have a number above zero there
    {count:COLUMN=VALUE}      how many have just this value there
    {sum:COLUMN}              the sum, amounts of other currencies than soles left out
    {total:COLUMN}            the sum of what rows count
    {first:COLUMN}            the value in the first row; {max:COLUMN} and {min:COLUMN} the greatest and the least number
    {best:COLUMN:OTHER}       the value in the row where the other column is greatest
    {param:NAME}              what the question was asked about
    {… one|many}              the number and the word that goes with it

A statement that stands in several rows counts once in `filled`, `unfilled`, `count` and `sum`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from api.columns import columns, quoted_in
from api.lookup import Node, Row

_SLOT = re.compile(r"\{(?P<kind>\w+)(?::(?P<column>\w+))?(?:[=:](?P<other>\w+))?(?: (?P<one>[^|{}]+)\|(?P<many>[^|{}]+))?\}")
_PART = re.compile(r"\[([^\[\]]*)\]")
Value = Decimal | str | None


@dataclass(frozen=True)
class Told:
    """What a template is filled in from: columns and rows, what was asked about, and how a number and a term are written."""

    names: Sequence[str]
    rows: Sequence[Row]
    asked: Mapping[str, str]
    number: Callable[[Decimal], str]
    text: Callable[[Node], str]


def sentence(template: str, told: Told) -> str:
    """Fill a template in.

    Raises:
        KeyError: it names a column or a number that there is not.
    """
    kept = _PART.sub(lambda part: "" if _is_nothing(part[1], told) else part[1], template)
    return _SLOT.sub(lambda slot: _filled(slot, told), kept).strip()


def slots(template: str) -> list[tuple[str, str]]:
    """Return the (kind, column) of all that is to be filled in; a column may be empty."""
    found = [(slot["kind"], slot["column"] or "") for slot in _SLOT.finditer(template)]
    return found + [("best", slot["other"]) for slot in _SLOT.finditer(template) if slot["kind"] == "best"]


def number_in(node: Node | None) -> Decimal | None:
    """Return the number that a term is, None where it is none."""
    if node is None or node.is_iri:
        return None
    try:
        number = Decimal(node.value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_nothing(part: str, told: Told) -> bool:
    return any(not _value(slot, told) for slot in _SLOT.finditer(part))


def _filled(slot: re.Match[str], told: Told) -> str:
    value = _value(slot, told)
    text = told.number(value) if isinstance(value, Decimal) else value or "–"
    word = slot["one"] if value == 1 else slot["many"]
    return f"{text} {word}" if word else text


def _value(slot: re.Match[str], told: Told) -> Value:
    kind, column = slot["kind"], slot["column"] or ""
    if kind == "param":
        return told.asked[column]
    if kind == "rows":
        return Decimal(len(told.rows))
    if column not in told.names:
        raise KeyError(column)
    return _FUNCTIONS[kind](told, column, slot["other"] or "")


def _distinct(told: Told, column: str, _: str) -> Value:
    return Decimal(len({row[column].value for row in told.rows if column in row}))


def _filled_rows(told: Told, column: str, _: str) -> Value:
    return Decimal(len([row for row in _statements(told, column) if column in row]))


def _unfilled_rows(told: Told, column: str, _: str) -> Value:
    return Decimal(len([row for row in _statements(told, column) if column not in row]))


def _positive(told: Told, column: str, _: str) -> Value:
    return Decimal(len([row for row in told.rows if (number_in(row.get(column)) or 0) > 0]))


def _count(told: Told, column: str, wanted: str) -> Value:
    return Decimal(len([row for row in _statements(told, column) if column in row and row[column].value == wanted]))


def _sum(told: Told, column: str, _: str) -> Value:
    amount = columns().amount
    rows = [r for r in _statements(told, column) if amount.currency not in r or r[amount.currency].value == amount.soles]
    return sum((number_in(row.get(column)) or Decimal(0) for row in rows), Decimal(0))


def _total(told: Told, column: str, _: str) -> Value:
    return sum((number_in(row.get(column)) or Decimal(0) for row in told.rows), Decimal(0))


def _first(told: Told, column: str, _: str) -> Value:
    if not told.rows or column not in told.rows[0]:
        return None
    node = told.rows[0][column]
    return number if (number := number_in(node)) is not None and node.datatype else told.text(node)


def _max(told: Told, column: str, _: str) -> Value:
    return max(_numbers(told, column), default=None)


def _min(told: Told, column: str, _: str) -> Value:
    return min(_numbers(told, column), default=None)


def _best(told: Told, column: str, other: str) -> Value:
    rows = [row for row in told.rows if column in row and number_in(row.get(other)) is not None]
    best = max(rows, key=lambda row: number_in(row[other]) or Decimal(0), default=None)
    return told.text(best[column]) if best else None


def _numbers(told: Told, column: str) -> list[Decimal]:
    return [number for row in told.rows if (number := number_in(row.get(column))) is not None]


def _statements(told: Told, column: str) -> list[Row]:
    """Return a row for each statement, one that has the column where there is one; all rows where these are no statements."""
    quoted = quoted_in(told.names, told.rows)
    if not quoted:
        return list(told.rows)
    thing = quoted[0].thing
    found: dict[str, Row] = {}
    for number, row in enumerate(told.rows):
        key = row[thing].value if thing in row else str(number)
        if key not in found or column not in found[key]:
            found[key] = row
    return list(found.values())


_FUNCTIONS: dict[str, Callable[[Told, str, str], Value]] = {
    "distinct": _distinct,
    "filled": _filled_rows,
    "unfilled": _unfilled_rows,
    "positive": _positive,
    "count": _count,
    "sum": _sum,
    "total": _total,
    "first": _first,
    "max": _max,
    "min": _min,
    "best": _best,
}
KINDS = {*_FUNCTIONS, "rows", "param"}
