"""From blocks to statements: the role that headings, labels and columns give, sections, axes, rows, and the ties between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kg.reading.blocks import Block, split_enumerator
from kg.reading.roles import COMMITMENTS, LABELS, STATEMENTS, Roles
from kg.text import fold, strip_markup


@dataclass
class Drafted:
    """A statement as found: what it is, where it stands, by which rule; links hold indices into the list of statements."""

    type: str
    runs: tuple[tuple[int, str], ...]
    section: tuple[str, ...]
    axis: str | None
    row: str | None
    rule: str
    confidence: float
    scope: tuple[str, ...] = ()
    links: dict[str, list[int]] = field(default_factory=dict)
    budget: str | None = None
    funding: str | None = None
    partners: str | None = None
    lead_in: str | None = None

    @property
    def text(self) -> str:
        """All runs joined."""
        return " ".join(t for _, t in self.runs)


@dataclass
class _Heading:
    style: str
    text: str
    number: int = 0
    axis: str | None = None


class Walker:
    """Goes through the blocks once, keeping the sections that are open and the role that the last label gave."""

    def __init__(self, roles: Roles):
        self.roles = roles
        self.found: list[Drafted] = []
        self.axes: list[str] = []
        self._stack: list[_Heading] = []
        self._section_roles: list[str | None] = []
        self._label: str | None = None
        self._label_depth = 0
        self._label_used = True
        self._part_open = False
        self._skipped: set[str] | None = None
        self._lead: int | None = None
        self._lead_type: str | None = None
        self._lead_in: str | None = None
        self._table: _Table | None = None
        self._rows = 0

    def walk(self, blocks: Iterable[Block]) -> list[Drafted]:
        """Return the statements of the blocks, in order, linked."""
        for block in blocks:
            if block.kind != "row":
                self._table = None
            if self._skips(block) or self.roles.is_noise(block.text):
                continue
            if block.kind == "heading":
                self._open(block)
            elif block.kind == "row":
                self._row(block)
            else:
                self._prose(block)
        link(self.found)
        return self.found

    def _skips(self, block: Block) -> bool:
        """Skip a table of contents: from its heading until a line says again what stood in it."""
        folded = fold(block.text).strip(": .")
        if self._skipped is None:
            if block.kind == "heading" and self.roles.of_heading(block.text) == "skip":
                self._skipped = set()
                return True
            return False
        key = fold(f"{block.mark} {block.text}").strip(": .")
        starts_again = any(s.startswith(key) or key.startswith(s) for s in self._skipped if len(s) > 5) and len(key) > 5
        if starts_again or len(folded) > 200:
            self._skipped = None
            return False
        self._skipped.add(key)
        return True

    # ------------------------------------------------------------------ headings

    def _open(self, block: Block) -> None:
        title = block.text.strip()
        role = self.roles.of_heading(title)
        self._lead = self._lead_in = None
        if self._titles_part(block):
            self._stack[-1].text += f" {title}"
            self._section_roles[-1] = role or self._section_roles[-1]
            return
        if role in LABELS and not block.mark and self._is_label(title):
            self._label, self._label_depth, self._label_used = role, len(self._stack), False
            return
        style = _style_of(block)
        self._part_open = style == "part" and len(title.split()) <= 2
        number = int(digits[0]) if (digits := re.findall(r"\d+", block.mark)) else 0
        depth = self._depth_of(style, number)
        del self._stack[depth:], self._section_roles[depth:]
        if self._label and not self._label_used:
            self._label_depth = min(self._label_depth, depth)
        elif self._label and depth <= self._label_depth:
            self._label = None
        name = f"{block.mark} {title}".strip()
        self._stack.append(_Heading(style, name, number))
        self._section_roles.append(role)
        if role and role not in {"skip", "ignored"} and not self._label:
            self._label = None
        axis = title.rstrip(" .:")
        if self.roles.is_axis(name):
            self._stack[-1].axis = axis
            if axis not in self.axes:
                self.axes.append(axis)

    def _depth_of(self, style: str, number: int) -> int:
        """Return the depth of a heading: that of the last one of its kind; a chapter closes loose titles, which nest in it."""
        styles = [h.style for h in self._stack]
        if style == "part":
            return 0
        if style == "plain":
            numbered = [i for i, s in enumerate(styles) if s not in {"plain", "small"} and not s.startswith("hash")]
            floor = numbered[-1] + 1 if numbered else 0
            return next((i for i in range(floor, len(styles)) if styles[i] == "plain"), len(styles))
        if style == "number1":
            return self._depth_of_number(number)
        if style in styles:
            return styles.index(style)
        if style == "roman":
            return next((i for i, s in enumerate(styles) if s == "plain"), len(styles))
        return len(styles)

    def _depth_of_number(self, number: int) -> int:
        """Return the depth of a heading with one number: beside its predecessor, or inside when the count starts anew."""
        same = [i for i, h in enumerate(self._stack) if h.style == "number1"]
        before = [i for i in same if self._stack[i].number == number - 1]
        if before:
            return before[-1]
        if number == 1 and same:
            return len(self._stack)
        return same[0] if same else len(self._stack)

    def _titles_part(self, block: Block) -> bool:
        """Say whether a heading is the title of the bare part heading just before it (`PARTE II` / `EL DIAGNOSTICO`)."""
        opened, self._part_open = self._part_open, False
        return opened and _style_of(block) != "part"

    def _is_label(self, title: str) -> bool:
        return len(title.split()) <= 3

    @property
    def _section(self) -> tuple[str, ...]:
        return tuple(h.text for h in self._stack)

    @property
    def _axis(self) -> str | None:
        return next((h.axis for h in reversed(self._stack) if h.axis), None)

    def _role(self) -> str | None:
        if self._label:
            return self._label
        return next((r for r in reversed(self._section_roles) if r), None)

    # ------------------------------------------------------------------ prose and lists

    def _prose(self, block: Block) -> None:
        self._part_open = False
        if _is_bare(block.text) and not (block.kind == "item" and self._label and block.text.isalpha()):
            return
        self._label_used = True
        runs = block.runs
        if block.label and (own := self.roles.of_heading(block.label)):
            self._label, self._label_depth = own, len(self._stack)
            runs = ((block.line, block.text[len(block.label) :].lstrip(" :.")), *block.runs[1:])
        role = self._role()
        if role in {"skip", "ignored", "chain"}:
            role = None
        if self._is_lead_in(block, role):
            self._lead, self._lead_in = None, block.text
            return
        if block.kind == "paragraph":
            self._lead_in = None
        kind, rule, confidence = self._type(block, role)
        statement = Drafted(kind, runs, self._section, self._axis, None, rule, confidence, self._scope(), lead_in=self._lead_in)
        self._tie_to_lead(block, statement)
        self.found.append(statement)
        if kind in COMMITMENTS and len(runs) == 1:
            self._cut_sentences(statement)

    def _cut_sentences(self, statement: Drafted) -> None:
        """Give sentences that name their own role (`Con el objetivo de …`) a statement each, part of the first."""
        line, text = statement.runs[0]
        sentences = re.split(r"(?<=[.;,])\s+(?=[A-ZÁÉÍÓÚÑ])", text)
        head, pieces = [sentences[0]], []
        for sentence in sentences[1:]:
            role = self.roles.of_sentence(sentence)
            if role:
                pieces.append((role, [sentence]))
            else:
                (pieces[-1][1] if pieces else head).append(sentence)
        owner = len(self.found) - 1
        statement.runs = ((line, " ".join(head)),)
        for role, parts in pieces:
            cut = Drafted(role, ((line, " ".join(parts)),), statement.section, statement.axis, None, "sentence-label", 0.6)
            cut.scope, cut.links["part_of"] = statement.scope, [owner]
            self.found.append(cut)

    def _tie_to_lead(self, block: Block, statement: Drafted) -> None:
        """Make items under an announcing statement parts of it, with the type that it announces (`los siguientes programas:`)."""
        index = len(self.found)
        lead = self.found[self._lead] if self._lead is not None else None
        follows = bool(block.mark or block.label or block.kind == "paragraph" or block.level)
        if lead and follows and lead.section == statement.section and not block.text.rstrip().endswith(":"):
            statement.links["part_of"] = [self._lead or 0]
            statement.type = self._lead_type or statement.type
        elif block.text.rstrip().endswith(":") or (block.kind == "item" and not block.mark and not block.level):
            self._lead = index
            last = fold(block.text).rstrip(" :").rsplit(" ", 1)[-1]
            self._lead_type = self.roles.of_label(last) if block.text.rstrip().endswith(":") else None

    def _is_lead_in(self, block: Block, role: str | None) -> bool:
        """Say whether a paragraph only announces a list."""
        return block.kind == "paragraph" and block.text.rstrip().endswith(":") and len(block.text) < 160 and role is not None

    def _type(self, block: Block, role: str | None) -> tuple[str, str, float]:
        text = block.text
        if role == "diagnosis":
            return ("problem", "diagnosis-harm", 0.7) if self.roles.harms(text) else ("diagnosis", "heading", 0.8)
        if role == "proposal":
            named = self.roles.named_thing(text)
            return (named, "named-thing", 0.85) if named else ("proposal", "heading", 0.9)
        if role == "presentation":
            return ("proposal", "presentation-promise", 0.6) if self.roles.promises(text) else ("principle", "heading", 0.7)
        if role in STATEMENTS:
            return str(role), "heading", 0.9
        named = self.roles.named_thing(text)
        if named:
            return named, "named-thing", 0.6
        if self.roles.harms(text):
            return "problem", "wording", 0.5
        return ("proposal" if block.kind == "item" else "principle"), "no-heading", 0.4

    def _scope(self) -> tuple[str, ...]:
        return self._section[: self._label_depth] if self._label else self._section

    # ------------------------------------------------------------------ tables

    def _row(self, block: Block) -> None:
        columns = [self.roles.of_column(strip_markup(cell)) for cell in block.cells]
        known = [c for c in columns if c]
        if len(known) >= 2 and len(known) >= len([c for c in block.cells if c]) * 0.6:
            self._table = _Table(columns, [strip_markup(c) for c in block.cells])
            return
        if self._table is None:
            return
        self._label_used = True
        self._read_row(self._table, block)

    def _read_row(self, table: _Table, block: Block) -> None:
        goes_on = bool(block.cells) and not block.cells[0].strip() and table.last_row is not None
        if not goes_on:
            self._rows += 1
            table.last_row = f"r{self._rows:02d}"
            table.last = []
        members = list(table.last)
        for role, cell in zip(table.columns, block.cells, strict=False):
            if not strip_markup(cell) or role is None:
                continue
            if role in {"budget", "funding", "partner"}:
                self._attach(role, cell, members)
            elif role in STATEMENTS or role == "chain":
                members += self._read_cell(role, cell, block.line, table)
        table.last = members
        _link_row([self.found[i] for i in members], members)

    def _attach(self, role: str, cell: str, members: list[int]) -> None:
        """Put money or funding on the row's project, else on its last commitment."""
        commitments = [self.found[i] for i in members if self.found[i].type in COMMITMENTS]
        projects = [s for s in commitments if s.type == "project"]
        owner = (projects or commitments)[-1:] or [self.found[i] for i in members[-1:]]
        for statement in owner:
            setattr(statement, {"budget": "budget", "funding": "funding", "partner": "partners"}[role], strip_markup(cell))

    def _read_cell(self, role: str, cell: str, line: int, table: _Table) -> list[int]:
        members: list[int] = []
        for piece_role, text in split_cell(cell, role, self.roles):
            cut = next((i for i in reversed(table.last) if self.found[i].type == piece_role), None)
            if not members and cut is not None and text[:1].islower() and not self.found[cut].text.endswith((".", ":", ";")):
                self.found[cut].runs = (*self.found[cut].runs, (line, text))
                continue
            kind = "proposal" if piece_role == "chain" else piece_role
            if text.endswith(":") and len(text) < 160 and kind != "activity":
                continue
            rule = "column" if piece_role == role else "cell-label"
            self.found.append(Drafted(kind, ((line, text),), self._section, self._axis, table.last_row, rule, 0.9))
            members.append(len(self.found) - 1)
        return members


