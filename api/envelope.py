"""What every request has in common: an id, a snapshot of the data, headers, a line in the log, figures, a rate limit."""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass

from fastapi import FastAPI
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import sparql
from api.context import client_of
from api.errors import Refused, respond
from api.metrics import Metrics
from api.settings import Settings
from api.streaming import ClientGone
from kg.snapshots import Snapshots

logger = logging.getLogger("kg.access")
ROUTES = {"sparql", "id", "doc", "ontology", "questions", "static", "health", "ready", "metrics", "-"}
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_EXPOSED = "Retry-After, Content-Disposition, ETag, Link, X-Request-ID, X-SPARQL-MaxRows"
HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": _EXPOSED,
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}
_RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_HARMLESS_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")


@dataclass
class Told:
    """What is known of a request when it ends."""

    status: int = 0
    sent: int = 0


class Envelope:
    """The outermost layer: gives every request what it needs, and every answer what it must say."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics):
        self.app, self.settings, self.metrics = app, settings, metrics
        self.logs = logger.isEnabledFor(logging.INFO)
        self.limiter = MovingWindowRateLimiter(MemoryStorage()) if settings.rate else None
        self.rate: RateLimitItem = RateLimitItemPerMinute(settings.rate or 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        told = Told()
        name = _request_id(scope)
        scope["request_id"] = name.decode()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                raw = list(message.get("headers", ()))
                given = {header for header, _ in raw}
                raw += [header for header in _RAW if header[0] not in given]
                raw.append((b"x-request-id", name))
                message["headers"] = raw
            else:
                told.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._handle(scope, receive, send_with_headers)
        finally:
            self._tell(scope, told, time.perf_counter() - began)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the snapshot that is in service now, to the end."""
        if scope["method"] == "OPTIONS":
            await _options(scope["path"], send)
            return
        if self.limiter and not self.limiter.hit(self.rate, client_of(scope)):
            request = Request(scope, receive)
            await respond(request, Refused("rate", rate=self.settings.rate))(scope, receive, send)
            return
        application: FastAPI = scope["app"]
        snapshots: Snapshots = application.state.snapshots
        snapshot = snapshots.take() if snapshots.in_service else None
        scope["snapshot"] = snapshot
        try:
            if scope["path"] in sparql.PATHS:
                await sparql.serve(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        except ClientGone:
            pass
        finally:
            if snapshot:
                snapshots.leave(snapshot)

    def _tell(self, scope: Scope, told: Told, seconds: float) -> None:
        first = scope["path"].split("/", 2)[1] if "/" in scope["path"] else ""
        route = first if first in ROUTES else "other" if first else "home"
        self.metrics.observe(route, told.status, seconds, told.sent)
        if self.logs:
            known = {"request": scope["request_id"], "method": scope["method"], "route": route, "status": told.status}
            logger.info("request", extra=known | {"ms": round(seconds * 1000, 1), "bytes": told.sent} | scope.get("told", {}))


def _request_id(scope: Scope) -> bytes:
    """Return the id that the client or a proxy gave, if it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _HARMLESS_ID.fullmatch(value):
            return bytes(value)
    return b"%016x" % random.getrandbits(64)


async def _options(path: str, send: Send) -> None:
    allowed = "GET, HEAD, OPTIONS" + (", POST" if path in sparql.PATHS else "")
    headers = {
        "Allow": allowed,
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": "Accept, Accept-Language, Content-Type, If-None-Match, X-Request-ID, X-Requested-With",
        "Access-Control-Max-Age": "86400",
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 204, "headers": raw})
    await send({"type": "http.response.body", "body": b""})
