"""Review: the editing operations as tables, the record's file, the page's answers, and the page itself in a browser."""

from __future__ import annotations

import random
import re
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from kg.documents import Document, read_document
from kg.errors import KgError, ProblemsError
from kg.gazetteer import load_gazetteer
from kg.graph import PlanGraph
from kg.issues import load_issues
from kg.namespaces import PG, item_iri, thing_iri
from kg.ontology import load_ontology
from kg.reading.rereading import compare
from kg.records import LINKS, WORKING_KEYS, Mark, Record, RecordText, dump_record, load_record, parse_record, patch_record
from kg.records.locking import writing_alone
from review import editing, joining, ties
from review.app import create_app
from review.edits import EditError, new_id
from review.placing import Astray, Placed, extent, place
from review.serving import find_document, find_record, name_from_git
from review.session import ChangedError, Session
from review.words import LANGUAGES, words
from tests.servers import free_ports

MARK = Mark("accepted", "Ana Quispe", "2026-11-21T15:04:05Z")
LONG = "Plan vial " * 1000
HOSTILE = (
    "- <script>document.title='roto'</script> \"comillas\" & 'apóstrofos' \u202eal revés\u202c "
    "</textarea><img src=x onerror=alert(1)>"
)
TEXT = f"""# PLAN DE GOBIERNO DE PATIVILCA 2023 - 2026
## Problemas
- Falta de agua. Escasez de aulas.
- Inseguridad ciudadana en los barrios
## Propuestas
- Ampliar la red de agua por S/ 75 000 y construir dos colegios con el MINEDU
- Contratar serenos para

12
vigilar todos los barrios
## Metas
- Reducir los robos en 20 %
- Plantar mil árboles
{HOSTILE}
{LONG}
Pozo\tRed de **desagüe**<br>- Planta de tratamiento
"""
RECORD = """\
# Reading of the municipality's copy.
plan: some-plan
title: "Plan de gobierno de Pativilca"
level: district
territory: "150203"
document: {file: some-plan.md, sha256: "%s", media_type: text/markdown, lines: 16}
review: {status: draft, by: "kg draft"}
axes: []
statements:

# looked at twice
- id: s001
  type: problem
  line: 3
  text: "Falta de agua. Escasez de aulas."
  issues:   [agua-potable-y-alcantarillado]
  rule: list
  confidence: 0.9

- id: s002
  type: problem
  line: 4
  text: "Inseguridad ciudadana en los barrios"
  issues: [seguridad-ciudadana]
  rule: list
  confidence: 0.5

- id: s003
  type: project
  line: 6
  text: "Ampliar la red de agua por S/ 75 000 y construir dos colegios con el MINEDU"
  issues: [agua-potable-y-alcantarillado]
  addresses: [s001]
  budget: {raw: "S/ 75 000", amount: 75000.00, currency: PEN}
  partners:
  - {raw: "MINEDU", institution: minedu, role: partner}
  rule: list
  confidence: 0.9

- id: s004
  type: proposal
  line: 7
  text: "Contratar serenos para"
  issues: [seguridad-ciudadana]
  addresses: [s002]
  rule: list
  confidence: 0.9

- id: s005
  type: diagnosis
  line: 10
  text: "vigilar todos los barrios"
  rule: list
  confidence: 0.3

- id: s006
  type: target
  line: 12
  text: "Reducir los robos en 20 %%"
  issues: [seguridad-ciudadana]
  measures: [s004]
  target: {raw: "Reducir los robos en 20 %%", value: 20, unit: "%%", direction: decrease}
  rule: list
  confidence: 0.9
figures: []
findings: []
"""


@pytest.fixture
def path(tmp_path) -> Path:
    """A record file beside its document."""
    (tmp_path / "some-plan.md").write_text(TEXT, encoding="utf-8")
    record = tmp_path / "some-plan.yaml"
    record.write_text(RECORD % read_document(tmp_path / "some-plan.md").sha256, encoding="utf-8")
    return record


@pytest.fixture
def document(path) -> Document:
    return read_document(path.with_suffix(".md"))


@pytest.fixture
def record(path) -> Record:
    return load_record(path)


@pytest.fixture
def session(path, document) -> Session:
    return Session(path, document, "Ana Quispe")


def of(record: Record, key: str):
    return next(s for s in record.statements if s.id == key)


# ------------------------------------------------------------------ where a text stands

PLACES = [
    ("Falta de agua.", 3, Placed(3)),
    ("FALTA   de agua", 3, Placed(3)),
    ("Escasez de aulas.", 3, Placed(3)),
    ("Red de desagüe", 17, None),
    ("Contratar serenos para vigilar todos los barrios", 7, [(10, "vigilar todos los barrios")]),
    ("Contratar serenos para vigilar los barrios", 7, Astray("Contratar serenos para", "vigilar los barrios", None)),
    ("Plantar mil árboles", 12, Astray("", "Plantar mil árboles", 13)),
    ("", 3, Astray("", "", None)),
    ("Falta de agua.", 99, Astray("", "Falta de agua.", 3)),
    ("Falta de agua.", 0, Astray("", "Falta de agua.", 3)),
]


@pytest.mark.parametrize(("text", "line", "expected"), PLACES)
def test_where_a_text_stands(document, text, line, expected):
    line = next(n for n, t in enumerate(document.lines, 1) if "desagüe" in t) if line == 17 else line
    found = place(document, text, line)
    if isinstance(expected, list):
        assert isinstance(found, Placed) and [(p.line, p.text) for p in found.parts] == expected
    else:
        assert found == (expected or Placed(line))


def test_a_text_goes_on_within_a_line_that_is_known(document):
    text = "Contratar serenos para todos los barrios"
    assert isinstance(place(document, text, 7), Astray)
    found = place(document, text, 7, known=[10])
    assert isinstance(found, Placed) and [(p.line, p.text) for p in found.parts] == [(10, "todos los barrios")]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("Falta de agua.", 3, (3, 3)),
        ("barrios ## Propuestas", 4, (4, 5)),
        ("para 12 vigilar todos", 7, (7, 10)),
        ("nada de esto", 3, None),
        ("", 3, None),
    ],
)
def test_the_lines_over_which_a_run_goes(document, text, line, expected):
    assert extent(document, text, line) == expected


