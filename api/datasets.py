"""What this site publishes, in the words of schema.org, for search engines and the portals that read them.

Source: https://developers.google.com/search/docs/appearance/structured-data/dataset and https://schema.org/Dataset
"""

from __future__ import annotations

import json

from markupsafe import Markup
from starlette.requests import Request

from api.context import own_address
from api.rendering import data_version, language_of
from api.strings import say
from kg.namespaces import BASE

LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def as_script(described: dict[str, object]) -> Markup:
    """Write a description so that it can stand inside a script element, whatever its texts hold: it is data, and never run."""
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, escape)
    return Markup(text)


def described_catalog(request: Request, plans: int, statements: int) -> dict[str, object]:
    """Describe the whole graph as a dataset."""
    language, here = language_of(request), own_address(request)
    return _dataset(
        request,
        identifier=BASE.rstrip("/"),
        name=say("dataset.name", language),
        description=say("dataset.description", language, plans=plans, statements=statements),
        url=here,
        spatial={"@type": "Country", "name": "Perú", "identifier": "PE"},
    ) | {"distribution": [_download("application/sparql-results+json", here + "sparql", "SPARQL")]}


def described_plan(request: Request, iri: str, path: str, told: dict[str, str], files: dict[str, str]) -> dict[str, object]:
    """Describe a plan as a dataset: `told` has name, description, place, period and organization, `files` media type → path."""
    here = own_address(request)
    described = _dataset(
        request,
        identifier=iri,
        name=told["name"],
        description=told["description"],
        url=here.rstrip("/") + path,
        spatial={"@type": "AdministrativeArea", "name": told["place"]} if told.get("place") else None,
    )
    if told.get("period"):
        described["temporalCoverage"] = told["period"]
    if told.get("organization"):
        described["about"] = {"@type": "Organization", "name": told["organization"]}
    described["isPartOf"] = {"@type": "Dataset", "@id": BASE.rstrip("/"), "name": say("dataset.name", language_of(request))}
    described["distribution"] = [_download(kind, here.rstrip("/") + where, kind) for kind, where in files.items()]
    return described


def _dataset(
    request: Request, identifier: str, name: str, description: str, url: str, spatial: dict[str, str] | None
) -> dict[str, object]:
    described: dict[str, object] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": identifier,
        "identifier": identifier,
        "name": name,
        "description": description,
        "url": url,
        "version": data_version(request),
        "license": LICENCE,
        "isAccessibleForFree": True,
        "inLanguage": "es",
        "creator": {"@type": "Organization", "name": say("dataset.creator", language_of(request)), "url": own_address(request)},
    }
    return described | ({"spatialCoverage": spatial} if spatial else {})


def _download(media_type: str, url: str, name: str) -> dict[str, str]:
    return {"@type": "DataDownload", "encodingFormat": media_type, "contentUrl": url, "name": name}
