"""Measuring: what counts as found, typed, tied; annotations that cannot be used; and the floors that no figure falls below."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from kg.build import write_graph
from kg.cli import main
from kg.documents import read_document
from kg.errors import KgError
from kg.gazetteer import load_gazetteer
from kg.graph import PlanGraph
from kg.graph.shared import actors_graph
from kg.issues import load_issues
from kg.measuring import fallen, floors_text, load_floors, score_documents
from kg.namespaces import plan_graph, shared_graph
from kg.ontology import load_ontology
from kg.paths import PLANS
from kg.reading.annotations import annotation_of, load_annotation
from kg.reading.drafts import draft_record
from kg.reading.scoring import FIGURES, figures, score_draft
from kg.records import Budget, Funding, Mention, Part, Record, Review, Source, Statement, Target, load_record
from kg.registry import load_registry
from tests.scores import LAYOUTS, SETS, floors_of

PROBLEM = "Limitado acceso de la población rural al agua potable"
PROJECT = "Construcción de sistemas de agua potable en quince comunidades"


def record(*statements: Statement) -> Record:
    source = Source("plan.txt", "0" * 64, "text/plain", 99)
    return Record("plan", "Plan", "district", source, Review("draft", "reader"), statements=statements)


def stated(key: str, kind: str, text: str, **more) -> Statement:
    return Statement(key, kind, 1, text, **more)


def written(tmp_path: Path, *statements: dict, **more) -> Path:
    path = tmp_path / "plan.json"
    filled = [{"line": number, "links": {}, **s} for number, s in enumerate(statements, 1)]
    path.write_text(json.dumps({"plan": "plan", "statements": filled, **more}), encoding="utf-8")
    return path


# Each case: the annotation's statement, the draft's (type, text), whether it is found, typed, covered.
MATCHES = {
    "the same": ({"type": "problem", "text": PROBLEM}, [("problem", PROBLEM)], (1, 1, 1)),
    "case, accents, punctuation": ({"type": "problem", "text": PROBLEM}, [("problem", PROBLEM.upper() + ".")], (1, 1, 1)),
    "another type": ({"type": "problem", "text": PROBLEM}, [("diagnosis", PROBLEM)], (1, 0, 1)),
    "a word less": ({"type": "problem", "text": PROBLEM}, [("problem", PROBLEM.replace("rural ", ""))], (1, 1, 0)),
    "half of it": ({"type": "problem", "text": PROBLEM}, [("problem", PROBLEM[:26])], (0, 0, 0)),
    "within a longer one": ({"type": "problem", "text": PROBLEM}, [("problem", f"{PROBLEM}. {PROJECT}")], (0, 0, 1)),
    "over two statements": (
        {"type": "problem", "text": PROBLEM},
        [("problem", PROBLEM[:26]), ("problem", PROBLEM[26:])],
        (0, 0, 0),
    ),
    "the right type of two": (
        {"type": "problem", "text": PROBLEM},
        [("vision", PROBLEM), ("problem", PROBLEM + " x")],
        (1, 1, 1),
    ),
    "the corrected reading": (
        {"type": "problem", "text": PROBLEM.replace("i", "l l"), "text_clean": PROBLEM},
        [("problem", PROBLEM)],
        (1, 1, 1),
    ),
    "cut by a page": (
        {"type": "problem", "text": PROBLEM[:20], "continues": [{"line": 9, "text": PROBLEM[20:]}]},
        [("problem", PROBLEM)],
        (1, 1, 1),
    ),
    "nothing there": ({"type": "problem", "text": PROBLEM}, [], (0, 0, 0)),
}


@pytest.mark.parametrize("case", MATCHES)
def test_what_counts_as_found_typed_and_covered(case, tmp_path):
    wanted, given, expected = MATCHES[case]
    draft = record(*(stated(f"s{n}", kind, text) for n, (kind, text) in enumerate(given)))
    score = score_draft(draft, load_annotation(written(tmp_path, {"id": "a", **wanted})))
    assert (score.found.right, score.typed.right, score.covered.right) == expected
    assert score.found.given == len(given)


def test_one_statement_of_the_draft_serves_one_of_the_annotation(tmp_path):
    twice = [{"id": key, "type": "problem", "text": PROBLEM} for key in "ab"]
    score = score_draft(record(stated("s1", "problem", PROBLEM)), load_annotation(written(tmp_path, *twice)))
    assert (score.found.right, score.found.wanted, score.core.recall, score.core.precision) == (1, 2, 0.5, 1)
    assert score.core.f1 == pytest.approx(2 / 3)


def test_precision_counts_what_was_invented(tmp_path):
    draft = record(*(stated(f"s{n}", kind, text) for n, (kind, text) in enumerate([("problem", PROBLEM), ("project", PROJECT)])))
    score = score_draft(draft, load_annotation(written(tmp_path, {"id": "a", "type": "problem", "text": PROBLEM})))
    assert (score.core.recall, score.core.precision) == (1, 0.5)
    assert [(m.what, m.given, m.text) for m in score.misses] == [("invented", "project", PROJECT)]


LINKED = [
    {"id": "a", "type": "problem", "text": PROBLEM},
    {"id": "b", "type": "project", "text": PROJECT, "links": {"addresses": ["a"], "measures": []}},
]


@pytest.mark.parametrize(
    ("links", "counts"),
    [
        ({"addresses": ("s1",)}, (1, 1, 1)),
        ({"addresses": ("s1", "s2")}, (1, 1, 2)),
        ({"part_of": ("s1",)}, (0, 1, 1)),
        ({"pursues": ("s1",)}, (0, 1, 0)),
        ({}, (0, 1, 0)),
    ],
)
def test_links_count_by_kind(links, counts, tmp_path):
    draft = record(stated("s1", "problem", PROBLEM), stated("s2", "project", PROJECT, **links))
    tally = score_draft(draft, load_annotation(written(tmp_path, *LINKED))).links
    assert (tally.right, tally.wanted, tally.given) == counts


def test_amounts_and_targets_must_have_the_same_value(tmp_path):
    wanted = {"id": "a", "type": "project", "text": PROJECT, "budget": {"amount": 1200000.0}, "target": {"value": 15}}
    annotation = load_annotation(written(tmp_path, wanted))
    for amount, value, right in ((Decimal("1200000.00"), Decimal("15.0"), 1), (Decimal(120000), Decimal(14), 0)):
        draft = record(stated("s1", "project", PROJECT, budget=Budget("x", amount), target=Target("x", value)))
        score = score_draft(draft, annotation)
        assert (score.amounts.right, score.targets.right) == (right, right)
        assert {m.what for m in score.misses} == (set() if right else {"amount", "target"})


def test_institutions_count_by_any_of_their_names(tmp_path):
    bodies = [
        {"canonical": "Ministerio de Salud", "acronym": "MINSA", "mentions": []},
        {"canonical": "el ministerio", "acronym": None, "mentions": [{"text": "MINISTERIO DE EDUCACION"}]},
        {"canonical": "Fondo de Compensación Municipal", "acronym": "FONCOMUN"},
        {"canonical": "Asociación de nadie", "acronym": "ADN"},
    ]
    path = written(tmp_path, {"id": "a", "type": "project", "text": PROJECT}, institutions=bodies)
    draft = record(
        stated("s1", "project", PROJECT, mentions=(Mention("MINSA", "minsa"), Mention("MINEDU", "minedu"))),
        stated("s2", "project", PROBLEM, funding=(Funding("FONCOMUN", "foncomun"),)),
    )
    score = score_draft(draft, load_annotation(path))
    assert [m.text for m in score.misses if m.what == "institution"] == ["Asociación de nadie"]
    assert (score.institutions.right, score.acronyms.right, score.acronyms.wanted) == (3, 2, 3)


def test_a_record_agrees_with_itself(records):
    for known in records.values():
        found = figures(score_draft(known, annotation_of(known)))
        assert {name: value for name, value in found.items() if value not in {1, None}} == {}, known.plan


def test_a_folder_of_records_is_measured_as_it_is(records):
    scores, unknown = score_documents([PLANS], PLANS)
    assert [m.plan for m in scores] == sorted(records) and not unknown
    assert {m.score.core.f1 for m in scores} == {1}


# ------------------------------------------------------------------ annotations that cannot be used

FOREIGN = {
    "not JSON": ("{,}", "not JSON"),
    "a list": ("[]", "no annotation"),
    "another object": ('{"type": "FeatureCollection", "features": []}', "no annotation"),
    "a deep one": ("[" * 100_000, "nested too deeply"),
    "a statement that is a text": ('{"statements": ["x"]}', r"statements\[1\]: no statement"),
    "an unknown type": ('{"statements": [{"id": "a", "type": "problema", "text": "x", "line": 1}]}', "did you mean problem"),
    "no text": ('{"statements": [{"id": "a", "type": "problem", "line": 1}]}', r"statements\.a\.text: missing"),
    "no line": ('{"statements": [{"id": "a", "type": "problem", "text": "x", "line": "1"}]}', r"\.line: '1' is no line"),
    "a link to nowhere": (
        '{"statements": [{"id": "a", "type": "problem", "text": "x", "line": 1, "links": {"addresses": ["b"]}}]}',
        "'b' is no statement of this annotation",
    ),
    "an unknown link": (
        '{"statements": [{"id": "a", "type": "problem", "text": "x", "line": 1, "links": {"adresses": []}}]}',
        "did you mean addresses",
    ),
    "an amount in words": (
        '{"statements": [{"id": "a", "type": "problem", "text": "x", "line": 1, "budget": {"amount": "mucho"}}]}',
        "'mucho' is no number",
    ),
    "one id twice": ('{"statements": [{"id": "a", "type": "problem", "text": "x", "line": 1}, {"id": "a"}]}', "id given twice"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_an_annotation_that_cannot_be_used_says_why(case, tmp_path):
    text, message = FOREIGN[case]
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KgError, match=message):
        load_annotation(path)


def test_a_record_serves_as_annotation_too(records):
    path = next(iter(sorted(PLANS.glob("*.yaml"))))
    annotation = load_annotation(path)
    assert [s.id for s in annotation.statements] == [s.id for s in load_record(path).statements]
    cut = Statement("s1", "problem", 1, "uno dos", parts=(Part(2, "dos"),))
    assert [(s.text, s.rest) for s in annotation_of(record(cut)).statements] == [("uno", ("dos",))]


# ------------------------------------------------------------------ floors


@pytest.mark.parametrize("name", SETS)
def test_no_figure_falls(name, request):
    documents, against = SETS[name]
    if documents != LAYOUTS:
        request.getfixturevalue("shared")
    scores, _ = score_documents([documents], against)
    assert fallen(scores, load_floors(floors_of(name))) == [], "python -m tests.scores shows what was missed"


def test_every_synthetic_layout_is_measured():
    assert {p.stem for p in LAYOUTS.glob("*.json")} == {m.name.rsplit(".", 1)[0] for m in score_documents([LAYOUTS], LAYOUTS)[0]}


def small(tmp_path: Path) -> Path:
    """A folder with a document and its annotation, in which the reader finds what there is."""
    (tmp_path / "plan.md").write_text(
        f"# PLAN\n## AGUA\n### Problemas\n- {PROBLEM}\n### Proyectos\n- {PROJECT}\n", encoding="utf-8"
    )
    written(tmp_path, LINKED[0] | {"line": 4}, LINKED[1] | {"line": 6})
    return tmp_path


def test_floors_written_hold_and_a_worse_draft_falls(tmp_path):
    scores, _ = score_documents([small(tmp_path)], tmp_path)
    floors = tmp_path / "floors.yaml"
    floors.write_text(floors_text(scores), encoding="utf-8")
    assert fallen(scores, load_floors(floors)) == []
    (tmp_path / "plan.md").write_text(f"# PLAN\n## AGUA\n### Problemas\n- {PROBLEM}\n", encoding="utf-8")
    told = fallen(score_documents([tmp_path], tmp_path)[0], load_floors(floors))
    assert "plan.md: core_typed_f1 is 0.667, below its floor of 1" in told
    assert [t for t in told if t.startswith("mean: link_recall is 0.000")]
    renamed = [replace(scores[0], name="other.md")]
    assert [t.split(":")[0] for t in fallen(renamed, load_floors(floors))] == ["plan.md", "other.md"]


def test_floors_that_are_none_are_refused(tmp_path):
    path = tmp_path / "floors.yaml"
    path.write_text("plan.md:\n  core_f1: 0.9\n  typed_f1: viel\n", encoding="utf-8")
    with pytest.raises(KgError, match=r"(?s):2: plan\.md\.core_f1: no figure.*:3: plan\.md\.typed_f1: 'viel' is no number"):
        load_floors(path)


# ------------------------------------------------------------------ the command


def test_the_command_prints_table_json_csv_and_misses(tmp_path, capsys):
    folder = str(small(tmp_path))
    assert main(["score", folder, "--against", folder]) == 0
    assert "plan.md" in capsys.readouterr().out
    assert main(["score", folder, "--against", folder, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["documents"][0]["types"]["project"] == {"wanted": 1, "given": 1, "right": 1, "precision": 1, "recall": 1, "f1": 1}
    assert set(told["mean"]) == set(FIGURES)
    assert main(["score", folder, "--against", folder, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["document"] for row in rows] == ["plan.md", "mean"] and rows[0]["core_typed_f1"] == "1.0000"
    Path(folder, "plan.md").write_text(f"# PLAN\n## AGUA\n### Problemas\n- {PROBLEM}\n", encoding="utf-8")
    assert main(["score", folder, "--against", folder, "--misses", "1"]) == 0
    assert f"plan.md:6: missed project: {PROJECT}" in capsys.readouterr().out


def test_the_command_ends_with_one_below_a_floor_and_with_two_where_it_cannot_run(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("KG_DOCUMENTS", raising=False)
    folder = str(small(tmp_path))
    floors = tmp_path / "floors.yaml"
    floors.write_text("plan.md: {core_typed_f1: 1.01}\nmean: {}\n", encoding="utf-8")
    assert main(["score", folder, "--against", folder, "--floors", str(floors)]) == 1
    assert "below its floor" in capsys.readouterr().err
    for arguments, message in {
        ("score",): "no documents",
        ("score", folder, "--against", "nowhere"): "no such folder",
        ("score", folder, "--against", str(PLANS)): "no annotation of plan",
    }.items():
        assert main(list(arguments)) == 2
        assert message in capsys.readouterr().err


# ------------------------------------------------------------------ agreement with the yardstick that others use


@pytest.fixture(scope="module")
def yardstick(shared):
    spec = importlib.util.spec_from_file_location("score", shared / "gold" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figures_are_those_of_the_yardstick(yardstick, shared, tmp_path):
    """The same drafts, measured here and from their graphs, give the same figures."""
    gold = sorted((shared / "gold").glob("*.json"))
    pairs = [(shared / "plans" / f"{path.stem}.txt", path) for path in gold]
    pairs += [(path.with_suffix(ending), path) for path in sorted(LAYOUTS.glob("*.json")) for ending in (".md", ".txt")]
    for document, path in ((d, p) for d, p in pairs if d.is_file()):
        annotation = json.loads(path.read_text(encoding="utf-8"))
        draft = draft_record(read_document(document), annotation["plan"])
        graphs = {
            plan_graph(draft.plan): PlanGraph(draft, load_ontology(), load_issues(), load_gazetteer()).make(),
            shared_graph("actors"): actors_graph(load_registry(), [draft]),
        }
        write_graph(graphs, tmp_path / "graph.nq")
        theirs = yardstick.score(yardstick.load(str(tmp_path / "graph.nq")), annotation)
        ours = figures(score_draft(draft, load_annotation(path)))
        same = [name for name in FIGURES if name in theirs]
        assert len(same) >= 12
        assert {n: ours[n] or 0 for n in same} == pytest.approx({n: theirs[n] or 0 for n in same}), document.name
