"""What is made before the first reader comes, and what is kept for all."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.once import once
from api.settings import Settings
from api.warming import FIRST, warm
from tests.serving import build, settings

BROWSER = {"Accept": "text/html"}


def test_warming_visits_pages_that_there_are_and_counts_nowhere(built: Path) -> None:
    app = create_app(Settings(out=built))
    seen: dict[str, int] = {}

    async def visit(address: str) -> tuple[int, bytes]:
        status, body = await app.visit(address)
        seen[address] = status
        return status, body

    with TestClient(app) as client:
        assert client.portal
        client.portal.call(warm, visit)
        told = client.get("/metrics").text
        kept = app.app.state.snapshots.current.kept
    assert set(FIRST) < set(seen) and set(seen.values()) == {200}
    assert [a.count("/doc/plan/") for a in seen][-2:] == [1, 0] and [a.count("plan=") for a in seen][-2:] == [0, 2]
    assert not [line for line in told.splitlines() if line.startswith("kg_http_requests_total")]
    assert len(kept) > 5


def test_warming_survives_a_server_without_data(tmp_path: Path) -> None:
    app = create_app(Settings(out=tmp_path / "nothing"))
    with TestClient(app) as client:
        assert client.portal
        client.portal.call(warm, app.visit)


@pytest.mark.parametrize("order", list(itertools.permutations(["/completion/terms", "/doc/plan/demo-2019-2022", "/"])))
def test_what_one_page_keeps_is_not_taken_for_what_another_keeps(tmp_path: Path, order: tuple[str, ...]) -> None:
    with TestClient(create_app(settings(build(tmp_path)))) as client:
        for path in order * 2:
            for language in ("es", "en"):
                answer = client.get(path, params={"lang": language}, headers=BROWSER if "completion" not in path else None)
                assert answer.status_code == 200, (path, language)


def test_once_keeps_by_function_and_arguments_and_no_failure() -> None:
    from types import SimpleNamespace
    from typing import Any

    made: list[object] = []
    request: Any = SimpleNamespace(scope={"snapshot": SimpleNamespace(kept={})})

    @once
    async def one(request: Any, key: str) -> object:
        made.append(("one", key))
        if key == "bad":
            raise ValueError
        return object()

    @once
    async def other(request: Any, key: str) -> object:
        made.append(("other", key))
        return object()

    async def run() -> None:
        first = await one(request, "a")
        assert await one(request, "a") is first
        assert await other(request, "a") is not first and await one(request, "b") is not first
        for _ in range(2):
            with pytest.raises(ValueError):
                await one(request, "bad")

    asyncio.run(run())
    assert made == [("one", "a"), ("other", "a"), ("one", "b"), ("one", "bad"), ("one", "bad")]
