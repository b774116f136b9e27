"""What the page shows, as plain values for JSON: document, statements with their lines, vocabularies, differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from kg.issues import load_issues
from kg.ontology import load_ontology
from kg.reading.coverage import uncovered
from kg.reading.rereading import Difference
from kg.records import DIRECTIONS, LINKS, Record, Statement, statement_values
from kg.registry import load_registry
from review.placing import extent
from review.session import Done, Session, State
from review.ties import link_types
from review.words import Language, page_words, say, type_name

_NOT_SHOWN = ("review", "proposed")


class Views:
    """Makes the values of one review; where a text stands in the document is worked out once."""

    def __init__(self, session: Session):
        self.session = session
        self._extents: dict[tuple[str, int], tuple[int, int] | None] = {}

    def page(self, language: Language) -> dict[str, Any]:
        """Return everything that the page needs to begin."""
        state = self.session.state()
        document = self.session.document
        return self.whole(state) | {
            "document": {
                "name": document.name,
                "lines": document.lines,
                "pages": document.pages,
                "gaps": [
                    {"text": gap.es if language == "es" else gap.en, "page": gap.page, "line": gap.line} for gap in document.gaps
                ],
                "other": (document.sha256, len(document.lines)) != (state.record.document.sha256, state.record.document.lines),
            },
            "words": page_words(language),
            "vocabulary": vocabulary(language),
        }

    def whole(self, state: State) -> dict[str, Any]:
        """Return the record as it is now."""
        record = state.record
        return self._head(state) | {
            "statements": [self.statement(record, s) for s in record.statements],
            "rejected": [self.statement(record, s, refused=True) for s in record.rejected],
            "silent": self._silent(record),
        }

    def done(self, done: Done, language: Language) -> dict[str, Any]:
        """Return what an action changed: statements new or different, ids that are gone, the order where it is another."""
        before, after = done.before.record, done.after.record
        old = {s.id: s for s in before.statements}
        status = before.review.status != after.review.status
        changed = [s for s in after.statements if status or old.get(s.id) != s]
        ids = [s.id for s in after.statements]
        return self._head(done.after) | {
            "statements": [self.statement(after, s) for s in changed],
            "gone": sorted(set(old) - set(ids)),
            "order": ids if ids != list(old) else None,
            "rejected": [self.statement(after, s, True) for s in after.rejected] if before.rejected != after.rejected else None,
            "notes": [say(f"notes.{code}", language, **values) for code, values in done.edited.notes],
            "focus": done.edited.focus,
        }

    def _head(self, state: State) -> dict[str, Any]:
        record = state.record
        return {
            "version": state.version,
            "by": self.session.by,
            "undo": self.session.last(),
            "plan": {"key": record.plan, "title": record.title, "status": record.review.status},
        }

    def statement(self, record: Record, statement: Statement, refused: bool = False) -> dict[str, Any]:
        """Return one statement: its values, how far it is decided and by whom, and at which lines its text stands."""
        values = plain(statement_values(statement))
        proposed = values.get("proposed")
        review = record.review_of(statement)
        settled = record.is_settled(statement)
        runs = [self._extent(text, line) for line, text in _runs(statement)]
        return {key: value for key, value in values.items() if key not in _NOT_SHOWN} | {
            "status": review.status if refused else ("corrected" if proposed else "accepted") if settled else "waiting",
            "by": review.by if settled or refused else None,
            "when": review.date if settled or refused else None,
            "into": statement.review.into if statement.review else None,
            "proposed": proposed,
            "runs": [run for run in runs if run],
            "lost": [line for (line, _), run in zip(_runs(statement), runs, strict=True) if run is None],
        }

    def difference(self, state: State, difference: Difference) -> dict[str, Any]:
        """Return what a new reading of the document would change."""
        record = state.record
        return {
            "version": state.version,
            "kept": len(difference.kept),
            "refused": difference.refused,
            "replaced": difference.replaced,
            "new": [self.statement(record, s) | {"status": "new"} for s in difference.new],
            "gone": [s.id for s in difference.gone],
            "changed": [
                {"id": c.accepted.id, "keys": c.keys, "read": self.statement(record, c.read) | {"status": "new"}}
                for c in difference.changed
            ],
        }

    def _extent(self, text: str, line: int) -> tuple[int, int] | None:
        if (text, line) not in self._extents:
            self._extents[text, line] = extent(self.session.document, text, line)
        return self._extents[text, line]

    def _silent(self, record: Record) -> list[tuple[int, int, str]]:
        """Return (first line, last line, text) of what gave nothing; what a person rejected gave something."""
        looked_at = replace(record, statements=(*record.statements, *record.rejected))
        return [(s.first, s.last, s.text) for s in uncovered(self.session.document, looked_at)]


def _runs(statement: Statement) -> list[tuple[int, str]]:
    return [(statement.line, statement.first_run), *((p.line, p.text) for p in statement.parts)]


def plain(value: Any) -> Any:
    """Return a value as JSON can say it: decimals as text without an exponent."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


@cache
def vocabulary(language: Language) -> dict[str, Any]:
    """Return what the reviewer can choose among, with names: types, ties, issues, funds, institutions."""
    ontology, registry = load_ontology(), load_registry()

    def concepts(scheme: str) -> dict[str, str]:
        return {key: ontology.label(term, language) for key, term in ontology.concepts(scheme).items()}

    issues = {i.id: i.es if language == "es" else i.en for i in load_issues().issues.values()}
    institutions = ((key, registry.institution(key)) for key in sorted(registry.institution_ids()))
    return {
        "types": {key: type_name(key, language) for key in _in_order(ontology.statement_types)},
        "links": {kind: [sorted(types) for types in link_types(kind)] for kind in LINKS},
        "statuses": concepts("review-status"),
        "roles": concepts("partnership-role"),
        "instruments": concepts("instrument"),
        "directions": {key: say(f"values.{key}", language) for key in DIRECTIONS},
        "currencies": {key: say(f"values.{key}", language) for key in ("PEN", "USD", "EUR")},
        "issues": issues,
        "funds": {fund.id: fund.name if language == "es" else fund.name_en for fund in registry.funds.values()},
        "institutions": {key: i.name if language == "es" else i.name_en or i.name for key, i in institutions if i},
    }


def _in_order(types: Iterable[str]) -> list[str]:
    """Return the types: those that can be tied to each other first, as the more frequent."""
    tied = [kind for link in LINKS if link != "part_of" for kinds in link_types(link) for kind in sorted(kinds)]
    return list(dict.fromkeys([*tied, *sorted(types)]))
