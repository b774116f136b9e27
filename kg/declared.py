"""Reading of declared data: YAML with every scalar as a string, its line kept, and all problems told at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kg.errors import KgError, Problem, ProblemsError, did_you_mean
from kg.files import read_text_file
from kg.paths import shown

_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass
class Item:
    """A mapping, sequence or scalar of a YAML file, with the line it starts at (1-based)."""

    value: dict[str, Item] | list[Item] | str
    line: int
    key_lines: dict[str, int] = field(default_factory=dict)


@dataclass
class Collector:
    """Gathers the problems of one file and hands values out with the type that the caller needs."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, key: str, what: str, hint: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, line, key, what, hint))

    def mapping(self, item: Item, key: str) -> dict[str, Item]:
        """Return the mapping, or an empty one after noting the problem."""
        if isinstance(item.value, dict):
            return item.value
        self.add(item.line, key, f"a mapping is expected, not {_kind(item)}", "write it as `key: value` lines")
        return {}

    def sequence(self, item: Item | None, key: str) -> list[Item]:
        """Return the sequence (empty when the item is absent), or an empty one after noting the problem."""
        if item is None or item.value == "":
            return []
        if isinstance(item.value, list):
            return item.value
        self.add(item.line, key, f"a list is expected, not {_kind(item)}", "write it as `[a, b]` or with dashes")
        return []

    def scalar(self, item: Item | None, key: str) -> str | None:
        """Return the scalar, None when absent or empty, or None after noting the problem."""
        if item is None:
            return None
        if isinstance(item.value, str):
            return item.value.strip() or None
        self.add(item.line, key, f"a single value is expected, not {_kind(item)}")
        return None

    def scalars(self, item: Item | None, key: str) -> list[str]:
        """Return the strings of a sequence; a bare string counts as a sequence of one."""
        if item is not None and isinstance(item.value, str) and item.value:
            return [item.value]
        return [s for entry in self.sequence(item, key) if (s := self.scalar(entry, key))]

    def known_keys(self, item: Item, known: set[str], key: str = "") -> None:
        """Note every key that is not among the known ones."""
        if not isinstance(item.value, dict):
            return
        for name in item.value:
            if name not in known:
                where = f"{key}.{name}" if key else name
                hint = did_you_mean(name, known) or f"known keys: {', '.join(sorted(known))}"
                self.add(item.key_lines.get(name, item.line), where, "unknown key", hint)

    def raise_if_any(self) -> None:
        """Raise all problems found so far.

        Raises:
            ProblemsError: at least one problem was noted.
        """
        if self.problems:
            raise ProblemsError(self.problems)


def _kind(item: Item) -> str:
    if isinstance(item.value, dict):
        return "a mapping"
    return "a list" if isinstance(item.value, list) else f"the value {item.value!r}"


def read_yaml(path: Path) -> tuple[Item, Collector]:
    """Read a YAML file into items that know their lines; nothing is typed (010101 stays "010101", No stays "No").

    Raises:
        KgError: the file is missing, not UTF-8, empty, or not YAML (with line and column).
        ProblemsError: a mapping names a key twice.
    """
    return parse_yaml(read_text_file(path), shown(path))


def parse_yaml(text: str, name: str) -> tuple[Item, Collector]:
    """Parse YAML text as `read_yaml` does; `name` is the file that messages tell.

    Raises:
        KgError: the text is empty or not YAML (with line and column).
        ProblemsError: a mapping names a key twice.
    """
    _refuse_tabs(text, name)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        column = f" (column {mark.column + 1})" if mark else ""
        raise KgError(f"{where}: not valid YAML{column}: {error.problem or error}; check indentation and quotes") from error
    except yaml.YAMLError as error:
        raise KgError(f"{name}: not valid YAML: {error}") from error
    if node is None:
        raise KgError(f"{name}: the file is empty; expected a YAML mapping")
    collector = Collector(name)
    item = _item(node, collector)
    collector.raise_if_any()
    return item, collector


def _refuse_tabs(text: str, name: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise KgError(f"{name}:{number}: a tab in the indentation, which YAML does not allow; use spaces")


def _item(node: yaml.Node, collector: Collector) -> Item:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Item] = {}
        key_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in entries:
                collector.add(key_node.start_mark.line + 1, key, f"key given twice (first at line {key_lines[key]})")
            entries[key] = _item(value_node, collector)
            key_lines[key] = key_node.start_mark.line + 1
        return Item(entries, line, key_lines)
    if isinstance(node, yaml.SequenceNode):
        return Item([_item(child, collector) for child in node.value], line)
    return Item(str(node.value), line)


def entries(path: Path, section: str, keys: set[str]) -> Iterator[tuple[dict[str, Item], Item, Collector]]:
    """Walk the mappings listed under a section of a declared file, checking their keys.

    Raises:
        ProblemsError: after the last entry, all problems that were noted while walking.
    """
    root, collector = read_yaml(path)
    top = collector.mapping(root, "")
    for item in collector.sequence(top.get(section), section):
        collector.known_keys(item, keys, section)
        yield collector.mapping(item, section), item, collector
    collector.raise_if_any()
