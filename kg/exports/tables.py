"""The graph as CSV tables, and the metadata (CSV on the Web) that say what each column holds.

A cell of text that a spreadsheet would run as a formula gets an apostrophe in front: text that begins, after any apostrophes,
with = + - @ or their full-width forms. To have the text back, take one apostrophe from a cell that begins with apostrophes and
one of those. A number, in a column of numbers or as the whole of a text (`-1.5`, `+20%`), is no formula and stays as it is.

In a column of lists the values are joined by semicolons; a semicolon within one of them becomes a comma.

Source: https://owasp.org/www-community/attacks/CSV_Injection; https://www.w3.org/TR/tabular-metadata/
"""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from typing import Any

from rdflib import URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS, XSD

from kg.exports.columns import LICENSE, TABLES, Column, Table
from kg.facts import Facts, Text, key_of
from kg.namespaces import PG, PREFIXES
from kg.ontology import load_ontology

METADATA = "csv-metadata.json"
SEPARATOR = ";"
_FORMULA = re.compile("'*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,' ]*%?")
_NOTE = {
    "es": "Una celda de texto que una hoja de cálculo ejecutaría como fórmula (empieza con = + - @) lleva un apóstrofo delante; "
    "quítelo para tener el texto literal. Los números no lo llevan.",
    "en": "A text cell that a spreadsheet would run as a formula (it begins with = + - @) has an apostrophe in front; take it "
    "away to have the verbatim text. Numbers have none.",
}


def csv_files(facts: Facts, bom: bool = False) -> dict[str, bytes]:
    """Return the tables and their metadata, by file name."""
    mark = "\ufeff" if bom else ""
    files = {f"{table.name}.csv": (mark + _csv(facts, table)).encode() for table in TABLES}
    return {**files, METADATA: (json.dumps(_metadata(), ensure_ascii=False, indent=1) + "\n").encode()}


def _csv(facts: Facts, table: Table) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(column.name for column in table.columns)
    for thing in _rows(facts, table):
        writer.writerow(_cell(facts, thing, column) for column in table.columns)
    return written.getvalue()


def _rows(facts: Facts, table: Table) -> list[str]:
    return [t for t in facts.instances(table.cls) if not table.having or facts.values(t, table.having)]


def _cell(facts: Facts, thing: str, column: Column) -> str:
    values = _values(facts, thing, column)
    text = SEPARATOR.join(v.replace(SEPARATOR, ",") for v in values) if _is_list(column) else SEPARATOR.join(values)
    return neutral(text) if _datatype(column) == "string" else text


def neutral(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run; numbers stay."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _values(facts: Facts, thing: str, column: Column) -> list[str]:
    """Follow the column's path and show what is at its end; each value once, in the order of the graph."""
    found: list[Any] = [thing]
    for step in column.steps:
        back = step.startswith("^")
        iri = _expand(step.removeprefix("^"))
        follow = facts.sources if back else facts.values
        found = [v for t in found if isinstance(t, str) for v in follow(t, iri)]
    if column.cls:
        members = set(facts.sources(str(column.cls), str(RDF.type)))
        found = [v for v in found if v in members]
    if column.show == "count":
        return [str(len(set(found)))]
    shown = [_shown(facts, v, column) for v in found if not _of_other_language(v, found, column.language)]
    return list(dict.fromkeys(s for s in shown if s))


def _of_other_language(value: object, among: list[Any], wanted: str) -> bool:
    """Tell whether a text has a twin in the wanted language."""
    languages = {v.language for v in among if isinstance(v, Text)}
    return isinstance(value, Text) and wanted in languages and value.language != wanted


def _shown(facts: Facts, value: str | Text, column: Column) -> str:
    if isinstance(value, Text):
        return "" if column.datatype and value.datatype != str(column.datatype) else value.value
    if column.show == "class":
        return _class_label(facts, value)
    if column.show == "key":
        parts = key_of(value).split("/")
        return "/".join(parts[2:] if parts[0] == "plan" and len(parts) > 2 else parts[1:])
    return facts.label(value) if column.show == "label" else value


def _class_label(facts: Facts, thing: str) -> str:
    """Return the Spanish label of the most specific class."""
    ontology = load_ontology()
    classes = [URIRef(c) for c in facts.links(thing, str(RDF.type)) if c.startswith(str(PG))]
    above = {a for c in classes for a in ontology.superclasses(c)[1:]}
    return SEPARATOR.join(sorted(ontology.label(c) for c in classes if c not in above))


# ------------------------------------------------------------------------------------- metadata


def _metadata() -> dict[str, Any]:
    """Describe tables and columns in Spanish and English, after CSV on the Web."""
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "es"}],
        "@type": "TableGroup",
        "dc:title": _both("Planes de gobierno del Perú: tablas", "Government plans of Peru: tables"),
        "dc:license": {"@id": LICENSE},
        "rdfs:comment": _both(_NOTE["es"], _NOTE["en"]),
        "dialect": {"encoding": "utf-8", "header": True, "lineTerminators": ["\r\n"]},
        "tables": [_table(table) for table in TABLES],
    }


