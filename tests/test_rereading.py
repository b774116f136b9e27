"""A document read again: ids stay, what a person decided stays, and what differs is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from kg.cli import main
from kg.reading.rereading import compare, difference_text, has_accepted, keep_ids, match, merge
from kg.records import Budget, Mark, Record, Review, Source, Statement, dump_record, load_record, write_record

ACCEPTED = Mark("accepted", "Ana", "2026-11-21T15:04:05Z")


def statement(key: str, text: str, **values) -> Statement:
    given = {"type": "proposal", "line": int(key.lstrip("sn")), "rule": "list", "confidence": Decimal("0.8")}
    return Statement(key, text=text, **(given | values))


def record(*statements: Statement, status: str = "draft", sha: str = "0", **values) -> Record:
    source = Source("plan.txt", sha * 64, "text/plain", 99)
    return Record("plan", "Plan", "national", source, Review(status, "x"), statements=statements, **values)


WATER = statement("s001", "Ampliar la red de agua potable en los barrios altos")
SCHOOL = statement("s002", "Construir dos colegios en la zona rural", type="project")
ROAD = statement("s003", "Asfaltar la vía que une los centros poblados")


def reading(*statements: Statement, **values) -> Record:
    """A new reading: its own ids, as a draft has them."""
    ids = {s.id: f"n{i:03d}" for i, s in enumerate(statements, 1)}
    links = {"addresses": lambda s: tuple(ids[o] for o in s.addresses)}
    return record(*(replace(s, id=ids[s.id], **{k: f(s) for k, f in links.items()}) for s in statements), **values)


# ------------------------------------------------------------------ ids


@pytest.mark.parametrize(
    ("earlier", "read", "expected"),
    [
        ([WATER, SCHOOL], [SCHOOL, WATER], ["s002", "s001"]),
        ([WATER], [replace(WATER, text="AMPLIAR LA RED DE AGUA  potable en los barrios altos")], ["s001"]),
        ([WATER], [replace(WATER, text="Ampliar la red de agua potable en los barrios bajos")], ["s001"]),
        ([WATER], [replace(WATER, text="Ampliar la red de agua potable en los barrios bajos", type="project")], ["s002"]),
        ([WATER], [replace(WATER, type="project")], ["s001"]),
        ([WATER], [ROAD], ["s002"]),
        ([WATER, replace(WATER, id="s009", line=90)], [replace(WATER, line=88)], ["s009"]),
        ([replace(WATER, text="Pavimentar la plaza", proposed=WATER)], [WATER], ["s001"]),
        ([replace(WATER, text="Pavimentar la plaza", proposed=WATER)], [replace(WATER, text="Pavimentar la plaza")], ["s001"]),
    ],
)
def test_a_statement_keeps_its_id(earlier, read, expected):
    assert [s.id for s in keep_ids(reading(*read), record(*earlier)).statements] == expected


def test_a_rejected_statement_keeps_its_id_and_is_never_given_to_another():
    earlier = record(WATER, rejected=(replace(SCHOOL, review=Mark("rejected")),))
    assert [s.id for s in keep_ids(reading(ROAD, SCHOOL), earlier).statements] == ["s003", "s002"]


def test_links_follow_the_ids():
    linked = replace(ROAD, addresses=("s001",))
    again = keep_ids(reading(WATER, linked), record(replace(WATER, id="s007"), linked, status="draft"))
    assert again.statements[1].addresses == ("s007",)


def test_likeness_by_shared_words_finds_what_a_comparison_with_all_finds(records):
    """On real plans whose words were damaged here and there, blocking loses nothing against comparing each with each."""
    from rapidfuzz import fuzz

    from kg.text import fold

    for known in records.values():
        damaged = [replace(s, text=s.text.replace("ión", "ion.", 1)[:-1] + "s") for s in known.statements if len(s.text) > 40]
        found = match(damaged, known)
        folded = [(o.type, fold(o.text)) for o in known.statements]
        best = {s.id: max(fuzz.ratio(fold(s.text), text) for kind, text in folded if kind == s.type) for s in damaged}
        expected = {key for key, ratio in best.items() if ratio >= 85}
        assert set(found) == expected, known.plan
        assert sum(found[key] == key for key in expected) >= 0.98 * len(expected), known.plan


# ------------------------------------------------------------------ what differs


def test_the_difference_names_kept_changed_new_and_gone():
    settled = [replace(s, review=ACCEPTED) for s in (WATER, SCHOOL, ROAD)]
    money = Budget("S/ 75 000", Decimal("75000.00"))
    fresh = statement("s050", "Contratar serenos para la vigilancia nocturna")
    found = compare(record(*settled), reading(WATER, replace(SCHOOL, type="activity", budget=money), fresh))
    assert [s.id for s in found.kept] == ["s001"]
    assert [(c.accepted.id, c.keys) for c in found.changed] == [("s002", ("type", "budget"))]
    assert [s.text for s in found.new] == [fresh.text]
    assert [s.id for s in found.gone] == ["s003"]
    told = "\n".join(difference_text(found, "plan"))
    assert (
        "~ s002 project, line 2" in told
        and "type: project → activity" in told
        and "budget: nothing → S/ 75 000 (75000.00, PEN)" in told
    )
    assert "+ s004 proposal" in told and "- s003 proposal" in told


QUIET = [
    ("what is not accepted", [WATER], [replace(WATER, type="project")]),
    ("what was corrected", [replace(WATER, type="project", proposed=WATER, review=ACCEPTED)], [WATER]),
    (
        "what the reader now reads as corrected",
        [replace(WATER, type="project", proposed=WATER, review=ACCEPTED)],
        [replace(WATER, type="project")],
    ),
    ("confidence and rule", [replace(WATER, review=ACCEPTED)], [replace(WATER, confidence=Decimal("0.1"), rule="other")]),
    (
        "what a person split off",
        [
            replace(WATER, text="Ampliar la red", proposed=WATER, review=ACCEPTED),
            replace(ROAD, split_from="s001", review=ACCEPTED),
        ],
        [WATER],
    ),
]


@pytest.mark.parametrize(("what", "known", "read"), QUIET, ids=[q[0] for q in QUIET])
def test_nothing_is_shown_of(what, known, read):
    assert compare(record(*known), reading(*read)).is_empty


def test_what_was_rejected_is_not_proposed_again():
    known = record(WATER, rejected=(replace(SCHOOL, review=Mark("rejected")),))
    found = compare(known, reading(WATER, SCHOOL))
    assert (found.new, found.refused) == ((), 1)
    assert [s.text for s in merge(known, reading(WATER, SCHOOL)).statements] == [WATER.text]


def test_another_version_of_the_document_does_not_differ_by_its_lines():
    known, read = record(replace(WATER, review=ACCEPTED)), reading(replace(WATER, line=40), sha="1")
    assert compare(known, read).is_empty
    merged = merge(known, read)
    assert (merged.statements[0].line, merged.statements[0].review, merged.document.sha256[0]) == (40, ACCEPTED, "1")


def test_a_file_that_is_read_into_other_lines_keeps_its_review():
    known, read = record(WATER, status="reviewed"), reading(replace(WATER, line=40, page=3))
    read = replace(read, document=replace(read.document, lines=120))
    assert compare(known, read).is_empty
    merged = merge(known, read)
    assert merged.review == known.review and merged.document.lines == 120
    assert (merged.statements[0].line, merged.statements[0].page, merged.statements[0].review) == (40, 3, None)


# ------------------------------------------------------------------ merging


def test_a_new_reading_replaces_only_what_nobody_accepted():
    known = record(replace(WATER, text="Ampliar la red de agua potable", proposed=WATER, review=ACCEPTED), SCHOOL, ROAD)
    fresh = statement("s050", "Contratar serenos para la vigilancia nocturna", line=2)
    merged = merge(known, reading(replace(WATER, type="activity"), fresh, replace(SCHOOL, type="activity")))
    assert merged.statements[0] == known.statements[0]
    assert [(s.id, s.type) for s in merged.statements] == [("s001", "proposal"), ("s004", "proposal"), ("s002", "activity")]
    assert has_accepted(merged)


def test_what_an_accepted_statement_links_to_stays():
    known = record(WATER, replace(ROAD, addresses=("s001",), review=ACCEPTED))
    merged = merge(known, reading(ROAD))
    assert [s.id for s in merged.statements] == ["s001", "s003"] and merged.statements[1].addresses == ("s001",)


def test_a_reviewed_record_takes_what_is_new_as_draft():
    known = record(WATER, status="reviewed")
    merged = merge(known, reading(replace(WATER, type="project"), ROAD))
    assert merged.statements[0] == WATER and merged.review == known.review
    assert merged.statements[1].review == Mark("draft") and not merged.is_settled(merged.statements[1])


def test_another_document_makes_a_reviewed_record_a_draft_of_accepted_statements():
    merged = merge(record(WATER, ROAD, status="reviewed"), reading(WATER, SCHOOL, sha="1"))
    assert merged.review.status == "draft"
    assert {s.id: merged.is_settled(s) for s in merged.statements} == {"s001": True, "s003": True, "s004": False}


def test_without_anything_accepted_the_new_reading_counts():
    known = replace(record(WATER, SCHOOL), title="Old")
    merged = merge(known, replace(reading(SCHOOL, ROAD), title="New"))
    assert merged.title == "New" and [s.id for s in merged.statements] == ["s002", "s003"]


def test_merging_twice_is_merging_once():
    known = record(replace(WATER, review=ACCEPTED), SCHOOL, rejected=(replace(ROAD, review=Mark("rejected")),))
    read = reading(ROAD, SCHOOL, WATER)
    once = merge(known, read)
    assert merge(once, read) == once


# ------------------------------------------------------------------ on the command line

PLAN = """# PLAN DE GOBIERNO DE LA PROVINCIA DE PUNO 2023 - 2026
## Problemas
- Falta de agua potable en los barrios altos
- Escasez de aulas en la zona rural
## Propuestas
- Ampliar la red de agua potable
- Construir dos colegios
"""


def test_draft_over_reviewed_work_shows_the_difference_and_keeps_what_was_accepted(tmp_path, capsys):
    document, path = tmp_path / "plan.md", tmp_path / "plan.yaml"
    document.write_text(PLAN, encoding="utf-8")
    assert main(["draft", str(document), "--key", "plan", "--to", str(path)]) == 0
    first = load_record(path)
    chosen = next(s for s in first.statements if "agua potable en" in s.text)
    corrected = replace(chosen, type="weakness", proposed=chosen, review=ACCEPTED)
    gone = next(s for s in first.statements if "colegios" in s.text)
    statements = [corrected if s is chosen else s for s in first.statements if s is not gone]
    write_record(replace(first, statements=tuple(statements), rejected=(replace(gone, review=Mark("rejected")),)), path)
    document.write_text(PLAN + "- Contratar serenos\n", encoding="utf-8")
    before = path.read_bytes()
    capsys.readouterr()

    assert main(["draft", str(document), "--key", "plan", "--earlier", str(path)]) == 0
    out = capsys.readouterr().out
    assert "1 accepted statements read as before" in out and "+ s005" in out and "1 rejected before" in out
    assert path.read_bytes() == before

    assert main(["draft", str(document), "--key", "plan", "--to", str(path)]) == 2
    assert path.read_bytes() == before
    assert main(["draft", str(document), "--key", "plan", "--to", str(path), "--force"]) == 0
    after = load_record(path)
    assert next(s for s in after.statements if s.id == chosen.id) == corrected
    assert [s.text for s in after.rejected] == [gone.text]
    assert sorted(s.text for s in after.statements)[1:3] == ["Contratar serenos", "Escasez de aulas en la zona rural"]
    assert dump_record(after) == path.read_text(encoding="utf-8")
