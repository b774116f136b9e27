"""What operators and their machines ask: is it alive, is it ready, how is it doing; and the word to take new data."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.context import client_of, pages_of, snapshot_of
from api.errors import Refused
from api.lookup import holds
from api.metrics import CONTENT_TYPE
from kg.errors import KgError
from kg.processes import QueryFailed

router = APIRouter()
_FRESH = {"Cache-Control": "no-store"}
_HERE = {"127.0.0.1", "::1", "::", "testclient", ""}


@router.api_route("/health", methods=["GET", "HEAD"])
async def health() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"}, headers=_FRESH)


@router.api_route("/ready", methods=["GET", "HEAD"])
async def ready(request: Request) -> Response:
    """Say that queries are answered, and from which version of the data."""
    snapshot = snapshot_of(request)
    await holds(pages_of(request), "ASK { ?s ?p ?o }")
    told = {"version": snapshot.version, "isolated": snapshot.queries.isolated, "in_memory": snapshot.in_memory}
    return JSONResponse({"status": "ready", **told}, headers=_FRESH)


@router.api_route("/metrics", methods=["GET", "HEAD"])
async def metrics(request: Request) -> Response:
    """Give the figures for Prometheus."""
    return Response(request.app.state.metrics.text(), headers=_FRESH | {"Content-Type": CONTENT_TYPE})


@router.post("/-/reload")
async def reload(request: Request) -> Response:
    """Take the newest build into service now; only this host may ask."""
    if client_of(request.scope) not in _HERE or "x-forwarded-for" in request.headers:
        raise Refused("not_found", detail=request.url.path)
    snapshots = request.app.state.snapshots
    try:
        changed = await snapshots.reload()
    except KgError as error:
        raise QueryFailed("unavailable", str(error)) from error
    return JSONResponse({"version": snapshots.current.version, "changed": changed}, headers=_FRESH)
