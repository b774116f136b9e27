"""HTML pages: templates, links into the site, numbers as readers expect them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.lookup import XSD, Node
from api.strings import LANGUAGES, Language, say, term_name, value_name
from kg.namespaces import BASE, shrink
from kg.snapshots import Snapshot

NBSP = "\u00a0"
_NUMBERS = {XSD + name for name in ("integer", "decimal", "double", "int", "long", "nonNegativeInteger")}
_environment = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
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
    """Render a template with what every page needs: its language, `t` for texts, `u` for links that keep the language."""
    language = language_of(request)
    other: Language = "en" if language == "es" else "es"
    values |= {
        "lang": language,
        "other": other,
        "path": request.url.path,
        "switch": _with_language(request, other),
        "t": lambda key, **filled: say(key, language, **filled),
        "u": link_maker(language),
        "version": data_version(request),
    }
    return HTMLResponse(_environment.get_template(template).render(values), headers={"Vary": "Accept"})


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
            grouped = f"{int(whole):,}".replace(",", NBSP) if len(whole) > 4 else whole
            return sign + grouped + (f".{rest}" if rest.strip("0") else "")
    return node.value if node.language else value_name(node.value, language)


def _with_language(request: Request, language: Language) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", language)])
