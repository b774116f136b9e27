"""The sections that are open while a document is read: how deep a heading stands, by its numbering and typography."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kg.reading.blocks import Block
from kg.text import fold


@dataclass
class Heading:
    """An open heading; `owner` is the statement that it states (a program), `place` a running number."""

    style: str
    text: str
    role: str | None = None
    number: int = 0
    axis: str | None = None
    owner: int | None = None
    place: int = 0


class Sections:
    """The stack of open headings, outermost first."""

    def __init__(self) -> None:
        self.stack: list[Heading] = []
        self._places = 0

    @property
    def path(self) -> tuple[str, ...]:
        """The titles, outermost first."""
        return tuple(h.text for h in self.stack)

    @property
    def axis(self) -> str | None:
        """The innermost axis."""
        return next((h.axis for h in reversed(self.stack) if h.axis), None)

    @property
    def role(self) -> str | None:
        """The role that the innermost telling title gives."""
        return next((h.role for h in reversed(self.stack) if h.role), None)

    @property
    def owner(self) -> int | None:
        """The statement whose title is the innermost open one that is a statement."""
        return next((h.owner for h in reversed(self.stack) if h.owner is not None), None)

    @property
    def place(self) -> int:
        """Running number of the innermost section, 0 before the first."""
        return self.stack[-1].place if self.stack else 0

    def close_for(self, block: Block) -> int:
        """Close the sections that a heading ends; return the depth at which it stands."""
        depth = self.depth_of(style_of(block), number_of(block))
        del self.stack[depth:]
        return depth

    def push(self, heading: Heading) -> None:
        """Open a section."""
        self._places += 1
        heading.place = self._places
        self.stack.append(heading)

    def depth_of(self, style: str, number: int) -> int:
        """Return the depth of a heading: that of the last one of its kind; a chapter closes loose titles, which nest in it."""
        styles = [h.style for h in self.stack]
        if style == "part":
            return 0
        if style == "plain":
            numbered = [i for i, s in enumerate(styles) if s not in {"plain", "small"} and not s.startswith("hash")]
            floor = numbered[-1] + 1 if numbered else 0
            return next((i for i in range(floor, len(styles)) if styles[i] == "plain"), len(styles))
        if style == "number1":
            return self._depth_of_number(number)
        if style.startswith("hash"):
            deeper = (i for i, s in enumerate(styles) if s.startswith("hash") and int(s[4:]) >= int(style[4:]))
            return next(deeper, len(styles))
        if style in styles:
            return styles.index(style)
        if style in {"roman", "axis"}:
            return next((i for i, s in enumerate(styles) if s == "plain"), len(styles))
        return len(styles)

    def _depth_of_number(self, number: int) -> int:
        """Return the depth of a heading with one number: beside its predecessor, or inside when the count starts anew."""
        same = [i for i, h in enumerate(self.stack) if h.style == "number1"]
        before = [i for i in same if self.stack[i].number == number - 1]
        if before:
            return before[-1]
        if number == 1 and same:
            return len(self.stack)
        return same[0] if same else len(self.stack)


def number_of(block: Block) -> int:
    """Return the first number of a heading's enumerator, 0 without one."""
    digits = re.findall(r"\d+", block.mark)
    return int(digits[0]) if digits else 0


def style_of(block: Block) -> str:
    """Return the kind of numbering or typography that a heading has: headings of one kind stand at one depth."""
    mark = block.mark
    if mark.upper().startswith("PARTE") or re.match(r"(?:parte|capitulo)\s+[ivx\d]+", fold(block.text)):
        return "part"
    if re.fullmatch(r"[IVX]+[.)]?-?", mark) and mark.strip(".)-") not in {"C", "D"}:
        return "roman"
    if re.match(r"[A-Z]\.\d", mark):
        return "letter.number"
    if re.match(r"[A-ZÑ]\b", mark):
        return "letter"
    if re.match(r"\d", mark):
        return f"number{len(re.findall(r'[0-9]+', mark.removesuffix('.0').rstrip('.')))}"
    if mark:
        return "small"
    if re.match(r"(?:eje|dimension)\b", fold(block.text)):
        return "axis"
    return f"hash{block.level}" if block.level else "plain"
