"""Pages of things, from the records to what a reader sees: every quote, tie, code and role is on the page that should have it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.datasets import as_script
from api.settings import Settings
from api.withdrawn import FILE, load_withdrawn, withdrawn_at
from kg.errors import ProblemsError
from tests.conftest import KEYS
from tests.serving import build, settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PLAN, TARGET = "/doc/plan/puno-2019-2022", "/doc/plan/puno-2019-2022/s050"
TIES = ("addresses", "pursues", "part_of", "measures")
DATA = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.DOTALL)
THINGS = [
    PLAN,
    TARGET,
    "/doc/territory/21",
    "/doc/territory/2101",
    "/doc/territory/080105",
    "/doc/institution/gore-puno",
    "/doc/organization/todos-por-el-peru",
    "/doc/fund/canon-y-sobrecanon",
    "/doc/issue/agua-y-saneamiento",
    "/doc/plan/puno-2019-2022/finding/o01",
    "/doc/institution-kind/ministry",
]


@pytest.fixture(scope="module")
def client(built):
    with TestClient(create_app(Settings(out=built)), follow_redirects=False) as client:
        yield client


def page(client: TestClient, path: str, **headers: str) -> str:
    """Return a page's text, its entities resolved and its white space folded."""
    answer = client.get(path, headers=BROWSER | headers)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(answer.text).split())


# --- every page --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/plans", "/ontology", *THINGS])
@pytest.mark.parametrize("language", ["es", "en"])
def test_each_page_is_whole(client, path, language):
    text = client.get(path, params={"lang": language}, headers=BROWSER).text
    assert f'<html lang="{language}">' in text and text.count("<h1") == 1 and text.count("<main") == 1
    assert re.search(r"<title>\S.* · ", text) and "style=" not in text and "Undefined" not in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(f'id="{target}"' in text for target in re.findall(r'href="#([^"]+)"', text))


def test_no_page_leads_to_one_that_is_not_there(client):
    seen: set[str] = set()
    for path in ["/", "/plans", *THINGS]:
        seen |= {h.partition("#")[0] for h in re.findall(r'href="(/[^"]*)"', client.get(path, headers=BROWSER).text)}
    shown = sorted({html.unescape(h) for h in seen if not h.startswith(("/static", "/theme", "/doc/plan/", "/questions/"))})
    dead = [h for h in shown if client.get(h, headers=BROWSER).status_code not in {200, 303}]
    assert len(shown) > 30 and dead == []


