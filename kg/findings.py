"""What is odd in the plans themselves: found by readers (in the records) and by rules that run over every record.

A finding is a value, not an error: it says something about the plan, neutrally, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from kg.records import Figure, Record, Statement
from kg.text import fold, shorten

_TOLERANCE = Decimal("0.5")
_MISSING = "missing-metadata"


@dataclass(frozen=True)
class Finding:
    """Something odd in a plan: `kind` is a concept of the scheme finding-kind; `statement` an id, or None for the plan."""

    plan: str
    id: str
    kind: str
    es: str
    en: str
    lines: tuple[int, ...] = ()
    statement: str | None = None


def findings_of(record: Record) -> list[Finding]:
    """Return the findings on a plan: the reader's, then those of the rules that the reader has not already noted.

    A reader who noted what the document leaves out is taken to have noted all of it.
    """
    noted = [Finding(record.plan, o.id, o.kind, o.es, o.en, o.lines) for o in record.findings]
    taken = {(f.kind, line) for f in noted for line in f.lines}
    told = any(f.kind == _MISSING for f in noted)
    found = [f for f in _by_rules(record) if not any((f.kind, line) in taken for line in f.lines)]
    return noted + [f for f in found if not (told and f.kind == _MISSING)]


def _by_rules(record: Record) -> Iterator[Finding]:
    yield from _missing(record)
    for statement in record.statements:
        yield from _money(record, statement)
        yield from _target(record, statement)
    yield from _shares(record)
    yield from _repetitions(record)


def _missing(record: Record) -> Iterator[Finding]:
    if record.organization is None:
        yield Finding(
            record.plan,
            "no-organization",
            _MISSING,
            "El documento no nombra a la organización política que presenta el plan.",
            "The document does not name the political organization that presents the plan.",
        )
    if record.candidate is None:
        yield Finding(
            record.plan,
            "no-candidate",
            _MISSING,
            "El documento no nombra a quien encabeza la lista.",
            "The document does not name the head of the list.",
        )
    if not any(s.budget for s in record.statements):
        yield Finding(
            record.plan,
            "no-budget",
            _MISSING,
            "El plan no pone monto a ninguno de sus compromisos.",
            "The plan sets no amount against any of its commitments.",
        )


def _money(record: Record, statement: Statement) -> Iterator[Finding]:
    budget = statement.budget
    if budget and not budget.certain:
        others = " / ".join(f"{reading:,.2f}" for reading in budget.readings)
        yield Finding(
            record.plan,
            f"amount-{statement.id}",
            "ambiguous-number",
            f"El monto «{budget.raw}» admite dos lecturas: {budget.amount:,.2f} u {others or 'otra'}.",
            f"The amount “{budget.raw}” can be read in two ways: {budget.amount:,.2f} or {others or 'another'}.",
            (statement.line,),
            statement.id,
        )


def _target(record: Record, statement: Statement) -> Iterator[Finding]:
    target = statement.target
    if target and target.direction == "decrease" and target.value == 100 and fold(target.raw).startswith("al "):
        yield Finding(
            record.plan,
            f"target-{statement.id}",
            "contradiction",
            f"«{shorten(statement.text)}»: reducir «al 100 %» dejaría todo como está; quizá quiso decir «en 100 %».",
            f"“{shorten(statement.text)}”: to reduce “to 100 %” would leave all as it is; perhaps “by 100 %” was meant.",
            (statement.line,),
            statement.id,
        )


def _shares(record: Record) -> Iterator[Finding]:
    """Find columns of percentages on neighbouring lines whose stated total of 100 is not what they add up to."""
    for run in _runs([f for f in record.figures if f.unit == "%" and f.value is not None]):
        *parts, total = run
        added = sum((f.value for f in parts if f.value is not None), Decimal(0))
        if len(parts) >= 2 and total.value == 100 and abs(added - 100) > _TOLERANCE:
            terms = " + ".join(f"{f.value}" for f in parts)
            yield Finding(
                record.plan,
                f"shares-{total.id}",
                "arithmetic",
                f"Los porcentajes {terms} suman {added}, no el {total.raw} que da el documento.",
                f"The percentages {terms} add up to {added}, not to the {total.raw} that the document gives.",
                tuple(f.line for f in run),
            )


def _runs(figures: Iterable[Figure]) -> Iterator[list[Figure]]:
    """Group figures that stand one a line on consecutive lines."""
    run: list[Figure] = []
    for figure in sorted(figures, key=lambda f: (f.line, f.id)):
        if run and figure.line != run[-1].line + 1:
            yield run
            run = []
        run.append(figure)
    if run:
        yield run


def _repetitions(record: Record) -> Iterator[Finding]:
    """Find statements of one type that say word for word the same."""
    first: dict[tuple[str, str], Statement] = {}
    for statement in record.statements:
        words = fold(statement.text).strip(" .,;")
        if len(words.split()) < 5:
            continue
        earlier = first.setdefault((statement.type, words), statement)
        if earlier is not statement:
            yield Finding(
                record.plan,
                f"repeats-{statement.id}",
                "repetition",
                f"«{shorten(statement.text)}» repite palabra por palabra lo dicho en la línea {earlier.line}.",
                f"“{shorten(statement.text)}” repeats word for word what line {earlier.line} says.",
                (earlier.line, statement.line),
                statement.id,
            )
