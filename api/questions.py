"""The named questions: a list, and for each a form, its answer as a table with links, and the same as CSV, XLSX or JSON."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.context import client_of, own_address, pages_of, settings_of, snapshot_of
from api.errors import Refused
from api.lookup import Node, Row, parse_solutions, rows
from api.negotiation import CSV, HTML, JSON, QUESTION_FORMATS, XLSX, listed, negotiate
from api.rendering import language_of, render
from api.sparql_page import table_of
from api.streaming import AnswerResponse, connected
from api.strings import say
from kg.frames import Query
from kg.namespaces import prefix_header
from kg.pool import Answer
from kg.queries import Param, ParameterError, Question, choices_query, known_things
from kg.queries import render as fill
from kg.text import fold

router = APIRouter()
BOM = b"\xef\xbb\xbf"  # makes spreadsheet programs read UTF-8
_NUMERIC = ("integer", "decimal", "double")
_CONTROL = {"lang", "format", "bom"}


@dataclass(frozen=True)
class Field:
    """A parameter on a form: its label, its value, and what it may be (id, label); empty where anything goes."""

    name: str
    label: str
    value: str
    choices: list[tuple[str, str]]


@router.api_route("/questions", methods=["GET", "HEAD"])
async def questions(request: Request) -> Response:
    """List the questions."""
    choice = negotiate(request.headers.get("accept", ""), request.query_params.get("format"), (HTML, JSON))
    if choice is None:
        raise Refused("format", offers=listed((HTML, JSON)))
    known: dict[str, Question] = request.app.state.questions
    if choice.format is JSON:
        return JSONResponse([_described(q, request) for q in known.values()], headers={"Vary": "Accept"})
    return render(request, "questions.html", questions=list(known.values()))


@router.api_route("/questions/{name}", methods=["GET", "HEAD"])
async def question(request: Request, name: str) -> Response:
    """Answer a question."""
    known: dict[str, Question] = request.app.state.questions
    if name not in known:
        near = [(known[n].title_es, f"/questions/{n}") for n in get_close_matches(name, known, n=3)]
        raise Refused("missing_thing", near, detail=name)
    choice = negotiate(request.headers.get("accept", ""), request.query_params.get("format"), QUESTION_FORMATS)
    if choice is None:
        raise Refused("format", offers=listed(QUESTION_FORMATS))
    asked = known[name]
    values = {key: value for key, value in request.query_params.items() if key not in _CONTROL and value.strip()}
    plans = await _choices(request, "plan") if any(p.kind == "plan" for p in asked.params) else None
    try:
        text = fill(asked, values, plans)
    except ParameterError as error:
        near = [(f"{label} ({key})", _address(asked, error, values, key)) for key, label in error.near]
        raise Refused(f"parameter_{error.reason}", near, name=error.name, value=error.value) from error
    if choice.format is HTML:
        return await _page(request, asked, values, text)
    answer = await _ask(request, text, "csv" if choice.format is CSV else "json")
    headers = {"Vary": "Accept"}
    if choice.format is XLSX or choice.format is CSV:
        headers["Content-Disposition"] = f'attachment; filename="{name}.{choice.format.ending}"'
    if choice.format is XLSX:
        book = workbook(*parse_solutions(await answer.read()), name)
        return Response(book, headers=headers | {"Content-Type": choice.content_type})
    mark = BOM if choice.format is CSV and request.query_params.get("bom") == "1" else b""
    return AnswerResponse(answer, choice.content_type, headers, mark)


def workbook(names: list[str], found: list[Row], title: str) -> bytes:
    """Return the solutions as a spreadsheet; numbers are numbers, and no text is taken for a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.append(names)
    for row in found:
        sheet.append([_spreadsheet_cell(sheet, row.get(name)) for name in names])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


async def _ask(request: Request, text: str, format_: str) -> Answer:
    settings = settings_of(request)
    query = Query(text, format_, None, max_bytes=settings.result_bytes, seconds=int(settings.query_seconds) + 5)
    return await connected(request.receive, snapshot_of(request).queries.ask(query, client_of(request.scope)))


async def _page(request: Request, asked: Question, values: dict[str, str], text: str) -> Response:
    answer = await _ask(request, text, "json")
    names, found = parse_solutions(await answer.read())
    # A page number is shown where documents have pages; every other column stays, as an empty cell says that the plan does not.
    told = [name for name in names if name != "pagina" or any(name in row for row in found)]
    return render(
        request,
        "question.html",
        question=asked,
        fields=[await _field(request, param, values.get(param.name, param.default)) for param in asked.params],
        values=values,
        table=_pointing(await table_of(request, told, found), say("questions.where", language_of(request))),
        text=text.removeprefix(prefix_header()).strip(),
    )


def _pointing(table: dict[str, Any], words: str) -> dict[str, Any]:
    """Let the link to a statement say where it leads, as the quote stands beside it already."""
    names = table["names"]
    if "cita" in names and "enunciado" in names:
        place = names.index("enunciado")
        table["rows"] = [[*r[:place], replace(r[place], text=words), *r[place + 1 :]] for r in table["rows"]]
    return table


async def _field(request: Request, param: Param, value: str) -> Field:
    label = param.label_en if language_of(request) == "en" else param.label_es
    choices = await _choices(request, param.kind)
    if choices is not None and value not in choices:
        choices[value] = (known_things(param.kind) or {}).get(value, value)
    return Field(param.name, label, value, sorted((choices or {}).items(), key=lambda c: fold(c[1])))


async def _choices(request: Request, kind: str) -> dict[str, str] | None:
    """Return what the graph has of a kind, id → label; None where anything goes."""
    listing = choices_query(kind)
    if listing is None:
        return None
    return {row["id"].value: row["label"].value for row in await rows(pages_of(request), listing)}


def _address(asked: Question, error: ParameterError, values: dict[str, str], key: str) -> str:
    """Return the question's address with what may have been meant in the place of what was given."""
    given = {k: v for k, v in values.items() if k != error.name}
    given |= {key: values[error.name]} if error.reason == "unknown" else {error.name: key}
    return f"/questions/{asked.name}?{urlencode(given)}"


def _described(asked: Question, request: Request) -> dict[str, object]:
    return {
        "name": asked.name,
        "url": f"{own_address(request)}questions/{asked.name}",
        "title": {"es": asked.title_es, "en": asked.title_en},
        "description": {"es": asked.description_es, "en": asked.description_en},
        "parameters": [{"name": p.name, "kind": p.kind, "default": p.default} for p in asked.params],
    }


def _spreadsheet_cell(sheet: object, node: Node | None) -> object:
    """Return a number where the term is one; else a text cell, so that `=1+1` stays text."""
    if node is None:
        return None
    if node.datatype.endswith(_NUMERIC):
        try:
            return int(node.value) if node.datatype.endswith("integer") else float(node.value)
        except ValueError:
            pass
    text = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", node.value)[:32767])
    text.data_type = "s"
    return text
