"""A document read again: ids are kept, what a person accepted is never overwritten, and what differs is told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from rapidfuzz import fuzz, process

from kg.records import LINKS, SETTLED, Mark, Record, Statement
from kg.text import fold, shorten

_ALIKE = 85
"""Share of equal characters, in percent, from which two texts of one type are taken for the same statement."""
_CANDIDATES = 12
_COMMON = 60
"""A word that more statements have than this says little about which one is meant."""
_COMPARED = ("type", "text", "line", "section", "target", "budget", "funding", "partners", *LINKS)


# ------------------------------------------------------------------ which statement is which


def keep_ids(record: Record, earlier: Record) -> Record:
    """Give a new reading the ids of an earlier one: ids are promises, and a statement keeps its own.

    A statement takes the id of the one with the same words, else of the same type with nearly the same; what is new gets ids
    after the last that was ever used. What a person corrected is known by what the reader had proposed, too, and what a person
    rejected keeps its id.
    """
    taken = match(record.statements, earlier)
    last = max((int(d) for s in (*earlier.statements, *earlier.rejected) if (d := s.id.removeprefix("s")).isdigit()), default=0)
    fresh = (f"s{number:03d}" for number in range(last + 1, last + 1 + len(record.statements)))
    names = {s.id: taken.get(s.id) or next(fresh) for s in record.statements}

    def renamed(statement: Statement) -> Statement:
        links = {kind: tuple(names[other] for other in getattr(statement, kind)) for kind in LINKS}
        return replace(statement.with_links(links), id=names[statement.id])

    return replace(record, statements=tuple(map(renamed, record.statements)))


def match(statements: Iterable[Statement], earlier: Record) -> dict[str, str]:
    """Return id of a newly read statement → id that it has in the earlier record, rejected ones included; one to one."""
    known = _Known(earlier)
    waiting = list(statements)
    taken: dict[str, str] = {}
    for find in (known.same_words, known.like_words):
        for statement in waiting:
            if found := find(statement, fold(statement.text)):
                taken[statement.id] = found
        waiting = [s for s in waiting if s.id not in taken]
    return taken


class _Known:
    """The statements of a record that no newly read one has been matched to, by their words. Each text is folded once."""

    def __init__(self, record: Record):
        self.free: dict[str, list[tuple[Statement, str]]] = {}
        self.same: dict[str, list[str]] = defaultdict(list)
        for statement in (*record.statements, *record.rejected):
            faces = [s for s in (statement.proposed, statement) if s is not None]
            self.free[statement.id] = [(s, fold(s.text)) for s in faces]
            for words in dict.fromkeys(words for _, words in self.free[statement.id]):
                self.same[words].append(statement.id)
        self.rare: dict[tuple[str, str], list[str]] | None = None

    def same_words(self, statement: Statement, words: str) -> str | None:
        """Take the statement with the same words: of the same type first, then the nearest."""
        ids = [key for key in self.same.get(words, ()) if key in self.free]
        faces = [(face, key) for key in ids for face, text in self.free[key] if text == words]
        best = min(faces, key=lambda f: (f[0].type != statement.type, abs(f[0].line - statement.line)), default=None)
        return self._take(best[1]) if best else None

    def like_words(self, statement: Statement, words: str) -> str | None:
        """Take the statement of the same type whose words are most alike, if they are enough so."""
        if self.rare is None:
            self.rare = self._index()
        shared = Counter(key for word in set(words.split()) for key in self.rare.get((statement.type, word), ()))
        near = sorted(shared, key=lambda key: (-shared[key], key))[:_CANDIDATES]
        faces = [(key, text) for key in near if key in self.free for face, text in self.free[key] if face.type == statement.type]
        best = process.extractOne(words, [text for _, text in faces], scorer=fuzz.ratio, score_cutoff=_ALIKE)
        return self._take(faces[best[2]][0]) if best else None

    def _take(self, key: str) -> str:
        del self.free[key]
        return key

    def _index(self) -> dict[tuple[str, str], list[str]]:
        """Return (type, word) → statements with it; words that many have are left out where rarer ones lead to the same."""
        index: dict[tuple[str, str], list[str]] = defaultdict(list)
        for key, faces in self.free.items():
            for entry in dict.fromkeys((face.type, word) for face, text in faces for word in text.split()):
                index[entry].append(key)
        return {entry: keys for entry, keys in index.items() if len(keys) <= _COMMON}


# ------------------------------------------------------------------ what differs


@dataclass(frozen=True)
class Change:
    """A statement that a person accepted and that the reader now reads otherwise; `keys` says in what."""

    accepted: Statement
    read: Statement
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What a new reading says of a record. `kept` and `gone` are of the record, `new` of the reading; `refused` counts what
    the reader proposes again although a person rejected it; `replaced` counts statements not yet accepted that it reads anew.
    """

    kept: tuple[Statement, ...] = ()
    changed: tuple[Change, ...] = ()
    new: tuple[Statement, ...] = ()
    gone: tuple[Statement, ...] = ()
    refused: int = 0
    replaced: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing for a person to look at."""
        return not (self.changed or self.new or self.gone)


def has_accepted(record: Record) -> bool:
    """Say whether a person has decided anything in the record: accepted, corrected, cut out or rejected a statement."""
    return bool(record.rejected) or any(is_kept(record, s) for s in record.statements)


def is_kept(record: Record, statement: Statement) -> bool:
    """Say whether a new reading must leave the statement alone: it is accepted, or a person has worked on it."""
    return record.is_settled(statement) or statement.proposed is not None or statement.split_from is not None


def compare(record: Record, reading: Record) -> Difference:
    """Say what a new reading of the document changes in a record; neither is changed. Statements keep the record's ids."""
    read = {s.id: s for s in keep_ids(reading, record).statements}
    refused = {s.id for s in record.rejected} & set(read)
    linkable = set(read) - refused
    moved = _other_lines(record, reading)
    kept: list[Statement] = []
    changed: list[Change] = []
    gone: list[Statement] = []
    replaced = 0
    for statement in record.statements:
        new = read.get(statement.id)
        if not is_kept(record, statement):
            replaced += new is not None
        elif new is None:
            (kept if _stems_from(statement, read) else gone).append(statement)
        elif keys := differing(statement, without_links(new, linkable), moved):
            changed.append(Change(statement, new, keys))
        else:
            kept.append(statement)
    known = {s.id for s in record.statements} | refused
    fresh = tuple(s for s in read.values() if s.id not in known)
    return Difference(tuple(kept), tuple(changed), fresh, tuple(gone), len(refused), replaced)


