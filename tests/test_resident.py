"""The triples in memory: the same as on disk, taken when they fit, and left without a request that fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import kg.nursery
import kg.resident
import kg.snapshots
from api.settings import load_settings
from kg.errors import KgError
from kg.frames import Order, Query
from kg.pool import Limits, Pool
from kg.processes import QueryFailed
from kg.resident import FILE, free_memory, load_resident, needed, write_resident
from kg.snapshots import Snapshots
from kg.store import build_store, current_store, open_store
from tests.serving import GRAPH_A, build, product, until

ONE = Limits(workers=1, spare=1)
COUNT = Query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "csv")


@pytest.fixture(autouse=True)
def _soon(monkeypatch) -> None:
    monkeypatch.setattr(kg.nursery, "PAUSE", 0.01)
    monkeypatch.setattr(kg.nursery, "LOOK", 0.01)


@pytest.fixture
def out(tmp_path) -> Path:
    return build(tmp_path / "out")


def serving(out: Path, in_memory: float = 1.0) -> Snapshots:
    return Snapshots(out, ONE, ONE, in_memory=in_memory)


def nurseries(pool: Pool) -> set[str]:
    """Tell what the processes of a pool have been forked from: empty for disk, the folder for memory."""
    return {_started_with(worker.pid) for worker in pool._all if worker.ready and not worker.ended}


def _started_with(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[3]
    except (OSError, IndexError):
        return "it is ending"


def in_memory(snapshots: Snapshots) -> bool:
    return nurseries(snapshots.current.queries) == nurseries(snapshots.current.pages) == {str(current_store(snapshots.out))}


def on_disk(snapshots: Snapshots) -> bool:
    return nurseries(snapshots.current.queries) == {""}


async def count(pool: Pool) -> int:
    return int((await (await pool.ask(COUNT)).read()).split()[1])


# --- the file ------------------------------------------------------------------------------------------------------------


def test_memory_holds_what_the_disk_holds(out):
    folder = current_store(out)
    assert set(load_resident(folder)) == set(open_store(folder))


def test_what_has_a_predicate_in_common_lies_together(out):
    quads = list(load_resident(current_store(out)))
    copies = [q.predicate.value for q in reversed(quads) if q.graph_name.__class__.__name__ == "NamedNode"]
    changes = sum(a != b for a, b in pairwise(copies))
    assert changes == len(set(copies)) - 1


def test_the_last_line_may_lack_its_end(tmp_path):
    lines = [f'<a:{i}> <b:{9 - i}> "x" <{GRAPH_A}> .' for i in range(9)]
    (tmp_path / "graph.nq").write_text("\n".join(lines))
    build_store(tmp_path / "graph.nq", tmp_path)
    assert len(load_resident(current_store(tmp_path))) == 18


def test_an_older_store_gets_its_file_with_the_next_build(out):
    file = current_store(out) / FILE
    written = file.read_bytes()
    file.unlink()
    assert needed(current_store(out)) == 0
    build(out)
    assert file.read_bytes() == written


def test_very_large_graphs_stay_on_disk(out, monkeypatch):
    folder = current_store(out)
    (folder / FILE).unlink()
    monkeypatch.setattr(kg.resident, "MOST", 100)
    write_resident(out / "graph.nq", folder)
    assert not (folder / FILE).exists()
    assert needed(folder) == 0


@pytest.mark.parametrize("content", [b"", b"oops", None, "half"])
def test_a_broken_file_is_told(out, content):
    file = current_store(out) / FILE
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == "half" else content or b"")
    if content is None:
        file.unlink()
    if content == b"":
        assert needed(current_store(out)) == 0
    else:
        with pytest.raises(KgError, match="kg build"):
            load_resident(current_store(out))


# --- serving -------------------------------------------------------------------------------------------------------------


def test_what_is_soon_in_memory_is_served_from_there_at_once(out):
    async def run() -> None:
        async with serving(out) as snapshots:
            assert snapshots.current.in_memory
            assert in_memory(snapshots)
            assert snapshots._nursery._process is None, "nobody needed the other one"
            assert await count(snapshots.current.queries)

    asyncio.run(run())


def test_what_takes_longer_is_answered_from_disk_until_it_is_in_memory(out, monkeypatch):
    monkeypatch.setattr(kg.snapshots, "PATIENCE", 0.01)
    monkeypatch.setattr(kg.nursery, "LOOK", 3.0)

    async def run() -> None:
        async with serving(out) as snapshots:
            before = [worker.pid for pool in (snapshots.current.queries, snapshots.current.pages) for worker in pool._all]
            assert not snapshots.current.in_memory
            right = await count(snapshots.current.queries)
            while not in_memory(snapshots):
                assert await count(snapshots.current.queries) == await count(snapshots.current.pages) == right
            assert snapshots.current.in_memory
            assert await count(snapshots.current.queries) == right
            assert await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before))
            assert sum(tally.deaths for tally in snapshots.tallies.values()) == 0

    asyncio.run(run())


def test_no_query_is_lost_when_processes_are_replaced(out):
    async def run() -> None:
        async with Pool(Order(store=str(current_store(out))), Limits(workers=2)) as pool:
            right, left = await count(pool), [40]

            async def client() -> None:
                while left[0] > 0:
                    assert await count(pool) == right

            async def renew() -> None:
                while left[0] > 0:
                    pool.renew()
                    await asyncio.sleep(0.02)
                    left[0] -= 1

            await asyncio.gather(renew(), *(client() for _ in range(6)))
            assert set(pool.tally.ends) == {"ok"}
            assert pool.tally.deaths == 0
            assert await until(lambda: not pool._outdated)
            assert await until(lambda: len(pool._all) == 2 + 1 + pool.limits.spare)

    asyncio.run(run())


def test_processes_that_cannot_be_replaced_go_on(out, monkeypatch):
    def refused(order: Order) -> None:
        raise KgError("no query process can be started")

    async def run() -> None:
        async with Pool(Order(store=str(current_store(out))), Limits(workers=1)) as pool:
            before = set(pool._all)
            monkeypatch.setattr(pool._nursery, "hatch", refused)
            pool.renew()
            for _ in range(3):
                assert await count(pool)
            assert pool._all == before

    asyncio.run(run())


def test_a_query_that_runs_when_processes_are_replaced_ends_in_its_own(out):
    async def run() -> None:
        async with Pool(Order(store=str(current_store(out))), Limits(workers=1)) as pool:
            slow = f"SELECT (COUNT(*) AS ?n) {{ {product('abcd', 60)} }}"
            asking = asyncio.create_task(pool.ask(Query(slow, "csv")))
            assert await until(lambda: pool.running == 1)
            (busy,) = [worker for worker in pool._all if worker.answer]
            pool.renew()
            assert (await (await asking).read()).split()[1] == b"12960000"
            assert pool.tally.ends["ok"] == 1
            assert await until(lambda: busy not in pool._all and not pool._outdated)

    asyncio.run(run())


def test_when_the_memory_is_lost_the_disk_serves_until_it_is_back(out, monkeypatch):
    monkeypatch.setattr(kg.nursery, "PAUSE", 3.0)

    async def run() -> None:
        async with serving(out) as snapshots:
            assert await until(lambda: in_memory(snapshots))
            residence = snapshots.current.residence
            assert residence and residence._process
            os.kill(residence._process.pid, signal.SIGKILL)
            assert await until(lambda: on_disk(snapshots) and snapshots.current.queries._idle)
            assert await count(snapshots.current.queries)
            assert await until(lambda: in_memory(snapshots))
            assert await count(snapshots.current.queries)

    asyncio.run(run())


def test_what_cannot_be_taken_into_memory_is_served_from_disk(out, capfd, caplog):
    (current_store(out) / FILE).write_bytes(whole := (current_store(out) / FILE).read_bytes()[:-20])
    assert whole

    async def run() -> None:
        async with serving(out) as snapshots:
            keeping = snapshots.current.keeping
            assert keeping
            await asyncio.wait_for(keeping, 60)
            assert on_disk(snapshots)
            assert not snapshots.current.in_memory
            assert await count(snapshots.current.queries)

    asyncio.run(run())
    assert capfd.readouterr().err.count("cannot be taken into memory") == kg.nursery.ATTEMPTS
    assert caplog.text.count("read from disk") == kg.nursery.ATTEMPTS


@pytest.mark.parametrize(("part", "free"), [(0.0, 10**12), (0.25, 1000)])
def test_what_does_not_fit_stays_on_disk(out, monkeypatch, part, free):
    monkeypatch.setattr(kg.snapshots, "free_memory", lambda: free)

    async def run() -> None:
        async with serving(out, part) as snapshots:
            assert snapshots.current.residence is None
            assert on_disk(snapshots)
            assert await count(snapshots.current.queries)

    asyncio.run(run())


def test_a_new_build_goes_into_memory_and_the_old_one_out_of_it(out):
    async def run() -> None:
        async with serving(out) as snapshots:
            assert await until(lambda: in_memory(snapshots))
            old = snapshots.current
            assert old.residence and old.residence._process
            process, before = old.residence._process, await count(old.queries)
            build(out, f"<a:a> <b:b> <c:c> <{GRAPH_A}> .\n")
            await snapshots.reload()
            assert await count(snapshots.current.queries) == before + 1
            assert await until(lambda: in_memory(snapshots))
            assert await count(snapshots.current.queries) == before + 1
            assert await until(lambda: process.poll() is not None)
            assert sum(tally.deaths for tally in snapshots.tallies.values()) == 0, "they were asked to end"

    asyncio.run(run())


def test_where_no_process_can_be_started_the_disk_serves(out, monkeypatch, caplog):
    def refused(self) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(kg.nursery.Residence, "start", refused)

    async def run() -> None:
        async with serving(out) as snapshots:
            assert snapshots.current.keeping
            await asyncio.wait_for(snapshots.current.keeping, 60)
            assert await count(snapshots.current.queries)

    asyncio.run(run())
    assert "Cannot allocate memory" in caplog.text


def test_one_that_is_closed_while_it_loads_leaves_no_process(out):
    async def run() -> None:
        async with serving(out) as snapshots:
            residence = snapshots.current.residence
            assert residence
            assert await until(lambda: residence._process is not None)
            process = residence._process
        assert process and process.poll() is not None

    asyncio.run(run())


def test_a_residence_without_a_process_sends_elsewhere(out):
    class Elsewhere(kg.nursery.Nursery):
        def hatch(self, order):
            raise QueryFailed("unavailable", order.store)

    residence = kg.nursery.Residence("folder", Elsewhere())
    residence.ready = True
    with pytest.raises(QueryFailed, match="a store"):
        residence.hatch(Order(store="a store"))


def test_a_part_is_not_more_than_the_whole():
    assert load_settings({"KG_IN_MEMORY": "0"}).in_memory == 0
    with pytest.raises(KgError, match="from 0 to 1"):
        load_settings({"KG_IN_MEMORY": "50"})


# --- how much memory is free ---------------------------------------------------------------------------------------------


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal:  8000 kB\nMemFree: 100 kB\nMemAvailable:   4000 kB\nHugePages_Total:       0\n"


def cases() -> Iterator[tuple[str, dict[str, str], int]]:
    info, mine = {"proc/meminfo": MEMINFO}, {"proc/self/cgroup": "1:name=systemd:/\n0::/a/b\n"}
    stat = "anon 1000\nfile 5000\n"
    yield "nothing is said", {}, 0
    yield "no groups", info, 4000 * 1024
    yield "only groups of version 1", {**info, "proc/self/cgroup": "4:memory:/a\n"}, 4000 * 1024
    yield "no limit", {**info, **mine, "sys/fs/cgroup/a/b/memory.max": "max\n"}, 4000 * 1024
    own = {"sys/fs/cgroup/a/b/memory.max": "3000\n", "sys/fs/cgroup/a/b/memory.stat": stat}
    yield "a limit of its own", {**info, **mine, **own}, 2000
    above = {"sys/fs/cgroup/a/memory.max": "1500\n", "sys/fs/cgroup/a/memory.stat": stat}
    yield "a narrower one above", {**info, **mine, **own, **above}, 500
    yield "one that is used up", {**info, **mine, **own, "sys/fs/cgroup/a/b/memory.max": "10\n"}, 0


@pytest.mark.parametrize(("what", "files", "free"), [pytest.param(*case, id=case[0]) for case in cases()])
def test_free_memory_is_what_system_and_groups_leave(tmp_path, what, files, free):
    assert free_memory(machine(tmp_path, files)) == free


def test_this_machine_says_how_much_is_free():
    assert free_memory() > 10 * 1024**2
