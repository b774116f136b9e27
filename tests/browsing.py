"""A site as a person meets it: the server started as a command, and a Chromium to look at it; a skip where one is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kg.paths import ROOT
from tests.servers import free_ports


@contextmanager
def served(out: Path) -> Iterator[str]:
    """Serve a built graph on a free port; give its address, without a slash at its end, once the server has told it."""
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(free_ports(1)[0]), "--log", "error"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield next(found[0] for line in server.stdout if (found := re.search(r"http://[\d.:]+", line)))
        server.terminate()


@contextmanager
def chromium(lacking: str) -> Iterator[Any]:
    """Start the Chromium of this machine; where there is none, skip and say what is `lacking` for it."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip(f"no Chromium on this machine: {lacking}")
    playwright = pytest.importorskip("playwright.sync_api", reason=f"playwright is not installed: {lacking}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()