def _stems_from(statement: Statement, read: dict[str, Statement]) -> bool:
    """Say whether the reader could not have found the statement: a person cut it out of one that is still read."""
    return statement.split_from is not None and statement.split_from in read


def differing(statement: Statement, read: Statement, moved: bool = False) -> tuple[str, ...]:
    """Return what the reader reads otherwise than before and otherwise than a person accepted; in a new version of the
    document, not that it stands at another line.
    """
    before = statement.proposed or statement
    keys = (key for key in _COMPARED if not (moved and key == "line"))
    return tuple(key for key in keys if getattr(read, key) not in {getattr(before, key), getattr(statement, key)})


# ------------------------------------------------------------------ bringing the two together


def merge(record: Record, reading: Record) -> Record:
    """Return the record with what nobody has accepted yet replaced by a new reading.

    Accepted and corrected statements stay as they are, and so does what they link to; rejected ones stay rejected and are not
    proposed again. Where nothing has been accepted, title, place, period and organization are those of the new reading. Of
    another version of the document the lines are taken over, and the record as a whole is to be reviewed again.
    """
    named = keep_ids(reading, record)
    read = {s.id: s for s in named.statements}
    record = _with_lines_of(record, read, named)
    staying = _staying(record, read)
    refused = {s.id for s in record.rejected}
    found = staying | {s.id: s for s in named.statements if s.id not in staying and s.id not in refused}
    own = Mark("draft") if record.review.status != "draft" else None
    statements = tuple(
        staying.get(key) or replace(without_links(found[key], set(found)), review=own)
        for key in _order(record, named, set(found))
    )
    head = record if has_accepted(record) else replace(named, plan=record.plan, rejected=record.rejected)
    axes = (*head.axes, *(a for a in named.axes if a.name not in {b.name for b in head.axes}))
    figures, findings = record.figures or named.figures, record.findings or named.findings
    return replace(head, document=named.document, axes=axes, statements=statements, figures=figures, findings=findings)


