"""Pages that are pictures, read by OCRmyPDF and Tesseract where they are installed (the extra `ocr`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kg.documents.pdf.extraction import extract_pages
from kg.documents.pdf.pages import Page
from kg.errors import KgError

LANGUAGE = "spa"
_SECONDS_A_PAGE = 60
_INSTALL = (
    "instale el OCR (`pip install -e .[ocr]`, y Tesseract con español: `tesseract-ocr-spa`) o pásela por OCR",
    "install OCR (`pip install -e .[ocr]`, and Tesseract with Spanish: `tesseract-ocr-spa`) or OCR it yourself",
)
_NOTHING = ("el OCR no halló letras en ella; léala en el PDF", "OCR found no letters on it; read it in the PDF")


def what_to_do() -> tuple[str, str]:
    """Say in Spanish and English what to do about a page that is a picture and has stayed one."""
    return _NOTHING if is_installed() else _INSTALL


@cache
def is_installed() -> bool:
    """Say whether OCRmyPDF and Tesseract with Spanish are there."""
    tesseract = shutil.which("tesseract")
    if find_spec("ocrmypdf") is None or tesseract is None:
        return False
    told = subprocess.run([tesseract, "--list-langs"], capture_output=True, text=True, timeout=30, check=False)
    return LANGUAGE in told.stdout.split()


def pages_by_ocr(path: Path, numbers: Sequence[int]) -> list[Page]:
    """Read the pages named by OCR; empty where it is not installed or yields nothing: the pages then stay gaps."""
    if not is_installed():
        return []
    with tempfile.TemporaryDirectory(prefix="kg-ocr-") as folder:
        output = Path(folder) / "ocr.pdf"
        command = [
            *(sys.executable, "-m", "ocrmypdf", "--language", LANGUAGE, "--output-type", "pdf", "--optimize", "0"),
            *("--skip-text", "--quiet", "--jobs", "2", "--tesseract-timeout", str(_SECONDS_A_PAGE)),
            *("--rotate-pages", "--deskew", "--max-image-mpixels", "100", "--pages", ",".join(map(str, numbers))),
            *(str(path.resolve()), str(output)),
        ]
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=60 + _SECONDS_A_PAGE * len(numbers), env=environment, check=False
            )
            wanted = set(numbers)
            pages = [page for page in extract_pages(output) if page.number in wanted] if done.returncode == 0 else []
        except (subprocess.TimeoutExpired, KgError):
            return []  # the pages stay what they were, pictures, and are named as gaps
    return [page for page in pages if page.words]
