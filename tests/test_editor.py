"""The editor at /sparql: what it offers while one types, its built files, and a person who uses it in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from api import assets
from api.app import create_app
from api.completion import Thing, find_things
from api.settings import Settings
from tests.serving import SLOW

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
COUNTS = "SELECT ?plan (COUNT(?s) AS ?count) { ?s a pg:Problem ; pg:statedIn ?plan } GROUP BY ?plan ORDER BY DESC(?count)"
LINKED = "CONSTRUCT { ?s pg:addresses ?p } WHERE { ?s pg:addresses ?p } LIMIT 20"


@pytest.fixture(scope="module")
def client(built):
    with TestClient(create_app(Settings(out=built))) as started:
        yield started


KNOWN = [
    Thing("t:21", "Puno", "Departamento", ("puno",)),
    Thing("i:gore", "Gobierno Regional de Puno", "Institución", ("gobierno regional de puno", "gore puno")),
    Thing("t:1005", "Puños", "Distrito", ("punos",)),
    Thing("i:senati", "Servicio Nacional de Adiestramiento", "Institución", ("servicio nacional de adiestramiento", "senati")),
    Thing("t:06", "San Pablo", "Provincia", ("san pablo",)),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("puno", ["t:21", "t:1005", "i:gore"]),
        ("senati", ["i:senati"]),
        ("regional puno", ["i:gore"]),
        ("gore pu", ["i:gore"]),
        ("pablo", ["t:06"]),
        ("ablo", []),
        ("p", []),
        ("", []),
        ("nada de esto", []),
    ],
)
def test_things_are_found_by_the_beginnings_of_their_words(text, expected):
    assert [thing.iri for thing in find_things(KNOWN, text)] == expected
    assert len(find_things(KNOWN * 9, "puno", limit=4)) == 4


def things(client, text: str, **more: str) -> list[dict[str, str]]:
    return client.get("/completion/things", params={"q": text, **more}).json()["things"]


@pytest.mark.parametrize(
    ("text", "label", "kind"),
    [
        ("puno", "Puno", "Departamento"),
        ("PUÑO", "Puno", "Departamento"),
        ("huancane", "Huancané", "Provincia, Puno"),
        ("senati", "Servicio Nacional de Adiestramiento en Trabajo Industrial", "Institución"),
        ("se nati", "Servicio Nacional de Adiestramiento en Trabajo Industrial", "Institución"),
        ("plan gobierno puno", "Plan de gobierno de Puno 2019-2022", "Plan de gobierno"),
        ("educacion ambiental", "educación ambiental", "Tema"),
    ],
)
def test_the_graphs_things_are_offered_with_what_they_are(client, text, label, kind):
    assert (label, kind) in [(thing["label"], thing["kind"]) for thing in things(client, text)]


def test_things_speak_the_pages_language(client):
    assert things(client, "senati", lang="en")[0]["label"] == "National Industrial Training Service"
    assert things(client, "x" * 5000) == [] and len(things(client, "san")) == 20


def test_terms_have_names_definitions_and_prefixes(client):
    told = client.get("/completion/terms").json()
    terms = {term["name"]: term for term in told["terms"]}
    assert terms["pg:Problem"]["label"] == "Problema" and terms["pg:Problem"]["about"]
    assert terms["skos:broader"]["label"] == "más general"
    assert {name.partition(":")[0] for name in terms} <= set(told["prefixes"])
    assert [term for term in told["terms"] if not term["label"]] == []


@pytest.mark.parametrize("path", ["/completion/terms", "/completion/things?q=puno"])
def test_what_is_offered_is_kept_by_its_etag(client, path):
    first = client.get(path)
    assert first.headers["content-type"] == "application/json" and "must-revalidate" in first.headers["cache-control"]
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(path, params={"lang": "en"} | ({"q": "puno"} if "q=" in path else {}))
    assert other.headers["etag"] != first.headers["etag"]


def test_a_question_of_the_library_is_loaded_and_not_run(client):
    page = client.get("/sparql", params={"question": "formacion-tecnica"}, headers={"Accept": "text/html"}).text
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown and "SELECT" in shown[1] and "PREFIX" not in shown[1]
    assert "<table" not in page
    links = re.findall(r"/sparql\?question=([\w-]+)", page)
    assert sorted(links) == sorted(client.app.app.state.questions)


def test_without_a_build_the_page_is_a_plain_form(client, monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "_MANIFEST", tmp_path / "manifest.json")
    page = client.get("/sparql", headers={"Accept": "text/html"}).text
    assert "<textarea" in page and "<script" not in page


@pytest.fixture(scope="module")
def manifest() -> dict[str, str]:
    if not (assets.STATIC / "built" / "manifest.json").is_file():
        pytest.skip("the front end is not built (make web): the editor was not tried")
    return json.loads((assets.STATIC / "built" / "manifest.json").read_text(encoding="utf-8"))


FONTS = ["newsreader-latin-wght-normal", "source-sans-3-latin-wght-normal", "source-code-pro-latin-400-normal"]


@pytest.mark.parametrize(
    ("name", "media_type", "lasts"),
    [
        ("{editor.js}", "text/javascript; charset=utf-8", True),
        ("{editor.css}", "text/css; charset=utf-8", True),
        *((f"fonts/{font}.woff2", "font/woff2", True) for font in FONTS),
        ("licences.txt", "text/plain; charset=utf-8", False),
    ],
)
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_built_files_are_served_with_their_types_and_kept_long(client, manifest, name, media_type, lasts, coding):
    file = re.sub(r"\{(.+)\}", lambda found: manifest[found[1]], name)
    response = client.get(f"/static/built/{file}", headers={"Accept-Encoding": coding})
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert response.content == (assets.STATIC / "built" / file).read_bytes()
    assert ("immutable" in response.headers["cache-control"]) == lasts
    packed = coding == "gzip" and name.startswith("{")
    assert response.headers.get("content-encoding") == ("gzip" if packed else None)


def test_other_static_files_are_checked_each_time(client):
    response = client.get("/static/site.css")
    assert response.headers["cache-control"] == "public, no-cache" and response.headers["etag"]
    assert client.get("/static/site.css", headers={"If-None-Match": response.headers["etag"]}).status_code == 304
    assert client.get("/static/built/none-ABCDEFGH.js").status_code == 404


def test_the_licences_of_what_is_built_in_are_passed_on(manifest):
    told = (assets.STATIC / "built" / "licences.txt").read_text(encoding="utf-8")
    assert all(name in told for name in ("@codemirror/view", "d3-force", "@fontsource-variable/newsreader", "OFL-1.1"))


def test_nothing_built_is_tracked():
    tracked = subprocess.run(
        ["git", "ls-files", "api/static/built", "web/node_modules"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert tracked.stdout == ""


def in_node(module: str, expression: str) -> object:
    """Evaluate an expression over the exports (`m`) of a module of the front end."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: the script's pure functions were not tried")
    script = f"import * as m from {json.dumps((WEB / 'src' / module).as_uri())}; console.log(JSON.stringify({expression}))"
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


