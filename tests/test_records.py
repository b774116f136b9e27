"""Records: what is wrong in a file is told all at once, with line, key and remedy; what is right survives a round trip."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kg.documents import read_document
from kg.errors import KgError, ProblemsError
from kg.records import check_quotes, dump_record, load_record, load_records, write_record

GOOD = """\
plan: some-plan
title: "Plan de gobierno de Pativilca"
level: district
territory: "150203"
period: {start: 2019, end: 2022}
document: {file: some-plan.txt, sha256: "%s", media_type: text/plain, lines: 3}
review: {status: draft}
axes: []
statements:
- id: s001
  type: problem
  line: 1
  text: "Falta agua."
  issues: [agua-potable-y-alcantarillado]
- id: s002
  type: proposal
  line: 2
  text: "Pozo por S/ 75 000"
  issues: [agua-potable-y-alcantarillado]
  addresses: [s001]
  budget: {raw: "S/ 75 000", amount: 75000.00}
figures: []
findings: []
""" % ("0" * 64)


def written(tmp_path: Path, text: str, name: str = "some-plan.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_record_survives_a_round_trip(tmp_path):
    record = load_record(written(tmp_path, GOOD))
    other = tmp_path / "other"
    other.mkdir()
    write_record(record, other / "some-plan.yaml")
    assert load_record(other / "some-plan.yaml") == record
    assert dump_record(load_record(other / "some-plan.yaml")) == (other / "some-plan.yaml").read_text(encoding="utf-8")


def test_a_leading_zero_and_a_no_stay_text(tmp_path):
    record = load_record(
        written(tmp_path, GOOD.replace('"150203"', "010101").replace("Pativilca", "Chachapoyas").replace("Falta agua.", "No"))
    )
    assert record.territory == "010101"
    assert record.statements[0].text == "No"


WRONG = [
    ("unknown key", "  addresses: [s001]", "  adresses: [s001]", 20, "did you mean addresses"),
    ("dangling link", "[s001]", "[s009]", 20, "no statement 's009'"),
    ("link to itself", "addresses: [s001]", "addresses: [s002]", 20, "itself"),
    ("duplicate id", "id: s002", "id: s001", 15, "used twice (first at line 10)"),
    ("wrong UBIGEO", '"150203"', '"999999"', 4, "no INEI code"),
    ("RENIEC code", '"150203"', '"200113"', 4, "RENIEC"),
    ("unknown type", "type: problem", "type: problema", 11, "did you mean problem"),
    ("unknown issue", "[agua-potable-y-alcantarillado]\n- id", "[agua-potabl]\n- id", 14, "no issue"),
    ("unknown key at the top", "axes: []", "axis: []", 8, "did you mean axes"),
    ("amount that is no number", "75000.00", "mucho", 21, "not a plain decimal number"),
    ("line that is no number", "line: 2", "line: two", 17, "not a whole number"),
    ("period backwards", "start: 2019", "start: 2029", 5, "ends (2022) before it starts"),
    ("bad hash", "0" * 64, "abc", 6, "not a SHA-256"),
    ("missing text", '  text: "Falta agua."\n', "", 10, "missing"),
    ("list instead of value", "type: problem", "type: [problem]", 11, "a single value is expected"),
    ("key given twice", "level: district", "level: district\nlevel: province", 4, "key given twice"),
    ("year that is no year", "end: 2022", "end: 22", 5, "not a year"),
    ("level of another size", "level: district", "level: province", 3, "is a district"),
    ("another place's code", '"150203"', '"210101"', 4, "neither title nor statements name"),
    ("other file name", "plan: some-plan", "plan: other-plan", 1, "does not fit the file name"),
]


@pytest.mark.parametrize(("what", "old", "new", "line", "told"), WRONG, ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_told_with_its_line(tmp_path, what, old, new, line, told):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProblemsError) as caught:
        load_record(path)
    messages = [str(p) for p in caught.value.problems]
    assert any(f"some-plan.yaml:{line}:" in m and told in m for m in messages), messages


def test_all_problems_are_told_at_once(tmp_path):
    text = GOOD.replace("type: problem", "type: nothing").replace("[s001]", "[s009]").replace('"150203"', '"999999"')
    with pytest.raises(ProblemsError) as caught:
        load_record(written(tmp_path, text))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"plan: \xff\xfe", "not UTF-8"),
        (b"plan: a\n\tlevel: b\n", "tab"),
        (b"plan: [a\n", "not valid YAML"),
        (b"- a\n- b\n", "a mapping is expected"),
        (b"just text", "a mapping is expected"),
    ],
)
def test_what_is_no_record_at_all(tmp_path, content, told):
    path = tmp_path / "some-plan.yaml"
    path.write_bytes(content)
    with pytest.raises(KgError, match=told):
        load_record(path)


def test_missing_and_empty_folders_say_what_to_do(tmp_path):
    with pytest.raises(KgError, match="no such folder"):
        load_records(tmp_path / "nowhere")
    with pytest.raises(KgError, match="kg draft"):
        load_records(tmp_path)


def test_problems_of_all_files_come_together(tmp_path):
    written(tmp_path, GOOD.replace("type: problem", "type: a"))
    written(tmp_path, GOOD.replace("some-plan", "more").replace("type: problem", "type: b"), "more.yaml")
    with pytest.raises(ProblemsError) as caught:
        load_records(tmp_path)
    assert {p.file.rsplit("/", 1)[-1] for p in caught.value.problems} == {"some-plan.yaml", "more.yaml"}


# ------------------------------------------------------------------ quotes


def test_a_quote_that_does_not_stand_there_is_found(tmp_path):
    path = tmp_path / "some-plan.txt"
    path.write_text("**Falta agua.**\n- Pozo   por S/ 75 000\n", encoding="utf-8")
    document = read_document(path)
    record = load_record(written(tmp_path, GOOD.replace("0" * 64, document.sha256)))
    assert check_quotes(record, document, path) == []
    moved = dataclasses.replace(record, statements=(dataclasses.replace(record.statements[0], line=2), record.statements[1]))
    assert any("s001: not at line 2" in w and "it stands at line 1" in w for w in check_quotes(moved, document, path))
    budget = dataclasses.replace(record.statements[1].budget, raw="S/ 99 000")
    other = dataclasses.replace(
        record, statements=(record.statements[0], dataclasses.replace(record.statements[1], budget=budget))
    )
    assert any("S/ 99 000" in w for w in check_quotes(other, document, path))


def test_another_document_is_refused(tmp_path):
    path = tmp_path / "some-plan.txt"
    path.write_text("Falta agua.\n", encoding="utf-8")
    record = load_record(written(tmp_path, GOOD))
    assert "another document" in check_quotes(record, read_document(path), path)[0]


def test_every_quote_of_the_reviewed_records_stands_in_its_document(records, shared):
    for record in records.values():
        document = read_document(shared / "plans" / record.document.file)
        assert check_quotes(record, document, Path(record.plan)) == []


def test_the_reviewed_records_are_written_as_the_writer_writes(records):
    from kg.paths import PLANS

    for record in records.values():
        assert dump_record(record) == (PLANS / f"{record.plan}.yaml").read_text(encoding="utf-8"), record.plan
