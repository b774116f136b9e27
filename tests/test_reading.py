"""Reading: small documents of each layout, and the drafts of real plans measured against careful annotations."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from kg.build import make_graphs, write_graph
from kg.documents import read_document
from kg.reading.blocks import split_blocks
from kg.reading.drafts import draft_record
from kg.reading.marks import split_enumerator
from kg.reading.rereading import keep_ids
from kg.reading.roles import load_roles
from kg.reading.statements import Walker

ROLES = load_roles()


def drafted(tmp_path: Path, text: str):
    path = tmp_path / "plan.md"
    path.write_text(text, encoding="utf-8")
    return Walker(ROLES).walk(split_blocks(read_document(path)))


def as_pairs(found):
    return [(s.type, s.text) for s in found]


LABELS = """# PLAN DE GOBIERNO
## I. SALUD
### Problemática:
- Falta de médicos en los puestos de salud.
- Anemia en niños
### Objetivo:
- Mejorar la atención
### Propuestas
- Programa de visitas a las familias.
- Ampliar el hospital
## II. EDUCACION
**Problemática:** Aulas en mal estado.
**Propuesta:**
- Proyecto de aulas nuevas
"""


def test_labels_give_the_role_and_tie_a_section(tmp_path):
    found = drafted(tmp_path, LABELS)
    assert as_pairs(found) == [
        ("problem", "Falta de médicos en los puestos de salud."),
        ("problem", "Anemia en niños"),
        ("objective", "Mejorar la atención"),
        ("program", "Programa de visitas a las familias."),
        ("proposal", "Ampliar el hospital"),
        ("problem", "Aulas en mal estado."),
        ("project", "Proyecto de aulas nuevas"),
    ]
    assert [s.links.get("addresses") for s in found] == [None, None, [0, 1], [0, 1], [0, 1], None, [5]]
    assert [s.links.get("pursues") for s in found] == [None, None, None, [2], [2], None, None]


TABLE = """EJE SOCIAL

PROBLEMA\tPROGRAMA\tPROYECTO\tACTIVIDAD\tPRESUPUESTO\tFTE FTO
Falta agua\tAgua para todos\tPlanta de agua\tComprar tubos\tS/ 75 000\tCanon y sobre canon
Falta luz\tLuz\tRed nueva\ta) Postes b) Cables\ts/ 15 000\tFONCOMUN
"""


def test_a_table_gives_chains_money_and_rows(tmp_path):
    found = drafted(tmp_path, TABLE)
    assert [(s.type, s.row) for s in found[:4]] == [
        ("problem", "r01"),
        ("program", "r01"),
        ("project", "r01"),
        ("activity", "r01"),
    ]
    project = found[2]
    assert (project.budget, project.funding) == ("S/ 75 000", "Canon y sobre canon")
    assert project.links == {"addresses": [0], "part_of": [1]}
    assert [s.text for s in found if s.row == "r02" and s.type == "activity"] == ["Postes", "Cables"]
    assert {s.axis for s in found} == {"EJE SOCIAL"}


CHAIN = "<p><b>1.0 Programa agua</b></p><p><b>1.1 Proyecto:</b> Redes.</p><p><b>1.2 Actividades:</b> Abrir zanjas.</p>"
CELLS = f"""**4.1. DIMENSIÓN SOCIAL**

PROBLEMAS IDENTIFICADOS\tOBJETIVOS ESTRATÉGICOS\tPROPUESTA (PROGRAMA, PROYECTOS, ACTIVIDADES)\tINDICADORES 2022 (METAS)
Sin agua\tVida digna\t{CHAIN}\tLlegar al 100%.
"""


def test_labels_inside_a_cell_give_the_chain(tmp_path):
    found = drafted(tmp_path, CELLS)
    assert as_pairs(found) == [
        ("problem", "Sin agua"),
        ("objective", "Vida digna"),
        ("program", "Programa agua"),
        ("project", "Redes."),
        ("activity", "Abrir zanjas."),
        ("target", "Llegar al 100%."),
    ]
    assert found[5].links == {"addresses": [0], "measures": [1, 2]}
    assert (found[3].links["part_of"], found[4].links["part_of"]) == ([2], [3])


BROKEN_ROW = """PROBLEMA IDENTIFICADO\tOBJETIVO ESTRATÉGICO\tMETA (al 2022)
Poco riego\t- Canales nuevos. - Reservorios.\tPlan de riego en la

