"""The start page, the list of plans, and the background that a reader chooses."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from rdflib import Literal
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import own_address, pages_of, settings_of, snapshot_of
from api.datasets import as_script, described_catalog
from api.lookup import Row, number_of, rows, value_of
from api.once import once
from api.questions import short_answer
from api.rendering import THEMES, Cell, grouped, language_of, link_maker, render, site_path
from api.strings import Language
from kg.namespaces import PREFIXES
from kg.processes import QueryFailed
from kg.queries import ParameterError, Question
from kg.text import fold

router = APIRouter()
logger = logging.getLogger(__name__)
PLANS_SHOWN = 12  # on the start page
PLANS_A_PAGE = 100
ANSWER_SECONDS = 0.2  # how long the first request waits for the short answers to the first questions, all together
YEAR = 365 * 24 * 3600
PG = PREFIXES["pg"]

PLANS = """SELECT ?plan ?name ?place ?placeName ?kind ?top ?topName ?start ?end ?organization ?organizationName ?status {
  ?plan a pg:Plan
  OPTIONAL { ?plan rdfs:label ?name FILTER(LANG(?name) = "%(lang)s") }
  OPTIONAL { ?plan pg:reviewStatus ?status }
  OPTIONAL { ?plan pg:periodStart ?start } OPTIONAL { ?plan pg:periodEnd ?end }
  OPTIONAL { ?plan pg:forTerritory ?place OPTIONAL { ?place rdfs:label ?placeName FILTER(LANG(?placeName) = "es") }
    OPTIONAL { VALUES ?class { pg:Department pg:Province pg:District pg:PopulatedPlace }
      ?place a ?class . ?class rdfs:label ?kind FILTER(LANG(?kind) = "%(lang)s") }
    OPTIONAL { ?place pg:within ?top . ?top a pg:Department ; rdfs:label ?topName FILTER(LANG(?topName) = "es") } }
  OPTIONAL { ?plan pg:presentedBy ?organization
    OPTIONAL { ?organization rdfs:label ?organizationName FILTER(LANG(?organizationName) = "es") } }
}"""
COUNTED = ("Statement", "Problem", "Commitment", "Target", "Budget")
COUNTS = f"""SELECT ?plan ?class ?n {{
  VALUES ?class {{ {" ".join(f"pg:{name}" for name in COUNTED)} }}
  ?count void:class ?class ; void:entities ?n . ?graph void:classPartition ?count ; dcterms:subject ?plan
}}"""
# A target with a figure, and what stands in the same row of its plan: the row of the plan that says the most in the least words.
SPECIMENS = """SELECT ?target ?plan ?planName ?row ?line ?length {
  ?target a pg:Target ; pg:targetValue ?value ; pg:statedIn ?plan ; pg:sourceLine ?line ; pg:row ?row ; pg:text ?text ;
    pg:addresses ?problem ; pg:measures ?measured .
  OPTIONAL { ?plan rdfs:label ?planName FILTER(LANG(?planName) = "%s") }
  BIND(STRLEN(?text) AS ?length)
} LIMIT 500"""
SPECIMEN_ROW = """SELECT ?statement ?text ?type ?class ?line {
  ?statement pg:statedIn <%s> ; pg:row %s ; pg:text ?text ; pg:sourceLine ?line .
  VALUES ?class { pg:Problem pg:Objective pg:Program pg:Project pg:Proposal pg:Target }
  ?statement a ?class . ?class rdfs:label ?type FILTER(LANG(?type) = "%s")
} ORDER BY ?statement LIMIT 50"""
SPECIMEN_ORDER = ("Problem", "Objective", "Program", "Proposal", "Project", "Target")  # as a plan's own columns come
SPECIMEN_LONG = 160


@dataclass(frozen=True)
class PlanLine:
    """A plan in a list: where it leads, whose place it is, when, by whom, and how much it says (in the order of COUNTED)."""

    iri: str
    plan: Cell
    place: Cell
    level: str
    period: str
    organization: Cell
    draft: bool
    counts: list[str]
    found_by: str


@dataclass(frozen=True)
class Overview:
    """What the whole graph has, counted once for each snapshot and language."""

    plans: Sequence[PlanLine]
    totals: dict[str, int]
    places: int
    specimen: dict[str, object] | None


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request) -> Response:
    """Show the start page."""
    known: list[Question] = list(request.app.state.questions.values())
    first = sorted((q for q in known if q.start is not None), key=lambda q: q.start or 0)
    told = await overview(request)
    return render(
        request,
        "home.html",
        plans=told.plans[:PLANS_SHOWN],
        plan_count=len(told.plans),
        totals={name: grouped(n) for name, n in told.totals.items()},
        places=told.places,
        specimen=told.specimen,
        questions=first,
        answers=await _answers(request, first),
        others=[q for q in known if q.start is None],
        question_count=len(known),
        address=own_address(request),
        contact=settings_of(request).contact,
        dataset=as_script(described_catalog(request, len(told.plans), told.totals.get("Statement", 0))),
    )


@router.api_route("/plans", methods=["GET", "HEAD"])
async def plans(request: Request) -> Response:
    """List the plans, a hundred a page, those whose place, period or organization has the words of `?q=`."""
    told = await overview(request)
    wanted = request.query_params.get("q", "").strip()
    words = fold(wanted).split()
    found = [line for line in told.plans if all(word in line.found_by for word in words)]
    number = request.query_params.get("page", "1")
    last = max(1, -(-len(found) // PLANS_A_PAGE))
    page = min(max(int(number), 1), last) if number.isdecimal() and len(number) < 9 else 1
    shown = found[(page - 1) * PLANS_A_PAGE : page * PLANS_A_PAGE]
    return render(request, "plans.html", plans=shown, found=len(found), total=len(told.plans), page=page, last=last, q=wanted)


@router.get("/theme/{name}")
async def theme(request: Request, name: str) -> Response:
    """Keep in a cookie which background a reader wants, and go back to the page that was open."""
    back = request.query_params.get("back", "/")
    safe = back.startswith("/") and not back.startswith(("//", "/\\")) and "\n" not in back and "\r" not in back
    response = RedirectResponse(back if safe else "/", 303, {"Cache-Control": "no-store"})
    if name in THEMES:
        response.set_cookie("theme", name, max_age=YEAR, httponly=True, samesite="lax")
    else:
        response.delete_cookie("theme")
    return response


async def _answers(request: Request, asked: Sequence[Question]) -> dict[str, str]:
    """Return the short answer to each question, empty where there is none.

    Each is asked once for a snapshot and language. The first request waits a moment for them; what comes later is there for the
    next ones.
    """
    kept = snapshot_of(request).kept
    name = ("answers", language_of(request))
    if name not in kept:
        found: dict[str, str] = {}
        kept[name] = found
        asking = asyncio.ensure_future(_ask_all(request, asked, found))
        kept["asking", *name] = asking  # held here, so that it is not lost before its end
        await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
    return {question.name: kept[name].get(question.name, "") for question in asked}


async def _ask_all(request: Request, asked: Sequence[Question], found: dict[str, str]) -> None:
    for question in asked:
        found[question.name] = await _answer(request, question)


async def _answer(request: Request, question: Question) -> str:
    """Return the short answer to a question as it stands; empty where the data lack what it asks about."""
    try:
        return await short_answer(request, question)
    except (ParameterError, QueryFailed) as error:
        logger.info("no short answer to %s: %s", question.name, error)
        return ""


async def overview(request: Request) -> Overview:
    """Return what the graph has, in the reader's language."""
    return await _overview(request, language_of(request))


