"""Groups 5, 6 and 7: queries without end, many of them at once beside honest clients, and clients that leave or dawdle."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.hostile.cases import CLOSED, Case, answers, ensure, ensure_problem, expect, is_right, settle, shown, small_query
from tests.hostile.site import ROOT, Site
from tests.hostile.wire import Exchange, Header, Reply, query_path, query_request, request, reset
from tests.serving import product

MB = 1 << 20
GRACE = 0.1  # seconds after the deadline that the server has
ALLOWANCE = 0.15  # seconds of measuring: this client and the server share the machine
REST = 1.0  # seconds after the answer until the server's CPU use has ended
MEMORY = 96 * MB  # what may be left behind: a replaced worker is no exact copy of the one before
NEXT = "<http://example.org/hostile/next>"
HTML: list[Header] = [("Accept", "text/html")]


def _doubled(times: int, start: str = "'0123456789abcdef'", step: str = "CONCAT(?v{0},?v{0})") -> str:
    """Return BINDs that make a string larger, each from the one before; the last variable is ?v<times>."""
    binds = "".join(f"BIND({step.format(n)} AS ?v{n + 1}) " for n in range(times))
    return f"BIND({start} AS ?v0) {binds}"


_P = product("abcde", 200)
_CLOSURE = f"({NEXT}|!{NEXT})*"
RUNAWAYS = {
    "cartesian product, counted": f"SELECT (COUNT(*) AS ?n) {{ {_P} }}",
    "product, sorted": f"SELECT * {{ {_P} }} ORDER BY ?e ?d DESC(?a) LIMIT 10",
    "product, distinct": f"SELECT DISTINCT ?a ?b ?c ?d ?e {{ {_P} }}",
    "product, distinct count": f"SELECT (COUNT(DISTINCT CONCAT(STR(?a),STR(?b),STR(?c),STR(?d))) AS ?n) {{ {_P} }}",
    "product, grouped and concatenated": f"SELECT ?a (GROUP_CONCAT(?e) AS ?x) {{ {_P} }} GROUP BY ?a",
    "product in random order": f"SELECT ?a {{ {_P} }} ORDER BY RAND() LIMIT 1",
    "product with a huge OFFSET": f"SELECT * {{ {_P} }} OFFSET 1000000000000 LIMIT 1",
    "string doubled 60 times": f"SELECT (STRLEN(?v60) AS ?n) {{ {_doubled(60)} }}",
    "string doubled in a product": f"SELECT (SUM(STRLEN(?v12)) AS ?n) {{ {_P} {_doubled(12, 'STR(?e)')} }}",
    "string replaced ten-fold, 20 times": "SELECT (STRLEN(?v20) AS ?n) { "
    + _doubled(20, "'x'", "REPLACE(?v{0}, 'x', 'xxxxxxxxxx')")
    + " }",
    "regular expressions in a product": f"SELECT (COUNT(*) AS ?n) {{ {_P} FILTER(REGEX(CONCAT(STR(?a),STR(?b),'aaaaaaaaaaaaaa'),"
    "CONCAT('^(a+)+', STR(?c), '(a|a?)+$'))) }",
    "hashes in a product": f"SELECT (COUNT(*) AS ?n) {{ {_P} FILTER(SHA512(SHA512(SHA512(STR(?a+?b*?c)))) = 'x') }}",
    "closure of every path, joined": f"SELECT (COUNT(*) AS ?n) {{ ?a {_CLOSURE} ?b . ?b {_CLOSURE} ?c . ?c {_CLOSURE} ?d }}",
    "closure of every path, listed": f"SELECT DISTINCT ?a ?b {{ ?a {_CLOSURE} ?x . ?x (^{NEXT})* ?b . ?b {_CLOSURE} ?c }}",
    "quadratic NOT EXISTS": f"SELECT (COUNT(*) AS ?n) {{ ?s ?p ?o . ?x ?y ?z FILTER NOT EXISTS {{ {_P} FILTER(?a = ?s) }} }}",
    "quadratic MINUS": f"SELECT (COUNT(*) AS ?n) {{ {_P} MINUS {{ {product('afgh', 150)} }} }}",
    "OPTIONAL in OPTIONAL": f"SELECT (COUNT(*) AS ?n) {{ ?s ?p ?o OPTIONAL {{ ?a ?b ?c OPTIONAL {{ {_P} }} }} }}",
    "nested sub-selects": "SELECT (COUNT(*) AS ?n) { "
    + " ".join(f"{{ SELECT ?s{n} {{ ?s{n} ?p{n} ?o{n} }} ORDER BY ?o{n} }}" for n in range(6))
    + " }",
    "graph multiplied by itself": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?c > ?l) }",
    "VALUES tables multiplied": "SELECT (SUM(?a*?c*?e) AS ?n) { "
    + " ".join(f"VALUES (?{x} ?{y}) {{ {' '.join(f'({n} {n})' for n in range(800))} }}" for x, y in ("ab", "cd", "ef", "gh"))
    + " }",
    "CONSTRUCT of a product": f"CONSTRUCT {{ [] ?p ?a . ?s ?p ?b . ?s ?p [] }} WHERE {{ ?s ?p ?o {_P} }}",
    "DESCRIBE of a product": f"DESCRIBE * {{ ?s ?p ?o . ?a ?b ?c . {product('de', 200)} }}",
    "endless answer": f"SELECT * {{ {_P} }}",
    "ASK that never finds": f"ASK {{ {_P} FILTER(?a + ?b + ?c + ?d + ?e > 100000) }}",
}


def cases() -> list[Case]:
    """Return the cases of this module."""
    found = [Case(5, name, _runaway(query_request(text)), False) for name, text in RUNAWAYS.items()]
    endless, counted = RUNAWAYS["endless answer"], RUNAWAYS["cartesian product, counted"]
    found += [
        Case(5, "HEAD of a product", _runaway(request("HEAD", query_path(counted)), ("HEAD",)), False),
        Case(5, "HEAD of an endless answer", _runaway(request("HEAD", query_path(endless)), ("HEAD",)), False),
        Case(5, "endless answer as a page", _runaway(request("GET", query_path(endless), HTML)), False),
        Case(5, "endless answer as XML", _runaway(request("GET", query_path(endless, format="xml"))), False),
        Case(6, "victims with addresses of their own", _besieged("127.0.0.{}"), False),
        Case(6, "a victim with the attacker's address", _besieged("127.0.0.2"), False),
        Case(6, "a crowd: sixty runaways from thirty addresses", _crowd, False),
    ]
    leaving: dict[str, Callable[[Site], str]] = {
        "leaves in the middle of a large answer": _leaves(4000, endless),
        "leaves before the first byte": _leaves(0, counted),
        "leaves with RST before the first byte": _leaves(0, counted, True),
        "leaves with RST in the middle": _leaves(4000, endless, True),
        "asks for a page and leaves": _leaves(0, endless, accept="text/html"),
        "half-closes and waits for a small answer": _half_closes,
        "half-closes after a runaway": _half_closes_runaway,
        "reads one byte a second": _dawdles,
        "eight that never read": _never_read,
        "ten runaways on one connection, then leaves": _pipelined,
        "forty come and go": _come_and_go,
        "leaves in the middle of its query": _half_sent,
    }
    return found + [Case(7, name, run, False) for name, run in leaving.items()]


# --- 5. runaways -----------------------------------------------------------------------------------------------------------


def _runaway(data: bytes, methods: tuple[str, ...] = ()) -> Callable[[Site], str]:
    """Expect the end by the deadline, told as such or by an answer that visibly breaks off; then rest, and memory given back."""

    def run(site: Site) -> str:
        settle(site)
        before = site.processes.memory()
        told = site.address.exchange(data, timeout=site.query_seconds + 4, methods=methods)
        status = _stopped(told, methods)
        limit = site.query_seconds + GRACE + ALLOWANCE
        ensure(told.seconds <= limit, f"{status}, but after {told.seconds:.2f} s, expected {limit:.2f}")
        ensure_rest(site)
        ensure_memory(site, before)
        answers(site, 5, within=1.0)
        return f"{status} in {told.seconds:.2f} s"

    return run


def _stopped(told: Exchange, methods: tuple[str, ...] = ()) -> str:
    """Check how it ended: with an error, with an answer that visibly breaks off, or with one that says that it was cut."""
    reply = told.reply
    if reply.status == 200 and (methods == ("HEAD",) or _says_cut(reply)):
        return "200, cut" if methods != ("HEAD",) else "200"
    if reply.status == 200:
        ensure(not reply.complete, f"200 with an answer of {len(reply.body)} bytes that looks complete: {reply.body[-60:]!r}")
        ensure(told.closed, "the answer broke off, but the connection stayed open")
        return "200, broken off"
    is_page = reply.header("content-type").startswith("text/html")
    expect(reply, {400, 413, 500, 503, 504}, problem=methods != ("HEAD",) and not is_page)
    return shown(reply.status)


def _says_cut(reply: Reply) -> bool:
    """Tell if an answer is complete and says itself that it does not have all rows."""
    return reply.complete and (b"cut" in reply.body[-100:].lower() or "cut" in reply.header("warning"))


def ensure_rest(site: Site, within: float = REST) -> None:
    """Check that the processes come to rest."""
    if site.processes.pid:
        ensure(site.processes.rest(within) <= within, f"CPU still in use {within:g} s after the answer")


def ensure_memory(site: Site, before: int, margin: int = MEMORY) -> None:
    """Check that memory comes back near to what it was, within two seconds."""
    for _ in range(10):
        grown = site.processes.memory() - before
        if grown <= margin:
            return
        time.sleep(0.2)
    ensure(False, f"memory grew by {grown / MB:.0f} MB, expected at most {margin / MB:.0f}")


# --- 6. sixteen runaways and victims -----------------------------------------------------------------------------------------

ATTACKERS, VICTIMS = 16, 4
SIEGE, QUIET = 6.0, 2.5  # seconds
# Those that use the processors and send nothing: what a client had to read would slow down the victims in this process.
_BUSY = ("cartesian product, counted", "product, sorted", "hashes in a product", "closure of every path, joined")
FLOOR = 0.010  # seconds: what the measuring itself may add to the 99th percentile (this client runs on the same processors)


@dataclass
class Tally:
    """What the victims met."""

    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def percentile(self) -> float:
        """Return the 99th percentile of the latencies."""
        return statistics.quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else float("inf")


def _attacker(site: Site, source: str, until: float, seen: Counter[str]) -> None:
    turn = 0
    while time.perf_counter() < until:
        turn += 1
        text = f"{RUNAWAYS[_BUSY[turn % len(_BUSY)]]} # {threading.get_ident()} {turn}"
        try:
            reply = site.address.query(text, source, timeout=site.query_seconds * 2 + 2).reply
        except OSError as error:
            seen[type(error).__name__] += 1
            continue
        seen[shown(reply.status)] += 1
        if reply.status in {429, 503}:
            time.sleep(0.5)


class _Victims:
    """Honest clients, each in a process and with an address of its own."""

    def __init__(self, site: Site, sources: list[str]):
        where = [site.address.host, str(site.address.port)]
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.victim", *where, source, str(seed)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed, source in enumerate(sources, 1)
        ]
        for process in self.processes:
            _line_of(process)

    def ask(self, seconds: float) -> Tally:
        """Let all of them ask for a while."""
        tally = Tally()
        for process in self.processes:
            assert process.stdin
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        for process in self.processes:
            told = json.loads(_line_of(process))
            tally.seconds += told["seconds"]
            tally.failures.update(told["failures"])
        return tally

    def end(self) -> None:
        """Send them home."""
        for process in self.processes:
            process.communicate(timeout=15)


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def _besieged(pattern: str) -> Callable[[Site], str]:
    """Compare what victims wait while the server is quiet, and while sixteen runaways come from 127.0.0.2."""

    def run(site: Site) -> str:
        sources = [pattern.format(n) for n in range(11, 11 + VICTIMS)] if "{}" in pattern else [pattern]
        victims = _Victims(site, sources)
        try:
            settle(site)
            victims.ask(0.5)
            quiet = victims.ask(QUIET)
            busy, seen = _siege(site, victims)
            ensure_rest(site)
            after = victims.ask(QUIET)  # the machine may have become busier meanwhile
        finally:
            victims.end()
        quiet.seconds += after.seconds
        quiet.failures += after.failures
        before, now = quiet.percentile(), busy.percentile()
        half, then = statistics.median(quiet.seconds), statistics.median(busy.seconds)
        ratio = f"p50 {half * 1000:.1f} -> {then * 1000:.1f}, p99 {before * 1000:.1f} -> {now * 1000:.1f} ms ({now / before:.1f})"
        told = f"{ratio}, {len(busy.seconds)} asked; attackers: {dict(seen)}"
        ensure(not quiet.failures, f"failed while quiet: {dict(quiet.failures)}; {told}")
        ensure(not busy.failures, f"victims failed: {dict(busy.failures)}; {told}")
        ensure(now <= max(2 * before, before + FLOOR), told)
        return told

    return run


def _siege(site: Site, victims: _Victims) -> tuple[Tally, Counter[str]]:
    """Attack, and let the victims ask meanwhile; return what they met, and what the attackers were told."""
    seen: Counter[str] = Counter()
    until = time.perf_counter() + SIEGE + 0.7
    with ThreadPoolExecutor(ATTACKERS) as threads:
        for _ in range(ATTACKERS):
            threads.submit(_attacker, site, "127.0.0.2", until, seen)
        time.sleep(0.5)
        return victims.ask(SIEGE), seen


def _crowd(site: Site) -> str:
    """Sixty at once: each is told soon that there is no room, or by the deadline; a queued one may have waited as long again."""
    settle(site)
    text = RUNAWAYS["cartesian product, counted"]

    def one(n: int) -> Exchange:
        return site.address.query(f"{text} # {n}", f"127.0.1.{n // 2 + 1}", timeout=3 * site.query_seconds + 3)

    with ThreadPoolExecutor(60) as threads:
        told = list(threads.map(one, range(60)))
    seen = Counter(shown(t.reply.status) for t in told)
    for t in told:
        expect(t, {429, 503, 504, 500})
        ensure_problem(t.reply)
    slowest = max(t.seconds for t in told)
    at_once = [t.seconds for t in told if t.reply.status in {429, 503} and t.seconds < 0.6]
    ensure(slowest <= 2 * site.query_seconds + 0.6, f"one waited {slowest:.2f} s; {dict(seen)}")
    ensure(at_once, f"nobody was told at once that there is no room: {dict(seen)}")
    ensure_rest(site)
    return f"{dict(seen)}, {len(at_once)} at once, slowest {slowest:.2f} s"


# --- 7. streaming and disconnect -----------------------------------------------------------------------------------------------


def _leaves(after: int, text: str, rudely: bool = False, accept: str = "*/*") -> Callable[[Site], str]:
    def run(site: Site) -> str:
        settle(site)
        connection = site.address.connect()
        connection.sendall(query_request(text, [("Accept", accept)]))
        taken = 0
        while taken < after and (chunk := connection.recv(2048)):
            taken += len(chunk)
        time.sleep(0.0 if after else 0.3)
        if rudely:
            reset(connection)
        else:
            connection.close()
        return _free(site)

    return run


def _free(site: Site) -> str:
    """Check that small queries, as many as there may be workers, answer at once, and that the CPU is at rest."""
    time.sleep(0.15)
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda n: answers(site, 700 + n, f"127.0.0.{20 + n}", within=1.0), range(4)))
    ensure_rest(site)
    return f"free in {max(t.seconds for t in told):.2f} s"


def _half_closes(site: Site) -> str:
    """A client that says that it will send no more still waits for its answer (RFC 9112, section 9.6); closing is tolerated."""
    told = site.address.exchange(query_request(small_query(7)), half_close=True)
    expect(told, {200, CLOSED})
    ensure(told.reply.status == CLOSED or is_right(told.reply, 7), "wrong answer")
    return f"{shown(told.reply.status)}, {_free(site)}"


def _half_closes_runaway(site: Site) -> str:
    settle(site)
    data = query_request(RUNAWAYS["cartesian product, counted"])
    told = site.address.exchange(data, half_close=True, timeout=site.query_seconds + 3)
    ensure(told.seconds <= site.query_seconds + GRACE + ALLOWANCE, f"ended after {told.seconds:.2f} s")
    expect(told, {503, 504, CLOSED})
    return f"{shown(told.reply.status)}, {_free(site)}"


def _dawdles(site: Site) -> str:
    """One byte a second: the deadline ends the query, and its worker is free again, however full the connection is."""
    settle(site)
    with site.address.connect(receive_buffer=4096) as connection:
        connection.sendall(query_request(RUNAWAYS["endless answer"]))
        until = time.perf_counter() + site.query_seconds + 0.6
        while time.perf_counter() < until:
            connection.recv(1)
            time.sleep(1.0)
        return _free(site)


def _never_read(site: Site) -> str:
    settle(site)
    before = site.processes.memory()
    connections = [site.address.connect(f"127.0.0.{40 + n}", receive_buffer=4096) for n in range(8)]
    try:
        for connection in connections:
            connection.sendall(query_request(RUNAWAYS["endless answer"]))
        time.sleep(2 * site.query_seconds + 0.8)  # those that queued have had their turn
        grown = (site.processes.memory() - before) / MB
        ensure(grown < 200, f"memory grew by {grown:.0f} MB")
        return _free(site)
    finally:
        for connection in connections:
            connection.close()


def _pipelined(site: Site) -> str:
    """A server that does not read on sees only at the deadline that the client has left; the other nine are never run."""
    settle(site)
    with site.address.connect() as connection:
        path = "/sparql?query=" + quote(RUNAWAYS["nested sub-selects"])
        connection.sendall(request("GET", path, close=False) * 10)
        time.sleep(0.3)
    answers(site, 70, "127.0.0.20", within=1.0)
    ensure_rest(site, site.query_seconds + 0.3)
    return _free(site)


def _come_and_go(site: Site) -> str:
    settle(site)
    text = RUNAWAYS["cartesian product, counted"]
    for n in range(40):
        connection = site.address.connect(f"127.0.0.{100 + n}")
        connection.sendall(query_request(f"{text} # {n}"))
        time.sleep(0.02)
        if n % 2:
            reset(connection)
        else:
            connection.close()
    time.sleep(0.6)
    return _free(site)


def _half_sent(site: Site) -> str:
    for n in range(20):
        with site.address.connect() as connection:
            connection.sendall(query_request(RUNAWAYS["endless answer"])[: -1 - n * 10])
    return _free(site)
