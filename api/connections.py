"""Connections that cannot be kept for nothing: requests must arrive in time and within bounds, answers must be taken.

The HTTP server counts idle connections like busy ones, bounds no head of a request and waits for ever for a body; this adds
what it lacks. A sweep looks at all connections a few times a second, so that a request pays for no timer of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
from contextlib import suppress
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.cache import lines_of
from api.settings import Settings

SWEEP_SECONDS = 0.25
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


class HeadTooLong(Exception):
    """A request's head is longer than the settings allow."""


class NoHost(Exception):
    """A request does not say, or says more than once, to which host it goes (RFC 9112, section 3.2)."""


class Connection(HttpToolsProtocol):
    """One connection, with a clock on what it waits for."""

    settings: ClassVar[Settings] = Settings()
    open: ClassVar[set[Connection]] = set()

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        # When the request that is arriving began, or the wait for the first one; None: it is here.
        self.since: float | None = None
        self.idle_since: float | None = None  # when the last answer was given, while nothing has come since
        self.in_head, self.head = True, 0  # whether a head is arriving, and how many bytes of it are here
        self.raw = 0  # bytes of the body that is arriving, with what frames it
        self.stuck, self.stuck_since = 0, 0.0  # bytes that the client has not taken, and since when

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; where too many are open, the one that has been idle longest has to go."""
        super().connection_made(transport)
        self.since = self.loop.time()
        Connection.open.add(self)
        if len(Connection.open) > self.settings.connections:
            idle = {c: since for c in Connection.open if (since := c.since or c.idle_since)}
            if idle and list(idle) != [self]:
                min(idle, key=lambda c: idle[c]).transport.abort()
            else:
                self.refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        Connection.open.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that grows too long without an end is refused."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.in_head:
            self.head += len(data)
            if self.head > self.settings.header_bytes:
                self.refuse(431 if self.headers else 414)
        elif self.since is not None:
            self.raw += len(data)
            if self.raw > self.settings.header_bytes + 2 * self.settings.query_bytes:  # also what frames the chunks
                self.refuse(413)

    def on_message_begin(self) -> None:
        """Start the clock."""
        self.since, self.idle_since = self.loop.time(), None
        self.in_head, self.head = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self.head += len(url)
        if self.head > self.settings.header_bytes:
            raise HeadTooLong
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line."""
        self.head += len(name) + len(value) + 4
        if self.head > self.settings.header_bytes:
            raise HeadTooLong
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note the end of the head; the application gets what it needs for `send_whole`."""
        self.in_head, self.head, self.raw = False, 0, 0
        hosts = [value for name, value in self.headers if name == b"host"]
        if self.parser.get_http_version() == "1.1" and not (len(hosts) == 1 and HOST.fullmatch(hosts[0])):
            raise NoHost
        super().on_headers_complete()
        self.scope["cycle"] = self.cycle  # type: ignore[typeddict-unknown-key]

    def on_message_complete(self) -> None:
        """Stop the clock: the request is here."""
        self.since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.idle_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has too long a head."""
        too_long = 431 if self.headers else 414
        self.refuse(too_long if self.head > self.settings.header_bytes else 400, msg)

    def refuse(self, status: int, text: str = "") -> None:
        """Answer with a status and close."""
        if self.transport.is_closing():
            return
        title = STATUS_LINE[status].decode().strip().split(" ", 2)[2]
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": text or title}).encode()
        head = b"content-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def look(self, now: float) -> None:
        """End the connection if its request is overdue, or nobody takes what was written."""
        if self.since is not None and now - self.since > self.settings.request_seconds:
            if self.in_head and not self.head:
                self.transport.close()  # it never said anything
            else:
                self.refuse(408)
            return
        if self.idle_since is not None and now - self.idle_since > self.settings.idle_seconds:
            self.transport.close()
        waiting = self.transport.get_write_buffer_size()
        if waiting != self.stuck or not waiting:
            self.stuck, self.stuck_since = waiting, now
        elif now - self.stuck_since > self.settings.write_seconds:
            self.transport.abort()


async def send_whole(cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
    """Answer a request at once. By `cycle.send` head and body would go out one after the other, which costs twice as much.

    The lines of the head tell the length of the body, and none is one that a client has made up.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    own = lines_of(cycle.default_headers)
    if not cycle.keep_alive:
        own += b"connection: close\r\n"
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.writelines((b"%b%b%b\r\n" % (STATUS_LINE[status], own, lines), body))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


async def sweep() -> None:
    """Look at all connections, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        for connection in list(Connection.open):
            if not connection.transport.is_closing():
                connection.look(loop.time())


def allow_many_files() -> None:
    """Raise the number of files and connections that this process may have open to what the system allows at most."""
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
