"""The plan record: the waist between reading and publishing. Model, loading, proof against the document, writing."""

from kg.records.folders import load_records
from kg.records.loading import STATEMENT_KEYS, WORKING_KEYS, load_record, parse_record, read_statement
from kg.records.model import (
    DIRECTIONS,
    LINKS,
    REFUSED,
    SETTLED,
    Axis,
    Budget,
    Figure,
    Funding,
    Mark,
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
from kg.records.patching import RecordText, patch_record
from kg.records.proof import check_quotes, loose_quotes
from kg.records.writing import dump_record, statement_values, write_record

__all__ = [
    "DIRECTIONS",
    "LINKS",
    "REFUSED",
    "SETTLED",
    "STATEMENT_KEYS",
    "WORKING_KEYS",
    "Axis",
    "Budget",
    "Figure",
    "Funding",
    "Mark",
    "Mention",
    "Named",
    "Oddity",
    "Part",
    "Partner",
    "Record",
    "RecordText",
    "Review",
    "Source",
    "Statement",
    "Target",
    "check_quotes",
    "dump_record",
    "load_record",
    "load_records",
    "loose_quotes",
    "parse_record",
    "patch_record",
    "read_statement",
    "statement_values",
    "write_record",
]