\t- Capacitar a los regantes.\tparte alta
----\t----\t----
"""


def test_a_row_broken_over_pages_stays_one_row(tmp_path):
    found = drafted(tmp_path, BROKEN_ROW)
    assert {s.row for s in found} == {"r01"}
    assert [s.text for s in found if s.type == "objective"] == ["Canales nuevos.", "Reservorios.", "Capacitar a los regantes."]
    (target,) = [s for s in found if s.type == "target"]
    assert target.runs == ((2, "Plan de riego en la"), (4, "parte alta"))


def test_a_sentence_cut_by_a_page_is_one_statement(tmp_path):
    found = drafted(
        tmp_path, "## VISION\nUn pueblo con agua y\n\n## PLAN LIMPIO\n\n## PLAN LIMPIO\n\n## PLAN LIMPIO\n\nluz para todos.\n"
    )
    assert [(s.type, s.runs) for s in found] == [("vision", ((2, "Un pueblo con agua y"), (10, "luz para todos.")))]


def test_a_table_of_contents_is_no_statement(tmp_path):
    text = "CONTENIDO\n\nPARTE I: VALORES\n\nPARTE II: DIAGNÓSTICO\n\nPARTE I\n\nVALORES\n\n- Honradez y servicio.\n"
    assert as_pairs(drafted(tmp_path, text)) == [("principle", "Honradez y servicio.")]


def test_foda_headings(tmp_path):
    heads = ("6.1.1 OPORTUNIDADES", "6.1.2 AMENAZAS", "6.2.1 FORTALEZAS")
    text = "".join(f"{head}\n\n- Tierras fértiles y agua\n\n" for head in heads)
    assert [s.type for s in drafted(tmp_path, text)] == ["opportunity", "threat", "strength"]


@pytest.mark.parametrize(
    ("line", "mark", "rest"),
    [
        ("1.1 Proyecto: Redes", "1.1", "Proyecto: Redes"),
        ("IV. VISION", "IV.", "VISION"),
        ("a) Agua", "a)", "Agua"),
        ("A.1. Alimentación", "A.1.", "Alimentación"),
        ("F.- GESTION", "F.-", "GESTION"),
        ("PARTE II: DIAGNÓSTICO", "PARTE II", ": DIAGNÓSTICO"),
        ("2 de mayo", "", "2 de mayo"),
        ("S.A. del Perú", "", "S.A. del Perú"),
    ],
)
def test_enumerators(line, mark, rest):
    assert split_enumerator(line) == (mark, rest)


def test_a_draft_says_that_it_is_one(tmp_path):
    path = tmp_path / "plan.md"
    path.write_text("# PLAN DE GOBIERNO DEL DISTRITO DE PATIVILCA (2019-2022)\n" + LABELS, encoding="utf-8")
    record = draft_record(read_document(path))
    assert (record.territory, record.level, record.start, record.end) == ("150203", "district", 2019, 2022)
    assert record.review.status == "draft" and record.organization is None
    assert all(s.rule and s.confidence for s in record.statements)
    assert record.plan == "150203-2019-2022"


def test_a_document_read_again_keeps_its_ids(tmp_path):
    path = tmp_path / "plan.md"
    path.write_text(LABELS, encoding="utf-8")
    first = draft_record(read_document(path), "plan")
    path.write_text(LABELS.replace("- Anemia en niños", "- Falta de agua potable\n- Anemia en los niños"), encoding="utf-8")
    second = keep_ids(draft_record(read_document(path), "plan"), first)
    before = {s.text: s.id for s in first.statements}
    after = {s.text: s.id for s in second.statements}
    assert {t: i for t, i in after.items() if t in before} == {t: i for t, i in before.items() if t in after}
    assert after["Anemia en los niños"] == before["Anemia en niños"]
    assert after["Falta de agua potable"] == f"s{len(first.statements) + 1:03d}"
    hospital = next(s for s in second.statements if s.text == "Ampliar el hospital")
    assert set(hospital.addresses) == {s.id for s in second.statements if s.type == "problem"} - {after["Aulas en mal estado."]}


def test_signatures_and_identity_numbers_are_never_read(tmp_path):
    found = drafted(tmp_path, LABELS + "\nFirmado digitalmente por: PEREZ Ana DNI: 12345678\n\n- Con DNI N° 12345678 firmo\n")
    assert not [s for s in found if "1234" in s.text]


# ------------------------------------------------------------------ against careful annotations


@pytest.fixture(scope="module")
def score(shared):
    spec = importlib.util.spec_from_file_location("score", shared / "gold" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def annotations(shared: Path) -> list[dict]:
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted((shared / "gold").glob("*.json"))]


def test_unreviewed_drafts_come_near_a_careful_reader(score, shared, tmp_path):
    gold = annotations(shared)
    records = [draft_record(read_document(shared / "plans" / f"{g['plan']}.txt"), g["plan"]) for g in gold]
    write_graph(make_graphs(records)[0], tmp_path / "graph.nq")
    store = score.load(str(tmp_path / "graph.nq"))
    for annotation in gold:
        result = score.score(store, annotation)
        assert result["core_typed_f1"] > 0.95, result["plan"]
        assert result["covered_recall"] > 0.97, result["plan"]
        assert result["link_recall"] > 0.93, result["plan"]
        assert result["acronym_recall"] == 1, result["_institutions_missed"]


def test_the_reviewed_records_agree_with_a_careful_reader(score, shared, built):
    store = score.load(str(built / "graph.nq"))
    for annotation in annotations(shared):
        result = score.score(store, annotation)
        assert result["core_typed_f1"] > 0.97, result["plan"]
        assert result["covered_recall"] > 0.97, result["plan"]
        assert result["link_recall"] > 0.97, result["plan"]
        assert result["acronym_recall"] == 1, result["_institutions_missed"]
        assert result["budget_recall"] in {None, 1.0} and result["target_recall"] in {None, 1.0}, result["plan"]
