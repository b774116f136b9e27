"""Content negotiation: which of the formats on offer a request gets.

Source: RFC 9110, section 12.5.1 (Accept): https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request

from kg.media_types import RDF_FORMATS, RESULT_FORMATS, Format

HTML = Format("html", "text/html", "html", ("application/xhtml+xml",))
JSON = Format("json", "application/json", "json", ("application/sparql-results+json",))
CSV = Format("csv", "text/csv", "csv")
XLSX = Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
DOCUMENT_FORMATS = (HTML, *(f for f in RDF_FORMATS if f.name in {"turtle", "jsonld", "ntriples", "rdfxml"}))
QUESTION_FORMATS = (HTML, CSV, XLSX, JSON)
ANSWER_FORMATS = (*RESULT_FORMATS, HTML)
GRAPH_FORMATS = (*RDF_FORMATS, HTML)
_FAMILIES = {"json": "jsonld", "json-ld": "jsonld", "xml": "rdfxml", "n3": "turtle"}  # what people write for a graph's format
_TEXTUAL = {"application/sparql-results+xml", "application/rdf+xml", "application/xml"}


@dataclass(frozen=True)
class Range:
    """One media range of an Accept header, with its quality (0 to 1)."""

    type: str
    subtype: str
    quality: float

    def fits(self, media_type: str) -> int:
        """Tell how well the range fits: 0 not at all, 1 by `*/*`, 2 by the type, 3 exactly."""
        type_, _, subtype = media_type.partition("/")
        if self.type == "*":
            return 1
        if self.type != type_:
            return 0
        return 2 if self.subtype == "*" else 3 * (self.subtype == subtype)


@dataclass(frozen=True)
class Choice:
    """The chosen format, and the media type by which the client knows it."""

    format: Format
    media_type: str

    @property
    def content_type(self) -> str:
        """The Content-Type header: text is always UTF-8, and says so."""
        textual = self.media_type.startswith("text/") or self.media_type in _TEXTUAL
        return f"{self.media_type}; charset=utf-8" if textual else self.media_type


def accepted(request: Request) -> str:
    """Return a request's Accept header; several lines of it are one list (RFC 9110, section 5.3)."""
    return ", ".join(request.headers.getlist("accept"))


def parse_accept(header: str) -> list[Range]:
    """Split an Accept header into its ranges; what cannot be read is left out. An empty header accepts everything."""
    ranges = []
    for part in header.split(","):
        name, *parameters = (p.strip() for p in part.lower().split(";"))
        type_, slash, subtype = name.partition("/")
        quality = _quality(parameters)
        if slash and type_ and subtype and quality is not None and (type_ != "*" or subtype == "*"):
            ranges.append(Range(type_, subtype, quality))
    return ranges if header.strip() else [Range("*", "*", 1.0)]


def choose(header: str, offers: Sequence[Format]) -> Choice | None:
    """Return the offer that the client likes best; among equals the one that is named more precisely, then the first.

    None when the client accepts none of them.
    """
    ranges = parse_accept(header)
    best: tuple[tuple[float, int, int], Choice] | None = None
    for order, offer in enumerate(offers):
        for alias, media_type in enumerate((offer.media_type, *offer.aliases)):
            fit, quality = max(((r.fits(media_type), r.quality) for r in ranges), default=(0, 0.0))
            rank = (quality, fit if alias == 0 or fit == 3 else 0, -order)
            if fit and quality > 0 and (fit == 3 or alias == 0) and (best is None or rank > best[0]):
                best = (rank, Choice(offer, media_type))
    return best[1] if best else None


def named(word: str, offers: Sequence[Format]) -> Choice | None:
    """Return the offer by its short name, file ending or media type (`?format=`), the first of several; None: there is none."""
    if "," in word:
        return next(filter(None, (named(part, offers) for part in word.split(","))), None)
    word = word.strip().lower().replace(" ", "+")  # an unescaped + arrives as a blank
    if word not in {offer.name for offer in offers}:
        word = _FAMILIES.get(word, word)
    for offer in offers:
        if word in {offer.name, offer.ending, offer.media_type, *offer.aliases}:
            return Choice(offer, offer.media_type)
    return None


@lru_cache(maxsize=1000)
def answer_formats(header: str, wanted: str | None) -> tuple[Choice | None, Choice | None]:
    """Return what solutions, and what graphs, are to be sent in; None where the client accepts none of what there is."""
    return negotiate(header, wanted, ANSWER_FORMATS), negotiate(header, wanted, GRAPH_FORMATS)


def negotiate(header: str, wanted: str | None, offers: Sequence[Format]) -> Choice | None:
    """Choose by `?format=` where it is given, else by the Accept header."""
    return named(wanted, offers) if wanted else choose(header, offers)


@lru_cache(maxsize=1000)
def coding(header: str) -> str:
    """Return the content coding for an Accept-Encoding header: zstd, gzip, or an empty string for none.

    Source: RFC 9110, section 12.5.3: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
    """
    qualities: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (p.strip() for p in part.split(";"))
        qualities[name] = _quality(parameters) or 0.0
    offered = {name: qualities.get(name, qualities.get("*", 0.0)) for name in ("zstd", "gzip")}
    best = max(offered, key=lambda name: offered[name])
    return best if offered[best] > 0 and offered[best] >= qualities.get("identity", 0.0) else ""


def listed(offers: Sequence[Format]) -> str:
    """Name the formats on offer, for a client that asked for another."""
    return ", ".join(f"{offer.media_type} ({offer.name})" for offer in offers)


def _quality(parameters: list[str]) -> float | None:
    """Return the q parameter, 1 where there is none, None where it is not a number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            return quality if 0 <= quality <= 1 else None
    return 1.0
