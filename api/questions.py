"""The named questions: a list, and for each a form, its answer as a sentence, a chart and a table, and the same as files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from itertools import chain

from fastapi import APIRouter
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api import charts
from api.answers import Told, sentence
from api.asking import (
    READ,
    Asked,
    Solutions,
    ask,
    asked_of,
    choices,
    given_in,
    label_of,
    near_addresses,
    solutions_of,
)
from api.citing import Citation, day_of
from api.columns import columns
from api.context import own_address, snapshot_of
from api.errors import Refused, explained
from api.kept import has_it, mark_of
from api.negotiation import CSV, HTML, JSON, QUESTION_FORMATS, XLSX, Choice, choose, listed, named, negotiate
from api.rendering import data_version, grouped, language_of, link_maker, render
from api.streaming import AnswerResponse, LatePage, connected
from api.strings import Language, column, say
from api.tables import Table, table_page
from api.workbooks import MOST, workbook
from kg.media_types import Format
from kg.namespaces import prefix_header
from kg.processes import QueryFailed
from kg.queries import FAMILIES, ParameterError, Question

router = APIRouter()
BOM = b"\xef\xbb\xbf"  # makes spreadsheet programs read UTF-8
PICKED = 200  # values of a pick-list; more are typed, with suggestions
SVG = Format("svg", "image/svg+xml", "svg")
BIBTEX = Format("bibtex", "application/x-bibtex", "bib")
CSL = Format("csl", "application/vnd.citationstyles.csl+json", "csl.json")
SPARQL = Format("sparql", "application/sparql-query", "rq")
CITATION = Format("citation", "text/plain", "txt")
OFFERS = (*QUESTION_FORMATS, SVG, BIBTEX, CSL, SPARQL)
BY_NAME = (*OFFERS, CITATION)  # plain text is sent to who names it only
_NAMED_FILES = {"csv", "xlsx", "svg", "bibtex", "csl", "sparql"}
_VARY = {"Vary": "Accept"}
PATIENCE = 0.2  # seconds until a page begins without its answer
MARK = Markup("<!-- answer -->")  # where it is put in
Wrong = tuple[str, str, tuple[tuple[str, str], ...]]  # a parameter, what is wrong with its value, what is near
_NOTHING_WRONG: Wrong = ("", "", ())


@dataclass(frozen=True)
class Field:
    """A parameter on a form: its label, its value, what it may be (id, label), and what is wrong with it and near to it.

    `choices` is empty where anything goes; `is_typed` says that there are too many for a pick-list.
    """

    name: str
    label: str
    value: str
    choices: list[tuple[str, str]]
    is_typed: bool = False
    is_number: bool = False
    wrong: str = ""
    near: tuple[tuple[str, str], ...] = ()


@router.api_route("/questions", methods=["GET", "HEAD"])
async def questions(request: Request) -> Response:
    """List the questions."""
    choice = negotiate(request.headers.get("accept", ""), request.query_params.get("format"), (HTML, JSON))
    if choice is None:
        raise Refused("format", offers=listed((HTML, JSON)))
    known: dict[str, Question] = request.app.state.questions
    if choice.format is JSON:
        return JSONResponse([described(q, request) for q in known.values()], headers=_VARY)
    families = {family: [q for q in known.values() if q.family == family] for family in FAMILIES}
    return render(request, "questions.html", families={name: found for name, found in families.items() if found})


@router.api_route("/questions/{name}", methods=["GET", "HEAD"])
async def question(request: Request, name: str) -> Response:
    """Answer a question, in the form that the ending, `?format=` or the Accept header asks for."""
    known: dict[str, Question] = request.app.state.questions
    name, _, ending = name.partition(".")
    if name not in known:
        near = [(known[n].title_es, f"/questions/{n}") for n in get_close_matches(name, known, n=3)]
        raise Refused("missing_thing", near, detail=name)
    choice = _chosen(request, ending)
    asking, given = known[name], given_in(request)
    try:
        asked = await asked_of(request, asking, given)
    except ParameterError as error:
        near = near_addresses(asking, error, given)
        if choice.format is HTML and error.reason != "unknown":
            return await _wrong(request, asking, given, error, near)
        raise Refused(f"parameter_{error.reason}", near, name=error.name, value=error.value) from error
    if choice.format is HTML:
        return await _page(request, asked)
    return await _file(request, asked, choice)


async def short_answer(request: Request, asking: Question) -> str:
    """Return the sentence that answers a question as it stands, for a list; empty where it has none."""
    asked = await asked_of(request, asking, {})
    return summed_up(asked, await solutions_of(request, asked.text), language_of(request))


def summed_up(asked: Asked, solutions: Solutions, language: Language) -> str:
    """Return the sentence that sums an answer up; empty where the question has none and the answer has rows."""
    if solutions.cut:
        return say("answers.more_than", language, count=written(Decimal(READ)))
    told = Told(solutions.names, solutions.rows, asked.labels, written, partial(solutions.text, language=language))
    if not solutions.rows:
        return sentence(asked.question.none.get(language) or say("answers.none", language), told)
    return sentence(asked.question.answer.get(language, ""), told)


def written(number: Decimal) -> str:
    """Write a number in groups of three, with two decimals where it is not whole."""
    whole, _, cents = f"{number:.2f}".partition(".")
    return grouped(int(whole)) + (f".{cents}" if cents.strip("0") else "")


def described(asked: Question, request: Request) -> dict[str, object]:
    """Describe a question for a program."""
    return {
        "name": asked.name,
        "url": f"{own_address(request)}questions/{asked.name}",
        "family": asked.family,
        "title": {"es": asked.title_es, "en": asked.title_en},
        "description": {"es": asked.description_es, "en": asked.description_en},
        "why": dict(asked.why),
        "caveat": {"es": asked.caveat_es, "en": asked.caveat_en},
        "parameters": [
            {"name": p.name, "kind": p.kind, "default": p.default, "label": {"es": p.label_es, "en": p.label_en}}
            for p in asked.params
        ],
        "related": list(asked.related),
    }


def _chosen(request: Request, ending: str) -> Choice:
    wanted = ending or request.query_params.get("format")
    choice = named(wanted, BY_NAME) if wanted else choose(request.headers.get("accept", ""), OFFERS)
    if choice is None:
        raise Refused("format", offers=listed(BY_NAME))
    return choice


async def _file(request: Request, asked: Asked, choice: Choice) -> Response:
    """Send an answer as a file, its citation, or its query."""
    headers = _VARY | {"content-type": choice.content_type, "Cache-Control": "no-cache"}
    headers["ETag"] = mark_of(snapshot_of(request), f"{choice.format.name} {request.url.query} {asked.text}")
    if choice.format.name in _NAMED_FILES:
        headers["Content-Disposition"] = f'attachment; filename="{asked.question.name}.{choice.format.ending}"'
    if has_it(request.scope, headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Vary", "Cache-Control")})
    if choice.format in (CSV, JSON):
        answer = await connected(request.receive, ask(request, asked.text, choice.format.name))
        mark = BOM if choice.format is CSV and request.query_params.get("bom") == "1" else b""
        return AnswerResponse(answer, choice.content_type, headers, mark)
    if choice.format is SPARQL:
        return Response(asked.text, headers=headers)
    if choice.format is XLSX:
        return Response(await _workbook(request, asked), headers=headers)
    if choice.format is SVG:
        return await _picture(request, asked, headers)
    cited = citation(request, asked)
    texts = {BIBTEX.name: cited.bibtex, CSL.name: cited.csl, CITATION.name: cited.text}
    return Response(texts[choice.format.name](), headers=headers)


async def _workbook(request: Request, asked: Asked) -> bytes:
    language = language_of(request)
    solutions = await connected(request.receive, solutions_of(request, asked.text, MOST))
    cited = citation(request, asked)
    told = [
        (say("answers.question", language), asked.question.title(language)),
        *((param.label_en if language == "en" else param.label_es, asked.labels[param.name]) for param in asked.question.params),
        (say("answers.answer", language), summed_up(asked, replace(solutions, cut=False), language)),
        (say("answers.what", language), asked.question.description(language)),
        (say("answers.before", language), asked.question.caveat(language)),
        (say("answers.version", language), f"{cited.version} ({cited.date})"),
        (say("answers.licence", language), cited.licence),
        (say("answers.permalink", language), cited.url),
    ]
    if solutions.cut:
        told.append(("", say("answers.cut", language, count=written(Decimal(MOST)))))
    heads = [column(name, language) for name in solutions.names]
    sheets = (say("answers.table", language), say("answers.source", language))
    told = [entry for entry in told if entry[1]]
    text = partial(solutions.text, language=language)
    return await run_in_threadpool(workbook, solutions.names, heads, solutions.rows, told[0][1], told, sheets, text)


async def _picture(request: Request, asked: Asked, headers: Mapping[str, str]) -> Response:
    """Send the chart as a picture of a fixed size, with its heading and source drawn in."""
    language = language_of(request)
    drawn = _drawing(asked, await solutions_of(request, asked.text), language)
    if drawn is None:
        raise Refused("no_chart", [(asked.question.title(language), f"/questions/{asked.question.name}")])
    page = render(request, "chart.svg", drawn=drawn, **_of_chart(request, asked))
    return Response(page.body, headers=dict(headers))


async def _wrong(
    request: Request, asking: Question, given: dict[str, str], error: ParameterError, near: list[tuple[str, str]]
) -> Response:
    """Show the form again, with what is wrong beside its field."""
    values = {param.name: given.get(param.name, param.default) for param in asking.params}
    asked = Asked(asking, given, values, "", dict(values))
    words = say(f"answers.wrong_{error.reason}", language_of(request), value=error.value)
    page = await _page(request, asked, (error.name, words, tuple(near)))
    page.status_code = 400
    page.headers["Cache-Control"] = "no-store"
    return page


async def _page(request: Request, asked: Asked, wrong: Wrong = _NOTHING_WRONG) -> Response:
    """Show the form and the answer; where that takes long, the form at once and the answer as soon as it is there."""
    fields = [await _field(request, param.name, asked, wrong) for param in asked.question.params]
    show = partial(_shown, request, asked, fields)
    if wrong[0]:
        return show({"cited": None})
    told = asyncio.ensure_future(_told(request, asked))
    try:
        await asyncio.wait({told}, timeout=PATIENCE)
    except asyncio.CancelledError:
        told.cancel()
        raise
    if told.done():
        return show(told.result())
    begun = show({"mark": MARK})
    if request.method == "HEAD":
        told.cancel()
    return LatePage(begun, _rest(request, told, show), MARK)


async def _rest(request: Request, told: asyncio.Task[dict[str, object]], show: Callable[[dict[str, object]], Response]) -> bytes:
    """Return the page with the answer in it, or with what has become of it."""
    try:
        values = await told
    except QueryFailed as failure:
        values = {"failed": explained(request, failure)}
    except asyncio.CancelledError:
        return b""
    finally:
        told.cancel()
    return bytes(show(values | {"mark": MARK}).body)


async def _told(request: Request, asked: Asked) -> dict[str, object]:
    """Return what a page says of the answer."""
    language = language_of(request)
    known: dict[str, Question] = request.app.state.questions
    solutions = await solutions_of(request, asked.text)
    table = await table_page(request, asked, solutions, known)
    return {
        "answer": summed_up(asked, solutions, language),
        "table": table,
        "drawn": _drawing(asked, solutions, language),
        "cut": solutions.cut,
        "notes": _notes(asked, solutions, table, language),
    }


def _shown(request: Request, asked: Asked, fields: Sequence[Field], values: dict[str, object]) -> HTMLResponse:
    known: dict[str, Question] = request.app.state.questions
    empty: dict[str, object] = {"answer": "", "table": None, "drawn": None, "cut": False, "notes": [], "mark": "", "failed": None}
    cited = {} if "cited" in values else {"cited": citation(request, asked)}
    return render(
        request,
        "question.html",
        question=asked.question,
        asked=asked,
        fields=fields,
        text=asked.text.removeprefix(prefix_header()).strip(),
        related=_related(request, asked, known),
        chart=_of_chart(request, asked),
        read=written(Decimal(READ)),
        **(empty | cited | values),
    )


def citation(request: Request, asked: Asked) -> Citation:
    """Return how an answer is cited."""
    language, snapshot = language_of(request), snapshot_of(request)
    labels = ((p.label_en if language == "en" else p.label_es, asked.labels[p.name]) for p in asked.question.params)
    about = "; ".join(f"{label}: {value}" for label, value in labels)
    return Citation(
        key="-".join([asked.question.name, data_version(request)[:8]]),
        title=asked.question.title(language) + (f" ({about})" if about else ""),
        publisher=say("answers.publisher", language),
        version=data_version(request),
        date=day_of(snapshot.modified),
        url=asked.permalink(request),
        language=language,
        version_words=say("answers.data_version", language),
    )


def _notes(asked: Asked, solutions: Solutions, table: Table, language: Language) -> list[str]:
    """Return what is to be minded before publishing: the question's own caveat, and what the rows themselves make doubtful."""
    notes = [asked.question.caveat(language)]
    certain = columns().amount.certain
    doubtful = sum(certain in row and row[certain].value in {"false", "0"} for row in solutions.rows)
    if doubtful:
        notes.append(say("answers.doubtful", language, count=doubtful))
    if any(box.evidence and box.evidence.is_draft for row in table.rows for box in row):
        notes.append(say("answers.draft_note", language))
    return [note for note in notes if note]


