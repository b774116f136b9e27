"""The readers' site in a real browser: a journalist's way from the start page to a quote and a file, and every page's manners."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = [
    "/",
    "/questions",
    "/questions/monto-por-fuente",
    "/questions/proyectos-por-monto",
    "/search?q=agua",
    "/search?q=%22no+hay+nada+as%C3%AD%22",
    "/compare",
    "/compare?plan=puno-2019-2022&plan=huancane-2019-2022",
    "/doc/plan/puno-2019-2022",
    "/doc/plan/san-sebastian-2007-2010/s100",
    "/doc/territory/2101",
    "/doc/institution/minsa",
    "/doc/fund/foncomun",
    "/doc/issue/agua-y-saneamiento",
    "/sparql",
    "/ontology",
    "/doc/plan/no-existe",
]


class Reader:
    """A page as a person sees it; errors of scripts, breaches of the policy and requests to other hosts are troubles."""

    def __init__(self, browser, address: str, **more: object):
        self.address, self.troubles, self.missing = address, [], False
        self.context = browser.new_context(locale="es-PE", **{"viewport": {"width": 1280, "height": 900}, **more})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda r: self.troubles.append(r.url) if not r.url.startswith((address + "/", "data:")) else None)
        self.page.on("console", self._heard)

    def _heard(self, message) -> None:
        if message.type in {"error", "warning"} and not (self.missing and "404" in message.text):
            self.troubles.append(message.text)

    def open(self, path: str) -> int:
        self.missing = "no-existe" in path
        answer = self.page.goto(self.address + path)
        return answer.status

    def close(self) -> None:
        self.context.close()
        assert self.troubles == []


@pytest.fixture
def reader(browser, address):
    started = Reader(browser, address)
    yield started
    started.close()


def test_a_journalist_finds_an_answer_its_quote_and_a_file(reader):
    page = reader.page
    reader.open("/")
    page.locator("main a[href^='/questions/']").first.click()
    page.wait_for_url("**/questions/*")
    assert page.locator("h1").inner_text().startswith("¿")
    assert page.locator("table tbody tr").count() > 0
    with page.expect_download() as download:
        page.locator("a[href*='format=csv'], a[href*='.csv']").first.click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert len(rows) > 1 and len({len(row) for row in rows}) == 1
    page.locator("table a[href*='/doc/plan/']").first.click()
    page.wait_for_url("**/doc/plan/**")
    assert page.locator("h1").inner_text()


def test_a_statement_shows_its_quote_with_line_and_neighbours(reader):
    page = reader.page
    reader.open("/search?q=serenazgo")
    page.locator("main a[href*='/doc/plan/'][href*='/s']").first.click()
    page.wait_for_url(re.compile(r"/doc/plan/[^/]+/s\d+"))
    words = page.locator("main").inner_text().casefold()
    assert "serenazgo" in words and "línea" in words


def test_search_folds_accents_and_narrows_by_facets(reader):
    page = reader.page
    reader.open("/search?q=educacion")
    assert page.locator("mark", has_text=re.compile("educación", re.IGNORECASE)).count() > 0
    before = int(re.search(r"\d+", page.locator("[role=status]").first.inner_text().replace("\u00a0", ""))[0])
    page.locator("aside a[href^='/search?'], nav a[href^='/search?']").first.click()
    page.wait_for_load_state()
    after = int(re.search(r"\d+", page.locator("[role=status]").first.inner_text().replace("\u00a0", ""))[0])
    assert 0 < after < before


def test_two_plans_stand_side_by_side(reader):
    page = reader.page
    reader.open("/compare?plan=puno-2019-2022&plan=huancane-2019-2022")
    words = page.locator("main").inner_text()
    assert "Puno" in words and "Huancané" in words
    assert page.locator("main a[href*='/doc/plan/puno-2019-2022/s']").count() > 5


def test_the_language_switch_keeps_the_page(reader):
    page = reader.page
    reader.open("/questions/monto-por-fuente")
    spanish = page.locator("h1").inner_text()
    page.locator("a[hreflang=en]").first.click()
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "en"
    assert urlsplit(page.url).path == "/questions/monto-por-fuente"
    assert page.locator("h1").inner_text() != spanish


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_without_scripts_and_fits_a_phone(browser, address, path):
    phone = Reader(browser, address, java_script_enabled=False, viewport={"width": 360, "height": 780})
    try:
        assert phone.open(path) == (404 if "no-existe" in path else 200)
        assert phone.page.locator("h1").count() == 1
        assert phone.page.locator("main").count() == 1
        assert phone.page.title()
    finally:
        phone.close()
    narrow = Reader(browser, address, viewport={"width": 320, "height": 780})
    try:
        narrow.open(path)
        assert narrow.page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        narrow.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(browser, address, path, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (make web): the pages were not checked with it")
    seen = Reader(browser, address, color_scheme=scheme, bypass_csp=True)
    try:
        seen.open(path)
        seen.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = seen.page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
        told = [(v["id"], v["impact"], v["nodes"][0]["html"][:120]) for v in found["violations"]]
        assert [v for v in told if v[1] in {"serious", "critical"}] == []
    finally:
        seen.close()
