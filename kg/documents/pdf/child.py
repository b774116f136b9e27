"""The process that opens a PDF: it has limits of its own, and whatever a hostile file does to it ends here.

Run as `python child.py FILE FIRST STEP LIMIT`; writes one JSON object a line: first `{"count": pages}`, then the pages FIRST,
FIRST + STEP … as it has read them, or `{"error": …}`. It imports nothing of the project.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

MEMORY = 900_000_000  # bytes of address space
OPEN_SECONDS = 60
PAGE_SECONDS = 15
SECONDS_A_PAGE = 2  # of processor time, on average
LETTERS = 5_000_000
LETTERS_A_PAGE = 60_000
SHAPES_A_PAGE = 6_000
_THIN = 3.0
_APART = 0.35  # of the size of the letters: what is further apart is two words, where spaces are printed, too
_APART_WITHOUT_SPACES = 0.2
_SNAP = {"snap_tolerance": 3, "join_tolerance": 3, "intersection_tolerance": 4}


def main(arguments: list[str]) -> int:
    """Extract the pages asked for and write them to standard output."""
    path, first, step, limit = arguments[0], *map(int, arguments[1:4])
    _limit_resources(limit // step)
    sys.setrecursionlimit(3_000)
    try:
        for value in _extract(path, first, step, limit):
            sys.stdout.write(json.dumps(value) + "\n")
            sys.stdout.flush()
    except MemoryError:
        sys.stdout.write('{"error": "memory"}\n')
    return 0


def _limit_resources(pages: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # no such limits on this system: the parent's clock remains
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seconds = OPEN_SECONDS + SECONDS_A_PAGE * pages
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


class _Slow(BaseException):
    """Time is up. No `Exception`: the library would take it for damage."""


@contextmanager
def _clock(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Slow

    if not hasattr(signal, "SIGALRM"):  # a system without it: the parent's clock remains
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _extract(path: str, first: int, step: int, limit: int) -> Iterator[dict[str, Any]]:
    import pdfplumber
    from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
    from pdfminer.pdfpage import PDFPage

    try:
        with _clock(OPEN_SECONDS):
            pdf = pdfplumber.open(path)
            count = 0
            for _ in PDFPage.create_pages(pdf.doc):
                count += 1
                if count > limit:
                    break
    except _Slow:
        yield {"error": "slow"}
        return
    except Exception as error:  # noqa: BLE001  whatever a broken file provokes in the library
        locked = _is_about(error, PDFPasswordIncorrect, PDFEncryptionError)
        kind = "encrypted" if locked else "memory" if _is_about(error, MemoryError) else "broken"
        yield {"error": kind, "detail": f"{type(error).__name__}: {error}"[:200]}
        return
    yield {"count": count}
    if count > limit:
        return
    letters = 0
    for number in range(first, count + 1, step):
        page = _page(pdf, number)
        letters += sum(len(word[4]) for word in page["words"])
        if letters > LETTERS // step:
            yield {"error": "large"}
            return
        yield page


def _is_about(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Say whether an error is of a kind, or wraps one that is."""
    return isinstance(error, kinds) or any(
        isinstance(inner, kinds) for inner in (*error.args, error.__cause__, error.__context__)
    )


def _page(pdf: Any, number: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"number": number, "width": 0.0, "height": 0.0, "words": [], "grids": []}
    try:
        with _clock(PAGE_SECONDS):
            page = pdf.pages[number - 1]
            value = _content(page, number)
            page.close()
    except _Slow:
        return empty | {"failed": "slow"}
    except Exception as error:  # noqa: BLE001  whatever a broken page provokes in the library: the page is named, the others are read
        return empty | {"failed": "memory" if _is_about(error, MemoryError) else "broken"}
    return value


def _content(page: Any, number: int) -> dict[str, Any]:
    from pdfplumber.utils.text import extract_words

    chars = page.chars
    if len(chars) > LETTERS_A_PAGE:
        return {"number": number, "width": 0.0, "height": 0.0, "words": [], "grids": [], "failed": "dense"}
    area = float(page.width * page.height) or 1.0
    shapes = len(page.rects) + len(page.lines) + len(page.curves)
    pictures = min(1.0, sum(_area(image, page.bbox) for image in page.images) / area)
    broken = sum(1 for c in chars if c["text"].startswith("(cid:") or c["text"] == "\ufffd")
    spaced = {id(a) for a, b in pairwise(chars) if b["text"].isspace()}
    apart = _APART if len(spaced) > 0.08 * len(chars) else _APART_WITHOUT_SPACES
    words = extract_words(list(filter(_Read(), chars)), x_tolerance_ratio=apart, y_tolerance=3, return_chars=True)
    x, y = page.bbox[:2]
    return {
        "number": number,
        "width": float(page.width),
        "height": float(page.height),
        "words": [_word(w, spaced, x, y) for w in words if any(map(_shows, w["text"]))],
        "grids": [] if shapes > SHAPES_A_PAGE else list(_grids(page)),
        "pictures": round(pictures, 3),
        "unreadable": round(broken / len(chars), 3) if chars else 0.0,
        "drawings": shapes,
        "dense_drawings": shapes > SHAPES_A_PAGE,
    }


