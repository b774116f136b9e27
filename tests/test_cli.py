"""The command line: exit codes, messages, and that a failed build leaves what is served as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kg.cli import main
from kg.paths import PLANS
from kg.records import load_record
from kg.store import current_store

PLAN = """# PLAN DE GOBIERNO DEL DISTRITO DE PATIVILCA (2019-2022)

## I. SALUD

### Problemática:

- Falta de médicos en los puestos de salud.

### Propuestas

- Programa de visitas médicas en convenio con el MINSA.
"""


@pytest.fixture
def plans(tmp_path) -> Path:
    """A folder with one small record of the project's own."""
    folder = tmp_path / "plans"
    folder.mkdir()
    shutil.copy(PLANS / "huancayo-2019-2022.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A build of that one record."""
    root = tmp_path_factory.mktemp("small")
    (root / "plans").mkdir()
    shutil.copy(PLANS / "huancayo-2019-2022.yaml", root / "plans")
    assert main(["build", "--plans", str(root / "plans"), "--out", str(root / "build")]) == 0
    return root / "build"


def test_a_build_writes_graph_report_and_store(small):
    assert {"graph.nq", "report.txt", "report.ttl", "findings.json", "store"} <= {p.name for p in small.iterdir()}
    assert current_store(small).is_dir()
    assert "Conforme." in (small / "report.txt").read_text(encoding="utf-8")
    assert not list(small.glob("*.part"))


def test_the_same_inputs_give_the_same_bytes(small, plans, tmp_path):
    assert main(["build", "--plans", str(plans), "--out", str(tmp_path / "again")]) == 0
    for name in ("graph.nq", "report.txt", "report.ttl", "findings.json"):
        assert (tmp_path / "again" / name).read_bytes() == (small / name).read_bytes(), name


def test_nothing_is_built_when_nothing_changed(small, plans, capsys):
    before = (small / "graph.nq").stat().st_mtime_ns
    assert main(["build", "--plans", str(plans), "--out", str(small), "--if-changed"]) == 0
    assert "nothing has changed" in capsys.readouterr().err
    assert (small / "graph.nq").stat().st_mtime_ns == before


def test_every_module_counts_as_an_input(plans):
    from kg.build import _inputs
    from kg.paths import ROOT

    assert set((ROOT / "kg").rglob("*.py")) <= set(_inputs(plans))


BROKEN = {
    "unknown key": lambda p: edit(p, "axes:", "axis:"),
    "wrong UBIGEO": lambda p: edit(p, '"1201"', '"999901"'),
    "duplicate id": lambda p: edit(p, "- id: s002", "- id: s001"),
    "dangling link": lambda p: edit(p, "addresses: [s004]", "addresses: [s999]"),
    "tab in YAML": lambda p: edit(p, "  type: principle", "\ttype: principle"),
    "not UTF-8": lambda p: p.write_bytes(b"plan: \xff\xfe\n"),
    "empty file": lambda p: p.write_bytes(b""),
    "missing folder": lambda p: shutil.rmtree(p.parent),
    "empty folder": lambda p: p.unlink(),
    "a folder instead of a file": lambda p: (p.unlink(), p.mkdir()),
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("what", BROKEN)
def test_broken_input_ends_in_exit_code_2_and_changes_nothing(what, small, plans, capsys):
    before = (small / "graph.nq").read_bytes(), (small / "store" / "current").read_text()
    BROKEN[what](plans / "huancayo-2019-2022.yaml")
    assert main(["build", "--plans", str(plans), "--out", str(small)]) == 2
    told = capsys.readouterr().err
    assert "kg: " in told and "Traceback" not in told
    assert ((small / "graph.nq").read_bytes(), (small / "store" / "current").read_text()) == before


def test_a_place_that_cannot_be_written(plans, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["build", "--plans", str(plans), "--out", str(tmp_path / "file" / "build")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_write_permission(plans, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert main(["build", "--plans", str(plans), "--out", str(locked / "build")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told(tmp_path, monkeypatch):
    from kg.errors import KgError
    from kg.files import write_whole

    (tmp_path / "x.part").symlink_to("/dev/full")
    with pytest.raises(KgError, match="No space left"):
        write_whole(tmp_path / "x", "y" * 100_000)
    assert not (tmp_path / "x").exists()


def test_a_killed_build_leaves_what_was_served(small, plans, tmp_path):
    out = tmp_path / "build"
    shutil.copytree(small, out)
    before = current_store(out).name
    code = "import os, kg.store, kg.cli; kg.store._load = lambda *a: os.kill(os.getpid(), 9); kg.cli.main()"
    edit(plans / "huancayo-2019-2022.yaml", "title: ", "title: x")
    ran = subprocess.run(
        [sys.executable, "-c", code, "build", "--plans", str(plans), "--out", str(out)], capture_output=True, check=False
    )
    assert ran.returncode == -9
    assert current_store(out).name == before
    assert main(["query", "cuantos-planes", "--out", str(out)]) == 0


def test_another_base_iri_moves_every_address(plans, tmp_path):
    base = "https://datos.example.pe/planes/"
    code = "import sys, kg.cli; sys.exit(kg.cli.main())"
    ran = subprocess.run(
        [sys.executable, "-c", code, "build", "--plans", str(plans), "--out", str(tmp_path / "out")],
        env={**os.environ, "KG_BASE_IRI": base},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    graph = (tmp_path / "out" / "graph.nq").read_text(encoding="utf-8")
    assert f"<{base}id/plan/huancayo-2019-2022/s001>" in graph and "w3id.org/plan-de-gobierno" not in graph


# ------------------------------------------------------------------ the other commands


def test_validate_tells_a_seeded_violation(small, tmp_path, capsys):
    lines = (small / "graph.nq").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not ("/s005> " in line and "#sourceLine>" in line)]
    assert len(kept) == len(lines) - 1
    (tmp_path / "graph.nq").write_text("".join(kept), encoding="utf-8")
    assert main(["validate", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "plan/huancayo-2019-2022/s005" in told and "VIOLACIÓN" in told and "línea" in told
    assert "sh:ValidationReport" in (tmp_path / "report.ttl").read_text(encoding="utf-8")


def test_validate_is_fine_with_a_good_graph(small):
    assert main(["validate", "--out", str(small)]) == 0


@pytest.mark.parametrize(
    ("content", "told"), [(None, "run `kg build` first"), (b"not quads\n", "graph.nq:1"), (b"\xff", "UTF-8")]
)
def test_validate_without_a_graph(content, told, tmp_path, capsys):
    if content is not None:
        (tmp_path / "graph.nq").write_bytes(content)
    assert main(["validate", "--out", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_draft_writes_a_record_that_loads(tmp_path, capsys):
    (tmp_path / "pativilca-2019-2022.md").write_text(PLAN, encoding="utf-8")
    assert main(["draft", str(tmp_path / "pativilca-2019-2022.md")]) == 0
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown)["territory"] == "150203"
    assert main(["draft", str(tmp_path / "pativilca-2019-2022.md"), "--to", str(tmp_path)]) == 0
    record = load_record(tmp_path / "150203-2019-2022.yaml")
    assert [s.type for s in record.statements] == ["problem", "program"]
    assert [p.institution for p in record.statements[1].partners] == ["minsa"]


def test_draft_never_overwrites_by_itself(tmp_path, capsys):
    (tmp_path / "p.md").write_text(PLAN, encoding="utf-8")
    (tmp_path / "p.yaml").write_text("precious", encoding="utf-8")
    assert main(["draft", str(tmp_path / "p.md"), "--to", str(tmp_path / "p.yaml")]) == 2
    assert (tmp_path / "p.yaml").read_text(encoding="utf-8") == "precious"
    assert "--force" in capsys.readouterr().err


def test_build_straight_from_documents(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "Mi plan.md").write_text(PLAN, encoding="utf-8")
    assert main(["build", "--documents", str(tmp_path / "docs"), "--out", str(tmp_path / "out")]) == 0
    graph = (tmp_path / "out" / "graph.nq").read_text(encoding="utf-8")
    assert "/id/review-status/draft>" in graph and "/id/plan/Mi%20plan/s001>" in graph


def test_check_says_what_it_proved(shared, capsys):
    assert main(["check", "--documents", str(shared / "plans")]) == 0
    assert capsys.readouterr().out.count("all ") >= 5


def test_check_says_what_it_could_not_prove(tmp_path, capsys):
    assert main(["check", "--documents", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("not at hand") == 5


def test_query_formats(small, capsys):
    for style in ("table", "csv", "json"):
        assert main(["query", "cuantos-planes", "--out", str(small), "--format", style]) == 0
        shown = capsys.readouterr().out
        assert shown.strip()
        if style == "json":
            assert isinstance(json.loads(shown), list)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["query", "cuantos-plane"], "did you mean cuantos-planes"),
        (["query", "comparar-planes", "nope=1", "--format", "sparql"], "no parameter"),
        (["query", "cuantos-planes", "nope"], "key=value"),
        (["query", "cuantos-planes"], "kg build"),
        (["export", "csv"], "kg build"),
        (["draft", "nothing.txt"], "cannot be read"),
    ],
)
def test_what_cannot_run_says_why(arguments, told, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "none")]) == 2
    assert told in capsys.readouterr().err


def test_without_a_name_the_questions_are_listed(capsys):
    assert main(["query"]) == 0
    assert "cuantos-planes" in capsys.readouterr().out