# ------------------------------------------------------------------ the operations


def test_accept_changes_only_the_review(record):
    done = editing.accept(record, "s001", MARK).record
    assert of(done, "s001") == replace(of(record, "s001"), review=MARK)
    assert done.is_settled(of(done, "s001")) and not record.is_settled(of(record, "s001"))
    assert editing.reopen(done, "s001", MARK).record == record


CORRECTIONS = [
    ({"text": "Falta de agua."}, {"text": "Falta de agua."}, {"text": "Falta de agua. Escasez de aulas."}),
    ({"text": "  Falta  de agua. "}, {"text": "Falta de agua."}, {"text": "Falta de agua. Escasez de aulas."}),
    ({"text": "Inseguridad ciudadana", "line": 4}, {"line": 4}, {"line": 3}),
    ({"issues": ["seguridad-ciudadana"]}, {"issues": ("seguridad-ciudadana",)}, {"issues": ("agua-potable-y-alcantarillado",)}),
    ({"section": ["A", "B"]}, {"section": ("A", "B")}, {"section": ()}),
    ({"type": "weakness"}, {"type": "weakness"}, {"type": "problem"}),
    ({"clean": "Falta agua"}, {"clean": "Falta agua"}, {"clean": None}),
    ({"issues": []}, {"issues": ()}, {"issues": ("agua-potable-y-alcantarillado",)}),
]


@pytest.mark.parametrize(("changes", "now", "before"), CORRECTIONS)
def test_a_correction_keeps_what_was_proposed(record, document, changes, now, before):
    done = of(editing.correct(record, document, "s001", changes, MARK).record, "s001")
    assert {key: getattr(done, key) for key in now} == now
    assert {key: getattr(done.proposed, key) for key in before} == before
    assert done.review == MARK


def test_a_correction_back_to_what_was_proposed_leaves_no_trace_of_it(record, document):
    once = editing.correct(record, document, "s001", {"text": "Falta de agua."}, MARK).record
    twice = editing.correct(once, document, "s001", {"text": "Falta de agua. Escasez de aulas."}, MARK).record
    assert of(twice, "s001").proposed is None and of(twice, "s001").review == MARK
    assert editing.revert(once, "s001").record == record


def test_a_text_over_a_page_break_gets_its_runs(record, document):
    text = "Contratar serenos para vigilar todos los barrios"
    done = of(editing.correct(record, document, "s004", {"text": text}, MARK).record, "s004")
    assert [(p.line, p.text) for p in done.parts] == [(10, "vigilar todos los barrios")]
    assert done.first_run == "Contratar serenos para"


BUDGETS = [
    ({"raw": "S/ 75 000", "amount": "75", "currency": "PEN", "certain": False, "readings": ["75000"]}, "75", False),
    ({"raw": "S/ 75 000", "amount": "75000.50"}, "75000.50", True),
]


@pytest.mark.parametrize(("budget", "amount", "certain"), BUDGETS)
def test_money_is_corrected(record, document, budget, amount, certain):
    found = of(editing.correct(record, document, "s003", {"budget": budget}, MARK).record, "s003").budget
    assert (found.amount, found.certain) == (Decimal(amount), certain)


def test_money_target_and_partners_can_be_taken_away_and_added(record, document):
    done = editing.correct(record, document, "s003", {"budget": "", "partners": []}, MARK).record
    assert (of(done, "s003").budget, of(done, "s003").partners) == (None, ())
    partner = {"raw": "serenos", "institution": "pnp", "role": "executor"}
    target = {"raw": "Contratar serenos", "value": "12", "unit": "serenos", "year": "2026"}
    added = of(editing.correct(record, document, "s004", {"partners": [partner], "target": target}, MARK).record, "s004")
    assert added.partners[0].institution == "pnp" and (added.target.value, added.target.year) == (Decimal(12), 2026)


REFUSED = [
    ({"text": "Falta de luz."}, "astray", "text"),
    ({"text": "Inseguridad ciudadana"}, "elsewhere", "text"),
    ({"text": ""}, "field", "text"),
    ({"line": 4}, "elsewhere", "text"),
    ({"line": 0}, "field", "line"),
    ({"line": "x"}, "field", "line"),
    ({"type": "problema"}, "field", "type"),
    ({"issues": ["nada"]}, "field", "issues"),
    ({"target": {"raw": "otra cosa"}}, "loose", "target"),
    ({"budget": {"raw": "agua", "amount": "mucho"}}, "field", "budget.amount"),
    ({"budget": {"raw": "agua"}}, "field", "budget.amount"),
    ({"budget": "75"}, "field", "budget"),
    ({"target": {"raw": "agua", "year": "26"}}, "field", "target.year"),
    ({"partners": [{"raw": "agua", "institution": "nadie"}]}, "field", "partners.institution"),
    ({"id": "s002"}, "field", "id"),
    ({"review": "accepted"}, "field", "review"),
]


@pytest.mark.parametrize(("changes", "code", "field"), REFUSED)
def test_what_a_correction_refuses(record, document, changes, code, field):
    with pytest.raises(EditError) as caught:
        editing.correct(record, document, "s001", changes, MARK)
    assert (caught.value.code, caught.value.field) == (code, field)


RETYPES = [
    ("s003", "activity", {"addresses": ("s001",)}, []),
    ("s003", "problem", {"addresses": ()}, ["ties-lost"]),
    ("s001", "objective", {}, ["ties-lost"]),
    ("s006", "activity", {"target": None, "measures": ()}, ["ties-lost"]),
    ("s006", "target", {"measures": ("s004",)}, []),
]


@pytest.mark.parametrize(("key", "kind", "values", "notes"), RETYPES)
def test_retype(record, key, kind, values, notes):
    done = editing.retype(record, key, kind, MARK)
    assert of(done.record, key).type == kind
    assert {k: getattr(of(done.record, key), k) for k in values} == values
    assert [code for code, _ in done.notes] == notes


def test_what_becomes_a_target_gets_its_quantity(record):
    changed = editing.retype(record, "s003", "target", MARK).record
    assert of(changed, "s003").target is not None and of(changed, "s003").proposed.target is None