def _area(image: dict[str, Any], box: tuple[float, ...]) -> float:
    width = min(image["x1"], box[2]) - max(image["x0"], box[0])
    height = min(image["bottom"], box[3]) - max(image["top"], box[1])
    return float(max(width, 0.0) * max(height, 0.0))


class _Read:
    """Keeps upright letters with a meaning, once: signs on their side are no text, and a letter printed twice is a bold one."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int, int], float] = {}

    def __call__(self, thing: dict[str, Any]) -> bool:
        text = thing["text"]
        if not thing.get("upright", True) or text.startswith("(cid:"):
            return False
        x, column, row = thing["x0"], round(thing["x0"]), round(thing["top"])
        near = min(1.0, 0.3 * thing["width"])
        twice = any(abs(self._seen.get((text, column + i, row + j), -9.0) - x) < near for i in (-1, 0, 1) for j in (-1, 0, 1))
        self._seen[text, column, row] = x
        return not twice


def _shows(letter: str) -> bool:
    return letter >= " " and not "\x7f" <= letter < "\xa0"


def _word(word: dict[str, Any], spaced: set[int], x: float, y: float) -> tuple[Any, ...]:
    """Return the fields of a `Word`; size and weight are those of most of its letters."""
    letters = word["chars"]
    place = (round(float(v), 2) for v in (word["x0"] - x, word["top"] - y, word["x1"] - x, word["bottom"] - y))
    fonts = Counter((c["fontname"], round(float(c["size"]), 1)) for c in letters)
    (font, size), _ = fonts.most_common(1)[0]
    name = str(font).split("+")[-1].lower()
    bold = any(sign in name for sign in ("bold", "black", "heavy", "semibd", "-bd"))
    text = "".join(filter(_shows, word["text"]))
    return (*place, text, size, bold, id(letters[-1]) in spaced)


def _grids(page: Any) -> Iterator[dict[str, Any]]:
    """Find the tables drawn with rules, then those drawn with coloured fields only."""
    x, y = page.bbox[:2]
    taken: list[tuple[float, ...]] = []
    for kept in (_is_rule, _is_field):
        for table in page.filter(kept).find_tables(_SNAP):
            if any(_overlap(table.bbox, other) for other in taken):
                continue
            taken.append(table.bbox)
            rows = [[_moved(cell, x, y) for cell in row.cells] for row in table.rows]
            yield {"box": _moved(table.bbox, x, y), "rows": rows}


def _moved(box: Iterable[float] | None, x: float, y: float) -> list[float] | None:
    if box is None:
        return None
    x0, top, x1, bottom = box
    return [round(float(v), 1) for v in (x0 - x, top - y, x1 - x, bottom - y)]


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def _is_rule(thing: dict[str, Any]) -> bool:
    """Keep what shows as a line: lines, thin bars, outlined boxes; not the white or coloured fields behind text."""
    kind = thing["object_type"]
    if kind == "line":
        return not _white(thing, "stroking_color")
    if kind != "rect":
        return False
    if min(thing["width"], thing["height"]) <= _THIN:
        return not _white(thing, "non_stroking_color" if thing.get("fill") else "stroking_color")
    return bool(thing.get("stroke")) and not _white(thing, "stroking_color")


def _is_field(thing: dict[str, Any]) -> bool:
    if thing["object_type"] != "rect" or min(thing["width"], thing["height"]) <= _THIN:
        return False
    return bool(thing.get("fill")) and not _white(thing, "non_stroking_color")


def _white(thing: dict[str, Any], which: str) -> bool:
    color = thing.get(which)
    if color is None:
        return False
    values = tuple(color) if isinstance(color, (tuple, list)) else (color,)
    if not all(isinstance(v, (int, float)) for v in values):
        return False
    return all(v <= 0.02 for v in values) if len(values) == 4 else bool(values) and all(v >= 0.98 for v in values)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
