"""Publishing into real servers: what is sent, sent again, deleted; and into a false one: retries, credentials, refusals."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kg import publishing
from kg.cli import main
from kg.errors import KgError
from kg.namespaces import BASE
from kg.publishing import GraphStore, Quads, Target, guess_graph_store, publish
from kg.remote import PUBLISHED, Remote
from kg.store import version_of
from tests.servers import NAMES, Server, free_ports, running

ODD = BASE + "graph/plan/ñuñoa-2019"


@pytest.fixture(scope="module", params=NAMES)
def server(request, tmp_path_factory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as started:
        yield started


def target(server: Server) -> Target:
    return Target(server.endpoint, "", server.user, server.password)


def counts(server: Server) -> dict[str, int]:
    """Triples a graph of ours on the server, without the notes."""
    text = f'SELECT ?g (COUNT(*) AS ?n) {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{BASE}")) }} GROUP BY ?g'
    rows = json.loads(b"".join(Remote(server.endpoint).ask(text).chunks()))["results"]["bindings"]
    return {r["g"]["value"]: int(r["n"]["value"]) for r in rows if r["g"]["value"] != PUBLISHED}


def write(path: Path, graphs: dict[str, list[str]]) -> Path:
    """Write graphs, each a list of labels, as sorted N-Quads."""
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    lines = [f'<{BASE}id/{text}> <{label}> "{text}"@es <{name}> .\n' for name, texts in graphs.items() for text in texts]
    path.write_text("".join(sorted(lines)), encoding="utf-8")
    return path


def graph(number: int) -> str:
    return f"{BASE}graph/plan/p{number:03}"


def empty(server: Server, tmp_path: Path) -> None:
    publish(write(tmp_path / "none.nq", {graph(0): ["a"]}), target(server))


def test_the_built_graph_comes_whole_and_once(server, built):
    path = built / "graph.nq"
    first = publish(path, target(server))
    assert first.new and not (first.same or first.changed or first.deleted)
    local = Counter(line.rsplit(" <", 1)[1].split(">")[0] for line in path.read_text(encoding="utf-8").splitlines())
    assert counts(server) == dict(local)
    assert first.triples == local.total()
    assert Remote(server.endpoint).version() == first.version == version_of(path)

    again = publish(path, target(server))
    assert (again.sent, again.deleted, again.triples) == ([], [], 0)
    assert sorted(again.same) == sorted(local)


def test_what_changed_is_replaced_and_what_is_gone_deleted(server, tmp_path):
    publish(write(tmp_path / "a.nq", {graph(1): ["a", "b"], graph(2): ["c"], ODD: ["niñez"]}), target(server))
    assert counts(server) == {graph(1): 2, graph(2): 1, ODD: 1}
    done = publish(write(tmp_path / "b.nq", {graph(1): ["a"], graph(3): ["d"], ODD: ["niñez"]}), target(server))
    assert (done.new, done.changed, done.same, done.deleted) == ([graph(3)], [graph(1)], [ODD], [graph(2)])
    assert counts(server) == {graph(1): 1, graph(3): 1, ODD: 1}


def test_a_run_that_was_broken_off_goes_on(server, tmp_path, monkeypatch):
    empty(server, tmp_path)
    monkeypatch.setattr(publishing, "BATCH", 1)
    monkeypatch.setattr(publishing, "PAGE", 3)
    path = write(tmp_path / "a.nq", {**{graph(n): [f"t{n}"] for n in range(1, 8)}, ODD: ["niñez"]})
    put = GraphStore.put
    sent: list[str] = []

    def failing(store, name, parts):
        if name != PUBLISHED:
            sent.append(name)
            if len(sent) > 4:
                raise KeyboardInterrupt
        put(store, name, parts)

    monkeypatch.setattr(GraphStore, "put", failing)
    with pytest.raises(KeyboardInterrupt):
        publish(path, target(server))
    assert Remote(server.endpoint).version() == ""
    monkeypatch.setattr(GraphStore, "put", put)
    assert len(publish(path, target(server), dry_run=True).sent) == 4
    done = publish(path, target(server))
    assert len(done.same) == 4 and sorted(done.changed) == sorted({*map(graph, range(1, 8)), ODD} - set(sent[:4]))
    assert counts(server) == {**{graph(n): 1 for n in range(1, 8)}, ODD: 1}
    assert Remote(server.endpoint).version() == done.version


def test_a_graph_of_a_broken_run_that_is_not_built_any_more_is_deleted(server, tmp_path, monkeypatch):
    empty(server, tmp_path)
    add = GraphStore.add
    monkeypatch.setattr(publishing, "BATCH", 1)
    monkeypatch.setattr(GraphStore, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        publish(write(tmp_path / "a.nq", {graph(5): ["x"], graph(6): ["y"]}), target(server))
    monkeypatch.setattr(GraphStore, "add", add)
    publish(write(tmp_path / "b.nq", {graph(7): ["z"]}), target(server))
    assert counts(server) == {graph(7): 1}


def test_large_graphs_come_in_parts(server, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "PART", 20_000)
    monkeypatch.setattr(publishing, "BUCKET", 50_000)
    publish(write(tmp_path / "a.nq", {graph(1): [f"t{n}" for n in range(1000)], graph(2): ["a"]}), target(server))
    assert counts(server) == {graph(1): 1000, graph(2): 1}


def test_graphs_of_others_are_left_alone(server, tmp_path):
    other = "http://example.org/other"
    with GraphStore(guess_graph_store(server.endpoint), server.user, server.password) as store:
        store.put(other, [b'<http://example.org/a> <http://example.org/b> "c" .\n'])
    empty(server, tmp_path)
    ask = Remote(server.endpoint).ask(f"ASK {{ GRAPH <{other}> {{ ?s ?p ?o }} }}")
    assert json.loads(b"".join(ask.chunks()))["boolean"] is True


def test_a_dry_run_sends_nothing(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KG_USER", server.user)
    monkeypatch.setenv("KG_PASSWORD", server.password)
    empty(server, tmp_path)
    write(tmp_path / "graph.nq", {graph(1): ["a"]})
    command = ["publish", "--to", server.endpoint, "--out", str(tmp_path)]
    assert main([*command, "--dry-run"]) == 0
    assert f"+ {graph(1)}\n- {graph(0)}\nnada enviado" in capsys.readouterr().out
    assert counts(server) == {graph(0): 1}
    assert main(command) == 0
    assert "1 grafos nuevos, 0 cambiados, 0 iguales, 1 borrados; 1 tripletas" in capsys.readouterr().out
    assert counts(server) == {graph(1): 1}


@pytest.mark.parametrize("server", ["virtuoso"], indirect=True)
def test_virtuoso_wants_credentials(tmp_path, server):
    path = write(tmp_path / "a.nq", {graph(9): ["a"]})
    with pytest.raises(KgError, match=r"401.*--user"):
        publish(path, Target(server.endpoint))
    with pytest.raises(KgError, match=r"401.*--user"):
        publish(path, Target(server.endpoint, "", "dba", "wrong"))


@pytest.mark.parametrize(
    ("endpoint", "store"),
    [
        ("http://h:7878/query", "http://h:7878/store"),
        ("http://h:3030/ds/sparql", "http://h:3030/ds/data"),
        ("http://h:3030/ds/query", "http://h:3030/ds/data"),
        ("http://h:8890/sparql", "http://h:8890/sparql-graph-crud-auth"),
        ("https://h/sparql-auth/", "https://h/sparql-graph-crud-auth"),
        ("http://h:7200/repositories/planes", "http://h:7200/repositories/planes/rdf-graphs/service"),
        ("https://db.cluster-x.neptune.amazonaws.com:8182/sparql", "https://db.cluster-x.neptune.amazonaws.com:8182/sparql/gsp/"),
    ],
)
def test_the_graph_store_is_guessed(endpoint, store):
    assert guess_graph_store(endpoint) == store


@pytest.mark.parametrize("endpoint", ["http://h/", "http://h/a/b/c", "http://h:7878/update"])
def test_an_unknown_graph_store_must_be_named(endpoint):
    with pytest.raises(KgError, match=r"--graph-store URL"):
        guess_graph_store(endpoint)


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """A server that gives these answers, the last one for ever, and keeps what it was asked."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers)))
            status, headers, body = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_PUT

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/store", asked
    finally:
        httpd.shutdown()
        httpd.server_close()