def _both(spanish: str, english: str) -> list[dict[str, str]]:
    return [{"@value": spanish, "@language": "es"}, {"@value": english, "@language": "en"}]


def _table(table: Table) -> dict[str, Any]:
    schema: dict[str, Any] = {"columns": [_column(c) for c in table.columns], "primaryKey": "iri"}
    if table.name != "plans" and any(c.name == "plan" for c in table.columns):
        reference = {"resource": "plans.csv", "columnReference": "plan"}
        schema["foreignKeys"] = [{"columnReference": "plan", "reference": reference}]
    return {"url": f"{table.name}.csv", "dc:description": _both(table.es, table.en), "tableSchema": schema}


def _column(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "titles": {"es": column.name, "en": column.english}}
    found["dc:description"] = _both(column.es or _defined(column, "es"), column.en or _defined(column, "en"))
    found["datatype"] = _datatype(column)
    if column.steps and not column.steps[-1].startswith("^") and column.show != "count":
        found["propertyUrl"] = _expand(column.steps[-1])
    return {**found, "separator": SEPARATOR} if _is_list(column) else found


def _defined(column: Column, language: str) -> str:
    """Return what the ontology says of the last property."""
    graph = load_ontology().graph
    texts = [
        o for o in graph.objects(URIRef(_expand(column.steps[-1])), SKOS.definition) if getattr(o, "language", "") == language
    ]
    return str(texts[0])


@cache
def _datatype(column: Column) -> str:
    """Return the type of a column's values, as the ontology declares it for the last property."""
    if column.show == "count":
        return "integer"
    if column.show == "iri":
        return "anyURI"
    if column.show != "text" or column.datatype:
        return "string"
    wanted = str(load_ontology().graph.value(URIRef(_expand(column.steps[-1])), RDFS.range) or "")
    kind = wanted.removeprefix(str(XSD))
    return kind if kind in {"decimal", "integer", "boolean", "gYear", "date"} else "string"


@cache
def _is_list(column: Column) -> bool:
    """Tell whether a cell may hold several values: some step of the path may lead to several things."""
    return not column.single and column.show != "count" and not all(map(_leads_to_one, column.steps))


def _leads_to_one(step: str) -> bool:
    """Tell whether the ontology allows one value only; against the arrow, of the inverse property."""
    graph = load_ontology().graph
    term = URIRef(_expand(step.removeprefix("^")))
    terms = list(graph.objects(term, OWL.inverseOf)) if step.startswith("^") else [term]
    return any((t, RDF.type, OWL.FunctionalProperty) in graph for t in terms)


def _expand(name: str) -> str:
    prefix, _, local = name.rpartition(":")
    return PREFIXES[prefix or "pg"] + local
