"""What a heading, label, column head or first word says about the role of what follows: declared in `roles.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from kg.declared import Collector, Item, read_yaml
from kg.paths import DATA
from kg.phrases import PhraseIndex
from kg.text import fold, fold_aligned, squeeze

STATEMENTS = frozenset(
    {"problem", "objective", "program", "project", "activity", "proposal", "target", "priority", "strength", "opportunity"}
    | {"weakness", "threat", "vision", "mission", "principle", "strategy", "monitoring", "diagnosis"}
)
# Roles that a bare label gives (`Objetivos:`); the names of chapters (`HISTORIA`) open a section instead.
LABELS = frozenset(
    {"problem", "objective", "proposal", "program", "project", "activity", "action", "target", "priority", "strategy", "baseline"}
)
# What a column or label says of a statement beside it.
ATTACHED = frozenset({"budget", "funding", "partner"})
COMMITMENTS = frozenset({"program", "project", "activity", "proposal"})


_LABEL_WORDS = 9
_ROMAN = re.compile(r"[ivx]{2,4}|[iv]")


@dataclass(frozen=True)
class _Rule:
    role: str
    words: tuple[str, ...]
    whole: bool
    columns_only: bool


_Patterns = list[tuple[str, re.Pattern[str]]]


class Roles:
    """The declared roles, with the decisions that reading takes from them."""

    def __init__(
        self,
        rules: list[_Rule],
        labels: list[tuple[str, tuple[str, ...]]],
        qualifiers: list[str],
        named: tuple[_Patterns, _Patterns, _Patterns],
        harm: list[str],
        axis: list[str],
        sentences: _Patterns,
        patterns: dict[str, re.Pattern[str]],
    ):
        self._rules = rules
        self._labels = sorted(labels, key=lambda entry: -len(entry[1]))
        self._qualifiers = frozenset(map(fold, qualifiers))
        self._named, self._titled, self._openings = named
        self._axis = tuple(axis)
        self._sentences = sentences
        self._patterns = patterns
        self._harm: PhraseIndex[bool] = PhraseIndex()
        for word in harm:
            self._harm.add(word, True)

    def of_heading(self, heading: str) -> str | None:
        """Return the role that a heading or label gives to what stands under it, or None."""
        return self._match(heading, columns=False)

    def is_chapter(self, line: str) -> bool:
        """Say whether a line is just one of the declared names of chapters (`PROPUESTA DE RENDICIÓN DE CUENTAS`)."""
        bare = fold(line).strip(" .:")
        return any(
            bare == word for rule in self._rules if not rule.columns_only and rule.role not in LABELS for word in rule.words
        )

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
        """Return the role of a bare label (`Problema N° 1:`, `Metas al 2026`), or None where the words say more than a role.

        The first noun decides; beside it stand only numbers, what is in parentheses, and the declared qualifiers.
        """
        tokens = _label_tokens(label)
        if not tokens or len(tokens) > _LABEL_WORDS:
            return None
        role: str | None = None
        index = 0
        while index < len(tokens):
            found = next(((r, w) for r, w in self._labels if tokens[index : index + len(w)] == w), None)
            if found and role in {None, "name"}:
                role, index = found[0], index + len(found[1])
            elif role and tokens[index] == "que":  # `Problema que atiende`
                index += 3
            elif found or tokens[index] in self._qualifiers:
                index += 1
            else:
                return None
        return role

    def only_qualifies(self, text: str) -> bool:
        """Say whether a line could only go on with a label: numbers, parentheses and qualifiers."""
        return len(text) < 60 and all(w in self._qualifiers for w in _label_tokens(text))

    def is_indicator(self, label: str) -> bool:
        """Say whether the label of a target names indicators, not what is to be reached."""
        return self._patterns["indicator"].search(fold(label)) is not None

    def cues_of(self, text: str) -> frozenset[str]:
        """Return the kinds of table cells (problem, objective, indicator, goal …) that begin with such words."""
        folded = fold(text)
        return frozenset(kind for kind, pattern in self._openings if pattern.search(folded))

    def named_thing(self, text: str) -> str | None:
        """Return program or project where the text's first words name such a thing."""
        folded = fold(text)
        return next((role for role, pattern in self._named if pattern.search(folded)), None)

    def of_sentence(self, sentence: str) -> str | None:
        """Return the role that a sentence's own first words give it, or None."""
        folded = fold(sentence)
        return next((role for role, pattern in self._sentences if pattern.search(folded)), None)

    def aims_of(self, runs: tuple[tuple[int, str], ...]) -> list[tuple[int, str]]:
        """Return the clauses that name a number to be reached, as (line, text)."""
        return [(n, t[m.start(1) : m.end(1)].strip()) for n, t in runs for m in self._patterns["aim"].finditer(fold_aligned(t))]

    def harms(self, text: str) -> bool:
        """Say whether the text speaks of lack or harm."""
        return bool(self._harm.find_all(text))

    def promises(self, sentence: str) -> bool:
        """Say whether a sentence promises to do something."""
        return self._patterns["promise"].search(fold(sentence)) is not None

    def is_noise(self, text: str) -> bool:
        """Say whether a line is no part of the plan: a digital signature, an identity number."""
        return self._patterns["noise"].search(fold(text)) is not None

    def commits(self, text: str) -> bool:
        """Say whether a text begins with what those who write will do (`Construiremos …`)."""
        return self._patterns["commits"].search(fold(text)) is not None

    def professes(self, text: str) -> bool:
        """Say whether a text tells what those who write believe or want."""
        return self._patterns["professes"].search(fold(text)) is not None

    def describes(self, text: str) -> bool:
        """Say whether a text tells facts of the place: where it lies, how many live there, what it has."""
        return self._patterns["describes"].search(fold(text)) is not None

    def organization_of(self, line: str) -> str | None:
        """Return the political organization that a title line names, or None."""
        match = self._patterns["organization"].search(fold_aligned(line))
        group = next((i for i in (1, 2) if match and match[i]), None)
        return squeeze(line[match.start(group) : match.end(group)]).strip(" .") if match and group else None

    def ends_stamp(self, text: str) -> bool:
        """Say whether a line is the last one of a signature stamp."""
        return self._patterns["stamp_end"].search(fold(text)) is not None

    def is_unfinished(self, text: str) -> bool:
        """Say whether a text ends with a word that asks for more (`en convenio con el`)."""
        return self._patterns["unfinished"].search(fold(text)) is not None

    def is_absent(self, text: str) -> bool:
        """Say whether a cell only says that there is nothing (`No especificado.`)."""
        return self._patterns["absent"].search(fold(text)) is not None

    def titled_thing(self, title: str) -> str | None:
        """Return program or project where a heading is the name of one."""
        folded = fold(title)
        return next((role for role, pattern in self._titled if pattern.search(folded)), None)

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
    labels = []
    for item in c.sequence(top.get("labels"), "labels"):
        f = c.mapping(item, "labels")
        role = c.scalar(f.get("role"), "role") or ""
        labels += [(role, _label_tokens(word)) for word in c.scalars(f.get("words"), "words")]
    kinds = ("named_things", "titled_things", "openings", "sentence_labels")
    named, titled, openings, sentences = (_patterns(c, top.get(key), key) for key in kinds)
    lists = [c.scalars(top.get(k), k) for k in ("harm", "axis", "qualifiers")]
    patterns = {
        key: re.compile(c.scalar(top.get(key), key) or "$^")
        for key in (
            "promise",
            "noise",
            "stamp_end",
            "absent",
            "describes",
            "indicator",
            "aim",
            "organization",
            "commits",
            "professes",
            "unfinished",
        )
    }
    c.raise_if_any()
    return Roles(rules, labels, lists[2], (named, titled, openings), lists[0], lists[1], sentences, patterns)


@cache
def _label_tokens(label: str) -> tuple[str, ...]:
    """Return the words of a label, folded, without numbers and what is in parentheses."""
    folded = re.sub(r"\([^)]*\)?", " ", fold(label))
    return tuple(w for w in re.findall(r"[a-zñ]+°?|/", folded) if w != "/" and not _ROMAN.fullmatch(w))


def _patterns(collector: Collector, items: Item | None, key: str) -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for item in collector.sequence(items, key):
        f = collector.mapping(item, key)
        pattern = collector.scalar(f.get("pattern"), "pattern") or "$^"
        found.append((collector.scalar(f.get("role"), "role") or "", re.compile(pattern)))
    return found
