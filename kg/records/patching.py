"""Writing a changed record so that only what differs changes in its file: comments and the rest stay as a person wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import indent

import yaml

from kg.errors import KgError
from kg.records.loading import parse_record, read_entry
from kg.records.model import Record, Statement
from kg.records.writing import dump_record, dump_sections, dump_statement, statement_values

_LISTS = ("statements", "rejected")
_TOP_KEY = {"start": "period", "end": "period"}
_REFERENCE = re.compile(r"(?:^|[\s\[{,:-])[&*]\w", re.MULTILINE)
_DASH = 2  # columns from a dash to the keys of its statement
_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def patch_record(text: str, old: Record, new: Record) -> str:
    """Return the text of a file that holds `old`, changed so that it holds `new`; what is the same stays letter by letter.

    Where the file is written in a way that cannot be patched (a list between brackets), the whole record is written anew.
    """
    return RecordText.of(text, old).changed(new).text


@dataclass(frozen=True)
class _List:
    """A list of statements in a file: what stands before the first, and of each (comments and blank lines above, its lines)."""

    lead: str
    margin: str
    entries: dict[str, tuple[str, str]]

    @property
    def text(self) -> str:
        return self.lead + "".join(head + body for head, body in self.entries.values())


@dataclass(frozen=True)
class RecordText:
    """A record and the text of its file, taken apart once. `sections` is None where the text cannot be patched."""

    record: Record
    text: str
    head: str = ""
    sections: dict[str, str | _List] | None = None
    refers: bool = False

    @classmethod
    def of(cls, text: str, record: Record) -> RecordText:
        """Take the text of a file that holds the record apart."""
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            return cls(record, text)
        lines = text.split("\n")
        lines = [line + "\n" for line in (lines[:-1] if text.endswith("\n") else lines)]
        nodes = {str(key.value): (key.start_mark.line, value) for key, value in root.value}
        ends = [*[start for start, _ in nodes.values()][1:], len(lines)]
        sections: dict[str, str | _List] = {}
        for (key, (start, node)), end in zip(nodes.items(), ends, strict=True):
            piece = lines[start:end]
            sections[key] = _list_of(key, piece, start, node, getattr(record, key)) if key in _LISTS else "".join(piece)
        return cls(record, text, "".join(lines[: root.value[0][0].start_mark.line]), sections, bool(_REFERENCE.search(text)))

    def changed(self, new: Record) -> RecordText:
        """Return record and text after a change, the text patched as far as that can be done."""
        sections = self._changed_sections(new) if self.sections is not None else None
        if sections is None:
            return RecordText.of(dump_record(new), new)
        text = self.head + "".join(s if isinstance(s, str) else s.text for s in sections.values())
        if self.refers and not _holds(text, new):
            return RecordText.of(dump_record(new), new)
        return RecordText(new, text, self.head, sections, self.refers)

    def _changed_sections(self, new: Record) -> dict[str, str | _List] | None:
        old = self.record
        changed = {_TOP_KEY.get(f.name, f.name) for f in fields(Record) if getattr(old, f.name) != getattr(new, f.name)}
        sections = dict(self.sections or {})
        for key in changed & set(_LISTS) & set(sections):
            known = sections[key]
            if isinstance(known, str):
                return None
            sections[key] = _changed_list(key, known, getattr(old, key), getattr(new, key))
        kept = {key for key in _LISTS if key in sections and getattr(new, key)}
        written = dump_sections(new, changed - kept)
        added = {key: _added_list(text, getattr(new, key)) if key in _LISTS else text for key, text in written.items()}
        gone = changed - kept - set(written)
        return {key: text for key, text in (sections | added).items() if key not in gone}


def _holds(text: str, record: Record) -> bool:
    """Say whether a patched text reads as the record; asked where a part of it refers to another."""
    try:
        return parse_record(text, Path(f"{record.plan}.yaml")) == record
    except KgError:
        return False


def _list_of(key: str, piece: list[str], first: int, node: yaml.Node, statements: tuple[Statement, ...]) -> str | _List:
    """Take a list of statements apart, or return its text where it is not written as blocks."""
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    if any(item.flow_style for item in (node, *items)) and items:
        return "".join(piece)
    starts = [item.start_mark.line - first for item in items]
    tops = [_with_comments(piece, start) for start in starts]
    entries = {
        statement.id: ("".join(piece[top:start]), "".join(piece[start:end]))
        for statement, top, start, end in zip(statements, tops, starts, [*tops[1:], len(piece)], strict=True)
    }
    lead = "".join(piece[: tops[0]]) if tops else f"{key}:\n"
    return _List(lead, " " * (items[0].start_mark.column - _DASH if items else 0), entries)


def _added_list(text: str, statements: tuple[Statement, ...]) -> str | _List:
    """Take the text of a list that was just written apart."""
    lead, *blocks = re.split(r"(?=^\n- id:)", text, flags=re.MULTILINE)
    return _List(lead, "", {s.id: ("\n", block[1:]) for s, block in zip(statements, blocks, strict=True)}) if blocks else text


def _with_comments(piece: list[str], start: int) -> int:
    """Return where a statement begins with the blank lines and comments above it; 0-based within the piece."""
    while start > 1 and (not piece[start - 1].strip() or piece[start - 1].lstrip().startswith("#")):
        start -= 1
    return start


def _changed_list(key: str, known: _List, old: tuple[Statement, ...], new: tuple[Statement, ...]) -> _List:
    """Return the list with other statements: those that stay keep their lines, with the comments above them."""
    before = {statement.id: statement for statement in old}
    entries = {}
    for statement in new:
        head, body = known.entries.get(statement.id, ("\n", ""))
        if before.get(statement.id) != statement:
            body = _block(key, body, before.get(statement.id), statement, known.margin)
        entries[statement.id] = head, body
    return _List(known.lead, known.margin, entries)


def _block(key: str, body: str, old: Statement | None, new: Statement, margin: str) -> str:
    """Return a statement's lines, only the keys that changed written anew where that reads as it should."""
    fresh = indent(dump_statement(new).lstrip("\n"), margin)
    if old is None:
        return fresh
    before, after = statement_values(old), statement_values(new)
    mine = dict(_by_key(body))
    same = {name for name in after if name in mine and before.get(name) == after[name]}
    patched = "".join(mine[name] if name in same else lines for name, lines in _by_key(fresh))
    try:
        return patched if read_entry(key, patched) == new else fresh
    except KgError:
        return fresh


def _by_key(body: str) -> Iterator[tuple[str, str]]:
    """Yield (key, its lines) of the one statement in a text, in order."""
    root = yaml.compose(body, Loader=_Loader)
    if not isinstance(root, yaml.SequenceNode):
        return
    pairs = [(str(key.value), key.start_mark.line) for key, _ in root.value[0].value]
    lines = body.splitlines(keepends=True)
    ends = [line for _, line in pairs[1:]] + [len(lines)]
    yield from ((name, "".join(lines[start:end])) for (name, start), end in zip(pairs, ends, strict=True))
