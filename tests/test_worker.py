"""The pool and its workers: what is refused, what is survived, and what a new build changes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from kg.errors import KgError
from kg.pool import Limits, Pool, QueryFailed
from kg.store import build_store, current_store, open_store, query
from kg.worker import Query, Refusal, check_query
from tests.serving import CRASH, GRAPH_A, SLOW, build, nquads, product

ONE = "SELECT ?s { ?s ?p ?o } LIMIT 1"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("out"))


async def told(pool: Pool, text: str, **more: object) -> str:
    """Return `ok` or the kind of failure."""
    try:
        await (await pool.ask(Query(text, **more))).read()  # type: ignore[arg-type]
    except QueryFailed as failure:
        return failure.kind
    return "ok"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
        "SELECT * { service silent <http://x/> { ?s ?p ?o } }",
        "SELECT * { ?s ?p 1SERVICE<http://x/>{ ?s ?p ?o } }",
        "SELECT * { ?s ?p trueSERVICE<http://x/>{ ?s ?p ?o } }",
        'SELECT * { ?s ?p "x"@en.SERVICE<http://x/>{ ?s ?p ?o } }',
        "PREFIX : <http://x/> SELECT * { SERVICE:a { ?s ?p ?o } }",
        "PREFIX : <http://x/> SELECT * { BIND(1 AS ?z) FILTER(1<2)SERVICE:x#>\n{ ?s ?p ?o } }",
        "PREFIX b: <b:> PREFIX : <http://x/> SELECT * { FILTER(?a<b:c)SERVICE:x#>\n{ ?s ?p ?o } }",
        'SELECT * { FILTER(1<2 && "a#" > "b") SERVICE <http://x/> {} }',
        "SELECT * { # comment\nSERVICE <http://x/> {} }",
    ],
)
def test_service_is_found(text):
    with pytest.raises(Refusal) as refusal:
        check_query(text)
    assert refusal.value.told["kind"] == "service"


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * { ?s ?p "SERVICE" }',
        "SELECT * { ?s ?p 'a \\' SERVICE' }",
        'SELECT * { ?s ?p """two\n"SERVICE" lines""" }',
        "SELECT ?service $SERVICE { ?s ?p ?service }",
        "SELECT * { ?s <http://example.org/service/SERVICE> ?o }",
        "SELECT * { ?s ex:service ?o } # SERVICE <http://x/>",
        "# INSERT\nSELECT * { ?insert ?p 'DELETE' }",
        "PREFIX insert: <http://x/> SELECT * { ?s insert:data ?o }",
    ],
)
def test_harmless_mentions_pass(text):
    check_query(text)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <a:a> <b:b> 1 }",
        "# x\nPREFIX a: <b:>\nbase <c:>\ndelete where { ?s ?p ?o }",
        "CLEAR ALL",
        "LOAD <http://x/>",
    ],
)
def test_updates_are_refused_by_name(text):
    with pytest.raises(Refusal) as refusal:
        check_query(text)
    assert refusal.value.told["kind"] == "update"


def test_a_crash_ends_one_query_and_the_worker_is_replaced(out):
    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=10)) as pool:
            for _ in range(3):
                assert await told(pool, CRASH) == "crash"
                assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_the_deadline_kills_and_replaces(out):
    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=0.5)) as pool:
            started = time.perf_counter()
            assert await told(pool, SLOW) == "deadline"
            assert time.perf_counter() - started < 1.5
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_memory_is_limited(out):
    hungry = f"SELECT (COUNT(*) AS ?n) {{ {{ SELECT DISTINCT * {{ {product('abc', 300)} }} }} }}"

    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=20, memory=900 * 1024**2)) as pool:
            assert await told(pool, hungry) == "memory"
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_a_full_queue_is_told_at_once(out):
    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=1, queue=1)) as pool:
            started = time.perf_counter()
            kinds = await asyncio.gather(*(told(pool, SLOW) for _ in range(4)))
            assert sorted(kinds)[0] == "deadline"
            assert kinds.count("overload") >= 2
            assert time.perf_counter() - started < 4
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_the_answer_is_limited_and_closing_frees_the_worker(out):
    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=10)) as pool:
            assert await told(pool, "SELECT * { ?s ?p ?o }", max_bytes=100) == "size"
            answer = await pool.ask(Query(f"SELECT * {{ {product('abc', 100)} }}"))
            answer.close()
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_cancelling_frees_the_worker(out):
    async def run() -> None:
        async with Pool(out, Limits(workers=1, seconds=20)) as pool:
            task = asyncio.create_task(told(pool, SLOW))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            started = time.perf_counter()
            assert await told(pool, ONE) == "ok"
            assert time.perf_counter() - started < 5

    asyncio.run(run())


def test_a_new_build_is_picked_up_and_the_old_kept(tmp_path):
    out = build(tmp_path)
    first = current_store(out)

    async def count(pool: Pool) -> bytes:
        return await (await pool.ask(Query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "csv"))).read()

    async def run() -> None:
        async with Pool(out, Limits(workers=2)) as pool:
            before = int((await count(pool)).split()[1])
            build(out, f"<a:a> <b:b> <c:c> <{GRAPH_A}> .\n")
            assert int((await count(pool)).split()[1]) == before + 1

    asyncio.run(run())
    assert first.is_dir() and current_store(out) != first
    build(out, f"<a:a> <b:b> <c:d> <{GRAPH_A}> .\n")
    assert not first.exists()


def test_a_build_that_fails_leaves_the_old_store(tmp_path):
    out = build(tmp_path)
    before = current_store(out)
    (out / "bad.nq").write_text(nquads() + "<a:a> <b:b> oops .\n")
    with pytest.raises(KgError, match="not N-Quads"):
        build_store(out / "bad.nq", out)
    assert current_store(out) == before
    build(out)  # what the failed build left behind is cleared away
    assert not list((out / "store").glob("*.part"))


def test_the_default_graph_is_a_set(out):
    """A triple in two graphs counts once; GRAPH tells both."""
    store = open_store(current_store(out))
    puno = "<https://w3id.org/plan-de-gobierno/id/territory/2101> ?p ?o"
    assert query(store, f"SELECT (COUNT(*) AS ?n) {{ {puno} }}").rows == [(1,)]
    assert query(store, f"SELECT (COUNT(*) AS ?n) {{ GRAPH ?g {{ {puno} }} }}").rows == [(2,)]


def test_without_a_build_the_remedy_is_told(tmp_path):
    with pytest.raises(KgError, match="kg build"):
        current_store(tmp_path)
