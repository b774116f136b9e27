"""Loading every record of a folder: all problems of all files at once."""

from __future__ import annotations

from pathlib import Path

from kg.errors import KgError, Problem, ProblemsError
from kg.paths import shown
from kg.records.loading import load_record
from kg.records.model import Record


def load_records(folder: Path) -> list[Record]:
    """Load every record of a folder, by key; all problems of all files at once.

    Raises:
        KgError: the folder is missing, holds no record, or a file cannot be read.
        ProblemsError: what is wrong in the records.
    """
    if not folder.is_dir():
        raise KgError(f"{shown(folder)}: no such folder; name the folder that holds the plan records (.yaml)")
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise KgError(f"{shown(folder)}: no plan record (.yaml) in it; make one with `kg draft DOCUMENT --to {shown(folder)}`")
    records, problems = [], []
    for path in paths:
        try:
            records.append(load_record(path))
        except ProblemsError as error:
            problems += error.problems
    problems += _same_document(records, folder)
    if problems:
        raise ProblemsError(problems)
    return records


def _same_document(records: list[Record], folder: Path) -> list[Problem]:
    """Note every record that reads a document which an earlier one has read already."""
    first: dict[str, Record] = {}
    problems = []
    for record in records:
        other = first.setdefault(record.document.sha256, record)
        if other is not record:
            what = f"the document of {other.plan} (same SHA-256): the plan would be in the graph twice"
            path = shown(folder / f"{record.plan}.yaml")
            problems.append(Problem(path, 0, "document.sha256", what, "keep one of the two"))
    return problems
