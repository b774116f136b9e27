"""A PDF as the lines of a document, with what could not be read of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from kg.documents.model import Gap
from kg.documents.pdf.extraction import extract_pages
from kg.documents.pdf.flow import Text, text_of
from kg.documents.pdf.ocr import pages_by_ocr, what_to_do
from kg.documents.pdf.pages import Page
from kg.documents.pdf.tables import strays
from kg.errors import KgError

_FEW_LETTERS = 60
_LARGE = 0.5
_SMALL = 0.02
_PICTURE = 0.05
_MANY_SHAPES = 40
_UNREADABLE = 0.05
_FAILED = {
    "slow": ("tarda demasiado en leerse", "takes too long to read"),
    "memory": ("necesita demasiada memoria", "needs too much memory"),
    "dense": ("tiene demasiadas letras para ser una página", "holds too many letters for a page"),
    "broken": ("está dañada", "is damaged"),
    "crashed": ("no se pudo leer: está dañada", "could not be read: it is damaged"),
}


def read_pdf(path: Path) -> tuple[Text, tuple[Gap, ...]]:
    """Read a PDF: its text, and what could not be read, by page.

    Raises:
        KgError: the file is protected, damaged or too large, or no page of it yields text.
    """
    pages = extract_pages(path)
    scanned = [page.number for page in pages if _is_scan(page)]
    if scanned:
        pages = _with_ocr(path, pages, scanned)
    text = text_of(pages)
    gaps = [*(gap for page in pages for gap in _gaps(page)), *_pictures(pages)]
    if not any(text.lines):
        raise KgError(f"{path}: none of its {len(pages)} pages yields text; {gaps[0].en if gaps else 'they are blank'}")
    return text, tuple(sorted(gaps, key=lambda g: g.page or 0))


def _is_scan(page: Page) -> bool:
    return not page.failed and not page.words and page.pictures >= _SMALL


def _with_ocr(path: Path, pages: Sequence[Page], scanned: Sequence[int]) -> list[Page]:
    """Put the pages that OCR read in the place of those that are pictures."""
    found = {page.number: replace(page, by_ocr=True, pictures=0.0) for page in pages_by_ocr(path, scanned)}
    return [found.get(page.number, page) for page in pages]


def _pictures(pages: Sequence[Page]) -> Iterator[Gap]:
    """Name the pages that have a picture besides their text, larger than what every page has (a letterhead)."""
    usual = median(page.pictures for page in pages)
    found = [p.number for p in pages if _PICTURE <= p.pictures - usual < _LARGE and p.words]
    if found:
        numbers = ", ".join(map(str, found))
        yield Gap(
            f"Páginas con imágenes cuyo contenido no se ha leído (gráficos, fotos, cuadros como imagen): {numbers}.",
            f"Pages with pictures whose content has not been read (charts, photos, tables as images): {numbers}.",
            found[0],
        )


def _gaps(page: Page) -> Iterator[Gap]:
    """Name what is missing of a page."""
    number = page.number
    letters = sum(len(w.text) for w in page.words)
    if page.failed:
        es, en = _FAILED[page.failed]
        yield Gap(f"La página {number} {es}; su texto falta.", f"Page {number} {en}; its text is missing.", number)
    elif not letters and page.pictures >= _SMALL:
        es, en = what_to_do()
        yield Gap(
            f"La página {number} tiene una imagen y ningún texto; {es}.",
            f"Page {number} holds an image and no text; {en}.",
            number,
        )
    elif not letters and page.drawings >= _MANY_SHAPES:
        yield Gap(
            f"La página {number} tiene dibujos y ningún texto; léala en el PDF.",
            f"Page {number} holds drawings and no text; read it in the PDF.",
            number,
        )
    elif letters < _FEW_LETTERS and page.pictures >= _LARGE:
        yield Gap(
            f"La página {number} es casi toda una imagen: lo que esta dice no se ha leído.",
            f"Page {number} is nearly all image: what the image says has not been read.",
            number,
        )
    if count := sum(strays(grid, page.words) for grid in page.grids):
        yield Gap(
            f"Un cuadro de la página {number} no está cerrado: {count} palabras se pusieron en la celda más cercana; revíselo.",
            f"A table on page {number} is not closed: {count} words were put into the nearest cell; check it.",
            number,
        )
    if page.by_ocr:
        yield Gap(
            f"La página {number} es una imagen que se leyó por OCR: compárela con el PDF.",
            f"Page {number} is an image that was read by OCR: compare it with the PDF.",
            number,
        )
    if page.unreadable >= _UNREADABLE:
        share = round(100 * page.unreadable)
        yield Gap(
            f"La página {number} no dice qué significa el {share} % de sus letras; compárela con el PDF, o pásela por OCR.",
            f"Page {number} does not tell the meaning of {share} % of its letters; compare it with the PDF, or OCR it.",
            number,
        )
    if page.dense_drawings:
        yield Gap(
            f"La página {number} tiene demasiadas líneas: no se buscaron tablas en ella.",
            f"Page {number} has too many lines: no tables were looked for on it.",
            number,
        )