def _other_lines(record: Record, reading: Record) -> bool:
    """Say whether lines need not be the same: the document is another version, or its file is read into other lines."""
    before, now = record.document, reading.document
    return (before.sha256, before.lines) != (now.sha256, now.lines)


def _with_lines_of(record: Record, read: dict[str, Statement], named: Record) -> Record:
    """Return the record with the lines of the new reading, where they are others; of another document it is a draft again."""
    if not _other_lines(record, named):
        return record
    statements = tuple(_moved(s, read.get(s.id)) for s in record.statements)
    if record.document.sha256 == named.document.sha256 or record.review.status not in SETTLED:
        return replace(record, statements=statements)
    own = Mark(record.review.status, record.review.by, record.review.date)
    return replace(record, statements=tuple(replace(s, review=s.review or own) for s in statements), review=named.review)


def _moved(statement: Statement, read: Statement | None) -> Statement:
    if read is None or read.text != statement.text:
        return statement
    return replace(statement, line=read.line, page=read.page, parts=read.parts)


def _staying(record: Record, read: dict[str, Statement]) -> dict[str, Statement]:
    """Return what a new reading leaves alone: what a person accepted, and what that links to and the reader finds no longer."""
    kept = {s.id: s for s in record.statements if is_kept(record, s)}
    needed = {other for s in kept.values() for _, other in s.links()}
    return kept | {s.id: s for s in record.statements if s.id in needed and s.id not in read}


def _order(record: Record, named: Record, ids: set[str]) -> list[str]:
    """Return the ids in the record's order; what is new stands behind what it follows in the document."""
    own = [s.id for s in record.statements if s.id in ids]
    behind: dict[str, list[str]] = {"": [], **{key: [] for key in own}}
    before = ""
    for key in (s.id for s in named.statements if s.id in ids):
        if key in behind:
            before = key
        else:
            behind[before].append(key)
    return [*behind[""], *(key for first in own for key in (first, *behind[first]))]


def without_links(statement: Statement, ids: set[str]) -> Statement:
    """Return the statement without its links to what is not among the ids."""
    kept = {kind: tuple(other for other in getattr(statement, kind) if other in ids) for kind in LINKS}
    return statement.with_links(kept)


# ------------------------------------------------------------------ telling it


def difference_text(difference: Difference, plan: str) -> Iterator[str]:
    """Yield the difference as lines to read."""
    d = difference
    yield (
        f"{plan}: {len(d.kept)} accepted statements read as before, {len(d.changed)} otherwise, {len(d.gone)} no longer; "
        f"{len(d.new)} new, {d.replaced} not yet accepted read anew, {d.refused} rejected before and left out"
    )
    for change in d.changed:
        yield f"~ {_line(change.accepted)}"
        for key in change.keys:
            yield f"    {key}: {_told(getattr(change.accepted, key))} → {_told(getattr(change.read, key))}"
    yield from (f"+ {_line(s)}" for s in d.new)
    yield from (f"- {_line(s)}" for s in d.gone)


def _line(statement: Statement) -> str:
    return f"{statement.id} {statement.type}, line {statement.line}: {shorten(statement.text)}"


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_told, value)) or "nothing"
    if value is None or not is_dataclass(value):
        return "nothing" if value is None else shorten(str(value))
    values = {f.name: getattr(value, f.name) for f in fields(value)}
    rest = (str(v) for key, v in values.items() if key != "raw" and v not in (None, (), True))
    return f"{shorten(str(values['raw']))} ({', '.join(rest)})"
