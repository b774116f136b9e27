"""`make soak`: mixed load for minutes, while the data is swapped and query processes are killed.

What must hold: every answer is right and wholly of one version of the data, and of the newest soon after a swap; a killed
process costs at most one request; memory and open files do not grow; old store folders are gone at the end, and no process stays.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from isal import isal_zlib

from kg.queries import load_questions
from kg.store import build_store
from tests.bench.client import JSON, Connection, Reply, get, query_target
from tests.bench.engines import free_port, running
from tests.bench.graphs import LONG_PLAN, PLAN, PLAN_GRAPH, write_graph
from tests.bench.queries import ANALYTICAL, JOIN, ROWS, WHOLE_PLAN, Asked, digest

TRIPLES = 20_000
THREADS = 8
PROGRESS = 10.0  # seconds between two lines of progress
SAMPLE = 2.0  # seconds between two looks at memory and files
FRESH = 5.0  # seconds after a swap from which on every answer must be of the new data
BLAME = 3.0  # seconds after a kill in which a failed request is its fault
# What may be more in the last minute than in the second one. Medians: during a swap both versions are there for a moment.
MARGIN_SHARE, MARGIN_TREE, MARGIN_FRONT, MARGIN_FILES = 0.25, 64 * 1024**2, 48 * 1024**2, 24
VERSION = "urn:soak:version"
_MARKED = re.compile(rb"soak-(\d{6})")
_MARKS = f"SELECT ?s ?v WHERE {{ ?s <{VERSION}> ?v }} LIMIT 1"
_CONSTRUCT = f"CONSTRUCT WHERE {{ ?s <{VERSION}> ?v }}"


class Failed(Exception):
    """A request without an answer: what a killed process may cost."""


class Wrong(Exception):
    """An answer that is not the right one: never allowed."""


@dataclass(frozen=True)
class Kind:
    """A kind of request: how often it comes, what is asked, and what is right of an answer."""

    name: str
    weight: int
    request: Callable[[random.Random], bytes]
    check: Callable[[Reply], None]
    status: int = 200
    marked: int = 0  # how often the version must be in the answer


@dataclass
class Sample:
    """Memory (bytes) of all processes and of the first, and all their open files."""

    moment: float
    tree: int
    front: int
    files: int


@dataclass
class Run:
    """What happens, and what was seen."""

    out: Path
    port: int
    pid: int
    seconds: float
    started: float = field(default_factory=time.monotonic)
    over: threading.Event = field(default_factory=threading.Event)
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    versions: list[tuple[float, int]] = field(default_factory=list)  # when each was in service, as far as the build goes
    samples: list[Sample] = field(default_factory=list)
    parents: set[int] = field(default_factory=set)  # processes that were seen to have children: no query workers

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"{self.now():6.0f} s  {text}", flush=True)


# The load


def kinds(plans: int, counts: dict[str, tuple[int, int]]) -> list[Kind]:
    """Return all kinds of requests."""
    questions = [name for name, q in load_questions().items() if not any(p.kind == "plan" for p in q.params)]
    pages = [
        "/",
        "/sparql",
        "/questions",
        "/ontology",
        f"/doc/plan/{_key(0)}",
        f"/doc/plan/{_key(1)}",
        f"/doc/plan/{_key(1)}/s0003",
    ]
    whole = {"": 3, "gzip": 1, "zstd": 1}

    def ask(text: str, accept: str = JSON, encoding: str = "") -> bytes:
        return get(query_target("/sparql", text), accept, encoding)

    def rows(right: tuple[int, int]) -> Callable[[Reply], None]:
        def check(reply: Reply) -> None:
            if digest(_plain(reply)) != right:
                raise Wrong(f"rows and count {digest(_plain(reply))} where {right} is right")

        return check

    def lines(least: int) -> Callable[[Reply], None]:
        def check(reply: Reply) -> None:
            count = _plain(reply).count(b"\n")
            if count < least:
                raise Wrong(f"{count} lines where {least} are the least")

        return check

    def page(reply: Reply) -> None:
        if b"</html>" not in _plain(reply):
            raise Wrong("a page that breaks off")

    def anything(reply: Reply) -> None:
        del reply

    def varied(asked: Asked, encoding: str) -> Callable[[random.Random], bytes]:
        return lambda chance: ask(asked.variant(chance.randrange(99_999)), JSON, encoding)

    def number(chance: random.Random) -> int:
        return chance.randrange(10_000_000)

    found = [
        Kind("small", 30, lambda c: ask(JOIN.text(number(c), plans), JSON, c.choice(("", "gzip"))), rows((ROWS, 0))),
        Kind("cached", 15, lambda _: ask(_MARKS + "000"), rows((LONG_PLAN, 0)), marked=LONG_PLAN),
        Kind("versions", 10, lambda c: ask(_MARKS + f"{number(c):07d}"), rows((LONG_PLAN, 0)), marked=LONG_PLAN),
        Kind("pages", 8, lambda c: get(c.choice(pages), "text/html", c.choice(("", "gzip"))), page),
        Kind("questions", 4, lambda c: get(f"/questions/{c.choice(questions)}?format=json", "application/json"), anything),
        Kind("syntax error", 4, lambda c: ask(f"SELECT ?s WHERE {{ ?s ?p {number(c)}"), anything, status=400),
        Kind("csv", 4, lambda c: ask(_MARKS + f"{number(c):07d}", "text/csv"), lines(LONG_PLAN), marked=LONG_PLAN),
        Kind("turtle", 4, lambda _: ask(_CONSTRUCT, "text/turtle"), lines(LONG_PLAN // 2), marked=LONG_PLAN),
    ]
    for asked in ANALYTICAL:
        found.append(Kind("analytical", 2, varied(asked, ""), rows(counts[asked.name])))
    for coding, weight in whole.items():
        name = f"whole plan {coding}".strip()
        found.append(Kind(name, weight, varied(WHOLE_PLAN, coding), rows(counts[WHOLE_PLAN.name]), marked=LONG_PLAN))
    return found


def load(run: Run, all_kinds: list[Kind], seed: int) -> None:
    """Ask, one request after the other, until the run is over."""
    chance = random.Random(seed)
    weights = [kind.weight for kind in all_kinds]
    with Connection(run.port, 60) as connection:
        while not run.over.is_set():
            kind = chance.choices(all_kinds, weights)[0]
            try:
                _ask(run, connection, kind, chance)
                run.answered[kind.name] += 1
            except Failed as error:
                run.failed.append((run.now(), f"{kind.name}: {error}"))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told at the end
                run.wrong.append(f"{run.now():.1f} s, {kind.name}: {type(error).__name__}: {error}"[:400])


def _ask(run: Run, connection: Connection, kind: Kind, chance: random.Random) -> None:
    request, begun = kind.request(chance), run.now()
    try:
        reply = connection.ask(request)
    except OSError as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
    if reply.status >= 500 and reply.status != kind.status:
        raise Failed(f"status {reply.status}: {_plain(reply)[:200]!r}")
    if reply.status != kind.status:
        raise Wrong(f"status {reply.status} where {kind.status} is right: {request[:120]!r} {_plain(reply)[:200]!r}")
    kind.check(reply)
    if kind.marked:
        _check_versions(run, kind, _plain(reply), begun)


def _check_versions(run: Run, kind: Kind, body: bytes, begun: float) -> None:
    seen = [int(text) for text in _MARKED.findall(body)]
    if len(set(seen)) != 1 or len(seen) != kind.marked:
        raise Wrong(f"an answer of several versions: {dict(Counter(seen))}")
    due = [version for since, version in list(run.versions) if since + FRESH < begun]
    later = {version for since, version in list(run.versions) if since + FRESH >= begun}
    if seen[0] not in later | set(due[-1:]):
        raise Wrong(f"version {seen[0]}, {FRESH:g} s and more after a swap to {due[-1]}")


def _plain(reply: Reply) -> bytes:
    """Return the body without its content encoding."""
    coding = reply.header("content-encoding")
    if coding == "gzip":
        return bytes(isal_zlib.decompress(reply.body, 31))
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(reply.body)
    return reply.body


# What happens meanwhile


def build(out: Path, version: int) -> None:
    """Put a version of the data into service: the same graph with another mark on every statement of its first plan."""
    graph, marked = out / "plain.nq", out / "graph.nq"
    marks = [
        f'<{PLAN.format(0)}/s{i:04d}> <{VERSION}> "soak-{version:06d}" <{PLAN_GRAPH.format(0)}> .\n' for i in range(LONG_PLAN)
    ]
    marked.write_text(graph.read_text(encoding="utf-8") + "".join(marks), encoding="utf-8")
    build_store(marked, out)


def swap(run: Run, every: float) -> None:
    """Swap the data now and then; each third time back to the version before, as after a mistake."""
    count = 1
    while not run.over.wait(every):
        count += 1
        version = run.versions[-2][1] if count % 3 == 0 else count
        run.versions.append((float("inf"), version))  # from now on it may be seen, it need not
        try:
            build(run.out, version)
        except Exception as error:  # noqa: BLE001 - told at the end
            run.wrong.append(f"{run.now():.1f} s, build: {type(error).__name__}: {error}")
        run.versions[-1] = (run.now(), version)
        run.say(f"swapped to version {version}")


def kill(run: Run, every: float) -> None:
    """Kill a query worker now and then."""
    chance = random.Random(11)
    while not run.over.wait(every):
        workers = [pid for pid in processes(run.pid, run.parents)[1:] if pid not in run.parents]
        if not workers:
            run.wrong.append(f"{run.now():.1f} s: no query worker is to be seen among the server's processes")
            continue
        with suppress(ProcessLookupError):
            run.kills.append(run.now())
            os.kill(chance.choice(workers), signal.SIGKILL)


def watch(run: Run) -> None:
    """Look at memory and open files now and then, and print how it goes."""
    printed, before = 0.0, 0
    while not run.over.wait(SAMPLE):
        tree = processes(run.pid, run.parents)
        run.samples.append(Sample(run.now(), sum(map(memory, tree)), memory(run.pid), sum(len(files(pid)) for pid in tree)))
        if run.now() - printed >= PROGRESS:
            total, last = sum(run.answered.values()), run.samples[-1]
            rate, printed, before = (total - before) / (run.now() - printed), run.now(), total
            told = (
                f"{total:>8} answers ({rate:.0f}/s), {len(run.failed)} failed, {len(run.wrong)} wrong, {len(run.kills)} kills, "
            )
            run.say(
                told + f"{last.tree / 1e6:.0f} MB in {len(tree)} processes (first {last.front / 1e6:.0f}), {last.files} files"
            )


def processes(root: int, parents: set[int] | None = None) -> list[int]:
    """Return a process and all below it; `parents` learns which have children."""
    children: dict[int, list[int]] = {}
    for pid, parent in _relations().items():
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:
        below = children.get(pid, [])
        if below and parents is not None:
            parents.add(pid)
        found += below
    return found


def _relations() -> dict[int, int]:
    """Return the parent of every process that is not dead already."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                if state != "Z":
                    found[int(folder.name)] = int(parent)
    return found


