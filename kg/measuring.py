"""`kg score` and `kg coverage`: drafts compared with annotations, documents with their records; tables, JSON, CSV, floors."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kg.declared import read_yaml
from kg.documents import MEDIA_TYPES, Document, find_documents, read_document
from kg.errors import KgError, did_you_mean
from kg.paths import PLANS, shown
from kg.progress import tracked
from kg.reading.annotations import find_annotation, load_annotation
from kg.reading.coverage import Coverage, Stretch, coverage, shown_text
from kg.reading.drafts import draft_record
from kg.reading.scoring import CORE, FIGURES, Miss, Score, Tally, figures, means, score_draft, total
from kg.records import Record, load_record
from kg.text import shorten

MEAN = "mean"
_RECORDS = frozenset({".yaml", ".yml"})
_HEADS = {"precision": "prec.", "recall": "rec.", "f1": "F1"}


@dataclass(frozen=True)
class Measured:
    """The score of one document (or record), by the name of its file."""

    name: str
    plan: str
    score: Score


def score_documents(paths: Iterable[Path], against: Path) -> tuple[list[Measured], list[str]]:
    """Draft each document and compare it with the annotation of its name; a record is compared as it is.

    Returns the scores, in the order of the paths, and the names of those that have no annotation.

    Raises:
        KgError: a document or annotation cannot be read, or no document has an annotation.
    """
    if not against.is_dir():
        raise KgError(f"{shown(against)}: no such folder; name the one that holds annotations or accepted records")
    found = list(_inputs(paths, against))
    pairs = [(path, annotation) for path in found if (annotation := find_annotation(against, path.stem))]
    if not pairs:
        what = ", ".join(sorted(path.stem for path in found)[:5])
        raise KgError(f"{shown(against)}: no annotation of {what}: its name is that of the document, with .json or .yaml")
    scores = [_measure(path, annotation) for path, annotation in tracked(pairs, "lectura / reading")]
    annotated = {path for path, _ in pairs}
    return scores, [path.name for path in found if path not in annotated]


def _inputs(paths: Iterable[Path], against: Path) -> Iterator[Path]:
    """List documents and records; a folder stands for its documents, or for its records where no document has an annotation."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        annotated = [p for p in sorted(path.iterdir()) if find_annotation(against, p.stem)]
        is_records = not any(p.suffix.lower() in MEDIA_TYPES for p in annotated) and any(p.suffix in _RECORDS for p in annotated)
        yield from sorted(p for p in path.iterdir() if p.suffix in _RECORDS) if is_records else find_documents(path)


def _measure(path: Path, annotation: Path) -> Measured:
    wanted = load_annotation(annotation)
    draft = load_record(path) if path.suffix in _RECORDS else draft_record(read_document(path), path.stem)
    return Measured(path.name, wanted.plan, score_draft(draft, wanted))


# ---------------------------------------------------------------------- floors


def floors_text(scores: list[Measured]) -> str:
    """Return the figures as floors: each rounded down to two digits, one document a block, in YAML."""
    blocks = []
    for name, row in _rows(scores):
        lines = [f"  {figure}: {math.floor(value * 100) / 100:.2f}" for figure, value in row.items() if value is not None]
        blocks.append("\n".join([f"{name}:", *lines]))
    return "\n".join(blocks) + "\n"


def load_floors(path: Path) -> dict[str, dict[str, float]]:
    """Load floors: document → figure → the least that it may be (0 to 1).

    Raises:
        ProblemsError: a figure is unknown or its floor no number from 0 to 1.
    """
    root, collector = read_yaml(path)
    floors: dict[str, dict[str, float]] = {}
    for name, item in collector.mapping(root, "").items():
        floors[name] = {}
        for figure, value in collector.mapping(item, name).items():
            if figure not in FIGURES:
                collector.add(value.line, f"{name}.{figure}", "no figure", did_you_mean(figure, FIGURES) or ", ".join(FIGURES))
            text = collector.scalar(value, f"{name}.{figure}") or ""
            try:
                floors[name][figure] = float(text)
            except ValueError:
                collector.add(value.line, f"{name}.{figure}", f"{text!r} is no number from 0 to 1")
    collector.raise_if_any()
    return floors


