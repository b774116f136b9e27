"""From blocks to statements: the role that headings, labels and columns give, sections, axes, rows, and the ties between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from kg.reading.blocks import Block
from kg.reading.drafted import Drafted, Path, Runs
from kg.reading.kinds import Kind, announced, announces, is_bare, kind_of, stands_on_title_page
from kg.reading.linear import LinearRow
from kg.reading.links import link
from kg.reading.marks import label_of
from kg.reading.roles import ATTACHED, COMMITMENTS, LABELS, STATEMENTS, Roles
from kg.reading.sections import Heading, Sections, number_of, style_of
from kg.reading.tables import Table, TableReader, head_columns, names_section, split_cell, split_listed
from kg.text import fold, strip_markup

_LEADER = re.compile(r"[ .·…_]{3,}\d*\s*$")  # from an entry of a table of contents to its page
_FRAMED = {"monitoring", "strategy", "principle", "priority", "proposal", "program", "project", "activity"}
_CHAPTERS = {"vision", "mission", "principle", "monitoring"}
_SAYINGS = {"principle", "vision", "mission", "diagnosis"}
# `PROYECTO 4.2 COLEGIOS CONECTADOS`: the label and its number go, the name stays.
_NUMBERED_THING = re.compile(r"^\w+\s+(?:n[°º.]\s*)?(?:\d+(?:\.\d+)*|[IVX]+)\s*[.:–-]*\s+(?=\w)", re.IGNORECASE)
_ANSWERING = {"objective", "proposal", "action", "activity", "program", "project"}


class Walker:
    """Goes through the blocks once, keeping the sections that are open and the role that the last label gave."""

    def __init__(self, roles: Roles):
        self.roles = roles
        self.found: list[Drafted] = []
        self.axes: list[str] = []
        self._sections = Sections()
        self._label: str | None = None
        self._label_depth = 0
        self._label_used = True
        self._part_open = False
        self._skipped: set[str] | None = None
        self._lead: int | None = None
        self._lead_type: str | None = None
        self._lead_bold = False
        self._lead_in: str | None = None
        self._table: Table | None = None
        self._tables = TableReader(roles, self.found)
        self._row_axis: str | None = None
        self._row_title: str | None = None
        self._path: Path = ()
        self._count = 0
        self._next: Block | None = None
        self._has_titled = False
        self._announced: frozenset[str] = frozenset()
        self._head: int | None = None
        self._thing: int | None = None

    def walk(self, blocks: Iterable[Block]) -> list[Drafted]:
        """Return the statements of the blocks, in order, linked."""
        ordered = list(blocks)
        self._announced = announced(ordered)
        before: Block | None = None
        for block, after in zip(ordered, [*ordered, None][1:], strict=True):
            self._next = after
            titles_rows = self._titles_rows(before, block, after)
            before, self._has_titled = block, titles_rows
            if titles_rows:
                self._title_rows(block.text)
                continue
            if block.kind != "row":
                self._table = self._row_axis = self._row_title = None
            if self._skips(block) or self.roles.is_noise(block.text):
                continue
            if block.kind == "heading":
                self._open(block)
            elif block.kind == "row":
                self._row(block)
            elif block.kind == "label":
                self._labelled(block)
            else:
                self._prose(block)
        link(self.found)
        return self.found

    def _titles_rows(self, before: Block | None, block: Block, after: Block | None) -> bool:
        """Say whether a title stands right between two rows of the open table (a cell across all columns)."""
        if self._table is None or block.kind == "row" or before is None or after is None or len(block.text) > 200:
            return False
        below = before.kind == "row" or self._has_titled
        return below and after.kind in {"row", "heading"} and before.line + 1 == block.line == after.line - 1

    def _title_rows(self, title: str) -> None:
        """Open a group of rows; an axis stays until the next one."""
        title = title.rstrip(" .:")
        if self._table is not None:
            self._table.last_row = None
        if self.roles.is_axis(title):
            self._row_axis, self._row_title = title, None
            self._note_axis(title)
        else:
            self._row_title = title

    def _skips(self, block: Block) -> bool:
        """Skip a table of contents: from its heading until a line says again what stood in it."""
        folded = fold(block.text).strip(": .")
        if self._skipped is None:
            if block.kind == "heading" and self.roles.of_heading(block.text) == "skip":
                self._skipped = set()
                return True
            return False
        key = _LEADER.sub("", fold(f"{block.mark} {block.text}")).strip(": .")
        leads = _LEADER.search(block.text) is not None
        starts_again = not leads and len(key) > 5 and any(key in s or key.startswith(s) for s in self._skipped if len(s) > 5)
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
            part = self._sections.stack[-1]
            part.text, part.role = f"{part.text} {title}", role or part.role
            return
        if self._opens_label(block, title):
            return
        style = style_of(block)
        self._part_open = style == "part" and len(title.split()) <= 2
        depth = self._sections.close_for(block)
        if self._label and not self._label_used:
            self._label_depth = min(self._label_depth, depth)
        elif self._label and depth <= self._label_depth:
            self._label = None
        if depth <= self._label_depth or not self._label:
            self._path = ()
        self._thing = None
        owner = self._titled_thing(block, title)
        name = f"{block.mark} {title}".strip()
        self._sections.push(Heading(style, name, None if owner is not None else role, number_of(block), owner=owner))
        axis = title.rstrip(" .:")
        if self.roles.is_axis(name) and owner is None:
            self._sections.stack[-1].axis = axis
            self._note_axis(axis)

    def _note_axis(self, axis: str) -> None:
        if axis not in self.axes:
            self.axes.append(axis)

    def _opens_label(self, block: Block, title: str) -> bool:
        """Take a heading that only says the role of what follows, or the role and one statement (`Objetivo 1: Reducir …`)."""
        role = self.roles.of_label(title)
        if role in LABELS | ATTACHED:
            if block.mark:
                self._sections.close_for(block)
            self._enter(str(role))
            return True
        labelled = label_of(title, self.roles) if not block.mark else None
        if labelled and labelled[0] in LABELS - {"program", "project"}:
            self._labelled(Block("label", ((block.line, labelled[2]),), label=labelled[1], role=labelled[0]))
            return True
        return False

    def _enter(self, role: str) -> None:
        """Open a label: it closes the labels that came after its own last occurrence."""
        self._head = None
        self._label, self._label_depth, self._label_used = role, len(self._sections.stack), False
        roles = [r for r, _ in self._path]
        if role in roles:
            self._path = self._path[: roles.index(role) + 1] if roles[-1] == role else self._path[: roles.index(role)]
        if not self._path or self._path[-1][0] != role:
            self._count += 1
            self._path = (*self._path, (role, self._count))

    def _titled_thing(self, block: Block, title: str) -> int | None:
        """Make a statement of a heading that names a program or project; return its index."""
        labelled = label_of(title, self.roles)
        kind, text = (labelled[0], labelled[2]) if labelled else (self.roles.titled_thing(title), _NUMBERED_THING.sub("", title))
        if kind not in {"program", "project"} or (self._role() == "diagnosis"):
            return None
        path, self._path = self._path, ()
        self._add(str(kind), ((block.line, text),), "title", 0.8)
        self._path = path if self._label else ()
        return len(self.found) - 1

    def _labelled(self, block: Block) -> None:
        """Read `Objetivo 1: Reducir …`: its own statement, or money, funding and partners of what it stands under."""
        role = block.role or ""
        if role in ATTACHED:
            self._attach(role, block.text)
            return
        if role not in STATEMENTS | {"action", "baseline"}:
            return
        if self.roles.is_absent(block.text):
            self._enter(role)  # nothing is said, but what was said before is over
            self._label_used = True
            return
        self._lead = self._lead_in = None
        self._enter(role)
        self._label_used = True
        number = (
            int(digits[-1])
            if (digits := re.findall(r"\d+", re.sub(r"\(.*?\)", "", block.label))) and len(digits[-1]) < 3
            else None
        )
        pieces = split_listed(block.text, role) if len(block.runs) == 1 else [block.text]
        if len(pieces) > 1:
            for piece in pieces:
                self._add(self._kind_of(role), ((block.line, piece),), "label-list", 0.85)
            return
        statement = self._add(self._kind_of(role), block.runs, "label", 0.9)
        statement.number = number
        if statement.type in {"program", "project"}:
            self._thing = len(self.found) - 1
        self._head = len(self.found) - 1 if statement.type in COMMITMENTS - {"activity"} else None

    def _kind_of(self, role: str) -> str:
        """Return the type of what a label names; actions are activities where a program or project holds them."""
        if role != "action":
            return "diagnosis" if role == "baseline" else role
        held = self._sections.owner is not None and self.found[self._sections.owner].type in {"program", "project"}
        return (
            "activity" if held or any(r in {"program", "project", "objective", "problem"} for r, _ in self._path) else "proposal"
        )

    def _attach(self, role: str, text: str) -> None:
        """Give money, funding or partners to the open program or project, else to the last commitment of the section."""
        recent = [s for s in self.found[-40:] if s.type in COMMITMENTS | {"objective"} and s.section == self._sections.path]
        holder = self._thing if self._thing is not None else self._sections.owner
        inside = [s for s in recent if s.type in {"program", "project"}]
        for statement in [self.found[holder]] if holder is not None else (inside or recent)[-1:]:
            statement.attach(role, text)

    def _add(self, kind: str, runs: tuple[tuple[int, str], ...], rule: str, confidence: float) -> Drafted:
        statement = Drafted(kind, runs, self._sections.path, self._sections.axis, None, rule, confidence)
        statement.path, statement.owner = self._path, self._sections.owner
        statement.place = self._sections.place
        self.found.append(statement)
        return statement

    def _titles_part(self, block: Block) -> bool:
        """Say whether a heading is the title of the bare part heading just before it (`PARTE II` / `EL DIAGNOSTICO`)."""
        opened, self._part_open = self._part_open, False
        return opened and style_of(block) != "part"

    def _role(self) -> str | None:
        return self._label or self._sections.role

    # ------------------------------------------------------------------ prose and lists

    def _prose(self, block: Block) -> None:
        self._part_open = False
        if fold(block.text).strip(" .:") in self._announced:
            return
        if self._label in ATTACHED:
            self._attach(str(self._label), block.text)
            self._label_used = True
            return
        if self.roles.is_absent(block.text) or self._label == "ignored":
            return
        if (
            is_bare(block.text)
            and self._role() != "target"
            and not (block.kind == "item" and self._label and block.text.isalpha())
        ):
            return
        self._label_used = True
        runs = block.runs
        if block.label and (own := self.roles.of_heading(block.label)) and own in STATEMENTS:
            self._enter(own)
            runs = ((block.line, block.text[len(block.label) :].lstrip(" :.")), *block.runs[1:])
        role = self._role()
        if role in {"skip", "ignored", "chain"}:
            role = None
        if role is not None and announces(block):
            self._lead, self._lead_in = None, block.text
            self._said_before_lead(block, role)
            return
        if block.kind == "paragraph":
            self._lead_in = None
            self._head = None
        if role is None and stands_on_title_page(block, bool(self._sections.stack)):
            return
        kind, rule, confidence = self._type(block, role)
        if self._head is not None and block.kind == "item":
            statement = self._add("activity", runs, "list-of-label", 0.8)
            statement.links["part_of"] = [self._head]
            return
        if kind == "problem" and rule == "diagnosis-harm" and block.kind == "paragraph":
            runs = self._tell_before_harm(runs)
        statement = self._add(kind, runs, rule, confidence)
        statement.lead_in = self._lead_in
        self.found.pop()
        self._tie_to_lead(block, statement)
        self.found.append(statement)
        if kind in COMMITMENTS and len(runs) == 1:
            self._cut_sentences(statement)
        if kind in COMMITMENTS | {"objective", "strategy"}:
            self._cut_aims(len(self.found) - 1)

    def _tell_before_harm(self, runs: Runs) -> Runs:
        """Make a diagnosis of the sentences of a paragraph that only tell facts; return the rest, which begins with a lack."""
        (line, text), *later = runs
        sentences = re.split(r"(?<=[a-záéíóúñ)%\d][.])\s+(?=[A-ZÁÉÍÓÚÑ¿])", text)
        first = next((i for i, sentence in enumerate(sentences) if self.roles.harms(sentence)), 0)
        if first == 0:
            return runs
        self._add("diagnosis", ((line, " ".join(sentences[:first])),), "before-harm", 0.6)
        return ((line, " ".join(sentences[first:])), *later)

    def _said_before_lead(self, block: Block, role: str | None) -> None:
        """Make a statement of the sentences that stand before the one that announces a list."""
        head = re.match(r"^(.{20,}[.!?])\s+[A-ZÁÉÍÓÚÑ][^.!?]*:$", block.text)
        if head and len(block.runs) == 1:
            said = replace(block, runs=((block.line, head[1]),))
            self._add(*self._said(said, role))
            self._lead, self._lead_type, self._lead_bold = len(self.found) - 1, None, False

    def _said(self, block: Block, role: str | None) -> tuple[str, Runs, str, float]:
        kind, rule, confidence = self._type(block, role)
        if kind in COMMITMENTS and self.roles.harms(block.text) and not self.roles.promises(block.text):
            kind, rule, confidence = "problem", "wording", 0.6
        return kind, block.runs, rule, confidence

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
            cut.links["part_of"] = [owner]
            cut.path, cut.owner, cut.place = statement.path, statement.owner, statement.place
            self.found.append(cut)

    def _cut_aims(self, index: int) -> None:
        """Give clauses of a promise that name a number to be reached (`para alcanzar … 6,000 empresas`) a target each."""
        statement = self.found[index]
        for line, aim in self.roles.aims_of(statement.runs):
            target = Drafted("target", ((line, aim),), statement.section, statement.axis, None, "aim", 0.5)
            target.path, target.owner, target.place = statement.path, statement.owner, statement.place
            target.links["measures"] = [index]
            self.found.append(target)

    def _tie_to_lead(self, block: Block, statement: Drafted) -> None:
        """Make items under an announcing statement parts of it, with the type that it announces (`los siguientes programas:`)."""
        index = len(self.found)
        lead = self.found[self._lead] if self._lead is not None else None
        sibling = block.bold and not self._lead_bold and index - 1 != self._lead and self._is_part(index - 1)
        follows = bool(block.mark or block.label or block.kind == "paragraph" or block.level or sibling)
        if lead and follows and lead.section == statement.section and not block.text.rstrip().endswith(":"):
            statement.type = self._lead_type or statement.type
            if lead.type == "project" and statement.type == "project":
                statement.type = "activity"
            if lead.type not in _SAYINGS:
                statement.links["addresses" if lead.type == "problem" else "part_of"] = [self._lead or 0]
        elif block.text.rstrip().endswith(":") or (block.kind == "item" and not block.mark and not block.level):
            self._lead, self._lead_bold = index, block.bold
            last = fold(block.text).rstrip(" :").rsplit(" ", 1)[-1]
            self._lead_type = self.roles.of_label(last) if block.text.rstrip().endswith(":") else None

    def _is_part(self, index: int) -> bool:
        return index >= 0 and self.found[index].links.get("part_of") == [self._lead]

    def _type(self, block: Block, role: str | None) -> Kind:
        """Say what a paragraph or item is, by which rule, with which confidence."""
        if role == "proposal" and self._is_situation(block):
            return "problem", "wording", 0.6
        if role == "action":
            named = self.roles.named_thing(block.text)
            return named or self._kind_of("action"), "named-thing" if named else "heading", 0.85
        return kind_of(block.text, block.kind == "item", role, self.roles)

    def _is_situation(self, block: Block) -> bool:
        """Say whether a paragraph of a chapter of proposals tells what is wrong, before its own heading lists what to do."""
        inherited = self._label is None and bool(self._sections.stack) and self._sections.stack[-1].role is None
        if not inherited or block.kind != "paragraph" or self.roles.promises(block.text):
            return False
        return self.roles.harms(block.text) or self._label_follows()

    def _label_follows(self) -> bool:
        after = self._next
        return (
            after is not None
            and after.kind in {"heading", "label"}
            and self.roles.of_label(after.label or after.text) in _ANSWERING
        )

    # ------------------------------------------------------------------ tables

    def _row(self, block: Block) -> None:
        if block.linear is not None:
            self._linear_row(block.linear)
            return
        columns = head_columns(block, self.roles, self._role())
        if columns:
            if self._table is None or self._table.columns != columns:
                self._table = Table(columns, len(columns))
            return
        if self._is_labelled(block):
            self._labelled_row(block)
            return
        if self._table is None:
            self._open_untold(block)
            return
        title = names_section(block, self._table, self.roles)
        if title:
            self._title_rows(title)
            return
        self._label_used = True
        section = (*self._sections.path, *filter(None, (self._row_axis, self._row_title)))
        first = len(self.found)
        self._tables.read(self._table, block, section, self._row_axis or self._sections.axis, self._sections.owner)
        for statement in self.found[first:]:
            statement.path, statement.place = self._path, self._sections.place

    def _open_untold(self, block: Block) -> None:
        """Take a table whose heads tell no role: below a telling title its first column holds what the title says.

        A table of one cell is a paragraph in a frame.
        """
        filled = [strip_markup(c) for c in block.cells if strip_markup(c)]
        role = self._role()
        if len(filled) == 1 and len(block.cells) == 1 and role in STATEMENTS:
            self._prose(Block("paragraph", ((block.line, filled[0]),)))
        elif block.is_head and len(block.cells) > 1 and role in _FRAMED:
            self._table = Table([role, *[None] * (len(block.cells) - 1)], len(block.cells))

    def _linear_row(self, row: LinearRow) -> None:
        """Read a row that was put together again; a title opens a group of rows."""
        if row.title is not None:
            self._title_rows(row.title[1])
            return
        section = (*self._sections.path, *filter(None, (self._row_axis, self._row_title)))
        self._label_used = True
        self._tables.read_linear(row, section, self._row_axis or self._sections.axis)

    def _is_labelled(self, block: Block) -> bool:
        """Say whether a row is a label and what it labels (`Objetivo | Reducir …`)."""
        filled = [strip_markup(c) for c in block.cells if strip_markup(c)]
        if len(filled) == 2 and filled[0].isupper() and self.roles.of_heading(filled[0]) in _CHAPTERS:
            return True
        if self._table is not None or len(filled) != 2 or len(block.cells) > 3:
            return False
        role = self.roles.of_label(filled[0])
        return (role in STATEMENTS or role in ATTACHED) and self.roles.of_label(filled[1]) is None

    def _labelled_row(self, block: Block) -> None:
        (_, label), (column, cell) = [(i, c) for i, c in enumerate(block.cells) if strip_markup(c)]
        line = block.cell_lines[column] if block.cell_lines else block.line
        role = self.roles.of_label(strip_markup(label)) or self.roles.of_heading(strip_markup(label)) or ""
        pieces = [text for _, text in split_cell(cell, role, self.roles)] if role in STATEMENTS else [strip_markup(cell)]
        for text in pieces:
            self._labelled(Block("label", ((line, text),), label=strip_markup(label), role=role))
