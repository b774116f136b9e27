"""Every error body of the server is made here, in the form that the client asked for and in both languages."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import settings_of
from api.negotiation import HTML, accepted, choose
from api.rendering import language_of, render
from api.strings import LANGUAGES, error_texts
from kg.media_types import Format
from kg.processes import QueryFailed

logger = logging.getLogger(__name__)
PROBLEM = Format("problem", "application/problem+json", "json", ("application/json", "application/ld+json"))
TEXT = Format("text", "text/plain", "txt")
_RETRY = {"overload", "unavailable", "deadline", "rate"}
_BY_STATUS = {404: "not_found", 405: "method"}


class Refused(Exception):
    """A request that is not served: a kind of strings.yaml, what fills its texts, and links to what is near."""

    def __init__(self, kind: str, near: list[tuple[str, str]] | None = None, **values: object):
        super().__init__(kind)
        self.kind, self.near, self.values = kind, near or [], values


def error_response(request: Request, kind: str, near: list[tuple[str, str]] | None = None, **values: object) -> Response:
    """Make the body of an error: a problem document (RFC 9457), plain text, or a page for a browser.

    near: (text, address) pairs of what the client may have meant, or can have. line and column go into the problem document as
    numbers, links into the Link header.
    """
    told, status, filled = _told(request, kind, values)
    headers = {"Retry-After": str(settings_of(request).retry_seconds)} if kind in _RETRY else {}
    headers |= {"Link": str(values["links"])} if "links" in values else {}
    headers |= {"Vary": "Accept", "Cache-Control": "no-store"}
    response = _body(request, kind, status, told, near or [], filled)
    response.headers.update(headers)
    return response


def install_handlers(app: FastAPI) -> None:
    """Send every error of the application through `error_response`."""

    async def handle(request: Request, error: Exception) -> Response:
        return respond(request, error)

    for kind in (Refused, QueryFailed, HTTPException, Exception):
        app.add_exception_handler(kind, handle)


def respond(request: Request, error: Exception) -> Response:
    """Make an error into an answer."""
    if isinstance(error, Refused):
        return error_response(request, error.kind, error.near, **error.values)
    if isinstance(error, QueryFailed):
        return error_response(request, error.kind, **_values(request, error))
    return _http(request, error) if isinstance(error, HTTPException) else _unexpected(request, error)


def explained(request: Request, failure: QueryFailed) -> dict[str, str]:
    """Return title, detail and hint of a failure in the reader's language, for a page that has begun already."""
    return _told(request, failure.kind, _values(request, failure))[0][language_of(request)]


def _values(request: Request, failure: QueryFailed) -> dict[str, Any]:
    """Return what fills the texts on a failure."""
    settings = settings_of(request)
    detail = failure.detail
    if failure.kind == "unavailable":
        logger.warning("%s", failure)
        detail = "" if settings.endpoint else detail  # it names a server that is nobody's business
    return {"detail": detail, "line": failure.line, "column": failure.column, "limit": settings.result_bytes}


def _told(request: Request, kind: str, values: dict[str, object]) -> tuple[dict[str, dict[str, str]], int, dict[str, object]]:
    """Return the texts on an error by language, its status, and what fills the texts."""
    unclear = kind == "syntax" and values.get("detail") in {None, "", "–"}
    texts = error_texts()["syntax_here" if unclear else kind]
    filled = {"detail": "", "line": 0, "column": 0, "retry": settings_of(request).retry_seconds} | values
    told: dict[str, dict[str, str]] = {
        lang: {
            "title": texts.title[lang].format(**filled),
            "detail": texts.detail[lang].format(**filled),
            "hint": texts.hint[lang].format(**filled),
        }
        for lang in LANGUAGES
    }
    return told, texts.status, filled


def _body(
    request: Request,
    kind: str,
    status: int,
    told: dict[str, dict[str, str]],
    near: list[tuple[str, str]],
    filled: dict[str, object],
) -> Response:
    language = language_of(request)
    mine = told[language]
    choice = choose(accepted(request), (PROBLEM, HTML, TEXT))
    if choice and choice.format is HTML:
        page = render(
            request, "error.html", error=mine, code=status, kind=kind, near=near, asked=request.query_params.get("q", "")
        )
        page.status_code = status
        return page
    if choice and choice.format is TEXT:
        text = "\n".join(f"{t['title']}\n{t['detail']}\n{t['hint']}\n" for t in told.values())
        text += "".join(f"\n{address}" for _, address in near)
        return Response(text, status, media_type="text/plain")
    problem: dict[str, object] = {
        "type": f"about:blank#{kind}",
        "title": mine["title"],
        "status": status,
        "detail": mine["detail"],
    }
    problem |= {"hint": mine["hint"], "kind": kind}
    problem |= {name: filled[name] for name in ("line", "column") if filled[name]}
    problem |= {"alternates" if kind == "format" else "near": [address for _, address in near]} if near else {}
    problem |= told
    return Response(json.dumps(problem, ensure_ascii=False, indent=1), status, media_type=PROBLEM.media_type)


def _http(request: Request, error: HTTPException) -> Response:
    kind = _BY_STATUS.get(error.status_code, "internal")
    if kind == "internal":
        logger.error("%s %s: %s", request.method, request.url.path, HTTPStatus(error.status_code).phrase)
    response = error_response(request, kind, detail=request.method if kind == "method" else request.url.path)
    response.headers.update(error.headers or {})
    return response


def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s", request.method, request.url.path, exc_info=error)
    return error_response(request, "internal")
