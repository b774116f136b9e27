"""Reading of layouts: label blocks, programs, HTML and packed tables, tables written cell after cell, furniture of pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.cli import main
from kg.documents import Document, read_document
from kg.reading.blocks import split_blocks
from kg.reading.drafts import draft_record
from kg.reading.roles import load_roles
from kg.reading.statements import Walker

ROLES = load_roles()


def document_of(text: str) -> Document:
    return Document("plan.md", "0" * 64, "text/markdown", tuple(text.split("\n")))


def drafted(text: str):
    return Walker(ROLES).walk(split_blocks(document_of(text)))


def as_pairs(found):
    return [(s.type, s.text) for s in found]


def links(found, kind):
    return {found[i].text: [found[j].text for j in s.links[kind]] for i, s in enumerate(found) if s.links.get(kind)}


LABELS = [
    ("Problema N° 1", "problem"),
    ("PROBLEMAS IDENTIFICADOS", "problem"),
    ("Problema que atiende", "problem"),
    ("OBJETIVOS ESTRATEGICOS (Solución al Problema)", "objective"),
    ("Objetivo estratégico 2:", "objective"),
    ("SOLUCIÓN PROPUESTA", "proposal"),
    ("Metas al 2026", "target"),
    ("Resultado esperado", "target"),
    ("Programa / Proyecto", "chain"),
    ("Nombre del proyecto", "project"),
    ("Inversión S/", "budget"),
    ("Fuente de financiamiento", "funding"),
    ("Entidad responsable / aliada", "partner"),
    ("N°", "ignored"),
    ("Acceso a la salud", None),
    ("Programa Yachay Wasi", None),
    ("El problema del agua en el valle", None),
    ("", None),
]


@pytest.mark.parametrize(("label", "role"), LABELS)
def test_a_label_says_nothing_but_a_role(label, role):
    assert ROLES.of_label(label) == role


BLOCKS = """DIMENSIÓN SOCIAL

Problema 1: Robos en la carretera.
Objetivo estratégico: Recuperar la tranquilidad con la PNP.
Indicador: Número de patrullajes
Meta: 120 patrullajes al 2030

Problema 2:
La posta atiende a cinco distritos.
Objetivo estratégico:
Elevar la posta a centro de salud,
con atención de emergencias.
Meta:
No especificado.
"""


def test_blocks_of_labels_are_groups_of_their_own():
    found = drafted(BLOCKS)
    assert as_pairs(found) == [
        ("problem", "Robos en la carretera."),
        ("objective", "Recuperar la tranquilidad con la PNP."),
        ("target", "Número de patrullajes"),
        ("target", "120 patrullajes al 2030"),
        ("problem", "La posta atiende a cinco distritos."),
        ("objective", "Elevar la posta a centro de salud, con atención de emergencias."),
    ]
    assert [s.links.get("addresses") for s in found] == [None, [0], [0], [0], None, [4]]
    assert [s.links.get("measures") for s in found] == [None, None, [1], [1], None, None]
    assert {s.axis for s in found} == {"DIMENSIÓN SOCIAL"}


PROGRAMS = """PROGRAMA N° 1: SALUD A TU PUERTA

Problema que atiende: Muertes maternas en las comunidades.

Proyectos:
• Casas de espera materna
Actividades:
• Formación de agentes comunitarios
Presupuesto: S/ 1,2 millones
Financiamiento: canon, FONCOMUN
Aliados: MINSA, SIS
Meta al 2026: cero muertes maternas

PROGRAMA N° 2: ESCUELA LINDA

Problema que atiende: Aulas inhabitables.
Acciones:
• Reconstruir doce escuelas
"""


def test_a_program_holds_what_its_labels_name():
    found = drafted(PROGRAMS)
    assert [s.type for s in found] == ["program", "problem", "project", "activity", "target", "program", "problem", "activity"]
    assert found[0].text == "SALUD A TU PUERTA"
    assert (found[0].budget, found[0].funding, found[0].partners) == ("S/ 1,2 millones", "canon, FONCOMUN", "MINSA, SIS")
    assert [s.links.get("part_of") for s in found] == [None, None, [0], [0], None, None, None, [5]]
    assert [s.links.get("addresses") for s in found] == [[1], None, [1], [1], [1], [6], None, [6]]
    assert found[4].links["measures"] == [0]


HTML = """## Eje agrario