def test_reject_puts_aside_and_restore_brings_back(record):
    done = editing.reject(record, "s002", MARK)
    assert [s.id for s in done.record.rejected] == ["s002"] and done.record.rejected[0].review.status == "rejected"
    assert of(done.record, "s004").addresses == () and done.notes == (("untied", {"ids": "s004"}),)
    back = editing.restore(done.record, "s002").record
    assert [s.id for s in back.statements] == [s.id for s in record.statements] and not back.rejected
    assert of(back, "s002") == of(record, "s002")


SPLITS = [
    ("s001", "Falta de agua.", "Escasez de aulas.", 3),
    ("s003", "Ampliar la red de agua por S/ 75 000", "y construir dos colegios con el MINEDU", 6),
]


@pytest.mark.parametrize(("key", "first", "second", "line"), SPLITS)
def test_split(record, document, key, first, second, line):
    done = joining.split(record, document, key, first, second, MARK).record
    one, two = of(done, key), of(done, "s007")
    assert (one.text, two.text, two.line, two.split_from) == (first, second, line, key)
    assert [s.id for s in done.statements].index("s007") == [s.id for s in done.statements].index(key) + 1
    assert one.proposed.text == of(record, key).text and two.proposed is None
    assert one.review == two.review == MARK


def test_a_split_shares_money_and_partners_out(record, document):
    done = joining.split(record, document, "s003", SPLITS[1][1], SPLITS[1][2], MARK).record
    one, two = of(done, "s003"), of(done, "s007")
    assert one.budget and not two.budget and not one.partners and two.partners[0].institution == "minedu"
    assert one.addresses == two.addresses == ("s001",)
    moved = editing.correct(record, document, "s003", {"budget": {"raw": "dos colegios", "amount": "9"}}, MARK).record
    done = joining.split(moved, document, "s003", SPLITS[1][1], SPLITS[1][2], MARK).record
    assert of(done, "s003").budget is None and of(done, "s007").budget.amount == 9


@pytest.mark.parametrize(
    ("first", "second"),
    [("", "Falta de agua. Escasez de aulas."), ("Falta de agua.", ""), ("Falta", "Escasez de aulas."), ("a", "b")],
)
def test_what_a_split_refuses(record, document, first, second):
    with pytest.raises(EditError, match="split"):
        joining.split(record, document, "s001", first, second, MARK)


@pytest.mark.parametrize(("key", "other"), [("s004", "s005"), ("s005", "s004")])
def test_merge_joins_in_the_order_of_the_document(record, document, key, other):
    done = joining.merge(record, document, key, other, MARK).record
    merged = of(done, "s004")
    assert merged.text == "Contratar serenos para vigilar todos los barrios"
    assert [(p.line, p.text) for p in merged.parts] == [(10, "vigilar todos los barrios")]
    assert merged.proposed.text == "Contratar serenos para" and merged.addresses == ("s002",)
    assert [(s.id, s.review.status, s.review.into) for s in done.rejected] == [("s005", "merged", "s004")]


def test_a_merge_redirects_ties_and_tells_of_money_left(record, document):
    money = editing.correct(record, document, "s004", {"budget": {"raw": "serenos", "amount": "5"}}, MARK).record
    done = joining.merge(money, document, "s003", "s004", MARK)
    assert of(done.record, "s006").measures == ("s003",) and of(done.record, "s003").addresses == ("s001", "s002")
    assert [code for code, _ in done.notes] == ["budget-left"]
    with pytest.raises(EditError, match="same-statement"):
        joining.merge(record, document, "s003", "s003", MARK)


def test_add(record, document):
    done = editing.add(record, document, 13, " Plantar mil árboles", "target", MARK).record
    added = of(done, "s007")
    assert (added.text, added.line, added.review, added.rule) == ("Plantar mil árboles", 13, MARK, None)
    assert added.target is not None and done.statements[-1] is added
    with pytest.raises(EditError, match="astray"):
        editing.add(record, document, 13, "Plantar dos mil árboles", "target", MARK)
    with pytest.raises(EditError, match="empty"):
        editing.add(record, document, 13, " ", "target", MARK)


TIES = [
    ("s003", "addresses", "s002", ("s001", "s002")),
    ("s006", "measures", "s003", ("s004", "s003")),
    ("s004", "part_of", "s003", ("s003",)),
]


@pytest.mark.parametrize(("key", "kind", "other", "now"), TIES)
def test_link_and_unlink(record, key, kind, other, now):
    done = ties.link(record, key, kind, other, MARK).record
    assert getattr(of(done, key), kind) == now
    back = ties.unlink(done, key, kind, other, MARK).record
    assert of(back, key) == replace(of(record, key), review=MARK)


@pytest.mark.parametrize(
    ("key", "kind", "other", "code"),
    [
        ("s001", "addresses", "s002", "tie"),
        ("s003", "addresses", "s004", "tie"),
        ("s003", "measures", "s001", "tie"),
        ("s003", "part_of", "s003", "same-statement"),
        ("s003", "likes", "s001", "field"),
        ("s003", "addresses", "s099", "no-statement"),
    ],
)
def test_ties_that_cannot_be(record, key, kind, other, code):
    with pytest.raises(EditError, match=code):
        ties.link(record, key, kind, other, MARK)


def test_a_plan_is_reviewed_when_all_is_decided(record):
    with pytest.raises(EditError, match="waiting"):
        editing.finish(record, MARK)
    for statement in record.statements:
        record = editing.accept(record, statement.id, MARK).record
    done = editing.finish(record, MARK).record
    assert (done.review.status, done.review.by, done.review.date) == ("reviewed", "Ana Quispe", "2026-11-21")
    again = editing.reopen(done, "s001", MARK).record
    assert not again.is_settled(of(again, "s001"))


