"""Reconciliation: names in somebody's table → things of the graph, as OpenRefine asks for it.

Source: Reconciliation Service API 0.2, https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import own_address, pages_of, settings_of, snapshot_of
from api.errors import Refused
from api.lookup import XSD, Node
from api.negotiation import HTML, named, negotiate
from api.reconcile_data import ID, VALUES, begin, index_of, json_value, names_of, values_of
from api.rendering import language_of, render
from api.sparql import parse_pairs, read_body
from api.strings import LANGUAGES, Language, say
from kg.media_types import Format
from kg.namespaces import PREFIXES
from kg.reconciling import (
    Asked,
    BadQuery,
    Candidate,
    Entity,
    Index,
    Property,
    Vocabulary,
    answer,
    load_vocabulary,
    parse_batch,
)
from kg.reconciling.asking import load_json
from kg.text import fold, shorten, slug

router = APIRouter()
JSON = Format("json", "application/json", "json")
BATCH = 50  # queries in a batch
THINGS, COLUMNS = 500, 30  # things and properties of a data extension query
SUGGESTED, MOST_SUGGESTED = 20, 100
PATIENCE = 2.0  # seconds that the page waits for the index
PREVIEW = (420, 200)  # width and height in pixels
FRAMABLE = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
# One thread for all: names are compared without letting others run, and clients take turns query by query.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reconcile")


@router.api_route("/reconcile", methods=["GET", "HEAD", "POST"])
async def reconcile(request: Request) -> Response:
    """Answer queries or a data extension query; without either, send the manifest, or the page about it to a browser."""
    pairs = dict(reversed(await _pairs(request)))
    try:
        if "queries" in pairs:
            return await _batch(request, pairs["queries"])
        if "extend" in pairs:
            return await _extension(request, pairs["extend"])
    except BadQuery as error:
        raise Refused("reconcile", detail=str(error)) from error
    if request.method == "POST":
        raise Refused("reconcile", detail="queries, extend: –")
    choice = negotiate(request.headers.get("accept", ""), None, (JSON, HTML))
    wanted = named(pairs.get("format", ""), (JSON, HTML)) or choice
    if wanted and wanted.format is HTML:
        return await _page(request)
    if snapshot := request.scope.get("snapshot"):
        begin(snapshot)  # whoever reads the manifest will ask soon
    return _json(_manifest(request), {"Vary": "Accept"})


@router.api_route("/reconcile/suggest/entity", methods=["GET", "HEAD"])
async def suggest_entity(request: Request) -> Response:
    """Suggest things whose name begins so, or nearly."""
    language, vocabulary = language_of(request), load_vocabulary()
    types = tuple(t for t in request.query_params.getlist("type") if t in vocabulary.types and vocabulary.types[t].pattern)
    prefix, index = request.query_params.get("prefix", "")[:300], await index_of(snapshot_of(request))
    found = await _in_thread(_beginning, prefix, types, index)
    shown = [
        {
            "id": entity.id,
            "name": entity.label(language),
            "description": describe(entity, index, language),
            "notable": _types(entity, vocabulary, language),
        }
        for entity in (index.entities[id_] for id_ in _cut(request, found))
    ]
    return _json({"result": shown})


@router.api_route("/reconcile/suggest/type", methods=["GET", "HEAD"])
async def suggest_type(request: Request) -> Response:
    """Suggest types."""
    language, vocabulary = language_of(request), load_vocabulary()
    wanted = fold(request.query_params.get("prefix", ""))
    found = [t for t in vocabulary.types if wanted in fold(f"{t} {vocabulary.types[t].es} {vocabulary.types[t].en}")]
    return _json({"result": [_type(t, vocabulary, language) for t in _cut(request, found)]})


@router.api_route("/reconcile/suggest/property", methods=["GET", "HEAD"])
async def suggest_property(request: Request) -> Response:
    """Suggest properties, those that narrow queries first."""
    language, known = language_of(request), load_vocabulary().properties.values()
    wanted = fold(request.query_params.get("prefix", ""))
    found = [p for p in known if wanted in fold(f"{p.id} {p.es} {p.en}")]
    found.sort(key=lambda p: p.compare is None)
    return _json({"result": [_named(p, language) for p in _cut(request, found)]})


@router.api_route("/reconcile/properties", methods=["GET", "HEAD"])
async def propose_properties(request: Request) -> Response:
    """Propose the properties that things of a type may have."""
    language, vocabulary = language_of(request), load_vocabulary()
    type_ = request.query_params.get("type", "")
    known = vocabulary.properties_of(type_) if type_ in vocabulary.types else list(vocabulary.properties.values())
    limit = _number(request, "limit", len(known))
    return _json({"type": type_, "limit": limit, "properties": [_named(p, language) for p in known[:limit]]})


@router.api_route("/reconcile/preview", methods=["GET", "HEAD"])
async def preview(request: Request) -> Response:
    """Show a thing in a few lines, in whosever frame."""
    language = language_of(request)
    index = await index_of(snapshot_of(request))
    entity = index.entities.get(request.query_params.get("id", ""))
    values: dict[str, object] = {"entity": entity}
    if entity:
        shown = {entity.id.rpartition("/")[2], *(slug(entity.label(lang)) for lang in LANGUAGES)}
        others = dict.fromkeys(name for name in entity.names if slug(name) not in shown)
        values |= {
            "label": entity.label(language),
            "type": _label(index.vocabulary.types[entity.type], language),
            "description": describe(entity, index, language),
            "others": shorten("; ".join(others), 200),
            "about": shorten(entity.about, 200),
            "address": f"{own_address(request)}doc/{entity.id}" + ("?lang=en" if language == "en" else ""),
        }
    page = render(request, "preview.html", **values)
    page.headers["Content-Security-Policy"] = FRAMABLE
    page.status_code = 200 if entity else 404
    return page


def describe(entity: Entity, index: Index, language: Language) -> str:
    """Tell in a line what sets a thing apart from its namesakes: what its type is declared to show."""
    vocabulary = index.vocabulary
    parts = [_label(vocabulary.types[entity.type], language)]
    for id_ in vocabulary.types[entity.type].shown:
        for value in entity.values.get(id_, ())[:1]:
            other = index.entities.get(value)
            text = other.label(language) if other else value
            parts.append(f"{vocabulary.properties[id_].prefix} {text}".strip())
    return " · ".join(parts)


async def _page(request: Request) -> Response:
    """Show how to use the service, with some names as it answers them now; without these where it cannot, or not soon."""
    language, snapshot = language_of(request), request.scope.get("snapshot")
    building = begin(snapshot) if snapshot else None
    done = await asyncio.wait([building], timeout=PATIENCE) if building else None
    tried = []
    if building and done and done[0] and not building.exception():
        for text in load_vocabulary().examples:
            found = await _in_thread(_candidates, Asked(text), building.result(), language)
            tried.append({"text": text, "best": found[0] if found else None, "sure": bool(found) and found[0]["match"]})
    return render(request, "reconcile.html", service=own_address(request) + "reconcile", batch=BATCH, tried=tried)


# ------------------------------------------------------------------ queries


async def _batch(request: Request, text: str) -> Response:
    try:
        asked = parse_batch(text, load_vocabulary(), BATCH)
    except ValueError as error:
        raise Refused("reconcile_many", limit=BATCH) from error
    index, language = await index_of(snapshot_of(request)), language_of(request)
    results = {key: {"result": await _in_thread(_candidates, query, index, language)} for key, query in asked.items()}
    request.scope["told"] = {"outcome": "ok", "rows": len(results)}
    return _json(results)


def _candidates(asked: Asked, index: Index, language: Language) -> list[dict[str, object]]:
    return [_candidate(found, index, language) for found in answer(asked, index)]


def _candidate(found: Candidate, index: Index, language: Language) -> dict[str, object]:
    return {
        "id": found.entity.id,
        "name": found.entity.label(language),
        "description": describe(found.entity, index, language),
        "type": _types(found.entity, index.vocabulary, language),
        "score": found.score,
        "match": found.match,
        "features": [
            {"id": "name", "value": found.likeness},
            {"id": "exact", "value": found.exact},
            {"id": "properties", "value": found.agrees},
        ],
    }


def _beginning(prefix: str, types: tuple[str, ...], index: Index) -> list[str]:
    """Return what a text begins, after what it is the id or a code of."""
    local = "/".join(prefix.strip().rstrip("/").split("/")[-2:])
    exact = [local] if local in index.entities else []
    for property_ in index.vocabulary.properties.values():
        if property_.compare in {"inei", "reniec"}:
            exact += sorted(index.by_code(property_, prefix))
    return list(dict.fromkeys([*exact, *index.beginning(prefix, types)]))


# ------------------------------------------------------------------ data extension


async def _extension(request: Request, text: str) -> Response:
    """Answer a data extension query: the values of some properties of some things."""
    ids, asked = _read_extension(load_json(text, "extend"))
    if len(ids) > THINGS or len(asked) > COLUMNS:
        raise Refused("reconcile_many", limit=THINGS)
    vocabulary, language = load_vocabulary(), language_of(request)
    index, pool = await index_of(snapshot_of(request)), pages_of(request)
    known = [id_ for id_ in ids if id_ in index.entities]
    rows: dict[str, dict[str, list[dict[str, object]]]] = {id_: {} for id_ in ids}
    meta = []
    for property_, settings in asked:
        wanted = replace(property_, counted=True) if settings.get("as") == "count" else property_
        found = await values_of(pool, wanted, known)
        names = await names_of(pool, (n for nodes in found.values() for n in nodes), index, language)
        for id_ in ids:
            nodes = _of_language(found.get(id_, []) or _none(id_, wanted, index), language)[: _most(settings)]
            rows[id_][property_.id] = [_cell(node, names, index, settings) for node in nodes]
        is_thing = property_.value and settings.get("as") not in {"id", "count"}
        type_ = {"type": _type_name(property_.value, vocabulary, language)} if is_thing and property_.value else {}
        meta.append(_named(property_, language) | type_)
    return _json({"meta": meta, "rows": rows})


def _read_extension(raw: Any) -> tuple[list[str], list[tuple[Property, dict[str, Any]]]]:
    """Return the ids, each once, and the properties with their settings; raises BadQuery."""
    ids, wanted = (raw.get("ids"), raw.get("properties")) if isinstance(raw, dict) else (None, None)
    if not isinstance(ids, list) or not isinstance(wanted, list) or not all(isinstance(id_, str) for id_ in ids):
        raise BadQuery("extend", '{"ids": ["…"], "properties": [{"id": "…"}]} is expected')
    known = load_vocabulary().properties
    asked = []
    for number, item in enumerate(wanted):
        id_ = item.get("id") if isinstance(item, dict) else None
        if not isinstance(id_, str) or id_ not in known:
            raise BadQuery(f"extend.properties[{number}]", f"one of these is expected: {', '.join(known)}")
        settings = item.get("settings")
        asked.append((known[id_], settings if isinstance(settings, dict) else {}))
    return list(dict.fromkeys(ids)), asked


def _of_language(nodes: list[Node], language: Language) -> list[Node]:
    """Leave out texts in another language, unless there are no others."""
    return [n for n in nodes if n.language in {"", language}] or nodes


def _none(id_: str, property_: Property, index: Index) -> list[Node]:
    """Return the number of values of a thing that could have some and has none, where they are counted."""
    entity = index.entities.get(id_)
    known = index.vocabulary.properties_of(entity.type) if entity and property_.counted else []
    return [Node("0", datatype=XSD + "integer")] if any(p.id == property_.id for p in known) else []


def _most(settings: dict[str, Any]) -> int:
    """Return how many values a setting allows: 0, or what is no number, is all that are told."""
    text = str(settings.get("limit") or "")
    return min(int(text), VALUES) if text.isdecimal() and int(text[:6]) > 0 else VALUES


def _cell(node: Node, names: dict[str, str], index: Index, settings: dict[str, Any]) -> dict[str, object]:
    if settings.get("as") == "id" and node.is_iri:
        return {"str": node.value}
    return json_value(node, names, index)


# ------------------------------------------------------------------ the manifest


def _manifest(request: Request) -> dict[str, object]:
    """Describe the service. Its parts keep the language in which it was asked for."""
    address, language = own_address(request), language_of(request)
    service = {"service_url": address.rstrip("/")}

    def path(name: str, **more: str) -> str:
        given = more | ({"lang": language} if language != "es" else {})
        return f"/reconcile/{name}" + (f"?{urlencode(given, safe='{}')}" if given else "")

    return {
        "versions": ["0.1", "0.2"],
        "name": say("reconcile.name", language),
        "identifierSpace": ID,
        "schemaSpace": PREFIXES["pg"],
        "documentation": address + "reconcile?format=html",
        "serviceVersion": version("plan-de-gobierno"),
        "logo": address + "static/icon.svg",
        "view": {"url": address + "doc/{{id}}"},
        "defaultTypes": [_type_name(t.id, load_vocabulary(), language) for t in load_vocabulary().types.values() if t.default],
        "suggest": {kind: service | {"service_path": path(f"suggest/{kind}")} for kind in ("entity", "type", "property")},
        "preview": {
            "url": service["service_url"] + path("preview", id="{{id}}"),
            "width": PREVIEW[0],
            "height": PREVIEW[1],
        },
        "extend": {
            "propose_properties": service | {"service_path": path("properties")},
            "property_settings": _property_settings(language),
        },
        "batchSize": BATCH,
    }


def _property_settings(language: Language) -> list[dict[str, object]]:
    choices = [{"value": value, "name": say(f"reconcile.as_{value}", language)} for value in ("name", "id", "count")]
    return [
        {
            "name": "limit",
            "type": "number",
            "default": 0,
            "label": say("reconcile.limit", language),
            "help_text": say("reconcile.limit_help", language, most=VALUES),
        },
        {
            "name": "as",
            "type": "select",
            "default": "name",
            "label": say("reconcile.as", language),
            "help_text": say("reconcile.as_help", language),
            "choices": choices,
        },
    ]


# ------------------------------------------------------------------ parts


async def _pairs(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of a request, those of its body after those of its address; the first of a name counts."""
    pairs = parse_pairs(request.scope["query_string"])
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused("media_type", detail=kind or "–")
        pairs += parse_pairs(await read_body(request, settings_of(request).query_bytes))
    return pairs


