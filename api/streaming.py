"""Answers on their way to the client: bytes as the worker makes them, and an end to the query when nobody listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from kg.pool import Answer, QueryFailed

logger = logging.getLogger(__name__)


class ClientGone(Exception):
    """The client left before its answer began."""


class AnswerResponse(StreamingResponse):
    """Streams an answer and gives its worker back, whichever way it ends."""

    def __init__(self, answer: Answer, content_type: str, headers: dict[str, str]):
        super().__init__(answer.chunks(), headers=headers)
        self.headers["content-type"] = content_type
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. One that breaks off half-way is left without its end, so that the client notices."""
        try:
            await super().__call__(scope, receive, send)
        except QueryFailed as failure:
            logger.warning("an answer broke off: %s", failure)
        finally:
            self.answer.close()


async def while_connected(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Wait for an answer to begin, but no longer than the client does.

    Raises:
        ClientGone: it left; the query has been ended.
        QueryFailed: the query failed.
    """
    asking = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            return asking.result()
        raise ClientGone
    finally:
        leaving.cancel()
        if not asking.done():
            asking.cancel()
            with suppress(asyncio.CancelledError, Exception):
                (await asking).close()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
