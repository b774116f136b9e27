"""The application: put together here, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import pages, questions, sparql
from api.errors import install_handlers
from api.settings import Settings, load_settings
from api.strings import error_texts
from kg.errors import KgError, reason_of
from kg.pool import Pool
from kg.queries import load_questions
from kg.store import current_store

_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, Content-Disposition",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_STATIC = Path(__file__).with_name("static")


class Envelope:
    """Gives every response the same headers, and answers OPTIONS for every path."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["method"] == "OPTIONS":
            await _options(scope["path"], send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application.

    Raises:
        KgError: a setting, a text or a named question is wrong.
    """
    app = FastAPI(title="Planes de gobierno", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.settings = settings or load_settings()
    app.state.questions = load_questions(app.state.settings.questions)
    app.state.overviews = {}
    error_texts()
    install_handlers(app)
    for part in (pages, sparql, questions):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.add_middleware(Envelope)
    return app


def serve(out: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the store in `out` until interrupted.

    Raises:
        KgError: nothing has been built there, the port is taken, or a setting or question is wrong.
    """
    store = current_store(out)
    listener = _listener(host, port)
    app = create_app(load_settings(out=out))
    shown = f"[{host}]" if ":" in host else host
    print(f"serving {store.name} on http://{shown}:{listener.getsockname()[1]}/ (Ctrl+C to stop)", flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5, server_header=False)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the two pools: one for strangers' queries, one that keeps the pages answering meanwhile."""
    settings: Settings = app.state.settings
    async with Pool(settings.out, settings.query_limits()) as queries, Pool(settings.out, settings.page_limits()) as own:
        app.state.queries, app.state.pages = queries, own
        yield


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise KgError(f"{host}:{port}: cannot be listened on ({reason_of(error)}); choose another with --port") from error
    return listener


async def _options(path: str, send: Send) -> None:
    allowed = "GET, HEAD, OPTIONS" + (", POST" if path.rstrip("/") == "/sparql" else "")
    headers = {
        "Allow": allowed,
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": "Accept, Content-Type",
        "Access-Control-Max-Age": "86400",
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 204, "headers": raw})
    await send({"type": "http.response.body", "body": b""})
