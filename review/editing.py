"""What a reviewer does to a record, as pure functions: record in, record out; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kg.documents import Document
from kg.errors import ProblemsError
from kg.issues import load_issues
from kg.ontology import load_ontology
from kg.reading.rereading import differing, without_links
from kg.records import (
    Mark,
    Record,
    Review,
    Statement,
    loose_quotes,
    read_statement,
    statement_values,
)
from kg.text import squeeze
from review.edits import (
    Edited,
    EditError,
    as_read,
    insert,
    new_id,
    placed,
    put,
    put_aside,
    remembering,
    statement_of,
    target_of,
)
from review.ties import refitted

CORRECTABLE = ("type", "line", "text", "clean", "section", "axis", "issues", "target", "budget", "funding", "partners")


# ------------------------------------------------------------------ accept, correct, retype


def accept(record: Record, key: str, mark: Mark) -> Edited:
    """Accept a statement as it stands."""
    return Edited(put(record, replace(statement_of(record, key), review=mark)), focus=key)


def reopen(record: Record, key: str, mark: Mark) -> Edited:
    """Take a statement's acceptance back."""
    own = None if record.review.status == "draft" else replace(mark, status="draft")
    return Edited(put(record, replace(statement_of(record, key), review=own)), focus=key)


def revert(record: Record, key: str) -> Edited:
    """Put back what the reader had proposed, not yet accepted."""
    statement = statement_of(record, key)
    if statement.proposed is None:
        raise EditError("not-corrected", id=key)
    before = without_links(statement.proposed, {s.id for s in record.statements} - {key})
    own = None if record.review.status == "draft" else Mark("draft")
    return refitted(put(record, replace(before, split_from=statement.split_from, review=own)), key)


def correct(record: Record, document: Document, key: str, changes: Mapping[str, Any], mark: Mark) -> Edited:
    """Change what a statement says, and accept it; what the reader had proposed is kept beside it.

    Raises:
        EditError: a value is wrong, or a text does not stand in the document; nothing has changed then.
    """
    before = statement_of(record, key)
    after = checked(document, before, changes)
    return refitted(put(record, replace(remembering(before, after), review=mark)), key)


def checked(document: Document, before: Statement, changes: Mapping[str, Any]) -> Statement:
    """Return the statement with the changes, its values checked and its texts found in the document.

    Raises:
        EditError: as `correct`.
    """
    values = statement_values(replace(before, review=None, proposed=None))
    for name in changes:
        if name not in CORRECTABLE:
            raise EditError("field", name, detail="")
    values |= changes
    try:
        after = read_statement({k: v for k, v in values.items() if v not in ("", None, [], {})}, before.id)
    except ProblemsError as error:
        problem = error.problems[0]
        raise EditError("field", problem.key.split(".", 2)[-1], detail=problem.what) from error
    if (after.text, after.line) != (before.text, before.line):
        after = placed(document, after, [p.line for p in before.parts])
    unknown = set(loose_quotes(after, document)) - set(loose_quotes(before, document))
    for kind, raw in sorted(unknown):
        raise EditError("loose", kind, raw=raw)
    return after


def retype(record: Record, key: str, kind: str, mark: Mark) -> Edited:
    """Give a statement another type, and accept it; ties that the new type cannot have go, a target gets its fields."""
    if kind not in load_ontology().statement_types:
        raise EditError("field", "type", detail=kind)
    before = statement_of(record, key)
    after = replace(before, type=kind, target=(before.target or target_of(before.text, record.end)) if kind == "target" else None)
    return refitted(put(record, replace(remembering(before, after), review=mark)), key)


# ------------------------------------------------------------------ reject, restore, add


def reject(record: Record, key: str, mark: Mark) -> Edited:
    """Put a statement aside: it is not published, and a new reading does not propose it again. Ties to it go."""
    statement = statement_of(record, key)
    return put_aside(record, replace(statement, review=replace(mark, status="rejected")))


def restore(record: Record, key: str) -> Edited:
    """Take a rejected statement back among the others, to be decided again."""
    found = next((s for s in record.rejected if s.id == key), None)
    if found is None:
        raise EditError("no-statement", id=key)
    own = None if record.review.status == "draft" else Mark("draft")
    back = replace(without_links(found, {s.id for s in record.statements}), review=own)
    rest = tuple(s for s in record.rejected if s.id != key)
    return Edited(replace(insert(record, back), rejected=rest), focus=key)


def add(record: Record, document: Document, line: int, text: str, kind: str, mark: Mark) -> Edited:
    """Add a statement that the reader left out; section and axis are those of the statement before it."""
    above = next((s for s in reversed(_by_line(record)) if s.line <= line), None)
    issues = load_issues()
    about = issues.strong(text) or issues.weak(text)[:2] or (list(above.issues[:1]) if above else [])
    bare = Statement(new_id(record), kind, line, squeeze(text), section=above.section if above else ())
    bare = replace(bare, axis=above.axis if above else None, issues=tuple(about))
    if kind not in load_ontology().statement_types:
        raise EditError("field", "type", detail=kind)
    if not bare.text:
        raise EditError("empty", "text")
    added = placed(document, bare, [])
    if kind == "target":
        added = replace(added, target=target_of(added.text, record.end))
    return Edited(insert(record, replace(added, review=mark)), focus=bare.id)


def _by_line(record: Record) -> list[Statement]:
    return sorted(record.statements, key=lambda s: s.line)


# ------------------------------------------------------------------ what a new reading of the document proposes


def take(record: Record, read: Statement, mark: Mark) -> Edited:
    """Accept what a new reading proposes: a new statement, or what it reads otherwise in one that was accepted before."""
    ids = {s.id for s in record.statements}
    read = without_links(read, ids)
    if read.id in ids:
        known = statement_of(record, read.id)
        taken = _otherwise(known, known, read)
        return refitted(put(record, replace(taken, proposed=None, review=mark)), read.id)
    fresh = replace(read, id=new_id(record), review=mark)
    return Edited(insert(record, fresh), focus=fresh.id)


def refuse(record: Record, read: Statement, mark: Mark) -> Edited:
    """Refuse what a new reading proposes: a new statement is put aside, an accepted one stays and is not asked about again."""
    known = next((s for s in record.statements if s.id == read.id), None)
    if known:
        proposed = _otherwise(as_read(known.proposed or known), known, read)
        return Edited(put(record, replace(known, proposed=proposed, review=known.review or mark)), focus=read.id)
    aside = replace(read, id=new_id(record), review=replace(mark, status="rejected"))
    return Edited(replace(record, rejected=(*record.rejected, aside)))


def _otherwise(base: Statement, known: Statement, read: Statement) -> Statement:
    """Return the base with what a new reading reads otherwise than is known."""
    values: dict[str, Any] = {key: getattr(read, key) for key in differing(known, read)}
    if {"text", "line"} & set(values):
        values |= {"text": read.text, "line": read.line, "parts": read.parts, "page": read.page, "clean": None}
    return replace(base, **values)


# ------------------------------------------------------------------ the plan as a whole


def finish(record: Record, mark: Mark) -> Edited:
    """Mark the whole plan as reviewed.

    Raises:
        EditError: statements are still to be decided.
    """
    waiting = sum(not record.is_settled(s) for s in record.statements)
    if waiting:
        raise EditError("waiting", number=waiting)
    return Edited(replace(record, review=Review("reviewed", mark.by, (mark.date or "")[:10] or None)))
