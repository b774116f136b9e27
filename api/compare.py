"""Two to eight plans side by side, as a page and as files; and the page that helps to choose them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.compare_choosing import Choice, beside, choice_of, known_plans, near_plans
from api.compare_data import ISSUE, PLAN, Comparison, Said, compare, describe
from api.compare_files import as_csv, as_json, flat
from api.compare_view import Asked, View, capital
from api.context import own_address, pages_of, snapshot_of
from api.errors import Refused
from api.lookup import holds
from api.negotiation import CSV, HTML, JSON, listed, negotiate
from api.rendering import data_version, language_of, render
from api.strings import Language, error_texts, say
from kg.issues import Dimension, Issue, load_issues
from kg.namespaces import BASE
from kg.queries import known_things, nearest
from kg.text import fold

router = APIRouter()
LEAST, MOST = 2, 8
KEPT = 8  # comparisons kept in memory, of some two megabytes each
WIDE = 4  # columns that a page shows at a time
LONGEST = 200  # characters of a parameter that are looked at
FORMATS = (HTML, CSV, JSON)
DIMENSION = BASE + "id/dimension/"
BOM = b"\xef\xbb\xbf"  # makes spreadsheet programs read UTF-8


@router.api_route("/compare", methods=["GET", "HEAD"])
async def comparison(request: Request) -> Response:
    """Compare the plans that are asked for, or help to choose some."""
    choice = negotiate(request.headers.get("accept", ""), request.query_params.get("format"), FORMATS)
    if choice is None:
        raise Refused("format", offers=listed(FORMATS))
    asked, unknown = await _asked(request)
    is_page = choice.format is HTML
    if is_page and ("territory" in request.query_params or not (asked.plans or unknown)):
        return await _choosing(request, asked)
    if unknown or not LEAST <= len(asked.plans) <= MOST:
        return await _refused(request, asked, unknown, is_page)
    await _check_filters(request, asked)
    found = await _read(request, asked)
    said = found.narrowed(ISSUE + asked.issue if asked.issue else "", DIMENSION + asked.dimension if asked.dimension else "")
    if is_page:
        return await _page(request, View(found, asked, said))
    return _file(request, found, asked, said, as_table=choice.format is CSV)


async def _read(request: Request, asked: Asked) -> Comparison:
    """Return what the plans say. The last ones are kept, as readers go on from issue to issue with the same plans."""
    kept: OrderedDict[tuple[str, ...], Comparison] = snapshot_of(request).kept.setdefault("compare.read", OrderedDict())
    key = (asked.language, *asked.plans)
    if key not in kept:
        pool = pages_of(request)
        kept[key] = await compare(pool, await describe(pool, asked.plans, asked.language), asked.language)
        while len(kept) > KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


async def _asked(request: Request) -> tuple[Asked, list[str]]:
    """Return what is asked for, each plan once, and the keys that are of no plan. A key may be written as the plan's IRI."""
    given = [value.strip()[:LONGEST].removeprefix(PLAN) for value in request.query_params.getlist("plan")]
    known = await known_plans(request) if any(given) else {}
    keys = list(dict.fromkeys(key for key in given if key))
    shown = [key for key in dict.fromkeys(request.query_params.getlist("show")) if key in keys][:WIDE]
    filters = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in ("issue", "dimension")}
    plans = tuple(key for key in keys if key in known)
    if len(plans) > WIDE and not shown:
        shown = list(plans[:WIDE])
    asked = Asked(plans, tuple(shown), **filters, language=language_of(request))
    return asked, [key for key in keys if key not in known]


async def _check_filters(request: Request, asked: Asked) -> None:
    """See that issue and dimension are some.

    Raises:
        Refused: there is no such thing; with what is spelt like it.
    """
    for kind, value in (("issue", asked.issue), ("dimension", asked.dimension)):
        known = known_things(kind) or {}
        if not value or value in known:
            continue
        if value.isascii() and value.replace("-", "").isalnum():
            iri = f"{BASE}id/{kind}/{value}"
            if await holds(pages_of(request), f"ASK {{ <{iri}> ?p ?o }}"):
                continue
        near = [(name, asked.address(**{kind: key})) for key, name in nearest(value[:80], known)]
        raise Refused("missing_thing", near, detail=value)


async def _refused(request: Request, asked: Asked, unknown: list[str], is_page: bool) -> Response:
    """Say why nothing is compared: on a page that helps to choose, or as an error for a program."""
    near = await near_plans(request, unknown, asked.language) if unknown else []
    kind = "missing_thing" if unknown else "compare_few" if len(asked.plans) < LEAST else "compare_many"
    filled = {"detail": ", ".join(unknown[:3]), "count": len(asked.plans), "least": LEAST, "most": MOST}
    links = [
        (plan.label, asked.address(plans=(*asked.plans, plan.key), shown=())) for plan in near if plan.key not in asked.plans
    ]
    if not is_page:
        raise Refused(kind, links, **filled)
    response = await _choosing(request, asked, kind, filled, links)
    response.status_code = error_texts()[kind].status
    return response