OK = (204, {}, b"")


def test_a_busy_server_is_asked_again():
    pauses: list[float] = []
    with (
        answering((503, {"Retry-After": "3"}, b""), (429, {}, b""), OK) as (url, asked),
        GraphStore(url, pause=pauses.append) as s,
    ):
        s.put("http://e/g?a=1&b", [b""])
    assert [a[1] for a in asked] == ["/store?graph=http%3A%2F%2Fe%2Fg%3Fa%3D1%26b"] * 3
    assert pauses == [3.0, 1.0]


def test_patience_ends():
    pauses: list[float] = []
    with (
        answering((503, {"Retry-After": "9999"}, b"later")) as (url, asked),
        GraphStore(url, pause=pauses.append) as store,
        pytest.raises(KgError, match="503 later; run the command again"),
    ):
        store.delete("http://e/g")
    assert len(asked) == publishing.TRIES and max(pauses) == 30.0


def test_an_unreachable_server_is_told():
    pauses: list[float] = []
    url = f"http://127.0.0.1:{free_ports(1)[0]}/store"
    with GraphStore(url, pause=pauses.append) as store, pytest.raises(KgError, match=r"cannot be reached.*running there"):
        store.add("http://e/g", b"")
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_an_unreachable_server_ends_the_command_with_2(tmp_path, capsys):
    write(tmp_path / "graph.nq", {graph(1): ["a"]})
    assert main(["publish", "--to", f"http://127.0.0.1:{free_ports(1)[0]}/query", "--out", str(tmp_path)]) == 2
    assert "cannot be reached (Connection refused)" in capsys.readouterr().err


def test_a_server_that_insists_gets_turtle():
    with answering((415, {}, b""), OK) as (url, asked), GraphStore(url) as store:
        store.put("http://e/g", [b"", b""])
    assert [a[2]["Content-Type"] for a in asked] == ["application/n-triples", "text/turtle", "text/turtle"]


def test_credentials_go_out_when_asked_for():
    with answering((401, {"WWW-Authenticate": 'Basic realm="x"'}, b""), OK) as (url, asked), GraphStore(url, "ana", "s") as store:
        store.put("http://e/g", [b"", b""])
    assert ["Authorization" in a[2] for a in asked] == [False, True, True]


def test_redirects_are_not_followed():
    with (
        answering((302, {"Location": "http://elsewhere.invalid/"}, b"")) as (url, asked),
        GraphStore(url) as store,
        pytest.raises(KgError, match=r"302.*--graph-store"),
    ):
        store.delete("http://e/g")
    assert len(asked) == 1


def test_a_file_that_is_no_quads_is_told(tmp_path):
    path = tmp_path / "graph.nq"
    path.write_text("<a:a> <a:b> <a:c> .\n", encoding="utf-8")
    with Quads(path) as quads, pytest.raises(KgError, match=r"graph\.nq:1: not a quad of a named graph"):
        quads.split()
    with pytest.raises(KgError, match="build the graph first"):
        publish(tmp_path / "none.nq", Target("http://127.0.0.1:1/query"))