@once
async def _overview(request: Request, language: Language) -> Overview:
    pool = pages_of(request)
    counts: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    for row in await rows(pool, COUNTS):
        name = row["class"].value.removeprefix(PG)
        counts[row["plan"].value, name] += number_of(row, "n")
        totals[name] += number_of(row, "n")
    found: dict[str, Row] = {}
    for row in await rows(pool, PLANS % {"lang": language}):  # of several, always the same one
        found[row["plan"].value] = min(row, found.get(row["plan"].value, row), key=_in_letters)
    lines = [_line(request, row, [counts[plan, name] for name in COUNTED]) for plan, row in found.items()]
    lines.sort(key=lambda line: (line.found_by, line.plan.href))
    places = len({value_of(row, "place") for row in found.values() if "place" in row})
    return Overview(lines, dict(totals), places, await _specimen(request))


def _in_letters(row: Row) -> list[tuple[str, str]]:
    return sorted((name, node.value) for name, node in row.items())


def _line(request: Request, row: Row, counts: list[int]) -> PlanLine:
    link = link_maker(language_of(request))

    def named(name: str) -> Cell:
        iri = value_of(row, name)
        label = value_of(row, f"{name}Name") or value_of(row, "name") if name == "plan" else value_of(row, f"{name}Name")
        return Cell(label or iri.rpartition("/")[2], link(site_path(iri))) if iri else Cell("")

    place, organization = named("place"), named("organization")
    top = value_of(row, "topName")
    period = f"{value_of(row, 'start') or '¿?'}–{value_of(row, 'end') or '¿?'}"
    level = ", ".join(filter(None, (value_of(row, "kind").lower(), top)))
    return PlanLine(
        iri=row["plan"].value,
        plan=named("plan"),
        place=place,
        level=level,
        period=period,
        organization=organization,
        draft=value_of(row, "status").endswith("/draft"),
        counts=[grouped(n) for n in counts],
        found_by=fold(" ".join((place.text, top, period, organization.text, level))),
    )


async def _specimen(request: Request) -> dict[str, object] | None:
    """Return a row of a plan to show what a quote in its context is: a short target with the problem and objective beside it."""
    pool, language = pages_of(request), language_of(request)
    link = link_maker(language)
    targets = await rows(pool, SPECIMENS % language)
    targets.sort(key=lambda row: (abs(number_of(row, "length") - 60), row["target"].value))
    for target in targets[:5]:
        row = Literal(target["row"].value).n3()
        cells = await rows(pool, SPECIMEN_ROW % (target["plan"].value, row, language))
        here = [c for c in cells if value_of(c, "line") == value_of(target, "line")]
        by_class: dict[str, Row] = {}
        for cell in here:
            if cell["class"].value != PG + "Target" or cell["statement"].value == target["target"].value:
                by_class.setdefault(cell["class"].value.removeprefix(PG), cell)
        if {"Problem", "Objective", "Target"} <= by_class.keys():
            shown = [(name, by_class[name]) for name in SPECIMEN_ORDER if name in by_class]
            return {
                "cells": [(c["type"].value, _short(c["text"].value), name == "Target") for name, c in shown],
                "line": value_of(target, "line"),
                "plan": value_of(target, "planName"),
                "href": link(site_path(target["target"].value)),
            }
    return None


def _short(text: str) -> str:
    """Cut a long text at a word, and say so."""
    return text if len(text) <= SPECIMEN_LONG else text[:SPECIMEN_LONG].rpartition(" ")[0] + " […]"
