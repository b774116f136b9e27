"""The pool and its workers: what is refused, what is survived, and what a new build changes."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import zstandard

from kg.errors import KgError
from kg.frames import DATA, END, FRAME, HEAD, FrameReader, Order, Query, frame
from kg.paths import ROOT
from kg.pool import QUICK, Limits, Pool
from kg.priorities import MAY_RESTORE
from kg.processes import QueryFailed
from kg.snapshots import Snapshots
from kg.store import INDEX, build_store, current_store, open_store, query, reading
from tests.serving import GRAPH_A, SLOW, build, nquads, product, until


def _unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


ONE = "SELECT ?s { ?s ?p ?o } LIMIT 1"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("out"))


def on(out: Path) -> Order:
    """What processes on the store of a folder are told; memory as the server grants it."""
    return Order(str(current_store(out)), memory=2 * 1024**3)


async def told(pool: Pool, text: str, client: str = "", **more: object) -> str:
    """Return `ok` or the kind of failure."""
    try:
        await (await pool.ask(Query(text, **more), client)).read()  # type: ignore[arg-type]
    except QueryFailed as failure:
        return failure.kind
    return "ok"


def pids(pool: Pool) -> list[int]:
    return [worker.pid for worker in pool._all]


def test_a_killed_process_ends_one_query_and_is_replaced(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=10)) as pool:
            for _ in range(3):
                asking = asyncio.create_task(told(pool, SLOW))
                assert await until(lambda: pool.running == 1)
                (busy,) = [w for w in pool._all if w.answer]
                os.kill(busy.pid, signal.SIGKILL)
                assert await asking == "crash"
                assert await told(pool, ONE) == "ok"
            assert pool.tally.deaths == 3

    asyncio.run(run())


def test_idle_processes_that_die_are_replaced(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=2)) as pool:
            assert await until(lambda: len(pool._idle) >= 3)
            killed = pids(pool)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            assert await until(lambda: pool.tally.deaths == len(killed))
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_a_nursery_that_dies_is_started_again(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            assert pool._nursery._process
            pool._nursery._process.kill()
            await asyncio.sleep(0.3)
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_an_order_that_crashes_the_engine_is_asked_for_otherwise(out):
    def mixed(seed: int) -> str:
        dice = random.Random(seed)
        kinds = (lambda: str(dice.randint(-50, 50)), lambda: f'"{dice.randint(0, 99)}{dice.choice(["", "a"])}"@en')
        return " ".join(dice.choice(kinds)() for _ in range(1500))

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=20)) as pool:
            for seed in range(6):
                answer = await pool.ask(Query(f"SELECT ?x {{ VALUES ?x {{ {mixed(seed)} }} }} ORDER BY ?x", "csv"))
                assert len((await answer.read()).split()) == 1501
            assert pool.tally.deaths, "the engine no longer crashes here: `safe_order` can go"

    asyncio.run(run())


def test_the_deadline_kills_in_time_and_replaces(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=0.5)) as pool:
            started = time.perf_counter()
            assert await told(pool, SLOW) == "deadline"
            assert time.perf_counter() - started < 1.5
            assert await told(pool, ONE) == "ok"
            assert await until(lambda: not any(_is_busy(pid) for pid in pids(pool)))

    asyncio.run(run())


def _is_busy(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "R"


def test_memory_is_limited(out):
    hungry = f"SELECT (COUNT(*) AS ?n) {{ {{ SELECT DISTINCT * {{ {product('abc', 300)} }} }} }}"

    async def run() -> None:
        order = Order(str(current_store(out)), memory=700 * 1024**2)
        async with Pool(order, Limits(workers=1, seconds=20)) as pool:
            assert await told(pool, hungry) == "memory"
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_a_full_queue_is_told_at_once(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long=1, seconds=1, queue=1)) as pool:
            started = time.perf_counter()
            kinds = await asyncio.gather(*(told(pool, SLOW, client="a") for _ in range(6)))
            assert "deadline" in kinds
            assert kinds.count("overload") >= 3
            assert time.perf_counter() - started < 3
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_long_queries_leave_room_for_short_ones(out):
    """Eight long queries of one client; another client, and later the same one, are still answered at once."""

    async def run() -> None:
        async with Pool(on(out), Limits(workers=2, long=2, seconds=3, long_seconds=0.1)) as pool:
            assert await until(lambda: len(pool._idle) >= 3)
            hogs = [asyncio.create_task(told(pool, SLOW, client="hog")) for _ in range(8)]
            await asyncio.sleep(0.02)
            started = time.perf_counter()
            assert await told(pool, ONE, client="other") == "ok"
            assert time.perf_counter() - started < 0.5
            assert await until(lambda: len(pool._parked) == 7)
            assert pool.tally.long == 1, "one client has all places of the long lane but one"
            assert await told(pool, ONE, client="hog") == "ok"
            other = asyncio.create_task(told(pool, SLOW, client="third"))
            assert await until(lambda: pool.tally.long == 2), "the last place of the long lane is for somebody else"
            for task in [*hogs, other]:
                task.cancel()
            await asyncio.gather(*hogs, other, return_exceptions=True)
            assert await until(lambda: not pool.running and not pool.waiting)

    asyncio.run(run())


@pytest.mark.skipif(not (MAY_RESTORE and hasattr(os, "SCHED_IDLE")), reason="the system does not let priorities be changed back")
def test_what_runs_a_long_query_lets_others_go_first(out):
    """The thread that is at it has the lowest priority, and has its own again when it is done."""

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long=1, seconds=20, long_seconds=0.1)) as pool:
            asking = asyncio.create_task(told(pool, f"SELECT (COUNT(*) AS ?n) {{ {product('abc', 200)} }}"))
            assert await until(lambda: pool.running == 1)
            (busy,) = [w for w in pool._all if w.answer]
            assert await until(lambda: os.sched_getscheduler(busy.thread) == os.SCHED_IDLE)
            assert Path(f"/proc/{busy.pid}/task/{busy.thread}/stat").read_text().rsplit(")")[1].split()[0] == "R"
            # priorities hold within a session: one of its own would have half the processor (Linux: CONFIG_SCHED_AUTOGROUP)
            assert os.getsid(busy.pid) == os.getsid(0)
            assert await asking == "ok"
            assert os.sched_getscheduler(busy.thread) == os.SCHED_OTHER

    asyncio.run(run())


def test_a_long_query_that_waited_is_answered_in_the_end(out):
    """Queries of some tenths of a second, more than fit the long lane: each gets its turn."""
    some = f"SELECT (COUNT(*) AS ?n) {{ {product('abc', 150)} }}"

    async def run() -> None:
        async with Pool(on(out), Limits(workers=2, long=1, seconds=60, long_seconds=0.05)) as pool:
            assert set(await asyncio.gather(*(told(pool, some, client=str(i)) for i in range(4)))) == {"ok"}
            assert pool.tally.long >= 1

    asyncio.run(run())


async def is_sent_ahead(pool: Pool) -> bool:
    first, second = (asyncio.create_task(numbers(pool, number)) for number in range(2))
    await turns()
    found = bool(pool._behind)
    assert (await first, await second) == ([0], [1])
    return found


def test_nothing_is_sent_behind_a_query_before_one_was_quick(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            assert await until(lambda: len(pool._idle) > 1)
            assert not await is_sent_ahead(pool)
            while pool._pace >= QUICK:
                assert await numbers(pool, 2) == [2]
            assert await is_sent_ahead(pool)

    asyncio.run(run())


def test_clients_take_turns(out):
    """A client that asks once waits for one query of another client that asked ten times before, not for ten."""

    async def run() -> None:
        order: list[str] = []

        async def ask(pool: Pool, client: str) -> None:
            await told(pool, f"SELECT (COUNT(*) AS ?n) {{ {product('abc', 60)} }}", client=client)
            order.append(client)

        async with Pool(on(out), Limits(workers=1, seconds=30, long_seconds=30)) as pool:
            first = [asyncio.create_task(ask(pool, "many")) for _ in range(10)]
            await asyncio.sleep(0)
            await asyncio.gather(*first, ask(pool, "b"), ask(pool, "c"), ask(pool, "d"))
        assert max(order.index(name) for name in "bcd") <= 6, order

    asyncio.run(run())


def numbered(number: int, rows: int = 1) -> str:
    return f"SELECT (({number} + ?n) AS ?x) {{ VALUES ?n {{ {' '.join(map(str, range(rows)))} }} }}"


async def numbers(pool: Pool, number: int, rows: int = 1, client: str = "a") -> list[int]:
    answer = await pool.ask(Query(numbered(number, rows), "csv"), client)
    return [int(line) for line in (await answer.read()).split()[1:]]


async def turns(number: int = 3) -> None:
    """Let tasks begin that were just made."""
    for _ in range(number):
        await asyncio.sleep(0)


def test_quick_queries_are_sent_ahead_and_each_gets_its_own_answer(out):
    """Small and large ones, wrong ones and ones that are given up, of three clients at the same time."""

    async def run() -> None:
        async with Pool(on(out), Limits(workers=2, queue=1000)) as pool:
            pool._pace = 0.0  # as after many quick queries
            asked = [(number, 20_000 if number % 50 == 7 else number % 9) for number in range(300)]
            asking = [asyncio.create_task(numbers(pool, *one, client="abc"[one[0] % 3])) for one in asked]
            wrong = [asyncio.create_task(told(pool, f"SELECT ?x {{ {n} }}", client="abc"[n % 3])) for n in range(30)]
            await turns()
            assert pool._behind, "none was sent ahead"
            for task in asking[100:120]:
                task.cancel()
            found = await asyncio.gather(*asking, return_exceptions=True)
            assert all(isinstance(answer, BaseException) for answer in found[100:120])
            for (number, rows), answer in zip(asked, found, strict=True):
                assert number in range(100, 120) or answer == list(range(number, number + rows))
            assert set(await asyncio.gather(*wrong)) == {"syntax"}
            assert not pool.waiting and await until(lambda: not pool.running)

    asyncio.run(run())


def test_what_stands_behind_a_slow_query_is_taken_back(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=2, seconds=30, long_seconds=30)) as pool:
            pool._pace = 0.0  # as after many quick queries
            assert await until(lambda: len(pool._idle) >= 4)
            slow = [asyncio.create_task(told(pool, SLOW, "a")) for _ in range(2)]
            quick = asyncio.create_task(numbers(pool, 5))
            await turns()
            (behind,) = pool._behind
            assert await until(lambda: not pool._behind) and len(pool._waiting) == 1
            assert any(worker.behind and worker.behind.unwanted for worker in pool._all)
            other = next(a for a in pool._running.all if a.worker and not a.worker.behind)
            other.close()  # a place is free, though the one that it was sent to is still at the other slow query
            assert await quick == [5] and pool.running == 1 and behind.whole
            slow[0].cancel(), slow[1].cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            assert pool.tally.ends == {"ok": 1, "gone": 2}

    asyncio.run(run())


def test_an_answer_that_nobody_reads_is_written_in_vain(out, monkeypatch):
    """The process has the query already when its client gives up; what it asks next gets its own answer, and counts once."""
    monkeypatch.setattr("kg.pool.BEHIND", 60.0)

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long_seconds=30)) as pool:
            pool._pace = 0.0  # as after many quick queries
            first = asyncio.create_task(told(pool, f"SELECT (COUNT(*) AS ?n) {{ {product('abc', 100)} }}", "a"))
            given_up, third = asyncio.create_task(numbers(pool, 2)), asyncio.create_task(numbers(pool, 3))
            await turns()
            assert pool._behind
            given_up.cancel()
            assert await first == "ok" and await third == [3] and await numbers(pool, 4) == [4]
            assert pool.tally.ends == {"ok": 3, "gone": 1} and pool.tally.rows == 3 and not pool.tally.deaths

    asyncio.run(run())


@pytest.mark.parametrize("is_slow", [False, True])
def test_an_answer_in_vain_takes_no_longer_than_a_moment(out, monkeypatch, is_slow):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long_seconds=30)) as pool:
            pool._pace = 0.0  # as after many quick queries
            monkeypatch.setattr("kg.pool.BEHIND", 60.0)
            first = asyncio.create_task(told(pool, f"SELECT (COUNT(*) AS ?n) {{ {product('abc', 100)} }}", "a"))
            second = asyncio.create_task(told(pool, SLOW if is_slow else ONE, "a"))
            await turns()
            process = next(worker for worker in pool._all if worker.behind)
            second.cancel()
            monkeypatch.setattr("kg.pool.BEHIND", 0.3)
            assert await first == "ok"
            assert await until(lambda: not pool.running) and process.ended == is_slow
            assert await numbers(pool, 4) == [4]

    asyncio.run(run())


def test_a_process_that_dies_gives_back_what_it_had_not_begun(out, monkeypatch):
    monkeypatch.setattr("kg.pool.BEHIND", 60.0)

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long_seconds=30)) as pool:
            pool._pace = 0.0  # as after many quick queries
            slow, quick = asyncio.create_task(told(pool, SLOW, "a")), asyncio.create_task(numbers(pool, 5))
            await turns()
            (behind,) = pool._behind
            assert behind.worker
            os.kill(behind.worker.pid, signal.SIGKILL)
            assert await slow == "crash" and await quick == [5]
            assert pool.tally.ends == {"crash": 1, "ok": 1}

    asyncio.run(run())


def test_a_deadline_holds_for_what_stands_behind_another(out, monkeypatch):
    monkeypatch.setattr("kg.pool.BEHIND", 60.0)

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=0.5, long_seconds=30)) as pool:
            assert await asyncio.gather(told(pool, SLOW, "a"), told(pool, SLOW, "a")) == ["deadline", "overload"]
            assert await numbers(pool, 5) == [5]

    asyncio.run(run())


def test_a_query_that_nobody_waits_for_ends(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=20)) as pool:
            left = False
            asking = asyncio.create_task(pool.ask(Query(SLOW), "a", lambda: left))
            assert await until(lambda: pool.running == 1)
            left = True
            with pytest.raises(QueryFailed, match="gone"):
                await asking
            assert not pool.running and await told(pool, ONE) == "ok"

    asyncio.run(run())


def test_who_had_a_long_query_counts_as_such_for_a_while(out, monkeypatch):
    """Else sixteen that end at the same time would come back with all rights of one who never had any."""
    monkeypatch.setattr("kg.pool.LASTING", 0.3)

    async def run() -> None:
        async with Pool(on(out), Limits(workers=2, seconds=0.4, long_seconds=0.1)) as pool:
            for client, lasts in (("hog", True), ("", False)):
                assert await told(pool, SLOW, client) == "deadline"
                assert pool._is_heavy(client) == lasts, "the site's own queries have no client"
            assert await told(pool, ONE, "hog") == "ok"
            await asyncio.sleep(0.3)
            assert not pool._is_heavy("hog")

    asyncio.run(run())


def test_a_long_query_does_not_begin_anew_when_its_time_is_up(out):
    """One that waits for a place among the long ones has failed when less is left than it has had already."""

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, long=1, seconds=1.2, long_seconds=0.4)) as pool:
            started = time.perf_counter()
            asking = [asyncio.create_task(told(pool, SLOW, client)) for client in "ab"]
            assert await until(lambda: len(pool._parked) == 1)
            done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1 and 0.75 < time.perf_counter() - started < 1.1
            assert await asyncio.gather(*asking) == ["deadline", "deadline"]

    asyncio.run(run())


def test_the_answer_is_limited_and_closing_frees_the_process(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=10)) as pool:
            assert await told(pool, "SELECT * { ?s ?p ?o }", max_bytes=100) == "size"
            answer = await pool.ask(Query(f"SELECT * {{ {product('abc', 100)} }}"))
            assert not answer.whole
            answer.close()
            assert await told(pool, ONE) == "ok"

    asyncio.run(run())


NASTY = '"}},{" "}},{\\"" "a\\nb" "<result>" "</result>" "x},{}" "q\\"\\r\\n"'


@pytest.mark.parametrize("format_", ["json", "xml", "csv", "tsv"])
@pytest.mark.parametrize("rows", [0, 1, 7, 30, 20_000])
def test_rows_are_counted_whatever_stands_in_them(out, format_, rows):
    times = f"{{ VALUES ?n {{ {' '.join(map(str, range(rows)))} }} }}" if rows != 7 else ""
    nasty = NASTY if format_ != "json" else NASTY.replace("}},{", "}}, {")  # the one text that JSON's count takes for a row
    text = f"SELECT * {{ {times} VALUES ?x {{ {nasty if rows == 7 else 1} }} }}"

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            answer = await pool.ask(Query(text, format_))
            await answer.read()
            assert answer.rows == rows and not answer.cut

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "rows", "cut"),
    [
        ("SELECT ?x { VALUES ?x { 1 2 3 4 5 } }", 3, True),
        ("SELECT ?x { VALUES ?x { 1 2 3 4 5 } } LIMIT 4 # VALUES", 3, True),
        ("SELECT ?x { VALUES ?x { 1 2 3 4 5 } } LIMIT 2", 2, False),
        ("SELECT ?x { VALUES ?x { 1 2 } }", 2, False),
        ("SELECT ?x { { SELECT ?x { VALUES ?x { 1 2 3 4 5 } } LIMIT 4 } } OFFSET 1", 3, True),
        ("SELECT ?x { } VALUES ?x { 1 2 3 4 5 }", 3, True),
        ("SELECT (COUNT(*) AS ?limit) { VALUES ?x { 1 2 3 4 5 } }", 1, False),
    ],
)
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_a_cut_answer_says_so(out, text, rows, cut, format_):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            answer = await pool.ask(Query(text, format_, max_rows=3))
            data = await answer.read()
            assert (answer.rows, answer.cut) == (rows, cut)
            if format_ == "json":
                told_rows = json.loads(data)
                assert len(told_rows["results"]["bindings"]) == rows and ("cut" in told_rows) == cut
            else:
                assert len(ET.fromstring(data)[1]) == rows and (b"<!-- cut" in data) == cut

    asyncio.run(run())


@pytest.mark.parametrize(("encoding", "decode"), [("gzip", gzip.decompress), ("zstd", _unzstd)])
@pytest.mark.parametrize("size", [10, 3000])
def test_answers_are_compressed_where_it_is_worth_while(out, encoding, decode, size):
    query_ = Query(f"SELECT * {{ {product('a', size)} }}", "csv", encoding=encoding)

    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            answer = await pool.ask(query_)
            data = await answer.read()
            assert answer.encoding == (encoding if size > 1000 else "")
            assert len((decode(data) if answer.encoding else data).split()) == size + 1

    asyncio.run(run())


@pytest.mark.parametrize("piece", [1, 2, 4, 5, 6, 7, 11, 100])
def test_frames_are_read_however_they_are_cut(piece):
    whole = frame(HEAD, b"head") + frame(DATA, b"some data") + frame(DATA, b"more") + frame(END, b"1 0") + frame(HEAD, b"")
    reader, found = FrameReader(), list[tuple[bytes, bytes]]()
    for start in range(0, len(whole), piece):
        found += reader.take(whole[start : start + piece])
    assert [(kind, payload) for kind, payload in found if kind != DATA] == [(HEAD, b"head"), (END, b"1 0"), (HEAD, b"")]
    assert b"".join(payload for kind, payload in found if kind == DATA) == b"some datamore"


def test_a_query_is_the_same_on_the_other_side():
    for query_ in (Query("ASK {}"), Query("a\nb \ud800 ñ", None, "nquads", ["a:b"], [], "zstd", 7, 8, 9)):
        assert Query.unpacked(query_.packed()[FRAME.size :]) == query_


def test_columns_come_in_the_order_of_the_query(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            answer = await pool.ask(Query("SELECT * { ?zeta rdfs:label ?alpha OPTIONAL { ?mid pg:text ?alpha } } LIMIT 1"))
            await answer.read()
            assert answer.variables == ("zeta", "alpha", "mid")

    asyncio.run(run())


def test_no_process_reaches_the_network(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1)) as pool:
            assert pool.isolated
            for pid in pids(pool):
                assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
            assert await told(pool, "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }") == "service"

    asyncio.run(run())


def test_cancelling_frees_the_process(out):
    async def run() -> None:
        async with Pool(on(out), Limits(workers=1, seconds=20)) as pool:
            task = asyncio.create_task(told(pool, SLOW))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            started = time.perf_counter()
            assert await told(pool, ONE) == "ok"
            assert time.perf_counter() - started < 5

    asyncio.run(run())


# --- snapshots -----------------------------------------------------------------------------------------------------------

COUNT = Query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "csv")


async def count(pool: Pool) -> int:
    return int((await (await pool.ask(COUNT)).read()).split()[1])


def test_a_new_build_takes_over_and_the_old_folder_goes_with_its_last_request(tmp_path):
    out = build(tmp_path)
    first = current_store(out)

    async def run() -> None:
        async with Snapshots(out, Limits(workers=1), Limits(workers=1)) as snapshots:
            old = snapshots.take()
            before = await count(old.queries)
            build(out, f"<a:a> <b:b> <c:c> <{GRAPH_A}> .\n")
            assert await snapshots.reload() and not await snapshots.reload()
            new = snapshots.take()
            assert await count(new.queries) == before + 1
            assert await count(old.queries) == before, "a request sees one snapshot from beginning to end"
            assert first.is_dir()
            snapshots.leave(old)
            assert await until(lambda: not first.exists())
            assert await count(new.queries) == before + 1
            snapshots.leave(new)

    asyncio.run(run())
    assert [p.name for p in (out / "store").iterdir() if p.is_dir()] == [current_store(out).name]


def test_the_watch_sees_a_new_build_by_itself(tmp_path):
    out = build(tmp_path)

    async def run() -> None:
        async with Snapshots(out, Limits(workers=1), Limits(workers=1)) as snapshots:
            version = snapshots.current.version
            build(out, f"<a:a> <b:b> <c:c> <{GRAPH_A}> .\n")
            assert await until(lambda: snapshots.current.version != version)

    asyncio.run(run())


def test_a_store_that_cannot_be_served_leaves_the_old_one_in_service(tmp_path):
    out = build(tmp_path)

    async def run() -> None:
        async with Snapshots(out, Limits(workers=1), Limits(workers=1)) as snapshots:
            snapshot = snapshots.take()
            before = await count(snapshot.queries)
            shutil.copytree(current_store(out) / INDEX, out / "store" / "broken" / INDEX)
            (out / "store" / "current").write_text("broken\n")
            with pytest.raises(QueryFailed, match="unavailable"):
                await snapshots.reload()
            assert await count(snapshots.current.queries) == before
            snapshots.leave(snapshot)

    asyncio.run(run())


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


def test_a_build_killed_at_any_moment_leaves_a_servable_store(tmp_path):
    out = build(tmp_path)
    first = current_store(out)
    more = "".join(f'<a:s{i}> <b:b> "{i} {"x" * 50}" <{GRAPH_A}> .\n' for i in range(60_000))
    (out / "graph.nq").write_text(nquads(more), encoding="utf-8")
    code = "import sys; from pathlib import Path; from kg.store import build_store; build_store(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(out / "graph.nq"), str(out)]
    for delay in (0.3, 0.45, 0.6, 0.75, 0.9):
        process = subprocess.Popen(command, cwd=ROOT)
        time.sleep(delay)
        process.kill()
        process.wait()
        with reading(out) as store:
            assert query(store, "ASK { ?s ?p ?o }").rows == [(True,)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    assert current_store(out) != first
    assert [p.name for p in (out / "store").iterdir() if p.is_dir()] == [current_store(out).name]
