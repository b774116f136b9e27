"""Writing of plan records: stable order, one statement a block, short lists on one line, long text folded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from kg.files import write_whole
from kg.records.model import Record


class _Dumper(yaml.SafeDumper):
    """Writes short lists on one line, long text without escapes, keys in the order given."""


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
    top["statements"] = [_block(s) for s in record.statements]
    top["figures"] = [_FlowMap(_values(f)) for f in record.figures]
    top["findings"] = [_block(o) for o in record.findings]
    text = yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130, default_flow_style=False)
    return re.sub(r"\n- id:", "\n\n- id:", text)


def _present(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if v is not None and v != ()}


def _values(thing: Any) -> dict[str, Any]:
    return _present({f.name: getattr(thing, f.name) for f in fields(thing)})


def _block(thing: Any) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for key, value in _values(thing).items():
        if isinstance(value, tuple):
            nested = value and not isinstance(value[0], str | int | Decimal)
            block[key] = [_inline(v) for v in value] if nested else _Flow(value)
        elif isinstance(value, str | int | Decimal):
            block[key] = value
        else:
            block[key] = _inline(value)
    return block


def _inline(thing: Any) -> _FlowMap:
    values = {k: v for k, v in _values(thing).items() if not (k == "certain" and v is True)}
    return _FlowMap({k: _Flow(v) if isinstance(v, tuple) else v for k, v in values.items()})
