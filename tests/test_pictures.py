"""Pictures: they say what the data say, nothing lies over anything else, and they come out the same twice."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET

import matplotlib as mpl
import networkx as nx
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kg.errors import KgError
from kg.facts import facts_of
from kg.networks import plan_institution, plan_issue
from kg.pictures import PALETTE, _institutions, _issues, _listed, draw
from kg.store import version_of


@pytest.fixture(scope="module")
def drawn(built, tmp_path_factory):
    return draw(built, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def facts(built):
    return facts_of(built / "graph.nq")


def sheets(facts):
    return [_institutions(plan_institution(facts), "versión 0"), _issues(plan_issue(facts), "versión 0")]


def words(sheet):
    return [t.get_text() for t in sheet.axes.texts]


def test_two_pictures_in_two_formats(drawn):
    assert [p.name for p in drawn] == ["plan-institution.svg", "plan-institution.png", "plan-issue.svg", "plan-issue.png"]
    for path in drawn:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_two_runs_give_the_same_bytes(built, drawn, tmp_path):
    for path, again in zip(drawn, draw(built, tmp_path), strict=True):
        assert path.read_bytes() == again.read_bytes(), path.name


def test_they_carry_title_and_no_date(drawn):
    text = drawn[0].read_text(encoding="utf-8")
    assert "<dc:title>De " in text
    assert "<dc:date>" not in text


def test_version_is_that_of_the_graph(built, facts):
    sheet = _institutions(plan_institution(facts), f"versión de los datos {version_of(built / 'graph.nq')}")
    assert any("Licencia CC BY 4.0" in t and version_of(built / "graph.nq") in t for t in words(sheet))


def test_title_counts_the_institutions(facts):
    graph = plan_institution(facts)
    plans = {}
    for plan, institution, tie in graph.edges(data=True):
        if tie["countedOn"] and not tie["own"]:
            plans.setdefault(institution, set()).add(plan)
    shared = [i for i, by in plans.items() if len(by) > 1]
    title = sheets(facts)[0].title
    assert re.match(rf"De {len(plans)} instituciones .* {len(shared)} figuran en más de uno", title)
    most = max(len(plans[i]) for i in shared)
    first = [graph.nodes[i]["label"] for i in shared if len(plans[i]) == most]
    assert len(first) > 3 or all(name in title for name in first)


def test_title_names_the_issue_of_most_commitments(facts, records):
    total = {}
    graph = plan_issue(facts)
    for _, issue, tie in graph.edges(data=True):
        total[issue] = total.get(issue, 0) + tie["commitments"]
    first = [i for i in total if total[i] == max(total.values())]
    title = sheets(facts)[1].title
    assert str(max(total.values())) in title
    assert len(first) > 3 or all(graph.nodes[i]["label"].lower() in title.lower() for i in first)


def test_no_text_lies_over_another_or_leaves_the_sheet(facts):
    for sheet in sheets(facts):
        assert overlapping(sheet) == []


@pytest.mark.parametrize("color", PALETTE)
def test_colours_stand_out_from_white(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 3


def test_a_graph_with_nothing_to_draw_says_so(built, tmp_path):
    kept = [line for line in (built / "graph.nq").read_text(encoding="utf-8").splitlines() if "/graph/territories>" in line]
    (tmp_path / "graph.nq").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(KgError, match="nothing to draw"):
        draw(tmp_path)
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)


def test_nothing_built_says_what_to_do(tmp_path):
    with pytest.raises(KgError, match="run `kg build` first"):
        draw(tmp_path)


def overlapping(sheet):
    """Pairs of texts of which one lies over the other, and texts that leave the sheet."""
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        renderer = FigureCanvasAgg(sheet.figure).get_renderer()
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in sheet.axes.texts]
    edge = sheet.figure.bbox
    outside = [(text, "") for text, box in boxes if box.x0 < 0 or box.x1 > edge.x1 or box.y0 < 0 or box.y1 > edge.y1]
    small = [(text, box.shrunk(0.98, 0.7)) for text, box in boxes]
    return outside + [(a, b) for i, (a, box) in enumerate(small) for b, other in small[i + 1 :] if box.overlaps(other)]


def test_many_plans_of_one_place_are_told_apart():
    graph = nx.DiGraph()
    for number in range(14):
        data = {
            "label": "Plan",
            "territory": "Puno",
            "period": "2027-2030",
            "organization": f"Partido {number}",
            "reviewed": False,
        }
        graph.add_node(f"plan/{number}", kind="plan", **data)
        graph.add_node(f"issue/{number}", kind="issue", label=f"tema {number}", dimension="Dimensión social")
        for institution in range(number + 1):
            node = f"institution/i{institution}"
            graph.add_node(node, kind="institution", label=f"Institución {institution}", institutionKind=f"Clase {institution}")
            graph.add_edge(f"plan/{number}", node, countedOn=institution + 1, own=False, commitments=0)
            graph.add_edge(f"plan/{number}", f"issue/{institution}", countedOn=0, commitments=institution + 1)
    sheet = _institutions(graph, "versión 0")
    assert overlapping(sheet) == overlapping(_issues(graph, "versión 0")) == []
    assert any("Puno, Partido 13" in t for t in words(sheet))
    assert any("Se muestran los 10 planes" in t.replace("\n", " ") for t in words(sheet))
    assert any("el total es de todos" in t.replace("\n", " ") for t in words(_issues(graph, "versión 0")))
    assert any("14 planes de gobierno, 0 con lectura revisada" in t for t in words(sheet))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [([], ""), (["A"], "A"), (["A", "B"], "A y B"), (["A", "Inei"], "A e Inei"), (["A", "B", "C"], "A, B y C")],
)
def test_lists_read_as_spanish(names, sentence):
    assert _listed(names) == sentence
