"""The pages of the questions, their files and citations, and the description of the API."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from pathlib import Path

import openpyxl
import pytest
from fastapi.openapi.models import OpenAPI
from starlette.testclient import TestClient

from api import charts
from api.answers import KINDS, Told, sentence, slots
from api.app import create_app
from api.asking import CONTROL
from api.columns import columns
from api.lookup import XSD, Node, Row
from api.questions import PICKED, written
from api.settings import Settings
from api.strings import words
from api.tables import sort_key
from kg.errors import ProblemsError
from kg.namespaces import BASE, PREFIXES
from kg.queries import FAMILIES, FOLDER, Chart, Question, load_questions, read_question
from tests.serving import GRAPH_A, PLAN, QUESTION, S1, build, settings

BROWSER = {"Accept": "text/html"}
QUESTIONS = load_questions()
LANGUAGES = ("es", "en")


@pytest.fixture(scope="module")
def client(built: Path) -> Iterator[TestClient]:
    """The site over the reviewed plans."""
    with TestClient(create_app(Settings(out=built, result_rows=0)), follow_redirects=False) as client:
        yield client


def page_of(client: TestClient, path: str, **parameters: str) -> str:
    answer = client.get(path, params=parameters, headers=BROWSER)
    assert answer.status_code == 200, (path, parameters, answer.status_code)
    return answer.text


def cells(page: str, label: str) -> list[str]:
    """Return the texts of a column of the table on a page, by the label that its cells carry."""
    found = re.findall(rf'<td role="cell" data-l="{re.escape(label)}"[^>]*>(.*?)</td>', page, re.S)
    texts = [unescape(re.sub(r"<[^>]+>", " ", cell)) for cell in found]
    return [" ".join(text.split()) for text in texts]


def lede(page: str) -> str:
    found = re.search(r'<p class="lede"[^>]*>(.*?)</p>', page, re.S)
    return unescape(found[1]) if found else ""


# --- what a question file says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_says_why_and_sums_its_answer_up(name: str) -> None:
    asked = QUESTIONS[name]
    for told in (asked.why, asked.answer):
        assert set(told) == set(LANGUAGES) and all(told.values())
    assert len(set(asked.related)) == 3 and set(asked.related) <= set(QUESTIONS) - {name}
    assert not {param.name for param in asked.params} & CONTROL
    target = asked.detail.get("question")
    assert target is None or target in QUESTIONS


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_a_question_names_is_in_its_answer(name: str, client: TestClient) -> None:
    asked = QUESTIONS[name]
    names = set(client.get(f"/questions/{name}", params={"format": "json"}).json()["head"]["vars"])
    params = {param.name for param in asked.params}
    for language in LANGUAGES:
        for kind, column in [*slots(asked.answer[language]), *slots(asked.none.get(language, ""))]:
            assert kind in KINDS
            assert kind == "rows" or column in (params if kind == "param" else names), (language, kind, column)
    if asked.drawn:
        drawn = {asked.drawn.label, asked.drawn.value, asked.drawn.by, asked.drawn.doubtful}
        assert drawn - {""} <= names
    sources = {source for key, source in asked.detail.items() if key not in {"question", "page"} and source[:1] != "="}
    assert sources <= names | params


def test_families_have_words_and_questions() -> None:
    for family in FAMILIES:
        assert {f"families.{family}", f"families.{family}_text"} <= set(words())
        assert any(q.family == family for q in QUESTIONS.values()), family


def test_every_column_of_an_answer_has_a_heading(client: TestClient) -> None:
    for name in QUESTIONS:
        for column in client.get(f"/questions/{name}", params={"format": "json"}).json()["head"]["vars"]:
            assert f"columns.{column}" in words(), (name, column)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("#+ family: loose", "family"),
        ('#+ why: {es: "Porque sí."}', "why.en"),
        ("#+ chart: [statement]", "chart"),
        ("#+ chart: [statement, line]\n#+ chart_order: size", "chart_order"),
    ],
)
def test_a_wrong_header_is_told(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "q.rq"
    file.write_text(f"{line}\n{QUESTION}", encoding="utf-8")
    with pytest.raises(ProblemsError, match=told):
        read_question(file)


# --- sentences -----------------------------------------------------------------------------------------------------------


def number(value: str) -> Node:
    return Node(value, datatype=XSD + "decimal")


ROWS: list[Row] = [
    {"plan": Node("A"), "monto": number("1000.50"), "seguro": Node("false", datatype=XSD + "boolean")},
    {"plan": Node("A"), "monto": number("20000"), "seguro": Node("true", datatype=XSD + "boolean")},
    {"plan": Node("B")},
    {"plan": Node("C"), "monto": number("5"), "moneda": Node("USD")},
]
TWICE: list[Row] = [
    {"enunciado": Node("x:1", True), "cita": Node("a"), "monto": number("7")},
    {"enunciado": Node("x:1", True), "cita": Node("a"), "monto": number("7")},
]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{rows fila|filas}", "4 filas"),
        ("{distinct:plan plan|planes}", "3 planes"),
        ("{filled:monto}/{unfilled:monto}/{positive:monto}", "3/1/3"),
        ("{count:seguro=false monto|montos}", "1 monto"),
        ("S/ {sum:monto}", "S/ 21\u00a0000.50"),  # the dollars are left out
        ("{total:monto}", "21\u00a0005.50"),
        ("{first:plan} {first:monto} {min:monto} {max:monto}", "A 1000.50 5 20\u00a0000"),
        ("{best:plan:monto}", "A"),
        ("«{param:issue}»", "«agua»"),
        ("Hay {rows}[, {count:seguro=otro} raros].", "Hay 4."),
        ("Hay {rows}[, {filled:monto} con monto].", "Hay 4, 3 con monto."),
    ],
)
def test_a_sentence_is_filled_in(template: str, expected: str) -> None:
    names = ["plan", "monto", "seguro", "moneda"]
    assert sentence(template, Told(names, ROWS, {"issue": "agua"}, written, lambda node: node.value)) == expected


@pytest.mark.parametrize(
    ("template", "expected"), [("{sum:monto}", "7"), ("{filled:monto}", "1"), ("{rows}", "2"), ("{total:monto}", "14")]
)
def test_a_statement_in_several_rows_counts_once(template: str, expected: str) -> None:
    told = Told(["enunciado", "cita", "monto"], TWICE, {}, written, lambda node: node.value)
    assert sentence(template, told) == expected


def test_a_sentence_about_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="otra"):
        sentence("{sum:otra}", Told(["plan"], [], {}, written, lambda node: node.value))


@pytest.mark.parametrize(
    ("value", "text"), [("9999", "9999"), ("19776000", "19\u00a0776\u00a0000"), ("0.5", "0.50"), ("12345.678", "12\u00a0345.68")]
)
def test_numbers_are_written_in_groups(value: str, text: str) -> None:
    assert written(Decimal(value)) == text


# --- charts --------------------------------------------------------------------------------------------------------------


def drawn(rows: list[Row], chart: Chart, zero_is_unsaid: bool = False) -> charts.Drawing | None:
    return charts.drawing(chart, rows, lambda node: node.value, written, "no lo dice", zero_is_unsaid)


def bar_row(label: str, value: str, **more: Node) -> Row:
    return {"label": Node(label), "value": number(value), **more}


def test_bars_are_as_long_as_their_numbers_and_the_longest_comes_first() -> None:
    found = drawn([bar_row("a", "10"), bar_row("b", "40"), bar_row("c", "20")], Chart("label", "value"))
    assert found
    assert [(bar.label, bar.share) for bar in found.groups[0].bars] == [
        ("b", charts.WIDEST),
        ("c", charts.WIDEST / 2),
        ("a", charts.WIDEST / 4),
    ]
    tops = [bar.bar_y for bar in found.groups[0].bars]
    assert tops == sorted(tops) and tops[-1] + charts.BAR <= found.height


def test_a_chart_keeps_the_order_of_the_rows_where_that_is_asked_for() -> None:
    found = drawn([bar_row("2019", "1"), bar_row("2020", "3")], Chart("label", "value", in_order=True))
    assert found and [bar.label for bar in found.groups[0].bars] == ["2019", "2020"]


@pytest.mark.parametrize(
    ("doubtful", "start", "share"),
    [
        (Node("false", datatype=XSD + "boolean"), 0, charts.WIDEST),  # all of it is doubtful
        (Node("true", datatype=XSD + "boolean"), charts.WIDEST, charts.WIDEST),
        (number("25"), charts.WIDEST * 0.75, charts.WIDEST),
        (number("900"), 0, charts.WIDEST),
    ],
)
def test_the_doubtful_part_is_hatched(doubtful: Node, start: float, share: float) -> None:
    chart = Chart("label", "value", doubtful="doubtful")
    found = drawn([bar_row("a", "100", doubtful=doubtful), bar_row("b", "1")], chart)
    assert found
    assert (found.groups[0].bars[0].start, found.groups[0].bars[0].share) == (start, share)
    assert found.is_hatched == (start < share)


def test_what_is_not_said_is_not_drawn_as_zero() -> None:
    rows = [bar_row("a", "5"), bar_row("b", "0"), bar_row("c", "3"), {"label": Node("d")}]
    found = drawn(rows, Chart("label", "value"), zero_is_unsaid=True)
    assert found and {bar.label: bar.text for bar in found.groups[0].bars if bar.value is None} == {
        "b": "no lo dice",
        "d": "no lo dice",
    }


def test_bars_stand_in_groups_and_the_rest_is_counted() -> None:
    rows = [bar_row(f"{i}", str(i), by=Node(f"plan {i % 3}")) for i in range(1, 61)]
    found = drawn(rows, Chart("label", "value", by="by"))
    assert found and found.count == charts.MOST_GROUPED and found.left_out == 60 - charts.MOST_GROUPED
    assert [group.heading for group in found.groups][:1] == ["plan 1"]


@pytest.mark.parametrize("rows", [[], [bar_row("a", "5")], [bar_row("a", "0"), bar_row("b", "0")]])
def test_no_chart_without_two_numbers(rows: list[Row]) -> None:
    assert drawn(rows, Chart("label", "value")) is None


# --- pages ---------------------------------------------------------------------------------------------------------------


def test_the_list_has_every_question_by_family(client: TestClient) -> None:
    page = page_of(client, "/questions")
    for name, asked in QUESTIONS.items():
        assert f'href="/questions/{name}"' in page and asked.title_es in page
    assert re.findall(r'<h2 id="(\w+)"', page) == list(FAMILIES)
    listed = client.get("/questions", headers={"Accept": "application/json"}).json()
    assert {entry["family"] for entry in listed} == set(FAMILIES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_its_page(name: str, language: str, client: TestClient) -> None:
    asked = QUESTIONS[name]
    page = page_of(client, f"/questions/{name}", lang=language)
    assert page.count("<h1") == 1 and asked.title(language) in unescape(page)
    assert lede(page) and not set("{}[]|") & set(lede(page))
    assert asked.why[language] in unescape(page) and asked.description(language) in unescape(page)
    assert "style=" not in page and "<script" not in page
    suffix = "&amp;lang=en" if language == "en" else ""
    for format_ in ("csv", "xlsx", "json", "bibtex", "csl"):
        assert f'href="/questions/{name}?format={format_}{suffix}"' in page
    found = client.get(f"/questions/{name}", params={"format": "json"}).json()["results"]["bindings"]
    assert ("<table" in page) == bool(found) and ("Eso también es una respuesta" in page or bool(found) or language == "en")
    if found and "enunciado" in found[0]:
        assert page.count('<details class="ev">') >= min(len(found), 50)
        assert found[0]["enunciado"]["value"].partition("/id/")[2] in page


def test_a_row_says_where(client: TestClient) -> None:
    page = page_of(client, "/questions/proyectos-por-monto")
    row = page[page.index("mini hospital</p>") :]
    drawer = unescape(row[: row.index("</details>")])
    assert "¿Dónde lo dice? Línea 380" in drawer and "<mark>S/, 2'100,000,00</mark>" in drawer
    assert "«Inexistencia servicio de salud del MINSA»" in drawer
    assert re.search(r'href="/doc/plan/san-sebastian-2007-2010/s\d+"', drawer)
    assert "S/ 19\u00a0776\u00a0000" in lede(page) and "lectura dudosa" in row


@pytest.mark.parametrize(
    ("sort", "label", "key", "is_reverse"),
    [
        ("linea", "Línea", lambda text: int(text.split()[-1]), False),
        ("-linea", "Línea", lambda text: int(text.split()[-1]), True),
        ("monto", "Monto (S/)", lambda text: int(text.partition(" dice")[0].replace(" ", "")), False),
    ],
)
def test_rows_are_sorted_by_number(client: TestClient, sort, label, key, is_reverse) -> None:
    page = page_of(client, "/questions/proyectos-por-monto", sort=sort)
    found = [key(text) for text in cells(page, label)]
    assert len(found) == 41 and found == sorted(found, reverse=is_reverse)
    head = re.findall(r'<th [^>]*aria-sort="(\w+)"[^>]*><a href="([^"]+)"', page)
    assert [way for way, _ in head] == ["descending" if is_reverse else "ascending"]
    other = sort.removeprefix("-") if is_reverse else f"-{sort}"
    assert f"sort={other}" in head[0][1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["100", "20", "3"], ["3", "20", "100"]),
        (["12, 14", "9", "100, 101"], ["9", "12, 14", "100, 101"]),
        (["Ñaña", "nube", "Árbol"], ["Árbol", "Ñaña", "nube"]),
        (["agua", "7"], ["7", "agua"]),
    ],
)
def test_values_in_order(values: list[str], expected: list[str]) -> None:
    assert [node.value for node in sorted(map(Node, values), key=sort_key)] == expected


@pytest.mark.parametrize(
    ("page", "first", "rows"), [("1", "1–50 de", 50), ("3", "101–147 de", 47), ("99", "101–147 de", 47), ("x", "1–50 de", 50)]
)
def test_long_tables_have_pages(client: TestClient, page: str, first: str, rows: int) -> None:
    text = page_of(client, "/questions/observaciones", page=page)
    assert f"{first} 147" in text and text.count('<tr role="row"><td') == rows


def test_all_rows_on_one_page(client: TestClient) -> None:
    assert page_of(client, "/questions/observaciones", page="all").count('<tr role="row"><td') == 147


def test_in_english_labels_are_english_and_quotes_are_not(client: TestClient) -> None:
    page = page_of(client, "/questions/quien-menciona-institucion", lang="en")
    assert "Ministry of Health" in lede(page) and "Ministerio de Salud" not in lede(page)
    assert {"Partner", "Mentioned"} <= set(cells(page, "Role"))
    assert '<p class="q" lang="es">Inexistencia servicio de salud del MINSA</p>' in page
    assert "Where does it say so? Line 380" in page


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("monto-por-fuente", {}),
        ("aliados-mas-nombrados", {}),
        ("rol-de-institucion", {"institution": "gore-puno"}),
        ("problemas-mas-nombrados", {"territory": "21"}),
        ("salud-en-el-mapa", {}),
    ],
)
def test_a_sum_leads_to_its_statements(client: TestClient, name: str, given: dict[str, str]) -> None:
    page = page_of(client, f"/questions/{name}", **given)
    rows = page.count('<tr role="row"><td')
    links = [unescape(link) for link in re.findall(r'<p class="small"><a href="([^"]+)"', page)]
    assert len(links) == rows > 0
    for link in links[:3]:
        answer = client.get(link, headers=BROWSER)
        assert answer.status_code == 200 and "/doc/plan/" in answer.text, link


def test_related_questions_keep_what_was_asked(client: TestClient) -> None:
    page = page_of(client, "/questions/rol-de-institucion", institution="gore-cusco")
    assert 'href="/questions/quien-menciona-institucion?institution=gore-cusco"' in page


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ({"institution": "MINSA"}, True),
        ({"institution": "ministerio de salud"}, True),
        ({"institution": "Gobierno regional de PUNO"}, True),
        ({"institution": "minza"}, False),
    ],
)
def test_a_name_is_taken_for_its_key(client: TestClient, given: dict[str, str], answered: bool) -> None:
    answer = client.get("/questions/quien-menciona-institucion", params=given, headers=BROWSER)
    assert answer.status_code == (200 if answered else 400)
    assert ("<table" in answer.text) == answered


@pytest.mark.parametrize(
    ("path", "given", "told", "near"),
    [
        ("monto-por-lugar", {"territory": "pno"}, "No conocemos «pno»", None),
        ("quien-menciona-institucion", {"institution": "minza"}, "No conocemos «minza»", "institution=minsa"),
        ("texto-repetido", {"length": "muchas"}, "«muchas» no es un número", None),
        ("comparar-planes", {"plan": '"><script>alert(1)</script>'}, 'No conocemos «"><script>alert(1)</script>»', None),
    ],
)
def test_a_wrong_value_is_told_beside_its_field(client: TestClient, path, given, told, near) -> None:
    answer = client.get(f"/questions/{path}", params=given, headers=BROWSER)
    assert answer.status_code == 400 and told in unescape(answer.text) and "<script" not in answer.text
    assert 'aria-invalid="true"' in answer.text and f'aria-describedby="e-{next(iter(given))}' in answer.text
    assert near is None or near in answer.text


# --- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "ending", "content_type"),
    [
        ({"format": "csv"}, "", "text/csv; charset=utf-8"),
        ({}, ".csv", "text/csv; charset=utf-8"),
        ({}, ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ({}, ".json", "application/json"),
        ({}, ".svg", "image/svg+xml"),
        ({}, ".bib", "application/x-bibtex"),
        ({}, ".csl.json", "application/vnd.citationstyles.csl+json"),
        ({}, ".rq", "application/sparql-query"),
        ({}, ".txt", "text/plain; charset=utf-8"),
    ],
)
def test_forms_by_ending_and_by_parameter(client: TestClient, how, ending, content_type) -> None:
    answer = client.get(f"/questions/proyectos-por-monto{ending}", params=how)
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type) and answer.content
    again = client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/questions/proyectos-por-monto.docx", "/questions/proyectos-por-monto?format=docx"])
def test_a_form_that_there_is_not(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 406


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_files_have_the_same_rows(name: str, client: TestClient) -> None:
    found = client.get(f"/questions/{name}.json").json()
    table = list(csv.reader(io.StringIO(client.get(f"/questions/{name}.csv").text)))
    assert table[0] == found["head"]["vars"] and len(table) - 1 == len(found["results"]["bindings"])
    book = client.get(f"/questions/{name}.xlsx").content
    sheet = openpyxl.load_workbook(io.BytesIO(book)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert list(rows[0]) == [words()[f"columns.{column}"]["es"] for column in table[0]]
    assert len(rows) == len(table)
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        assert not re.search(r"<v>-?\d+\.0+</v>", parts.read("xl/worksheets/sheet1.xml").decode())


def test_a_spreadsheet_has_numbers_and_says_where_it_is_from(client: TestClient) -> None:
    book = openpyxl.load_workbook(io.BytesIO(client.get("/questions/proyectos-por-monto.xlsx?lang=en").content))
    table, source = book.worksheets
    heads = [cell.value for cell in table[1]]
    amount, line = heads.index("Amount (S/)"), heads.index("Line")
    assert (table[2][amount].value, table[2][line].value) == (6000000, 416) and table.freeze_panes == "A2"
    told = {row[0]: row[1] for row in source.iter_rows(values_only=True)}
    assert told["Licence"] == "CC BY 4.0" and told["Permalink"].endswith("plan=san-sebastian-2007-2010&lang=en")
    assert told["Question"].startswith("How much money")
    codes = openpyxl.load_workbook(io.BytesIO(client.get("/questions/que-planes-hay.xlsx").content)).worksheets[0]
    at = [cell.value for cell in codes[1]].index("Ubigeo (INEI)")
    assert all(isinstance(row[at], str) for row in codes.iter_rows(min_row=2, values_only=True))


@pytest.mark.parametrize("name", [name for name, q in QUESTIONS.items() if q.drawn])
def test_a_chart_is_a_picture_too(name: str, client: TestClient) -> None:
    answer, page = client.get(f"/questions/{name}.svg"), page_of(client, f"/questions/{name}")
    if answer.status_code == 404:
        assert "<figure" not in page
        return
    picture = ET.fromstring(answer.content)
    assert picture.tag.endswith("}svg") and not [e for e in picture.iter() if "style" in e.attrib or e.tag.endswith("script")]
    texts = " ".join(element.text or "" for element in picture.iter() if element.tag.endswith("}text"))
    assert "CC BY 4.0" in texts and "/questions/" in texts
    assert '<figure class="chart">' in page and 'role="img" aria-label=' in page


def test_a_picture_that_there_is_not(client: TestClient) -> None:
    answer = client.get("/questions/mineria.svg", headers={"Accept": "application/json"})
    assert answer.status_code == 404 and answer.json()["kind"] == "no_chart"


@pytest.mark.parametrize("language", LANGUAGES)
def test_citations(client: TestClient, language: str) -> None:
    path = "/questions/problemas-sin-respuesta"
    own = {"territory": "12", "lang": language}
    version = client.get("/ready").json()["version"]
    text = client.get(path, params=own | {"format": "citation"}).text
    url = text.rpartition(" ")[2]
    assert version in text and "territory=12" in url and client.get(url, headers=BROWSER).status_code == 200
    entry = client.get(path, params=own | {"format": "bibtex"}).text
    assert entry.startswith("@misc{problemas-sin-respuesta-") and entry.count("{") == entry.count("}")
    assert f"url = {{{url}}}" in entry and re.search(r"date = \{\d{4}-\d\d-\d\d\}", entry)
    item = client.get(path, params=own | {"format": "csl"}).json()[0]
    assert item["URL"] == url and item["version"] == version and item["language"] == language
    assert len(item["issued"]["date-parts"][0]) == 3
    title = QUESTIONS["problemas-sin-respuesta"].title(language)
    assert item["title"].startswith(title) and title in text and title in entry


def test_the_query_opens_in_the_editor(client: TestClient) -> None:
    page = page_of(client, "/questions/buscar-frase", phrase="riego & drenaje")
    address = unescape(re.search(r'href="(/sparql\?query=[^"]+)"', page)[1])  # type: ignore[index]
    opened = client.get(address + "&format=json")
    assert opened.status_code == 200 and "enunciado" in opened.json()["head"]["vars"]
    assert "riego & drenaje" in client.get("/questions/buscar-frase.rq", params={"phrase": "riego & drenaje"}).text


# --- other graphs --------------------------------------------------------------------------------------------------------


def quads(count: int) -> str:
    pg, rdf, rdfs = PREFIXES["pg"], PREFIXES["rdf"], PREFIXES["rdfs"]
    lines = []
    for i in range(count):
        s = f"{PLAN}/t{i:05}"
        lines += [f"<{s}> <{pg}statedIn> <{PLAN}> <{GRAPH_A}> .", f'<{s}> <{pg}text> "Texto {i}"@es <{GRAPH_A}> .']
        plan = f"{PLAN}-{i}"
        if i < PICKED + 1:
            lines += [
                f"<{plan}> <{rdf}type> <{pg}Plan> <{GRAPH_A}> .",
                f'<{plan}> <{rdfs}label> "Plan número {i}"@es <{GRAPH_A}> .',
            ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A plan of more statements than a page reads, among more plans than a pick-list holds."""
    draft = f"<{S1}> <{PREFIXES['pg']}reviewStatus> <{BASE}id/review-status/draft> <{GRAPH_A}> .\n"
    out = build(tmp_path_factory.mktemp("large"), quads(5100) + draft)
    with TestClient(create_app(settings(out)), follow_redirects=False) as client:
        yield client


