"""Exports: every format reads back whole, says the same as the graph, and comes out byte for byte the same twice."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re

import networkx as nx
import pytest
from rdflib import Dataset, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF, XSD

from kg.errors import KgError
from kg.exports import EXPORTS, export
from kg.exports.catalog import FILES
from kg.exports.columns import TABLES
from kg.exports.rdf import context, turtle_text
from kg.exports.tables import METADATA, SEPARATOR, neutral
from kg.facts import Facts, Text, facts_of
from kg.namespaces import BASE, DCAT, PG, SPDX
from kg.networks import plan_institution, plan_issue, read_network, whole_graph, write_gexf, write_graphml

SH = Namespace("http://www.w3.org/ns/shacl#")


@pytest.fixture(scope="session")
def folder(built, tmp_path_factory):
    """All exports, the catalogue last."""
    target = tmp_path_factory.mktemp("exports")
    for name in EXPORTS:
        export(built, name, target)
    return target


@pytest.fixture(scope="session")
def facts(built):
    return facts_of(built / "graph.nq")


@pytest.fixture(scope="session")
def quads(built):
    """Quads, with plain text for xsd:string, which is the same."""
    dataset = Dataset()
    dataset.parse(built / "graph.nq", format="nquads")
    return {(s, p, plain(o), str(g)) for s, p, o, g in dataset.quads()}


def plain(term):
    return Literal(str(term)) if isinstance(term, Literal) and term.datatype == XSD.string else term


def rows(folder, name):
    return list(csv.DictReader(io.StringIO((folder / "csv" / f"{name}.csv").read_text(encoding="utf-8"), newline="")))


# ------------------------------------------------------------------------------------- all of them


def test_two_runs_give_the_same_bytes(built, folder, tmp_path):
    for name in EXPORTS:
        for path in export(built, name, tmp_path):
            assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path.name


def test_files_go_below_exports_unless_told(built):
    assert export(built, "nquads") == [built / "exports" / "graph.nq"]


def test_no_part_of_a_file_is_left(folder):
    assert not list(folder.rglob("*.part"))


def test_unknown_format_names_the_nearest(built):
    with pytest.raises(KgError, match="did you mean turtle"):
        export(built, "turtel")


@pytest.mark.parametrize("name", EXPORTS)
def test_nothing_built_says_what_to_do(name, tmp_path):
    with pytest.raises(KgError, match="run `kg build` first"):
        export(tmp_path, name)


@pytest.mark.parametrize(
    "line", ["nonsense", "<a:b> <a:c> <a:d> .", "_:x <a:b> <a:c> <a:g> .", '<a:b> <a:c> "open <a:g> .', "<a:b> <a:c> _:x <a:g> ."]
)
@pytest.mark.parametrize("name", ["turtle", "trig", "jsonld", "csv", "gexf"])
def test_what_is_no_quad_is_refused(name, line, tmp_path):
    (tmp_path / "graph.nq").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(KgError, match="kg build"):
        export(tmp_path, name)


# ------------------------------------------------------------------------------------- RDF


def test_nquads_is_the_graph_itself(built, folder):
    assert (folder / "graph.nq").read_bytes() == (built / "graph.nq").read_bytes()


@pytest.mark.parametrize(("file", "form"), [("graph.ttl", "turtle"), ("graph.jsonld", "json-ld")])
def test_union_reads_back_whole(file, form, folder, quads):
    assert {(s, p, plain(o)) for s, p, o in Graph().parse(folder / file, format=form)} == {q[:3] for q in quads}


def test_trig_keeps_the_named_graphs(folder, quads):
    dataset = Dataset()
    dataset.parse(folder / "graph.trig", format="trig")
    assert {(s, p, plain(o), str(g)) for s, p, o, g in dataset.quads()} == quads


def test_turtle_of_awkward_terms_reads_back():
    lines = [
        rf"<{BASE}id/plan/a.b> <{PG}text> {value} <{BASE}graph/x> ."
        for value in (
            r'"di \"no\" a <a:b> . y \\ fin\n"@es',
            '"5"^^<http://www.w3.org/2001/XMLSchema#integer>',
            '"5."^^<http://www.w3.org/2001/XMLSchema#decimal>',
            '"x^^y"',
            "<urn:x:y>",
            f"<{BASE}id/a/../b>",
            f"<{BASE}id/.hidden>",
            f"<{PG}a.b>",
            f"<{PG}>",
        )
    ]
    expected = Dataset()
    expected.parse(data="\n".join(lines), format="nquads")
    assert set(Graph().parse(data=turtle_text(lines), format="turtle")) == {q[:3] for q in expected.quads()}


def test_context_covers_the_ontology_and_types_its_values(folder):
    terms = json.loads((folder / "context.jsonld").read_text(encoding="utf-8"))["@context"]
    assert terms == context()
    assert terms["Problem"] == {"@id": "pg:Problem"}
    assert terms["addresses"] == {"@id": "pg:addresses", "@type": "@id", "@container": "@set"}
    assert terms["text"] == {"@id": "pg:text", "@container": "@language"}
    assert terms["amount"] == {"@id": "pg:amount", "@type": "xsd:decimal"}
    assert terms["statedIn"] == {"@id": "pg:statedIn", "@type": "@id"}


def test_jsonld_is_plain_to_read(folder):
    nodes = {n["@id"]: n for n in json.loads((folder / "graph.jsonld").read_text(encoding="utf-8"))["@graph"]}
    statement = next(n for n in nodes.values() if "Problem" in n.get("@type", []) and n["@id"].startswith("id:plan/puno"))
    assert isinstance(statement["text"]["es"], str)
    assert isinstance(statement["sourceLine"], int)
    assert statement["statedIn"] == "id:plan/puno-2019-2022"


# ------------------------------------------------------------------------------------- CSV


def test_one_row_a_thing(folder, facts):
    for table in TABLES:
        members = [t for t in facts.instances(table.cls) if not table.having or facts.values(t, table.having)]
        found = rows(folder, table.name)
        assert [r["iri"] for r in found] == members, table.name
        assert members, table.name


def test_every_cell_of_a_statement_is_the_graphs(folder, records):
    by_iri = {r["iri"]: r for r in rows(folder, "statements")}
    for record in records.values():
        for statement in record.statements:
            row = by_iri[f"{BASE}id/plan/{record.plan}/{statement.id}"]
            assert (row["plan"], row["enunciado"], row["linea"]) == (record.plan, statement.id, str(statement.line or ""))
            assert row["texto"].removeprefix("'") == statement.text
            assert row["responde_a"].split(SEPARATOR) == (sorted(statement.addresses) or [""])
            assert row["monto"] == (f"{statement.budget.amount:f}" if statement.budget else "")


def test_types_are_the_narrowest_in_spanish(folder):
    assert {"Problema", "Proyecto", "Visión"} <= {r["tipo"] for r in rows(folder, "statements")}
    assert {r["tipo"] for r in rows(folder, "commitments")} <= {"Programa", "Proyecto", "Actividad", "Propuesta"}


def test_findings_and_budgets_point_at_their_statement(folder):
    statements = {(r["plan"], r["enunciado"]) for r in rows(folder, "statements")}
    for name in ("budgets", "partners", "targets", "commitments"):
        assert {(r["plan"], r["enunciado"]) for r in rows(folder, name)} <= statements, name
    assert {(r["plan"], r["enunciado"]) for r in rows(folder, "findings") if r["enunciado"]} <= statements


def test_reniec_codes_are_not_inei_codes(folder):
    found = {r["ubigeo"]: r for r in rows(folder, "territories")}
    assert (found["21"]["nombre"], found["21"]["ubigeo_reniec"]) == ("Puno", "20")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+51 1 234 (Lima)", "'+51 1 234 (Lima)"),
        ("-Mejorar las pistas", "'-Mejorar las pistas"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("'=1+1", "''=1+1"),
        ("-1.5", "-1.5"),
        ("+20%", "+20%"),
        ("10 + 5", "10 + 5"),
        ("'entre comillas'", "'entre comillas'"),
        ("", ""),
    ],
)
def test_formulas_are_neutralised_and_numbers_kept(text, cell):
    assert neutral(text) == cell
    assert (cell[1:] if re.match("'+[=+\\-@＝＋－＠]", cell) else cell) == text


def test_no_cell_of_text_would_run(folder):
    for table in TABLES:
        for row in rows(folder, table.name):
            for value in row.values():
                assert not value.startswith(("=", "+", "@")), (table.name, row["iri"])
                assert not re.match(r"-(?![0-9.,]+%?$)", value), (table.name, row["iri"])


def test_bom_only_when_asked(built, folder, tmp_path):
    marked = {p.name: p.read_bytes() for p in export(built, "csv", tmp_path, bom=True)}
    for name, data in marked.items():
        unmarked = (folder / "csv" / name).read_bytes()
        assert data == (b"\xef\xbb\xbf" + unmarked if name.endswith(".csv") else unmarked)


def test_metadata_describes_every_column_in_both_languages(folder):
    metadata = json.loads((folder / "csv" / METADATA).read_text(encoding="utf-8"))
    for table in metadata["tables"]:
        header = rows(folder, table["url"].removesuffix(".csv"))[0].keys()
        assert [c["name"] for c in table["tableSchema"]["columns"]] == list(header)
        for column in table["tableSchema"]["columns"]:
            told = {d["@language"]: d["@value"] for d in column["dc:description"]}
            assert told["es"] and told["en"], (table["url"], column["name"])


def test_cells_are_of_the_declared_type(folder):
    patterns = {
        "integer": r"-?\d+",
        "decimal": r"-?\d+\.\d+",
        "boolean": "true|false",
        "gYear": r"\d{4}",
        "date": r"\d{4}-\d\d-\d\d",
    }
    metadata = json.loads((folder / "csv" / METADATA).read_text(encoding="utf-8"))
    for table in metadata["tables"]:
        for column in table["tableSchema"]["columns"]:
            pattern = patterns.get(column["datatype"])
            for row in rows(folder, table["url"].removesuffix(".csv")) if pattern else ():
                cell = row[column["name"]]
                for value in cell.split(column["separator"]) if "separator" in column else [cell]:
                    assert not value or re.fullmatch(pattern, value), (table["url"], column["name"], value)


# ------------------------------------------------------------------------------------- networks


def told(graph):
    edges = graph.edges(keys=True, data=True) if graph.is_multigraph() else ((u, v, 0, d) for u, v, d in graph.edges(data=True))
    return dict(graph.nodes(data=True)), {(u, v, key): data for u, v, key, data in edges}


@pytest.mark.parametrize("ending", ["graphml", "gexf"])
def test_whole_network_reads_back(ending, folder, facts):
    assert told(read_network(folder / f"graph.{ending}")) == told(whole_graph(facts))


@pytest.mark.parametrize("make", [plan_institution, plan_issue])
@pytest.mark.parametrize("write", [write_graphml, write_gexf])
def test_projections_read_back(make, write, facts, tmp_path):
    path = write(make(facts), tmp_path / f"network.{write.__name__.removeprefix('write_')}")
    assert told(read_network(path)) == told(make(facts))


def test_whole_network_holds_every_thing_and_every_tie(facts):
    graph = whole_graph(facts)
    for cls in (PG.Plan, PG.Statement, PG.Institution, PG.FundingSource, PG.Issue, PG.Budget, PG.Figure, PG.Finding):
        assert all(iri.removeprefix(BASE + "id/") in graph for iri in facts.instances(cls))
    nodes = {data["iri"] for _, data in graph.nodes(data=True)}
    ties = {(s, p, o) for s in nodes for p, values in facts.about[s].items() for o in values if isinstance(o, str) and o in nodes}
    assert graph.number_of_edges() == len(ties)
    assert all(data["label"] != data["property"] for *_, data in graph.edges(data=True)), "a relation without a Spanish label"


def test_attributes_are_what_both_formats_can_hold(facts):
    graph = whole_graph(facts)
    reserved = {"id", "pid", "start", "end", "viz", "key", "networkx_key", "for", "parents", "spells", "slices"}
    for data in [*(d for _, d in graph.nodes(data=True)), *(d for *_, d in graph.edges(data=True))]:
        assert not reserved & data.keys()
        assert all(type(v) in {str, int, float, bool} and v != "" for v in data.values())


def test_gexf_has_a_colour_a_kind_and_no_date(folder):
    graph = nx.read_gexf(folder / "graph.gexf")
    colors = {(d["kind"], tuple(sorted(d["viz"]["color"].items()))) for _, d in graph.nodes(data=True)}
    assert len(colors) == len({kind for kind, _ in colors}) == len({color for _, color in colors})
    assert b"lastmodified" not in (folder / "graph.gexf").read_bytes()


def test_a_tie_counts_statements_and_quotes_one(facts, records):
    graph = plan_institution(facts)
    tie = graph.edges["plan/puno-2019-2022", "institution/gore-puno"]
    named = [
        s
        for s in records["puno-2019-2022"].statements
        if any(t.institution == "gore-puno" for t in (*s.partners, *s.funding, *s.mentions))
    ]
    assert tie["weight"] == len(named)
    assert (tie["statement"], tie["line"], tie["quote"]) in {(s.id, s.line, " ".join(s.text.split())) for s in named}
    assert graph.edges["plan/puno-2019-2022", "institution/municipalidad-2101"]["own"]


def test_facts_undo_escapes():
    facts = Facts([r'<a:s> <a:p> "una\n\"l\u00ednea\" \\n"@es <a:g> .'])
    assert facts.values("a:s", "a:p") == [Text('una\n"línea" \\n', "es")]


# ------------------------------------------------------------------------------------- DCAT


def test_catalogue_lists_each_file_that_is_there(folder):
    graph = Graph().parse(folder / "catalog.ttl")
    found = {
        str(graph.value(d, DCAT.downloadURL)).removeprefix(BASE + "dumps/"): d for d in graph.objects(None, DCAT.distribution)
    }
    assert found.keys() == {f.path for f in FILES}
    for path, node in found.items():
        data = (folder / path).read_bytes()
        checksum = graph.value(graph.value(node, SPDX.checksum), SPDX.checksumValue)
        assert (int(graph.value(node, DCAT.byteSize)), str(checksum)) == (len(data), hashlib.sha256(data).hexdigest())
        assert graph.value(node, DCTERMS.license) == URIRef("https://creativecommons.org/licenses/by/4.0/")


def test_every_export_file_is_in_the_catalogues_table(folder):
    written = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert written - {f.path for f in FILES} == {"catalog.ttl", "catalog.jsonld"}


def test_catalogue_without_files_lists_none(built, tmp_path):
    export(built, "dcat", tmp_path)
    graph = Graph().parse(tmp_path / "catalog.ttl")
    assert not list(graph.objects(None, DCAT.distribution))
    assert list(graph.subjects(RDF.type, DCAT.DataService))


def test_catalogue_says_the_same_in_both_formats_with_named_nodes_only(folder):
    turtle, jsonld = Graph().parse(folder / "catalog.ttl"), Graph().parse(folder / "catalog.jsonld", format="json-ld")
    assert set(turtle) == set(jsonld)
    assert all(isinstance(t, (URIRef, Literal)) for triple in turtle for t in triple)


@pytest.mark.parametrize("shapes", ["dcat-ap-SHACL.ttl", "ranges.ttl"])
def test_catalogue_is_valid_dcat_ap(shapes, folder, shared):
    """The published shapes refer to property shapes that are not there, at which pySHACL stops: those are dropped first."""
    import pyshacl

    path = shared / "conformance" / "dcat-ap-3.0.1" / shapes
    if not path.is_file():
        pytest.skip(f"no DCAT-AP shapes beside the checkout ({path})")
    rules = Graph().parse(path)
    for owner, shape in list(rules.subject_objects(SH.property)):
        if (shape, SH.path, None) not in rules:
            rules.remove((owner, SH.property, shape))
    conforms, _, text = pyshacl.validate(Graph().parse(folder / "catalog.ttl"), shacl_graph=rules)
    assert conforms, text
