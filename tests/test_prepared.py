"""Answers written beside the store, and pages that begin without theirs."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

import api.questions
from api.app import create_app
from api.asking import READ, Solutions
from api.streaming import LatePage
from kg.errors import KgError
from kg.prepared import ANSWERS, ROWS, prepare_answers, prepared_answer
from kg.processes import QueryFailed
from kg.queries import load_questions, read_question, render
from kg.store import current_store
from tests.serving import build, settings

BROWSER = {"Accept": "text/html"}
WAITS = "La respuesta aparece aquí"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A small graph with one question."""
    return build(tmp_path / "out")


def text_of(out: Path) -> str:
    return render(read_question(out / "questions" / "enunciados.rq"))


def test_an_answer_is_written_once_and_found_by_its_query(out: Path) -> None:
    store, known = current_store(out), load_questions(out / "questions")
    assert prepared_answer(store, text_of(out)) is None
    assert prepare_answers(store, known) == {}
    (path,) = (store / ANSWERS).iterdir()
    told = json.loads(prepared_answer(store, text_of(out)) or b"")
    assert len(told["results"]["bindings"]) == 2 and "cut" not in told
    before = path.stat()
    assert prepare_answers(store, known) == {}
    assert path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_ino == before.st_ino
    assert prepared_answer(store, text_of(out) + " ") is None


def test_a_changed_question_is_asked_again_and_the_old_answer_goes(out: Path) -> None:
    store, file = current_store(out), out / "questions" / "enunciados.rq"
    prepare_answers(store, load_questions(file.parent))
    old = text_of(out)
    file.write_text(
        file.read_text(encoding="utf-8").replace("ORDER BY ?statement", "ORDER BY DESC(?statement)"), encoding="utf-8"
    )
    prepare_answers(store, load_questions(file.parent))
    assert prepared_answer(store, old) is None and prepared_answer(store, text_of(out))
    assert len(list((store / ANSWERS).iterdir())) == 1


def test_a_question_that_fails_is_told_and_the_others_are_answered(out: Path) -> None:
    store, file = current_store(out), out / "questions" / "enunciados.rq"
    broken = file.read_text(encoding="utf-8").replace("ORDER BY ?statement", "ORDER BY ?statement LIMIT LIMIT")
    (file.parent / "rota.rq").write_text(broken, encoding="utf-8")
    failed = prepare_answers(store, load_questions(file.parent))
    assert list(failed) == ["rota"] and "syntax" in failed["rota"]
    assert prepared_answer(store, text_of(out))


def test_a_folder_that_cannot_be_written_is_an_error(out: Path) -> None:
    store = current_store(out)
    (store / ANSWERS).write_text("not a folder")
    with pytest.raises(KgError, match="cannot be written"):
        prepare_answers(store, load_questions(out / "questions"))


def test_more_rows_than_are_kept_say_so(tmp_path: Path) -> None:
    from tests.test_question_pages import quads

    out = build(tmp_path / "out", quads(ROWS + 10))
    prepare_answers(current_store(out), load_questions(out / "questions"))
    told = json.loads(prepared_answer(current_store(out), text_of(out)) or b"")
    assert len(told["results"]["bindings"]) == ROWS == READ and told["cut"] == {"rows": ROWS}
    with TestClient(create_app(settings(out))) as client:
        assert "Más de 5000 filas" in client.get("/questions/enunciados", headers=BROWSER).text


def test_the_site_shows_the_answer_that_was_written(out: Path) -> None:
    store = current_store(out)
    prepare_answers(store, load_questions(out / "questions"))
    with TestClient(create_app(settings(out))) as client:
        shown = client.get("/questions/enunciados", headers=BROWSER).text
        asked = client.app.app.state.snapshots.tallies["queries"].ends["ok"]  # type: ignore[attr-defined]
    assert asked == 0
    shutil.rmtree(store / ANSWERS)
    with TestClient(create_app(settings(out))) as client:
        assert client.get("/questions/enunciados", headers=BROWSER).text == shown
        assert client.app.app.state.snapshots.tallies["queries"].ends["ok"] == 1  # type: ignore[attr-defined]


def test_a_broken_file_is_as_good_as_none(out: Path) -> None:
    store = current_store(out)
    prepare_answers(store, load_questions(out / "questions"))
    (path,) = (store / ANSWERS).iterdir()
    path.write_bytes(path.read_bytes()[:20])
    assert prepared_answer(store, text_of(out)) is None


# --- pages that begin without their answer --------------------------------------------------------------------------------


@pytest.fixture
def impatient(out: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A site whose pages never wait for their answers."""
    monkeypatch.setattr(api.questions, "PATIENCE", 0.0)
    with TestClient(create_app(settings(out))) as client:
        yield client


def test_a_late_page_has_all_that_another_has(impatient: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    late = impatient.get("/questions/enunciados", headers=BROWSER)
    monkeypatch.setattr(api.questions, "PATIENCE", 60.0)
    usual = impatient.get("/questions/enunciados", headers=BROWSER).text
    assert late.status_code == 200 and WAITS in late.text and WAITS not in usual
    assert late.headers["content-type"] == "text/html; charset=utf-8" and late.headers["vary"] == "Accept, Cookie"
    assert late.text.rstrip().endswith("</html>") and late.text.count("<h1") == late.text.count("<html") == 1
    for part in ("<table", "</table>", "2 filas", "format=csv", 'rel="bookmark"'):
        assert late.text.count(part) == usual.count(part) > 0
    assert late.text.index("<form") < late.text.index(WAITS) < late.text.index("<table")


def test_a_late_page_tells_what_has_become_of_its_answer(impatient: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> Solutions:
        await asyncio.sleep(0.01)
        raise QueryFailed("deadline", "30 s")

    monkeypatch.setattr(api.questions, "solutions_of", fail)
    page = impatient.get("/questions/enunciados?lang=en", headers=BROWSER)
    assert page.status_code == 200 and "The query took too long" in page.text and "30 s" in page.text
    assert page.text.rstrip().endswith("</html>") and "<table" not in page.text


def test_a_late_page_is_none_for_head(impatient: TestClient) -> None:
    answer = impatient.head("/questions/enunciados", headers=BROWSER)
    assert answer.status_code == 200 and not answer.content


def test_the_beginning_does_not_wait_and_leaving_ends_the_work() -> None:
    ended: list[str] = []

    async def make() -> bytes:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("yes")
        return b""

    async def read() -> None:
        parts = LatePage(HTMLResponse("one<!-- here -->two"), make(), "<!-- here -->").body_iterator
        assert await anext(aiter(parts)) == b"one"
        await asyncio.sleep(0)
        await parts.aclose()  # type: ignore[union-attr]
        await asyncio.sleep(0)

    asyncio.run(read())
    assert ended == ["yes"]
