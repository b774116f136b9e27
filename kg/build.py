"""The chain: records (or documents) → graphs → findings and validation report → store → answers. No domain logic here."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from rdflib import Graph, URIRef

from kg import __version__
from kg.documents import find_documents
from kg.errors import KgError, reason_of
from kg.files import write_whole
from kg.findings import Finding, findings_of
from kg.gazetteer import load_gazetteer
from kg.graph import PlanGraph, nquads_lines, shared_graphs
from kg.issues import load_issues
from kg.namespaces import GRAPH, plan_graph, shared_graph
from kg.ontology import load_ontology
from kg.paths import DATA, ONTOLOGY, PLANS, ROOT, SHAPES, shown
from kg.prepared import prepare_answers
from kg.progress import step, tracked
from kg.queries import Question, load_questions
from kg.reading.drafting import draft_file
from kg.reading.rereading import keep_ids
from kg.records import Record, load_record, load_records
from kg.store import build_store, current_store
from kg.validation import Report, report_graph, report_text, validate_graphs

GRAPH_FILE = "graph.nq"
REPORT_TEXT = "report.txt"
REPORT_RDF = "report.ttl"
FINDINGS_FILE = "findings.json"
INPUTS_FILE = "inputs.sha256"


@dataclass(frozen=True)
class Built:
    """What a build made: `version` names the data, `report` says whether it conforms; `unread`: documents left out, and why."""

    version: str
    report: Report
    plans: int
    statements: int
    quads: int
    findings: int
    unread: tuple[str, ...] = ()


def build(out: Path, plans: Path = PLANS, documents: Path | None = None) -> Built:
    """Build graph, report and store into a folder; what was served before stays until the new store is whole.

    Raises:
        KgError: an input is wrong or missing, or the folder cannot be written; nothing that is served has changed then.
    """
    make_folder(out)
    questions = load_questions()  # what is wrong there is told before anything has changed
    records, unread = draft_all(documents, plans) if documents else (_load(plans), ())
    with step("grafos / graphs") as notes:
        graphs, findings = make_graphs(records)
        notes.append(f"{sum(map(len, graphs.values())):,} tripletas, {len(findings)} observaciones sobre los planes")
    with step("validación / validation") as notes:
        report = validate_parts(graphs)
        notes.append(f"{report.count('violation')} violaciones, {report.count('warning')} avisos")
    with step(f"escritura / writing {shown(out / GRAPH_FILE)}") as notes:
        quads = write_graph(graphs, out / GRAPH_FILE)
        write_report(report, out)
        write_whole(out / FINDINGS_FILE, json.dumps([asdict(f) for f in findings], ensure_ascii=False, indent=1) + "\n")
        notes.append(f"{quads:,} cuádruplas")
    with step("almacén / store") as notes:
        info = build_store(out / GRAPH_FILE, out)
        notes.append(f"versión {info.version}")
    answer_questions(out, questions)
    write_whole(out / INPUTS_FILE, "" if documents else inputs_fingerprint(plans) + "\n")
    return Built(info.version, report, len(records), sum(len(r.statements) for r in records), quads, len(findings), unread)


def answer_questions(out: Path, questions: Mapping[str, Question]) -> None:
    """Write the answers to the named questions beside the store in service, where they are not there yet.

    Raises:
        KgError: the folder cannot be written.
    """
    with step("respuestas / answers") as notes:
        failed = prepare_answers(current_store(out), questions)
        notes.append(f"{len(questions) - len(failed)} preguntas")
        notes += [f"{name} sin respuesta ({why})" for name, why in sorted(failed.items())]


def _load(plans: Path) -> list[Record]:
    with step(f"registros / records {shown(plans)}") as notes:
        records = load_records(plans)
        notes.append(f"{len(records)} planes, {sum(len(r.statements) for r in records):,} enunciados")
    return records


def draft_all(folder: Path, plans: Path = PLANS) -> tuple[list[Record], tuple[str, ...]]:
    """Draft every document of a folder; a plan's key is its file's name without the ending.

    Where a record of that key lies in `plans`, statements keep the ids that they have there. Returned beside the records: why a
    document was left out, for each that cannot be read.

    Raises:
        KgError: no document can be read, or two have the same key.
    """
    found = list(find_documents(folder))
    paths = {quote(p.stem, safe="ñÑáéíóúüÁÉÍÓÚ"): p for p in found}
    if len(paths) < len(found):
        raise KgError(f"{shown(folder)}: two documents have the same name but for the ending; rename one")
    records: list[Record] = []
    unread: list[str] = []
    with step(f"lectura / reading {shown(folder)}") as notes:
        for key in tracked(list(paths), "lectura / reading"):
            try:
                record = draft_file(paths[key], key)
            except KgError as error:
                unread.append(str(error))
                continue
            known = plans / f"{key}.yaml"
            records.append(keep_ids(record, load_record(known)) if known.is_file() else record)
        notes.append(f"{len(records)} documentos sin revisar" + (f", {len(unread)} no se pudieron leer" if unread else ""))
    if not records:
        raise KgError("\n".join(unread))
    return records, tuple(unread)


def make_graphs(records: list[Record]) -> tuple[dict[URIRef, Graph], list[Finding]]:
    """Make every named graph, and the findings on the plans."""
    ontology, issues, gazetteer = load_ontology(), load_issues(), load_gazetteer()
    graphs = {plan_graph(r.plan): PlanGraph(r, ontology, issues, gazetteer).make() for r in tracked(records, "grafos / graphs")}
    findings = [f for r in records for f in findings_of(r)]
    return graphs | shared_graphs(records, findings), findings


def validate_parts(graphs: dict[URIRef, Graph]) -> Report:
    """Validate every graph but the ontology, each with the types and labels of what it refers to."""
    parts = {str(name).removeprefix(str(GRAPH)): graph for name, graph in graphs.items() if name != shared_graph("ontology")}
    return validate_graphs(parts, list(graphs.values()), processes=os.cpu_count() or 1)


def write_graph(graphs: dict[URIRef, Graph], path: Path) -> int:
    """Write all quads, sorted; returns their number. Two builds of the same inputs give the same bytes."""
    lines = sorted(line for name, graph in graphs.items() for line in nquads_lines(name, graph))
    write_whole(path, "\n".join(lines) + "\n")
    return len(lines)


def read_graphs(path: Path) -> dict[URIRef, Graph]:
    """Read a built graph back, one graph a name.

    Raises:
        KgError: the file is missing or holds something else than N-Quads.
    """
    texts: dict[str, list[str]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = re.match(r"^(.*) <([^<>]*)> \.$", line.rstrip("\n"))
                if not match:
                    raise KgError(f"{shown(path)}:{number}: not a quad of a named graph; build it again with `kg build`")
                texts.setdefault(match[2], []).append(f"{match[1]} .\n")
    except OSError as error:
        raise KgError(f"{shown(path)}: cannot be read ({reason_of(error)}); run `kg build` first") from error
    except UnicodeDecodeError as error:
        raise KgError(f"{shown(path)}: not UTF-8; build it again with `kg build`") from error
    try:
        return {URIRef(name): Graph().parse(data="".join(lines), format="nt") for name, lines in texts.items()}
    except Exception as error:
        raise KgError(f"{shown(path)}: not N-Quads: {str(error)[:200]}; build it again with `kg build`") from error


def write_report(report: Report, out: Path) -> None:
    """Write the report for people and as RDF."""
    write_whole(out / REPORT_TEXT, report_text(report, limit=1_000_000) + "\n")
    write_whole(out / REPORT_RDF, report_graph(report).serialize(format="longturtle"))


def make_folder(out: Path) -> None:
    """Make the output folder and see that it can be written.

    Raises:
        KgError: it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise KgError(f"{shown(out)}: cannot be written ({reason_of(error)}); choose another folder with --out") from error


def inputs_fingerprint(plans: Path) -> str:
    """Return the SHA-256 over everything that a build from records depends on."""
    digest = hashlib.sha256(__version__.encode())
    for path in _inputs(plans):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _inputs(plans: Path) -> Iterable[Path]:
    folders: list[tuple[Path, str]] = [
        (plans, "*.yaml"),
        (DATA, "*"),
        (ONTOLOGY, "*.ttl"),
        (SHAPES, "*.ttl"),
        (ROOT / "kg", "**/*.py"),
    ]
    for folder, pattern in folders:
        yield from sorted(p for p in folder.glob(pattern) if p.is_file())


def is_current(out: Path, plans: Path = PLANS) -> bool:
    """Say whether the folder holds a served build of just these inputs."""
    try:
        current_store(out)
        return (out / INPUTS_FILE).read_text().strip() == inputs_fingerprint(plans)
    except (OSError, KgError):
        return False
