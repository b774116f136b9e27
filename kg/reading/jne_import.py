"""Importing of files with many plan summaries: one draft record each, in bounded memory, with a report of what was not plain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from kg.documents.jne import Note, Summary, read_summaries
from kg.errors import KgError, reason_of
from kg.files import read_text_file
from kg.paths import shown
from kg.progress import measured
from kg.reading.jne import Drafting, draft_summary, own_key
from kg.reading.rereading import merge
from kg.records import load_record, write_record

REPORT = "import-jne.txt"
HELD = "unresolved"
"""Folder of the records whose place or organization is not known: `kg build` does not look there."""

_KINDS = {
    "null": "campos nulos / null fields",
    "absent": "celdas sin especificar / cells that specify nothing",
    "missing": "campos que faltan / missing fields",
    "unknown": "campos desconocidos / unknown fields",
    "odd": "valores de otra clase / values of another kind",
    "place": "territorios / territories",
    "organization": "organizaciones / organizations",
    "election": "elecciones / elections",
    "address": "direcciones / addresses",
    "record": "registros / records",
}


@dataclass
class Tally:
    """What has come of an import so far; `notes` counts by kind and field, `examples` has the first note of each."""

    written: int = 0
    held: int = 0
    same: int = 0
    kept: int = 0
    unread: int = 0
    statements: int = 0
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield what there is to tell, the counts first."""
        yield (
            f"{self.written:,} registros escritos / records written, {self.statements:,} enunciados / statements; "
            f"{self.held:,} sin territorio u organización conocidos / of unknown place or organization; "
            f"{self.same:,} ya importados / imported before; {self.kept:,} ya existían y quedan / existed and stay; "
            f"{self.unread:,} no son resúmenes / are no summaries"
        )
        for (kind, name), count in sorted(self.notes.items(), key=lambda n: (list(_KINDS).index(n[0][0]), -n[1], n[0])):
            yield f"  {count:,} × {_KINDS[kind]}: {name} — {self.examples[kind, name]}"


class Importer:
    """Imports files into a folder; `tally` tells how far it has come, also after a failure."""

    def __init__(self, folder: Path, force: bool = False):
        self._folder, self._force = folder, force
        self._keys: dict[str, str] = {}
        self.tally = Tally()

    def run(self, paths: Sequence[Path]) -> None:
        """Import all files; what stands before a fault in one of them stays imported, and the others are read all the same.

        Raises:
            KgError: a file cannot be read or breaks off, or the folder cannot be written.
        """
        faults = []
        with self._report() as report:
            for path in paths:
                try:
                    self._file(path, report)
                except KgError as error:
                    faults.append(str(error))
                    report.write(f"{error}\n")
        if faults:
            raise KgError("\n".join(faults))

    def _report(self) -> TextIO:
        path = self._folder / REPORT
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return path.open("w", encoding="utf-8")
        except OSError as error:
            raise KgError(f"{shown(path)}: cannot be written ({reason_of(error)}); choose another folder with --to") from error

    def _file(self, path: Path, report: TextIO) -> None:
        size = path.stat().st_size if path.is_file() else 0
        with measured(size, f"importación / import {path.name}") as tell:
            for found, summary in read_summaries(path):
                where = f"{path.name}: resumen / summary {found.number}"
                if summary is None:
                    self.tally.unread += 1
                    report.write(f"{where}: no es un resumen / is no summary\n")
                else:
                    self._summary(summary, where, report)
                tell(found.offset, f"{self.tally.written + self.tally.held:,}")

    def _summary(self, summary: Summary, where: str, report: TextIO) -> None:
        drafting = draft_summary(summary)
        key = self._free_key(drafting.record.plan, summary)
        if key is None:
            self.tally.same += 1
            return
        if key != drafting.record.plan:
            drafting = draft_summary(summary, key)
        for note in drafting.notes:
            self._note(note, f"{where} ({key})", report)
        fault = self._write(drafting)
        if fault:
            self._note(Note("record", key, "no se sobrescribe", fault), where, report)

    def _free_key(self, key: str, summary: Summary) -> str | None:
        """Return a key that no other summary of this run has: with the list's own number added where two would have the same.

        None where this very summary has been seen already.
        """
        sha256 = summary.document.sha256
        for candidate in (key, f"{key}-{own_key(summary)}", f"{key}-{sha256[:12]}"):
            if candidate not in self._keys:
                self._keys[candidate] = sha256
                return candidate
            if self._keys[candidate] == sha256:
                return None
        raise KgError(f"{key}: more summaries with this key than can be told apart")

    def _note(self, note: Note, where: str, report: TextIO) -> None:
        report.write(f"{where}: {note.field}: {note.es} / {note.en}\n")
        kind = (note.kind, re.sub(r"\[\d+\]", "[]", note.field) if note.kind != "record" else "")
        self.tally.notes[kind] += 1
        self.tally.examples.setdefault(kind, f"{where}: {note.es} / {note.en}")

    def _write(self, drafting: Drafting) -> str:
        """Write a record, unless one is there; returns why one that is there stays, or nothing."""
        record = drafting.record
        target = (self._folder if drafting.whole else self._folder / HELD) / f"{record.plan}.yaml"
        there = next((p for p in (self._folder / target.name, self._folder / HELD / target.name) if p.exists()), None)
        if there and not self._force:
            if _sha256_of(there) == record.document.sha256:
                self.tally.same += 1
                return ""
            self.tally.kept += 1
            return f"{shown(there)} is of another document and may hold reviewed work; say --force to read it anew"
        if there:
            try:
                record = merge(load_record(there), record)
            except KgError as error:
                self.tally.kept += 1
                return f"{shown(there)} stays as it is, for it cannot be read: {str(error).splitlines()[0]}"
        write_record(record, there or target)
        self.tally.written += drafting.whole
        self.tally.held += not drafting.whole
        self.tally.statements += len(record.statements)
        return ""


def _sha256_of(path: Path) -> str:
    """Return the fingerprint of the document that a record was read from, without reading the record."""
    match = re.search(r"^document:\n(?:  .*\n)*?  sha256: \"?([0-9a-f]{64})", read_text_file(path), re.MULTILINE)
    return match[1] if match else ""
