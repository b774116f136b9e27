"""A bare HTTP/1.1 client: it sends bytes as they are, from a chosen source address, and reads whatever comes back."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

TIMEOUT = 8.0
NO_BODY = {204, 304}
Header = tuple[str, str]


@dataclass
class Reply:
    """One response: its status, its headers in order (names in lower case), its body, and whether that came to its end."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""
    complete: bool = True

    def header(self, name: str) -> str:
        """Return the values of a header, joined by commas; an empty string where there is none."""
        return ", ".join(value for key, value in self.headers if key == name.lower())

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Exchange:
    """What one connection brought: the replies, the raw bytes, if the server closed it, and when (seconds from the start)."""

    replies: list[Reply]
    raw: bytes
    closed: bool
    seconds: float
    first_byte: float
    sent: int

    @property
    def reply(self) -> Reply:
        """The first reply; status 0 where the connection was closed without one, -1 where it is open and silent."""
        return self.replies[0] if self.replies else Reply(0 if self.closed else -1)


@dataclass(frozen=True)
class Address:
    """Where the server is."""

    host: str
    port: int

    def connect(self, source: str = "", timeout: float = TIMEOUT, receive_buffer: int = 0) -> socket.socket:
        """Open a connection, from another loopback address when one is given."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            if receive_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source and self.host.startswith("127."):
                connection.bind((source, 0))
            connection.connect((self.host, self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            connection.close()
            raise
        return connection

    def exchange(
        self,
        data: bytes | Iterable[bytes],
        *,
        source: str = "",
        timeout: float = TIMEOUT,
        until: str = "answer",
        half_close: bool = False,
        pause: float = 0.0,
        methods: tuple[str, ...] = (),
    ) -> Exchange:
        """Send bytes while reading what comes back.

        Args:
            data: what is sent; pieces are sent one after the other, each as soon as the connection takes it.
            until: `answer` ends with the first complete reply, `closed` only with the connection (or the timeout).
            half_close: say that nothing more will come, once everything was sent.
            pause: seconds between two pieces.
            methods: the requests' methods, where a reply to HEAD is among what is expected.
        """
        with self.connect(source, timeout) as connection:
            return _Transfer(connection, data, timeout, until, half_close, pause, methods).run()

    def get(self, path: str, headers: Iterable[Header] = (), source: str = "", timeout: float = TIMEOUT) -> Exchange:
        """Ask for a path; it is sent as it is."""
        return self.exchange(request("GET", path, headers), source=source, timeout=timeout)

    def query(self, text: str, source: str = "", timeout: float = TIMEOUT, headers: Iterable[Header] = ()) -> Exchange:
        """Send a query: as the body of a POST."""
        return self.exchange(query_request(text, headers), source=source, timeout=timeout)


class _Transfer:
    """One connection at work: neither side waits for the other."""

    def __init__(
        self,
        connection: socket.socket,
        data: bytes | Iterable[bytes],
        timeout: float,
        until: str,
        half_close: bool,
        pause: float,
        methods: tuple[str, ...],
    ):
        self.connection, self.timeout, self.until = connection, timeout, until
        self.half_close, self.pause, self.methods = half_close, pause, methods
        self.pieces: Iterator[bytes] = iter([data] if isinstance(data, bytes) else data)
        self.piece: memoryview = memoryview(b"")
        self.received: list[bytes] = []
        self.size = self.parsed_at = 0
        self.sending, self.closed, self.sent = True, False, 0
        self.next_piece_at = 0.0

    def run(self) -> Exchange:
        """Send and read until the end that was asked for."""
        self.connection.setblocking(False)
        started = time.perf_counter()
        first = 0.0
        while not self.closed and (left := started + self.timeout - time.perf_counter()) > 0:
            self._take_next_piece()
            if self._read(left) and not first:
                first = time.perf_counter() - started
            if self.until == "answer" and self._answered():
                break
        seconds = time.perf_counter() - started
        raw = b"".join(self.received)
        return Exchange(parse(raw, self.closed, self.methods), raw, self.closed, seconds, first or seconds, self.sent)

    def _take_next_piece(self) -> None:
        if self.piece or not self.sending or time.perf_counter() < self.next_piece_at:
            return
        try:
            self.piece = memoryview(next(self.pieces))
            self.next_piece_at = time.perf_counter() + self.pause
        except StopIteration:
            self.sending = False
            if self.half_close:
                self.connection.shutdown(socket.SHUT_WR)

    def _read(self, left: float) -> bool:
        wait = min(left, 0.02 if self.sending and not self.piece else 0.2)
        readable, writable, _ = select.select([self.connection], [self.connection] if self.piece else [], [], wait)
        try:
            if writable:
                count = self.connection.send(self.piece[:262144])
                self.piece, self.sent = self.piece[count:], self.sent + count
            if readable:
                chunk = self.connection.recv(1 << 20)
                self.received.append(chunk)
                self.size += len(chunk)
                self.closed = not chunk
        except (BrokenPipeError, ConnectionResetError):
            self.closed = not readable or self._drained()
        return bool(readable)

    def _drained(self) -> bool:
        """Read what the server had sent before it went away."""
        try:
            while chunk := self.connection.recv(1 << 20):
                self.received.append(chunk)
        except OSError:
            pass
        return True

    def _answered(self) -> bool:
        """Tell if a reply is complete; long bodies are looked at only now and then."""
        if self.size == self.parsed_at or (self.size - self.parsed_at < self.parsed_at // 4 and self.size > 1 << 20):
            return False
        self.parsed_at = self.size
        tail = b"".join(self.received[-2:])[-8:] if self.size > 1 << 20 else b""
        if tail and not tail.endswith(b"0\r\n\r\n") and b"chunked" in self.received[0][:2000]:
            return False
        replies = parse(b"".join(self.received), False, self.methods)
        return bool(replies) and replies[0].complete


def parse(raw: bytes, closed: bool, methods: tuple[str, ...] = ()) -> list[Reply]:
    """Split what a server sent into replies; interim ones (1xx, but not 101) are left out."""
    replies: list[Reply] = []
    while raw:
        head, blank, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if not blank or not words[0].startswith("HTTP/") or len(words) < 2 or not words[1].isdigit():
            break
        reply = Reply(int(words[1]), [_header(line) for line in lines[1:]])
        interim = 100 <= reply.status < 200 and reply.status != 101
        bare = interim or reply.status in NO_BODY or methods[len(replies) : len(replies) + 1] == ("HEAD",)
        raw = rest if bare else _take_body(reply, rest, closed)
        if not interim:
            replies.append(reply)
        if not reply.complete:
            break
    return replies


def _header(line: str) -> Header:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _take_body(reply: Reply, rest: bytes, closed: bool) -> bytes:
    """Give the reply its body, and return what follows."""
    if "chunked" in reply.header("transfer-encoding"):
        return _take_chunks(reply, rest)
    length = reply.header("content-length")
    if length.isdigit():
        reply.body, reply.complete = rest[: int(length)], len(rest) >= int(length)
        return rest[int(length) :]
    reply.body, reply.complete = rest, closed
    return b""


def _take_chunks(reply: Reply, rest: bytes) -> bytes:
    parts, at = [], 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end].split(b";")[0], 16)
        if len(rest) < end + 2 + size + 2:
            break
        parts.append(rest[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
        if not size:
            reply.body = b"".join(parts)
            return rest[at:]
    reply.body, reply.complete = b"".join(parts), False
    return b""


def request(method: str, path: str, headers: Iterable[Header] = (), body: bytes = b"", close: bool = True) -> bytes:
    """Return a request; Host, Connection and Content-Length are added where they are not given."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    added = [("Host", "localhost")] if "host" not in names else []
    added += [("Connection", "close")] if close and "connection" not in names else []
    framed = names & {"content-length", "transfer-encoding"}
    added += [("Content-Length", str(len(body)))] if (body or method == "POST") and not framed else []
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (*added, *given))]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def query_request(text: str | bytes, headers: Iterable[Header] = (), close: bool = True) -> bytes:
    """Return a POST with a query as its body."""
    body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return request("POST", "/sparql", [("Content-Type", "application/sparql-query"), *headers], body, close)


def form_request(pairs: list[tuple[str, str]], path: str = "/sparql", headers: Iterable[Header] = ()) -> bytes:
    """Return a POST of a form."""
    body = urlencode(pairs).encode()
    return request("POST", path, [("Content-Type", "application/x-www-form-urlencoded"), *headers], body)


def query_path(text: str, **more: str) -> str:
    """Return the path that asks a query by GET."""
    return "/sparql?" + urlencode({"query": text, **more}, quote_via=quote)


def reset(connection: socket.socket) -> None:
    """Close a connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
