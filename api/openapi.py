"""The site as a REST API: its description in OpenAPI, made from the questions themselves, and the same as a plain page.

Source: https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.asking import choices
from api.context import own_address, settings_of
from api.negotiation import CSV, DOCUMENT_FORMATS, HTML, JSON, QUESTION_FORMATS
from api.questions import BIBTEX, BY_NAME, CSL, SPARQL, SVG
from api.rendering import data_version, has_page, language_of, render
from api.strings import Language, say
from kg.media_types import RDF_FORMATS, RESULT_FORMATS, Format
from kg.queries import FAMILIES, Question

router = APIRouter()
Json = dict[str, object]
LISTED = 200  # values of a parameter that the description lists
_PROBLEM = Format("problem", "application/problem+json", "json")
_QUESTION_FILES = (*QUESTION_FORMATS, SVG, BIBTEX, CSL, SPARQL)
_NUMBERS = {"number": "number", "year": "integer"}
_KEY = "{key}"


@dataclass(frozen=True)
class Endpoint:
    """An address beside the questions: its path, what it is (a text of the site), its parameters (name → text), its formats."""

    path: str
    words: str
    parameters: tuple[tuple[str, str], ...] = ()
    formats: tuple[Format, ...] = (HTML, JSON)
    example: str = ""


# Those of other parts of the site are told of where this site has them.
ENDPOINTS = (
    Endpoint("/questions", "api.list_questions"),
    Endpoint("/search", "api.search", (("q", "api.p_q"),), (HTML, CSV, JSON), "/search?q=agua"),
    Endpoint("/compare", "api.compare", (("plan", "api.p_plan"),), (HTML, CSV, JSON)),
    Endpoint(f"/doc/{_KEY}", "api.thing", (("key", "api.p_key"),), DOCUMENT_FORMATS, "/doc/institution/minsa.ttl"),
    Endpoint("/sparql", "api.sparql", (("query", "api.p_query"),), (*RESULT_FORMATS, *RDF_FORMATS), "/sparql?query=ASK{}"),
    Endpoint("/ontology", "api.ontology", (), DOCUMENT_FORMATS, "/ontology.ttl"),
    Endpoint("/reconcile", "api.reconcile", (), (JSON,)),
    Endpoint("/health", "api.health", (), (JSON,)),
)
COMMON = (
    ("format", "api.p_format"),
    ("lang", "api.p_lang"),
    ("bom", "api.p_bom"),
    ("sort", "api.p_sort"),
    ("page", "api.p_page"),
)


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
async def openapi(request: Request) -> Response:
    """Send the description of the API."""
    body = json.dumps(await described_api(request), ensure_ascii=False, indent=1)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})


@router.api_route("/api", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Show the API as a page."""
    known: dict[str, Question] = request.app.state.questions
    language = language_of(request)
    families = {family: [(q, _example(q)) for q in known.values() if q.family == family] for family in FAMILIES}
    return render(
        request,
        "api.html",
        address=own_address(request).rstrip("/"),
        families={name: found for name, found in families.items() if found},
        common=[(name, say(words, language)) for name, words in COMMON],
        endpoints=_present(request),
        formats=[(f.name, f.media_type, f.ending) for f in BY_NAME],
        seconds=f"{settings_of(request).query_seconds:g}",
    )


async def described_api(request: Request) -> Json:
    """Return the description of the API: a path for each question and each other address of this site."""
    known: dict[str, Question] = request.app.state.questions
    language = language_of(request)
    kinds = {param.kind for question in known.values() for param in question.params}
    paths = {f"/questions/{q.name}": {"get": _question(q, language)} for q in known.values()}
    paths |= {endpoint.path: {"get": _endpoint(endpoint, language)} for endpoint in _present(request)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": say("answers.publisher", language),
            "description": " ".join(say(f"api.{part}", language) for part in ("lede", "formats", "errors")),
            "version": data_version(request),
            "license": {"name": "CC BY 4.0", "identifier": "CC-BY-4.0"},
        },
        "servers": [{"url": own_address(request).rstrip("/")}],
        "tags": [
            {"name": family, "description": f"{say(f'families.{family}', language)}: {say(f'families.{family}_text', language)}"}
            for family in FAMILIES
        ],
        "paths": paths,
        "components": {
            "schemas": {kind: await _kind(request, kind) for kind in sorted(kinds)}
            | {"Solutions": _SOLUTIONS, "Problem": _WRONG},
            "parameters": {name: _parameter(name, say(words, language), {"type": "string"}) for name, words in COMMON},
            "responses": {"Problem": {"description": say("api.errors", language), "content": _content((_PROBLEM,), "Problem")}},
        },
    }


