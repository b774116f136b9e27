"""Amounts, numbers and targets as plans write them: the cases stand in tables."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from kg.quantities import find_amounts, find_targets, find_years, parse_amount, parse_number

TABLES = Path(__file__).parent / "tables"


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