@dataclass
class _Table:
    columns: list[str | None]
    heads: list[str]
    last_row: str | None = None
    last: list[int] = field(default_factory=list)


_BULLETS = re.compile(r"(?:^|(?<=[\s.;,>]))[-–•▪](?=\s?[A-ZÁÉÍÓÚÑ¿“\"])")
_LABEL = re.compile(r"^(?:(?P<number>\d{1,2}(?:\.\d{1,2})*)[.)]?\s*)?(?P<label>[A-Za-zÁÉÍÓÚáéíóúñ]+)\s*:\s*(?P<rest>.*)$")
_LETTERED = re.compile(r"(?:^|\s)([a-h])\)\s*")


def split_cell(cell: str, role: str, roles: Roles) -> Iterator[tuple[str, str]]:
    """Cut a cell into statements, as (role, text): at paragraphs, bullets, letters and labels such as `1.1 Proyecto:`."""
    for paragraph in re.split(r"</p>|<p>|<br\s*/?>|</li>|<li>", cell):
        text = strip_markup(paragraph)
        if not text:
            continue
        pieces = list(_at_letters(_at_bullets(text)))
        if len(pieces) == 1 and role in {"objective", "proposal", "target"}:
            pieces = _at_promises(pieces[0], roles)
        for piece in pieces:
            own = role
            mark, rest = split_enumerator(piece)
            match = _LABEL.match(piece)
            if match and (labelled := roles.of_label(match["label"])):
                own, rest = labelled, match["rest"]
            elif role == "chain" and (named := roles.of_label(rest.split(" ", 1)[0])):
                own = named
            elif not mark:
                rest = piece
            if rest := re.sub(r"\s+,$", "", rest).strip():
                yield own, rest


