"""Making two statements of one, and one of two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kg.documents import Document
from kg.records import LINKS, Mark, Part, Record, Statement
from kg.text import fold, squeeze
from review.edits import Edited, EditError, new_id, placed, put, put_aside, remembering, statement_of, target_of, union
from review.placing import Astray, place
from review.ties import refitted

_GATHERED = ("issues", "funding", "partners", "mentions", *LINKS)


def split(record: Record, document: Document, key: str, first: str, second: str, mark: Mark) -> Edited:
    """Make two statements of one: its text up to a place and from there on. Both are accepted and can still be corrected.

    Money, target, partners and mentions go with the half that names them; what neither names stays with the first.
    """
    whole = statement_of(record, key)
    first, second = squeeze(first), squeeze(second)
    if not first or not second or fold(f"{first} {second}").replace(" ", "") != fold(whole.text).replace(" ", ""):
        raise EditError("split", "text")
    one = placed(document, replace(whole, text=first, parts=(), clean=None), [p.line for p in whole.parts])
    line = _line_of(document, second, whole)
    if line is None:
        raise EditError("astray", "text", line=whole.line, stands="", rest=second[:60], elsewhere=0)
    two = placed(document, replace(one, id=new_id(record), text=second, line=line), [p.line for p in whole.parts])
    one, two = _shared_out(one, two)
    one = replace(remembering(whole, one), review=mark)
    two = replace(two, split_from=whole.id, proposed=None, review=mark)
    at = next(i for i, s in enumerate(record.statements) if s.id == key)
    return Edited(replace(record, statements=(*record.statements[:at], one, two, *record.statements[at + 1 :])), focus=two.id)


def _line_of(document: Document, text: str, whole: Statement) -> int | None:
    """Find the line at which the second half of a statement starts: at its own, a following one, or one of its later runs."""
    starts = [whole.line, *(p.line for p in whole.parts)]
    lines = [n for start in starts for n in range(start, start + 9)]
    found = [n for n in lines if not isinstance(place(document, text, n, starts), Astray)]
    return max((n for n in found if document.holds(text, n, 0)), default=max(found, default=None))


def _shared_out(one: Statement, two: Statement) -> tuple[Statement, Statement]:
    def named(raw: str, statement: Statement) -> bool:
        return fold(raw) in fold(statement.text)

    def second_only(raw: str) -> bool:
        return named(raw, two) and not named(raw, one)

    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    for key in ("target", "budget"):
        value = getattr(one, key)
        goes = value is not None and second_only(value.raw)
        first[key], second[key] = (None, value) if goes else (value, None)
    for key in ("funding", "partners", "mentions"):
        first[key] = tuple(v for v in getattr(one, key) if not second_only(v.raw))
        second[key] = tuple(v for v in getattr(one, key) if named(v.raw, two))
    one, two = replace(one, **first), replace(two, **second)
    if two.type == "target":
        one, two = (replace(s, target=s.target or target_of(s.text, None)) for s in (one, two))
    return one, two


def merge(record: Record, document: Document, key: str, other: str, mark: Mark) -> Edited:
    """Make one statement of two, in the order of the document: the earlier one stays, with the text and ties of both.

    Raises:
        EditError: one of the two does not exist, or they are the same.
    """
    if key == other:
        raise EditError("same-statement", id=key)
    places = {s.id: i for i, s in enumerate(record.statements)}
    pair = sorted((statement_of(record, key), statement_of(record, other)), key=lambda s: (s.line, places[s.id]))
    first, second = pair
    text = f"{first.text} {second.text}"
    parts = (*first.parts, Part(second.line, second.first_run), *second.parts)
    if document.holds(text, first.line):
        parts = ()
    joined: dict[str, Any] = {k: union(getattr(first, k), getattr(second, k)) for k in _GATHERED}
    joined |= {k: tuple(o for o in joined[k] if o not in {first.id, second.id}) for k in LINKS}
    both = replace(
        first,
        text=text,
        parts=parts,
        clean=None,
        budget=first.budget or second.budget,
        target=first.target or second.target,
        **joined,
    )
    notes = (("budget-left", {"raw": second.budget.raw}),) if first.budget and second.budget else ()
    record = put(record, replace(remembering(first, both), review=mark))
    record = replace(record, statements=tuple(_redirected(s, second.id, first.id) for s in record.statements))
    gone = put_aside(record, replace(second, review=replace(mark, status="merged", into=first.id)))
    fitted = refitted(gone.record, first.id)
    return Edited(fitted.record, (*notes, *fitted.notes), first.id)


def _redirected(statement: Statement, old: str, new: str) -> Statement:
    """Return the statement with its ties to one statement leading to another; a tie to itself goes."""
    links = {k: tuple(dict.fromkeys(new if o == old else o for o in getattr(statement, k))) for k in LINKS}
    links = {k: tuple(o for o in ids if o != statement.id) for k, ids in links.items()}
    return statement.with_links(links)
