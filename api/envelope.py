"""What every request has in common: an id, a snapshot of the data, headers, a line in the log, figures, a rate limit."""

from __future__ import annotations

import logging
import random
import re
import time
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import sparql
from api.cache import Kept, lines_of
from api.connections import send_whole
from api.context import client_of, headers_of
from api.errors import Refused, respond
from api.logs import AccessLog
from api.metrics import Metrics
from api.settings import Settings
from api.streaming import ClientGone
from kg.snapshots import Snapshots

ROUTES = {"sparql", "id", "doc", "ontology", "questions", "plans", "search", "compare", "static", "completion"}
ROUTES |= {"health", "ready", "metrics", "reconcile", "-"}
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_EXPOSED = "Retry-After, Content-Disposition, ETag, Link, Warning, X-Request-ID, X-SPARQL-MaxRows"
_ALLOWED = "Accept, Accept-Language, Authorization, Cache-Control, Content-Type, If-Modified-Since, If-None-Match, "
_ALLOWED += "X-Request-ID, X-Requested-With"
HEADERS = {
    "access-control-allow-origin": "*",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}
_RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_FOR_DATA = tuple(header for header in _RAW if header[0] in {b"access-control-allow-origin", b"x-content-type-options"})
_LINES_FOR_DATA = lines_of(_FOR_DATA)
_FOR_SCRIPTS = (b"access-control-expose-headers", _EXPOSED.encode())
_HARMLESS_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")


class Reply:
    """The way back to the client: adds the headers that every answer has, and notes what was sent."""

    def __init__(self, scope: Scope, send: Send, name: bytes, is_script: bool):
        self._send, self._cycle = send, scope.get("cycle")
        self._last = ((b"x-request-id", name), _FOR_SCRIPTS) if is_script else ((b"x-request-id", name),)
        self.status, self.sent = 0, 0

    async def __call__(self, message: Message) -> None:
        """Send a message of ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            raw = list(message.get("headers", ()))
            message["headers"] = [*raw, *_missing(raw), *self._last]
        else:
            self.sent += len(message.get("body", b""))
        try:
            await self._send(message)
        except RuntimeError as error:
            raise _left(error) from error

    async def whole(self, status: int, kept: Kept, body: bytes) -> None:
        """Send an answer's headers and a body (none to HEAD) in one piece, where the server knows how to."""
        self.status, self.sent = status, len(body)
        try:
            if self._cycle:
                await send_whole(self._cycle, status, kept.lines + _LINES_FOR_DATA + lines_of(self._last), body)
            else:
                headers = [*kept.headers, *_FOR_DATA, *self._last]
                await self._send({"type": "http.response.start", "status": status, "headers": headers})
                await self._send({"type": "http.response.body", "body": body})
        except RuntimeError as error:
            raise _left(error) from error


class Envelope:
    """The outermost layer: gives every request what it needs, and every answer what it must say."""

    def __init__(self, app: FastAPI):
        self.app = app
        self.settings: Settings = app.state.settings
        self.snapshots: Snapshots = app.state.snapshots
        self.metrics: Metrics = app.state.metrics
        self.log = AccessLog(logging.getLogger("kg.access").isEnabledFor(logging.INFO))
        self.proxied: Any = ProxyHeadersMiddleware(cast(Any, self._enveloped), self.settings.trusted_proxies)
        self.limiter = MovingWindowRateLimiter(MemoryStorage()) if self.settings.rate else None
        self.rate: RateLimitItem = RateLimitItemPerMinute(self.settings.rate or 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            self.log.flush()
            return
        headers = scope["headers_of"] = headers_of(scope)
        if b"x-forwarded-for" in headers or b"x-forwarded-proto" in headers:
            await self.proxied(scope, receive, send)
        else:
            await self._enveloped(scope, receive, send)

    async def _enveloped(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request that comes from whom it says it does."""
        began = time.perf_counter()
        headers = scope["headers_of"]
        name = _request_id(headers)
        reply = Reply(scope, send, name, b"origin" in headers)
        scope.update(app=self.app, request_id=name.decode(), reply=reply)
        try:
            await self._handle(scope, receive, reply)
        finally:
            seconds = time.perf_counter() - began
            route = _route(scope["path"])
            self.metrics.observe(route, reply.status, seconds, reply.sent)
            self.log.add(scope["request_id"], scope["method"], route, reply.status, seconds, reply.sent, scope.get("told", {}))

    async def visit(self, target: str) -> tuple[int, bytes]:
        """Answer a GET that nobody has sent, for what pages keep of it; in no log and no figure. Return status and body."""
        path, _, query = target.partition("?")
        scope: Scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
            **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "client": None},
            **{"headers": [(b"host", b"localhost"), (b"accept", b"*/*")], "server": ("localhost", 80)},
        }
        body = bytearray()

        async def take(message: Message) -> None:
            body.extend(message.get("body", b""))

        reply = Reply(scope, take, b"", is_script=False)
        scope.update(app=self.app, request_id="", headers_of=headers_of(scope), reply=reply)
        await self._handle(scope, _no_body, reply)
        return reply.status, bytes(body)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the snapshot that is in service now, to the end."""
        if scope["method"] == "OPTIONS":
            await _options(scope["path"], send)
            return
        if self.limiter and not self.limiter.hit(self.rate, client_of(scope)):
            await respond(Request(scope, receive), Refused("rate", rate=self.settings.rate))(scope, receive, send)
            return
        if len(scope["path"]) > 1 and scope["path"].endswith("/") and scope["path"] not in sparql.PATHS:
            await _without_slash(scope)(scope, receive, send)
            return
        snapshot = scope["snapshot"] = self.snapshots.take() if self.snapshots.in_service else None
        try:
            if scope["path"] in sparql.PATHS:
                await sparql.serve(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        except (ClientGone, ClientDisconnect):
            scope["told"] = scope.get("told", {}) | {"outcome": "gone"}
        finally:
            if snapshot:
                self.snapshots.leave(snapshot)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _left(error: RuntimeError) -> Exception:
    """Tell an error from the word that the client has left: the transport knew before the server did."""
    return ClientGone() if "closed" in str(error) else error


def _without_slash(scope: Scope) -> Response:
    """Send a client to the address without the slash at its end, by an address that names no host."""
    path = "/" + quote(scope["path"].strip("/"), safe="/:@!$&'()*+,;=~")
    query = scope["query_string"].decode("latin-1")
    return Response(status_code=308, headers={"Location": path + (f"?{query}" if query else "")})


def _missing(raw: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = {header for header, _ in raw}
    return [header for header in _RAW if header[0] not in given]


@lru_cache(maxsize=1000)
def _route(path: str) -> str:
    first = path.split("/", 2)[1] if "/" in path else ""
    return first if first in ROUTES else "other" if first else "home"


def _request_id(headers: dict[bytes, bytes]) -> bytes:
    """Return the id that the client or a proxy gave, if it is harmless, else a new one."""
    given = headers.get(b"x-request-id")
    return given if given and _HARMLESS_ID.fullmatch(given) else b"%016x" % random.getrandbits(64)


async def _options(path: str, send: Send) -> None:
    allowed = "GET, HEAD, OPTIONS" + (", POST" if path in sparql.PATHS or path == "/reconcile" else "")
    headers = {
        "Allow": allowed,
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": _ALLOWED,
        "Access-Control-Max-Age": "86400",
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 204, "headers": raw})
    await send({"type": "http.response.body", "body": b""})
