"""Things and the documents about them: `/id/…` sends to `/doc/…`, which answers as a page or as RDF.

Source: https://www.w3.org/TR/cooluris/ (303), RFC 9110 section 12 (negotiation), RFC 8288 (Link).
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from fastapi import APIRouter
from rapidfuzz import fuzz, process
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import pages_of, settings_of, snapshot_of
from api.errors import Refused
from api.kept import mark_of
from api.lookup import holds, labels, quotable, rows
from api.negotiation import DOCUMENT_FORMATS, HTML, Choice, accepted, listed, named, negotiate
from api.rendering import endings, language_of, link_maker, site_mark, site_path, theme_of
from api.streaming import AnswerResponse, connected
from api.thing_pages import thing_page
from api.withdrawn import Withdrawn, withdrawn_at
from kg.frames import Query
from kg.namespaces import BASE
from kg.processes import QueryFailed
from kg.text import fold

router = APIRouter()
NEAR_READ, NEAR_SHOWN, NEAR_ENOUGH = 20_000, 5, 70
# A thing with the parts that lie below its own address: a statement's budget, evidence and the evidence's selectors.
DESCRIPTION = """CONSTRUCT { ?s ?p ?o } WHERE {
  { VALUES ?s { <%(iri)s> } ?s ?p ?o }
  UNION { <%(iri)s> ?a ?s . FILTER(STRSTARTS(STR(?s), "%(iri)s/")) ?s ?p ?o }
  UNION { <%(iri)s> ?a ?b . FILTER(STRSTARTS(STR(?b), "%(iri)s/")) ?b ?c ?s . FILTER(STRSTARTS(STR(?s), "%(iri)s/")) ?s ?p ?o }
}"""
# What stands beside a thing, by the folder of its address: where to look for what was meant.
_BESIDE = {
    "plan": "?x a pg:Plan",
    "territory": "?x a pg:Territory",
    "organization": "?x a pg:PoliticalOrganization",
    "institution": "?x a pg:Institution",
    "fund": "?x a pg:FundingSource",
    "issue": f"?x skos:inScheme <{BASE}id/issue>",
}
_SIBLINGS = "SELECT DISTINCT ?x ?label { %s . ?x rdfs:label ?label } LIMIT %d"


@router.api_route("/id/{key:path}", methods=["GET", "HEAD"])
async def thing(request: Request, key: str) -> Response:
    """Send a client from a thing to the document about it: 303, because a place or a plan is no document."""
    if not key:
        raise Refused("not_found", detail=request.url.path)
    address = "/doc/" + quote(key, safe="/:@!$&'()*+,;=~") + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(address, 303, {"Vary": "Accept"})


@router.api_route("/doc/{key:path}", methods=["GET", "HEAD"])
async def document(request: Request, key: str) -> Response:
    """Show the document about a thing, in the form that the ending, `?format=` or the Accept header asks for."""
    key, choice = _split_ending(key)
    choice = choice or negotiate(accepted(request), request.query_params.get("format"), DOCUMENT_FORMATS)
    iri, pool = BASE + "id/" + key, pages_of(request)
    gone = withdrawn_at(key, request.app.state.withdrawn)
    if gone:
        raise await _gone(request, gone, key)
    if not quotable(iri) or not await holds(pool, f"ASK {{ {{ <{iri}> ?p ?o }} UNION {{ ?s ?q <{iri}> }} }}"):
        raise Refused("missing_thing", await _near(request, key), detail=unquote(key))
    if choice is None:
        raise Refused("format", endings(site_path(iri), True), offers=listed(DOCUMENT_FORMATS), links=_links(iri, None))
    return await conditional(request, iri, choice)


async def conditional(request: Request, iri: str, choice: Choice) -> Response:
    """Answer about a thing that is there; with 304 where the client has the answer already."""
    headers = {"Vary": "Accept, Cookie" if choice.format is HTML else "Accept", "Link": _links(iri, choice)}
    headers["Content-Location"] = f"{site_path(iri)}.{choice.format.ending}"
    if choice.format is HTML:
        headers["Content-Location"] = link_maker(language_of(request))(headers["Content-Location"])
    mark = _mark(request, iri, choice)
    if mark:
        seconds = settings_of(request).cache_seconds
        headers |= {"ETag": mark, "Cache-Control": f"public, max-age={seconds}, must-revalidate"}
        if _has_it(request, mark):
            return Response(status_code=304, headers=headers)
    if choice.format is HTML:
        response = await thing_page(request, iri)
        response.headers.update(headers)
        return response
    answer = await connected(request.receive, pages_of(request).ask(Query(DESCRIPTION % {"iri": iri}, None, choice.format.name)))
    return AnswerResponse(answer, choice.content_type, headers)


def _mark(request: Request, iri: str, choice: Choice) -> str:
    """Return the ETag of a document, empty where the data may change under way (they have no version)."""
    snapshot = snapshot_of(request)
    if not snapshot.version:
        return ""
    page = (site_mark(), language_of(request), theme_of(request)) if choice.format is HTML else ()
    return mark_of(snapshot, "|".join((iri, choice.media_type, *page)))


def _has_it(request: Request, mark: str) -> bool:
    """Tell whether the client's If-None-Match names an ETag (RFC 9110, section 13.1.2: compared weakly)."""
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return "*" in known or mark.removeprefix("W/") in known


