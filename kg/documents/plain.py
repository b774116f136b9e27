"""Text files: their bytes as text, whatever the encoding, and the lines of an editor."""

from __future__ import annotations

import codecs

from kg.documents.model import Gap

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SPANISH = frozenset("áéíóúüñÁÉÍÓÚÜÑ¿¡°ºª«»–—‘’“”•…´·€®©§½¼¾²³ \xa0\xad")
_SURE = 0.97


def text_from(data: bytes, declared: str = "") -> tuple[str, tuple[Gap, ...]]:
    """Return bytes as text, with a gap where the encoding had to be guessed. `declared`: the encoding that the file itself names.

    UTF-8 and what a byte order mark says are certain; Windows-1252 is taken where nearly all its letters are those of Spanish.

    Raises:
        UnicodeDecodeError: the bytes are no text in an encoding that can be told.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name), ()
    if declared and _codec(declared) not in {"", "utf-8"}:
        return data.decode(_codec(declared)), ()
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        special = [c for c in text if c > "\x7f"]
        if sum(c in _SPANISH for c in special) < _SURE * len(special):
            raise
        es = "El archivo no está en UTF-8; se leyó como Windows-1252: revise las tildes, o guárdelo como UTF-8."
        en = "The file is not UTF-8; it was read as Windows-1252: check the accents, or save it as UTF-8."
        return text, (Gap(es, en),)


def _codec(name: str) -> str:
    """Return the codec for an encoding's name, '' for an unknown one; Latin-1 means Windows-1252, as browsers hold it."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return "cp1252" if known in {"iso8859-1", "ascii"} else known


def lines_from(text: str) -> list[str]:
    """Cut text into the lines that an editor shows, without empty ones at the end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return lines
