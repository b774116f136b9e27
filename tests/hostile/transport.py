"""Groups 12 and 13: clients that are slow on purpose, and requests that two readers would read differently."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator

from tests.hostile.cases import CLOSED, Case, answers, ensure, expect, shown
from tests.hostile.site import Site
from tests.hostile.wire import Exchange, query_path, query_request, request

IDLE = 400
SLACK = 2.0  # seconds beside KG_REQUEST_SECONDS until a slow client must be gone
HOST = b"Host: localhost\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
SPARQL = b"Content-Type: application/sparql-query\r\n"
HIDDEN = b"GET /questions?hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"


def cases() -> list[Case]:
    """Return the cases of this module."""
    return [*_slow(), *_ambiguous()]


# --- 12. slow clients --------------------------------------------------------------------------------------------------------


def _slow() -> list[Case]:
    slow: dict[str, Callable[[], Iterator[bytes]]] = {
        "request line, a byte each half second": lambda: _bytes_of(b"GET /health?" + b"a" * 200),
        "headers, a byte each half second": lambda: _after(b"GET /health HTTP/1.1\r\n", _bytes_of(b"X-Slow: " + b"a" * 200)),
        "headers without end, one each half second": lambda: _after(
            b"GET /health HTTP/1.1\r\n" + HOST, iter(lambda: b"X-Y: z\r\n", b"")
        ),
        "body, a byte each half second": lambda: _after(_head(b"Content-Length: 5000\r\n"), _bytes_of(b"#" * 5000)),
        "chunks, one each half second": lambda: _after(
            _head(b"Transfer-Encoding: chunked\r\n"), iter(lambda: b"1\r\n#\r\n", b"")
        ),
        "body that never comes": lambda: iter([_head(b"Content-Length: 50\r\n")]),
        "Expect: 100-continue and no body": lambda: iter([_head(b"Content-Length: 50\r\nExpect: 100-continue\r\n")]),
        "blank lines without end": lambda: iter(lambda: b"\r\n", b""),
        "second request on the connection, slow": lambda: _after(
            b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n", _bytes_of(b"GET /" + b"a" * 200)
        ),
    }
    found = [Case(12, name, _dropped(pieces), False, True) for name, pieces in slow.items()]
    return [
        Case(12, f"{IDLE} idle connections beside an honest client", _idle, False),
        Case(12, f"{IDLE // 2} slow headers beside an honest client", _many_slow, False),
        *found,
        Case(12, "idle after an answer", _kept_alive, False, True),
        Case(12, "5,000 connections that say nothing and leave", _churn, False),
    ]


def _head(more: bytes) -> bytes:
    return b"POST /sparql HTTP/1.1\r\n" + HOST + SPARQL + more + b"\r\n"


def _bytes_of(text: bytes) -> Iterator[bytes]:
    for number in text:
        yield bytes([number])


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _dropped(pieces: Callable[[], Iterator[bytes]]) -> Callable[[Site], str]:
    """Expect 408 or the end of the connection in time, however much trickles in."""

    def run(site: Site) -> str:
        limit = site.request_seconds + SLACK
        told = site.address.exchange(pieces(), until="closed", pause=0.5, timeout=limit + 0.5)
        statuses = [reply.status for reply in told.replies]
        ensure(told.closed and told.seconds <= limit, f"still open after {told.seconds:.1f} s, expected {limit:g}")
        ensure(set(statuses) <= {200, 400, 408}, f"{statuses}")
        return f"{' '.join(map(shown, statuses)) or 'closed'} in {told.seconds:.1f} s"

    return run


def _idle(site: Site) -> str:
    return _crowded(site, IDLE, b"")


def _many_slow(site: Site) -> str:
    return _crowded(site, IDLE // 2, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


def _crowded(site: Site, count: int, first: bytes) -> str:
    """Open connections that say (almost) nothing; an honest client is served promptly; then all are dropped, and their files."""
    files = site.processes.files()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(site.address.connect(f"127.0.2.{n % 200 + 1}")) for n in range(count)]
        for connection in connections:
            connection.sendall(first)
        slowest = max(answers(site, 1200 + n, "127.0.0.30", within=0.5).seconds for n in range(20))
        left = _still_open(connections, site.request_seconds + SLACK)
        ensure(not left, f"{left} of {count} still open after {site.request_seconds + SLACK:g} s")
    _ensure_files(site, files)
    return f"slowest answer {slowest * 1000:.0f} ms"


def _still_open(connections: list[socket.socket], seconds: float) -> int:
    """Wait until the server has closed the connections; return how many it did not."""
    poll, by_number = select.poll(), {c.fileno(): c for c in connections}
    for number in by_number:
        poll.register(number, select.POLLIN)
    until = time.perf_counter() + seconds
    while by_number and (left := until - time.perf_counter()) > 0:
        for number, _ in poll.poll(left * 1000):
            if _has_ended(by_number[number]):
                poll.unregister(number)
                del by_number[number]
    return len(by_number)


def _has_ended(connection: socket.socket) -> bool:
    try:
        return not connection.recv(65536)
    except OSError:
        return True


def _ensure_files(site: Site, before: int, margin: int = 12) -> None:
    for _ in range(20):
        if site.processes.files() <= before + margin:
            return
        time.sleep(0.1)
    ensure(False, f"{site.processes.files()} open files, {before} before")


def _kept_alive(site: Site) -> str:
    """A connection may be kept for a while after an answer (KG_IDLE_SECONDS), but not for ever."""
    with site.address.connect() as connection:
        connection.sendall(request("GET", "/health", close=False))
        limit = site.request_seconds + SLACK + 1
        ensure(b"200" in connection.recv(65536), "no answer")
        started = time.perf_counter()
        left = _still_open([connection], limit)
        seconds = time.perf_counter() - started
    ensure(not left, f"still open after {limit:g} s")
    return f"closed after {seconds:.1f} s"


def _churn(site: Site) -> str:
    files = site.processes.files()
    for n in range(5000):
        with contextlib.suppress(OSError):
            site.address.connect(f"127.0.3.{n % 250 + 1}").close()
    answers(site, 12, within=1.0)
    _ensure_files(site, files)
    return "200"


# --- 13. smuggling -----------------------------------------------------------------------------------------------------------


def _ambiguous() -> list[Case]:
    get = b"GET /health HTTP/1.1\r\n"
    body = b"query=ASK+%7B%7D"
    post = b"POST /sparql HTTP/1.1\r\n" + HOST + FORM
    zero = b"0\r\n\r\n" + HIDDEN
    chunks = b"10\r\n" + body + b"\r\n" + zero
    refused, tolerated = {400, 501, CLOSED}, {200, 400, 501, CLOSED}
    # Each may be answered once; a second answer is the hidden request's. `tolerated` ones may also be read in the one right way.
    once: dict[str, tuple[bytes, set[int]]] = {
        "Content-Length and chunked": (post + b"Content-Length: 16\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, tolerated),
        "chunked and Content-Length": (post + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + zero, tolerated),
        "two lengths": (post + b"Content-Length: 16\r\nContent-Length: 0\r\n\r\n" + body + HIDDEN, refused),
        "two lengths in one": (post + b"Content-Length: 16, 0\r\n\r\n" + body + HIDDEN, refused),
        "length with a sign": (post + b"Content-Length: +16\r\n\r\n" + body + HIDDEN, refused),
        "length with a blank inside": (post + b"Content-Length: 1 6\r\n\r\n" + body + HIDDEN, refused),
        "length in hexadecimal": (post + b"Content-Length: 0x10\r\n\r\n" + body + HIDDEN, refused),
        "coding with a prefix": (post + b"Transfer-Encoding: xchunked\r\n\r\n" + zero, refused),
        "coding after another": (post + b"Transfer-Encoding: chunked, identity\r\n\r\n" + zero, refused),
        "chunked twice": (post + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + zero, refused),
        "coding with a vertical tab": (post + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + zero, refused),
        "two codings": (post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + zero, refused),
        "blank before the colon of the coding": (post + b"Transfer-Encoding : chunked\r\n\r\n" + zero, refused),
        "blank before the colon of the length": (post + b"Content-Length : 16\r\n\r\n" + body + HIDDEN, refused),
        "underscore in the length's name": (post + b"Content-Length: 16\r\nContent_Length: 0\r\n\r\n" + body, {200, 400}),
        "coding on a folded line": (
            post + b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 16\r\n\r\n" + body,
            {200, 400},
        ),
        "coding continued on a folded line": (
            post + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunks[: -len(HIDDEN)],
            {200, 400},
        ),
        "first header folded": (get + b" X: a\r\n" + HOST + b"\r\n", {200, 400}),
        "bare CR in a header": (get + b"X: a\rTransfer-Encoding: chunked\r\n" + HOST + b"\r\n", refused),
        "NUL in a header's name": (get + b"X\0: a\r\n" + HOST + b"\r\n", refused),
        "header without a colon": (get + b"nonsense\r\n" + HOST + b"\r\n", refused),
        "header without a name": (get + b": x\r\n" + HOST + b"\r\n", refused),
        "bare line feeds": (b"GET /health HTTP/1.1\nHost: x\nConnection: close\n\n", {200, 400, CLOSED}),
        "chunk that ends in a line feed": (
            post + b"Transfer-Encoding: chunked\r\n\r\n10\n" + body + b"\n0\n\n",
            {200, 400, CLOSED},
        ),
        "chunk longer than it says": (post + b"Transfer-Encoding: chunked\r\n\r\n3\r\n" + body + b"\r\n" + zero, refused),
        "chunk size with a prefix": (post + b"Transfer-Encoding: chunked\r\n\r\n0x10\r\n" + body + b"\r\n" + zero, refused),
        "chunk size with an underscore": (post + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n" + body + b"\r\n" + zero, refused),
        "chunked by HTTP/1.0": (post.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, tolerated),
        "no Host": (get + b"Connection: close\r\n\r\n", {400}),
        "two Hosts": (get + HOST + b"Host: evil.example\r\nConnection: close\r\n\r\n", {400}),
        "Host that is no host": (get + b"Host: a b<c>\r\nConnection: close\r\n\r\n", {400}),
        "HTTP/0.9": (b"GET /health\r\n", {400, 408, 505, CLOSED}),
        "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", {400, 505, CLOSED}),
        "HTTP/3.7": (b"GET /health HTTP/3.7\r\n" + HOST + b"\r\n", {400, 505, CLOSED}),
        "HTTP/1.11": (b"GET /health HTTP/1.11\r\n" + HOST + b"\r\n", {400, 505, CLOSED}),
        "http/1.1 in small letters": (b"GET /health http/1.1\r\n" + HOST + b"\r\n", {400, 505, CLOSED}),
        "another protocol": (b"GET /health RTSP/1.0\r\n" + HOST + b"\r\n", {200, 400, 405, 505, CLOSED}),
        "TLS hello": (bytes.fromhex("16030100f2010000ee0303") + b"\0" * 240, {400, CLOSED}),
        "SSH greeting": (b"SSH-2.0-OpenSSH_9.6\r\n", {400, CLOSED}),
        "random bytes": (bytes((n * 197 + 13) % 256 for n in range(5000)), {400, CLOSED}),
        "only NUL": (b"\0" * 5000, {400, CLOSED}),
        "method of 10,000 letters": (b"A" * 10_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405, 414, 431, 501, CLOSED}),
        "method in small letters": (b"get /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {400, 405, 501, CLOSED}),
        "method with odd signs": (b"G<E>T /health HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405, 501, CLOSED}),
        "tabulator after the method": (b"GET\t/health\tHTTP/1.1\r\n" + HOST + b"\r\n", {400, CLOSED}),
        "blank in the target": (b"GET /hea lth HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, CLOSED}),
        "target without a slash": (b"GET health HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, CLOSED}),
        "empty target": (b"GET  HTTP/1.1\r\n" + HOST + b"\r\n", {400, CLOSED}),
        "target with a fragment": (b"GET /health#x HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", {200, 400, 404, CLOSED}),
        "upgrade to h2c": (
            get + HOST + b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
            {200, 400},
        ),
        "upgrade to a websocket": (get + HOST + _WEBSOCKET, {200, 400, 403, 404, 405, 426}),
        "websocket on /sparql": (b"GET /sparql HTTP/1.1\r\n" + HOST + _WEBSOCKET, {200, 400, 403, 404, 405, 426}),
        "unknown expectation": (get + HOST + b"Expect: 200-maybe\r\nConnection: close\r\n\r\n", {200, 417, 400}),
        "a request in the body of a GET": (
            get + HOST + f"Content-Length: {len(HIDDEN)}\r\nConnection: close\r\n\r\n".encode() + HIDDEN,
            {200, 400},
        ),
        "a request after Connection: close": (get + HOST + b"Connection: close\r\n\r\n" + HIDDEN, {200}),
    }
    found = [Case(13, name, _once(data, statuses)) for name, (data, statuses) in once.items()]
    methods = {
        "TRACE": {400, 405, 501},
        "CONNECT": {400, 404, 405, 501, CLOSED},
        "DEBUG": {400, 405, 501, CLOSED},
        "PROPFIND": {405, 501, 400},
    }
    found += [Case(13, f"{method} is not echoed", _not_echoed(method, statuses)) for method, statuses in methods.items()]
    found += [
        Case(13, "two honest requests, pipelined", _pipelined),
        Case(13, "absolute request target", _absolute),
        Case(
            13,
            "OPTIONS *",
            lambda site: expect(site.address.exchange(request("OPTIONS", "*")), {200, 204, 400, 404}, False).status,
        ),
        Case(13, "blank lines before a request", _after_blank_lines),
        Case(13, "HEAD with a body", _head_with_body),
        Case(13, "a request in pieces of one byte", _in_pieces),
    ]
    return found


_WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
_WEBSOCKET += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"


def _once(data: bytes, statuses: set[int]) -> Callable[[Site], int]:
    """Expect one answer at most, and that nothing hidden is answered."""

    def run(site: Site) -> int:
        told: Exchange = site.address.exchange(data, until="closed", timeout=0.6)
        if not told.replies and not told.closed:
            told = site.address.exchange(data, timeout=site.request_seconds + SLACK)
        ensure(len(told.replies) <= 1, f"{len(told.replies)} answers: {[reply.status for reply in told.replies]}")
        ensure(told.reply.status != 101, "the protocol was changed")
        return expect(told, statuses, problem=False).status

    return run


def _not_echoed(method: str, statuses: set[int]) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        told = site.address.exchange(request(method, "/health", [("X-Secret", "hush-hush")]), timeout=4)
        ensure(b"hush-hush" not in told.raw, "the request came back")
        return expect(told, statuses, problem=False).status

    return run


def _pipelined(site: Site) -> str:
    first, second = (request("GET", query_path(f"SELECT ({n} AS ?n) {{}}"), close=n == 2) for n in (1, 2))
    told = site.address.exchange(first + second, until="closed", timeout=4)
    ensure(len(told.replies) == 2, f"{len(told.replies)} answers")
    numbers = [expect(reply, {200}).json()["results"]["bindings"][0]["n"]["value"] for reply in told.replies]
    ensure(numbers == ["1", "2"], f"{numbers}")
    return "200 200"


def _absolute(site: Site) -> int:
    target = f"http://localhost:{site.address.port}/health"
    return expect(site.address.exchange(request("GET", target)), {200}).status


def _after_blank_lines(site: Site) -> int:
    return expect(site.address.exchange(b"\r\n\r\n" + request("GET", "/health")), {200, 400}, problem=False).status


def _head_with_body(site: Site) -> str:
    data = request("HEAD", "/health", [("Content-Length", str(len(HIDDEN)))], HIDDEN, close=False) + request("GET", "/health")
    told = site.address.exchange(data, until="closed", timeout=3, methods=("HEAD", "GET"))
    ensure(len(told.replies) in {1, 2} and b"hidden" not in told.raw, f"{len(told.replies)} answers")
    return " ".join(shown(reply.status) for reply in told.replies)


def _in_pieces(site: Site) -> int:
    data = query_request("ASK {}")
    pieces = (bytes([number]) for number in data)
    return expect(site.address.exchange(pieces, pause=0.001), {200}).status
