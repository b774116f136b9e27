"""The named questions: every one has its expected answer and gives just that.

The files of expected answers were printed by the questions and are printed again when records change, so they catch what changes
unseen. Many were compared with the documents when first written; after that, what guards their truth is reading their diff.

An expected answer is tests/expected/<question>.csv for the default parameters, and <question>__<param>=<value>.csv (again
`__` for a second parameter) for others: a header and the rows in order, as plain text, IRIs from what follows /id/.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kg.build import make_graphs, write_graph
from kg.paths import PLANS
from kg.queries import FOLDER, Question, load_questions, render
from kg.records import load_records
from kg.store import Iri, Value, build_store, open_store, query

if TYPE_CHECKING:
    import pyoxigraph as ox

EXPECTED = Path(__file__).resolve().parent / "expected"
QUESTIONS = {path.stem: path for path in sorted(FOLDER.glob("*.rq"))}
CASES = sorted(path.stem for path in EXPECTED.glob("*.csv"))


@pytest.fixture(scope="session")
def questions() -> dict[str, Question]:
    return load_questions()


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> ox.Store:
    """A store built from the reviewed records, once for all questions."""
    out = tmp_path_factory.mktemp("questions")
    graphs, _ = make_graphs(load_records(PLANS))
    write_graph(graphs, out / "graph.nq")
    return open_store(build_store(out / "graph.nq", out).path)


def plain(value: Value) -> str:
    """Write a value as the expected answers do: no trailing zeros, true or false, an IRI from what follows /id/."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Iri):
        return value.split("/id/", 1)[-1]
    if isinstance(value, Decimal | float):
        text = f"{Decimal(str(value)):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def split_case(case: str) -> tuple[str, dict[str, str]]:
    """Read question and parameters off an expected answer's file name."""
    name, *given = case.split("__")
    return name, dict(part.split("=", 1) for part in given)


def answer(store: ox.Store, question: Question, values: dict[str, str] | None = None) -> list[list[str]]:
    """Return the header and the rows."""
    found = query(store, render(question, values))
    return [list(found.variables), *([plain(value) for value in row] for row in found.rows)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_has_an_expected_answer(name: str) -> None:
    assert name in CASES, f"tests/expected/{name}.csv is missing: write it, and compare it with the documents"


@pytest.mark.parametrize("case", CASES)
def test_expected_answer_belongs_to_a_question(case: str) -> None:
    assert split_case(case)[0] in QUESTIONS


@pytest.mark.parametrize("case", CASES)
def test_answer_is_the_expected_one(case: str, answers: ox.Store, questions: dict[str, Question]) -> None:
    name, values = split_case(case)
    with (EXPECTED / f"{case}.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))
    found = answer(answers, questions[name], values)
    assert found[0] == expected[0]
    for number, (got, wanted) in enumerate(zip(found[1:], expected[1:], strict=False), 1):
        assert got == wanted, f"row {number}"
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", QUESTIONS)
def test_statements_come_with_quote_and_line(name: str, answers: ox.Store, questions: dict[str, Question]) -> None:
    """A row that names a statement says which plan it is in, what it says word for word and on which line."""
    header = answer(answers, questions[name])[0]
    if "enunciado" in header:
        assert {"plan", "cita", "linea", "pagina"} <= set(header)


def test_every_answer_has_a_total_order(answers: ox.Store, questions: dict[str, Question]) -> None:
    for question in questions.values():
        assert "ORDER BY" in question.text, question.name
        assert answer(answers, question) == answer(answers, question), question.name


def test_every_question_is_told_in_both_languages(questions: dict[str, Question]) -> None:
    assert len(questions) >= 25
    for question in questions.values():
        told = (question.title_es, question.title_en, question.description_es, question.description_en)
        assert all(text.strip() for text in told), question.name
        assert question.title_es.startswith("¿"), question.name
        assert question.title_es.endswith("?"), question.name
        assert bool(question.caveat_es) == bool(question.caveat_en), question.name


def test_charts_name_columns_that_exist(answers: ox.Store, questions: dict[str, Question]) -> None:
    for question in questions.values():
        assert set(question.chart) <= set(answer(answers, question)[0]), question.name
