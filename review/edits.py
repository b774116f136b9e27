"""What every action on a record stands on: finding, placing and putting back statements; what is told when it cannot be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kg.documents import Document
from kg.errors import KgError
from kg.quantities import find_targets
from kg.reading.rereading import without_links
from kg.records import Record, Statement, Target
from review.placing import Astray, place


class EditError(KgError):
    """Something that cannot be done to the record. `code` names the text that tells it, `field` what must be corrected."""

    def __init__(self, code: str, field: str = "", **values: object):
        super().__init__(f"{code} {field} {values}".strip())
        self.code, self.field, self.values = code, field, values


@dataclass(frozen=True)
class Edited:
    """The record after an action; `notes` are (code, values) of what the reviewer should know; `focus` is where to go on."""

    record: Record
    notes: tuple[tuple[str, Mapping[str, object]], ...] = ()
    focus: str | None = None


def statement_of(record: Record, key: str) -> Statement:
    """Return a statement by its id.

    Raises:
        EditError: there is none.
    """
    found = next((s for s in record.statements if s.id == key), None)
    if found is None:
        raise EditError("no-statement", id=key)
    return found


def new_id(record: Record) -> str:
    """Return the id after the last that was ever used."""
    numbers = [int(d) for s in (*record.statements, *record.rejected) if (d := s.id.removeprefix("s")).isdigit()]
    return f"s{max(numbers, default=0) + 1:03d}"


def put(record: Record, statement: Statement) -> Record:
    """Put a statement in the place of the one with its id."""
    return replace(record, statements=tuple(statement if s.id == statement.id else s for s in record.statements))


def insert(record: Record, statement: Statement) -> Record:
    """Put a statement before the first that stands further down in the document."""
    at = next((i for i, s in enumerate(record.statements) if s.line > statement.line), len(record.statements))
    return replace(record, statements=(*record.statements[:at], statement, *record.statements[at:]))


def put_aside(record: Record, refused: Statement) -> Edited:
    """Move a statement to the rejected ones; the ties to it go, and are told."""
    ids = {s.id for s in record.statements} - {refused.id}
    tied = [s.id for s in record.statements if any(other == refused.id for _, other in s.links())]
    kept = tuple(without_links(s, ids) if s.id in tied else s for s in record.statements if s.id != refused.id)
    notes = (("untied", {"ids": ", ".join(tied)}),) if tied else ()
    return Edited(replace(record, statements=kept, rejected=(*record.rejected, refused)), notes)


def union(first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what is in either, in order, each once."""
    return tuple(dict.fromkeys((*first, *second)))


def remembering(before: Statement, after: Statement) -> Statement:
    """Keep what the reader had proposed beside what a person makes of it; not where a person had put the statement there."""
    first = before.proposed or (as_read(before) if before.rule else None)
    return replace(after, proposed=None if first == as_read(after) else first)


def as_read(statement: Statement) -> Statement:
    """Return the statement without what review added to it."""
    return replace(statement, review=None, proposed=None, split_from=None)


def placed(document: Document, statement: Statement, known: Iterable[int]) -> Statement:
    """Return the statement with its runs and page as its text stands in the document.

    Raises:
        EditError: the text does not stand at its line; where it does, or from which words on it does not.
    """
    found = place(document, statement.text, statement.line, known)
    if isinstance(found, Astray):
        code = "elsewhere" if found.elsewhere else "astray"
        raise EditError(
            code, "text", line=statement.line, stands=found.stands[-60:], rest=found.rest, elsewhere=found.elsewhere or 0
        )
    return replace(statement, parts=found.parts, page=document.page_of(statement.line, statement.text))


def target_of(text: str, end: int | None) -> Target:
    """Return what a text aims at, as far as it says so; `end` is the year in which the plan ends."""
    found = next(iter(find_targets(text, end)), None)
    if found is None:
        return Target(text if len(text) < 120 else text[:120].rsplit(" ", 1)[0])
    return Target(found.raw, found.value, found.unit, found.direction, found.year, found.baseline)