async def _choosing(
    request: Request,
    asked: Asked,
    kind: str = "",
    filled: dict[str, object] | None = None,
    near: list[tuple[str, str]] | None = None,
) -> Response:
    """Show what can be compared."""
    territory = request.query_params.get("territory", "").strip()[:LONGEST]
    choice: Choice = await choice_of(request, asked, territory)
    told = (
        {part: say(f"errors.{kind}.{part}", asked.language, **(filled or {})) for part in ("title", "detail")} if kind else None
    )
    return render(
        request,
        "compare_choosing.html",
        asked=asked,
        chosen=await describe(pages_of(request), asked.plans, asked.language),
        choice=choice,
        territory=territory,
        error=told,
        near=near or [],
    )


async def _page(request: Request, view: View) -> Response:
    asked, found, t = view.asked, view.found, view.t
    count = view.count(len(found.plans))
    subject = _subject(view)
    heading = t("heading_of", what=capital(subject), count=count) if subject else t("heading", count=capital(count))
    everything = replace(asked, shown=asked.shown if len(found.plans) > WIDE else ())
    address = own_address(request) + everything.address().removeprefix("/")
    names = ", ".join(plan.label for plan in found.plans)
    return render(
        request,
        "compare.html",
        view=view,
        asked=everything,
        count=count,
        heading=heading,
        wide=WIDE,
        most=MOST,
        removals=[(plan, everything.address(plans=tuple(k for k in asked.plans if k != plan.key))) for plan in found.plans],
        addable=await beside(request, asked) if len(asked.plans) < MOST else [],
        issues=_issue_options(view),
        dimensions=_dimension_options(view),
        names=names,
        address=address,
        subject=f" ({subject})" if subject else "",
    )


def _file(request: Request, found: Comparison, asked: Asked, said: list[Said], as_table: bool) -> Response:
    host = own_address(request)
    permalink = host + replace(asked, shown=()).address().removeprefix("/")
    rows = flat(found, said, permalink, host, data_version(request))
    if not as_table:
        about: dict[str, object] = {"permalink": permalink, "data_version": data_version(request)}
        about |= {"issue": asked.issue or None, "dimension": asked.dimension or None}
        return JSONResponse(as_json(found, said, rows, about), headers={"Vary": "Accept"})
    mark = BOM if request.query_params.get("bom") == "1" else b""
    headers = {"Vary": "Accept", "Content-Disposition": 'attachment; filename="comparacion.csv"'}
    return Response(mark + as_csv(rows).encode(), headers=headers, media_type="text/csv")


def _issue_options(view: View) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return (id, name, issues below it) for the highest issues of which the plans speak, by name."""
    found = view.found
    groups: dict[str, list[str]] = {}
    for issue, top in found.top.items():
        groups.setdefault(top, [])
        if issue != top:
            groups[top].append(issue)
    declared = _declared("issue", view.asked.language)
    if view.asked.issue and ISSUE + view.asked.issue not in found.top and ISSUE + view.asked.issue not in groups:
        groups[ISSUE + view.asked.issue] = []
    named = {top: capital(found.names.get(top) or declared.get(_id(top), _id(top))) for top in groups}
    return [
        (_id(top), named[top], sorted(((_id(i), capital(found.name(i))) for i in groups[top]), key=lambda e: fold(e[1])))
        for top in sorted(groups, key=lambda top: fold(named[top]))
    ]


def _dimension_options(view: View) -> list[tuple[str, str]]:
    """Return (id, name) of the dimensions that are declared and of those that the plans have, by name."""
    used = {_id(s.dimension): view.found.name(s.dimension) for s in view.found.said if s.dimension}
    return sorted((_declared("dimension", view.asked.language) | used).items(), key=lambda entry: fold(entry[1]))


def _declared(kind: str, language: Language) -> dict[str, str]:
    issues = load_issues()
    things: dict[str, Issue | Dimension] = {**(issues.issues if kind == "issue" else issues.dimensions)}
    return {key: thing.en if language == "en" else thing.es for key, thing in things.items()}


def _subject(view: View) -> str:
    """Name the issue and the dimension that are asked for, also where no plan speaks of them."""
    names = []
    for kind, key in (("issue", view.asked.issue), ("dimension", view.asked.dimension)):
        declared = _declared(kind, view.asked.language)
        names += [view.found.names.get(f"{BASE}id/{kind}/{key}") or declared.get(key, key)] if key else []
    return " · ".join(names)


def _id(iri: str) -> str:
    return iri.rpartition("/")[2]
