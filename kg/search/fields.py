"""What the index holds of a statement or a named thing: the fields that are searched, and those that are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tantivy

STEMS, WORDS, KIND, SHOWN = "stems", "words", "kind", "shown"
STATEMENT = "statement"
USED = "used"  # a named thing to which a plan or a statement refers
# Named things that are found by their names, by the first part of their key.
THINGS = ("territory", "place", "institution", "organization", "fund", "issue", "dimension", "plan")
INDEX_FORMAT = 1  # goes up when what is written here changes its meaning
HEAD = "search.json"


@dataclass(frozen=True)
class Facet:
    """A field by which statements are counted and chosen. A value and `prefix` before it is the key of a label."""

    name: str
    prefix: str = ""


FACETS: Mapping[str, Facet] = {
    facet.name: facet
    for facet in (
        Facet("type", "class/"),
        Facet("place", "territory/"),
        Facet("dimension", "dimension/"),
        Facet("issue", "issue/"),
        Facet("organization", "organization/"),
        Facet("period"),
        Facet("funding"),
        Facet("precision"),
        Facet("review", "review-status/"),
    )
}


def schema() -> tantivy.Schema:
    """Return the fields. Words come ready, with blanks between; the index itself knows no language."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(STEMS, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field(WORDS, tokenizer_name="whitespace", index_option="position")
    builder.add_text_field(KIND, tokenizer_name="raw", index_option="basic")
    for name in FACETS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field(SHOWN, stored=True)
    return builder.build()