def fallen(scores: list[Measured], floors: dict[str, dict[str, float]]) -> list[str]:
    """Say which figures are below their floor, which documents of the floors were not measured, and which have no floors."""
    rows = dict(_rows(scores))
    told = [f"{name}: not measured; its floors are of no use without the document" for name in floors if name not in rows]
    told += [f"{name}: has no floors; add what `--format floors` prints" for name in rows if name not in floors]
    for name, least in floors.items():
        for figure, floor in least.items():
            value = rows.get(name, {}).get(figure)
            if name in rows and (value is None or value < floor):
                told.append(f"{name}: {figure} is {'nothing' if value is None else f'{value:.3f}'}, below its floor of {floor:g}")
    return told


def _rows(scores: list[Measured]) -> Iterator[tuple[str, dict[str, float | None]]]:
    yield from ((m.name, figures(m.score)) for m in scores)
    yield MEAN, means(m.score for m in scores)


# ---------------------------------------------------------------------- what is printed


def score_tables(scores: list[Measured], console: Console) -> None:
    """Print the figures of each document, and those of each type and kind of link over all."""
    table = Table(title="Cuán cerca de un lector cuidadoso / how near a careful reader", highlight=False)
    table.add_column("documento / document", no_wrap=True, vertical="bottom")
    for name in FIGURES:
        table.add_column(_head(name), justify="right", vertical="bottom")
    for name, row in _rows(scores):
        table.add_row(name, *map(_shown, row.values()), style="bold" if name == MEAN else None)
    console.print(table)
    kinds = Table("tipo / type", *("quiere / wanted", "da / given", "acierta / right"), *_HEADS.values(), highlight=False)
    for column in kinds.columns[1:]:
        column.justify = "right"
    for name, tally in tallies(scores).items():
        parts = [_shown(value) for value in (tally.precision, tally.recall, tally.f1)]
        kinds.add_row(
            name, str(tally.wanted), str(tally.given), str(tally.right), *parts, style="bold" if name == "core" else None
        )
    console.print(kinds)
    console.print("prec.: precisión / precision; rec.: exhaustividad / recall; F1: su media armónica / their harmonic mean")


def _head(figure: str) -> str:
    *words, last = figure.split("_")
    return "\n".join([*words, _HEADS[last]])


def tallies(scores: list[Measured]) -> dict[str, Tally]:
    """Sum what was counted over all documents: core types together, each type, each kind of link."""
    types = sorted({kind for m in scores for kind in m.score.types}, key=lambda kind: (kind not in CORE, kind))
    found = {"core": total(m.score.core for m in scores)}
    found |= {kind: total(m.score.types[kind] for m in scores if kind in m.score.types) for kind in types}
    links = {kind for m in scores for kind in m.score.link_kinds}
    found |= {kind: total(m.score.link_kinds[kind] for m in scores) for kind in sorted(links)}
    found["amounts"] = total(m.score.amounts for m in scores)
    found["targets"] = total(m.score.targets for m in scores)
    return found


def misses_text(scores: list[Measured], limit: int) -> Iterator[str]:
    """Yield a line for each thing that differs, at most `limit` of a kind and document, with the document's line."""
    for measured in scores:
        for miss in _first(measured.score.misses, limit):
            where = f"{measured.name}:{miss.line}" if miss.line else measured.name
            yield f"{where}: {_miss(miss)}"
        for what, number in Counter(miss.what for miss in measured.score.misses).items():
            if number > limit:
                yield f"{measured.name}: {what}: {number - limit} more"


def _miss(miss: Miss) -> str:
    kinds = " → ".join(kind for kind in (miss.wanted, miss.given) if kind)
    return f"{miss.what}{' ' if kinds else ''}{kinds}: {shorten(miss.text, 140)}"


def score_json(scores: list[Measured], limit: int) -> str:
    """Return everything as JSON: figures, types, links, and up to `limit` of each kind of miss."""
    documents = [
        {
            "document": m.name,
            "plan": m.plan,
            "figures": figures(m.score),
            "types": {kind: _counts(tally) for kind, tally in m.score.types.items()},
            "links": {kind: _counts(tally) for kind, tally in m.score.link_kinds.items()},
            "misses": [asdict(miss) for miss in _first(m.score.misses, limit)],
        }
        for m in scores
    ]
    return json.dumps({"documents": documents, MEAN: means(m.score for m in scores)}, ensure_ascii=False, indent=1)