def _at_bullets(text: str) -> list[str]:
    pieces = [p.strip() for p in _BULLETS.split(text)]
    return [p for p in pieces if p]


def _at_promises(text: str, roles: Roles) -> list[str]:
    """Cut a cell of several sentences that each promise something; what a lead-in announces belongs to the first."""
    sentences = re.split(r"(?<=[a-záéíóúñ][.])\s+(?=[A-ZÁÉÍÓÚÑ])", text)
    if len(sentences) > 1 and all(roles.promises(s.rsplit(":", 1)[-1].strip()) for s in sentences):
        return [s.rsplit(":", 1)[-1].strip() if i == 0 and ":" in s else s for i, s in enumerate(sentences)]
    return [text]


def _at_letters(pieces: list[str]) -> Iterator[str]:
    """Cut at a), b), c) where at least two follow each other; what stands before a) stays with it."""
    for piece in pieces:
        marks = list(_LETTERED.finditer(piece))
        if [m[1] for m in marks[:2]] != ["a", "b"]:
            yield piece
            continue
        ends = [m.start() for m in marks[1:]] + [len(piece)]
        yield piece[: ends[0]].strip()
        for mark, end in zip(marks[1:], ends[1:], strict=True):
            yield piece[mark.end() : end].strip()


def _is_bare(text: str) -> bool:
    """Say whether a line holds no statement: a lone number or date, a `name : value` of a few words, a source note."""
    words = re.findall(r"[^\W\d_]{2,}", text)
    if len(words) < 2 or (len(words) <= 6 and ":" in text[2:-1] and len(words) <= 4):
        return True
    digits = sum(c.isdigit() for c in text)
    return (len(words) <= 6 and digits >= 4 and digits >= len("".join(words)) * 0.25) or fold(text).startswith("fuente")


