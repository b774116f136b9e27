"""HTML pages: templates, links into the site, numbers as readers expect them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import overload
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Match

from api.lookup import XSD, Node
from api.negotiation import DOCUMENT_FORMATS, HTML
from api.strings import LANGUAGES, Language, say, term_name, value_name
from kg.namespaces import BASE, shrink
from kg.snapshots import Snapshot

NBSP = "\u00a0"
THEMES = ("light", "dark")
_STATIC, _TEMPLATES = Path(__file__).with_name("static"), Path(__file__).with_name("templates")
_FORMAT_NAMES = {"html": "HTML", "turtle": "Turtle", "jsonld": "JSON-LD", "ntriples": "N-Triples", "rdfxml": "RDF/XML"}
_FONT = _STATIC / "built" / "fonts" / "newsreader-latin-wght-normal.woff2"
_BESIDE_THE_ROUTES = {"/sparql"}  # answered before the application sees it
_NUMBERS = {XSD + name for name in ("integer", "decimal", "double", "int", "long", "nonNegativeInteger")}
_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Cell:
    """A value on a page: its text, where it leads (empty: nowhere), if that is another site, if it is a number, a remark."""

    text: str
    href: str = ""
    external: bool = False
    number: bool = False
    note: str = ""


def language_of(request: Request) -> Language:
    """Return the language that `?lang=` asks for, else Spanish."""
    wanted = request.query_params.get("lang")
    return next((known for known in LANGUAGES if known == wanted), "es")


def render(request: Request, template: str, **values: object) -> HTMLResponse:
    """Render a template with what every page needs.

    That is its language, `t` for texts, `u` for links that keep the language, `has` for which pages this site has, the theme
    (light, dark, or empty: as the system has it), and whether the built faces are there.
    """
    language = language_of(request)
    other: Language = "en" if language == "es" else "es"
    values |= {
        "lang": language,
        "other": other,
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "switch": _with_language(request, other),
        "t": lambda key, **filled: say(key, language, **filled),
        "u": link_maker(language),
        "has": _Pages(request.app),
        "theme": theme_of(request),
        "fonts": _has_fonts(),
        "version": data_version(request),
    }
    return HTMLResponse(_environment.get_template(template).render(values), headers={"Vary": "Accept, Cookie"})


def compile_templates() -> None:
    """Read and compile every template, which the first page of a kind would wait for."""
    for name in _environment.list_templates():
        _environment.get_template(name)


def theme_of(request: Request) -> str:
    """Return the background that a reader has chosen: light or dark; empty: as the system has it."""
    wanted = request.cookies.get("theme", "")
    return wanted if wanted in THEMES else ""


class _Pages:
    """Tells which pages there are, so that nothing leads to one that is not."""

    def __init__(self, app: FastAPI):
        self.app = app

    @overload
    def __call__(self, asked: str) -> bool: ...

    @overload
    def __call__(self, asked: list[tuple[str, str]]) -> list[tuple[str, str]]: ...

    def __call__(self, asked: str | list[tuple[str, str]]) -> bool | list[tuple[str, str]]:
        """Tell whether a path is one of a page; of (path, name) pairs, return those that are."""
        if isinstance(asked, str):
            return _is_page(self.app, asked)
        return [(path, name) for path, name in asked if _is_page(self.app, path)]


def has_page(app: FastAPI, path: str) -> bool:
    """Tell whether this site has a page at a path."""
    return _is_page(app, path)


@lru_cache(maxsize=1000)
def _is_page(app: FastAPI, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    return path in _BESIDE_THE_ROUTES or any(route.matches(scope)[0] is Match.FULL for route in app.routes)


@lru_cache(maxsize=1)
def _has_fonts() -> bool:
    return _FONT.is_file()


def link_maker(language: Language) -> Callable[..., str]:
    """Return a function that writes a path of the site with parameters, keeping the language."""

    def link(path: str, **parameters: object) -> str:
        kept = {"lang": language} if language != "es" else {}
        path, _, fragment = path.partition("#")
        query = urlencode({**parameters, **kept})
        joiner = "&" if "?" in path else "?"
        return path + (joiner + query if query else "") + (f"#{fragment}" if fragment else "")

    return link


def data_version(request: Request) -> str:
    """Return the version of the store in service, or a dash."""
    snapshot: Snapshot | None = request.scope.get("snapshot")
    return snapshot.version if snapshot and snapshot.version else "–"


def site_path(iri: str) -> str:
    """Return the path on this site where a thing or a term is shown, or an empty string."""
    if iri.startswith(BASE + "id/"):
        return "/doc/" + quote(iri[len(BASE) + 3 :], safe="/:@!$&'()*+,;=~%")
    if iri.startswith(BASE + "ontology#"):
        return "/ontology#" + quote(iri[len(BASE) + 9 :])
    return ""


def cell(node: Node | None, labels: dict[str, str], language: Language) -> Cell:
    """Make a value presentable. Only http(s) addresses become links, whatever the data says."""
    if node is None:
        return Cell("")
    if not node.is_iri:
        return Cell(literal_text(node, language), number=node.datatype in _NUMBERS)
    text = labels.get(node.value) or term_name(shrink(node.value), language)
    path = site_path(node.value)
    if path:
        return Cell(text, link_maker(language)(path))
    is_web = node.value.startswith(("http://", "https://"))
    return Cell(text, node.value if is_web else "", external=is_web)


def literal_text(node: Node, language: Language) -> str:
    """Write a literal: groups of three by no-break spaces from five figures on, booleans in words, the rest as it is."""
    if node.datatype == XSD + "boolean":
        return say("questions.yes" if node.value in {"true", "1"} else "questions.no", language)
    if node.datatype in _NUMBERS:
        sign, digits = ("-", node.value[1:]) if node.value.startswith("-") else ("", node.value)
        whole, _, rest = digits.partition(".")
        if whole.isdigit() and (not rest or rest.isdigit()):
            return sign + grouped(int(whole)) + (f".{rest}" if rest.strip("0") else "")
    return node.value if node.language else value_name(node.value, language)


def grouped(number: int) -> str:
    """Write a number in groups of three by no-break spaces, from five figures on."""
    return f"{number:,}".replace(",", NBSP) if abs(number) > 9999 else str(number)


def endings(path: str, page: bool = False) -> list[tuple[str, str]]:
    """Return (name, address) of the forms in which a document can be had; `page`: the page itself, too."""
    shown = [f for f in DOCUMENT_FORMATS if page or f is not HTML]
    return [(_FORMAT_NAMES[f.name], f"{path}.{f.ending}") for f in shown]


@lru_cache(maxsize=1)
def site_mark() -> str:
    """Return a mark of the site's own words and templates: a page that was kept is another page after these have changed."""
    digest = blake2b(digest_size=6)
    for file in (*sorted(_TEMPLATES.glob("*.html")), *sorted(_TEMPLATES.parent.glob("*.[py]*"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _with_language(request: Request, language: Language) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", language)])