# --- statements --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_a_statement_shows_its_quote_its_place_and_its_ties(client, records, key):
    statements = records[key].statements
    by_id = {s.id: s for s in statements}
    for statement in statements[:: max(len(statements) // 12, 1)]:
        text = page(client, f"/doc/plan/{key}/{statement.id}")
        assert statement.text[:390] in text and f"línea {statement.line}" in text and f'href="/doc/plan/{key}"' in text
        tied = {i for name in TIES for i in getattr(statement, name)}
        tied |= {
            s.id
            for s in statements
            if any(statement.id in getattr(s, n) for n in ("addresses", "pursues", "part_of", "measures"))
        }
        assert all(f'href="/doc/plan/{key}/{i}"' in text and by_id[i].text[:600] in text for i in tied)
        assert all(f'href="/doc/issue/{issue}"' in text for issue in statement.issues)
        assert all(f'href="/doc/institution/{p.institution}"' in text for p in statement.partners if p.institution)


def test_a_statement_shows_the_cells_of_its_row_and_the_lines_around(client, records):
    text = page(client, TARGET)
    excerpt = text[text.index('class="doc"') : text.index("</figure>")]
    row = [s for s in records["puno-2019-2022"].statements if s.line == 175]
    assert len(row) > 3 and all(s.text in excerpt for s in row)
    assert f"<mark>{row[-1].text}</mark>" in excerpt and ">176<" in excerpt


def test_a_target_says_what_it_specifies_and_what_not(client):
    text = page(client, TARGET)
    assert "100 %" in text.replace("\u00a0", " ") and "«al 100%»" in text and "2022" in text
    assert text.count("no lo dice") >= 2  # no baseline, no money
    assert "MINAM" in text and "en la misma fila" in text


def test_a_doubtful_amount_is_told_with_its_other_reading(client, records):
    doubtful = [s for s in records["san-sebastian-2007-2010"].statements if s.budget and not s.budget.certain]
    assert doubtful
    for statement in doubtful:
        text = page(client, f"/doc/plan/san-sebastian-2007-2010/{statement.id}")
        assert "lectura dudosa" in text and statement.budget.raw in text and "o bien S/" in text


# --- plans -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_a_plan_has_all_that_it_says(client, records, key):
    record = records[key]
    text = page(client, f"/doc/plan/{key}")
    assert all(f'href="/doc/plan/{key}/{s.id}"' in text for s in record.statements)
    answered = {i for s in record.statements for i in s.addresses}
    open_ = [s for s in record.statements if s.type == "problem" and s.id not in answered]
    assert (f"Problemas sin respuesta: {len(open_)}" in text) == bool(open_)
    assert all(f'href="/doc/plan/{key}/finding/{f.id}"' in text for f in record.findings)
    assert record.document.sha256[:16] in text and f"{len(record.statements)}, en " in text


@pytest.mark.parametrize("key", KEYS)
def test_a_plan_is_described_for_search_engines(client, records, key):
    told = json.loads(DATA.findall(client.get(f"/doc/plan/{key}", headers=BROWSER).text)[0])
    assert told["@type"] == "Dataset" and told["@id"].endswith(f"/id/plan/{key}") and told["license"].startswith("https://")
    assert len(told["description"]) >= 50 and str(len(records[key].statements)) in told["description"]
    for form in told["distribution"]:
        path = form["contentUrl"].replace("http://testserver", "")
        assert client.get(path).headers["content-type"].startswith(form["encodingFormat"])


def test_the_whole_is_described_on_the_start_page(client, records):
    told = json.loads(DATA.findall(client.get("/", headers=BROWSER).text)[0])
    assert told["@type"] == "Dataset" and told["name"] and told["version"] and "5 planes" in told["description"]


def test_a_description_ends_no_element():
    script = as_script({"name": "</script><script>alert(1)</script> & \u2028 <!--"})
    assert not set("<>&\u2028") & set(script) and json.loads(script)["name"].startswith("</script>")


# --- places, institutions, organizations, funds, issues ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("2101", ["Provincia", "Código INEI", "2101", "Código RENIEC", "2001", 'href="/doc/territory/21"', "Ácora"]),
        ("080105", ["Distrito", "080105", "070105", 'href="/doc/territory/0801"', 'href="/doc/territory/08"']),
        ("21", ["Departamento", "PE-PUN", 'href="/doc/plan/puno-2019-2022"', 'href="/doc/plan/huancane-2019-2022"']),
        ("010101", ["Todavía no hay ningún plan de este lugar"]),
    ],
)
def test_a_place_shows_where_it_lies_its_codes_and_its_plans(client, code, told):
    text = page(client, f"/doc/territory/{code}")
    assert [words for words in told if words not in text] == []


def test_an_institution_shows_who_counts_on_it_and_how(client, records):
    wanted = [
        (key, s.id, partner)
        for key, record in records.items()
        for s in record.statements
        for partner in s.partners
        if partner.institution == "gore-puno"
    ]
    text = page(client, "/doc/institution/gore-puno")
    assert len(wanted) >= 5 and all(f'href="/doc/plan/{key}/{i}"' in text for key, i, _ in wanted)
    assert "Socio, convenio («GORE Puno»)" in text and "en 1 plan" in text


def test_an_organization_shows_its_plans_and_a_fund_its_amounts(client):
    assert f'href="{PLAN}"' in page(client, "/doc/organization/todos-por-el-peru")
    fund = page(client, "/doc/fund/canon-y-sobrecanon")
    assert "S/ 186 000" in fund.replace("\u00a0", " ") and 'href="/doc/plan/san-sebastian-2007-2010/s162"' in fund


def test_an_issue_shows_what_plans_say_on_it_and_on_what_it_comprises(client, records):
    text = page(client, "/doc/issue/agua-y-saneamiento")
    narrower = "tratamiento-de-aguas-residuales"
    said = [(k, s.id) for k, r in records.items() for s in r.statements if narrower in s.issues]
    assert said and all(f'href="/doc/plan/{k}/{i}"' in text for k, i in said) and f'href="/doc/issue/{narrower}"' in text


# --- the document's own protocol ---------------------------------------------------------------------------------------------