async def _in_thread(work: Any, *given: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_thread, work, *given)


def _json(told: object, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON in ASCII: what a client sent as its keys comes back, also half a character."""
    return Response(json.dumps(told), media_type=JSON.media_type, headers=headers)


def _cut(request: Request, found: list[Any]) -> list[Any]:
    cursor = _number(request, "cursor", 0)
    return found[cursor : cursor + min(_number(request, "limit", SUGGESTED), MOST_SUGGESTED)]


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Refused("reconcile", detail=f"{name}: 0, 1, 2 …")
    return int(text)


def _label(thing: Any, language: Language) -> str:
    text: str = thing.en if language == "en" else thing.es
    return text


def _named(property_: Property, language: Language) -> dict[str, object]:
    return {"id": property_.id, "name": _label(property_, language)}


def _type_name(type_: str, vocabulary: Vocabulary, language: Language) -> dict[str, object]:
    return {"id": type_, "name": _label(vocabulary.types[type_], language)}


def _type(type_: str, vocabulary: Vocabulary, language: Language) -> dict[str, object]:
    broader = vocabulary.types[type_].broader
    above = {"broader": [_type_name(broader, vocabulary, language)]} if broader else {}
    return _type_name(type_, vocabulary, language) | above


def _types(entity: Entity, vocabulary: Vocabulary, language: Language) -> list[dict[str, object]]:
    return [_type_name(t, vocabulary, language) for t in vocabulary.with_broader(entity.type)]
