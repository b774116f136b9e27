"""Proof against the document: every quote of a record stands at its line."""

from __future__ import annotations

from pathlib import Path

from kg.documents import Document
from kg.paths import shown
from kg.records.model import Record, Statement
from kg.text import fold


def check_quotes(record: Record, document: Document, path: Path) -> list[str]:
    """Say which quotes do not stand at their line of the document; empty when all do.

    Covers the runs of statements, raw texts of targets, budgets, funding, partners and mentions (in their statement), figures.
    """
    name = shown(path)
    wrong: list[str] = []
    if document.sha256 != record.document.sha256:
        return [f"{name}: document.sha256: {document.name} is another document (its SHA-256 is {document.sha256}); read it again"]
    for statement in record.statements:
        runs = [(statement.line, statement.first_run), *((p.line, p.text) for p in statement.parts)]
        wrong += [
            f"{name}: statements.{statement.id}: not at line {line} of {document.name}: {text[:70]!r}{_elsewhere(text, document)}"
            for line, text in runs
            if not document.holds(text, line)
        ]
        wrong += [
            f"{name}: statements.{statement.id}: {kind}.raw {raw!r} is not in the statement, nor at line {statement.line}"
            for kind, raw in loose_quotes(statement, document)
        ]
    wrong += [
        f"{name}: figures.{figure.id}: not at line {figure.line} of {document.name}: {figure.raw!r}"
        for figure in record.figures
        if not document.holds(figure.raw, figure.line)
    ]
    return wrong


def _elsewhere(text: str, document: Document) -> str:
    line = document.find(text)
    return f"; it stands at line {line}" if line else "; it stands nowhere in the document: copy it verbatim"


def loose_quotes(statement: Statement, document: Document) -> list[tuple[str, str]]:
    """Return (key, raw text) of what stands neither in the statement nor in its line of the document."""
    folded = fold(statement.text)
    raws = [("target", statement.target.raw)] if statement.target else []
    raws += [("budget", statement.budget.raw)] if statement.budget else []
    raws += [(kind, x.raw) for kind in ("funding", "partners", "mentions") for x in getattr(statement, kind)]
    lines = [statement.line, *(p.line for p in statement.parts)]
    return [
        (kind, raw) for kind, raw in raws if fold(raw) not in folded and not any(document.holds(raw, line, 0) for line in lines)
    ]
