"""What goes on around queries: caching, compression, request ids, rate limit, figures, logs, connections, settings."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from starlette.testclient import TestClient

from api.app import create_app
from api.cache import Cache, Kept
from api.logs import AccessLog
from api.settings import Settings, settings_from
from kg.errors import KgError
from kg.paths import ROOT
from kg.store import build_store, current_store
from tests.servers import free_ports
from tests.serving import GRAPH_A, build, nquads, product, settings

SELECT = "SELECT ?s ?o { ?s pg:text ?o } ORDER BY ?s"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def client(out) -> Iterator[TestClient]:
    with TestClient(create_app(settings(out)), follow_redirects=False) as client:
        yield client


def ask(client: TestClient, query: str, **more: object):
    return client.get("/sparql", params={"query": query}, **more)  # type: ignore[arg-type]


def figure(client: TestClient, name: str) -> float:
    """Read one of the figures for Prometheus."""
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


# --- what is kept --------------------------------------------------------------------------------------------------------


def test_an_answer_has_a_mark_and_need_not_be_sent_again(client, out):
    first = ask(client, SELECT)
    mark = first.headers["etag"]
    assert current_store(out).name in mark and first.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert "Accept" in first.headers["vary"] and "Accept-Encoding" in first.headers["vary"]
    again = ask(client, SELECT, headers={"If-None-Match": f'"other", {mark}'})
    assert (again.status_code, again.content) == (304, b"") and again.headers["etag"] == mark
    since = ask(client, SELECT, headers={"If-Modified-Since": first.headers["last-modified"]})
    assert (since.status_code, since.content) == (304, b"")
    before = ask(client, SELECT, headers={"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"})
    assert before.status_code == 200 and before.content == first.content


def test_a_mark_is_known_even_by_a_server_that_has_not_run_the_query(out):
    with TestClient(create_app(settings(out))) as one, TestClient(create_app(settings(out))) as other:
        mark = ask(one, SELECT).headers["etag"]
        assert ask(other, SELECT, headers={"If-None-Match": mark}).status_code == 304
        assert figure(other, 'kg_queries_total{outcome="ok",pool="queries"}') == 0


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SELECT.replace(" ", "\n"), True),
        (SELECT + " # a remark", True),
        (SELECT.replace("?o", "?text"), False),
        (SELECT + " LIMIT 1", False),
        (SELECT.replace("pg:text", "rdfs:label"), False),
    ],
)
def test_the_cache_knows_a_query_by_what_it_says(client, other, same):
    first = ask(client, SELECT)
    ran = figure(client, 'kg_queries_total{outcome="ok",pool="queries"}')
    again = ask(client, other)
    assert (again.headers["etag"] == first.headers["etag"]) is same
    if same:
        assert again.content == first.content
        assert figure(client, 'kg_queries_total{outcome="ok",pool="queries"}') == ran


def test_strings_that_differ_in_blanks_are_different_queries(client):
    answers = {ask(client, f'ASK {{ FILTER("a{blanks}b" = "a b") }}').json()["boolean"] for blanks in (" ", "  ")}
    assert answers == {True, False}


@pytest.mark.parametrize("call", ["NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()"])
def test_what_differs_each_time_is_not_kept(client, call):
    answers = [ask(client, f"SELECT ({call} AS ?x) {{}}") for _ in range(2)]
    assert all(a.headers["cache-control"] == "no-store" and "etag" not in a.headers for a in answers)
    if call != "BNODE()":
        assert answers[0].text != answers[1].text


def test_forms_and_datasets_are_kept_apart(client):
    texts = {ask(client, SELECT, headers={"Accept": t}).text for t in ("text/csv", "application/sparql-results+json", "text/csv")}
    assert len(texts) == 2
    whole = client.get("/sparql", params={"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "format": "csv"}).text
    part = client.get(
        "/sparql", params={"query": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "format": "csv", "default-graph-uri": GRAPH_A}
    ).text
    assert whole != part


def test_a_new_snapshot_has_answers_and_marks_of_its_own(tmp_path):
    out = build(tmp_path)
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    with TestClient(create_app(settings(out))) as client:
        first = ask(client, count)
        (out / "graph.nq").write_text(nquads(f"<a:a> <b:b> <c:c> <{GRAPH_A}> .\n"), encoding="utf-8")
        build_store(out / "graph.nq", out)
        client.post("/-/reload")
        again = ask(client, count, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 200 and again.text != first.text and again.headers["etag"] != first.headers["etag"]
        assert figure(client, "kg_snapshot_swaps_total") == 1


def test_head_says_what_get_does(client):
    for query in (SELECT, "SELECT (RAND() AS ?x) {}"):
        got, headed = ask(client, query), client.head("/sparql", params={"query": query})
        assert headed.status_code == 200 and headed.content == b""
        for name in ("content-type", "cache-control", "vary"):
            assert headed.headers[name] == got.headers[name]
        assert int(headed.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("accept", "coding"),
    [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("gzip;q=1, zstd;q=0.5", "gzip"), ("identity", ""), ("br", "")],
)
def test_answers_are_compressed_as_the_client_likes(client, accept, coding):
    plain = ask(client, f"SELECT * {{ {product('ab', 40)} }}", headers={"Accept-Encoding": "identity", "Accept": "text/csv"})
    with client.stream(
        "GET",
        "/sparql",
        params={"query": f"SELECT * {{ {product('ab', 40)} }}"},
        headers={"Accept-Encoding": accept, "Accept": "text/csv"},
    ) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "") == coding
    decoded = {"gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompressobj().decompress, "": bytes}[coding](raw)
    assert decoded == plain.content and (not coding or len(raw) < len(decoded) / 2)


def test_an_answer_that_was_streamed_is_kept_when_it_is_not_huge(client):
    middling, huge = (f"SELECT * {{ {product('abc', size)} }}" for size in (18, 60))
    for query, is_kept in ((middling, True), (huge, False)):
        first = ask(client, query, headers={"Accept-Encoding": "identity"})
        assert "content-length" not in first.headers and len(first.content) > 256 * 1024
        again = ask(client, query, headers={"Accept-Encoding": "identity"})
        assert again.content == first.content and ("content-length" in again.headers) is is_kept


def test_the_cache_keeps_within_its_size():
    cache = Cache(100_000)
    for number in range(200):
        cache.put(number, Kept([], b"x" * 1000, ""), 10)
    assert cache.used <= 100_000 and 50 < len(cache) < 70
    assert cache.get(199) and cache.get(0) is None
    cache.put("large", Kept([], b"x" * 50_000, ""), 10)
    assert cache.get("large") is None
    cache.get(150)
    for number in range(200, 240):
        cache.put(number, Kept([], b"x" * 1000, ""), 10)
    assert cache.get(150), "what was used lately stays"


# --- around a request ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "kept"), [("abc-123", True), ("x" * 65, False), ("a b", False), ("<script>", False)])
def test_a_request_has_an_id(client, given, kept):
    told = ask(client, "ASK {}", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (told == given) is kept and re.fullmatch(r"[A-Za-z0-9-]{1,64}", told)


def test_a_client_that_asks_too_often_is_told_to_wait(out):
    with TestClient(create_app(settings(out, rate=5))) as client:
        answers = [ask(client, "ASK {}") for _ in range(8)]
        assert [a.status_code for a in answers] == [200] * 5 + [429] * 3
        assert int(answers[-1].headers["retry-after"]) > 0 and answers[-1].json()["kind"] == "rate"


def test_figures_tell_what_happened(client):
    before = {
        name: figure(client, name)
        for name in (
            'kg_queries_total{outcome="ok",pool="queries"}',
            'kg_queries_total{outcome="service",pool="queries"}',
            'kg_query_rows_total{pool="queries"}',
            'kg_http_requests_total{route="sparql",status="403"}',
            'kg_cache_requests_total{outcome="hit"}',
        )
    }
    ask(client, "SELECT ?x { VALUES ?x { 1 2 3 4 } }")
    ask(client, "SELECT ?x { VALUES ?x { 1 2 3 4 } }")
    ask(client, "SELECT * { SERVICE <http://x/> {} }")
    changes = [figure(client, name) - value for name, value in before.items()]
    assert changes == [1, 1, 4, 1, 1]
    assert figure(client, "kg_workers_isolated") == 1


def test_logs_say_what_and_not_who(out, capsys):
    log = AccessLog(True)
    log.add("abc", "GET", "sparql", 200, 0.0123, 45, {"outcome": "ok", "rows": 3})
    log.flush()
    told = json.loads(capsys.readouterr().err)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "info",
        "logger": "kg.access",
        "request": "abc",
        "method": "GET",
        "route": "sparql",
        "status": 200,
        "ms": 12.3,
        "bytes": 45,
        "outcome": "ok",
        "rows": 3,
    }


def test_a_slash_too_many_leads_to_the_page(client):
    answer = client.get("/questions/?lang=en", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (308, "/questions?lang=en")


def test_the_service_does_not_believe_what_a_client_calls_it(client, out):
    turtle = {"Accept": "text/turtle"}
    assert "evil" not in client.get("/sparql", headers=turtle | {"Host": "evil.example"}).text
    with TestClient(create_app(settings(out, url="https://planes.example.pe"))) as known:
        assert "<https://planes.example.pe/sparql>" in known.get("/sparql", headers=turtle | {"Host": "evil.example"}).text


# --- the process ---------------------------------------------------------------------------------------------------------


def test_every_setting_is_a_flag_and_a_variable():
    assert settings_from({"workers": "5", "log": None}, {"KG_WORKERS": "3", "KG_QUEUE": "7"}) == Settings(workers=5, queue=7)
    for arguments, environment in (({"workers": "many"}, {}), ({}, {"KG_LOG": "loud"}), ({"query_seconds": "-1"}, {})):
        with pytest.raises(KgError):
            settings_from(arguments, environment)


def test_a_server_that_is_stopped_lets_its_requests_end_and_leaves_nothing_behind(out):
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(free_ports(1)[0])]
    command += ["--questions", str(out / "questions")]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout and "serving" in server.stdout.readline()
        family = _grown(server.pid)
        assert len(family) > 3
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=20)
    assert server.returncode in {0, -15} and "Traceback" not in errors
    assert _gone(family)


def test_a_server_that_is_killed_leaves_no_process_behind(out):
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(free_ports(1)[0])]
    server = subprocess.Popen([*command, "--questions", str(out / "questions")], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout and "serving" in server.stdout.readline()
    family = _grown(server.pid)
    server.kill()
    server.wait()
    assert len(family) > 3 and _gone(family)


def _grown(pid: int) -> list[int]:
    """Return a server and its processes, once it has a few."""
    for _ in range(100):
        if len(family := _family(pid)) > 3:
            break
        time.sleep(0.1)
    return family


def _family(pid: int) -> list[int]:
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += _family(int(child))
    return found


def _gone(pids: list[int]) -> bool:
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
