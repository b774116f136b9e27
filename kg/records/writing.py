"""Writing of plan records: stable order, one statement a block, short lists on one line, long text folded."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from kg.files import write_whole
from kg.records.model import Mark, Record, Statement


class _Dumper(yaml.SafeDumper):
    """Writes short lists on one line, long text without escapes, keys in the order given; what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Never write a value as a reference to an equal one."""
        return True


class _Flow(list[Any]):
    pass


class _FlowMap(dict[str, Any]):
    pass


_Dumper.add_representer(_Flow, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True))
_Dumper.add_representer(_FlowMap, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True))
_Dumper.add_representer(str, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", v, style=_style(v)))


_Dumper.add_representer(Decimal, lambda d, v: d.represent_scalar(f"tag:yaml.org,2002:{_number_tag(v)}", f"{v:f}"))
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _number_tag(value: Decimal) -> str:
    return "int" if value.as_tuple().exponent == 0 else "float"


def _style(text: str) -> str | None:
    if len(text) > 90 and not text.startswith(" "):
        return ">"
    return None if re.fullmatch(r"[a-z][a-z0-9_-]*", text) and text not in _RESERVED else '"'


def write_record(record: Record, path: Path) -> None:
    """Write a record: stable order, one statement a block, short lists on one line.

    Raises:
        KgError: the folder is missing or not writable.
    """
    write_whole(path, dump_record(record))


def dump_record(record: Record) -> str:
    """Return the record as YAML."""
    return "".join(dump_section(key, value) for key, value in _sections(record).items())


def dump_section(key: str, value: Any) -> str:
    """Return one entry of the record's top level as YAML."""
    text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130, default_flow_style=False)
    return re.sub(r"\n- id:", "\n\n- id:", text)


def dump_sections(record: Record, keys: Container[str]) -> dict[str, str]:
    """Return some entries of the record's top level as YAML, in the order of the record."""
    return {key: dump_section(key, value) for key, value in _sections(record, keys).items() if key in keys}


def dump_statement(statement: Statement) -> str:
    """Return one statement as it stands in the list: a dash, its keys, and the blank line before it."""
    return dump_section("statements", [_block(statement)]).removeprefix("statements:\n")


def _sections(record: Record, keys: Container[str] | None = None) -> dict[str, Any]:
    """Return the record's top level as what the dumper takes; the long lists only where they are wanted."""
    top: dict[str, Any] = {"plan": record.plan, "title": record.title, "level": record.level}
    top |= _present({"territory": record.territory})
    period = _present({"start": record.start, "end": record.end})
    if period:
        top["period"] = _FlowMap(period)
    for key in ("organization", "candidate"):
        named = getattr(record, key)
        if named:
            name_key = "raw" if key == "organization" else "name"
            top[key] = _FlowMap(_present({"id": named.id, name_key: named.raw, "line": named.line}))
    top["language"] = record.language
    top["document"] = _values(record.document)
    top["review"] = _values(record.review)
    top["axes"] = [_FlowMap(_values(a)) for a in record.axes]
    top["statements"] = [_block(s) for s in record.statements] if keys is None or "statements" in keys else []
    top["figures"] = [_FlowMap(_values(f)) for f in record.figures]
    top["findings"] = [_block(o) for o in record.findings]
    if record.rejected:
        top["rejected"] = [_block(s) for s in record.rejected]
    return top


def _present(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if v is not None and v != ()}


def _values(thing: Any) -> dict[str, Any]:
    return _present({f.name: getattr(thing, f.name) for f in fields(thing)})


def statement_values(statement: Statement) -> dict[str, Any]:
    """Return a statement as plain values: what stands under its dash in the file, without what is absent."""
    return _block(statement)


def _block(thing: Any) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for key, value in _values(thing).items():
        if isinstance(value, tuple):
            nested = value and not isinstance(value[0], str | int | Decimal)
            block[key] = [_inline(v) for v in value] if nested else _Flow(value)
        elif isinstance(value, str | int | Decimal):
            block[key] = value
        elif isinstance(value, Mark):
            block[key] = value.status if value == Mark(value.status) else _inline(value)
        elif isinstance(value, Statement):
            block[key] = _differences(thing, value)
        else:
            block[key] = _inline(value)
    return block


def _differences(statement: Statement, proposed: Statement) -> dict[str, Any]:
    """Return what the reader had otherwise; an empty text stands where it had nothing."""
    ours, theirs = _block(replace(statement, review=None, split_from=None, proposed=None)), _block(proposed)
    return {
        key: theirs.get(key, "") for key in (*theirs, *(k for k in ours if k not in theirs)) if ours.get(key) != theirs.get(key)
    }


def _inline(thing: Any) -> _FlowMap:
    values = {k: v for k, v in _values(thing).items() if not (k == "certain" and v is True)}
    return _FlowMap({k: _Flow(v) if isinstance(v, tuple) else v for k, v in values.items()})
