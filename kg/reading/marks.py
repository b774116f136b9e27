"""Marks at the beginning of lines: hashes, bullets, enumerators, labels; and lines that hold several of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kg.reading.roles import Roles
from kg.text import strip_markup

HASHES = re.compile(r"^(#{1,6})\s*(.*)$")
BULLET = re.compile(r"^(\s*)(?:o(?=\s+[A-ZÁÉÍÓÚÑ\d])|[-–—•*·▪➢✓+●■◦○►▶✔❖§]|\uf0b7|\uf0a7|\uf0d8)\s+(.*)$")
ENUMERATOR = re.compile(
    r"^\s*(?P<mark>(?:[A-Z]\.\d{1,2}\.?|[A-Z]\d{1,2}[.):]-?|\d{1,2}(?:\.\d{1,2})+\.?-?|\d{1,2}[.)]-?|[IVX]{1,5}[.)]-?|[a-zA-ZñÑ]{1,2}\)|[A-ZÑ]\.-?|[ivx]{1,4}\)|[a-z]\.)(?=\s|\S)|PARTE\s+[IVX\d]+)\s*(?P<rest>.*)$"
)
_LABELLED = re.compile(r"^(?P<label>[^:]{3,80}?)\s*(?::-?|\.-|\s[–—-](?=\s))\s*(?P<rest>.*)$")
BARE_MARK = re.compile(r"^\s*(?:[-–—•*·▪➢✓+●■◦○►▶✔❖§]|\uf0b7|\uf0a7|\uf0d8|\d{1,2}[.)]|[a-z]\))\s*$")
_LOOSE = {"budget", "funding", "partner", "ignored", "presentation"}
_BULLETED_LABEL = re.compile(r"(?:^|(?<=\s))[•▪●➢·]\s*(\**[A-ZÁÉÍÓÚÑ][^:•|]{2,40}):\s*")
_MEASURED = re.compile(r"[a-zñ%]|(?:Km|KM|Ha|HA|Kg|TM|M2)\b")
_QUOTED = re.compile(r"^\s*>\s?")
_MARKED_LABEL = re.compile(r"(?:\*{1,3}|(?<!\w)_{1,2})([A-ZÁÉÍÓÚÑ][^*_|]{3,50}?)[.:]?(?:\*{1,3}|_{1,2}(?!\w))\s*[:.]?\s*")


def split_enumerator(text: str) -> tuple[str, str]:
    """Cut the enumerator off a line: ("1.1", "Proyecto …"), or ("", text)."""
    match = ENUMERATOR.match(text)
    if not match or not match["rest"].strip():
        return "", text
    mark = match["mark"]
    if re.fullmatch(r"\d+\.\d+", mark) and _MEASURED.match(match["rest"]):  # `2.5 millones` is no item 2.5
        return "", text
    if mark[-1] not in ".)-" and not mark.upper().startswith("PARTE") and not re.search(r"\d\.\d", mark):
        return "", text
    if re.fullmatch(r"[A-ZÑ]\.|[a-z]\.", mark) and not match["rest"][:1].isspace() and not text[len(mark) :][:1].isspace():
        return "", text
    return mark, match["rest"].strip()


def label_of(line: str, roles: Roles) -> tuple[str, str, str] | None:
    """Cut `Objetivo 1: Reducir …` into (role, label, rest); None where the line does not begin with a label and a colon."""
    body = strip_markup(match[2] if (match := BULLET.match(line)) else line)
    found = _LABELLED.match(body)
    if not found or (not body[:1].isupper() and not body[:1].isdigit()):
        return None
    _, label = split_enumerator(found["label"])
    role = roles.of_label(label)
    if role is None or not found["rest"].strip() or (role in _LOOSE and len(found["label"].split()) > 6):
        return None
    return role, found["label"].strip(), found["rest"].strip()


def _bulleted_labels(line: str, roles: Roles) -> list[str]:
    """Cut `• Problema: … • Objetivo: …` into its labels; empty where there are not two."""
    found = [m for m in _BULLETED_LABEL.finditer(line) if roles.of_label(strip_markup(m[1]))]
    if len(found) < 2 or line[: found[0].start()].strip():
        return []
    ends = [*(m.start() for m in found[1:]), len(line)]
    return [f"{m[1]}: {line[m.end() : end].strip()}" for m, end in zip(found, ends, strict=True)]


def split_labels(line: str, roles: Roles) -> list[str]:
    """Cut a line at the labels that mark-up sets off in it: `**Meta.** 50 km **Aliados:** MINSA` is two lines."""
    line = _QUOTED.sub("", line)
    if "\t" not in line and "|" not in line and (pieces := _bulleted_labels(line, roles)):
        return pieces
    if "|" in line or "\t" in line or ("*" not in line and "_" not in line):
        return [line]
    found = [m for m in _MARKED_LABEL.finditer(line) if roles.of_label(m[1]) and line[m.end() :].strip(" .")]
    start = BULLET.match(line)
    if not found or strip_markup(line[: found[0].start()]).strip(" -–•*·") or (start and not start[2]):
        return [line]
    ends = [*(m.start() for m in found[1:]), len(line)]
    labelled = [(m[1].strip(), line[m.end() : end].strip(" ·|–—-")) for m, end in zip(found, ends, strict=True)]
    return [f"{label}: {text}" for label, text in labelled if text]


def split_glued(number: int, line: str) -> Iterator[tuple[int, str]]:
    """Take apart two titles that a conversion glued into one line (`VIVIENDA**a. Agua**`)."""
    if "\t" not in line and "**" in line:
        pieces = re.split(r"(?<=\*\*)(?=\*\*)|(?<=[A-ZÁÉÍÓÚÑ])(?=\*\*[^*]+\*\*$)", line)
        if len(pieces) > 1 and all(p.strip("*# ") for p in pieces):
            yield from ((number, piece) for piece in pieces)
            return
    yield number, line


def is_bold(text: str) -> bool:
    """Say whether a whole line is bold."""
    stripped = text.strip()
    return bool(re.fullmatch(r"(?:\*\*|__).+(?:\*\*|__):?", stripped)) and len(stripped) < 200


def in_capitals(text: str) -> bool:
    """Say whether a text of three letters or more is in capitals."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) >= 3 and sum(c.isupper() for c in letters) / len(letters) > 0.85