TERMS = [
    {"name": "pg:Problem", "label": "Problema", "about": ""},
    {"name": "pg:addresses", "label": "responde a", "about": ""},
    {"name": "pg:issue", "label": "tema", "about": ""},
    {"name": "rdfs:label", "label": "nombre", "about": ""},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pg:prob", ["pg:Problem"]),
        ("prob", ["pg:Problem"]),
        ("responde", ["pg:addresses"]),
        ("pg:tema", ["pg:issue"]),
        ("nombr", ["rdfs:label"]),
        ("rdfs:", ["rdfs:label"]),
        ("skos:prob", []),
        ("zzz", []),
    ],
)
def test_terms_are_found_by_name_and_by_label(text, expected):
    assert [term["name"] for term in in_node("completion.js", f"m.matching({json.dumps(TERMS)}, {json.dumps(text)})")] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<a:s> <a:p> <a:o> .", ["a:s", "a:p", "a:o", False]),
        ('<a:s> <a:p> "x \\"y\\" \\\\ \\u00e1\\n"@es .', ["a:s", "a:p", 'x "y" \\ á\n', True]),
        ('<a:s> <a:p> "1"^^<a:int> .', ["a:s", "a:p", "1", True]),
        ("_:b <a:p> _:c .", ["_:b", "a:p", "_:c", False]),
        ("# a comment", None),
    ],
)
def test_triples_are_read_as_the_endpoint_writes_them(line, expected):
    found = in_node("endpoint.js", f"m.parseTriples({json.dumps(line)})")
    assert [[t["s"], t["p"], t["o"], t["isLiteral"]] for t in found] == ([expected] if expected else [])


# A person at the editor, in Chromium.


@pytest.fixture(scope="module")
def browser(manifest, browser):
    """Chromium, where the editor has been built."""
    return browser


