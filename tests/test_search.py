"""Text search: which words count as the same, what is typed, the index, the page and its files, the search within SPARQL."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from kg.errors import KgError
from kg.namespaces import BASE, PG, PREFIXES
from kg.search import MOST_HITS, Request, check_index, open_index, parse
from kg.search.asking import LONGEST_TEXT, MOST, marks
from kg.search.index import searcher_by_links
from kg.search.words import stem, vocabulary, words_of
from kg.sparql import Refusal, prepare, with_hits
from kg.sparql.searching import MOST_CALLS, MOST_LIMIT, SERVICE
from kg.store import INDEX, build_store, current_store, servable_store
from tests.serving import GRAPH_A, PLAN, S1, S2, build, nquads, settings

ID = BASE + "id/"


def stems(text: str) -> list[str]:
    return [stem(word.folded) for word in words_of(text)]


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("educacion", "educación"),
        ("EDUCACIÓN", "educaciones"),
        ("educacio\u0301n", "educación"),  # the accent as a mark of its own
        ("aymara", "aimara"),
        ("Aymaras", "aymaras"),
        ("cuzco", "Qosqo"),
        ("kichwa", "quechua"),
        ("mujer", "mujeres"),
        ("lugar", "lugares"),
        ("taller", "talleres"),
        ("agua", "AGUAS"),
        ("niño", "ninos"),
        ("desagüe", "desague"),
        ("construcción", "construcciones"),
        ("gestión", "gestiones"),
        ("canción", "cancion"),
    ],
)
def test_words_that_are_the_same(one, other):
    assert stems(one) == stems(other)


@pytest.mark.parametrize(("one", "other"), [("agua", "aguja"), ("puno", "puño de hierro"), ("salud", "saldo"), ("río", "riego")])
def test_words_that_are_not(one, other):
    assert stems(one) != stems(other)


@pytest.mark.parametrize("spelling", sorted(vocabulary().variants))
def test_every_declared_spelling_finds_the_others(spelling):
    assert parse(spelling).clauses == parse(vocabulary().variants[spelling].upper()).clauses


def test_a_spelling_belongs_to_one_group():
    from kg.declared import read_yaml
    from kg.paths import DATA

    root, collector = read_yaml(DATA / "search.yaml")
    spelled = [
        word for group in collector.sequence(collector.mapping(root, "")["variants"], "") for word in collector.scalars(group, "")
    ]
    assert len(spelled) == len(set(spelled)) > 10


# ------------------------------------------------------------------ what is typed

ASKED = [
    ("agua", [("word", ("agua",))]),
    ("AGUA  agua", [("word", ("agua",))]),
    ("agua potable", [("word", ("agua",)), ("word", ("potable",))]),
    ('"agua potable"', [("phrase", ("agua", "potable"))]),
    ("«Agua Potable» rural", [("phrase", ("agua", "potable")), ("word", ("rural",))]),
    ('"agua"', [("phrase", ("agua",))]),
    ('"agua potable', [("word", ("agua",)), ("word", ("potable",))]),
    ('"" "..."', []),
    ("educa*", [("beginning", ("educa",))]),
    ("aym*", [("beginning", ("aimara", "aym"))]),
    ("a*", [("word", ("a",))]),
    ("*", []),
    ("agua de riego", [("word", ("agua",)), ("word", ("riego",))]),
    ("de la", [("word", ("de",)), ("word", ("la",))]),
    ("", []),
    ("   ", []),
    ("NOT agua) OR (stems:x^2", [("word", (w,)) for w in ("not", "agua", "or", "stems", "x", "2")]),
    ("\u202eagua\u202c", [("word", ("agua",))]),
    ("مياه", [("word", ("مياه",))]),
]


@pytest.mark.parametrize(("text", "clauses"), ASKED)
def test_what_is_typed(text, clauses):
    assert [(c.kind, c.words) for c in parse(text).clauses] == clauses


@pytest.mark.parametrize("text", ["x" * (LONGEST_TEXT + 1), " ".join(f"palabra{i}" for i in range(MOST + 1))])
def test_too_much_is_cut_and_said(text):
    asked = parse(text)
    assert asked.cut and 0 < len(asked.clauses) <= MOST


def test_small_words_that_are_left_out_are_told():
    assert parse("agua de la sierra").ignored == ("de", "la")


@pytest.mark.parametrize(
    ("text", "typed", "lit"),
    [
        ("Contaminación de AGUAS", "agua", ["AGUAS"]),
        ("Educación y educacio\u0301n", "educacion", ["Educación", "educacio\u0301n"]),
        ("agua potable, agua de riego", '"agua potable"', ["agua potable"]),
        ("agua potable", "agua potable", ["agua", "potable"]),
        ("La educativa educa", "educa*", ["educativa", "educa"]),
        ("<b>agua</b>", "agua b", ["b", "agua", "b"]),
        ("cultura Aymara", "aimara", ["Aymara"]),
        ("nada", "agua", []),
        ("", "agua", []),
    ],
)
def test_what_is_lit(text, typed, lit):
    assert [text[start:end] for start, end in marks(text, parse(typed))] == lit


# ------------------------------------------------------------------ the index

EXTRA = """
<{S2}> <{rdf}type> <{pg}Commitment> <{g}> .
<{S2}> <{rdf}type> <{pg}Statement> <{g}> .
<{S2}> <{pg}dimension> <{id}dimension/social> <{g}> .
<{S2}> <{pg}issue> <{id}issue/agua-potable> <{g}> .
<{S2}> <{pg}partner> <{id}institution/ana> <{g}> .
<{S2}> <{pg}fundedBy> <{id}fund/canon> <{g}> .
<{S2}> <{pg}reviewStatus> <{id}review-status/reviewed> <{g}> .
<{S2}/budget> <{pg}currency> "PEN" <{g}> .
<{S2}/budget> <{pg}certain> "false"^^<{xsd}boolean> <{g}> .
<{PLAN}/s003> <{rdf}type> <{pg}Target> <{g}> .
<{PLAN}/s003> <{pg}text> "Reducir la anemia infantil al 10 % en la zona aimara"@es <{g}> .
<{PLAN}/s003> <{pg}targetRaw> "10 %" <{g}> .
<{PLAN}/s003> <{pg}sourcePage> "12"^^<{xsd}integer> <{g}> .
<{PLAN}/s003> <{pg}statedIn> <{PLAN}> <{g}> .
<{PLAN}/s010> <{rdf}type> <{pg}Problem> <{g}> .
<{PLAN}/s010> <{pg}text> "Falta educación; <script>alert(2)</script> \u202egnirts\u202c"@es <{g}> .
<{PLAN}/s010> <{pg}statedIn> <{PLAN}> <{g}> .
<{PLAN}> <{pg}periodEnd> "2022"^^<{xsd}gYear> <{g}> .
<{PLAN}> <{pg}presentedBy> <{id}organization/lista> <{g}> .
<{id}organization/lista> <{rdfs}label> "Lista Demo"@es <{g}> .
<{id}territory/2101> <{pg}within> <{id}territory/21> <{g}> .
<{id}territory/21> <{rdfs}label> "Puno"@es <{g}> .
<{id}institution/ana> <{rdfs}label> "Autoridad Nacional del Agua"@es <{g}> .
<{id}institution/ana> <{pg}acronym> "ANA" <{g}> .
<{id}institution/ana> <{rdf}type> <{pg}Institution> <{g}> .
<{id}institution/otra> <{rdfs}label> "Agua Agua Agua"@es <{g}> .
<{id}issue/agua-potable> <{rdfs}label> "agua potable"@es <{g}> .
<{id}issue/agua-potable> <{skos}broaderTransitive> <{id}issue/agua> <{g}> .
<{id}issue/agua> <{rdfs}label> "agua y saneamiento"@es <{g}> .
<{pg}Project> <{rdfs}subClassOf> <{pg}Commitment> <{base}graph/ontology> .
"""


@pytest.fixture(scope="module")
def extra() -> str:
    return EXTRA.format(S2=S2, PLAN=PLAN, g=GRAPH_A, id=ID, base=BASE, **PREFIXES).lstrip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, extra):
    return build(tmp_path_factory.mktemp("search") / "out", extra)


@pytest.fixture(scope="module")
def index(folder):
    return open_index(current_store(folder) / INDEX)


FOUND = [
    ("agua", {}, ["s001", "s002"]),
    ("AGUAS", {}, ["s001", "s002"]),
    ("educacion", {}, ["s010"]),
    ("aymara", {}, ["s003"]),
    ("aym*", {}, ["s003"]),
    ("anem*", {}, ["s003"]),
    ('"planta de agua"', {}, ["s002"]),
    ('"plantas de agua"', {}, []),
    ("planta limpia", {}, []),
    ("agua", {"type": ["Commitment"]}, ["s002"]),
    ("agua", {"type": ["Project"], "precision": ["budget", "partner"]}, ["s002"]),
    ("agua", {"type": ["Project", "Problem"]}, []),
    ("", {"place": ["21"]}, ["s001", "s002", "s003", "s010"]),
    ("", {"precision": ["target"]}, ["s003"]),
    ("", {"issue": ["agua"]}, ["s002"]),
    ("", {"funding": ["fund/canon"]}, ["s002"]),
    ("", {"period": ["2019-2022"], "organization": ["lista"], "review": ["reviewed"]}, ["s002"]),
    ("", {"type": ['Commitment" OR "a']}, []),
    ("", {"nothing": ["x"]}, []),
    ("", {}, []),
]


@pytest.mark.parametrize(("text", "filters", "ids"), FOUND)
def test_what_is_found(index, text, filters, ids):
    found = index.search(Request(text, filters=filters))
    assert sorted(hit["iri"].rpartition("/")[2] for hit in found.hits) == ids
    assert found.total == len(ids)


def test_any_of_the_words(index):
    assert index.search(Request("planta limpia", any=True)).total == 2


def test_counts_are_those_of_what_is_found(index):
    counts = index.search(Request("agua")).facets
    assert counts["type"] == [("Commitment", 1), ("Problem", 1), ("Project", 1)]
    assert counts["place"] == [("21", 2), ("2101", 2)]
    assert counts["issue"] == [("agua", 1), ("agua-potable", 1)]
    assert counts["precision"] == [("budget", 1), ("partner", 1)]
    assert counts["period"] == [("2019-2022", 2)] and counts["organization"] == [("lista", 2)]


def test_every_count_leads_to_as_many_statements(index):
    for name, values in index.search(Request("agua")).facets.items():
        for value, count in values:
            assert index.search(Request("agua", filters={name: [value]})).total == count, (name, value)


def test_names_are_found_by_all_of_them_and_what_is_used_comes_first(index):
    def named(text: str) -> list[str]:
        return [name["iri"].removeprefix(ID) for name in index.search(Request(text, names=5)).names]

    assert named("ana") == ["institution/ana"]
    *used, other = named("agua")
    assert set(used) == {"institution/ana", "issue/agua-potable", "issue/agua"} and other == "institution/otra"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("anemja", "anemia"),
        ("anemja infantil", "anemia infantil"),
        ('planeta "agua"', 'planta "agua"'),
        ("xyzzy", ""),
        ("agua", ""),
    ],
)
def test_a_word_that_nothing_says_brings_the_nearest(index, text, near):
    assert index.search(Request(text)).near == near


def test_an_index_that_may_not_be_written_to_is_read_all_the_same(folder, index):
    other = open_index(servable_store(folder) / INDEX)
    other.searcher = searcher_by_links(other.folder)
    assert other.search(Request("agua", names=5)) == index.search(Request("agua", names=5))
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in other.folder.iterdir())


def test_pages_of_hits_are_one_list(index):
    whole = [hit["iri"] for hit in index.search(Request("", filters={"place": ["21"]}, limit=50)).hits]
    parts = [index.search(Request("", filters={"place": ["21"]}, offset=n, limit=1)).hits[0]["iri"] for n in range(len(whole))]
    assert parts == whole == sorted(whole)


def test_the_same_graph_gives_the_same_answers(folder, index, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    build_store(folder / "graph.nq", again)
    other = open_index(current_store(again) / INDEX)
    for text in ("agua", "educacion aimara", "la"):
        assert index.search(Request(text, any=True, names=5)) == other.search(Request(text, any=True, names=5))


@pytest.fixture
def broken(tmp_path, extra):
    out = build(tmp_path / "out", extra)
    return out, current_store(out) / INDEX


def test_a_missing_index_is_told_with_advice_and_built_again(broken):
    out, index = broken
    shutil.rmtree(index)
    with pytest.raises(KgError, match="no search index; build it again: kg build"):
        servable_store(out)
    build_store(out / "graph.nq", out)
    assert open_index(servable_store(out) / INDEX).search(Request("agua")).total == 2


def test_a_new_store_without_its_index_leaves_the_old_one_in_service(tmp_path, extra):
    out = build(tmp_path, extra)
    with TestClient(create_app(settings(out))) as client:
        before = client.get("/ready").json()["version"]
        (out / "store" / "other").mkdir()
        (out / "store" / "current").write_text("other\n", encoding="ascii")
        assert client.get("/search?q=agua").status_code == 200
        assert client.get("/ready").json()["version"] == before


@pytest.mark.parametrize("head", ["", "{}", "[]", '{"format": 0, "documents": 1, "labels": {}, "above": {}}', "\ufffd"])
def test_an_index_of_another_form_is_told(broken, head):
    (broken[1] / "search.json").write_text(head, encoding="utf-8")
    with pytest.raises(KgError, match="kg build"):
        check_index(broken[1])


def test_a_broken_index_is_told(broken):
    for file in broken[1].glob("*.idx"):
        file.write_bytes(b"")
    with pytest.raises(KgError, match="build it again: kg build"):
        open_index(broken[1]).search(Request("agua"))


def test_an_index_with_documents_missing_is_told(broken):
    head = json.loads((broken[1] / "search.json").read_text(encoding="utf-8"))
    (broken[1] / "search.json").write_text(json.dumps(head | {"documents": 1}), encoding="utf-8")
    with pytest.raises(KgError, match="not as many as were written"):
        open_index(broken[1])


# ------------------------------------------------------------------ within SPARQL


def hits(text: str, limit: int, type_: str) -> list[tuple[str, float]]:
    return [(f"http://x/{text}/{limit}/{type_}", 1.5)]


def expanded(text: str) -> str:
    return with_hits(text, hits, PREFIXES, str(PG))


PATTERN = f'SERVICE <{SERVICE}> {{ ?s search:query "agua" %s}}'
EXPANDED = [
    (PATTERN % "", "VALUES ?s { <http://x/agua/100/> }"),
    (PATTERN % "; search:score ?score ; search:limit 5 ", "VALUES (?s ?score) { (<http://x/agua/5/> 1.5000) }"),
    (PATTERN % "; search:type pg:Problem . ", "VALUES ?s { <http://x/agua/100/Problem> }"),
    (PATTERN % ". ?s search:limit 5 . ", "VALUES ?s { <http://x/agua/5/> }"),
    (f"service silent<{SERVICE}>{{$s <{SERVICE}#query> '''agua'''@es}}", "VALUES ?s { <http://x/agua/100/> }"),
    (f"SERVICE\n<{SERVICE}>\n{{ ?s search:query 'a' }}", "VALUES ?s { <http://x/a/100/> }\n\n"),
    (f'SERVICE <{SERVICE}> {{ ?s search:query "a\\u0062" }}', "VALUES ?s { <http://x/ab/100/> }"),
]


@pytest.mark.parametrize(("pattern", "values"), EXPANDED)
def test_the_pattern_becomes_its_hits(pattern, values):
    text = expanded(f"SELECT * {{ {pattern} ?s ?p ?o }}")
    assert text == f"SELECT * {{ {values} ?s ?p ?o }}"
    assert prepare(text).form == "SELECT"


def test_a_prefix_of_ones_own():
    assert "VALUES ?x" in expanded(f'PREFIX b: <{SERVICE}#> SELECT * {{ SERVICE <{SERVICE}> {{ ?x b:query "a" }} }}')


WRONG = [
    ("?s search:query ?text", '"…"'),
    ("?s search:limit 5", "search:query"),
    ('?s search:query "a" ; search:limit 0', f"1–{MOST_LIMIT}"),
    (f'?s search:query "a" ; search:limit {MOST_LIMIT + 1}', f"1–{MOST_LIMIT}"),
    ('?s search:query "a" ; search:type <http://x/>', "pg:Problem"),
    ('?s search:query "a" ; rdfs:label ?l', "search:query, search:score"),
    ('<http://x/> search:query "a"', "?s"),
    ('?s search:query "a" . ?t search:limit 5', "?s"),
    ('?s search:query "a" FILTER(?s)', "; ."),
    ('?s search:query "a" SERVICE <http://x/> { ?a ?b ?c }', "; ."),
]


@pytest.mark.parametrize(("pattern", "expected"), WRONG)
def test_a_wrong_pattern_is_told_with_its_place(pattern, expected):
    with pytest.raises(Refusal) as refused:
        expanded(f"SELECT * {{\n SERVICE <{SERVICE}> {{ {pattern} }} }}")
    assert refused.value.told["kind"] == "search_pattern" and refused.value.told["line"] == 2
    assert expected in refused.value.told["detail"]


def test_few_patterns_only():
    with pytest.raises(Refusal, match=f"more than {MOST_CALLS}"):
        expanded(f"SELECT * {{ {' '.join([PATTERN % ''] * (MOST_CALLS + 1))} }}")


REFUSED = [
    "SELECT * { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }",
    f"SELECT * {{ SERVICE <{SERVICE}/> {{ ?s search:query 'a' }} }}",
    f"SELECT * {{ SERVICE <{SERVICE}> {{ ?s search:query 'a' }} SERVICE <http://127.0.0.1/> {{ ?s ?p ?o }} }}",
    f"SELECT * {{ SERVICE <http://127.0.0.1/> {{ SERVICE <{SERVICE}> {{ ?s search:query 'a' }} }} }}",
    "SELECT * { SERVICE ?where { ?s ?p ?o } }",
    f"SELECT * {{ {PATTERN % ''} 1SERVICE<http://127.0.0.1/> {{ ?s ?p ?o }} }}",
    f"SELECT * {{ SERVICE <{SERVICE}> }}",
    f'SELECT * {{ FILTER(?a<b#) SERVICE <{SERVICE}> {{ ?s search:query "a" }} }}',
    f"PREFIX search: <http://127.0.0.1/> SELECT * {{ SERVICE search: {{ ?s <{SERVICE}#query> 'a' }} }}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_service_to_anything_else_is_refused_as_ever(text):
    with pytest.raises(Refusal) as refused:
        prepare(expanded(text))
    assert refused.value.told["kind"] == "service"


@pytest.mark.parametrize("text", ['SELECT ("SERVICE <%s> { }" AS ?x) {}', "# SERVICE <%s> {\nASK {}"])
def test_what_only_looks_like_the_pattern_stays(text):
    assert expanded(text % SERVICE) == text % SERVICE


# ------------------------------------------------------------------ the page


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(create_app(settings(folder))) as client:
        yield client


def page(client, query: str = "", **params) -> str:
    reply = client.get("/search" + query, params=params or None, headers={"Accept": "text/html"})
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html")
    return reply.text


def test_the_page_lights_the_words_and_counts(client):
    text = page(client, q="agua")
    assert "<strong>2 enunciados</strong>" in text and "<mark>Agua</mark>" in text and 'class="num">1<' in text
    assert "&lt;script&gt;" in text and "<script>alert" not in text
    assert "/doc/plan/demo-2019-2022/s001" in text and "línea</span> 195" in text
    assert "lectura dudosa" in text and "S/\u00a02\u00a0100\u00a0000" in text


def test_the_page_in_english_keeps_its_language(client):
    text = page(client, q="agua", lang="en")
    assert "<strong>2 statements</strong>" in text and "Problem" in text and "type=Problem&amp;lang=en" in text
    assert 'name="lang" value="en"' in text


def test_choosing_narrows_and_can_be_undone(client):
    text = page(client, q="agua", type="Project")
    assert "<strong>1 enunciado</strong>" in text and 'aria-current="true"' in text
    assert 'href="/search?q=agua"' in text and "Quitar" in text


def test_the_front_page_asks_nothing(client):
    text = page(client)
    assert 'name="q"' in text and "<mark>" not in text and 'role="status"' not in text


def test_none_is_an_answer(client):
    text = page(client, q="planta limpia")
    assert "Ningún enunciado dice" in text and "any=1" in text
    assert "anemia</bdi></a>?" in page(client, q="anemja")


def test_pages_follow_each_other(client):
    told = client.get("/search", params={"place": "21", "format": "json", "limit": 3}).json()
    assert told["total"] == 4 and len(told["statements"]) == 3
    path = told["next"].partition("/search")[2]
    rest = client.get("/search" + path).json()
    assert len(rest["statements"]) == 1 and rest["next"] is None


def test_json_has_what_the_page_has(client):
    told = client.get("/search", params={"q": "anemia"}, headers={"Accept": "application/json"}).json()
    (found,) = told["statements"]
    assert found["page"] == 12 and found["type"] == "Target" and found["plan"] == "demo-2019-2022"
    assert [found["text"][a:b] for a, b in found["marks"]] == ["anemia"]
    assert told["facets"]["type"] == [{"value": "Target", "count": 1, "es": "Target", "en": "Target"}]


def test_csv_has_all_of_them(client):
    reply = client.get("/search", params={"q": "agua", "format": "csv", "bom": "1"})
    assert reply.content.startswith(b"\xef\xbb\xbf") and "attachment" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
    assert {row["statement"] for row in rows} == {S1, S2}
    assert next(row for row in rows if row["statement"] == S2)["partners"] == "Autoridad Nacional del Agua"


HOSTILE = [
    "<script>alert(1)</script>",
    '" onfocus="alert(1)',
    "{{ 7*7 }} %s {0}",
    "'; DROP TABLE t; --",
    "x" * 10_000,
    "agua " * 2000,
    '"' * 5000,
    "*" * 5000,
    "a* " * 500,
    "\u202eotercse\u202c agua",
    "\x00\x01agua",
    "NEAR(agua salud, 5) AND stems:agua^100 [a TO z]",
    "/.*/ agua~2 +agua -agua",
    "٪ 水 👩‍👩‍👧 \ud83d".encode("utf-8", "replace").decode(),
    "(((((((((",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_hostile_queries_do_no_harm(client, text, form):
    reply = client.get("/search", params={"q": text, "format": form, "names": "1"})
    assert reply.status_code == 200
    if form == "html":
        assert "<script>alert" not in reply.text and 'onfocus="alert' not in reply.text and "49" not in reply.text[:3000]


ODD = ["?page=0", "?page=-1&q=agua", "?page=99999999999&q=agua", "?page=x&q=agua", "?q=agua&limit=0&format=json", "?place=%00"]
ODD += ["?q=%FF", "?" + "&".join(f"type=t{i}" for i in range(500)), f"?q=agua&page={MOST_HITS}", "?all=nothing&q=agua"]


@pytest.mark.parametrize("query", ODD)
def test_odd_parameters_do_no_harm(client, query):
    assert client.get("/search" + query).status_code == 200


def test_other_formats_are_refused(client):
    assert client.get("/search?q=agua", headers={"Accept": "image/png"}).status_code == 406
    assert client.get("/search?q=agua&format=xlsx").status_code == 406


def ask(client, pattern: str, accept: str = "text/csv"):
    text = f"SELECT ?s {{ {pattern} }} ORDER BY ?s"
    return client.get("/sparql", params={"query": text}, headers={"Accept": accept})


def test_the_endpoint_answers_the_search(client):
    reply = ask(client, (PATTERN % "; search:score ?n") + " ?s a pg:Statement FILTER(?n > 0)")
    assert reply.status_code == 200 and reply.text.split() == ["s", S1, S2]
    assert ask(client, PATTERN % "; search:type pg:Institution").text.split() == ["s", f"{ID}institution/ana"]


def test_an_answer_with_a_search_is_kept_like_any_other(client):
    first = ask(client, PATTERN % "; search:limit 7")
    again = client.get(first.request.url, headers={"Accept": "text/csv", "If-None-Match": first.headers["etag"]})
    other = ask(client, (PATTERN % "; search:limit 7").replace("agua", "anemia"))
    assert again.status_code == 304 and other.headers["etag"] != first.headers["etag"] and other.text != first.text


def test_the_endpoint_refuses_other_services_and_wrong_patterns(client):
    problem = ask(client, "SERVICE <http://127.0.0.1:1/> { ?s ?p ?o }", "application/json")
    assert problem.status_code >= 400 and problem.json()["kind"] == "service"
    problem = ask(client, f"SERVICE <{SERVICE}> {{ ?s search:query ?x }}", "application/json")
    assert problem.status_code == 400 and problem.json()["kind"] == "search_pattern" and problem.json()["column"] > 1


def test_a_syntax_error_beside_a_search_is_told_by_its_line(client):
    problem = ask(client, f"{PATTERN % ''}\n FLITER(1)", "application/json")
    assert problem.status_code == 400 and problem.json()["line"] == 2


def test_before_another_server_there_is_no_search(folder):
    with TestClient(create_app(settings(folder, endpoint="http://127.0.0.1:9/sparql"))) as client:
        reply = client.get("/search?q=agua", headers={"Accept": "text/html"})
        assert reply.status_code == 501 and "búsqueda de texto" in reply.text


def test_the_graph_of_the_tests_is_what_they_think(extra):
    assert nquads(extra).count("\n") > 40