def memory(pid: int) -> int:
    """Return a process's resident memory (bytes), 0 if it has gone."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def files(pid: int) -> list[str]:
    """Return what a process has open."""
    found = []
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(os.readlink(link))  # noqa: PTH115 - what is gone is told as such, as text
    return found


# The end


def judged(run: Run) -> list[str]:
    """Return what does not hold."""
    problems = [f"wrong: {text}" for text in run.wrong]
    kills = list(run.kills)
    for moment, text in sorted(run.failed):
        guilty = next((k for k in kills if 0 <= moment - k + 0.1 <= BLAME), None)
        if guilty is None:
            problems.append(f"failed at {moment:.1f} s, not by a kill: {text}")
        else:
            kills.remove(guilty)
    return problems + _growth(run) + _left_over(run)


def _growth(run: Run) -> list[str]:
    span = min(60.0, run.seconds / 3)
    early = [s for s in run.samples if span <= s.moment <= 2 * span]
    late = [s for s in run.samples if s.moment >= run.seconds - span]
    if not early or not late:
        return ["the run was too short to tell whether anything grows"]
    problems = []
    for what, unit, of, margin in (
        ("memory of all processes", 1e6, lambda s: s.tree, MARGIN_TREE),
        ("memory of the first process", 1e6, lambda s: s.front, MARGIN_FRONT),
        ("open files", 1, lambda s: s.files, MARGIN_FILES),
    ):
        first, last = statistics.median(map(of, early)), statistics.median(map(of, late))
        allowed = max(first * MARGIN_SHARE, margin)
        told = f"{what}: {first / unit:,.0f} at {span:.0f}–{2 * span:.0f} s, {last / unit:,.0f} in the last {span:.0f} s"
        told += f" (allowed: {allowed / unit:,.0f} more){' MB' if unit > 1 else ''}"
        print(told)
        if last - first > allowed:
            problems.append(told)
    return problems


def _left_over(run: Run) -> list[str]:
    """Look for what should be gone: old folders, and files of theirs that are still open."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        home = run.out / "store"
        current = (home / "current").read_text(encoding="ascii").strip()
        folders = sorted(p.name for p in home.iterdir() if p.is_dir() and p.name != current)
        opened = {name for pid in processes(run.pid) for name in files(pid) if str(home) in name and current not in name}
        if not folders and not opened:
            return []
        time.sleep(0.5)
    return [f"still there 15 s after the end: folders {folders}, open files {sorted(opened)[:5]}"]


