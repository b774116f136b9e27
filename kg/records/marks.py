"""Reading who has accepted what: the review of a record and of its statements."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date, datetime
from functools import cache

from kg.ontology import load_ontology
from kg.records.fields import Fields
from kg.records.model import Mark, Review


def review_of(f: Fields) -> Review:
    """Read the review of a record."""
    status = f.one_of("status", load_ontology().concepts("review-status"), "review status", needed=True)
    return Review(status or "draft", f.text("by"), _moment(f))


def _moment(f: Fields) -> str | None:
    moment = f.typed("date", _parse_moment, "a date such as 2026-11-21, or with its time 2026-11-21T15:04:05Z")
    return None if moment is None else str(moment)


def _parse_moment(text: str) -> str:
    """Return a date, or a date with time and offset, as written; raises ValueError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text).isoformat()
    if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text) or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError
    return text


@cache
def statuses() -> tuple[str, ...]:
    """Return the statuses that a statement in the record can have."""
    return tuple(load_ontology().concepts("review-status"))


def mark_of(f: Fields, statuses: tuple[str, ...]) -> Mark | None:
    """Read `review: accepted`, or the long form with who and when."""
    item = f.map.get("review")
    if item is None or isinstance(item.value, str):
        status = f.one_of("review", statuses, "review status")
        return Mark(status) if status else None
    inner = Fields(item, f.collector, f.name("review"), {f.name for f in fields(Mark)})
    status = inner.one_of("status", statuses, "review status", needed=True)
    return Mark(status or "draft", inner.text("by"), _moment(inner), inner.text("into"))
