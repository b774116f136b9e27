"""A lean HTTP client on raw sockets, so that what is measured is the server: one connection, or many at once."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

JSON = "application/sparql-results+json"
_PIECE = 1 << 18
IDLE = 2.0  # seconds after which a server may have closed a connection that nobody uses


@dataclass(frozen=True)
class Reply:
    """An answer: status, head in lower case, body without transfer encoding."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, an empty string where it is not there."""
        return header(self.head, name.encode()).decode("latin-1")


def get(target: str, accept: str = JSON, encoding: str = "") -> bytes:
    """Return the bytes of a GET request."""
    more = f"Accept-Encoding: {encoding}\r\n" if encoding else ""
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n{more}\r\n".encode()


def query_target(path: str, query: str, **more: str) -> str:
    """Return path and query string of a request by the SPARQL protocol."""
    pairs = {"query": query, **more}
    return path + "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())


class Connection:
    """A keep-alive connection."""

    def __init__(self, port: int, timeout: float = 600.0):
        self.port, self.timeout = port, timeout
        self._socket: socket.socket | None = None
        self._held = bytearray()
        self._used = 0.0

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; it opens again when it is needed."""
        if self._socket:
            self._socket.close()
        self._socket = None
        self._held.clear()

    def ready(self) -> None:
        """Be open, on a connection that was used lately."""
        if self._socket and time.monotonic() - self._used < IDLE:
            return
        self.close()
        self._socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> Reply:
        """Send a request and read its answer to the end.

        Raises:
            OSError: the connection failed, or was closed before the end.
        """
        self.ready()
        assert self._socket
        try:
            self._socket.sendall(request)
            reply = self._read()
        except OSError:
            self.close()
            raise
        self._used = time.monotonic()
        if reply.header("connection") == "close":
            self.close()
        return reply

    def _read(self) -> Reply:
        head = self._until(b"\r\n\r\n").lower()
        status = int(head[9:12])
        if b"chunked" in header(head, b"transfer-encoding"):
            return Reply(status, head, self._chunks())
        length = header(head, b"content-length")
        if length or status in {204, 304}:
            return Reply(status, head, self._exactly(int(length or 0)))
        return Reply(status, head, self._rest())

    def _fill(self) -> int:
        assert self._socket
        data = self._socket.recv(_PIECE)
        if not data:
            raise ConnectionError("closed before the answer ended")
        self._held += data
        return len(data)

    def _until(self, mark: bytes) -> bytes:
        while (end := self._held.find(mark)) < 0:
            self._fill()
        found = bytes(self._held[:end])
        del self._held[: end + len(mark)]
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self._held) < length:
            self._fill()
        found = bytes(self._held[:length])
        del self._held[:length]
        return found

    def _chunks(self) -> bytes:
        parts = []
        while length := int(self._until(b"\r\n").split(b";")[0], 16):
            parts.append(self._exactly(length))
            self._exactly(2)
        while self._until(b"\r\n"):
            pass
        return b"".join(parts)

    def _rest(self) -> bytes:
        """Read what comes until the server closes."""
        try:
            while self._fill():
                pass
        except ConnectionError:
            pass
        found = bytes(self._held)
        self.close()
        return found


@dataclass(frozen=True)
class Load:
    """What a number of connections got within a time: answers, bytes, and the seconds of processor that asking took."""

    answers: int
    seconds: float
    received: int
    processor: float


def load(port: int, requests: Iterator[bytes], seconds: float, connections: int, check: Callable[[bytes], bool]) -> Load:
    """Keep connections busy for a time, each with one request after the other.

    Raises:
        OSError: a connection failed.
        ValueError: an answer is not as it should be.
    """
    started, spent = time.perf_counter(), time.process_time()
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    held: dict[int, bytes] = {}
    answers = received = 0
    try:
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", port), 30)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[one.fileno()], held[one.fileno()] = one, b""
            poll.register(one, select.EPOLLIN)
            one.sendall(next(requests))
        end = started + seconds
        while time.perf_counter() < end:
            for number, _ in poll.poll(1):
                data = sockets[number].recv(_PIECE)
                if not data:
                    raise ConnectionError("closed by the server")
                data = held[number] + data
                if not _complete(data):
                    held[number] = data
                    continue
                held[number] = b""
                if not check(data):
                    raise ValueError(f"a wrong answer: {data[:200]!r}")
                answers, received = answers + 1, received + len(data)
                sockets[number].sendall(next(requests))
    finally:
        poll.close()
        for one in sockets.values():
            one.close()
    return Load(answers, time.perf_counter() - started, received, time.process_time() - spent)


def header(head: bytes, name: bytes) -> bytes:
    """Return a header's value from a head in lower case."""
    place = head.find(b"\r\n" + name + b":")
    if place < 0:
        return b""
    return head[place + len(name) + 3 :].split(b"\r\n", 1)[0].strip()


def _complete(data: bytes) -> bool:
    """Tell whether an answer is there to its end."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    if length := header(head, b"content-length"):
        return len(data) >= end + 4 + int(length)
    return data.endswith(b"0\r\n\r\n") if b"chunked" in head else True
