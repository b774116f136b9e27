"""The text search: a page with facets, the same as CSV and JSON."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.context import client_of, own_address, pages_of, settings_of
from api.errors import Refused
from api.negotiation import CSV, HTML, JSON, listed, negotiate
from api.rendering import language_of, render
from api.search_view import SHOWN_VALUES, Links, view_of
from api.streaming import AnswerResponse, connected
from kg.frames import Query
from kg.processes import Answer
from kg.search import FACETS, MOST_HITS
from kg.search import Request as Wanted

router = APIRouter()
PER_PAGE = 10
NAMES = 6  # things by that name, above the statements
JSON_USUAL, JSON_MOST = 100, 1000  # hits in one JSON answer
LONGEST_ECHO = 1000  # characters of what was typed that are shown again
FORMATS = (HTML, CSV, JSON)
BOM = b"\xef\xbb\xbf"  # makes spreadsheet programs read UTF-8
MOST_CHOSEN = 20


@router.api_route("/search", methods=["GET", "HEAD"])
async def search(request: Request) -> Response:
    """Search the statements, and show which things have such a name."""
    choice = negotiate(request.headers.get("accept", ""), request.query_params.get("format"), FORMATS)
    if choice is None:
        raise Refused("format", offers=listed(FORMATS))
    if settings_of(request).endpoint:
        raise Refused("no_search")
    if choice.format is CSV:
        answer = await _ask(request, _wanted(request, 0, MOST_HITS, counted=False), "search-csv")
        headers = {"Vary": "Accept", "Content-Disposition": 'attachment; filename="enunciados.csv"'}
        mark = BOM if request.query_params.get("bom") == "1" else b""
        return AnswerResponse(answer, choice.content_type, headers, mark)
    if choice.format is JSON:
        return await _json(request)
    return await _page(request)


async def _page(request: Request) -> Response:
    page = _number(request, "page", 1, MOST_HITS // PER_PAGE)
    wanted = _wanted(request, (page - 1) * PER_PAGE, PER_PAGE, names=NAMES if page == 1 else 0)
    whole = bool(request.query_params.get("all"))
    wanted = replace(wanted, names=0 if wanted.filters else wanted.names, values=0 if whole else SHOWN_VALUES)
    links = Links(wanted, page, PER_PAGE, request.query_params.get("all", ""), language_of(request))
    view = None
    if wanted.text.strip() or wanted.filters:
        view = view_of(await _told(request, wanted), links)
    return render(request, "search.html", query=wanted.text, result=view, most=MOST_HITS)


async def _json(request: Request) -> Response:
    limit = _number(request, "limit", JSON_USUAL, JSON_MOST)
    page = _number(request, "page", 1, MOST_HITS // limit)
    wanted = _wanted(request, (page - 1) * limit, limit, names=NAMES if page == 1 else 0)
    told = await _told(request, wanted)
    links = Links(wanted, page, limit, "", language_of(request))
    is_last = page * limit >= min(told["total"], MOST_HITS)
    address = own_address(request).rstrip("/")
    body = {
        "query": wanted.text,
        "filters": wanted.filters,
        "total": told["total"],
        "near": told["near"] or None,
        "next": None if is_last else address + links.json_at(page + 1, limit),
        "statements": [_statement(hit, told["labels"]) for hit in told["hits"]],
        "names": [{"iri": n["iri"], "kind": n["kind"], "es": n["label"][0], "en": n["label"][1]} for n in told["names"]],
        "facets": {
            name: [{"value": v, "count": count, "es": es, "en": en} for v, count, es, en in values]
            for name, values in told["facets"].items()
        },
    }
    return JSONResponse(body, headers={"Vary": "Accept"})


def _statement(hit: dict[str, Any], labels: dict[str, list[str]]) -> dict[str, Any]:
    """Return a hit as the JSON answer has it; numbers are numbers, `marks` are (start, end) in the text."""
    found: dict[str, Any] = {"iri": hit["iri"], "plan": hit.get("plan", "").removeprefix("plan/")}
    found |= {name: int(hit[name]) for name in ("line", "page") if hit.get(name, "").isdigit()}
    found |= {name: hit[name] for name in ("type", "dimension", "text", "amount", "currency") if name in hit}
    found |= {"certain": False} if hit.get("doubtful") else {}
    found["partners"] = [labels[key][0] if key in labels else key for key in hit.get("partners", [])]
    return found | {"score": hit["score"], "marks": hit["marks"]}


async def _told(request: Request, wanted: Wanted) -> dict[str, Any]:
    """Ask the index, and read its answer beside the event loop, as it may be long."""
    answer = await _ask(request, wanted, "search-json")
    body = await answer.read()
    if len(body) < 100_000:
        small: dict[str, Any] = json.loads(body)
        return small
    told: dict[str, Any] = await asyncio.to_thread(json.loads, body)
    return told


async def _ask(request: Request, wanted: Wanted, form: str) -> Answer:
    """Ask a query process of the site's own pages: it is ended when it takes too long.

    Raises:
        QueryFailed: there is no answer. ClientGone: nobody waits for it any more.
    """
    query = Query(wanted.packed(), form, None, max_bytes=settings_of(request).result_bytes)
    return await connected(request.receive, pages_of(request).ask(query, client_of(request.scope)))


def _wanted(request: Request, offset: int, limit: int, names: int = 0, counted: bool = True) -> Wanted:
    """Read what is asked from the parameters; an unknown facet's is not ours and counts for nothing."""
    asked = request.query_params
    filters = {name: [v[:200] for v in asked.getlist(name) if v][:MOST_CHOSEN] for name in FACETS}
    chosen = {name: list(dict.fromkeys(values)) for name, values in filters.items() if values}
    return Wanted(asked.get("q", "")[:LONGEST_ECHO], asked.get("any") == "1", chosen, offset, limit, counted, names)


def _number(request: Request, name: str, usual: int, most: int) -> int:
    text = request.query_params.get(name, "")
    return max(1, min(int(text[:9]), most)) if text.isascii() and text.isdigit() else usual
