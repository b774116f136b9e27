"""The named questions: SPARQL files with a header in YAML (`#+ ` lines) that says what they ask, in both languages.

A parameter is written `$name` in the query; everything else uses `?name`, so that a file is valid SPARQL as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from rdflib import Literal, URIRef
from rdflib.namespace import XSD
from rdflib.plugins.sparql import prepareQuery

from kg.errors import KgError, Problem, ProblemsError, did_you_mean
from kg.files import read_text_file
from kg.gazetteer import load_gazetteer
from kg.issues import load_issues
from kg.namespaces import PG, plan_iri, prefix_header, thing_iri
from kg.ontology import load_ontology
from kg.paths import QUERIES, shown
from kg.registry import load_registry
from kg.text import fold

FOLDER = QUERIES / "questions"
THINGS = ("territory", "institution", "organization", "issue", "fund", "dimension")
KINDS = (*THINGS, "plan", "class", "text", "number", "year")
FAMILIES = ("money", "targets", "problems", "partners", "places", "texts", "coverage")
LANGUAGES = ("es", "en")
_TOLD = ("why", "answer", "none")  # what may be told in both languages beside the title
_KEYS = {"title", "description", "caveat", "params", "chart", "needs", "start", "family", "related", "detail", *_TOLD}
_KEYS |= {"chart_by", "chart_doubtful", "chart_order"}


class ParameterError(KgError):
    """A parameter that the question does not have, or a value that it cannot take.

    `near` holds (value, label) pairs of what may have been meant; `reason` is unknown, missing_thing or number.
    """

    def __init__(self, reason: str, name: str, value: str, near: list[tuple[str, str]]):
        self.reason, self.name, self.value, self.near = reason, name, value, near
        what = {
            "unknown": f"no parameter {name!r}",
            "missing_thing": f"{name}: there is no {value!r}",
            "number": f"{name}: {value!r} is not a number",
        }[reason]
        hint = ", ".join(f"{key} ({label})" if label != key else key for key, label in near)
        super().__init__(what + (f"; did you mean {hint}?" if hint else ""))


@dataclass(frozen=True)
class Param:
    """A parameter: `kind` says what a value is and how it becomes a term (`21` → the territory's IRI)."""

    name: str
    kind: str
    default: str
    label_es: str
    label_en: str


@dataclass(frozen=True)
class Chart:
    """What is drawn of an answer: the column that names a bar and the one that measures it.

    `by` groups the bars; `doubtful` is the part of a measure that allows another reading (or says no: all of it);
    `in_order` keeps the order of the rows, else the longest bar comes first.
    """

    label: str
    value: str
    by: str = ""
    doubtful: str = ""
    in_order: bool = False


@dataclass(frozen=True)
class Question:
    """A named query. `text` is the SPARQL without prefixes, parameters still open; `start` its place among the first ones.

    By language: `why` it matters, `answer` the sentence that sums an answer up (`api.answers` fills it in), `none` the one for an
    answer without rows. `detail` leads from a row to where more is told of it: `question` or `page` names that, the other keys
    are its parameters, each with the column that fills it, or `=` and a value.
    """

    name: str
    title_es: str
    title_en: str
    description_es: str
    description_en: str
    caveat_es: str
    caveat_en: str
    params: tuple[Param, ...]
    text: str
    chart: tuple[str, ...] = ()
    start: int | None = None
    family: str = FAMILIES[-1]
    drawn: Chart | None = None
    why: Mapping[str, str] = field(default_factory=dict, hash=False)
    answer: Mapping[str, str] = field(default_factory=dict, hash=False)
    none: Mapping[str, str] = field(default_factory=dict, hash=False)
    related: tuple[str, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict, hash=False)

    def title(self, language: str) -> str:
        """Return the question in a language."""
        return self.title_en if language == "en" else self.title_es

    def description(self, language: str) -> str:
        """Return what the rows are, in a language."""
        return self.description_en if language == "en" else self.description_es

    def caveat(self, language: str) -> str:
        """Return what to mind, in a language; may be empty."""
        return self.caveat_en if language == "en" else self.caveat_es


def load_questions(folder: Path = FOLDER, parse: bool = False) -> dict[str, Question]:
    """Load all questions, by name; `parse` also sees that each is SPARQL (rdflib takes some 0.1 s for one).

    Raises:
        ProblemsError: a header lacks something, or a query is no SPARQL; all files at once.
        KgError: the folder holds no question.
    """
    questions: dict[str, Question] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.rq")):
        try:
            questions[path.stem] = read_question(path, parse)
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    if not questions:
        raise KgError(f"{shown(folder)}: no question (.rq) in it")
    return questions


def read_question(path: Path, parse: bool = False) -> Question:
    """Read one question file.

    Raises:
        ProblemsError: what is wrong in its header or query.
    """
    source = read_text_file(path)
    name = shown(path)
    lines = source.split("\n")
    header = "\n".join(line[2:].removeprefix(" ") for line in lines if line.startswith("#+"))
    text = "\n".join(line for line in lines if not line.startswith("#+")).strip() + "\n"
    try:
        meta = yaml.load(header, Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        raise ProblemsError([Problem(name, 1, "header", f"not YAML: {error}", "write `#+ title: {es: …, en: …}`")]) from error
    problems = [Problem(name, 1, key, "unknown key", did_you_mean(key, _KEYS)) for key in meta if key not in _KEYS]
    for key in ("title", "description", *(key for key in _TOLD if key in meta)):
        for language in LANGUAGES:
            if not (isinstance(meta.get(key), dict) and meta[key].get(language)):
                problems.append(Problem(name, 1, f"{key}.{language}", "missing", "every question is told in Spanish and English"))
    if meta.get("family", FAMILIES[-1]) not in FAMILIES:
        problems.append(Problem(name, 1, "family", f"no family {meta['family']!r}", f"known: {', '.join(FAMILIES)}"))
    drawn, wrong = _chart(meta, name)
    problems += wrong
    params, wrong = _params(meta.get("params") or [], text, name)
    problems += wrong
    if problems:
        raise ProblemsError(problems)
    caveat = meta.get("caveat") or {}
    question = Question(
        name=path.stem,
        title_es=meta["title"]["es"],
        title_en=meta["title"]["en"],
        description_es=meta["description"]["es"],
        description_en=meta["description"]["en"],
        caveat_es=caveat.get("es", ""),
        caveat_en=caveat.get("en", ""),
        params=params,
        text=text,
        chart=tuple(meta.get("chart") or ()),
        start=int(meta["start"]) if str(meta.get("start", "")).isdigit() else None,
        family=meta.get("family", FAMILIES[-1]),
        drawn=drawn,
        why=meta.get("why", {}),
        answer=meta.get("answer", {}),
        none=meta.get("none", {}),
        related=tuple(meta.get("related") or ()),
        detail=meta.get("detail") or {},
    )
    if parse:
        _check_syntax(question, name)
    return question


def _chart(meta: Mapping[str, Any], name: str) -> tuple[Chart | None, list[Problem]]:
    columns = meta.get("chart") or []
    if not columns:
        return None, []
    if not (isinstance(columns, list) and len(columns) == 2):
        return None, [
            Problem(name, 1, "chart", "two columns are expected", "write `chart: [what names a bar, what measures it]`")
        ]
    order = meta.get("chart_order", "")
    problems = [] if order in {"", "rows"} else [Problem(name, 1, "chart_order", f"no order {order!r}", "known: rows")]
    label, value = columns
    return Chart(label, value, meta.get("chart_by", ""), meta.get("chart_doubtful", ""), order == "rows"), problems


def _params(entries: list[dict[str, str]], text: str, name: str) -> tuple[tuple[Param, ...], list[Problem]]:
    problems = []
    params = []
    for entry in entries:
        missing = [k for k in ("name", "kind", "default", "es", "en") if k not in entry]
        if missing:
            problems.append(Problem(name, 1, "params", f"missing {', '.join(missing)} in {entry}"))
            continue
        if entry["kind"] not in KINDS:
            problems.append(
                Problem(name, 1, f"params.{entry['name']}", f"no kind {entry['kind']!r}", f"known: {', '.join(KINDS)}")
            )
        params.append(Param(entry["name"], entry["kind"], entry["default"], entry["es"], entry["en"]))
    used, declared = set(re.findall(r"\$(\w+)", text)), {p.name for p in params}
    problems += [Problem(name, 1, f"params.{n}", "used in the query but not declared") for n in sorted(used - declared)]
    problems += [Problem(name, 1, f"params.{n}", "declared but not used in the query") for n in sorted(declared - used)]
    return tuple(params), problems


def _check_syntax(question: Question, name: str) -> None:
    try:
        prepareQuery(render(question))
    except Exception as error:
        raise ProblemsError([Problem(name, 1, "query", f"not SPARQL: {str(error)[:300]}")]) from error


def render(question: Question, values: Mapping[str, str] | None = None, plans: Mapping[str, str] | None = None) -> str:
    """Return the SPARQL with its prefixes and with the parameters filled in, defaults where no value is given.

    `plans` are the plans of the graph, key → label, so that a key that is none of them is told and not answered with nothing.

    Raises:
        ParameterError: an unknown parameter, or a value that is no known thing of its kind.
    """
    given = dict(values or {})
    known = {p.name: p.name for p in question.params}
    for name in given:
        if name not in known:
            raise ParameterError("unknown", name, "", nearest(name, known) or list(known.items()))
    text = question.text
    for param in question.params:
        value = (given.get(param.name) or param.default).strip()
        if value != param.default:
            _check_value(param, value, plans)
        text = re.sub(rf"\${param.name}\b", term_of(param, value).replace("\\", "\\\\"), text)
    return f"{prefix_header()}\n{text}"


def known_things(kind: str) -> dict[str, str] | None:
    """Return what a parameter of this kind may be, id → label, as the declared data has it; None where anything goes."""
    registry, issues = load_registry(), load_issues()
    if kind == "territory":
        return {t.inei: t.full_name for t in load_gazetteer().territories.values()}
    if kind == "institution":
        return {i.id: i.name for i in (*registry.listed.values(), *registry.families.values())}
    if kind == "class":
        ontology = load_ontology()
        return {str(c).rsplit("#", 1)[-1]: ontology.label(c) for c in ontology.classes()}
    labels: dict[str, dict[str, str]] = {
        "organization": {o.id: o.name for o in registry.organizations.values()},
        "fund": {f.id: f.name for f in registry.funds.values()},
        "issue": {i.id: i.es for i in issues.issues.values()},
        "dimension": {d.id: d.es for d in issues.dimensions.values()},
    }
    return labels.get(kind)


def _check_value(param: Param, value: str, plans: Mapping[str, str] | None) -> None:
    known = plans if param.kind == "plan" else known_things(param.kind)
    if known is not None and value not in known:
        raise ParameterError("missing_thing", param.name, value, nearest(value, known))
    if param.kind in {"number", "year"} and not re.fullmatch(r"-?\d+(?:\.\d+)?", value):
        raise ParameterError("number", param.name, value, [])


def nearest(value: str, known: Mapping[str, str], limit: int = 4) -> list[tuple[str, str]]:
    """Return the known (id, label) pairs that a value may mean: by its words in a label, by number, by spelling."""
    folded = fold(value)
    by_label = [k for k, label in known.items() if re.search(rf"\b{re.escape(folded)}\b", fold(label))]
    by_number = [value.zfill(size) for size in (2, 4, 6)] if value.isdigit() else []
    spelt = get_close_matches(value, list(known), n=limit, cutoff=0.6)
    labels = {fold(label): k for k, label in known.items()}
    spelt += [labels[m] for m in get_close_matches(folded, list(labels), n=limit, cutoff=0.7)]
    found = dict.fromkeys([*sorted(by_label, key=lambda k: (len(k), k)), *(k for k in by_number if k in known), *spelt])
    return [(k, known[k]) for k in list(found)[:limit]]


def term_of(param: Param, value: str) -> str:
    """Return a parameter's checked value as a SPARQL term.

    Raises:
        ParameterError: the value cannot be part of an address.
    """
    if param.kind in {*THINGS, "plan", "class"}:
        if not re.fullmatch(r"[\w.-]+", value):
            raise ParameterError("missing_thing", param.name, value, [(param.default, param.default)])
        if param.kind == "class":
            return f"<{PG[value]}>"
        iri: URIRef = plan_iri(value) if param.kind == "plan" else thing_iri(param.kind, value)
        return f"<{iri}>"
    if param.kind == "text":
        return Literal(" ".join(value.split())).n3()
    return Literal(value, datatype=XSD.gYear).n3() if param.kind == "year" else str(Decimal(value))


def choices_query(kind: str) -> str | None:
    """Return the SPARQL that lists what a parameter of this kind may be (?id ?label), or None where anything goes."""
    spanish = "?thing rdfs:label ?label . FILTER(LANG(?label) = 'es')"
    patterns = {
        "territory": "?plan pg:forTerritory/pg:within? ?thing . ?thing a ?level ; rdfs:label ?name . "
        'VALUES (?level ?word) { (pg:Department "departamento") (pg:Province "provincia") (pg:District "distrito") } '
        'BIND(CONCAT(?name, " (", ?word, ")") AS ?label)',
        "plan": "?thing a pg:Plan . " + spanish,
        "institution": _used("pg:Institution", "pg:partner", "pg:mentions") + spanish,
        "organization": "?plan pg:presentedBy ?thing . ?thing rdfs:label ?label",
        "issue": "{ SELECT ?part WHERE { ?part a pg:Issue . FILTER(EXISTS { ?s pg:issue ?part }) } } "
        "?part skos:broaderTransitive? ?thing . " + spanish,
        "fund": _used("pg:FundingSource", "pg:fundedBy") + spanish,
        "dimension": "{ SELECT DISTINCT ?thing WHERE { ?s pg:dimension ?thing } } " + spanish,
        "class": "?thing rdfs:subClassOf pg:Statement . " + spanish,
    }
    if kind not in patterns:
        return None
    id_of = "REPLACE(STR(?thing), '^.*[/#]', '')"
    return f"{prefix_header()}\nSELECT DISTINCT ({id_of} AS ?id) ?label WHERE {{ {patterns[kind]} }} ORDER BY ?label ?id"


def _used(class_: str, *properties: str) -> str:
    """Return the pattern of each ?thing of a class that statements have; to go through all statements would take longer."""
    used = " || ".join(f"EXISTS {{ ?s {name} ?thing }}" for name in properties)
    return f"?thing a {class_} . FILTER({used}) "
