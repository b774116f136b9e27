"""Comparing plans: what the page, CSV and JSON say of the five plans, what helps to choose, what strangers may send."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

import pytest
from lxml import html
from starlette.testclient import TestClient

from api.app import create_app
from api.compare import KEPT
from api.compare_data import Comparison, Money, Plan, Said, _shortly_named
from api.compare_files import columns
from api.compare_view import FIRST, MOST, Asked, View
from api.settings import Settings
from kg.issues import load_issues
from kg.namespaces import BASE, PREFIXES
from kg.paths import ROOT
from kg.store import current_store
from tests.conftest import KEYS
from tests.serving import LABEL, build, settings

HUANCANE, HUANCAYO, PATIVILCA, PUNO, SAN_SEBASTIAN = KEYS
FOUR = [PUNO, HUANCANE, HUANCAYO, PATIVILCA]
WASTE = "residuos-solidos-y-limpieza-publica"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
COMMITMENTS = {"program", "project", "activity", "proposal"}
KINDS = {"problem": "problem", "objective": "objective", "target": "target"} | dict.fromkeys(COMMITMENTS, "commitment")

# Counted in plans/*.yaml.
COUNTS = {
    HUANCANE: (121, 24, 24, 0, 31, 0, 0, 1, 7, 1),
    HUANCAYO: (89, 17, 0, 52, 0, 16, 0, 0, 7, 0),
    PATIVILCA: (201, 61, 1, 43, 97, 0, 0, 0, 16, 2),
    PUNO: (158, 23, 7, 16, 48, 16, 16, 0, 28, 0),
    SAN_SEBASTIAN: (367, 82, 41, 9, 134, 2, 2, 41, 4, 15),
}
COUNTED = ("statements", "problem", "unanswered", "objective", "commitment", "target", "figure", "money", "partners", "funds")
# What the four plans say on solid waste: plan, class, line, in the order of the plans and their documents.
ON_WASTE = [
    (PUNO, "problem", 196),
    (PUNO, "objective", 196),
    (PUNO, "commitment", 196),
    (PUNO, "target", 196),
    (HUANCANE, "commitment", 340),
    (HUANCANE, "commitment", 341),
    (HUANCAYO, "problem", 43),
    (HUANCAYO, "problem", 44),
    (PATIVILCA, "problem", 157),
    (PATIVILCA, "problem", 168),
    (PATIVILCA, "commitment", 186),
]


@pytest.fixture(scope="module")
def client(built) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(out=built)), headers=BROWSER) as client:
        yield client


def asked(keys: list[str], **more: str) -> dict[str, object]:
    return {"plan": keys, **more}


def page(client: TestClient, keys: list[str], **more: str) -> html.HtmlElement:
    answer = client.get("/compare", params=asked(keys, **more))
    assert answer.status_code == 200, answer.text[:500]
    return html.fromstring(answer.text)


def text(element: html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def told(client: TestClient, keys: list[str], **more: str) -> dict:
    return client.get("/compare", params=asked(keys, format="json", **more)).json()


# --- what the five plans say ---------------------------------------------------------------------------------------------


def test_counts_of_the_whole_plans(client):
    found = {plan["key"]: plan["counts"] for plan in told(client, KEYS)["plans"]}
    assert found == {key: dict(zip(COUNTED, numbers, strict=True)) for key, numbers in COUNTS.items()}
    table = page(client, KEYS).find_class("totals")[0]
    rows = {text(row.find("th")): [text(cell) for cell in row.findall("td")] for row in table.findall("tbody/tr")}
    assert rows["Líneas del documento"] == ["367", "54", "471", "247", "433"]
    assert rows["Problemas sin respuesta"] == [str(COUNTS[key][2]) for key in KEYS]
    assert rows["Suma de montos"] == ["S/ 40 000 000", "no lo dice", "no lo dice", "no lo dice", "S/ 19 776 000"]


def test_every_statement_of_a_record_is_compared_once(client, records):
    rows = told(client, KEYS)["rows"]
    found = [(row["plan"], row["enunciado"].rpartition("/")[2], row["clase"]) for row in rows]
    expected = [
        (key, s.id, KINDS.get(s.type, ""))
        for key in KEYS
        for s in records[key].statements
        if s.type in KINDS or s.budget or s.funding or s.partners
    ]
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(expected)
    by_id = {(key, s.id): s for key in KEYS for s in records[key].statements}
    for row in rows:
        s = by_id[row["plan"], row["enunciado"].rpartition("/")[2]]
        assert (row["cita"], row["linea"]) == (s.text, s.line)
        assert Decimal(row["monto"] or 0) == (s.budget.amount if s.budget else 0)
        assert row["fuentes"].count(";") + bool(row["fuentes"]) == len({f.fund or f.institution for f in s.funding})


def test_rows_stand_in_the_order_of_plans_and_documents(client):
    keys = [PUNO, SAN_SEBASTIAN, HUANCAYO]
    places = [(keys.index(row["plan"]), row["linea"]) for row in told(client, keys)["rows"]]
    assert places == sorted(places)
    assert {plan for plan, _ in places} == {0, 1, 2}


def test_on_one_issue(client):
    found = told(client, FOUR, issue=WASTE)
    assert [(row["plan"], row["clase"], row["linea"]) for row in found["rows"]] == ON_WASTE
    assert found["issue"] == WASTE
    assert all("residuos sólidos y limpieza pública" in row["temas"] for row in found["rows"])


def test_an_issue_brings_what_lies_below_it(client, records):
    group = load_issues().issues[WASTE].broader
    below = {i.id for i in load_issues().issues.values() if i.broader == group}
    expected = {s.id for s in records[PUNO].statements if s.type in KINDS and below.union({group}) & set(s.issues)}
    found = {
        r["enunciado"].rpartition("/")[2] for r in told(client, FOUR, issue=group)["rows"] if r["plan"] == PUNO and r["clase"]
    }
    assert WASTE in below
    assert found == expected


@pytest.mark.parametrize("dimension", ["social", "economic", "environmental", "institutional"])
def test_a_dimension_narrows(client, dimension):
    label = load_issues().dimensions[dimension].es
    everything = told(client, FOUR)["rows"]
    found = told(client, FOUR, dimension=dimension)["rows"]
    assert found
    assert found == [row | {"comparacion": found[0]["comparacion"]} for row in everything if row["dimension"] == label]


def test_a_problem_is_answered_by_what_its_record_ties_to_it(client, records):
    for key in KEYS:
        tied = {p for s in records[key].statements if s.type in COMMITMENTS | {"objective"} for p in s.addresses}
        expected = {s.id: s.id in tied for s in records[key].statements if s.type == "problem"}
        rows = [row for row in told(client, [key, *(k for k in KEYS[:2] if k != key)])["rows"] if row["plan"] == key]
        assert {r["enunciado"].rpartition("/")[2]: r["con_respuesta"] for r in rows if r["clase"] == "problem"} == expected
        assert {r["con_respuesta"] for r in rows if r["clase"] != "problem"} <= {None}


def test_what_only_one_has(client, records):
    naming = defaultdict(set)
    for key in FOUR:
        for s in records[key].statements:
            for partner in s.partners:
                naming["partner", f"{BASE}id/institution/{partner.institution}"].add(key)
            for issue in s.issues if s.type in KINDS else ():
                naming["issue", f"{BASE}id/issue/{issue}"].add(key)
    expected = {(next(iter(keys)), kind, thing) for (kind, thing), keys in naming.items() if len(keys) == 1}
    found = told(client, FOUR)["only_one"]
    assert {(e["plan"], e["kind"], e["thing"]) for e in found if e["kind"] != "fund"} == expected
    assert {(e["plan"], e["label"]) for e in found if e["kind"] == "fund"} == {
        (HUANCANE, "Ingresos de la municipalidad, sin distinguir su fuente"),
        (PATIVILCA, "Entidades financieras"),
        (PATIVILCA, "Recursos del exterior"),
    }


@pytest.mark.parametrize("keys", [FOUR, KEYS, [HUANCANE, SAN_SEBASTIAN]])
def test_issues_that_nobody_answers(client, records, keys):
    kinds = defaultdict(Counter)
    for key in keys:
        for s in records[key].statements:
            for issue in s.issues:
                kinds[issue][KINDS.get(s.type), key] += 1
    expected = {
        (f"{BASE}id/issue/{issue}", key, counts["problem", key])
        for issue, counts in kinds.items()
        for key in keys
        if counts["problem", key] and not any(counts[kind, k] for kind in ("objective", "commitment") for k in keys)
    }
    assert expected
    assert {(e["issue"], e["plan"], e["problems"]) for e in told(client, keys)["left_open"]} == expected


# --- the page ------------------------------------------------------------------------------------------------------------


def test_the_sentence_comes_first(client):
    found = page(client, FOUR, issue=WASTE)
    assert text(found.find(".//h1")) == "Residuos sólidos y limpieza pública en cuatro planes"
    assert text(found.find_class("lede")[0]) == (
        "Los de Puno, Huancayo y Pativilca nombran problemas. Los de Puno, Huancané y Pativilca proponen compromisos. "
        "Solo el de Puno da metas con cifra y cuenta con aliados. Ninguno dice montos."
    )


def test_the_grid_shows_each_statement_in_its_place(client):
    table = page(client, FOUR, issue=WASTE).get_element_by_id("h-cmp").getparent().getparent().find(".//table")
    rows = {text(row.find("th")): row.findall("td") for row in table.findall("tbody/tr")}
    assert list(rows) == ["Problema", "Objetivo", "Compromiso", "Meta", "Dinero", "Aliados"]
    lines = {name: [[text(a) for a in cell.find_class("folio")] for cell in cells] for name, cells in rows.items()}
    assert lines["Problema"] == [["línea 196"], [], ["línea 43", "línea 44"], ["línea 157", "línea 168"]]
    assert lines["Compromiso"] == [["línea 196"], ["línea 340", "línea 341"], [], ["línea 186"]]
    assert text(rows["Problema"][1]) == "Nada sobre este tema"
    assert [cell.get("data-l") for cell in rows["Problema"]] == ["Puno", "Huancané", "Huancayo", "Pativilca"]
    assert [text(cell) for cell in rows["Dinero"]] == ["Ninguno de los cuatro dice un monto ni una fuente."]
    assert rows["Dinero"][0].get("colspan") == "4"
    assert "Ministerio del Ambiente línea 196" in text(rows["Aliados"][0])
    assert [text(cell) for cell in rows["Aliados"][1:]] == ["No nombra a nadie"] * 3


def test_every_line_leads_to_its_statement(client):
    links = page(client, FOUR, issue=WASTE).xpath("//td//a[@class='folio']")
    assert len(links) > len(ON_WASTE)
    for link in links[:4]:
        answer = client.get(link.get("href"))
        assert answer.status_code == 200
        assert text(link).split()[-1] in answer.text


def test_a_grid_of_everything_shows_some_and_keeps_the_rest_at_hand(client):
    found = page(client, [PATIVILCA, PUNO])
    cell = found.get_element_by_id("h-cmp").getparent().getparent().find(".//table").findall("tbody/tr")[0].find("td")
    assert len(cell.xpath("./div")) == FIRST
    assert len(cell.xpath("./details/div")) == MOST - FIRST
    assert text(cell.find_class("rest")[0]).endswith("y 1 más en los archivos")
    overview = found.get_element_by_id("h-temas").getparent().getparent()
    assert "nada" in text(overview)
    assert overview.xpath(".//a[contains(@href, 'issue=salud')]")
    assert overview.xpath(".//a[contains(@href, 'dimension=social')]")


def test_totals_warn(client):
    assert "Más enunciados no es mejor: los documentos miden de 54 a 471 líneas" in text(page(client, FOUR))


def test_five_plans_show_four_columns_or_those_that_are_picked(client):
    def heads(**more):
        table = page(client, KEYS, **more).get_element_by_id("h-cmp").getparent().getparent().find(".//table")
        return [text(a) for a in table.findall("thead/tr/th/a")]

    assert heads() == ["Huancané", "Huancayo", "Pativilca", "Puno"]
    assert heads(show=SAN_SEBASTIAN) == ["San Sebastián"]
    assert heads(show=[SAN_SEBASTIAN, HUANCANE]) == ["Huancané", "San Sebastián"]
    assert heads(show=["nobody", "<script>"]) == heads()
    assert told(client, KEYS, show=PUNO)["rows"] == told(client, KEYS)["rows"]


def test_a_plan_can_be_removed_and_another_added(client):
    found = page(client, FOUR, issue=WASTE)
    removal = found.find_class("picked")[0].findall("li/a")[1]
    assert text(removal) == "Quitar Huancané"
    after = html.fromstring(client.get(removal.get("href")).text)
    assert text(after.find(".//h1")).endswith("en tres planes")
    assert [o.get("value") for o in found.get_element_by_id("agr").findall("option")] == ["", SAN_SEBASTIAN]
    assert "disabled" not in found.get_element_by_id("agr").attrib
    assert page(client, KEYS).get_element_by_id("agr").get("disabled") is not None


def test_the_form_offers_the_issues_of_the_plans(client):
    select = page(client, FOUR, issue=WASTE).get_element_by_id("tema")
    options = {o.get("value"): text(o) for o in select.iter("option")}
    assert options[WASTE] == "Residuos sólidos y limpieza pública"
    assert options["salud"] == "Salud: todo"
    assert [o.get("value") for o in select.iter("option") if o.get("selected") is not None] == [WASTE]


def test_an_issue_of_which_nobody_speaks(client):
    used = {issue for row in told(client, [HUANCAYO, HUANCANE])["rows"] for issue in row["temas"].split("; ")}
    silent = next(i for i in load_issues().issues.values() if i.es not in used and i.broader)
    found = page(client, [HUANCAYO, HUANCANE], issue=silent.id)
    assert text(found.find_class("lede")[0]) == "Ninguno de los dos planes dice nada sobre esto."
    assert "selected" in found.get_element_by_id("tema").xpath(f".//option[@value='{silent.id}']")[0].attrib


def test_in_english(client):
    found = page(client, FOUR, issue=WASTE, lang="en")
    assert found.get("lang") == "en"
    assert text(found.find_class("lede")[0]) == (
        "Those of Puno, Huancayo and Pativilca name problems. Those of Puno, Huancané and Pativilca propose commitments. "
        "Only that of Puno gives targets with a figure and counts on partners. None of them states amounts."
    )
    assert "None of the four states an amount or a source." in text(found)
    assert {q.get("lang") for q in found.find_class("q")} == {"es"}
    assert all("lang=en" in a.get("href") for a in found.find_class("folio"))
    assert {row["tipo"] for row in told(client, FOUR, issue=WASTE, lang="en")["rows"]} >= {"Problem", "Target"}


# --- sentences and names, as a table -------------------------------------------------------------------------------------


def sentence(names: list[str], said: list[Said], language: str = "es") -> str:
    plans = [Plan(name, name, name, name=name) for name in names]
    found = Comparison(plans, said, {}, {}, {}, {})
    return View(found, Asked(tuple(names), language=language), said).lede()


def problem(plan: str) -> Said:
    return Said("i", plan, "t", kind="problem")


def money(plan: str) -> Said:
    return Said("i", plan, "t", money=[Money(Decimal(1), "PEN", True)])


@pytest.mark.parametrize(
    ("names", "said", "language", "expected"),
    [
        (["A", "B"], [problem("A"), problem("B")], "es", "Los dos nombran problemas."),
        (["A", "B"], [problem("A"), problem("B")], "en", "Both name problems."),
        (["A", "Ica"], [problem("A"), money("Ica")], "es", "Solo el de A nombra problemas. Solo el de Ica dice montos."),
        (["A", "Ica", "B"], [problem("A"), problem("Ica")], "es", "Los de A e Ica nombran problemas."),
        (["A", "Hualgayoc", "B"], [problem("A"), problem("Hualgayoc")], "es", "Los de A y Hualgayoc nombran problemas."),
        (list("ABCDE"), [problem(p) for p in "ABCD"], "es", "Cuatro de los cinco nombran problemas."),
        (list("ABCDE"), [problem(p) for p in "ABCD"], "en", "Four of the five name problems."),
        (list("ABC"), [problem(p) for p in "ABC"], "en", "All three name problems."),
        (list("ABC"), [], "es", "Ninguno de los tres planes dice nada sobre esto."),
    ],
)
def test_sentences(names, said, language, expected):
    none = {"es": " Ninguno ", "en": " None of them "}[language]
    assert sentence(names, said, language).split(none)[0] == expected


@pytest.mark.parametrize(
    ("plans", "names"),
    [
        ([("Puno", "X", "2019"), ("Lima", "X", "2019")], ["Puno", "Lima"]),
        ([("Puno", "X", "2019"), ("Puno", "Y", "2019")], ["X", "Y"]),
        ([("Puno", "X", "2019"), ("Puno", "X", "2023")], ["Puno, 2019", "Puno, 2023"]),
        ([("Puno", "X", "2019"), ("Lima", "X", "2019"), ("Puno", "Y", "2019")], ["Puno, X", "Lima, X", "Puno, Y"]),
        ([("Puno", "", "2019"), ("Puno", "", "2019")], ["k0", "k1"]),
        ([("", "", ""), ("Puno", "", "2019")], ["k0", "k1"]),
    ],
)
def test_columns_get_the_shortest_names_that_differ(plans, names):
    made = [Plan(f"k{n}", f"k{n}", "", place=p, organization=o, start=y) for n, (p, o, y) in enumerate(plans)]
    assert [plan.name for plan in _shortly_named(made)] == names


# --- files ---------------------------------------------------------------------------------------------------------------


def test_csv_and_json_hold_the_same(client):
    answer = client.get("/compare", params=asked(FOUR, issue=WASTE, format="csv"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="comparacion.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = told(client, FOUR, issue=WASTE)
    plain = {None: "", True: "true", False: "false"}
    as_text = [{k: plain[v] if v is None or isinstance(v, bool) else str(v) for k, v in row.items()} for row in found["rows"]]
    assert rows == as_text
    assert list(rows[0]) == [column["name"] for column in found["columns"]] == list(columns())
    assert all(column["es"] and column["en"] for column in found["columns"])


def test_the_columns_are_documented():
    table = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8").partition("| column | what |")[2]
    documented = [
        name for row in table.partition("\n\n")[0].splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert documented == list(columns())


def test_a_cut_text_says_so():
    said = [Said("i", "A", "palabra " * 40, kind="commitment", money=[Money(Decimal(1), "PEN", True)])]
    names = [Plan(name, name, name, name=name) for name in "AB"]
    grid = View(Comparison(names, said, {}, {}, {}, {}), Asked(("A", "B")), said).grid()
    cut = next(line for line in grid if line.kind == "money").columns[0].first[0]
    assert cut.text.endswith("palabra […]")
    assert (cut.lead, cut.doubts) == ("S/\u00a01", ())


def test_files_say_where_they_come_from(client, built):
    found = told(client, FOUR, issue=WASTE, show=PUNO)
    version = current_store(built).name
    address = "http://testserver/compare?" + "&".join(f"plan={key}" for key in FOUR) + f"&issue={WASTE}"
    assert (found["permalink"], found["data_version"]) == (address, version)
    assert {(row["comparacion"], row["version"]) for row in found["rows"]} == {(address, version)}
    assert client.get(found["permalink"]).status_code == 200
    row = found["rows"][0]
    assert row["enunciado"].startswith(f"{BASE}id/plan/{PUNO}/")
    assert client.get(row["enlace"]).status_code == 200
    assert address in text(page(client, FOUR, issue=WASTE).find_class("cite")[0])


@pytest.mark.parametrize(
    ("accept", "wanted", "status", "media_type"),
    [
        ("*/*", None, 200, "text/html"),
        ("text/csv", None, 200, "text/csv"),
        ("application/json", None, 200, "application/json"),
        ("text/csv;q=0.4, application/json;q=0.5", None, 200, "application/json"),
        (BROWSER["Accept"], "csv", 200, "text/csv"),
        ("image/png", None, 406, "application/problem+json"),
        ("*/*", "parquet", 406, "application/problem+json"),
    ],
)
def test_negotiation(client, accept, wanted, status, media_type):
    params = asked([PUNO, HUANCANE]) | ({"format": wanted} if wanted else {})
    answer = client.get("/compare", params=params, headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(media_type)
    assert "Accept" in answer.headers["vary"]


def test_csv_for_spreadsheets_begins_with_a_mark(client):
    plain = client.get("/compare", params=asked([PUNO, HUANCANE], format="csv")).content
    marked = client.get("/compare", params=asked([PUNO, HUANCANE], format="csv", bom="1")).content
    assert marked == b"\xef\xbb\xbf" + plain.replace(b"&bom=1", b"")
    head = client.head("/compare", params=asked([PUNO, HUANCANE]))
    assert (head.status_code, head.content) == (200, b"")


# --- which plans ---------------------------------------------------------------------------------------------------------


def test_without_plans_there_is_a_page_to_choose(client):
    answer = client.get("/compare")
    assert answer.status_code == 200
    found = html.fromstring(answer.text)
    assert text(found.find(".//h1")) == "¿Qué planes quiere comparar?"
    boxes = found.xpath("//input[@type='checkbox'][@name='plan']")
    assert sorted(box.get("value") for box in boxes) == KEYS
    assert [text(legend) for legend in found.iter("legend")] == [
        f"{d} (departamento)" for d in ("Cusco", "Junín", "Lima", "Puno")
    ]


@pytest.mark.parametrize(
    ("plans", "status", "words"),
    [
        ([PUNO], 400, "Elija al menos dos planes"),
        ([PUNO, PUNO, ""], 400, "Elija al menos dos planes"),
        ([PUNO, "puno-2018-2022"], 404, "puno-2018-2022"),
        ([PUNO, HUANCANE, PUNO.upper()], 404, PUNO.upper()),
        ([PUNO, HUANCANE, "a/b"], 404, "a/b"),
    ],
)
def test_what_cannot_be_compared(client, plans, status, words):
    answer = client.get("/compare", params=asked(plans))
    assert answer.status_code == status
    found = html.fromstring(answer.text)
    assert words in text(found.find(".//h1"))
    checked = found.xpath("//input[@type='checkbox'][@name='plan'][@checked]")
    assert {box.get("value") for box in checked} == {key for key in plans if key in KEYS}
    for accept in ("application/json", "text/csv"):
        program = client.get("/compare", params=asked(plans), headers={"Accept": accept})
        assert program.status_code == status
        assert not program.text.startswith("<")


def test_near_names_are_offered(client):
    answer = client.get("/compare", params=asked([HUANCANE, "puno-2018-2022"]))
    near = [a.get("href") for a in html.fromstring(answer.text).xpath("//div[@class='head']//ul[@class='open']//a")]
    assert f"/compare?plan={HUANCANE}&plan={PUNO}" in near
    assert client.get(near[0]).status_code == 200
    found = client.get("/compare", params=asked([HUANCANE, "puno-2018-2022"], format="json"), headers={"Accept": "*/*"}).json()
    assert found["near"] == near


def test_the_same_plan_twice_is_one(client):
    assert told(client, [PUNO, HUANCANE, PUNO])["rows"] == told(client, [PUNO, HUANCANE])["rows"]


def test_a_plan_may_be_named_by_its_iri(client):
    assert told(client, [f"{BASE}id/plan/{PUNO}", HUANCANE])["rows"] == told(client, [PUNO, HUANCANE])["rows"]


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [("issue", "residuos", WASTE), ("issue", "no-existe-tal-cosa", ""), ("dimension", "sociall", "social")],
)
def test_unknown_filters(client, name, value, near):
    answer = client.get("/compare", params=asked(FOUR, **{name: value}))
    assert answer.status_code == 404
    links = [a.get("href") for a in html.fromstring(answer.text).xpath("//main//ul//a")]
    assert any(near in link for link in links) == bool(links)


@pytest.mark.parametrize(
    ("territory", "plans", "words"),
    [
        ("21", {PUNO, HUANCANE}, "Planes de Puno (departamento)"),
        ("2101", {PUNO}, "Planes de Puno (provincia)"),
        ("Huancayo", {HUANCAYO}, "Planes de Huancayo"),
        ("  JUNIN ", {HUANCAYO}, "Planes de Junín (departamento)"),
        ("puno", set(KEYS), "Hay más de un lugar con ese nombre: Puno (departamento) Puno (provincia), Puno"),
        ("04", set(KEYS), "No hay planes de Arequipa (departamento)"),
        ("Arequpa", set(KEYS), "Hay nombres parecidos: Arequipa (departamento)"),
        ("qqqqqqqqqq", set(KEYS), "No conocemos el lugar «qqqqqqqqqq»."),
        ("", set(KEYS), "Los planes, por lugar"),
    ],
)
def test_plans_are_chosen_by_place(client, territory, plans, words):
    answer = client.get("/compare", params={"territory": territory})
    assert answer.status_code == 200
    found = html.fromstring(answer.text)
    assert {box.get("value") for box in found.xpath("//input[@type='checkbox']")} == plans
    assert words in text(found.find(".//main")) + " "
    for link in found.xpath("//div[@class='notice']//a/@href"):
        assert client.get(link).status_code == 200


def test_what_was_chosen_stays_chosen_from_place_to_place(client):
    found = html.fromstring(client.get("/compare", params=asked([PUNO], territory="12")).text)
    boxes = {box.get("value"): box.get("checked") is not None for box in found.xpath("//input[@type='checkbox']")}
    assert boxes == {PUNO: True, HUANCAYO: False}


# --- many plans, and a hostile one ---------------------------------------------------------------------------------------

MANY = [f"lista-{n:03d}" for n in range(150)]


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Iterator[TestClient]:
    """150 plans: of one district, of its province, of two other departments; beside them one whose label is markup."""
    pg, rdf, rdfs = (PREFIXES[name] for name in ("pg", "rdf", "rdfs"))
    lines = []
    for n, key in enumerate(MANY):
        plan, graph = f"<{BASE}id/plan/{key}>", f"<{BASE}graph/plan/{key}>"
        place = "210101" if n < 100 else "2101" if n < 120 else "0801" if n < 140 else "12"
        lines += [
            f"{plan} <{rdf}type> <{pg}Plan> {graph} .\n",
            f'{plan} <{rdfs}label> "Plan {n}"@es {graph} .\n',
            f"{plan} <{pg}forTerritory> <{BASE}id/territory/{place}> {graph} .\n",
            f"<{BASE}id/plan/{key}/s1> <{rdf}type> <{pg}Problem> {graph} .\n",
            f'<{BASE}id/plan/{key}/s1> <{pg}text> "{"Falta agua. " * 1000}"@es {graph} .\n',
            f"<{BASE}id/plan/{key}/s1> <{pg}statedIn> {plan} {graph} .\n",
        ]
    with TestClient(create_app(settings(build(tmp_path_factory.mktemp("many"), "".join(lines)))), headers=BROWSER) as client:
        yield client


def test_eight_plans_and_not_nine(many):
    assert many.get("/compare", params=asked(MANY[:8])).status_code == 200
    answer = many.get("/compare", params=asked(MANY[:9]))
    assert answer.status_code == 400
    found = html.fromstring(answer.text)
    assert text(found.find(".//h1")) == "Elija hasta ocho planes"
    assert len(found.xpath("//input[@type='checkbox'][@checked]")) == 9
    disabled = html.fromstring(many.get("/compare", params=asked(MANY[:8])).text).get_element_by_id("agr")
    assert "Ya hay ocho" in text(disabled)


def test_many_plans_are_chosen_step_by_step(many):
    found = html.fromstring(many.get("/compare", params=asked(MANY[:1], territory="")).text)
    parts = {text(li): li.find("a").get("href") for li in found.xpath("//ul[@class='places']/li")}
    # This graph names one place only; the others go by their codes.
    assert list(parts) == ["08 (departamento) 20 planes", "12 (departamento) 10 planes", "21 (departamento) 121 planes"]
    below = html.fromstring(many.get(parts["21 (departamento) 121 planes"]).text)
    parts = {text(li): li.find("a").get("href") for li in below.xpath("//ul[@class='places']/li")}
    assert list(parts) == ["Puno (provincia) 121 planes"]
    below = html.fromstring(many.get(parts["Puno (provincia) 121 planes"]).text)
    boxes = [box.get("value") for box in below.xpath("//input[@type='checkbox']")]
    assert len(boxes) == 22  # the one that was chosen, the province's 20 and the demonstration's
    assert text(below.xpath("//ul[@class='places']/li")[0]).endswith("100 planes")


def test_plans_near_by_are_offered_first(many):
    options = html.fromstring(many.get("/compare", params=asked(MANY[120:122])).text).get_element_by_id("agr").findall("option")
    assert [o.get("value") for o in options[1:19]] == MANY[122:140]


def test_labels_and_quotes_do_no_harm(many):
    answer = many.get("/compare", params=asked(["demo-2019-2022", MANY[0]]))
    assert answer.status_code == 200
    assert "<script" not in answer.text
    quotes = [q.text_content() for q in html.fromstring(answer.text).find_class("q")]
    assert LABEL in quotes
    assert max(map(len, quotes)) > 10_000
    rows = list(csv.DictReader(io.StringIO(many.get("/compare", params=asked(["demo-2019-2022", MANY[0]], format="csv")).text)))
    assert LABEL in {row["cita"] for row in rows}


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "> } INSERT DATA { <a:a> <b:b> 1 } #",
    "' OR 1=1 --",
    "../../etc/passwd",
    "\u202e\u2067ltr",
    "%00\x00",
    "{detail} {0} {count!r}",
    "ñandú 🦙",
    "a" * 5000,
    "\\u003e",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["plan", "issue", "dimension", "territory", "show", "format", "lang", "bom"])
def test_hostile_parameters(client, name, value):
    params = asked([PUNO, HUANCANE])
    params = asked([PUNO, HUANCANE, value]) if name == "plan" else params | {name: value}
    answer = client.get("/compare", params=params)
    expected = {"plan": {404}, "issue": {404}, "dimension": {404}, "territory": {200}, "format": {406}}
    assert answer.status_code in expected.get(name, {200})
    assert "<script" not in answer.text
    assert "onerror=alert(1)>" not in answer.text
    if name != "format":
        assert html.fromstring(answer.text).find(".//h1") is not None


def test_a_hundred_plans_that_are_not_there(client):
    assert client.get("/compare", params=asked([f"nadie-{n}" for n in range(100)])).status_code == 404


def test_few_comparisons_are_kept(client):
    for keys in combinations(KEYS, 2):
        told(client, list(keys))
    kept = client.app.app.state.snapshots.current.kept["compare.read"]  # type: ignore[attr-defined]
    assert len(kept) == KEPT
    assert list(kept)[-1] == ("es", PUNO, SAN_SEBASTIAN)


# --- in a browser --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, True), (320, False)])
def test_a_reader_compares(address, browser, width, scripts):
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    said, elsewhere = [], []
    tab = context.new_page()
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.on("request", lambda request: None if request.url.startswith(address) else elsewhere.append(request.url))
    tab.goto(f"{address}/compare")
    for name in ("Puno 2019-2022 ·", "Huancané 2019-2022 ·"):
        tab.get_by_label(f"Plan de gobierno de {name}").check()
    tab.get_by_role("button", name="Comparar").click()
    assert tab.locator("h1").inner_text() == "Dos planes, lado a lado"
    tab.get_by_label("Tema", exact=True).select_option("salud")
    tab.get_by_label("Agregar un plan", exact=True).select_option(PATIVILCA)
    tab.get_by_role("button", name="Comparar").click()
    assert tab.locator("h1").inner_text() == "Salud en tres planes"
    assert tab.locator("body").bounding_box()["width"] <= width
    assert tab.locator("main").bounding_box()["width"] <= width
    tab.get_by_role("link", name="Quitar Huancané").click()
    assert tab.locator("h1").inner_text() == "Salud en dos planes"
    tab.locator("td a.folio").first.click()
    assert "/doc/plan/" in tab.url
    assert not said
    assert not elsewhere
    context.close()


def test_heads_stay_in_sight(address, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    tab = context.new_page()
    tab.goto(f"{address}/compare?plan={PUNO}&plan={PATIVILCA}")
    table = tab.locator("#h-cmp").locator("xpath=ancestor::section").locator("table")
    tab.evaluate("y => window.scrollTo(0, y)", table.bounding_box()["y"] + 1500)
    assert table.locator("thead th").first.bounding_box()["y"] == pytest.approx(0, abs=1)
    tab.set_viewport_size({"width": 320, "height": 700})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