def _question(asked: Question, language: Language) -> Json:
    own = [
        _parameter(p.name, p.label_en if language == "en" else p.label_es, {"$ref": f"#/components/schemas/{p.kind}"})
        | {"example": p.default}
        for p in asked.params
    ]
    return {
        "operationId": asked.name,
        "summary": asked.title(language),
        "description": "\n\n".join(filter(None, (asked.description(language), asked.caveat(language)))),
        "tags": [asked.family],
        "parameters": [*own, *({"$ref": f"#/components/parameters/{name}"} for name, _ in COMMON)],
        "responses": _responses(asked.description(language), _QUESTION_FILES),
    }


def _endpoint(endpoint: Endpoint, language: Language) -> Json:
    return {
        "operationId": endpoint.words.partition(".")[2],
        "summary": say(endpoint.words, language),
        "parameters": [
            _parameter(name, say(words, language), {"type": "string"}, f"{{{name}}}" in endpoint.path)
            for name, words in endpoint.parameters
        ],
        "responses": _responses(say(endpoint.words, language), endpoint.formats),
    }


def _responses(words: str, formats: tuple[Format, ...]) -> Json:
    told: Json = {"200": {"description": words, "content": _content(formats, "Solutions")}}
    return told | {"default": {"$ref": "#/components/responses/Problem"}}


def _content(formats: tuple[Format, ...], schema: str) -> Json:
    content: Json = {}
    for offered in formats:
        is_told = offered is _PROBLEM or offered.media_type in {"application/json", "application/sparql-results+json"}
        content[offered.media_type] = (
            {"schema": {"$ref": f"#/components/schemas/{schema}"}} if is_told and _is_table(formats) else {}
        )
    return content


def _is_table(formats: tuple[Format, ...]) -> bool:
    return formats in {_QUESTION_FILES, (_PROBLEM,)}


def _parameter(name: str, words: str, schema: Mapping[str, object], in_path: bool = False) -> Json:
    place: Json = {"in": "path", "required": True} if in_path else {"in": "query"}
    return {"name": name, "description": words, "schema": dict(schema)} | place


async def _kind(request: Request, kind: str) -> Json:
    """Return the schema of a kind of parameter: a key, with those that the data have where they are few."""
    known = await choices(request, kind) or {}
    listed = [{"const": key, "title": label} for key, label in list(known.items())[:LISTED]]
    schema: Json = {"type": _NUMBERS.get(kind, "string")}
    return schema | ({"anyOf": [*listed, {"type": "string"}]} if listed else {})


def _present(request: Request) -> list[Endpoint]:
    return [e for e in ENDPOINTS if has_page(request.app, e.path.replace(_KEY, "x"))]


def _example(asked: Question) -> str:
    return f"/questions/{asked.name}.csv" + ("?" + urlencode({p.name: p.default for p in asked.params}) if asked.params else "")


_TERM: Json = {
    "type": "object",
    "required": ["type", "value"],
    "properties": {
        "type": {"enum": ["uri", "literal", "bnode"]},
        "value": {"type": "string"},
        "datatype": {"type": "string"},
        "xml:lang": {"type": "string"},
    },
}
_SOLUTIONS: Json = {
    "type": "object",
    "description": "https://www.w3.org/TR/sparql11-results-json/",
    "required": ["head", "results"],
    "properties": {
        "head": {"type": "object", "properties": {"vars": {"type": "array", "items": {"type": "string"}}}},
        "results": {
            "type": "object",
            "properties": {"bindings": {"type": "array", "items": {"type": "object", "additionalProperties": _TERM}}},
        },
    },
}
_WRONG: Json = {
    "type": "object",
    "description": "https://www.rfc-editor.org/rfc/rfc9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {name: {"type": "string"} for name in ("type", "title", "detail", "hint", "kind")}
    | {"status": {"type": "integer"}, "near": {"type": "array", "items": {"type": "string"}}},
}