def _links(iri: str, choice: Choice | None) -> str:
    """Write the Link header: the other forms of a document, and what it describes."""
    path = site_path(iri)
    others = [f for f in DOCUMENT_FORMATS if choice is None or f is not choice.format]
    links = [f'<{path}.{f.ending}>; rel="alternate"; type="{f.media_type}"' for f in others]
    return ", ".join([*links, f'<{BASE}id/{path.removeprefix("/doc/")}>; rel="describes"'])


async def _gone(request: Request, gone: Withdrawn, key: str) -> Refused:
    """Say since when and why a thing is gone, and what took its place."""
    language = language_of(request)
    iri = BASE + "id/" + gone.replaced_by
    names = await labels(pages_of(request), {iri} if gone.replaced_by else set(), language)
    near = [(names.get(iri, gone.replaced_by), link_maker(language)(site_path(iri)))] if gone.replaced_by else []
    return Refused("withdrawn", near, detail=key, date=gone.date, es=gone.reason["es"], en=gone.reason["en"])


async def _near(request: Request, key: str) -> list[tuple[str, str]]:
    """Return (label, address) of up to five things of the same kind with a like key or name; none where that takes too long."""
    folder, _, last = key.rpartition("/")
    prefix = f"{BASE}id/{folder}/"
    beside = _BESIDE.get(folder) or (f"?x pg:statedIn <{prefix[:-1]}>" if folder.startswith("plan/") else "")
    if not beside or not quotable(prefix):
        return []
    try:
        return await _like(request, prefix, last, beside)
    except QueryFailed:
        return []


async def _like(request: Request, prefix: str, last: str, beside: str) -> list[tuple[str, str]]:
    found = await rows(pages_of(request), _SIBLINGS % (beside, NEAR_READ))
    names = [(row["x"].value, row["label"].value) for row in found if row["x"].value.startswith(prefix)]  # in each language
    like = dict(_closest(last, {(iri, iri.removeprefix(prefix)) for iri, _ in names}))
    for iri, score in _closest(fold(last.replace("-", " ")), {(iri, fold(name)) for iri, name in names}):
        like[iri] = max(score, like.get(iri, 0))
    best = sorted(like, key=lambda iri: (-like[iri], iri))[:NEAR_SHOWN]
    language = language_of(request)
    shown, link = await labels(pages_of(request), best, language), link_maker(language)
    return [(shown.get(iri, iri), link(site_path(iri))) for iri in best]


def _closest(word: str, candidates: set[tuple[str, str]]) -> list[tuple[str, float]]:
    """Return the things whose text is most like a word, with how like it is, the least first."""
    told = sorted(candidates)
    found = process.extract(word, [text for _, text in told], scorer=fuzz.ratio, score_cutoff=NEAR_ENOUGH, limit=2 * NEAR_SHOWN)
    return [(told[place][0], score) for _, score, place in reversed(found)]


def _split_ending(key: str) -> tuple[str, Choice | None]:
    """Take a known file ending off a key: `s014.ttl` → `s014` and Turtle."""
    stem, dot, ending = key.rpartition(".")
    choice = named(ending, DOCUMENT_FORMATS) if dot and ending in {f.ending for f in DOCUMENT_FORMATS} else None
    return (stem, choice) if choice else (key, None)