def _style_of(block: Block) -> str:
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


def link(found: list[Drafted]) -> None:
    """Tie what stands outside tables to its own section's problems, and commitments to its objectives."""
    problems = _pools(found, "problem")
    objectives = _pools(found, "objective")
    for statement in found:
        if statement.row is not None:
            continue
        if statement.type in COMMITMENTS | {"objective", "target", "priority"} and (
            tied := _of_section(statement.section, problems)
        ):
            statement.links["addresses"] = tied
        if statement.type in COMMITMENTS and (tied := objectives.get(statement.section, [])):
            statement.links["pursues"] = list(tied)


def _pools(found: list[Drafted], kind: str) -> dict[tuple[str, ...], list[int]]:
    """Gather what sections state under a label or heading of a kind, by section."""
    pools: dict[tuple[str, ...], list[int]] = {}
    for index, statement in enumerate(found):
        if statement.type == kind and statement.row is None and statement.rule == "heading":
            pools.setdefault(statement.section, []).append(index)
    return pools


def _of_section(section: tuple[str, ...], pools: dict[tuple[str, ...], list[int]]) -> list[int]:
    if section in pools:
        return list(pools[section])
    named = [p for s, p in pools.items() if s and section and fold(s[-1]) == fold(section[-1]) and s[:-2] == section[:-2]]
    return list(named[-1]) if named else []


def _link_row(members: list[Drafted], indices: list[int]) -> None:
    """Tie the statements of one table row: to its problems, objectives, and down the chain program, project, activity."""
    by_type: dict[str, list[int]] = {}
    for index, statement in zip(indices, members, strict=True):
        by_type.setdefault(statement.type, []).append(index)
    problems, objectives = by_type.get("problem", []), by_type.get("objective", [])
    programs, projects = by_type.get("program", []), by_type.get("project", [])
    for statement in members:
        if statement.type in COMMITMENTS | {"objective", "target", "priority"} and problems:
            statement.links["addresses"] = list(problems)
        if statement.type in COMMITMENTS and objectives:
            statement.links["pursues"] = list(objectives)
        if statement.type == "project" and programs:
            statement.links["part_of"] = programs[-1:]
        if statement.type == "activity" and (projects or programs):
            statement.links["part_of"] = (projects or programs)[-1:]
        if statement.type == "target" and (objectives or programs):
            statement.links["measures"] = [*objectives, *programs]
