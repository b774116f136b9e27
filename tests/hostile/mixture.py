"""Group 14: a thousand requests by twenty threads, good and bad ones mixed; the good ones are all answered rightly."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.hostile import network, pages, sizes, transport
from tests.hostile.cases import Case, Failure, ensure, is_right, settle, shown, small_query
from tests.hostile.runaways import ensure_memory, ensure_rest
from tests.hostile.site import Site
from tests.hostile.wire import query_path, query_request, request

REQUESTS, THREADS, SEED = 1000, 20, 7
GOOD = 0.4  # the share of honest queries
MB = 1 << 20
MARGIN = 128 * MB  # bytes that may stay: two pools of workers, each a little larger after many queries
FILES = 16


def cases() -> list[Case]:
    """Return the cases of this module."""
    return [Case(14, f"{REQUESTS} requests, {THREADS} threads, seed {SEED}", _mixed, False)]


@dataclass
class Tally:
    """What became of the requests."""

    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def _bad_cases() -> list[Case]:
    """Return the quick cases of all groups; those that look at the whole (and would see the others' work) are left out."""
    everything = [*network.cases(), *sizes.cases(), *pages.cases(), *transport.cases()]
    heavy = ("URL of", "path of 1", "gzip", "deflate", "nobody", "the graph is", "1 MB")
    return [c for c in everything if c.quick and c.group != 4 and not c.name.startswith(heavy) and not c.name.endswith("1 MB")]


def _mixed(site: Site) -> str:
    settle(site)
    memory, files = site.processes.memory(), site.processes.files()
    chance, tally = random.Random(SEED), Tally()
    hostile = _bad_cases()
    deep = [c for c in sizes.cases() if c.group == 4 and c.quick]
    jobs = [
        None if chance.random() < GOOD else chance.choice(deep if chance.random() < 0.1 else hostile) for _ in range(REQUESTS)
    ]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda job: _one(site, *job, tally), enumerate(jobs)))
    told = f"good {dict(tally.good)}, bad {dict(tally.bad)}"
    ensure(not tally.wrong, f"{len(tally.wrong)} good ones went wrong, e.g. {tally.wrong[0] if tally.wrong else ''}; {told}")
    ensure(tally.good["200"] >= 0.5 * sum(tally.good.values()), f"too few were answered: {told}")
    ensure_rest(site)
    ensure_memory(site, memory, MARGIN)
    ensure(site.processes.files() <= files + FILES, f"{site.processes.files()} open files, {files} before")
    return told


def _one(site: Site, number: int, case: Case | None, tally: Tally) -> None:
    if case is None:
        _good(site, number, tally)
        return
    try:
        case.run(site)
        ended = "as expected"
    except Failure:
        ended = "otherwise"  # alone it is judged in its own group
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        ended = type(error).__name__
    with tally.lock:
        tally.bad[ended] += 1


def _good(site: Site, number: int, tally: Tally) -> None:
    """Ask an honest query, from one of many addresses; 503 with Retry-After is honest too."""
    text = small_query(14_000 + number)
    data = query_request(text) if number % 2 else request("GET", query_path(text))
    try:
        reply = site.address.exchange(data, source=f"127.0.4.{number % 50 + 1}", timeout=10).reply
    except OSError as error:
        with tally.lock:
            tally.wrong.append(f"{number}: {type(error).__name__}")
        return
    right = (
        is_right(reply, 14_000 + number) if reply.status == 200 else reply.status == 503 and reply.header("retry-after").isdigit()
    )
    with tally.lock:
        tally.good[shown(reply.status)] += 1
        if not right:
            tally.wrong.append(f"{number}: {shown(reply.status)} {reply.text[:80]!r}")
