"""Amounts, numbers and targets as plans write them: the cases stand in tables."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.quantities import (
    Amount,
    Quantity,
    direction_of,
    find_amounts,
    find_targets,
    find_years,
    parse_amount,
    parse_number,
)

TABLES = Path(__file__).parent / "tables"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "target_strings_lima_2026.json"
PERMITTED_MISSES = 2  # of the 26 sentences in SHARED


def rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows("amounts.csv"), ids=lambda r: r["raw"])
def test_amounts(row):
    amount = parse_amount(row["raw"])
    assert amount is not None
    assert (amount.amount, amount.currency, amount.certain) == (Decimal(row["amount"]), row["currency"], row["certain"] == "true")
    assert amount.certain == (not amount.readings)


@pytest.mark.parametrize("row", rows("targets.csv"), ids=lambda r: r["text"])
def test_targets(row):
    found = find_targets(row["text"])
    if not row["value"]:
        assert found == []
        return
    assert (found[0].value, found[0].unit, found[0].direction) == (Decimal(row["value"]), row["unit"], row["direction"])
    assert found[0].year == (int(row["year"]) if row["year"] else None)


def test_a_baseline_is_no_target_of_its_own():
    (found,) = find_targets("Reducir la anemia de 18 % a 12 % al 2026.")
    assert (found.baseline, found.value) == (18, 12)


def test_the_year_of_the_column_yields_to_the_sentence():
    assert find_targets("Cobertura de 80 % al 2021", 2026)[0].year == 2021
    assert find_targets("Cobertura de 80 %", 2026)[0].year == 2026


@pytest.mark.parametrize("text", ["sin monto", "", "por definir", "S/ ", "---"])
def test_no_amount_is_none(text):
    assert parse_amount(text) is None


def test_amounts_inside_a_sentence_keep_their_place():
    text = "Se invertirá S/ 75 000 en ferias y US$ 20 millones en riego."
    found = [(text[start:end], a.amount, a.currency) for start, end, a in find_amounts(text)]
    assert found == [("S/ 75 000", Decimal(75000), "PEN"), ("US$ 20 millones", Decimal(20_000_000), "USD")]


def test_a_year_is_no_amount_and_a_code_no_year():
    assert find_years("Plan 2019 - 2022, RUC 20191234567") == [2019, 2022]
    assert list(find_amounts("periodo 2019 - 2022")) == []


@pytest.mark.parametrize(
    ("raw", "value", "certain"),
    [("20,138", 20138, True), ("55,2617787", "55.2617787", True), ("381,62", "381.62", True), ("2.805.85", "2805.85", False)],
)
def test_numbers_of_census_tables(raw, value, certain):
    parsed = parse_number(raw)
    assert parsed is not None
    assert parsed[:2] == (Decimal(str(value)), certain)


def entries() -> list[dict]:
    return yaml.load((TABLES / "quantities.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def told(line: str) -> tuple:
    """Read `value | unit | direction | year | baseline | upper` of the table."""
    value, unit, direction, year, baseline, upper, *_ = [cell.strip() for cell in line.split("|")] + [""] * 5
    return (
        Decimal(value),
        unit or None,
        direction,
        int(year) if year else None,
        Decimal(baseline) if baseline else None,
        Decimal(upper) if upper else None,
    )


@pytest.mark.parametrize("entry", entries(), ids=lambda e: e["text"][:60])
def test_phrases_of_plans(entry):
    found = find_targets(entry["text"])
    seen = [(q.value, q.unit, q.direction, q.year, q.baseline, q.upper) for q in found]
    assert seen == [told(line) for line in entry.get("targets", [])]
    amounts = [(amount.amount, amount.currency) for _, _, amount in find_amounts(entry["text"])]
    assert amounts == [(Decimal(line.split()[0]), line.split()[1]) for line in entry.get("amounts", [])]


def test_the_table_covers_targets_money_and_what_is_none():
    lines = entries()
    assert len(lines) >= 60
    assert sum("amounts" in entry for entry in lines) >= 10
    assert sum("targets" not in entry for entry in lines) >= 15


def test_target_sentences_of_summaries():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is absent")
    items = json.loads(SHARED.read_text(encoding="utf-8"))["items"]
    assert len(items) == 26
    wrong = []
    for item in items:
        expected = [(Decimal(str(e["value"])), e["unit"].casefold(), e["direction"], e["year"]) for e in item["expected"]]
        found = [(q.value, (q.unit or "").casefold(), q.direction, q.year) for q in find_targets(item["text"])]
        if found != expected:
            wrong.append((item["text"], found, expected))
    assert len(wrong) <= PERMITTED_MISSES, wrong


FRAGMENTS = """de a al del en entre y hasta 2030 2030: S/ US$ % mil millones 10 1,5 2'000.000 reducir Incrementar
mitad la un dos tercio soles km2 N° anual ( ) • . 5. nueve cada diez duplicar puntos porcentuales 0
000 medio millón - / ² ﬃ İ ½"""
WORDS = [*FRAGMENTS.split(), "\n", "\x00", "\t"]
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.text(alphabet="0123456789 ., '%/-", max_size=200),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TEXTS)
def test_any_text_is_read_without_failure(text):
    amounts = list(find_amounts(text))
    assert amounts == list(find_amounts(text))
    assert all(0 <= start < end <= len(text) and isinstance(amount, Amount) for start, end, amount in amounts)
    found = find_targets(text, 2026)
    assert found == find_targets(text, 2026)
    for quantity in found:
        assert isinstance(quantity, Quantity)
        assert 0 <= quantity.start < quantity.end <= len(text)
        assert quantity.raw == " ".join(text[quantity.start : quantity.end].split())
        assert quantity.direction in {"increase", "decrease", "reach"}
        assert quantity.value.is_finite()
    find_years(text)
    parse_amount(text)
    parse_number(text)
    direction_of(text)


LONG = [
    "1",
    " ",
    ",",
    "1,",
    "1 ",
    "1.1 ",
    "S/ ",
    "de ",
    "al ",
    "a",
    "un ",
    "mil ",
    "5 (",
    "100 000 ",
    "al menos ",
    "de 1 % a 2 % ",
    "reducir en ",
]


@pytest.mark.parametrize("piece", LONG)
def test_long_repetitions_end(piece):
    """Read 1 MB of digits, blanks or commas, and 100 kB of what is full of numbers; quadratic work would take hours."""
    times = 1_000_000 // len(piece) if piece in {"1", " ", "1,"} else 100_000 // len(piece)
    code = (
        f"from kg.quantities import *; t = {piece!r} * {times}; find_targets('x' + t + 'x'); list(find_amounts('1' + t)); "
        "find_years(t); parse_amount(t); parse_number(t); direction_of(t)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
