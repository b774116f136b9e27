"""Formats: whatever kind of file a plan comes in, its lines, pages and gaps are the same to the reader."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from rdflib import Literal

from kg.documents import Document, find_documents, read_document
from kg.documents.pdf import ocr
from kg.gazetteer import load_gazetteer
from kg.graph import PlanGraph
from kg.issues import load_issues
from kg.namespaces import PG
from kg.ontology import load_ontology
from kg.reading.drafts import draft_record
from kg.records import dump_record, load_record
from kg.records.proof import check_quotes
from tests.pdfs import HEIGHT, PdfPage, pdf

PDFS = Path(__file__).resolve().parents[2] / "shared" / "plans-more" / "pdf"
PROSE = "El agua llega dos horas al día a los barrios altos, y no llega a los caseríos que quedan más allá del río grande."


def read(path: Path, content: bytes | str) -> Document:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path)


def read_pdf(folder: Path, *pages: PdfPage) -> Document:
    return read(folder / "plan.pdf", pdf(list(pages)))


# ---------------------------------------------------------------------------- one plan in every format

LINES = (
    "# Plan de gobierno",
    "",
    "**Visión:** Un distrito con agua.",
    "",
    "- Pozos",
    "- Tuberías",
    "",
    "Problema\tObjetivo\tMeta",
    "**EJE SOCIAL**",
    "Falta agua\t- Cavar pozos<br>- Tender tubos\t90 %",
)
HTML = """<!doctype html><title>Otro</title><h1>Plan de <b>gobierno</b></h1><p><strong>Visión:</strong> Un distrito
con agua.</p><ul><li>Pozos<li>Tuberías</ul><table><tr><td>Problema<td>Objetivo<td>Meta<tr><td colspan=3>EJE SOCIAL
<tr><td>Falta agua<td><ul><li>Cavar pozos<li>Tender tubos</ul><td>90 %</table>"""


def as_docx(folder: Path) -> Path:
    document = docx.Document()
    document.add_heading("Plan de gobierno", 1)
    paragraph = document.add_paragraph()
    paragraph.add_run("Visión:").bold = True
    paragraph.add_run(" Un distrito con agua.")
    for text in ("Pozos", "Tuberías"):
        document.add_paragraph(text, style="List Bullet")
    table = document.add_table(3, 3)
    for cell, text in zip(table.rows[0].cells, ("Problema", "Objetivo", "Meta"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 2)).text = "EJE SOCIAL"
    table.cell(2, 0).text, table.cell(2, 2).text = "Falta agua", "90 %"
    table.cell(2, 1).paragraphs[0].text = "Cavar pozos"
    table.cell(2, 1).paragraphs[0].style = "List Bullet"
    table.cell(2, 1).add_paragraph("Tender tubos", style="List Bullet")
    path = folder / "plan.docx"
    document.save(str(path))
    return path


def as_pdf() -> bytes:
    xs, ys = [50.0, 200.0, 400.0, 545.0], [200.0, 220.0, 240.0, 280.0]
    page = (
        PdfPage().text(50, 60, "Plan de gobierno", 18).text(50, 100, "Visión:", bold=True).text(95, 100, "Un distrito con agua.")
    )
    page.lines(50, 130, ["• Pozos", "• Tuberías"])
    for x, text in zip(xs, ("Problema", "Objetivo", "Meta"), strict=False):
        page.text(x + 5, 214, text)
    page.text(250, 234, "EJE SOCIAL").text(55, 254, "Falta agua").lines(205, 254, ["• Cavar pozos", "• Tender tubos"]).text(
        405, 254, "90 %"
    )
    for y in ys:
        page.grid([xs[0], xs[-1]], [y, y])
    for x in xs:
        for top, bottom in ((200.0, 220.0), (240.0, 280.0)) if x in xs[1:3] else ((200.0, 280.0),):
            page.operators.append(f"{x} {HEIGHT - top} m {x} {HEIGHT - bottom} l S")
    return pdf([page])


def test_one_plan_in_every_format(tmp_path):
    text = "\n".join(LINES)
    assert read(tmp_path / "plan.txt", text).lines == LINES
    assert read(tmp_path / "plan.md", text).lines == LINES
    assert read(tmp_path / "plan.html", HTML).lines == LINES
    assert read_document(as_docx(tmp_path)).lines == LINES
    assert read(tmp_path / "plan.pdf", as_pdf()).lines == LINES
    assert [p.name for p in find_documents(tmp_path)] == ["plan.docx", "plan.html", "plan.md", "plan.pdf", "plan.txt"]


# ---------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("encoding", "gaps"),
    [("utf-8", 0), ("utf-8-sig", 0), ("utf-16", 0), ("cp1252", 1), ("latin-1", 1)],
)
def test_encodings(tmp_path, encoding, gaps):
    document = read(tmp_path / "a.txt", "Visión: niñez sana\ny año a año".encode(encoding))
    assert document.lines == ("Visión: niñez sana", "y año a año")
    assert len(document.gaps) == gaps
    assert all("UTF-8" in gap.es and "UTF-8" in gap.en for gap in document.gaps)


# ---------------------------------------------------------------------------- HTML


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("<p>Uno<p>Dos", ("Uno", "", "Dos")),
        ("Uno<br>Dos<br>y tres", ("Uno", "", "Dos y tres")),
        ("<ol start=3><li>a<li>b<ul><li>c</ul></ol>", ("3. a", "4. b", "  - c")),
        ("<ol type=a><li>x<li>y</ol>", ("a) x", "b) y")),
        ("<b>Uno</b><b> dos</b> tres", ("**Uno dos** tres",)),
        ("a &lt; b &amp; c&nbsp;d", ("a < b & c d",)),
        ("<table><tr><td rowspan=2>P<td>a<tr><td>b</table>", ("P\ta", "\tb")),
        ("<table><tr><td colspan=2>P<td>a<tr><td>1<td>2<td>3</table>", ("P\t\ta", "1\t2\t3")),
        ("<table><tr><td>Solo texto<tr><td>en un marco</table>", ("Solo texto", "", "en un marco")),
        ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", ("a\tb<br>c",)),
        ("<table><tr><th>A<th>B</table>", ("**A**\t**B**",)),
        ("Antes<script>var x='malo'</script><style>p{}</style> después", ("Antes después",)),
        ("<!-- oculto -->a<template>b</template><svg><text>c</text></svg>", ("a",)),
    ],
)
def test_html(tmp_path, html, lines):
    assert read(tmp_path / "a.html", f"<html><body>{html}</body></html>").lines == lines


@pytest.mark.parametrize("name", ["windows-1252", "iso-8859-1", "utf-8", "ISO-8859-15"])
def test_html_says_its_encoding(tmp_path, name):
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={name}">'
    document = read(tmp_path / "a.htm", f"{head}<p>Año de la niñez".encode(name))
    assert document.lines == ("Año de la niñez",)
    assert document.gaps == ()
    assert document.media_type == "text/html"


def test_html_that_misstates_its_encoding(tmp_path):
    document = read(tmp_path / "a.html", '<meta charset="utf-8"><p>Año de la niñez'.encode("cp1252"))
    assert document.lines == ("Año de la niñez",)
    assert len(document.gaps) == 1


# ---------------------------------------------------------------------------- Word


def test_word_numbers_and_merged_cells(tmp_path):
    document = docx.Document()
    for text, style in (("Uno", "List Number"), ("Dos", "List Number"), ("Nota", "Normal")):
        document.add_paragraph(text, style=style)
    table = document.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(1, 0)).text = "P"
    table.cell(0, 1).text, table.cell(1, 1).text = "a", "b"
    document.save(str(tmp_path / "a.docx"))
    assert read_document(tmp_path / "a.docx").lines == ("1. Uno", "2. Dos", "", "Nota", "", "P\ta", "\tb")


def test_word_takes_insertions_and_controls_and_leaves_deletions(tmp_path):
    document = docx.Document()
    body = document.element.body
    space = nsdecls("w")
    run = "<w:r><w:t>{}</w:t></w:r>"
    inserted = f"<w:ins w:id='1' w:author='a'>{run.format(' nuevo')}</w:ins>"
    deleted = "<w:del w:id='2' w:author='a'><w:r><w:delText> viejo</w:delText></w:r></w:del>"
    body.insert(0, parse_xml(f"<w:p {space}>{run.format('Plan')}{inserted}{deleted}</w:p>"))
    body.insert(1, parse_xml(f"<w:sdt {space}><w:sdtContent><w:p>{run.format('En un control')}</w:p></w:sdtContent></w:sdt>"))
    document.save(str(tmp_path / "a.docx"))
    assert read_document(tmp_path / "a.docx").lines == ("Plan nuevo", "", "En un control")


# ---------------------------------------------------------------------------- PDF: text


def test_columns_are_read_one_after_the_other(tmp_path):
    left = ["Los barrios altos reciben agua dos", "horas al día, y en verano la reciben", "cada dos días por camión cisterna"]
    right = [
        "La escuela rural tiene un docente",
        "para seis grados, y en invierno cierra",
        "porque el camino se corta con lluvia",
    ]
    page = PdfPage().text(60, 60, "Diagnóstico", 16).lines(60, 100, left).lines(320, 100, right)
    assert read_pdf(tmp_path, page).lines == ("# Diagnóstico", "", " ".join(left), "", " ".join(right))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Promover la capaci-", "tación de jóvenes"], "Promover la capacitación de jóvenes"),
        (
            ["La obra será público-", "privada, y lo público-privada", "se explica aquí"],
            "La obra será público-privada, y lo público-privada se explica aquí",
        ),
        (["Meta: bajar de 18-", "20 casos"], "Meta: bajar de 18- 20 casos"),
    ],
)
def test_hyphens(tmp_path, lines, text):
    assert read_pdf(tmp_path, PdfPage().lines(60, 100, lines)).lines == (text,)


@pytest.mark.parametrize(("pages", "headers"), [(4, 1), (2, 2)])
def test_page_headers_and_numbers_go_only_when_they_repeat(tmp_path, pages, headers):
    made = []
    for number in range(pages):
        page = PdfPage().text(60, 40, "MOVIMIENTO VECINAL").text(290, 815, f"Página {number + 1}")
        made.append(page.lines(60, 100, [f"Texto {'abcd'[number]} de la página."]))
    lines = read_pdf(tmp_path, *made).lines
    assert lines.count("MOVIMIENTO VECINAL") == headers
    assert sum(line.startswith("Página") for line in lines) == (0 if pages > 2 else 2)
    assert sum(line.startswith("Texto") for line in lines) == pages


def test_lines_know_their_page(tmp_path):
    document = read_pdf(tmp_path, PdfPage().text(60, 100, "Primera."), PdfPage(), PdfPage().text(60, 100, "Tercera."))
    assert [document.page_of(n) for n, line in enumerate(document.lines, 1) if line] == [1, 3]
    assert document.page_of(99) is None
    assert read(tmp_path / "a.txt", "Uno").page_of(1) is None


# ---------------------------------------------------------------------------- PDF: tables


def columns(page: PdfPage, y: float, *cells: str | list[str]) -> PdfPage:
    for x, cell in zip((55, 225, 385), cells, strict=False):
        page.lines(x, y, [cell] if isinstance(cell, str) else cell)
    return page


def test_a_table_without_rules(tmp_path):
    page = PdfPage().text(50, 60, "Población", 16)
    for y, cells in ((100, ("Año", "Urbana", "Rural")), (112, ("1993", "29 341", "2 793")), (124, ("1994", "31 833", "3 030"))):
        columns(page, y, *cells)
    assert read_pdf(tmp_path, page).lines[2:] == ("Año\tUrbana\tRural", "1993\t29 341\t2 793", "1994\t31 833\t3 030")


def test_a_title_in_the_first_cell_stands_between_the_rows(tmp_path):
    page = columns(PdfPage().grid([50.0, 220.0, 380.0, 545.0], [100, 130, 160, 190]), 120, "Problema", "Objetivo", "Meta")
    columns(page.text(55, 150, "EJE SOCIAL", bold=True), 180, "Falta agua.", "Cavar pozos.", "Diez pozos.")
    assert read_pdf(tmp_path, page).lines == (
        "Problema\tObjetivo\tMeta",
        "**EJE SOCIAL**",
        "Falta agua.\tCavar pozos.\tDiez pozos.",
    )


def test_a_row_goes_on_over_the_page(tmp_path):
    xs = [50.0, 220.0, 380.0, 545.0]
    first = columns(PdfPage().grid(xs, [100, 130, 700, 780]), 120, "Problema", "Objetivo", "Meta")
    columns(first, 150, "Falta agua.", "Cavar pozos.", "Diez pozos.")
    columns(first, 720, "Falta luz en los caseríos", ["• Tender redes", "• Instalar paneles en las"], "Cien casas.")
    second = columns(PdfPage().grid(xs, [50, 80, 200, 260]), 70, "Problema", "Objetivo", "Meta")
    columns(second, 100, "que quedan lejos.", ["escuelas rurales.", "• Dar mantenimiento."], "")
    columns(second, 220, "Falta escuela.", "Construirla.", "Una.")
    document = read_pdf(tmp_path, first, second)
    assert document.lines == (
        "Problema\tObjetivo\tMeta",
        "Falta agua.\tCavar pozos.\tDiez pozos.",
        "Falta luz en los caseríos que quedan lejos.\t"
        "- Tender redes<br>- Instalar paneles en las escuelas rurales.<br>- Dar mantenimiento.\tCien casas.",
        "Falta escuela.\tConstruirla.\tUna.",
    )
    assert document.pages == (1, 1, 1, 2)
    quotes = {"Tender redes": 1, "Instalar paneles en las escuelas rurales.": 1, "Dar mantenimiento.": 2, "Cien casas.": 1}
    assert {quote: document.page_of(3, quote) for quote in quotes} == quotes


def test_a_note_at_the_foot_of_a_page_stands_after_the_table(tmp_path):
    xs = [50.0, 220.0, 380.0, 545.0]
    first = columns(PdfPage().grid(xs, [650, 680, 740]), 670, "Problema", "Objetivo", "Meta")
    columns(first, 700, "Falta luz en los caseríos", "Tender redes.", "Cien casas.").text(50, 770, "1 Según el censo.", 7)
    second = columns(PdfPage().grid(xs, [50, 110]), 70, "que quedan lejos.", "", "")
    first.lines(50, 100, [PROSE[:58], PROSE[58:]])
    lines = read_pdf(tmp_path, first, second).lines
    assert lines[-3:] == ("Falta luz en los caseríos que quedan lejos.\tTender redes.\tCien casas.", "", "1 Según el censo.")


def test_a_new_row_on_a_new_page_stays_one(tmp_path):
    xs = [50.0, 220.0, 380.0, 545.0]
    first = columns(PdfPage().grid(xs, [100, 130, 160]), 120, "Problema", "Objetivo", "Meta")
    columns(first, 150, "1. Falta agua.", "Cavar pozos.", "Diez pozos.")
    second = columns(PdfPage().grid(xs, [50, 80]), 70, "2. Falta luz.", "Tender redes.", "Cien casas.")
    assert read_pdf(tmp_path, first, second).lines[1:] == (
        "1. Falta agua.\tCavar pozos.\tDiez pozos.",
        "2. Falta luz.\tTender redes.\tCien casas.",
    )


def test_a_table_that_is_not_closed_loses_no_word_and_is_named(tmp_path):
    page = PdfPage().grid([50.0, 220.0, 380.0, 545.0], [100.0, 130.0]).grid([50.0, 220.0, 380.0], [130.0, 160.0])
    columns(page, 120, "Problema", "Objetivo", "Meta")
    columns(page, 150, "Falta agua.", "Cavar pozos.", "Diez.")
    document = read_pdf(tmp_path, page)
    assert document.lines == ("Problema\tObjetivo\tMeta", "Falta agua.\tCavar pozos. Diez.\t")
    assert [("not closed" in gap.en, "no está cerrado" in gap.es, gap.page) for gap in document.gaps] == [(True, True, 1)]


# ---------------------------------------------------------------------------- gaps, records, graph


def test_a_page_that_is_a_picture_is_named(tmp_path):
    document = read_pdf(tmp_path, PdfPage().lines(60, 100, [PROSE[:60], PROSE[60:]]), PdfPage(picture=1.0))
    (gap,) = document.gaps
    assert gap.page == 2
    assert "imagen y ningún texto" in gap.es
    assert "image and no text" in gap.en
    (found,) = draft_record(document, "plan").findings
    assert (found.kind, found.es, found.en) == ("unread-part", gap.es, gap.en)


def test_pictures_beside_text_are_named_once(tmp_path):
    texts = ["Primera página.", "Segunda página.", "Tercera página.", "Cuarta página.", "Quinta página."]
    pages = [PdfPage(picture=0.2 if number in {1, 3} else 0.0).text(60, 100, text) for number, text in enumerate(texts)]
    (gap,) = read_pdf(tmp_path, *pages).gaps
    assert gap.en.endswith("tables as images): 2, 4.")
    letterhead = [PdfPage(picture=0.2).text(60, 100, text) for text in texts]
    assert read_pdf(tmp_path, *letterhead).gaps == ()


@pytest.mark.skipif(not ocr.is_installed(), reason="OCRmyPDF and Tesseract with Spanish are not installed")
def test_a_scan_is_read_by_ocr(tmp_path):
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (1240, 1754), 255)
    ImageDraw.Draw(picture).text((120, 200), "Falta agua en los caseríos", font=ImageFont.load_default(48), fill=0)
    picture.save(tmp_path / "scan.pdf", resolution=150)
    document = read_document(tmp_path / "scan.pdf")
    assert "agua en los caser" in " ".join(document.lines)
    assert [gap.page for gap in document.gaps] == [1]


def test_pages_reach_record_and_graph(tmp_path):
    first = PdfPage().text(60, 60, "PLAN DE GOBIERNO DISTRITO DE PATIVILCA 2019 - 2022", 16)
    second = (
        PdfPage()
        .text(60, 60, "OBJETIVOS", 16)
        .lines(60, 100, ["• Llevar agua a todos los caseríos.", "• Mejorar las escuelas rurales."])
    )
    document = read_pdf(tmp_path, first, second)
    record = draft_record(document, "plan")
    assert {s.page for s in record.statements} == {2}
    assert check_quotes(record, document, tmp_path) == []
    path = tmp_path / "plan.yaml"
    path.write_text(dump_record(record), encoding="utf-8")
    graph = PlanGraph(load_record(path), load_ontology(), load_issues(), load_gazetteer()).make()
    assert set(graph.objects(None, PG.sourcePage)) == {Literal(2)}


@pytest.mark.skipif(not PDFS.is_dir(), reason="the shared PDFs are not at hand")
@pytest.mark.parametrize(("name", "pages", "rows"), [("avanza_pais", 15, 13), ("apra", 59, 120)])
def test_filed_pdfs_are_read_whole(name, pages, rows):
    path = PDFS / f"{name}.pdf"
    document = read_document(path)
    assert set(document.pages) | {gap.page for gap in document.gaps} == set(range(1, pages + 1)) - skipped(document)
    assert sum("\t" in line for line in document.lines) >= rows
    assert check_quotes(draft_record(document, "plan"), document, path) == []


def skipped(document: Document) -> set[int]:
    """Return the pages on which no line starts because a table row runs over the whole of them."""
    starts = set(document.pages)
    return {page for _, _, page in document.breaks} - starts
