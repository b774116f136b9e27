"""The quick ones of the hostile inputs, against a real server; `make hostile` runs all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.cases import Case, quick_cases, run_case
from tests.hostile.site import Site, started


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with started() as site:
        yield site


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.group} {case.name}") for case in quick_cases()])
def test_hostile(site, case: Case):
    verdict = run_case(case, site)
    assert verdict.passed, f"{verdict.status}: {verdict.why}"