def soak(out: Path, seconds: float, swap_every: float, kill_every: float) -> int:
    """Run the server in a folder under load; return 1 if something does not hold."""
    _, plans = write_graph(out / "plain.nq", TRIPLES)
    build(out, 1)
    log, port = out / "server.log", free_port()
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(port)]
    with running(command, log, port, "/ready", settings={"KG_LOG": "warning"}) as pid:
        run = Run(out, port, pid, seconds)
        run.versions.append((-FRESH, 1))
        all_kinds = kinds(plans, _right(port))
        run.started = time.monotonic()
        threads = [threading.Thread(target=load, args=(run, all_kinds, seed)) for seed in range(THREADS)]
        threads += [threading.Thread(target=swap, args=(run, swap_every)), threading.Thread(target=kill, args=(run, kill_every))]
        threads.append(threading.Thread(target=watch, args=(run,)))
        for thread in threads:
            thread.start()
        try:
            time.sleep(seconds)
        finally:
            run.over.set()
            for thread in threads:
                thread.join()
        problems = judged(run)
        tree = processes(pid)
    time.sleep(1)
    left = sorted(set(tree) & set(_relations()))
    if left:
        problems.append(f"processes that outlive the server: {left}")
    return _told(run, problems, log)


def _told(run: Run, problems: list[str], log: Path) -> int:
    print("\nanswers: " + ", ".join(f"{name} {count}" for name, count in run.answered.most_common()))
    rate = sum(run.answered.values()) / run.seconds
    sizes = statistics.median(s.tree for s in run.samples) / 1e6 if run.samples else 0
    lost, swaps = len(run.failed), len(run.versions) - 1
    told = f"{rate:.0f}/s over {run.seconds:.0f} s; {swaps} swaps; {len(run.kills)} kills, {lost} requests lost"
    print(f"{told}; {sizes:.0f} MB in the middle")
    for problem in problems[:30]:
        print(f"NOT RIGHT: {problem}")
    if problems:
        print(f"{len(problems)} problems. What the server said, how often:")
        for text, count in said(log).most_common(12):
            print(f"{count:>6}  {text}")
    else:
        print("all is as it should be")
    return int(bool(problems))


def said(log: Path) -> Counter[str]:
    """Count the messages of a log, which are lines of JSON or of text."""
    found: Counter[str] = Counter()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            text = str(json.loads(line)["message"])
        except (ValueError, KeyError, TypeError):
            text = line
        found[re.sub(r"\d+", "N", text)[:160]] += 1
    return found


def _right(port: int) -> dict[str, tuple[int, int]]:
    """Ask once, before anything happens, what is right for the queries whose answers do not depend on the version."""
    found = {}
    with Connection(port, 60) as connection:
        for asked in (*ANALYTICAL, WHOLE_PLAN):
            reply = connection.ask(get(query_target("/sparql", asked.variant(99_999)), JSON))
            found[asked.name] = digest(reply.body)
    return found


def _key(plan: int) -> str:
    return PLAN.format(plan).rsplit("/", 1)[1]


def main() -> int:
    """Soak in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--swap", type=float, default=60, metavar="SECONDS", help="between two swaps of the data (60)")
    parser.add_argument("--kill", type=float, default=10, metavar="SECONDS", help="between two kills of a query process (10)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kg-soak-") as folder:
        return soak(Path(folder), arguments.minutes * 60, arguments.swap, arguments.kill)


if __name__ == "__main__":
    sys.exit(main())
