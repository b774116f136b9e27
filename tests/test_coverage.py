"""Coverage: which stretches of a document its record leaves out, and what is no loss (headings, heads, page furniture)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg.cli import main
from kg.documents import Document, Gap, read_document
from kg.reading.coverage import coverage, uncovered
from kg.reading.drafts import draft_record
from kg.records import Budget, Figure, Part, Partner, Record, Review, Source, Statement, Target
from kg.text import squeeze

A, B, C = "Falta de agua potable en la zona alta", "Construir tres reservorios nuevos", "La feria se celebra cada año en mayo"


def record(*statements: Statement, **more) -> Record:
    source = Source("plan.md", "0" * 64, "text/markdown", 99)
    return Record("plan", "Plan", "district", source, Review("draft", "reader"), statements=statements, **more)


def document(*lines: str, **more) -> Document:
    return Document("plan.md", "0" * 64, "text/markdown", lines, **more)


def stated(line: int, text: str, **more) -> Statement:
    return Statement(f"s{line}", "problem", line, text, **more)


# Each case: the lines, the statements, and what is left out as (first line, last line, text).
CASES = {
    "everything is stated": ([f"- {A}", f"- **{B}**"], [stated(1, A), stated(2, B)], []),
    "a line between": ([f"- {A}", f"- {C}", f"- {B}"], [stated(1, A), stated(3, B)], [(2, 2, f"- {C}")]),
    "two lines and a blank one": ([A, C, "", C + " 2"], [stated(1, A)], [(2, 4, f"{C} / {C} 2")]),
    "a wrapped paragraph": (["Falta de agua potable", "en la zona alta", C], [stated(1, A)], [(3, 3, C)]),
    "cut by a page": (
        ["Falta de agua potable", "12", "en la zona alta"],
        [stated(1, A, parts=(Part(3, "en la zona alta"),))],
        [],
    ),
    "the end of a line": ([f"{A}. {C}"], [stated(1, A)], [(1, 1, C)]),
    "a label before it": ([f"1.1 Proyecto: {B}"], [stated(1, B)], []),
    "a heading that is used": (["# II. AGUA", f"- {A}"], [stated(2, A, section=("AGUA",))], []),
    "a heading that nothing stands under": (["# II. AGUA POTABLE", A], [stated(2, A)], [(1, 1, "II. AGUA POTABLE")]),
    "money and partners below": (
        [B, "Presupuesto: S/ 1,2 millones", "Aliados: MINSA y SIS"],
        [stated(1, B, budget=Budget("S/ 1,2 millones", 1_200_000), partners=(Partner("MINSA", "minsa"), Partner("SIS", "sis")))],
        [],
    ),
    "a label": (["Problemas:", A], [stated(2, A)], []),
    "a table head": (["Problema\tObjetivo\tMeta", f"{A}\t{B}\t10 %"], [stated(2, A), stated(2, B, target=Target("10 %"))], []),
    "a cell left out": ([f"{A}\t{C}\t{B}"], [stated(1, A), stated(1, B)], [(1, 1, C)]),
    "one text in two cells": ([f"{A}\t{A}"], [stated(1, A), Statement("s2", "project", 1, A)], []),
    "its second cell left out": ([f"{A}\t{A}"], [stated(1, A)], [(1, 1, A)]),
    "money and figures": (
        [f"{B}\tdos millones cien mil soles", "Población 2007: 7 mil habitantes rurales"],
        [stated(1, B, budget=Budget("dos millones cien mil soles", 2_100_000))],
        [],
    ),
    "a running header": (
        ["Plan del distrito página 1", A, "Plan del distrito página 2", B, "Plan del distrito página 3"],
        [stated(2, A), stated(4, B)],
        [],
    ),
    "a text that is no quote": (["Falta el agua potable en toda la zona alta", C], [stated(1, A)], [(2, 2, C)]),
    "a statement at a line that is not": ([A], [stated(9, A)], [(1, 1, A)]),
    "no statement at all": ([A, B], [], [(1, 2, f"{A} / {B}")]),
    "an empty document": ([""], [], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_out(case):
    lines, statements, expected = CASES[case]
    figures = (Figure("f1", 2, "7 mil", "Población"),) if case == "money and figures" else ()
    found = uncovered(document(*lines), record(*statements, figures=figures))
    assert [(s.first, s.last, s.text) for s in found] == expected


def test_words_are_counted_once():
    lines = ("# AGUA", f"- {A}", C, "3")
    found = coverage(document(*lines), record(stated(2, A, section=("AGUA",))))
    assert (found.words, found.stated, found.structure) == (18, 8, 2)
    assert found.share == 0.5 and sum(s.words for s in found.left_out) == 8


def test_pages_are_told():
    found = coverage(document(A, C, "", "7", B, pages=(1, 2, 2, 3, 4)), record(stated(1, A), stated(5, B)))
    assert [(s.first, s.page) for s in found.left_out] == [(2, 2)]
    assert found.silent_pages == (2,)


def test_a_draft_of_each_layout_leaves_little_out():
    """What a draft does not have is told, and what it has is not: the words of both make up the document."""
    for path in sorted((Path(__file__).parent / "layouts").glob("*.[mt][dx]*")):
        read = read_document(path)
        draft = draft_record(read)
        found = coverage(read, draft)
        assert found.stated + found.structure <= found.words
        assert found.share > 0.8, path.name
        told = squeeze(" ".join(s.text for s in found.left_out))
        assert not [s.text for s in draft.statements if len(s.text) > 40 and s.text in told], path.name


def test_a_very_long_line_and_a_very_long_document_are_measured():
    texts = [f"Mejorar el camino número {n} de la comunidad" for n in range(4000)]
    glued = record(*(Statement(f"s{n}", "project", 1, text) for n, text in enumerate(texts)))
    apart = record(*(Statement(f"s{n}", "project", n, text) for n, text in enumerate(texts, 1)))
    assert coverage(document(" ".join(f"- {text}" for text in texts)), glued).share == 1
    assert coverage(document(*texts), apart).share == 1


# ------------------------------------------------------------------ the command


def test_the_command_tells_it_as_table_and_json(tmp_path, capsys):
    path = tmp_path / "plan.md"
    path.write_text(f"# PLAN\n## AGUA\n### Problemas\n- {A}\n\n12345 {C}\n", encoding="utf-8")
    assert main(["coverage", str(path)]) == 0
    assert "%" in capsys.readouterr().out
    assert main(["coverage", str(path), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"] == "plan" and 0 < told["share"] <= 1
    assert set(told) == {"plan", "document", "share", "words", "stated", "structure", "left_out", "silent_pages", "not_read"}


def test_the_command_says_what_it_lacks(tmp_path, capsys, monkeypatch, records):
    monkeypatch.delenv("KG_DOCUMENTS", raising=False)
    key = sorted(records)[0]
    (tmp_path / records[key].document.file).write_text("Otro texto", encoding="utf-8")
    for arguments, message in {
        ("coverage", key): "say --documents FOLDER",
        ("coverage", key, "--documents", str(tmp_path)): "not the document that",
        ("coverage", key[:-1], "--documents", str(tmp_path)): f"did you mean {key}",
        ("coverage", str(tmp_path / "none.md")): "cannot be read",
    }.items():
        assert main(list(arguments)) == 2
        assert message in capsys.readouterr().err


def test_what_could_not_be_read_is_told_too(capsys):
    from kg.measuring import coverage_json

    read = document(A, gaps=(Gap("Página sin texto", "Page without text", page=2),))
    plan = record(stated(1, A))
    assert json.loads(coverage_json(read, plan, coverage(read, plan)))["not_read"][0]["page"] == 2


def test_the_accepted_records_leave_little_out(shared, records):
    for plan in records.values():
        found = coverage(read_document(shared / "plans" / plan.document.file), plan)
        assert found.share > 0.95, (plan.plan, found.left_out[:3])
