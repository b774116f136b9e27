"""Asking the index: hits in the order of their score, counts for each facet. Opened for reading only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tantivy
from rapidfuzz import fuzz, process
from tantivy import Occur, Query

from kg.errors import KgError
from kg.search.asking import Asked, Clause, marks, parse
from kg.search.fields import FACETS, HEAD, INDEX_FORMAT, KIND, SHOWN, STEMS, THINGS, USED, WORDS, schema
from kg.search.words import stem

MOST_HITS = 50_000  # of one request
MOST_VALUES = 3000  # of one facet
LOCK = ".tantivy-meta.lock"
MOST_WORDS = 20_000  # that are looked through for one that is like another
LIKE = 75  # of 100: how like a word must be to be offered in the place of one that nothing says
WEIGHT_OF_USE = 100.0  # more than any score
ADVICE = "build it again: kg build"


# Counting takes most of the time of a search with many hits, so it is done beside the search for the best ones.
_beside = ThreadPoolExecutor(1)


@dataclass(frozen=True)
class Request:
    """What is asked of the index: what a person typed, any or all of it, which statements only, which of the hits.

    `facets` asks for counts, `names` for so many things by that name, `values` for at most so many values of a facet (0: all;
    of places, those that a page shows). `filters` are facet → values; a statement has all of them.
    """

    text: str
    any: bool = False
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    offset: int = 0
    limit: int = 10
    facets: bool = True
    names: int = 0
    values: int = 0

    def packed(self) -> str:
        """Return the request as text for a query process."""
        return json.dumps(self.__dict__)

    @staticmethod
    def unpacked(text: str) -> Request:
        """Read it back."""
        return Request(**json.loads(text))


@dataclass(frozen=True)
class Found:
    """Hits (what is shown of each, with `score` and `marks`), how many there are, facet → [value, count], names of things.

    `near` is what may have been meant where a word stands in no statement.
    """

    total: int
    hits: list[dict[str, Any]]
    facets: dict[str, list[tuple[str, int]]]
    names: list[dict[str, Any]]
    asked: Asked
    near: str = ""


def check_index(folder: Path) -> None:
    """See that an index is there, of this format and whole as far as its head tells.

    Raises:
        KgError: it is not, with advice.
    """
    _head(folder)


def open_index(folder: Path) -> Index:
    """Open an index.

    Raises:
        KgError: it is missing, broken or of another format, with advice.
    """
    return Index(folder)


class Index:
    """An open index."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.head = _head(folder)
        self.schema = schema()
        try:
            self.searcher = _searcher(folder) if os.access(folder / LOCK, os.W_OK) else searcher_by_links(folder)
        except (ValueError, OSError) as error:
            raise KgError(f"{folder}: the search index cannot be opened ({error}); {ADVICE}") from error
        if self.searcher.num_docs != self.head["documents"]:
            raise KgError(
                f"{folder}: the search index has {self.searcher.num_docs} documents, not as many as were written; {ADVICE}"
            )

    @cached_property
    def labels(self) -> dict[str, list[str]]:
        """Key → Spanish and English label, of what facets and statements name."""
        found: dict[str, list[str]] = self.head["labels"]
        return found

    def search(self, request: Request) -> Found:
        """Answer a request about statements; what is typed can be anything.

        Raises:
            KgError: the index is broken.
        """
        asked = parse(request.text)
        wanted = self._narrowed(asked, request)
        if wanted is None:
            return Found(0, [], {}, [], asked)
        try:
            counting = _beside.submit(self._facets, wanted) if request.facets else None
            found = self.searcher.search(wanted, min(request.limit, MOST_HITS) or 1, offset=request.offset, count=True)
            hits = [self._hit(address, score, asked) for score, address in found.hits[: request.limit]]
            total: int = found.count  # type: ignore[attr-defined]
            facets = counting.result() if counting else {}
        except (ValueError, OSError) as error:
            raise KgError(f"{self.folder}: the search index cannot be read ({error}); {ADVICE}") from error
        return Found(total, hits, facets, self._names(asked, request), asked, "" if total else self._near(asked))

    def _near(self, asked: Asked) -> str:
        """Return what is asked with each word that nothing says replaced by the one most like it; empty where there is none."""
        said, changed = [], False
        for clause in asked.clauses:
            word = clause.words[0]
            if clause.kind != "word" or self.searcher.doc_freq(STEMS, stem(word)):
                said.append({"phrase": f'"{" ".join(clause.words)}"', "beginning": f"{clause.words[-1]}*"}.get(clause.kind, word))
                continue
            known = self.searcher.terms_with_prefix(WORDS, word[:1], limit=MOST_WORDS)
            alike = process.extract(word, [term for term, _ in known], scorer=fuzz.ratio, score_cutoff=LIKE, limit=5)
            if not alike:
                return ""
            often = dict(known)
            said.append(max(alike, key=lambda found: (found[1], often[found[0]], found[0]))[0])
            changed = True
        return " ".join(said) if changed else ""

    def best(self, text: str, limit: int, type_: str = "") -> list[tuple[str, float]]:
        """Return the best statements and named things: (address, score), at most `limit`."""
        asked = parse(text)
        if not asked.clauses or limit <= 0:
            return []
        query = self._typed(asked, False)
        if type_:
            query = _all_of([query, self._only("type", type_)])
        found = self.searcher.search(query, min(limit, MOST_HITS), count=False)
        return [(self._shown(address)["iri"], round(score, 4)) for score, address in found.hits]

    def _narrowed(self, asked: Asked, request: Request) -> Query | None:
        """Return the query for statements; None where nothing is asked."""
        chosen = [(name, value) for name, values in request.filters.items() if name in FACETS for value in values]
        if not (asked.clauses or chosen):
            return None
        parts = [self._typed(asked, request.any)] if asked.clauses else []
        parts += [self._only(name, value) for name, value in chosen]
        # the things, which are few, are left out: to ask for all statements would take longer
        return Query.boolean_query([*((Occur.Must, part) for part in parts), (Occur.MustNot, self._things())])

    def _things(self) -> Query:
        return Query.boolean_query([(Occur.Should, self._only(KIND, kind)) for kind in THINGS])

    def _names(self, asked: Asked, request: Request) -> list[dict[str, Any]]:
        """Return the things whose names say what is asked, those before to which a plan or statement refers."""
        if not (asked.clauses and request.names):
            return []
        used = Query.const_score_query(self._only(KIND, USED), WEIGHT_OF_USE)
        parts = [(Occur.Must, self._typed(asked, False)), (Occur.Must, self._things()), (Occur.Should, used)]
        found = self.searcher.search(Query.boolean_query(parts), request.names, count=False)
        return [self._hit(address, score, Asked()) for score, address in found.hits]

    def _typed(self, asked: Asked, any_of: bool) -> Query:
        parts = [self._clause(clause) for clause in asked.clauses]
        if len(parts) == 1:
            return parts[0]
        return Query.boolean_query([(Occur.Should if any_of else Occur.Must, part) for part in parts])

    def _clause(self, clause: Clause) -> Query:
        if clause.kind == "word":
            return Query.term_query(self.schema, STEMS, stem(clause.words[0]), "freq")
        if clause.kind == "beginning":
            pattern = "(" + "|".join(map(re.escape, clause.words)) + ").*"
            return Query.regex_query(self.schema, WORDS, pattern)
        if len(clause.words) == 1:
            return Query.term_query(self.schema, WORDS, clause.words[0])
        return Query.phrase_query(self.schema, WORDS, list(clause.words))

    def _only(self, name: str, value: str) -> Query:
        return Query.const_score_query(Query.term_query(self.schema, name, value, "basic"), 0.0)

    def _facets(self, query: Query) -> dict[str, list[tuple[str, int]]]:
        terms = {name: {"terms": {"field": name, "size": MOST_VALUES}} for name in FACETS}
        found = self.searcher.aggregate(query, terms)
        counted = {name: [(b["key"], int(b["doc_count"])) for b in found[name]["buckets"]] for name in FACETS}
        return {name: sorted(values, key=lambda pair: (-pair[1], pair[0])) for name, values in counted.items()}

    def _hit(self, address: tantivy.DocAddress, score: float, asked: Asked) -> dict[str, Any]:
        shown = self._shown(address)
        return shown | {"score": round(score, 4), "marks": marks(shown.get("text", ""), asked)}

    def _shown(self, address: tantivy.DocAddress) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(bytes(self.searcher.doc(address).get_first(SHOWN)))  # type: ignore[arg-type]
        return found


def _searcher(folder: Path) -> tantivy.Searcher:
    index = tantivy.Index.open(str(folder))
    index.config_reader("manual")
    return index.searcher()


def searcher_by_links(folder: Path) -> tantivy.Searcher:
    """Open an index that may not be written to: tantivy locks it even to read, so it sees links in a folder of our own.

    The files stay open when the links are gone.
    """
    with TemporaryDirectory() as links:
        for file in folder.iterdir():
            if file.suffix != ".lock":
                (Path(links) / file.name).symlink_to(file.resolve())
        return _searcher(Path(links))


def _all_of(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def _head(folder: Path) -> dict[str, Any]:
    """Read what the index says of itself."""
    try:
        head: dict[str, Any] = json.loads((folder / HEAD).read_bytes())
        is_ours = head["format"] == INDEX_FORMAT and isinstance(head["documents"], int)
    except FileNotFoundError as error:
        raise KgError(f"{folder}: there is no search index; {ADVICE}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KgError(f"{folder}: the search index cannot be read ({error}); {ADVICE}") from error
    if not is_ours:
        raise KgError(f"{folder}: the search index is of another version of this program; {ADVICE}")
    return head