def test_of_another_reading_only_what_differs_is_taken_or_remembered(record):
    known = editing.accept(record, "s003", MARK).record
    read = replace(of(record, "s003"), type="activity", line=7, issues=(), mentions=(), confidence=Decimal("0.1"), addresses=())
    taken = of(editing.take(known, read, MARK).record, "s003")
    assert (taken.type, taken.line, taken.addresses, taken.proposed) == ("activity", 7, (), None)
    assert (taken.issues, taken.confidence) == (of(record, "s003").issues, Decimal("0.9"))
    refused = editing.refuse(known, read, MARK).record
    assert replace(of(refused, "s003"), proposed=None) == of(known, "s003")
    assert of(refused, "s003").proposed == replace(of(record, "s003"), type="activity", line=7, addresses=())
    assert compare(refused, replace(record, statements=(read,))).changed == ()
    assert compare(known, replace(record, statements=(read,))).changed[0].keys == ("type", "line", "addresses")


def test_ids_are_never_used_twice(record, document):
    rejected = editing.reject(record, "s006", MARK).record
    assert new_id(rejected) == "s007"
    assert new_id(editing.add(rejected, document, 13, "Plantar mil árboles", "proposal", MARK).record) == "s008"


# ------------------------------------------------------------------ the record's file

OPERATIONS = {
    "accept": lambda r, _: editing.accept(r, "s001", MARK),
    "correct": lambda r, d: editing.correct(r, d, "s001", {"text": "Falta de agua.", "type": "weakness", "issues": []}, MARK),
    "correct money": lambda r, d: editing.correct(r, d, "s003", {"budget": "", "section": ["A"]}, MARK),
    "retype": lambda r, _: editing.retype(r, "s006", "activity", MARK),
    "reject": lambda r, _: editing.reject(r, "s002", MARK),
    "split": lambda r, d: joining.split(r, d, "s003", SPLITS[1][1], SPLITS[1][2], MARK),
    "merge": lambda r, d: joining.merge(r, d, "s004", "s005", MARK),
    "add": lambda r, d: editing.add(r, d, 13, "Plantar mil árboles", "target", MARK),
    "link": lambda r, _: ties.link(r, "s003", "addresses", "s002", MARK),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_survives_the_file(name, path, record, document):
    done = OPERATIONS[name](record, document).record
    assert done != record
    text = path.read_text(encoding="utf-8")
    patched = patch_record(text, record, done)
    assert parse_record(patched, path) == done == parse_record(dump_record(done), path)
    assert patch_record(patched, done, done) == patched
    assert "# Reading of the municipality's copy.\n" in patched and "\n# looked at twice\n- id: s001\n" in patched
    untouched = set(re.split(r"\n(?=- id: )", text)) - set(re.split(r"\n(?=- id: )", patched))
    changed = {s.id for s in record.statements} - {s.id for s in done.statements if s in record.statements}
    assert len(untouched) <= len(changed) + 1  # the last block ends with what follows the list


def test_a_comment_stays_with_the_statement_below_it(path, record):
    text = path.read_text(encoding="utf-8").replace("- id: s002", "# ask the town hall\n- id: s002")
    patched = patch_record(text, record, editing.reject(record, "s001", MARK).record)
    assert "\n\n# ask the town hall\n- id: s002" in patched and "# looked at twice" not in patched


def test_accepting_changes_one_line(path, record):
    text = path.read_text(encoding="utf-8")
    patched = patch_record(text, record, editing.accept(record, "s003", MARK).record)
    assert set(patched.splitlines()) - set(text.splitlines()) == {
        '  review: {status: accepted, by: "Ana Quispe", date: "2026-11-21T15:04:05Z"}'
    }
    assert len(patched.splitlines()) == len(text.splitlines()) + 1


def random_action(record: Record, chance: random.Random) -> Record:
    """Do something that needs no document; what cannot be done leaves the record as it is."""
    key, other = (chance.choice(record.statements).id for _ in range(2))
    actions = [
        lambda: editing.accept(record, key, MARK),
        lambda: editing.reopen(record, key, MARK),
        lambda: editing.reject(record, key, MARK),
        lambda: editing.restore(record, chance.choice(record.rejected or record.statements).id),
        lambda: editing.retype(record, key, chance.choice(["problem", "target", "activity"]), MARK),
        lambda: editing.revert(record, key),
        lambda: ties.link(record, key, chance.choice(LINKS), other, MARK),
    ]
    try:
        return chance.choice(actions)().record
    except EditError:
        return record


def test_a_file_as_the_writer_writes_it_stays_one(records):
    """Hundreds of actions in a row on real records: the patched text is the one that writing all anew would give."""
    for number, plan in enumerate(records.values()):
        chance = random.Random(number)
        drafted = tuple(replace(s, rule="r") for s in plan.statements)
        file = RecordText.of(dump_record(replace(plan, statements=drafted)), replace(plan, statements=drafted))
        rejected: set[str] = set()
        for _ in range(150):
            file = file.changed(random_action(file.record, chance))
            rejected |= {s.id for s in file.record.rejected}
        assert file.text == dump_record(file.record), plan.plan
        assert parse_record(file.text, Path(f"{plan.plan}.yaml")) == file.record
        assert len(rejected) > 5 and any(s.proposed for s in file.record.statements)


def test_a_record_written_in_another_style_is_still_written(path, record):
    import json

    import yaml

    odd = json.dumps(yaml.safe_load(dump_record(record)), default=str)
    done = editing.accept(record, "s001", MARK).record
    assert parse_record(patch_record(odd, record, done), path) == done


LOADED = [
    ("  confidence: 0.5\n", "  confidence: 0.5\n  review: accepted\n", ("accepted", None, None)),
    ("  confidence: 0.5\n", "  confidence: 0.5\n  review: {status: reviewed, by: Ana}\n", ("reviewed", "Ana", None)),
    ("  confidence: 0.5\n", "  confidence: 0.5\n  review: {status: draft, date: 2026-11-21}\n", ("draft", None, "2026-11-21")),
]


@pytest.mark.parametrize(("old", "new", "review"), LOADED)
def test_a_statements_review_in_short_and_long(path, old, new, review):
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    found = of(load_record(path), "s002").review
    assert (found.status, found.by, found.date) == review


WRONG = [
    ("  review: acepted\n", "did you mean accepted"),
    ("  review: rejected\n", "no review status"),
    ("  review: {status: accepted, date: ayer}\n", "is not a date"),
    ("  review: {status: accepted, date: 2026-11-21T15:04}\n", "is not a date"),
    ("  review: {status: accepted, who: Ana}\n", "unknown key"),
    ("  review: [accepted]\n", "a mapping is expected"),
    ("  proposed: {type: problema}\n", "no statement type"),
    ("  proposed: {tipo: problem}\n", "unknown key"),
    ("  proposed: {review: accepted}\n", "unknown key"),
    ("  proposed: problem\n", "a mapping is expected"),
]


@pytest.mark.parametrize(("added", "told"), WRONG)
def test_what_is_wrong_in_a_review_is_told(path, added, told):
    path.write_text(
        path.read_text(encoding="utf-8").replace("  confidence: 0.5\n", f"  confidence: 0.5\n{added}"), encoding="utf-8"
    )
    with pytest.raises(ProblemsError, match=told):
        load_record(path)


def test_a_rejected_statement_says_so(path):
    path.write_text(
        path.read_text(encoding="utf-8") + "rejected:\n- {id: s009, type: problem, line: 3, text: Falta}\n", encoding="utf-8"
    )
    with pytest.raises(ProblemsError, match="review: rejected"):
        load_record(path)


def test_rejected_statements_are_not_published_and_reviews_are(record):
    done = editing.accept(editing.reject(record, "s002", MARK).record, "s001", MARK).record
    graph = PlanGraph(done, load_ontology(), load_issues(), load_gazetteer()).make()
    assert not list(graph.triples((item_iri("some-plan", "s002"), None, None)))
    for key, status, by in (("s001", "accepted", ["Ana Quispe"]), ("s003", "draft", [])):
        node = item_iri("some-plan", key)
        assert list(graph.objects(node, PG.reviewStatus)) == [thing_iri("review-status", status)]
        assert [str(o) for o in graph.objects(node, PG.reviewedBy)] == by
    assert [str(o) for o in graph.objects(item_iri("some-plan", "s001"), PG.reviewDate)] == ["2026-11-21"]


def test_the_keys_that_review_adds_are_documented():
    text = (Path(__file__).resolve().parent.parent / "docs" / "record.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in text for key in {*WORKING_KEYS, "rejected"})


# ------------------------------------------------------------------ the session


def test_each_action_is_in_the_file_before_it_is_answered(session, path):
    done = session.change(session.state().version, "accept", lambda r, m: editing.accept(r, "s001", m))
    assert load_record(path) == done.after.record
    review = of(load_record(path), "s001").review
    assert review.by == "Ana Quispe" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", review.date)


def test_undo_goes_back_step_by_step(session, path):
    texts = [path.read_text(encoding="utf-8")]
    for key in ("s001", "s002", "s003"):
        session.change(session.state().version, "reject", lambda r, m, key=key: editing.reject(r, key, m))
        texts.append(path.read_text(encoding="utf-8"))
    records = [parse_record(text, path) for text in texts]
    for before in reversed(records[:-1]):
        assert session.undo(session.state().version).after.record == before == load_record(path)
    with pytest.raises(EditError, match="nothing-to-undo"):
        session.undo(session.state().version)


def test_what_was_changed_by_hand_is_noticed_and_never_overwritten(session, path):
    seen = session.state().version
    session.change(seen, "accept", lambda r, m: editing.accept(r, "s001", m))
    by_hand = path.read_text(encoding="utf-8").replace("type: diagnosis", "type: activity")
    path.write_text(by_hand, encoding="utf-8")
    with pytest.raises(ChangedError):
        session.change(seen, "accept", lambda r, m: editing.accept(r, "s002", m))
    assert path.read_text(encoding="utf-8") == by_hand
    assert of(session.state().record, "s005").type == "activity" and session.last() == ""
    session.change(session.state().version, "accept", lambda r, m: editing.accept(r, "s002", m))
    assert of(load_record(path), "s005").type == "activity"


def test_two_windows_do_not_overwrite_each_other(session):
    seen = session.state().version
    session.change(seen, "accept", lambda r, m: editing.accept(r, "s001", m))
    with pytest.raises(ChangedError):
        session.change(seen, "reject", lambda r, m: editing.reject(r, "s001", m))


@pytest.mark.parametrize("broken", ["plan: [", "", "plan: some-plan\n", "\xff"])
def test_a_record_that_became_unreadable_is_told_and_left_alone(session, path, broken):
    seen = session.state().version
    path.write_bytes(broken.encode("latin-1"))
    with pytest.raises(KgError):
        session.change(seen, "accept", lambda r, m: editing.accept(r, "s001", m))
    assert path.read_bytes() == broken.encode("latin-1")


def test_a_record_that_cannot_be_written_stays_as_it_was(session, path):
    version, before = session.state().version, path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(KgError, match="cannot be written"):
            session.change(version, "accept", lambda r, m: editing.accept(r, "s001", m))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and session.state().version == version and session.last() == ""


def test_without_a_name_nothing_is_decided(session, path):
    session.by = ""
    with pytest.raises(EditError, match="who"):
        session.change(session.state().version, "accept", lambda r, m: editing.accept(r, "s001", m))


def test_one_writer_at_a_time(path):
    with writing_alone(path, "http://127.0.0.1:1/"):
        with pytest.raises(KgError, match=r"127\.0\.0\.1:1"), writing_alone(path):
            pass
        assert [p.name for p in path.parent.glob(".*.lock")] == [".some-plan.yaml.lock"]
    with writing_alone(path):
        pass
    assert not list(path.parent.glob(".*.lock"))


def test_record_and_document_are_found(path, tmp_path):
    assert find_record("some-plan", tmp_path) == find_record(str(path), Path("nowhere")) == path
    assert find_document(path, None) == find_document(path, tmp_path) == path.with_suffix(".md")
    with pytest.raises(KgError, match="some-plan"):
        find_record("other", tmp_path)
    with pytest.raises(KgError, match="--documents"):
        find_document(path, tmp_path / "nowhere")
    assert isinstance(name_from_git(), str)


# ------------------------------------------------------------------ what the page is answered

PORT = 8123


@pytest.fixture
def client(session):
    app = create_app(session, PORT)
    transport = httpx.ASGITransport(app=app)
    headers = {"X-Review-Token": app.token}

    def ask(method: str, address: str, **options):
        import anyio

        async def send():
            async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{PORT}") as http:
                return await http.request(method, address, **({"headers": headers} | options))

        return anyio.run(send)

    ask.headers = headers
    return ask


def test_the_page_and_its_headers(client):
    page = client("GET", "/", headers={})
    assert page.status_code == 200 and '<html lang="es">' in page.text
    assert client("GET", "/?lang=en", headers={}).text.count('lang="en"') == 1
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|style=|https?://", page.text)
    for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert client("GET", name, headers={}).status_code == 200


STRANGERS = [
    ("GET", "/", {"Host": "evil.example"}),
    ("GET", "/", {"Host": f"127.0.0.1:{PORT + 1}"}),
    ("GET", "/state", {}),
    ("GET", "/state", {"X-Review-Token": "guessed"}),
    ("POST", "/do", {}),
    ("POST", "/", {}),
    ("POST", "/do", {"Origin": "https://evil.example", "token": "right"}),
    ("POST", "/do", {"Origin": "null", "token": "right"}),
    ("POST", "/do", {"Sec-Fetch-Site": "cross-site", "token": "right"}),
    ("GET", "/state", {"Host": "evil.example", "token": "right"}),
]


@pytest.mark.parametrize(("method", "address", "headers"), STRANGERS)
def test_strangers_are_refused(client, path, method, address, headers):
    before = path.read_bytes()
    right = client.headers if "token" in headers else {}
    headers = {key: value for key, value in headers.items() if key != "token"}
    answer = client(
        method, address, headers=headers | right, json={"action": "accept", "id": "s001"} if method == "POST" else None
    )
    assert answer.status_code == 403 and answer.json()["error"] == "forbidden" and path.read_bytes() == before


def test_the_state_has_all_that_the_page_shows(client, session, path, document):
    state = client("GET", "/state").json()
    assert state["document"]["lines"] == list(document.lines) and state["by"] == "Ana Quispe"
    found = {s["id"]: s for s in state["statements"]}
    assert found["s003"]["runs"] == [[6, 6]] and found["s003"]["budget"]["amount"] == "75000.00"
    assert found["s001"]["status"] == "waiting" and found["s001"]["lost"] == []
    moved = replace(session.state().record, statements=(replace(of(session.state().record, "s001"), line=4),))
    path.write_text(dump_record(moved), encoding="utf-8")
    assert client("GET", "/state").json()["statements"][0]["lost"] == [4]
    silent = {n for first, last, _ in state["silent"] for n in range(first, last + 1)}
    assert 13 in silent and not silent & {2, 3, 4, 6, 7, 10, 12}
    english = client("GET", "/state?lang=en").json()
    assert english["words"]["ui.accept"] == "Accept" and english["vocabulary"]["types"]["problem"] == "Problem"
    assert state["vocabulary"]["types"]["problem"] == "Problema"


def test_every_action_is_done_and_undone_over_http(client, session, path):
    before = load_record(path)
    asked = [
        {"action": "accept", "id": "s001"},
        {"action": "reopen", "id": "s001"},
        {"action": "correct", "id": "s001", "changes": {"text": "Falta de agua."}},
        {"action": "revert", "id": "s001"},
        {"action": "retype", "id": "s004", "type": "activity"},
        {"action": "split", "id": "s001", "first": "Falta de agua.", "second": "Escasez de aulas."},
        {"action": "merge", "id": "s004", "other": "s005"},
        {"action": "restore", "id": "s005"},
        {"action": "link", "id": "s003", "kind": "addresses", "other": "s002"},
        {"action": "unlink", "id": "s003", "kind": "addresses", "other": "s002"},
        {"action": "reject", "id": "s002"},
        {"action": "add", "line": 13, "text": "Plantar mil árboles", "type": "proposal"},
    ]
    version = client("GET", "/version").json()["version"]
    for values in asked:
        answer = client("POST", "/do", json={"version": version, **values})
        assert answer.status_code == 200, (values, answer.text)
        version = answer.json()["version"]
        assert version == client("GET", "/version").json()["version"]
        assert load_record(path) == session.state().record
    for _ in asked:
        answer = client("POST", "/undo", json={"version": version})
        version = answer.json()["version"]
    assert load_record(path) == before


WRONG_REQUESTS = [
    ({"action": "accept", "id": "s099"}, 422, "no-statement"),
    ({"action": "accept"}, 422, "request"),
    ({"action": "fly", "id": "s001"}, 422, "request"),
    ({"action": "add", "line": "3", "text": "x", "type": "problem"}, 422, "request"),
    ({"action": "add", "line": 3, "text": "Falta de agua.", "type": "problema"}, 422, "field"),
    ({"action": "correct", "id": "s001", "changes": {"text": "Nada"}}, 422, "astray"),
    ({"action": "correct", "id": "s001", "changes": {"text": {"a": 1}}}, 422, "field"),
    ({"action": "correct", "id": "s001", "changes": {"section": "x" * 10, "issues": "nada"}}, 422, "field"),
    ({"action": "finish"}, 422, "waiting"),
    ({"action": "accept", "id": "s001", "version": "old"}, 409, "changed"),
]


@pytest.mark.parametrize(("values", "status", "code"), WRONG_REQUESTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_done_is_told(client, path, values, status, code, language):
    before = path.read_bytes()
    version = client("GET", "/version").json()["version"]
    answer = client("POST", f"/do?lang={language}", json={"version": version, **values})
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert len(answer.json()["text"]) > 10 and "{" not in answer.json()["text"].replace("{'", "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"[" * 100_000, b'{"version": "' + b"x" * 2_000_000 + b'"}'])
def test_hostile_bodies(client, body):
    assert client("POST", "/do", content=body).status_code == 422


def test_a_text_is_checked_while_it_is_written(client):
    def check(text, line):
        return client("POST", "/check", json={"text": text, "line": line}).json()

    assert check("Falta de agua.", 3)["found"] is True
    assert check("Plantar mil árboles", 3)["elsewhere"] == 13
    astray = check("Falta de agua y luz", 3)
    assert not astray["found"] and "«y luz»" in astray["text"]


def test_a_new_reading_is_shown_and_taken(client, path):
    version = client("GET", "/version").json()["version"]
    version = client("POST", "/do", json={"version": version, "action": "accept", "id": "s001"}).json()["version"]
    found = client("POST", "/difference", json={}).json()
    fresh = next(s for s in found["new"] if "árboles" in s["text"])
    none = client("POST", "/do", json={"version": version, "action": "take", "id": "s099"})
    assert none.json()["error"] == "no-proposal"
    done = client("POST", "/do", json={"version": version, "action": "take", "id": fresh["id"]}).json()
    assert of(load_record(path), done["focus"]).text == "Plantar mil árboles"
    again = client("POST", "/difference", json={}).json()
    assert not any("árboles" in s["text"] for s in again["new"])
    if again["new"]:
        refused = again["new"][0]
        client("POST", "/do", json={"version": done["version"], "action": "refuse", "id": refused["id"]})
        assert refused["text"] in {s.text for s in load_record(path).rejected}


def test_who_reviews_is_asked_and_kept(client, session, path):
    session.by = ""
    version = client("GET", "/version").json()["version"]
    values = {"version": version, "action": "accept", "id": "s001"}
    assert client("POST", "/do", json=values).json()["error"] == "who"
    assert client("POST", "/who", json={"name": "  "}).status_code == 422
    assert client("POST", "/who", json={"name": " José  \u202eÑahui"}).status_code == 200
    assert client("POST", "/do", json=values).status_code == 200
    assert of(load_record(path), "s001").review.by == "José \u202eÑahui"


def test_every_text_of_the_page_is_declared():
    used = set()
    for file in (Path(__file__).resolve().parent.parent / "review").rglob("*"):
        if file.suffix in {".js", ".html", ".py"}:
            used |= set(re.findall(r"""["'`]((?:ui|keys|errors|notes|values)\.[\w-]+)["'`]""", file.read_text(encoding="utf-8")))
    assert len(used) > 60 and used <= set(words())
    assert {f"fields.{key}" for key in (*editing.CORRECTABLE, *LINKS)} <= set(words())


# ------------------------------------------------------------------ the page in a browser

ROOT = Path(__file__).resolve().parent.parent


class Server:
    """`kg review` as a process of its own."""

    def __init__(self, path: Path, *arguments: str):
        command = [sys.executable, "-m", "kg.cli", "review", str(path), "--port", str(free_ports(1)[0]), *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.address = next(found[0] for line in self.process.stdout if (found := re.search(r"http://[\d.:]+/", line)))

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def server(path):
    started = Server(path, "--by", "Ana Quispe")
    yield started
    if started.process.poll() is None:
        started.stop()


class Page:
    """The review page as a person uses it, by keyboard. Errors in its scripts and requests to other places fail the test."""

    def __init__(self, browser, address: str):
        self.troubles: list[str] = []
        self.page = browser.new_context(locale="es-PE", viewport={"width": 1440, "height": 900}).new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        self.page.on("request", lambda r: self.troubles.append(r.url) if not r.url.startswith(address) else None)
        self.page.on("console", lambda m: self.troubles.append(m.text) if "Content Security Policy" in m.text else None)
        self.page.goto(address)
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("body[data-ready=true]")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def current(self) -> str:
        return self.page.locator(".card[aria-current]").get_attribute("data-id")

    def go(self, key: str) -> None:
        """Move to a statement with the keys."""
        self.press("Escape", *["k"] * 12)
        for _ in range(12):
            if self.current() == key:
                return
            self.press("j")
        raise AssertionError(f"{key} is not in the list")

    def wait(self, key: str, status: str) -> None:
        self.page.wait_for_selector(f"#st-{key}[data-status={status}]")

    def close(self) -> None:
        self.page.context.close()
        assert self.troubles == []


def test_the_page_is_worked_by_keyboard(browser, server, path):
    page = Page(browser, server.address)
    assert page.current() == "s001" and page.page.evaluate("document.activeElement.id") == "st-s001"
    page.press("a")
    page.page.wait_for_selector("#st-s002[aria-current]")
    page.press("r")
    page.page.wait_for_selector("#st-s003[aria-current]")
    page.page.get_by_role("button", name="Todos").click()

    page.go("s003")
    page.press("c", "Control+End")
    page.type(" y la luz")
    page.page.get_by_text("«y la luz»").wait_for()
    page.press("Control+Enter")
    page.page.locator(".trouble", has_text="«y la luz»").wait_for()
    assert of(load_record(path), "s003").review is None
    page.press("Control+a")
    page.type("Ampliar la red de agua por S/ 75 000")
    page.page.locator(".state.good").wait_for()
    page.press("Control+Enter")
    page.wait("s003", "corrected")

    page.go("s001")
    page.press("d")
    page.page.get_by_text("Ponga el cursor").wait_for()
    page.press("Enter")
    page.wait("s007", "accepted")

    page.go("s005")
    page.press("t")
    page.type("propue")
    page.press("Enter")
    page.wait("s005", "corrected")

    page.go("s006")
    page.press("e")
    page.type("mide")
    page.press("Tab")
    page.type("s003")
    page.press("ArrowDown", "Enter")
    page.wait("s006", "corrected")

    page.go("s004")
    page.press("u", "Enter")
    page.page.wait_for_selector("#st-s005", state="detached")
    done = load_record(path)
    page.press("z")
    page.page.wait_for_selector("#st-s005")
    assert of(load_record(path), "s005").type == "proposal"
    page.go("s004")
    page.press("u", "Enter")
    page.page.wait_for_selector("#st-s005", state="detached")

    page.page.reload()
    page.ready()
    assert "5 de 5" in page.page.locator("#count").inner_text()
    page.close()
    found = {s.id: s for s in load_record(path).statements}
    assert {key: s.text for key, s in found.items()} == {s.id: s.text for s in done.statements}
    assert (found["s001"].text, found["s007"].text, found["s007"].split_from) == ("Falta de agua.", "Escasez de aulas.", "s001")
    assert found["s003"].proposed.text.endswith("MINEDU") and found["s006"].measures == ("s004", "s003")
    assert found["s004"].text == "Contratar serenos para vigilar todos los barrios" and found["s004"].addresses == ()
    assert all(s.review.by == "Ana Quispe" for s in found.values())
    refused = {s.id: (s.review.status, s.review.into) for s in load_record(path).rejected}
    assert refused == {"s002": ("rejected", None), "s005": ("merged", "s004")}


def test_links_are_taken_away_and_statements_added_by_keyboard(browser, server, path):
    page = Page(browser, server.address)
    page.page.get_by_role("button", name="Todos").click()
    page.go("s004")
    page.press("e", "Shift+Tab", "Enter")
    page.wait("s004", "corrected")
    assert of(load_record(path), "s004").addresses == ()
    page.press("l")
    page.page.get_by_text("Esta línea no dio ningún enunciado.").wait_for()
    page.press("g")
    page.type("13")
    page.press("Enter")
    page.page.get_by_role("button", name="Agregar un enunciado de la línea 13").wait_for()
    page.press("+", "Tab", "Tab")
    page.type("Activ")
    page.press("Enter")
    page.wait("s007", "accepted")
    assert of(load_record(path), "s007").type == "activity"
    page.press("?")
    page.page.get_by_role("dialog").get_by_text("siguiente por decidir").wait_for()
    page.press("Escape")
    page.page.get_by_role("link", name="English").click()
    page.ready()
    page.page.get_by_role("button", name="To be decided 5").wait_for()
    page.close()


def test_who_reviews_is_asked_before_the_first_decision(browser, path):
    server = Server(path, "--by", "")
    try:
        page = Page(browser, server.address)
        page.press("c")
        page.page.get_by_label("Su nombre").wait_for()
        page.type("José Ñahui")
        page.press("Enter")
        page.page.locator(".state.good").wait_for()
        page.press("Escape", "a")
        page.page.wait_for_selector("#st-s002[aria-current]")
        page.close()
        assert of(load_record(path), "s001").review.by == "José Ñahui"
    finally:
        server.stop()


def test_a_text_that_is_being_written_survives_a_change_of_the_record(browser, server, path):
    page = Page(browser, server.address)
    page.press("c", "Control+a")
    page.type("Falta de agua.")
    page.page.locator(".state.good").wait_for()
    path.write_text(path.read_text(encoding="utf-8").replace("type: diagnosis", "type: vision"), encoding="utf-8")
    page.press("Control+Enter")
    page.page.locator(".trouble", has_text="cambió").wait_for()
    assert of(load_record(path), "s001").review is None
    page.press("Control+Enter")
    page.page.wait_for_selector("#st-s002[aria-current]")
    found = load_record(path)
    assert (of(found, "s001").text, of(found, "s005").type) == ("Falta de agua.", "vision")
    page.close()


def test_a_new_reading_is_looked_through_and_the_plan_finished(browser, server, path):
    page = Page(browser, server.address)
    for key in ("s001", "s002", "s003", "s004", "s005", "s006"):
        page.page.wait_for_selector(f"#st-{key}[aria-current]")
        page.press("a")
    page.page.get_by_text("No hay enunciados que mostrar.").wait_for()
    page.page.get_by_role("button", name="Nueva lectura").click()
    fresh = page.page.locator(".card", has_text="Plantar mil árboles")
    fresh.get_by_role("button", name="Aceptar lo nuevo").click(timeout=60_000)
    fresh.wait_for(state="detached")
    assert any(s.text == "Plantar mil árboles" and s.review for s in load_record(path).statements)
    page.page.get_by_role("button", name="Dar el plan por revisado").click()
    page.page.get_by_role("dialog").get_by_role("button", name="Dar el plan por revisado").click()
    page.page.get_by_role("button", name="Plan revisado").wait_for()
    assert load_record(path).review.status == "reviewed"
    page.close()


def test_a_hostile_document_does_no_harm(browser, server, document):
    page = Page(browser, server.address)
    for n in (14, 15):
        page.page.locator(f"#line-{n} .n").click()
        page.page.get_by_role("button", name=f"Agregar un enunciado de la línea {n}").click()
        page.page.locator(".state.good").wait_for()
        page.press("Control+Enter")
        page.wait({14: "s007", 15: "s008"}[n], "accepted")
    shown = page.page.locator("#line-14 .t").inner_text()
    assert "<script>document.title='roto'</script>" in shown and "onerror=alert(1)" in shown
    assert page.page.locator("#st-s008 .text").inner_text().strip() == LONG.strip()
    assert page.page.title().startswith("some-plan") and page.page.locator("#lines script, #lines img, #list img").count() == 0
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_a_server_killed_in_mid_work_loses_nothing(browser, server, path):
    page = Page(browser, server.address)
    page.press("a")
    page.page.wait_for_selector("#st-s002[aria-current]")
    server.stop(signal.SIGKILL)
    assert of(load_record(path), "s001").review.status == "accepted"
    page.press("a")
    page.page.get_by_text("no responde").wait_for()
    assert of(load_record(path), "s002").review is None
    page.close()
    again = Server(path, "--by", "Ana Quispe")
    try:
        page = Page(browser, again.address)
        assert page.current() == "s002" and "1 de 6" in page.page.locator("#count").inner_text()
        page.close()
    finally:
        again.stop()
    assert not list(path.parent.glob(".*.lock"))


def test_a_record_edited_by_hand_is_shown_as_it_is_now(browser, server, path):
    page = Page(browser, server.address)
    by_hand = path.read_text(encoding="utf-8").replace("type: diagnosis", "type: vision")
    path.write_text(by_hand, encoding="utf-8")
    page.press("a")
    page.page.get_by_text("cambió").first.wait_for()
    page.page.locator("#st-s005 .type", has_text="Visión").wait_for()
    assert path.read_text(encoding="utf-8") == by_hand
    page.press("a")
    page.page.wait_for_selector("#st-s002[aria-current]")
    assert of(load_record(path), "s005").type == "vision" and of(load_record(path), "s001").review
    page.close()


def test_a_second_writer_is_refused(server, path):
    command = [sys.executable, "-m", "kg.cli", "review", str(path), "--port", str(free_ports(1)[0])]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2 and server.address in refused.stderr
