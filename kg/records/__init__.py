"""The plan record: the waist between reading and publishing. Model, loading, proof against the document, writing."""

from kg.records.loading import STATEMENT_KEYS, load_record, load_records
from kg.records.model import (
    DIRECTIONS,
    LINKS,
    Axis,
    Budget,
    Figure,
    Funding,
    Mention,
    Named,
    Oddity,
    Part,
    Partner,
    Record,
    Review,
    Source,
    Statement,
    Target,
)
from kg.records.proof import check_quotes
from kg.records.writing import dump_record, write_record

__all__ = [
    "DIRECTIONS",
    "LINKS",
    "STATEMENT_KEYS",
    "Axis",
    "Budget",
    "Figure",
    "Funding",
    "Mention",
    "Named",
    "Oddity",
    "Part",
    "Partner",
    "Record",
    "Review",
    "Source",
    "Statement",
    "Target",
    "check_quotes",
    "dump_record",
    "load_record",
    "load_records",
    "write_record",
]
