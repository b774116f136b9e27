"""One review: the record in its file, changed action by action; each is on the disk before it is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from kg.documents import Document
from kg.errors import KgError, reason_of
from kg.files import write_whole
from kg.paths import shown
from kg.reading.drafts import draft_record
from kg.reading.rereading import Difference, compare
from kg.records import Mark, Record, RecordText, parse_record
from review.edits import Edited, EditError

_UNDO = 100

Action = Callable[[Record, Mark], Edited]


class ChangedError(KgError):
    """The record is not what the page shows: it was changed in the file or in another window."""


@dataclass(frozen=True)
class State:
    """A record as it is in its file; `version` is the fingerprint of the text."""

    file: RecordText
    version: str

    @property
    def record(self) -> Record:
        """The record."""
        return self.file.record


@dataclass(frozen=True)
class Done:
    """What an action changed: the state before and after."""

    before: State
    after: State
    edited: Edited


@dataclass
class Session:
    """The review of one record with its document. `by` is the reviewer's name, empty until it is known."""

    path: Path
    document: Document
    by: str = ""
    _state: State = field(init=False)
    _undo: list[tuple[str, Record]] = field(default_factory=list)
    _reading: Record | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._state = self._read()

    def state(self) -> State:
        """Return the record as it is on the disk now.

        Raises:
            KgError: the file cannot be read, or is no record any more; what is wrong in it.
        """
        with self._lock:
            return self._current()

    def last(self) -> str:
        """Return the name of the action that undo would take back, or an empty text."""
        return self._undo[-1][0] if self._undo else ""

    def change(self, version: str, name: str, action: Action) -> Done:
        """Do something to the record and write it.

        Raises:
            ChangedError: the record is no longer of the version that the reviewer saw; nothing was written.
            EditError: it cannot be done; nothing was written.
            KgError: the file cannot be read or written.
        """
        with self._lock:
            before = self._expected(version)
            if not self.by:
                raise EditError("who")
            edited = action(before.record, self._mark())
            if edited.record != before.record:
                self._write(edited.record)
                self._undo = [*self._undo[-_UNDO + 1 :], (name, before.record)]
            return Done(before, self._state, edited)

    def undo(self, version: str) -> Done:
        """Take the last action back.

        Raises:
            ChangedError, EditError, KgError: as `change`.
        """
        with self._lock:
            before = self._expected(version)
            if not self._undo:
                raise EditError("nothing-to-undo")
            _, record = self._undo[-1]
            self._write(record)
            self._undo.pop()
            return Done(before, self._state, Edited(record))

    def difference(self) -> tuple[State, Difference]:
        """Read the document again and say what that changes; the first time takes as long as `kg draft`."""
        state = self.state()
        difference = self.compared(state.record)
        return state, difference

    def compared(self, record: Record) -> Difference:
        """Compare a record with a new reading of the document, which is read once."""
        if self._reading is None:
            self._reading = draft_record(self.document, record.plan)
        return compare(record, self._reading)

    def _expected(self, version: str) -> State:
        state = self._current()
        if state.version != version:
            raise ChangedError(f"{shown(self.path)}: has changed meanwhile")
        return state

    def _current(self) -> State:
        """Return the state, read anew where the file is another: what was done before can then not be undone."""
        if _fingerprint(self._bytes()) != self._state.version:
            self._state = self._read()
            self._undo = []
        return self._state

    def _read(self) -> State:
        data = self._bytes()
        text = data.decode("utf-8-sig", errors="strict") if _is_utf8(data) else ""
        if not text:
            raise KgError(f"{shown(self.path)}: empty or not UTF-8; put the record back as it was")
        return State(RecordText.of(text, parse_record(text, self.path)), _fingerprint(data))

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise KgError(f"{shown(self.path)}: cannot be read ({reason_of(error)}); put the record back") from error

    def _write(self, record: Record) -> None:
        file = self._state.file.changed(record)
        write_whole(self.path, file.text)
        self._state = State(file, _fingerprint(file.text.encode()))

    def _mark(self) -> Mark:
        moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Mark("accepted", self.by, moment)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True


def _fingerprint(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