def test_many_values_are_typed_with_suggestions(large: TestClient) -> None:
    page = page_of(large, "/questions/enunciados")
    assert '<datalist id="l-plan">' in page and "<select" not in page and 'list="l-plan"' in page
    assert page.count("<option ") == PICKED + 2
    typed = large.get("/questions/enunciados", params={"plan": "plan NUMERO 7"}, headers=BROWSER)
    assert typed.status_code == 200 and "0 filas" in typed.text
    wrong = large.get("/questions/enunciados", params={"plan": "demo-2019-2023"}, headers=BROWSER)
    assert wrong.status_code == 400 and "plan=demo-2019-2022" in wrong.text


def test_an_answer_longer_than_a_page_reads_says_so(large: TestClient) -> None:
    page = page_of(large, "/questions/enunciados")
    assert "Más de 5000 filas" in page and 'rel="nofollow">Línea' not in page
    assert len(large.get("/questions/enunciados.csv").text.splitlines()) == 5103
    book = openpyxl.load_workbook(io.BytesIO(large.get("/questions/enunciados.xlsx").content), read_only=True)
    assert sum(1 for _ in book.worksheets[0].iter_rows()) == 5103


def test_what_nobody_has_reviewed_is_told(large: TestClient) -> None:
    page = page_of(large, "/questions/enunciados")
    assert page.count("leído por programa, sin revisar") == 1 and "nadie ha revisado todavía" in page
    assert "nadie ha revisado" not in page_of(large, "/questions/enunciados", page="2")