def test_a_document_names_its_other_forms_and_what_it_describes(client):
    answer = client.get(TARGET, headers=BROWSER)
    assert f'<{TARGET}.ttl>; rel="alternate"; type="text/turtle"' in answer.headers["link"]
    assert 'id/plan/puno-2019-2022/s050>; rel="describes"' in answer.headers["link"]
    assert answer.headers["content-location"] == f"{TARGET}.html"
    turtle = client.get(TARGET, headers={"Accept": "text/turtle"})
    assert f'<{TARGET}.html>; rel="alternate"; type="text/html"' in turtle.headers["link"]
    assert turtle.headers["content-location"] == f"{TARGET}.ttl" and turtle.headers["vary"] == "Accept"
    assert client.head(TARGET, headers=BROWSER).headers["link"] == answer.headers["link"]


@pytest.mark.parametrize("accept", ["text/html", "text/turtle", "application/ld+json"])
def test_what_has_not_changed_is_not_sent_again(client, accept):
    first = client.get(TARGET, headers={"Accept": accept})
    mark = first.headers["etag"]
    for known in (mark, mark.removeprefix("W/"), f'"other", {mark}', "*"):
        again = client.get(TARGET, headers={"Accept": accept, "If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", mark)
        assert again.headers["vary"] == first.headers["vary"]
    assert client.get(TARGET, headers={"Accept": accept, "If-None-Match": '"other"'}).status_code == 200


def test_each_form_language_and_background_has_its_own_mark(client):
    asked = [
        (TARGET, {}),
        (f"{TARGET}?lang=en", {}),
        (f"{TARGET}.ttl", {}),
        (f"{TARGET}.nt", {}),
        (TARGET, {"Cookie": "theme=dark"}),
    ]
    marks = [client.get(path, headers=BROWSER | more).headers["etag"] for path, more in asked]
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/doc/plan/puno-2019-2023", "/doc/plan/puno-2019-2022"),
        ("/doc/plan/puno-2019-2022/s51", "/doc/plan/puno-2019-2022/s051"),
        ("/doc/institution/ministerio-de-salud", "/doc/institution/minsa"),
        ("/doc/organization/todos-por-peru", "/doc/organization/todos-por-el-peru"),
        ("/doc/issue/agua-y-saneamento", "/doc/issue/agua-y-saneamiento"),
        ("/doc/fund/foncomum", "/doc/fund/foncomun"),
        ("/doc/territory/huancane", "/doc/territory/2106"),
    ],
)
def test_what_is_not_there_names_what_was_meant(client, path, near):
    told = client.get(path, headers={"Accept": "application/json"})
    assert told.status_code == 404 and near in told.json()["near"]
    assert f'href="{near}"' in client.get(path, headers=BROWSER).text
    assert client.get(path, headers={"If-None-Match": "*"}).status_code == 404


# --- what was withdrawn ------------------------------------------------------------------------------------------------------


WITHDRAWN = """withdrawn:
- {id: plan/demo-2019-2022/s900, date: "2026-12-01", es: "Era otra lectura.", en: "It was another reading.",
   replaced_by: plan/demo-2019-2022/s001}
- {id: plan/gone-2019-2022, date: "2026-12-02", es: "Se pidió retirarlo.", en: "Its withdrawal was asked for."}
"""


@pytest.fixture(scope="module")
def withdrawing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("withdrawn")
    (folder / "withdrawn.yaml").write_text(WITHDRAWN, encoding="utf-8")
    envelope = create_app(settings(build(folder / "out")))
    envelope.app.state.withdrawn = load_withdrawn(folder / "withdrawn.yaml")
    with TestClient(envelope, follow_redirects=True) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/doc/plan/demo-2019-2022/s900", ["2026-12-01", "Era otra lectura.", 'href="/doc/plan/demo-2019-2022/s001"']),
        ("/id/plan/demo-2019-2022/s900", ["Era otra lectura."]),
        ("/doc/plan/gone-2019-2022", ["2026-12-02", "Se pidió retirarlo."]),
        ("/doc/plan/gone-2019-2022/s001", ["Se pidió retirarlo."]),
        ("/doc/plan/gone-2019-2022?lang=en", ["Its withdrawal was asked for."]),
    ],
)
def test_what_was_withdrawn_says_so(withdrawing, path, told):
    answer = withdrawing.get(path, headers=BROWSER)
    assert answer.status_code == 410 and all(words in html.unescape(answer.text) for words in told)


def test_a_program_is_told_of_a_withdrawal_too(withdrawing):
    answer = withdrawing.get("/doc/plan/demo-2019-2022/s900.ttl", headers={"Accept": "text/turtle"})
    assert answer.status_code == 410 and answer.json()["near"] == ["/doc/plan/demo-2019-2022/s001"]
    assert withdrawing.get("/doc/plan/demo-2019-2022/s001.ttl").status_code == 200


