"""Plan summaries of the JNE: both layouts, packed cells, absences, territories, streaming, and the proof of every quote."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kg.cli import main
from kg.documents.jne import (
    canonical_json,
    find_summaries,
    parse_summary,
    read_json,
    read_summaries,
    read_summary,
    render_summary,
)
from kg.errors import KgError
from kg.reading.jne import draft_summary
from kg.reading.packed import split_items, split_packed
from kg.records import Record, check_quotes, load_record, write_record
from kg.text import fold

FOLDER = Path(__file__).parent / "jne"
LISTS, DIMENSIONS = FOLDER / "listas.json", FOLDER / "dimensiones.jsonl"
PACKED = yaml.safe_load((FOLDER / "packed.yaml").read_text(encoding="utf-8"))
ITEMS = yaml.safe_load((FOLDER / "items.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", PACKED, ids=lambda c: c["what"])
def test_packed_cells_are_cut_and_matched_by_number(case):
    assert split_packed(case["cells"]) == [tuple(row) for row in case["rows"]]


@pytest.mark.parametrize(("cell", "items"), ITEMS)
def test_a_cell_is_cut_into_its_items(cell, items):
    assert split_items(cell) == items


@given(st.lists(st.text("aA1 2.-)•\n:;é3%", max_size=40), min_size=1, max_size=4))
def test_cutting_loses_no_word(cells):
    """What goes are enumerators and bullets, and words that announce a list; no letter else."""
    for row in split_packed(cells):
        assert len(row) == len(cells)
    kept = sum(sum(c.isalpha() for c in text) for row in split_packed(cells) for text in row)
    there = sum(sum(c.isalpha() for c in cell) for cell in cells)
    marks = sum(cell.count(")") + cell.count("-") for cell in cells)
    if not any(":" in cell for cell in cells):
        assert there - marks <= kept <= there


# ------------------------------------------------------------------ records


def record_of(**general: object) -> Record:
    return drafting_of(**general).record


def drafting_of(rows: list[dict] | None = None, **general: object):
    known = {"txTipoEleccion": "MUNICIPAL DISTRITAL", "txOrganizacionPolitica": "PODEMOS PERU", "txRutaCompleto": None}
    value = {"codigoExpediente": "ERM.2026000001", "datoGeneral": known | general, "dimensionSocial": rows or []}
    return draft_summary(parse_summary(value, "x.json"))


def row(problem: object = None, objective: object = None, indicator: object = None, goal: object = None) -> dict[str, object]:
    return {"txPgProblema": problem, "txPgObjetivo": objective, "txPgIndicador": indicator, "txPgMeta": goal}


def texts(record: Record, row: str) -> list[tuple[str, str]]:
    return [(s.type, s.text) for s in record.statements if s.row == row]


def test_the_layout_of_four_lists():
    record = draft_summary(read_summary(LISTS)).record
    assert (record.plan, record.level, record.territory) == ("nacional-2026-2031-accion-popular", "national", None)
    assert record.document.url == "https://example.org/docs/plan-900001.pdf"
    assert [(a.name, a.dimension) for a in record.axes] == [("Dimensión social", "social"), ("Dimensión económica", "economic")]
    assert [s.type for s in record.statements][:3] == ["vision", "principle", "principle"]
    assert texts(record, "r02") == [("problem", "Anemia en niños menores de tres años.")]
    partner = next(s for s in record.statements if s.partners)
    assert (partner.type, partner.partners[0].institution) == ("objective", "sunat")


def test_items_of_one_number_are_tied_to_each_other():
    record = draft_summary(read_summary(LISTS)).record
    by_id = {s.id: s for s in record.statements}
    second = [s for s in record.statements if s.row == "r01.2"]
    assert [s.type for s in second] == ["problem", "objective", "target"]
    problem, objective, target = second
    assert objective.addresses == target.addresses == (problem.id,)
    assert objective.id in target.measures
    fourth = next(s for s in record.statements if s.text == "Un plan aprobado.")
    assert (fourth.row, fourth.addresses, str(fourth.confidence)) == ("r01.4", (), "0.7")
    assert not fourth.measures
    third = [s.type for s in record.statements if s.row == "r01.3"]
    assert third == ["problem", "objective"]
    shared = next(s for s in record.statements if s.text == "Porcentaje de avance anual.")
    assert [by_id[i].row for i in shared.measures] == ["r01.1", "r01.2", "r01.3"]
    assert len(shared.addresses) == 3


def test_the_layout_of_one_list_of_dimensions():
    summaries = [s for _, s in read_summaries(DIMENSIONS)]
    assert [s is None for s in summaries] == [False, False, True, False]
    record = draft_summary(summaries[0]).record
    assert (record.territory, record.start, record.end) == ("150139", 2027, 2030)
    assert [(a.name, a.dimension) for a in record.axes] == [
        ("Dimensión Social", "social"),
        ("Dimensión Territorial - Ambiental", "environmental"),
    ]
    target = next(s.target for s in record.statements if s.text.startswith("2030:"))
    assert (target.value, target.year) == (12000, 2030)
    lower = next(s.target for s in record.statements if "18 %" in s.text)
    assert (lower.baseline, lower.value, lower.direction) == (18, 12, "decrease")


@pytest.mark.parametrize(
    "absent", ["No especificado.", "NO ESPECIFICADO", "-", "--", "S/D", "N/A", "ninguno", "Ninguna.", "", " ", None]
)
def test_what_is_not_specified_is_no_statement(absent):
    drafting = drafting_of([row("Falta agua.", absent, absent, absent)], departamento="PUNO", provincia="PUNO", distrito="ACORA")
    assert [(s.type, s.text) for s in drafting.record.statements] == [("problem", "Falta agua.")]
    said = {n.field: n.kind for n in drafting.notes}
    assert said["dimensionSocial[0].txPgMeta"] == ("null" if absent is None else "absent")


TERRITORIES = [
    # kind of election, fields of the place → INEI code, and a note on it or not
    ("MUNICIPAL DISTRITAL", {"departamento": "LIMA", "provincia": "LIMA", "distrito": "SANTA ROSA"}, "150139", False),
    ("MUNICIPAL DISTRITAL", {"departamento": "CAJAMARCA", "provincia": "JAEN", "distrito": "SANTA ROSA"}, "060812", False),
    ("MUNICIPAL DISTRITAL", {"departamento": "PUNO", "provincia": "EL COLLAO", "distrito": "SANTA ROSA"}, "210504", False),
    ("MUNICIPAL DISTRITAL", {"departamento": "PUNO", "distrito": "SANTA ROSA"}, None, True),
    ("MUNICIPAL DISTRITAL", {"distrito": "SANTA ROSA"}, None, True),
    ("MUNICIPAL DISTRITAL", {"distrito": "LUGAR QUE NO HAY"}, None, True),
    ("MUNICIPAL PROVINCIAL", {"departamento": "PUNO", "provincia": "PUNO", "distrito": "PUNO"}, "2101", False),
    ("MUNICIPAL PROVINCIAL", {"txUbigeo": "200101"}, "2101", False),
    ("MUNICIPAL PROVINCIAL", {"txUbigeo": "200100"}, "2101", False),
    ("MUNICIPAL DISTRITAL", {"txUbigeo": "200101"}, "210101", False),
    ("REGIONAL", {"txUbigeo": "200000"}, "21", False),
    ("REGIONAL", {"txRegion": "ANCASH"}, "02", False),
    (
        "MUNICIPAL DISTRITAL",
        {"departamento": "PIURA", "provincia": "PIURA", "distrito": "PIURA", "txUbigeo": "200101"},
        "200101",
        True,
    ),
    ("MUNICIPAL DISTRITAL", {"departamento": "PUNO", "distrito": "SANTA ROSA", "txUbigeo": "200809"}, "210809", None),
    ("MUNICIPAL DISTRITAL", {"txDistritoElectoral": "LIMA - LIMA - SANTA ROSA"}, "150139", False),
    ("PRESIDENCIAL", {}, None, False),
]


@pytest.mark.parametrize(("election", "fields", "code", "noted"), TERRITORIES)
def test_territories_by_name_and_by_renecs_code(election, fields, code, noted):
    drafting = drafting_of(txTipoEleccion=election, **fields)
    if noted is not None:
        assert drafting.record.territory == code
        assert any(n.kind == "place" for n in drafting.notes) is noted
    assert drafting.whole is (drafting.record.territory is not None or election == "PRESIDENCIAL")
    for value in fields.values():
        assert any(value in line for line in parse_summary({"datoGeneral": fields, "dimensiones": []}, "x").document.lines)


def test_an_organization_that_is_not_known_is_kept_as_written():
    drafting = drafting_of(txOrganizacionPolitica="MOVIMIENTO INVENTADO", txRegion="PUNO", txTipoEleccion="REGIONAL")
    assert drafting.record.organization is not None
    assert (drafting.record.organization.raw, drafting.record.organization.id) == ("MOVIMIENTO INVENTADO", None)
    assert drafting.record.organization.key == "movimiento-inventado"
    assert drafting.whole
    assert any(n.kind == "organization" for n in drafting.notes)


def test_an_organization_by_the_jnes_number():
    drafting = drafting_of(txOrganizacionPolitica="OTRO NOMBRE", idOrganizacionPolitica=4)
    assert drafting.record.organization is not None and drafting.record.organization.id == "accion-popular"
    assert any(n.kind == "organization" for n in drafting.notes)


NOTED = [
    ({"datoGeneral": {"txColor": "azul"}, "dimensiones": []}, "datoGeneral.txColor", "unknown"),
    ({"datoGeneral": {"txOrganizacionPolitica": ["x"]}, "dimensiones": []}, "datoGeneral.txOrganizacionPolitica", "odd"),
    ({"datoGeneral": {"txTipoEleccion": "REGIONAL"}, "dimensiones": []}, "txOrganizacionPolitica", "missing"),
    ({"datoGeneral": {}, "dimensiones": None}, "dimensiones", "null"),
    ({"datoGeneral": {}, "dimensiones": "x"}, "dimensiones", "odd"),
    ({"datoGeneral": {}, "dimensiones": [{"txDimension": "Dimensión Social"}]}, "dimensiones[0]", "missing"),
    ({"datoGeneral": {}, "dimensiones": [{"txDimension": "Astral", "detalle": []}]}, "dimensiones[0]", "odd"),
    ({"datoGeneral": {}, "dimensionSocial": [7]}, "dimensionSocial[0]", "odd"),
    ({"datoGeneral": {}, "dimensionSocial": [{"txPgProblema": "a"}]}, "dimensionSocial[0].txPgMeta", "missing"),
    ({"datoGeneral": {}, "dimensionSocial": [row("a") | {"idPgDimension": 3}]}, "dimensionSocial[0]", "odd"),
    ({"datoGeneral": {}, "dimensionSocial": [row("a") | {"txOtro": 3}]}, "dimensionSocial[0].txOtro", "unknown"),
    ({"datoGeneral": {}}, "dimensiones", "missing"),
]


@pytest.mark.parametrize(("value", "field", "kind"), NOTED)
def test_what_is_not_plain_is_noted_with_its_field(value, field, kind):
    assert (field, kind) in {(n.field, n.kind) for n in parse_summary(value, "x.json").notes}


def test_the_fields_of_the_older_service_are_known():
    cells = {"strPGProblema": "Falta agua.", "strPGObjetivo": "Dar agua.", "strPGMeta": "30 %", "strPGIndicador": "-"}
    value = {"datoGeneral": {"strOrganizacionPolitica": "PODEMOS PERU"}, "ListPGDSocial": [cells | {"idPGDimension": 1}]}
    record = draft_summary(parse_summary(value, "x.json")).record
    assert [s.type for s in record.statements] == ["problem", "objective", "target"]
    assert record.statements[2].measures == (record.statements[1].id,)


@pytest.mark.parametrize(
    ("given", "url", "noted"),
    [
        ("https://example.org/a/b.pdf", "https://example.org/a/b.pdf", False),
        ("plan-1.pdf", "https://votoinformado.jne.gob.pe/mpesije/docs/plan-1.pdf", True),
        ("javascript:alert(1)", None, True),
        ("https://example.org/<script>", None, True),
        ("../secreto.pdf", None, True),
        (None, None, False),
    ],
)
def test_the_address_of_the_document(given, url, noted):
    drafting = drafting_of(txRutaCompleto=given)
    assert drafting.record.document.url == url
    assert any(n.kind == "address" for n in drafting.notes) is noted


# ------------------------------------------------------------------ evidence


def test_every_quote_stands_at_its_line_of_the_rendered_summary():
    proven = 0
    for path in (LISTS, DIMENSIONS):
        for _, summary in read_summaries(path):
            if summary:
                record = draft_summary(summary).record
                assert check_quotes(record, summary.document, path) == []
                assert list(find_summaries(path, {record.document.sha256, "0" * 64})) == [summary.document]
                proven += len(record.statements)
    assert proven > 30


def test_the_fingerprint_does_not_depend_on_the_order_of_keys_or_on_white_space():
    value = json.loads(LISTS.read_text(encoding="utf-8"))
    again = json.loads(json.dumps(dict(reversed(value.items())), indent=4))
    assert canonical_json(again) == canonical_json(value)
    assert parse_summary(again, LISTS.name).document == read_json(LISTS)
    assert render_summary(again) == read_json(LISTS).lines
    changed = value | {"dimensionEconomica": []}
    assert parse_summary(changed, LISTS.name).document.sha256 != read_json(LISTS).sha256


HOSTILE = st.text("aAñ1 2.-)•\n\t<br>p/&;lt*_|#:", max_size=60)


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE), max_size=3), HOSTILE)
def test_any_cells_make_a_record_whose_statements_stand_in_the_document(rows, vision):
    value = {"datoGeneral": {"txVision": vision}, "dimensionSocial": [row(*cells) for cells in rows]}
    summary = parse_summary(value, "x.json")
    record = draft_summary(summary).record
    assert not any("\n" in line for line in summary.document.lines)
    for statement in record.statements:
        assert fold(statement.text).split() and statement.line <= len(summary.document.lines)
        plain = fold(summary.document.lines[statement.line - 1].replace("\t", " ").replace("<br>", " "))
        assert fold(statement.text) in plain


# ------------------------------------------------------------------ import


def values(count: int) -> list[dict]:
    base = json.loads(LISTS.read_text(encoding="utf-8"))
    return [base | {"codigoExpediente": f"EG.2026{n:06d}", "idSolicitudLista": n} for n in range(count)]


LAYOUTS = {
    "one object": lambda v: json.dumps(v[0]),
    "an array": json.dumps,
    "an array in an object": lambda v: json.dumps({"count": 2, "otro": [1, {"a": 2}], "data": v, "fin": "x"}),
    "JSON Lines": lambda v: "".join(json.dumps(x) + "\n" for x in v),
    "JSON Lines, wrapped": lambda v: "".join(json.dumps({"codigoExpediente": "x", "resultado": x}) + "\n" for x in v),
    "an answer of the service": lambda v: json.dumps({"success": True, "data": v[0]}),
    "an object by key": lambda v: json.dumps({f"ERM.{n}": x for n, x in enumerate(v)}),
    "with a byte order mark": lambda v: "\ufeff" + json.dumps(v),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_summaries_are_found_wherever_they_lie(layout, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(LAYOUTS[layout](values(3)), encoding="utf-8")
    found = [s for _, s in read_summaries(path)]
    assert len(found) == (1 if layout in {"one object", "an answer of the service"} else 3)
    assert all(s and len(s.rows) == 3 for s in found)


def test_the_import_writes_loadable_records_and_a_report(tmp_path, capsys):
    assert main(["import-jne", str(LISTS), str(DIMENSIONS), "--to", str(tmp_path)]) == 1
    written = sorted(p.stem for p in tmp_path.glob("*.yaml"))
    assert written == [
        "060812-2027-2030-podemos-peru",
        "150139-2027-2030-alianza-para-el-progreso",
        "2101-2027-2030-movimiento-inventado-por-el-trigo",
        "nacional-2026-2031-accion-popular",
    ]
    for path in tmp_path.glob("*.yaml"):
        record = load_record(path)
        assert record.review.status == "draft"
    report = (tmp_path / "import-jne.txt").read_text(encoding="utf-8")
    assert "listas.json: resumen / summary 1 (nacional-2026-2031-accion-popular): datoGeneral.txColor:" in report
    assert "dimensiones.jsonl: resumen / summary 3: no es un resumen" in report
    assert "azul" not in report
    assert not (tmp_path / "unresolved").exists()
    assert "4 registros escritos" in capsys.readouterr().err


def test_what_is_there_is_not_overwritten(tmp_path, capsys):
    assert main(["import-jne", str(LISTS), "--to", str(tmp_path)]) == 0
    path = next(tmp_path.glob("*.yaml"))
    path.write_text(path.read_text(encoding="utf-8").replace("status: draft", "status: reviewed"), encoding="utf-8")
    reviewed = path.read_bytes()
    main(["import-jne", str(LISTS), "--to", str(tmp_path)])
    assert path.read_bytes() == reviewed
    assert "1 ya importados" in capsys.readouterr().err
    changed = json.loads(LISTS.read_text(encoding="utf-8"))
    changed["dimensionEconomica"] = []
    other = tmp_path / "otro.json"
    other.write_text(json.dumps(changed), encoding="utf-8")
    main(["import-jne", str(other), "--to", str(tmp_path)])
    assert path.read_bytes() == reviewed
    assert "1 ya existían y quedan" in capsys.readouterr().err


def test_force_reads_a_draft_anew_and_keeps_its_ids(tmp_path):
    main(["import-jne", str(LISTS), "--to", str(tmp_path)])
    path = next(tmp_path.glob("*.yaml"))
    before = {s.text: s.id for s in load_record(path).statements}
    changed = json.loads(LISTS.read_text(encoding="utf-8"))
    changed["dimensionSocial"].insert(0, row("Pistas rotas en los barrios.", "Arreglar las pistas.", None, "20 km de pistas."))
    other = tmp_path / "otro.json"
    other.write_text(json.dumps(changed), encoding="utf-8")
    assert main(["import-jne", str(other), "--to", str(tmp_path), "--force"]) == 0
    after = {s.text: s.id for s in load_record(path).statements}
    assert set(after) - set(before) == {"Pistas rotas en los barrios.", "Arreglar las pistas.", "20 km de pistas."}
    assert all(after[text] == key for text, key in before.items())


def test_two_summaries_of_one_key_both_get_a_record(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([*values(2), values(1)[0]]), encoding="utf-8")
    main(["import-jne", str(path), "--to", str(tmp_path)])
    keys = sorted(p.stem for p in tmp_path.glob("*.yaml"))
    assert keys == ["nacional-2026-2031-accion-popular", "nacional-2026-2031-accion-popular-jne-eg-2026000001"]


BROKEN = {
    "cut off": (lambda text: text[: len(text) * 2 // 3], "ends too early"),
    "a stray word": (lambda text: text[: len(text) * 2 // 3].rpartition("{")[0] + " palabra", "not valid JSON at byte"),
    "not UTF-8": (
        lambda text: text[: text.rindex("EG.2026")] + "\udcff" + text[text.rindex("EG.2026") :],
        "not valid JSON at byte",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_says_where_and_keeps_what_came_before(fault, tmp_path, capsys):
    text = "[\n" + ",\n".join(json.dumps(v) for v in values(6)) + "\n]"
    spoil, said = BROKEN[fault]
    data = spoil(text).encode("utf-8", "surrogateescape")
    path = tmp_path / "x.json"
    path.write_bytes(data)
    assert main(["import-jne", str(path), "--to", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told
    assert len(list((tmp_path / "out").glob("*.yaml"))) >= 3
    byte = int(told.split(" at byte ")[1].split()[0].strip(":").replace(",", ""))
    assert data[:byte].count(b"\n") + 1 == int(told.rsplit("x.json:", 1)[1].split(":")[0])
    if fault == "not UTF-8":
        assert abs(byte - data.index(b"\xff")) <= 1


REFUSED = {
    "empty": (b"", "empty"),
    "no summary": (b'{"a": 1}', "no plan summary"),
    "not JSON": (b"Plan de gobierno", "not valid JSON"),
    "nested": (b"[" * 5000, "nested more than"),
    "a long value": (b'{"datoGeneral": {"txVision": "' + b"x" * 21_000_000, "takes more than"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_hostile_files_end_in_a_clear_error(what, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(REFUSED[what][0])
    with pytest.raises(KgError, match=REFUSED[what][1]):
        list(read_summaries(path))


def test_a_file_with_several_summaries_is_no_document():
    with pytest.raises(KgError, match="import-jne"):
        read_json(DIMENSIONS)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Peak memory for a file of eight megabytes stays far below its size."""
    path = tmp_path / "x.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for value in itertools.chain.from_iterable(itertools.repeat(values(100), 60)):
            file.write(json.dumps(value) + "\n")
    assert path.stat().st_size > 8_000_000
    next(read_summaries(path))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_summaries(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 6000
    assert peak < 2_000_000


def test_a_record_survives_writing_and_loading(tmp_path):
    record = draft_summary(read_summary(LISTS)).record
    path = tmp_path / f"{record.plan}.yaml"
    write_record(record, path)
    assert load_record(path).statements == record.statements
