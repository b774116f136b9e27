"""Answers on their way to the client: bytes as the query process makes them, and an end to the query when nobody listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kg.processes import Answer, QueryFailed

logger = logging.getLogger(__name__)
PATIENCE = 0.05  # seconds before it is worth while to look whether the client is still there
KEPT_CHUNKS = 64  # of the some 64 KB in which an answer arrives: what has more is not kept
TELLING = {"json", "xml"}  # formats in which a cut answer says so itself; others break off
T = TypeVar("T")


class ClientGone(Exception):
    """The client left before its answer was complete."""


class AnswerResponse(Response):
    """Sends an answer and gives its process back, whichever way that ends.

    `first` goes before the answer's bytes. `keep` is given all of them at the end, unless they are many.
    """

    def __init__(
        self,
        answer: Answer,
        content_type: str,
        headers: dict[str, str],
        first: bytes = b"",
        keep: Callable[[bytes], object] | None = None,
    ):
        super().__init__(headers=headers | {"content-type": content_type})
        del self.headers["content-length"]
        self.answer, self.first, self.keep = answer, first, keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. One that breaks off half-way is left without its end, so that the client notices."""
        try:
            if self.answer.whole:
                await self._send_whole(scope, send)
            else:
                await connected(receive, self._stream(scope, send), patience=0)
        except QueryFailed as failure:
            scope["told"] = scope.get("told", {}) | {"outcome": failure.kind}
            logger.warning("an answer broke off: %s", failure, extra={"request": scope.get("request_id", "")})
        finally:
            self.answer.close()

    async def _send_whole(self, scope: Scope, send: Send) -> None:
        body = self.first + await self.answer.read()
        self.headers["content-length"] = str(len(body))
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    async def _stream(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        seen: list[bytes] = []
        if scope["method"] != "HEAD":
            if self.first:
                await send({"type": "http.response.body", "body": self.first, "more_body": True})
            async for chunk in self.answer.chunks():
                if self.keep and len(seen) < KEPT_CHUNKS:
                    seen.append(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            scope["told"] = scope.get("told", {}) | {"rows": self.answer.rows}
            if self.answer.cut and self.answer.format not in TELLING:
                raise QueryFailed("cut", f"{self.answer.rows} rows")
        await send({"type": "http.response.body", "body": b""})
        if self.keep and 0 < len(seen) < KEPT_CHUNKS and not self.answer.cut:
            self.keep(b"".join(seen))


class LatePage(StreamingResponse):
    """A page that is sent up to a mark at once, and from there on when the whole of it is made.

    A client that leaves ends the making.
    """

    def __init__(self, begun: Response, making: Coroutine[Any, Any, bytes], mark: str):
        headers = {name: value for name, value in begun.headers.items() if name not in {"content-length", "content-type"}}
        headers["X-Accel-Buffering"] = "no"  # a proxy is to pass on what there is
        super().__init__(self._parts(bytes(begun.body), making, mark.encode()), headers=headers, media_type="text/html")

    @staticmethod
    async def _parts(begun: bytes, making: Coroutine[Any, Any, bytes], mark: bytes) -> AsyncIterator[bytes]:
        work = asyncio.ensure_future(making)
        try:
            yield begun.partition(mark)[0]
            yield (await work).partition(mark)[2]
        finally:
            work.cancel()


async def connected(receive: Receive, work: Coroutine[Any, Any, T], patience: float = PATIENCE) -> T:
    """Do work for a client, as long as it is there; whether it is, is looked at from `patience` seconds on.

    Raises:
        ClientGone: it left; the work has been cancelled.
    """
    mine = asyncio.current_task()
    assert mine
    watch: list[asyncio.Task[None]] = []

    def gone(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            mine.cancel()

    def begin() -> None:
        watch.append(asyncio.ensure_future(_until_gone(receive)))
        watch[0].add_done_callback(gone)

    timer = asyncio.get_running_loop().call_later(patience, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if not (watch and watch[0].done()):
            raise
        mine.uncancel()
        raise ClientGone from None
    finally:
        timer.cancel()
        for task in watch:
            task.remove_done_callback(gone)
            task.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
