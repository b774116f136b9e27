"""`kg check`: everything declared is right — records, ontology, shapes, questions — and every quote stands in its document."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from rdflib import Literal, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS

from kg.documents import Document, read_document
from kg.documents.jne import find_summaries
from kg.errors import KgError, Problem, ProblemsError
from kg.gazetteer import load_gazetteer
from kg.graph import ontology_graph
from kg.issues import load_issues
from kg.namespaces import PG
from kg.ontology import CORE, load_ontology
from kg.paths import ONTOLOGY, PLANS, shown
from kg.queries import load_questions
from kg.records import Record, check_quotes, load_record, load_records
from kg.registry import load_registry
from kg.validation import load_shapes

_SUMMARY = "application/json"
_NEED_ISSUE = frozenset({"problem", "objective", "program", "project", "activity", "proposal", "target", "priority"})


def check_all(paths: list[Path], documents: Path | None) -> Iterator[str]:
    """Check everything; yields a line for each part that is right.

    Raises:
        ProblemsError: all that is wrong in the first part that is not.
        KgError: a file cannot be read.
    """
    if documents is not None and not documents.is_dir():
        raise KgError(f"{shown(documents)}: no such folder; name the folder that holds the plan documents")
    yield f"ontology: {check_ontology()} terms, each with label and definition in Spanish and English"
    yield f"declared data: {check_declared()}"
    yield f"shapes: {len(set(load_shapes().subjects()))} nodes"
    yield f"questions: {len(load_questions(parse=True))}"
    found = [(p, load_record(p)) for p in paths] if paths else [(PLANS / f"{r.plan}.yaml", r) for r in load_records(PLANS)]
    problems = [p for path, record in found for p in _record_problems(record, path)]
    if problems:
        raise ProblemsError(problems)
    yield f"records: {len(found)}, {sum(len(r.statements) for _, r in found):,} statements"
    plain = [(path, record) for path, record in found if record.document.media_type != _SUMMARY]
    for path, record in plain:
        yield _prove(path, record, documents)
    yield from _prove_summaries([pair for pair in found if pair not in plain], documents)


def _record_problems(record: Record, path: Path) -> Iterator[Problem]:
    """Note what the ontology asks of a record beyond keys and values."""
    name = shown(path)
    for statement in record.statements:
        if statement.type in _NEED_ISSUE and not statement.issues:
            what = "without an issue"
            yield Problem(name, 0, f"statements.{statement.id}.issues", what, "say what the statement is about")
        if statement.budget and statement.budget.certain and statement.budget.readings:
            yield Problem(name, 0, f"statements.{statement.id}.budget", "certain, yet with other readings", "set certain: false")


def _prove(path: Path, record: Record, documents: Path | None) -> str:
    source = documents / record.document.file if documents else None
    if source is None or not source.exists():
        return _not_at_hand(path, record, documents)
    return _proven(path, record, read_document(source))


def _prove_summaries(records: list[tuple[Path, Record]], documents: Path | None) -> Iterator[str]:
    """Prove the quotes of records made of plan summaries, many of which may come from one file."""
    by_file: dict[str, list[tuple[Path, Record]]] = {}
    for path, record in records:
        by_file.setdefault(record.document.file, []).append((path, record))
    for file, sharing in by_file.items():
        source = documents / file if documents else None
        if source is None or not source.exists():
            yield from (_not_at_hand(path, record, documents) for path, record in sharing)
            continue
        wanted = {record.document.sha256 for _, record in sharing}
        summaries = {document.sha256: document for document in find_summaries(source, wanted)}
        for path, record in sharing:
            if record.document.sha256 not in summaries:
                raise KgError(
                    f"{shown(path)}: {file} holds no summary with its fingerprint; import it again: kg import-jne {file}"
                )
            yield _proven(path, record, summaries[record.document.sha256])


def _not_at_hand(path: Path, record: Record, documents: Path | None) -> str:
    where = f" in {shown(documents)}" if documents else "; say where with --documents FOLDER"
    return f"{shown(path)}: document {record.document.file} is not at hand{where}: quotes not proven"


def _proven(path: Path, record: Record, document: Document) -> str:
    wrong = check_quotes(record, document, path)
    if wrong:
        raise KgError("\n".join(wrong))
    quotes = sum(1 + len(s.parts) for s in record.statements) + len(record.figures)
    return f"{shown(path)}: all {quotes} quotes stand at their lines of {record.document.file}"


def check_ontology() -> int:
    """Check labels, definitions, domains, ranges and the absence of blank nodes; returns the number of terms.

    Raises:
        ProblemsError: what is missing.
    """
    graph = ontology_graph()
    file = shown(ONTOLOGY / CORE)
    kinds = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty)
    terms = {(URIRef(str(s)), k) for k in kinds for s in graph.subjects(RDF.type, k) if str(s).startswith(str(PG))}
    problems = []
    for term, kind in sorted(terms):
        for predicate in (RDFS.label, SKOS.definition):
            languages = {o.language for o in graph.objects(term, predicate) if isinstance(o, Literal)}
            problems += [
                Problem(file, 0, str(term), f"no {predicate.fragment or predicate} in {wanted}", "every term is bilingual")
                for wanted in ("es", "en")
                if wanted not in languages
            ]
        if kind != OWL.Class:
            problems += [
                Problem(file, 0, str(term), f"no {p.fragment}", "every property says between what it holds")
                for p in (RDFS.domain, RDFS.range)
                if (term, p, None) not in graph
            ]
    if problems:
        raise ProblemsError(problems)
    return len(terms)


def check_declared() -> str:
    """Load all declared data and check that references between its files hold; returns a summary.

    Raises:
        ProblemsError: a kind, dimension or broader concept that does not exist.
    """
    registry, gazetteer, issues, ontology = load_registry(), load_gazetteer(), load_issues(), load_ontology()
    wrong: list[tuple[str, str, str]] = []

    def known(file: str, key: str, value: str | None, what: str, among: Container[str]) -> None:
        if value is not None and value not in among:
            wrong.append((file, key, f"no {what} {value!r}"))

    for institution in registry.listed.values():
        known("institutions.yaml", institution.id, institution.kind, "kind", registry.kinds)
        for code in institution.within:
            known("institutions.yaml", institution.id, code, "territory", gazetteer.territories)
    for fund in registry.funds.values():
        known("funds.yaml", fund.id, fund.broader, "fund", registry.funds)
    for issue in issues.issues.values():
        known("issues.yaml", issue.id, issue.broader, "issue", issues.issues)
        known("issues.yaml", issue.id, issue.dimension, "dimension", issues.dimensions)
    kinds = ontology.concepts("place-kind")
    for place in gazetteer.places.values():
        known("places.yaml", place.id, place.kind, "kind", kinds)
        for code in place.within:
            known("places.yaml", place.id, code, "territory", gazetteer.territories)
    if wrong:
        raise ProblemsError(Problem(f"kg/data/{file}", 0, key, what) for file, key, what in wrong)
    return (
        f"{len(registry.listed)} institutions, {len(registry.funds)} funds, {len(registry.organizations)} organizations, "
        f"{len(gazetteer.territories)} territories, {sum(not i.group for i in issues.issues.values())} issues"
    )
