"""What a paragraph or list item is, and what is no statement at all: decided by its role, its words and its looks."""

from __future__ import annotations

import re

from kg.reading.blocks import Block
from kg.reading.roles import STATEMENTS, Roles
from kg.text import fold

Kind = tuple[str, str, float]
_LONGEST_LEAD = 160


def kind_of(text: str, is_item: bool, role: str | None, roles: Roles) -> Kind:
    """Return type of statement, rule and confidence (0 to 1) of a text under a role; None where no heading tells one."""
    if role == "diagnosis":
        return ("problem", "diagnosis-harm", 0.7) if roles.harms(text) else ("diagnosis", "heading", 0.8)
    if role == "proposal":
        named = roles.named_thing(text)
        return (named, "named-thing", 0.85) if named else ("proposal", "heading", 0.9)
    if role == "presentation":
        if roles.promises(text):
            return "proposal", "presentation-promise", 0.6
        return ("diagnosis", "figures", 0.5) if roles.describes(text) else ("principle", "heading", 0.7)
    if role in {"vision", "principle", None} and not is_item and roles.commits(text):
        return roles.named_thing(text) or "proposal", "commitment", 0.6
    if role == "baseline":
        return "diagnosis", "heading", 0.8
    if role in STATEMENTS:
        return str(role), "heading", 0.9
    return _kind_by_words(text, is_item, roles)


def _kind_by_words(text: str, is_item: bool, roles: Roles) -> Kind:
    named = roles.named_thing(text)
    if named:
        return named, "named-thing", 0.6
    if roles.harms(text):
        return "problem", "wording", 0.5
    if not is_item and roles.describes(text):
        return "diagnosis", "figures", 0.4
    if is_item:
        return "proposal", "no-heading", 0.4
    return ("principle" if roles.professes(text) else "diagnosis"), "no-heading", 0.4


def announces(block: Block) -> bool:
    """Say whether a paragraph, or its last sentence, only announces a list."""
    last = re.split(r"(?<=[.!?])\s+", block.text.rstrip())[-1]
    return block.kind == "paragraph" and last.endswith(":") and len(last) < _LONGEST_LEAD


def stands_on_title_page(block: Block, is_below_heading: bool) -> bool:
    """Say whether a lone line outside any role is no sentence: a name or motto of the title page."""
    text = block.text.rstrip()
    most = 12 if is_below_heading else 40
    return block.kind == "paragraph" and not text.endswith((".", ";", ":", "!", "?", ",")) and len(text.split()) <= most


def announced(blocks: list[Block]) -> frozenset[str]:
    """Return the folded words of list items that come again as titles: a table of contents inside the text."""
    titles = {fold(b.text).strip(" .:") for b in blocks if b.kind == "heading"}
    items = [key for b in blocks if b.kind == "item" and len(key := fold(b.text).strip(" .:")) > 8 and key in titles]
    return frozenset(items) if len(items) >= 3 else frozenset()


def is_bare(text: str) -> bool:
    """Say whether a line holds no statement: a lone number or date, a `name : value` of a few words, a source note."""
    words = re.findall(r"[^\W\d_]{2,}", text)
    if len(words) < 2 or (len(words) <= 6 and ":" in text[2:-1] and len(words) <= 4):
        return True
    digits = sum(c.isdigit() for c in text)
    return (len(words) <= 6 and digits >= 4 and digits >= len("".join(words)) * 0.25) or fold(text).startswith("fuente")
