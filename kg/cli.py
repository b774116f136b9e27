"""The command line: `kg COMMAND`. Exit code 0: fine; 1: finished, with violations; 2: could not run."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from api.settings import describe_settings, settings_from
from kg import __version__
from kg.errors import KgError, did_you_mean, reason_of
from kg.paths import DEFAULT_OUT, PLANS, shown

if TYPE_CHECKING:
    from kg.records import Record

FINE, VIOLATIONS, COULD_NOT_RUN = 0, 1, 2
EXPORTS = ("nquads", "turtle", "trig", "jsonld", "csv", "graphml", "gexf", "dcat")
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        return command(parsed)
    except KgError as error:
        print(f"kg: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        print("kg: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"kg: {where}{reason_of(error)}; check permissions and free space", file=sys.stderr)
        return COULD_NOT_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kg", description="Grafo de conocimiento de los planes de gobierno del Perú.")
    parser.add_argument("--version", action="version", version=f"kg {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, text: str, out: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        if out:
            sub.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder that `build` writes (build/)")
        return sub

    draft = add("draft", _draft, "read a plan document, or one plan summary (.json), into a draft record (YAML)")
    draft.add_argument("document", type=Path)
    draft.add_argument("--key", help="the plan's key; by default made of territory, period and organization")
    draft.add_argument("--to", type=Path, help="file or folder to write to, instead of standard output")
    draft.add_argument("--earlier", type=Path, help="record whose ids are kept; by default that of the same key in plans/")
    draft.add_argument("--force", action="store_true", help="replace an existing file, but for what a person has accepted in it")

    _add_review(add)
    imports = add("import-jne", _import_jne, "plan summaries of the JNE (.json, .jsonl) into one draft record each", out=False)
    imports.add_argument("files", type=Path, nargs="+", metavar="FILE")
    imports.add_argument("--to", type=Path, default=Path("drafts"), help="folder to write to (drafts/)")
    imports.add_argument("--force", action="store_true", help="read anew what is there; what a person accepted stays")

    check = add("check", _check, "check records, ontology, shapes and questions; with documents, prove every quote")
    check.add_argument("records", type=Path, nargs="*", help="record files; by default all of plans/")
    check.add_argument("--documents", type=Path, default=_folder_from("KG_DOCUMENTS"), help="folder with the plan documents")

    _add_measuring(add)

    build = add("build", _build, "records → graph → validation report → store")
    build.add_argument("--plans", type=Path, default=PLANS, help="folder with the plan records (plans/)")
    build.add_argument("--documents", type=Path, help="build straight from documents, unreviewed")
    build.add_argument("--if-changed", action="store_true", help="do nothing when the build is of the same inputs")

    validate = add("validate", _validate, "validate the built graph against the shapes; report as text and RDF")
    validate.add_argument("--limit", type=int, default=20, help="results shown for one rule (20)")

    query = add("query", _query, "answer a named question; without a name, list them")
    query.add_argument("name", nargs="?")
    query.add_argument("parameters", nargs="*", metavar="key=value")
    query.add_argument("--format", choices=("table", "csv", "json", "sparql"), default="table")

    export = add("export", _export, "write the graph in another format, below exports/")
    export.add_argument("format", choices=EXPORTS)
    export.add_argument("--to", type=Path, help="folder to write to")
    export.add_argument("--bom", action="store_true", help="CSV with a byte order mark, for spreadsheets that need it")

    draw = add("draw", _draw, "draw the plan–institution and plan–issue networks (SVG, PNG)")
    draw.add_argument("--to", type=Path, help="folder to write to")

    publish = add("publish", _publish, "bring the built graphs into a SPARQL server, sending only what has changed")
    publish.add_argument("--to", required=True, metavar="URL", help="the server's query endpoint")
    publish.add_argument("--graph-store", default="", metavar="URL", help="its graph store, where --to does not tell it")
    publish.add_argument("--user", default="", metavar="NAME", help="by default KG_USER; the password comes from KG_PASSWORD")
    publish.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")

    serve = add("serve", _serve, "serve pages and SPARQL endpoint")
    serve.add_argument("--port", type=_port, default=8000, help="1 to 65535 (8000)")
    serve.add_argument("--host", default="127.0.0.1")
    serve.set_defaults(out=None)  # so that KG_OUT counts where the flag is not given
    for _, flag, default, text in describe_settings():
        if flag != "--out":
            serve.add_argument(flag, metavar="VALUE", help=f"{text} ({default})".replace("%", "%%"))
    return parser


def _add_review(add: Callable[..., argparse.ArgumentParser]) -> None:
    review = add("review", _review, "compare document and draft side by side in the browser, and accept or correct it", out=False)
    review.add_argument("plan", metavar="PLAN", help="key of a record in --plans, or a record file")
    review.add_argument("--plans", type=Path, default=PLANS, help="folder with the plan records (plans/)")
    review.add_argument("--document", type=Path, help="the plan document")
    review.add_argument("--documents", type=Path, default=_folder_from("KG_DOCUMENTS"), help="folder that the document lies in")
    review.add_argument("--by", metavar="NAME", help="who reviews; by default git's user name, else the page asks")
    review.add_argument("--port", type=_port, help="1 to 65535 (8765, or any free one)")


def _add_measuring(add: Callable[..., argparse.ArgumentParser]) -> None:
    score = add("score", _score, "compare drafts or records with annotations: what was found, typed, linked, missed", out=False)
    score.add_argument("documents", type=Path, nargs="*", help="documents, records, or folders of them (KG_DOCUMENTS)")
    score.add_argument("--against", type=Path, default=PLANS, help="folder with annotations (.json) or accepted records (plans/)")
    score.add_argument("--format", choices=("table", "json", "csv", "floors"), default="table")
    score.add_argument("--misses", type=int, default=0, metavar="N", help="list up to N of each kind of difference, with lines")
    score.add_argument("--floors", type=Path, help="YAML file of the least that each figure may be; exit code 1 below it")

    cover = add("coverage", _coverage, "say which lines or pages of a plan's document gave nothing", out=False)
    cover.add_argument("plan", help="key of a record in plans/, or the document itself")
    cover.add_argument("--record", type=Path, help="record file; by default that of the key, or a draft of the document")
    cover.add_argument("--documents", type=Path, default=_folder_from("KG_DOCUMENTS"), help="folder with the plan documents")
    cover.add_argument("--format", choices=("table", "json"), default="table")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def _folder_from(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def _draft(arguments: argparse.Namespace) -> int:
    from kg.reading.drafting import draft_file
    from kg.reading.rereading import compare, difference_text, has_accepted, keep_ids
    from kg.records import dump_record, load_record, write_record

    record = draft_file(arguments.document, arguments.key)
    earlier = arguments.earlier or PLANS / f"{record.plan}.yaml"
    known = load_record(earlier) if arguments.earlier or earlier.is_file() else None
    if arguments.to is None:
        if known and has_accepted(known):
            print("\n".join(difference_text(compare(known, record), known.plan)))
        else:
            sys.stdout.write(dump_record(keep_ids(record, known) if known else record))
        return FINE
    target = arguments.to if arguments.to.suffix in {".yaml", ".yml"} else arguments.to / f"{record.plan}.yaml"
    if target.exists():
        if not arguments.force:
            raise KgError(f"{shown(target)}: exists already and may hold reviewed work; write elsewhere, or say --force")
        return _draft_again(target, record)
    record = keep_ids(record, known) if known else record
    write_record(record, target)
    print(f"{shown(target)}: {len(record.statements)} statements, to be reviewed", file=sys.stderr)
    return FINE


def _draft_again(target: Path, reading: Record) -> int:
    """Bring a new reading into a record file; what a person has accepted there stays."""
    from kg.files import read_text_file, write_whole
    from kg.reading.rereading import compare, difference_text, merge
    from kg.records import parse_record, patch_record
    from kg.records.locking import writing_alone

    with writing_alone(target):
        text = read_text_file(target)
        record = parse_record(text, target)
        print("\n".join(difference_text(compare(record, reading), record.plan)), file=sys.stderr)
        merged = merge(record, reading)
        write_whole(target, patch_record(text, record, merged))
    waiting = sum(not merged.is_settled(s) for s in merged.statements)
    print(f"{shown(target)}: {len(merged.statements)} statements, {waiting} to be reviewed", file=sys.stderr)
    return FINE


def _review(arguments: argparse.Namespace) -> int:
    try:
        from review.serving import review
    except ImportError as error:
        raise KgError(f"the review page cannot be loaded ({error}); run `make install`") from error
    review(arguments.plan, arguments.plans, arguments.document, arguments.documents, arguments.by, arguments.port)
    return FINE


def _import_jne(arguments: argparse.Namespace) -> int:
    from kg.reading.jne_import import REPORT, Importer

    importer = Importer(arguments.to, arguments.force)
    try:
        importer.run(arguments.files)
    finally:
        print("\n".join(importer.tally.lines()), file=sys.stderr)
        print(f"{shown(arguments.to / REPORT)}: todo, resumen por resumen / all, summary by summary", file=sys.stderr)
    return VIOLATIONS if importer.tally.unread else FINE


def _check(arguments: argparse.Namespace) -> int:
    from kg.checks import check_all

    for line in check_all(arguments.records, arguments.documents):
        print(line)
    return FINE


def _score(arguments: argparse.Namespace) -> int:
    from kg.measuring import fallen, floors_text, load_floors, misses_text, score_csv, score_documents, score_json, score_tables

    folder = _folder_from("KG_DOCUMENTS")
    documents = arguments.documents or ([folder] if folder else [])
    if not documents:
        raise KgError("no documents; name them or their folder: `kg score FOLDER`, or set KG_DOCUMENTS")
    floors = load_floors(arguments.floors) if arguments.floors else None
    scores, unknown = score_documents(documents, arguments.against)
    for name in unknown:
        print(f"{name}: no annotation in {shown(arguments.against)}: not measured", file=sys.stderr)
    if arguments.format == "table":
        score_tables(scores, _console())
        print("\n".join(misses_text(scores, arguments.misses)) if arguments.misses else "", end="\n" if arguments.misses else "")
    else:
        text = {"json": lambda: score_json(scores, arguments.misses), "csv": lambda: score_csv(scores)}
        sys.stdout.write(text.get(arguments.format, lambda: floors_text(scores))().rstrip("\n") + "\n")
    told = fallen(scores, floors) if floors is not None else []
    print("\n".join(told), end="\n" if told else "", file=sys.stderr)
    return VIOLATIONS if told else FINE


def _coverage(arguments: argparse.Namespace) -> int:
    from kg.measuring import coverage_json, coverage_table, covered_document

    found = covered_document(arguments.plan, arguments.record, arguments.documents)
    if arguments.format == "json":
        print(coverage_json(*found))
    else:
        coverage_table(*found, _console())
    return FINE


def _build(arguments: argparse.Namespace) -> int:
    from kg.build import REPORT_TEXT, answer_questions, build, is_current
    from kg.queries import load_questions

    if arguments.if_changed and not arguments.documents and is_current(arguments.out, arguments.plans):
        print(f"{shown(arguments.out)}: nothing has changed since the last build", file=sys.stderr)
        answer_questions(arguments.out, load_questions())
        return FINE
    built = build(arguments.out, arguments.plans, arguments.documents)
    violations = built.report.count("violation")
    for reason in built.unread:
        print(f"kg: sin leer / left out: {reason}", file=sys.stderr)
    print(
        f"{built.plans} planes, {built.statements:,} enunciados, {built.quads:,} cuádruplas, {built.findings} observaciones; "
        f"{violations} violaciones, {built.report.count('warning')} avisos ({shown(arguments.out / REPORT_TEXT)})"
    )
    return VIOLATIONS if violations or built.unread else FINE


def _validate(arguments: argparse.Namespace) -> int:
    from kg.build import GRAPH_FILE, REPORT_RDF, read_graphs, validate_parts, write_report
    from kg.validation import report_text

    report = validate_parts(read_graphs(arguments.out / GRAPH_FILE))
    write_report(report, arguments.out)
    print(report_text(report, arguments.limit))
    print(f"RDF: {shown(arguments.out / REPORT_RDF)}", file=sys.stderr)
    return FINE if report.conforms else VIOLATIONS


def _query(arguments: argparse.Namespace) -> int:
    from kg.queries import choices_query, load_questions, render
    from kg.store import query, reading

    questions = load_questions()
    if arguments.name is None:
        width = max(map(len, questions))
        for question in questions.values():
            defaults = " ".join(f"{p.name}={p.default}" for p in question.params)
            print(f"{question.name:<{width}}  {question.title_es}" + (f"  [{defaults}]" if defaults else ""))
        return FINE
    if arguments.name not in questions:
        hint = did_you_mean(arguments.name, questions) or "`kg query` lists them"
        raise KgError(f"no question {arguments.name!r}; {hint}")
    values = dict(_pair(text) for text in arguments.parameters)
    if arguments.format == "sparql":
        print(render(questions[arguments.name], values))
        return FINE
    with reading(arguments.out) as store:
        plans = {str(key): str(label) for key, label in query(store, choices_query("plan") or "").rows}
        solutions = query(store, render(questions[arguments.name], values, plans))
    _print_solutions(list(solutions.variables), [[_shown_value(v) for v in row] for row in solutions.rows], arguments.format)
    return FINE


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise KgError(f"{text!r} is no parameter; write key=value")
    return key, value


def _shown_value(value: object) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _print_solutions(columns: list[str], rows: list[list[str]], style: str) -> None:
    if style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)
    elif style == "json":
        json.dump([dict(zip(columns, row, strict=True)) for row in rows], sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        _print_table(columns, rows)
        print(f"{len(rows)} filas", file=sys.stderr)


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
    from kg.namespaces import BASE

    table = Table(show_lines=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell.removeprefix(BASE + "id/") for cell in row))
    _console().print(table)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False)


def _export(arguments: argparse.Namespace) -> int:
    from kg.exports import export

    for path in export(arguments.out, arguments.format, arguments.to, bom=arguments.bom):
        print(shown(path))
    return FINE


def _draw(arguments: argparse.Namespace) -> int:
    from kg.pictures import draw

    for path in draw(arguments.out, arguments.to):
        print(shown(path))
    return FINE


def _publish(arguments: argparse.Namespace) -> int:
    from kg.build import GRAPH_FILE
    from kg.publishing import Target, credentials, publish

    target = Target(arguments.to, arguments.graph_store, *credentials(arguments.user))
    done = publish(arguments.out / GRAPH_FILE, target, arguments.dry_run)
    if arguments.dry_run:
        names = [f"+ {n}" for n in done.new] + [f"~ {n}" for n in done.changed] + [f"- {n}" for n in done.deleted]
        print("\n".join([*names, "nada enviado / nothing sent"]))
    print(
        f"{len(done.new):,} grafos nuevos, {len(done.changed):,} cambiados, {len(done.same):,} iguales, "
        f"{len(done.deleted):,} borrados; {done.triples:,} tripletas; versión {done.version}"
    )
    return FINE


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from api.app import serve
    except ImportError as error:
        raise KgError(f"the web part cannot be loaded ({error}); run `make install`") from error
    serve(settings_from(vars(arguments)), arguments.host, arguments.port)
    return FINE


if __name__ == "__main__":
    sys.exit(main())
