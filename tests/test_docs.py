"""If it is not documented, a test fails: commands, settings, record keys; and the README's answer is the real one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.settings import describe_settings
from kg.cli import EXPORTS, _parser
from kg.queries import load_questions, render
from kg.records import STATEMENT_KEYS
from kg.store import current_store, open_store, query

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr, arg-type, attr-defined]
TRACKED = [
    p
    for pattern in ("*.md", "docs/*.md", "kg/**/*.py", "api/**/*.py", "api/templates/*", "queries/**/*.rq")
    for p in ROOT.glob(pattern)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"`kg {command}" in README


def test_every_export_format_is_in_the_readme():
    assert all(f"`{name}`" in README for name in EXPORTS)


def settings_table() -> str:
    rows = [f"| `{name}` | `{flag}` | `{default}` | {text} |" for name, flag, default, text in describe_settings()]
    return "\n".join(["| variable | flag of `kg serve` | default | what |", "|---|---|---|---|", *rows])


def test_the_table_of_settings_is_the_real_one():
    shown = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings_table().replace(str(ROOT) + "/", "") in shown


@pytest.mark.parametrize("key", sorted(STATEMENT_KEYS))
def test_every_record_key_is_documented(key):
    text = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{key}\b", text)


def answer_table(built, name: str, columns: list[str]) -> str:
    solutions = query(open_store(current_store(built)), render(load_questions()[name]))
    places = [solutions.variables.index(c) for c in columns]
    rows = [f"| {' | '.join('' if row[i] is None else str(row[i]) for i in places)} |" for row in solutions.rows]
    return "\n".join([f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *rows])


def test_the_answer_in_the_readme_is_the_real_one(built):
    found = re.search(r"<!-- answer: ([\w-]+): ([\w, ]+) -->\n(.*?)\n<!-- end -->", README, re.DOTALL)
    assert found is not None
    assert answer_table(built, found[1], found[2].split(", ")) == found[3]


def test_the_two_commands_stand_on_the_first_screen():
    first = README.split("\n")[:12]
    assert any(line.startswith("make serve") for line in first) and any(line.startswith("make test") for line in first)
    assert any(line.startswith("**ES**") for line in first) and any(line.startswith("**EN**") for line in first)


def test_no_code_names_a_plan_or_a_place_of_one():
    """Extraction code is general: what is special to a plan is a record or declared data."""
    words = re.compile(r"huancan|huancayo|pativilca|san.sebasti|puno-20|titicaca", re.IGNORECASE)
    for path in (ROOT / "kg").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not words.search(text), path
