"""What a heading, label, column head or first word says about the role of what follows: declared in `roles.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from kg.declared import Collector, Item, read_yaml
from kg.paths import DATA
from kg.phrases import PhraseIndex
from kg.text import fold

STATEMENTS = frozenset(
    {"problem", "objective", "program", "project", "activity", "proposal", "target", "priority", "strength", "opportunity"}
    | {"weakness", "threat", "vision", "mission", "principle", "strategy", "monitoring", "diagnosis"}
)
# Roles that a bare label gives (`Objetivos:`); the names of chapters (`HISTORIA`) open a section instead.
LABELS = frozenset({"problem", "objective", "proposal", "program", "project", "activity", "target", "priority", "strategy"})
COMMITMENTS = frozenset({"program", "project", "activity", "proposal"})


@dataclass(frozen=True)
class _Rule:
    role: str
    words: tuple[str, ...]
    whole: bool
    columns_only: bool


class Roles:
    """The declared roles, with the decisions that reading takes from them."""

    def __init__(
        self,
        rules: list[_Rule],
        labels: dict[str, str],
        named: list[tuple[str, re.Pattern[str]]],
        harm: list[str],
        axis: list[str],
        promise: re.Pattern[str],
        sentences: list[tuple[str, re.Pattern[str]]],
        noise: re.Pattern[str],
    ):
        self._rules = rules
        self._labels = labels
        self._named = named
        self._axis = tuple(axis)
        self._promise = promise
        self._sentences = sentences
        self._noise = noise
        self._harm: PhraseIndex[bool] = PhraseIndex()
        for word in harm:
            self._harm.add(word, True)

    def of_heading(self, heading: str) -> str | None:
        """Return the role that a heading or label gives to what stands under it, or None."""
        return self._match(heading, columns=False)

    def of_column(self, head: str) -> str | None:
        """Return the role of a table column by its head, or None."""
        return self._match(head, columns=True)

    def _match(self, text: str, columns: bool) -> str | None:
        folded = re.sub(r"\s+", " ", re.sub(r"[^a-z0-9/°ñ( ]+", " ", fold(text))).strip()
        bare = re.sub(r"\(.*$", "", folded).strip() or folded
        best: tuple[int, int, str] | None = None
        for order, rule in enumerate(self._rules):
            if rule.columns_only and not columns:
                continue
            for word in rule.words:
                wanted = fold(word)
                hit = bare == wanted if rule.whole else re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", folded)
                if hit and (best is None or (len(wanted), -order) > best[:2]):
                    best = (len(wanted), -order, rule.role)
        return best[2] if best else None

    def of_label(self, label: str) -> str | None:
        """Return the role of a label inside a cell or item (`Proyecto:`), or None."""
        return self._labels.get(fold(label).rstrip(": ."))

    def named_thing(self, text: str) -> str | None:
        """Return program or project where the text's first words name such a thing."""
        folded = fold(text)
        return next((role for role, pattern in self._named if pattern.search(folded)), None)

    def of_sentence(self, sentence: str) -> str | None:
        """Return the role that a sentence's own first words give it, or None."""
        folded = fold(sentence)
        return next((role for role, pattern in self._sentences if pattern.search(folded)), None)

    def harms(self, text: str) -> bool:
        """Say whether the text speaks of lack or harm."""
        return bool(self._harm.find_all(text))

    def promises(self, sentence: str) -> bool:
        """Say whether a sentence promises to do something."""
        return self._promise.search(fold(sentence)) is not None

    def is_noise(self, text: str) -> bool:
        """Say whether a line is no part of the plan: a digital signature, an identity number."""
        return self._noise.search(fold(text)) is not None

    def is_axis(self, heading: str) -> bool:
        """Say whether a heading names a dimension or eje."""
        folded = fold(heading)
        return any(re.match(rf"(?:[^a-z]*|\w{{1,4}}[.)-]+ ?){re.escape(word)}\b", folded) for word in self._axis)


@cache
def load_roles() -> Roles:
    """Load the declared roles.

    Raises:
        ProblemsError: a key is missing or of the wrong kind.
    """
    root, c = read_yaml(DATA / "roles.yaml")
    top = c.mapping(root, "")
    rules = []
    for item in c.sequence(top.get("roles"), "roles"):
        f = c.mapping(item, "roles")
        flags = [c.scalar(f.get(k), k) == "true" for k in ("whole", "columns_only")]
        rules.append(_Rule(c.scalar(f.get("role"), "role") or "", tuple(c.scalars(f.get("words"), "words")), *flags))
    labels: dict[str, str] = {}
    for item in c.sequence(top.get("labels"), "labels"):
        f = c.mapping(item, "labels")
        labels |= dict.fromkeys(c.scalars(f.get("words"), "words"), c.scalar(f.get("role"), "role") or "")
    named, sentences = (_patterns(c, top.get(key), key) for key in ("named_things", "sentence_labels"))
    lists = [c.scalars(top.get(k), k) for k in ("harm", "axis")]
    promise, noise = (re.compile(c.scalar(top.get(key), key) or "$^") for key in ("promise", "noise"))
    c.raise_if_any()
    return Roles(rules, labels, named, lists[0], lists[1], promise, sentences, noise)


def _patterns(collector: Collector, items: Item | None, key: str) -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for item in collector.sequence(items, key):
        f = collector.mapping(item, key)
        pattern = collector.scalar(f.get("pattern"), "pattern") or "$^"
        found.append((collector.scalar(f.get("role"), "role") or "", re.compile(pattern)))
    return found