class Editor:
    """The page as a person uses it. Errors of its scripts, breaches of its policy and requests to other hosts are troubles."""

    def __init__(self, browser, address: str, width: int = 1280, **more: object):
        self.address, self.troubles = address, []
        self.page = browser.new_context(locale="es-PE", viewport={"width": width, "height": 900}, **more).new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.troubles.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda r: self.troubles.append(r.url) if not r.url.startswith(address + "/") else None)
        self.page.on("console", lambda m: self.troubles.append(m.text) if m.type in {"error", "warning"} else None)

    def open(self, **parameters: str) -> None:
        self.page.goto(f"{self.address}/sparql?{urlencode(parameters)}")
        self.page.wait_for_selector(".cm-content")

    def type(self, text: str) -> None:
        """Type in the place of what is there."""
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def paste(self, text: str) -> None:
        """Put a long text in the place of what is there."""
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def text(self) -> str:
        return "\n".join(self.page.locator(".cm-line").all_inner_texts())

    def run(self) -> str:
        """Press Ctrl+Enter and return the heading of the answer."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+Enter")
        self.told("Respuesta")
        return self.page.locator("#answer h2").inner_text()

    def told(self, words: str) -> None:
        """Wait for a word of what happens."""
        self.page.locator("[role=status]", has_text=words).wait_for()

    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.page.url).query)


@pytest.fixture
def editor(browser, address):
    started = Editor(browser, address)
    yield started
    started.page.context.close()
    assert started.troubles == []


def test_a_query_is_run_in_place_and_the_address_says_it(editor):
    editor.open()
    editor.type(COUNTS)
    assert editor.run() == "Respuesta: 5 filas"
    assert editor.asked() == {"query": [COUNTS]}
    assert editor.page.locator("#answer table a[href^='/doc/plan/']").count() == 5
    downloads = editor.page.locator("#answer .dl a")
    assert [parse_qs(urlsplit(href).query).get("format") for href in downloads.evaluate_all("all => all.map(a => a.href)")] == [
        ["json"],
        ["xml"],
        ["csv"],
        ["tsv"],
        None,
    ]


def test_a_term_is_offered_with_its_spanish_name(editor):
    editor.open()
    editor.type("SELECT * { ?s a pg:Prob")
    chosen = editor.page.locator(".cm-tooltip-autocomplete li[aria-selected]")
    chosen.wait_for()
    assert chosen.inner_text().split() == ["pg:Problem", "Problema"]
    editor.page.wait_for_timeout(
        150
    )  # the list takes no choice in its first moment, so that a key meant for the text is not lost
    editor.page.keyboard.press("Enter")
    assert editor.text() == "SELECT * { ?s a pg:Problem}"


@pytest.mark.parametrize(
    ("typed", "ending"),
    [
        ("SELECT * { ?s pg:partner senati", "id/institution/senati>}"),
        ("SELECT * { ?s pg:issue educacion_amb", "id/issue/educacion-ambiental>}"),
    ],
)
def test_a_thing_is_offered_by_what_it_is_called(editor, typed, ending):
    editor.open()
    editor.type(typed)
    editor.page.locator(".cm-tooltip-autocomplete li").first.wait_for()
    editor.page.wait_for_timeout(150)
    editor.page.keyboard.press("Enter")
    assert editor.text().endswith(ending)


def test_an_example_loads_and_runs(editor):
    editor.open()
    example = editor.page.locator("a[href*='question=']").first
    name = parse_qs(urlsplit(example.get_attribute("href")).query)["question"][0]
    example.click()
    editor.page.wait_for_selector(".cm-content")
    assert editor.asked()["question"] == [name] and "SELECT" in editor.text()
    editor.page.get_by_role("button", name="Consultar").click()
    editor.page.wait_for_selector("#answer h2")
    assert editor.asked()["query"]


def test_a_permalink_restores_query_and_view_and_so_does_the_way_back(editor):
    editor.open(query=COUNTS, view="chart")
    editor.page.wait_for_selector("#answer .bars li")
    assert editor.text() == COUNTS and editor.page.locator("#answer .bars li").count() == 5
    editor.type("ASK { ?s a pg:Plan }")
    assert editor.run() == "Respuesta: 1 fila"
    editor.page.go_back()
    editor.page.wait_for_selector("#answer .bars li")
    assert editor.text() == COUNTS and editor.asked()["view"] == ["chart"]


@pytest.mark.parametrize(
    ("query", "button", "drawn", "least"),
    [
        (COUNTS, "Gráfico", ".bars rect[width='100.00%']", 1),
        (COUNTS, "Mapa", ".map .land circle", 1000),
        (COUNTS, "Mapa", ".map a[href^='/doc/plan/'] .mark", 5),
        ("SELECT ?t { ?t a pg:Department } ORDER BY ?t", "Mapa", ".map a[href^='/doc/territory/'] .mark", 24),
        (LINKED, "Red", ".node circle", 5),
        (LINKED, "Red", "line", 5),
    ],
)
def test_an_answer_is_drawn(editor, query, button, drawn, least):
    editor.open(query=query)
    editor.page.get_by_role("button", name=button).click()
    editor.page.locator(f"#answer {drawn}").first.wait_for(state="attached")
    assert editor.page.locator(f"#answer {drawn}").count() >= least
    assert editor.page.locator("#answer [data-view=first]").is_hidden() and "view" in editor.asked()


def test_what_cannot_be_drawn_is_not_offered(editor):
    editor.open(query="SELECT ?line { ?s pg:sourceLine ?line } LIMIT 3")
    assert editor.page.locator("#answer table").is_visible() and editor.page.locator(".views").count() == 0


def test_a_text_that_looks_like_markup_stays_text(editor):
    hostile = "<img src=x onerror=alert(1)>"
    editor.open(query=f'SELECT ?x ?n {{ VALUES (?x ?n) {{ ("{hostile}" 3) }} }}', view="chart")
    editor.page.wait_for_selector(".bars li")
    assert editor.page.locator(".bars .of").inner_text() == hostile and editor.page.locator("#answer img").count() == 0


def test_an_error_points_at_its_line(editor):
    editor.open()
    editor.type("SELECT * { ?s none:such ?o }")
    editor.page.keyboard.press("Escape")
    editor.page.keyboard.press("Control+Enter")
    editor.page.wait_for_selector("[role=status].notice")
    assert "none:" in editor.page.locator("[role=status]").inner_text() and editor.page.locator(".cm-wrong").count() == 1
    editor.type("ASK {}")
    assert editor.page.locator(".cm-wrong").count() == 0 and editor.run() == "Respuesta: 1 fila"
    assert [text for text in editor.troubles if "400" in text]  # Chromium itself notes each answer of this kind
    editor.troubles.clear()


def test_a_long_query_can_be_stopped(editor):
    editor.open()
    editor.paste(SLOW)
    editor.page.keyboard.press("Escape")
    editor.page.keyboard.press("Control+Enter")
    editor.page.get_by_role("button", name="Detener").click()
    editor.told("Se detuvo")
    assert editor.page.get_by_role("button", name="Consultar").is_visible() and "query" not in editor.asked()


def test_a_query_too_long_for_an_address_is_posted(editor):
    editor.open(query="ASK {}")
    editor.paste("ASK {}\n" + f"# {'a' * 70}\n" * 500)
    assert editor.run() == "Respuesta: 1 fila"
    assert editor.asked() == {"query": ["ASK {}"]}


def test_another_format_is_a_download(editor):
    editor.open(query=COUNTS)
    editor.page.locator("#format").select_option("csv")
    with editor.page.expect_response(lambda r: "format=csv" in r.url) as found:
        editor.page.get_by_role("button", name="Consultar").click(no_wait_after=True)
    assert found.value.headers["content-type"].startswith("text/csv")


def test_english_speaks_english(editor):
    editor.open(lang="en", query=COUNTS)
    assert editor.page.locator(".views button").all_inner_texts() == ["Table", "Chart", "Map"]
    editor.type("SELECT * { ?s a pg:Prob")
    editor.page.locator(".cm-tooltip-autocomplete li[aria-selected]").wait_for()
    assert editor.page.locator(".cm-tooltip-autocomplete li[aria-selected]").inner_text().split() == ["pg:Problem", "Problem"]


@pytest.mark.parametrize("view", ["table", "chart", "map"])
def test_the_page_fits_a_small_phone(browser, address, view):
    phone = Editor(browser, address, width=320)
    phone.open(query=COUNTS, view=view)
    phone.page.locator("#answer table, #answer figure").locator("visible=true").first.wait_for()
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    phone.page.context.close()
    assert (width, phone.troubles) == (320, [])


def test_without_scripts_the_form_answers(browser, address):
    plain = Editor(browser, address, java_script_enabled=False)
    plain.page.goto(f"{address}/sparql")
    plain.page.locator("textarea").fill(COUNTS)
    plain.page.get_by_role("button", name="Consultar").click()
    plain.page.wait_for_selector("#answer table")
    assert plain.page.locator("#answer h2").inner_text() == "Respuesta: 5 filas" and plain.troubles == []
    plain.page.context.close()
