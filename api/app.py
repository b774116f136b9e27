"""The application: put together here, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import uvicorn
from fastapi import FastAPI

from api import compare, completion, home, logs, ontology_page, openapi, operations, questions, reconcile, search, things
from api.assets import STATIC, Assets
from api.cache import Cache
from api.connections import Connection, allow_many_files, sweep
from api.envelope import Envelope
from api.errors import install_handlers
from api.metrics import Metrics, ServiceCollector
from api.settings import Settings, load_settings
from api.strings import error_texts
from api.warming import warm
from api.withdrawn import load_withdrawn
from kg.errors import KgError, reason_of
from kg.queries import load_questions
from kg.snapshots import Snapshots
from kg.store import servable_store

GARBAGE = 20_000  # objects made and not yet gone after which the collector looks for cycles among them


def create_app(settings: Settings | None = None) -> Envelope:
    """Return the application, in its envelope.

    Raises:
        KgError: a setting, a text or a named question is wrong.
    """
    settings = settings or load_settings()
    app = FastAPI(title="Planes de gobierno", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.settings = settings
    app.state.questions = load_questions(settings.questions)
    app.state.withdrawn = load_withdrawn()
    app.state.snapshots = Snapshots(
        settings.out, settings.query_limits(), settings.page_limits(), settings.remote(), settings.in_memory
    )
    app.state.snapshots.prepare = lambda snapshot: snapshot.kept.update(cache=Cache(settings.cache_bytes))
    app.state.metrics = Metrics()
    app.state.metrics.registry.register(ServiceCollector(app.state.snapshots))
    error_texts()
    install_handlers(app)
    for part in (home, things, ontology_page, questions, openapi, operations, search, completion, compare, reconcile):
        app.include_router(part.router)
    app.mount("/static", Assets(directory=STATIC), name="static")
    return Envelope(app)


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve a store, or another server's graph, until interrupted.

    Raises:
        KgError: nothing has been built, the port is taken, or a setting or question is wrong.
    """
    name = settings.endpoint or servable_store(settings.out).name
    listener = _listener(host, port)
    logs.set_up(settings.log)
    allow_many_files()
    app = create_app(settings)
    Connection.settings = settings
    app.app.state.snapshots.follow = partial(warm, app.visit)
    shown = f"[{host}]" if ":" in host else host
    print(f"serving {name} on http://{shown}:{listener.getsockname()[1]}/ (Ctrl+C to stop)", flush=True)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        proxy_headers=False,  # the envelope reads them
    )
    gc.collect()
    gc.freeze()  # what is here now stays; looking through it again and again cost some percent of each request
    gc.set_threshold(GARBAGE)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the query processes, and look after connections."""
    async with app.state.snapshots:
        sweeping = asyncio.ensure_future(sweep())
        try:
            yield
        finally:
            sweeping.cancel()


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise KgError(f"{host}:{port}: cannot be listened on ({reason_of(error)}); choose another with --port") from error
    return listener