def test_labels_do_no_harm(large: TestClient) -> None:
    page = page_of(large, "/questions/enunciados")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script" not in page


# --- the API -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_description_of_the_api_is_one(client: TestClient, language: str) -> None:
    told = client.get("/openapi.json", params={"lang": language}).json()
    OpenAPI.model_validate(told)
    assert told["openapi"].startswith("3.1") and told["info"]["version"] == client.get("/ready").json()["version"]
    operations = [methods["get"] for methods in told["paths"].values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for reference in re.findall(r'"#/([^"]+)"', json.dumps(told)):
        found = told
        for step in reference.split("/"):
            found = found[step]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_described_and_answers_as_described(name: str, client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"][f"/questions/{name}"]["get"]
    own = [parameter for parameter in operation["parameters"] if "name" in parameter]
    assert {p["name"]: p["example"] for p in own} == {p.name: p.default for p in QUESTIONS[name].params}
    given = {parameter["name"]: parameter["example"] for parameter in own}
    for media_type in operation["responses"]["200"]["content"]:
        answer = client.get(f"/questions/{name}", params=given, headers={"Accept": media_type})
        has_none = media_type == "image/svg+xml" and answer.status_code == 404
        assert has_none or answer.headers["content-type"].partition(";")[0] == media_type


def test_other_addresses_of_the_description_are_there(client: TestClient) -> None:
    paths = [path for path in client.get("/openapi.json").json()["paths"] if not path.startswith("/questions/")]
    assert {"/questions", "/sparql", "/ontology", "/doc/{key}", "/health"} <= set(paths)
    for path in paths:
        answer = client.get(path.replace("{key}", "institution/minsa"), headers={"Accept": "*/*"})
        assert answer.status_code < 400, (path, answer.status_code)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_api_has_a_page(client: TestClient, language: str) -> None:
    page = page_of(client, "/api", lang=language)
    assert page.count("<h1") == 1 and "/openapi.json" in page
    assert all(f"/questions/{name}" in page for name in QUESTIONS)


def test_declared_columns_are_used() -> None:
    used = {name for asked in QUESTIONS.values() for name in re.findall(r"\?(\w+)", asked.text)} | {"text", "statement", "amount"}
    declared = columns()
    for name in {*declared.verbatim, *declared.things, *declared.soles, *declared.codes}:
        assert name in used, name
    for quoted in declared.quotes:
        assert {quoted.quote, quoted.thing} <= used


def test_questions_are_read_from_where_they_are() -> None:
    assert set(QUESTIONS) == {path.stem for path in FOLDER.glob("*.rq")}
    assert all(isinstance(asked, Question) for asked in QUESTIONS.values())