def test_what_is_withdrawn_is_in_no_record_and_its_successor_is(records):
    things = {f"plan/{k}" for k in records} | {f"plan/{k}/{s.id}" for k, r in records.items() for s in r.statements}
    known = load_withdrawn(FILE)
    assert [key for key in things if withdrawn_at(key, known)] == []
    assert [w.key for w in known.values() if w.replaced_by.startswith("plan/") and w.replaced_by not in things] == []


def test_a_withdrawal_without_its_reason_is_refused(tmp_path: Path):
    (tmp_path / "w.yaml").write_text("withdrawn:\n- {id: plan/x, date: '2026-01-01', es: 'Por algo.'}\n", encoding="utf-8")
    with pytest.raises(ProblemsError, match=r"w.yaml:2: withdrawn: no en"):
        load_withdrawn(tmp_path / "w.yaml")


# --- start page, list of plans, background -----------------------------------------------------------------------------------


def test_the_start_page_counts_what_there_is(client, records):
    text = page(client, "/")
    total = sum(len(r.statements) for r in records.values())
    assert f"{total} enunciados de 5 planes" in text and "Citar" in text and "CC BY 4.0" in text and 'id="corregir"' in text
    shown = re.search(r"<mark[^>]*>(.*?)</mark>", text)
    assert shown and any(shown[1].removesuffix(" […]") in s.text for r in records.values() for s in r.statements)


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("huancane", ["huancane-2019-2022"]),
        ("PUNO provincia", ["huancane-2019-2022", "puno-2019-2022"]),
        ("2007", ["san-sebastian-2007-2010"]),
        ("nacionalista", ["san-sebastian-2007-2010"]),
        ("nada de esto", []),
        ("", KEYS),
    ],
)
def test_the_list_of_plans_is_narrowed_by_words(client, words, keys):
    text = client.get("/plans", params={"q": words, "page": "99"}, headers=BROWSER).text
    assert sorted(set(re.findall(r'href="/doc/plan/([^"/]+)"', text))) == sorted(keys)


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999", "²"])
def test_a_page_number_that_is_none_shows_the_first_page(client, number):
    assert client.get("/plans", params={"page": number}, headers=BROWSER).status_code == 200


@pytest.mark.parametrize(
    ("back", "goes_to"),
    [
        ("/plans?q=puno", "/plans?q=puno"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_a_background_is_kept_and_leads_back_to_this_site_only(client, back, goes_to):
    answer = client.get("/theme/dark", params={"back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, goes_to)
    assert "theme=dark" in answer.headers["set-cookie"] and "HttpOnly" in answer.headers["set-cookie"]
    client.cookies.clear()


@pytest.mark.parametrize(("cookie", "marked"), [("dark", True), ("light", True), ("system", False), ('"><script>', False)])
def test_the_background_is_on_the_page(client, cookie, marked):
    text = client.get("/", headers=BROWSER | {"Cookie": f"theme={cookie}"}).text
    assert (f'data-theme="{cookie}"' in text) == marked and "<script>" not in text


# --- in a browser --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_pages_in_a_browser(address, browser, width, scheme):
    """The policy lets the block of data be, nothing scrolls sideways, nothing is asked elsewhere, the console is silent."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    shown = context.new_page()
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: said.append(request.url) if not request.url.startswith((address, "data:")) else None)
    for path in ["/", "/plans", "/ontology", *THINGS]:
        assert shown.goto(address + path).status == 200
        overflow = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (path, overflow, said) == (path, 0, [])
        blocks = shown.eval_on_selector_all('script[type="application/ld+json"]', "found => found.map(e => e.textContent)")
        assert [json.loads(text)["@type"] for text in blocks] == (["Dataset"] if path in {"/", PLAN} else [])
    context.close()


def test_a_page_is_printed_black_on_white_from_a_dark_screen_too(address, browser):
    context = browser.new_context(color_scheme="dark")
    shown = context.new_page()
    shown.goto(address + PLAN)
    ground = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    assert shown.evaluate(ground) == "rgb(16, 26, 28)rgb(232, 239, 237)"
    shown.emulate_media(media="print", color_scheme="dark")
    assert shown.evaluate(ground) == "rgb(255, 255, 255)rgb(0, 0, 0)"
    assert not shown.is_visible(".mast nav")
    context.close()