<table>
<tr><td><b>PROBLEMA</b></td><td><b>OBJETIVO</b></td>
<td><b>PROYECTOS</b></td><td><b>META</b></td></tr>
<tr>
<td rowspan="2">D&eacute;ficit de agua de riego.</td>
<td>Regular el agua</td>
<td><ul>
  <li>Culminar la represa</li>
  <li>Construir reservorios con la ANA</li>
</ul></td>
<td>6 reservorios</td>
</tr>
<tr><td>Usar mejor el agua</td><td>Revestir canales</td><td>32 km<br>400 ha</td></tr>
</table>
"""


def test_html_tables_keep_lines_and_what_reaches_over_rows():
    found = drafted(HTML)
    assert [(s.type, s.text, s.runs[0][0]) for s in found] == [
        ("problem", "Déficit de agua de riego.", 7),
        ("objective", "Regular el agua", 8),
        ("project", "Culminar la represa", 10),
        ("project", "Construir reservorios con la ANA", 11),
        ("target", "6 reservorios", 13),
        ("objective", "Usar mejor el agua", 15),
        ("project", "Revestir canales", 15),
        ("target", "32 km", 15),
        ("target", "400 ha", 15),
    ]
    assert found[6].links["addresses"] == [0]
    assert found[7].links["measures"] == [5]


PACKED = """### DIMENSIÓN SOCIAL

| Problema identificado | Objetivo estratégico | Indicador | Meta 2023-2026 |
|---|---|---|---|
| 1. Anemia en niños. 2. Sin personal. | 1. Disminuirla. 2. Atender. | 1. Tasa. 2. No especificado | 1. Al 30%. 2. 24 puestos. |
| No especificado | Digitalizar los trámites | - | No especificado |
"""


def test_numbered_items_of_a_row_belong_together():
    found = drafted(PACKED)
    assert links(found, "addresses") == {
        "Disminuirla.": ["Anemia en niños."],
        "Atender.": ["Sin personal."],
        "Tasa.": ["Anemia en niños."],
        "Al 30%.": ["Anemia en niños."],
        "24 puestos.": ["Sin personal."],
    }
    assert as_pairs(found)[-1] == ("objective", "Digitalizar los trámites")
    assert len(found) == 8


LINEAR = """PLAN DE GOBIERNO
PROBLEMAS
IDENTIFICADOS
OBJETIVOS
ESTRATÉGICOS
INDICADORES
METAS AL 2026
1. Sistemas de agua
colapsados en la cuenca.
1. Renovar los sistemas
de agua con el PNSR.
1. Porcentaje de hogares
con agua.
1. 65% de hogares con
agua las 24 horas.
2. Anemia en la mitad de
los niños.
2. Articular con el MINSA
visitas a todas las familias con

2

PLAN DE GOBIERNO
PROBLEMAS
IDENTIFICADOS
OBJETIVOS
ESTRATÉGICOS
INDICADORES
METAS AL 2026
gestantes y niños
pequeños.
2. Proporción de niños
con anemia.
2. Reducir la anemia al
28%.
"""


def test_cells_written_one_after_another_become_rows_again():
    found = drafted(LINEAR)
    assert as_pairs(found) == [
        ("problem", "Sistemas de agua colapsados en la cuenca."),
        ("objective", "Renovar los sistemas de agua con el PNSR."),
        ("target", "Porcentaje de hogares con agua."),
        ("target", "65% de hogares con agua las 24 horas."),
        ("problem", "Anemia en la mitad de los niños."),
        ("objective", "Articular con el MINSA visitas a todas las familias con gestantes y niños pequeños."),
        ("target", "Proporción de niños con anemia."),
        ("target", "Reducir la anemia al 28%."),
    ]
    assert [s.row for s in found] == ["r01"] * 4 + ["r02"] * 4
    assert [line for line, _ in found[5].runs] == [18, 30]
    assert found[7].links == {"addresses": [4], "measures": [5]}


FURNITURE = """PLAN DE GOBIERNO DISTRITAL