def _drawing(asked: Asked, solutions: Solutions, language: Language) -> charts.Drawing | None:
    chart = asked.question.drawn
    if chart is None or solutions.cut:
        return None
    unsaid, text = say("answers.unsaid", language), partial(solutions.text, language=language)
    return charts.drawing(chart, solutions.rows, text, written, unsaid, chart.value in columns().soles)


def _of_chart(request: Request, asked: Asked) -> dict[str, str]:
    """Return the words of a chart: heading, unit, source."""
    chart, language = asked.question.drawn, language_of(request)
    if chart is None:
        return {}
    measured, by = column(chart.value, language), column(chart.label, language).lower()
    about = "; ".join(asked.labels[param.name] for param in asked.question.params)
    cited = citation(request, asked)
    return {
        "heading": say(
            f"answers.{'chart_each' if columns().is_quoted(chart.label) else 'chart'}", language, measured=measured, by=by
        ),
        "about": about,
        "source": say("answers.chart_source", language, version=cited.version, date=cited.date),
        "address": cited.url,
        "question": asked.question.title(language),
    }


def _related(request: Request, asked: Asked, known: Mapping[str, Question]) -> list[tuple[str, str]]:
    """Return (question, address) of the related ones, asked about the same things where they ask for such."""
    language = language_of(request)
    link = link_maker(language)
    found = []
    for other in (known[name] for name in asked.question.related if name in known):
        kinds = {param.name: param.kind for param in asked.question.params}
        passed = {p.name: asked.given[p.name] for p in other.params if p.name in asked.given and kinds.get(p.name) == p.kind}
        found.append((other.title(language), link(f"/questions/{other.name}", **passed)))
    return found


async def _field(request: Request, name: str, asked: Asked, wrong: Wrong) -> Field:
    param = next(param for param in asked.question.params if param.name == name)
    value, label = asked.values[name], param.label_en if language_of(request) == "en" else param.label_es
    listed_ = await choices(request, param.kind)
    known = listed_ or {}
    is_wrong = wrong[0] == name
    if listed_ is not None and value not in known and not is_wrong:
        known = dict(chain([(value, await label_of(request, param.kind, value))], known.items()))
    typed = len(known) > PICKED or (is_wrong and param.kind != "text")
    number = param.kind in {"number", "year"}
    return Field(name, label, value, list(known.items()), typed, number, *(wrong[1:] if is_wrong else ("", ())))