def _first(misses: Iterable[Miss], limit: int) -> Iterator[Miss]:
    told: Counter[str] = Counter()
    for miss in misses:
        told[miss.what] += 1
        if told[miss.what] <= limit:
            yield miss


def _counts(tally: Tally) -> dict[str, float | int | None]:
    counted = {"wanted": tally.wanted, "given": tally.given, "right": tally.right}
    return counted | {"precision": tally.precision, "recall": tally.recall, "f1": tally.f1}


def score_csv(scores: list[Measured]) -> str:
    """Return the figures as CSV, a document a row, the means last."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["document", *FIGURES])
    for name, row in _rows(scores):
        writer.writerow([name, *("" if value is None else f"{value:.4f}" for value in row.values())])
    return text.getvalue()


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


# ---------------------------------------------------------------------- what a record leaves out


def covered_document(plan: str, record: Path | None, documents: Path | None) -> tuple[Document, Record, Coverage]:
    """Measure how much of a plan's document its record has. `plan` is the key or file of a record, or the document's file.

    A document without a record is drafted; a record's document is looked for in the folder `documents`.

    Raises:
        KgError: there is no such record or document, or the document is not the one that the record was read from.
    """
    path = Path(plan)
    if path.suffix.lower() in MEDIA_TYPES:
        document = read_document(path)
        known = record or PLANS / f"{path.stem}.yaml"
        found = load_record(known) if record or known.is_file() else draft_record(document, path.stem)
    else:
        found = load_record(record or _record_of(plan))
        if documents is None:
            raise KgError(f"{plan}: where is {found.document.file}? say --documents FOLDER, or set KG_DOCUMENTS")
        document = read_document(documents / found.document.file)
    if found.document.sha256 != document.sha256:
        raise KgError(f"{document.name}: not the document that {found.plan} was read from (its SHA-256 differs); read it again")
    return document, found, coverage(document, found)


def _record_of(plan: str) -> Path:
    path = Path(plan) if Path(plan).suffix in _RECORDS else PLANS / f"{plan}.yaml"
    if not path.is_file():
        hint = did_you_mean(plan, (p.stem for p in PLANS.glob("*.yaml"))) or "name a key of plans/, a document, or --record FILE"
        raise KgError(f"no record {plan!r} in {shown(PLANS)}; {hint}")
    return path


def coverage_table(document: Document, record: Record, covered: Coverage, console: Console) -> None:
    """Print what a record leaves out, and how much of the document it has."""
    table = Table(title=f"{document.name}: lo que {record.plan} no recoge / what the record leaves out", show_lines=True)
    for head in ("líneas / lines", "pág. / page", "palabras / words"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("texto / text", overflow="fold")
    for left in covered.left_out:
        table.add_row(_lines(left), str(left.page or ""), str(left.words), shown_text(left))
    if covered.left_out:
        console.print(table)
    for gap in document.gaps:
        console.print(f"no leído / not read: {gap.es} / {gap.en}")
    if covered.silent_pages:
        console.print(f"páginas sin enunciados / pages without a statement: {', '.join(map(str, covered.silent_pages))}")
    console.print(
        f"{covered.share:.1%} de las palabras / of the words ({covered.text - covered.missing:,} de {covered.text:,}); "
        f"{len(covered.left_out)} trechos fuera / stretches left out; {covered.structure:,} palabras de títulos y cabeceras"
    )


def _lines(stretch: Stretch) -> str:
    return str(stretch.first) if stretch.first == stretch.last else f"{stretch.first}–{stretch.last}"


def coverage_json(document: Document, record: Record, covered: Coverage) -> str:
    """Return the same as JSON, with the whole texts."""
    values = {"plan": record.plan, "document": document.name, "share": covered.share, "words": covered.words}
    values |= {"stated": covered.stated, "structure": covered.structure}
    values |= {"left_out": [asdict(s) for s in covered.left_out], "silent_pages": list(covered.silent_pages)}
    values |= {"not_read": [asdict(gap) for gap in document.gaps]}
    return json.dumps(values, ensure_ascii=False, indent=1)