Propuestas

- Construir el mercado
con puestos de venta

Pág. 1
PLAN DE GOBIERNO DISTRITAL

- Ampliar la posta
Firmado digitalmente por:
QUISPE MAMANI JUAN
Fecha: 01/02/2026 10:00

2
PLAN DE GOBIERNO DISTRITAL

- Mejorar el camino
"""


def test_page_numbers_headers_and_stamps_are_no_text():
    assert as_pairs(drafted(FURNITURE)) == [
        ("proposal", "Construir el mercado con puestos de venta"),
        ("proposal", "Ampliar la posta"),
        ("proposal", "Mejorar el camino"),
    ]


def test_a_title_between_rows_keeps_the_table_open():
    found = drafted("Problema\tObjetivo\nFalta agua\tDar agua\n**DIMENSIÓN ECONÓMICA**\nFalta empleo\tDar empleo\n")
    assert [(s.type, s.axis) for s in found] == [
        ("problem", None),
        ("objective", None),
        ("problem", "DIMENSIÓN ECONÓMICA"),
        ("objective", "DIMENSIÓN ECONÓMICA"),
    ]
    assert found[3].links["addresses"] == [2]


def test_two_sections_of_one_name_are_two():
    section = "## SALUD\nProblemas:\n- Falta {0}\nPropuestas:\n- Traer {0}\n"
    text = section.format("agua") + "## OTRA\n" + section.format("luz")
    assert links(drafted(text), "addresses") == {"Traer agua": ["Falta agua"], "Traer luz": ["Falta luz"]}


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "layouts").glob("*.json")), ids=lambda p: p.stem)
def test_every_quote_of_a_draft_stands_in_its_document(path):
    document = read_document(next(p for p in path.parent.glob(f"{path.stem}.*") if p.suffix != ".json"))
    record = draft_record(document, path.stem)
    assert len(record.statements) > 20
    assert [(s.line, s.first_run) for s in record.statements if not document.holds(s.first_run, s.line)] == []


MARKS = ["Problema:", "Objetivo 1:", "Metas", "- ", "1. ", "a) ", "| a | b | c |", "\t", "**", "#", "", "\f", "12"]
TAGS = ["<table>", "<td>", "</table>", "</td>"]
WORDS = ["PROBLEMAS", "OBJETIVOS", "INDICADORES", "METAS AL 2026", "Falta de agua", "Construir la obra.", "50% de niños"]
PIECES = st.sampled_from([*MARKS, *TAGS, *WORDS, "Programa Agua"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PIECES | st.text(max_size=12), max_size=4).map(" ".join), max_size=40))
def test_any_lines_are_read_without_an_error_and_every_link_resolves(lines):
    found = Walker(ROLES).walk(
        split_blocks(Document("x.txt", "0" * 64, "text/plain", tuple(line.replace("\n", " ") for line in lines)))
    )
    for statement in found:
        assert statement.runs
        assert all(1 <= line <= len(lines) for line, _ in statement.runs)
        assert all(0 <= i < len(found) for others in statement.links.values() for i in others)


def test_a_document_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    documents, out = tmp_path / "documents", tmp_path / "out"
    documents.mkdir()
    (documents / "bueno.md").write_text("# PLAN\n\n## Propuestas\n\n- Construir el mercado de abastos.\n", encoding="utf-8")
    (documents / "roto.pdf").write_bytes(b"%PDF-1.7 nothing more")
    assert main(["build", "--documents", str(documents), "--out", str(out)]) == 1
    assert "roto.pdf" in capsys.readouterr().err
    assert "/plan/bueno/" in (out / "graph.nq").read_text(encoding="utf-8")
    (documents / "bueno.md").unlink()
    assert main(["build", "--documents", str(documents), "--out", str(out)]) == 2
    assert "/plan/bueno/" in (out / "graph.nq").read_text(encoding="utf-8")
