"""From a file to a draft record: a plan document, or a plan summary of the electoral authority."""

from __future__ import annotations

from pathlib import Path

from kg.documents import read_document
from kg.documents.jne import read_summary
from kg.reading.drafts import draft_record
from kg.reading.jne import draft_summary
from kg.records import Record


def draft_file(path: Path, key: str | None = None) -> Record:
    """Read a file into a draft record; a `.json` file holds one plan summary. `key`: as `draft_record`.

    Raises:
        KgError: as `read_document` and `read_summary`.
    """
    if path.suffix.lower() == ".json":
        return draft_summary(read_summary(path), key).record
    return draft_record(read_document(path), key)
