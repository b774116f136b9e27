"""The issues: what statements are about, and the words that point to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

from kg.declared import Collector, Item, entries
from kg.paths import DATA
from kg.phrases import Match, PhraseIndex
from kg.text import fold

_FILE = DATA / "issues.yaml"
_STRONG, _WEAK, _NOT = "strong", "weak", "not"


@dataclass(frozen=True)
class Dimension:
    """One of the four dimensions of the JNE's format."""

    id: str
    es: str
    en: str
    definition_es: str
    definition_en: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Issue:
    """A topic. `words` point to it, `weak` ones only when nothing stronger does, `exceptions` cancel what they cover."""

    id: str
    es: str
    en: str
    definition_es: str
    definition_en: str
    dimension: str
    mef_function: str | None
    broader: str | None
    group: bool
    words: tuple[str, ...]
    weak: tuple[str, ...]
    exceptions: tuple[str, ...]


@dataclass(frozen=True)
class _Word:
    issue: str
    kind: str
    text: str

    @property
    def score(self) -> int:
        """A word scores 3 and 1 more for each further word of four letters or more; a weak one 1."""
        if self.kind == _WEAK:
            return 1
        return 3 + sum(len(token.rstrip("*")) >= 4 for token in self.text.split()[1:])


@dataclass
class _Tally:
    strong: int = 0
    weak: int = 0
    longest_weak: int = 0
    first: int = 0
    words: set[str] = field(default_factory=set)
    spans: set[tuple[int, int]] = field(default_factory=set)

    @property
    def total(self) -> int:
        return self.strong + self.weak


class Issues:
    """The scheme, with the labelling of texts."""

    def __init__(self, dimensions: list[Dimension], issues: list[Issue]):
        self.dimensions = {d.id: d for d in dimensions}
        self.issues = {i.id: i for i in issues}

    @cached_property
    def _index(self) -> PhraseIndex[_Word]:
        index: PhraseIndex[_Word] = PhraseIndex()
        for issue in self.issues.values():
            for kind, words in ((_STRONG, issue.words), (_WEAK, issue.weak), (_NOT, issue.exceptions)):
                for word in words:
                    index.add(word, _Word(issue.id, kind, word))
        return index

    def label(self, text: str, limit: int = 3) -> list[str]:
        """Return the issues that a text is about, the strongest first; at most `limit`, possibly none.

        The rule stands at the head of the declared scheme.
        """
        return self.strong(text, limit) or self.weak(text)

    def strong(self, text: str, limit: int = 3) -> list[str]:
        """Return the issues that words of the text point to, possibly none."""
        strong = {i: t for i, t in self._tallies(text).items() if t.strong}
        if not strong:
            return []
        best = max(t.total for t in strong.values())
        enough = [i for i, t in strong.items() if t.total >= max(3, 0.5 * best)]
        return sorted(enough, key=lambda i: (-strong[i].total, strong[i].first))[:limit]

    def weak(self, text: str) -> list[str]:
        """Return the issue that only weak words point to: one, or none."""
        tallies = {i: t for i, t in self._tallies(text).items() if not t.strong}
        return sorted(tallies, key=lambda i: (-tallies[i].weak, -tallies[i].longest_weak, tallies[i].first))[:1]

    def _tallies(self, text: str) -> dict[str, _Tally]:
        matches = self._index.find_all(text)
        nots = [m for m in matches if m.payload.kind == _NOT]
        cancelled = _within(matches, nots, _cancels)
        words = [m for m in matches if m.payload.kind != _NOT and id(m) not in cancelled]
        contained = _within(words, words, _contains)
        words = [m for m in words if id(m) not in contained]
        words.sort(key=lambda m: (m.start, -m.end, m.payload.kind != _STRONG, -len(m.payload.text)))
        tallies: dict[str, _Tally] = {}
        for match in words:
            word = match.payload
            tally = tallies.setdefault(word.issue, _Tally(first=match.start))
            if word.text in tally.words or (match.start, match.end) in tally.spans:
                continue
            tally.words.add(word.text)
            tally.spans.add((match.start, match.end))
            if word.kind == _STRONG:
                tally.strong += word.score
            else:
                tally.weak += word.score
                tally.longest_weak = max(tally.longest_weak, len(word.text))
        return tallies

    def dimension_of_heading(self, heading: str) -> str | None:
        """Return the dimension that a heading or axis names, or None."""
        folded = fold(heading)
        hits = [(len(word), d.id) for d in self.dimensions.values() for word in d.words if fold(word) in folded]
        return max(hits)[1] if hits else None


def _within(
    matches: list[Match[_Word]], outer: list[Match[_Word]], test: Callable[[Match[_Word], Match[_Word]], bool]
) -> set[int]:
    """Return the identities of the matches for which the test holds with an outer one that reaches over them.

    Both lists are in the order of the text, so only those are compared that are still open.
    """
    found: set[int] = set()
    open_: list[Match[_Word]] = []
    waiting = iter(outer)
    following = next(waiting, None)
    for match in matches:
        while following is not None and following.start <= match.start:
            open_.append(following)
            following = next(waiting, None)
        open_ = [o for o in open_ if o.end > match.start]
        if any(test(o, match) for o in open_):
            found.add(id(match))
    return found


def _cancels(exception: Match[_Word], match: Match[_Word]) -> bool:
    same = exception.payload.issue == match.payload.issue
    return same and exception.start <= match.start and match.end <= exception.end


def _contains(outer: Match[_Word], inner: Match[_Word]) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer.words > inner.words


@cache
def load_issues() -> Issues:
    """Load the declared scheme.

    Raises:
        ProblemsError: a key is unknown or missing.
    """
    keys = {"id", "es", "en", "definition_es", "definition_en", "words"}
    dimensions = [_dimension(f, c) for f, _, c in entries(_FILE, "dimensions", keys)]
    more = keys | {"dimension", "mef_function", "broader", "group", "weak", "not"}
    issues = [_issue(f, c) for f, _, c in entries(_FILE, "issues", more)]
    return Issues(dimensions, issues)


def _text(fields: dict[str, Item], key: str, collector: Collector) -> str:
    return collector.scalar(fields.get(key), key) or ""


def _dimension(fields: dict[str, Item], collector: Collector) -> Dimension:
    return Dimension(
        id=_text(fields, "id", collector),
        es=_text(fields, "es", collector),
        en=_text(fields, "en", collector),
        definition_es=_text(fields, "definition_es", collector),
        definition_en=_text(fields, "definition_en", collector),
        words=tuple(collector.scalars(fields.get("words"), "words")),
    )


def _issue(fields: dict[str, Item], collector: Collector) -> Issue:
    return Issue(
        id=_text(fields, "id", collector),
        es=_text(fields, "es", collector),
        en=_text(fields, "en", collector),
        definition_es=_text(fields, "definition_es", collector),
        definition_en=_text(fields, "definition_en", collector),
        dimension=_text(fields, "dimension", collector),
        mef_function=collector.scalar(fields.get("mef_function"), "mef_function"),
        broader=collector.scalar(fields.get("broader"), "broader"),
        group=collector.scalar(fields.get("group"), "group") == "true",
        words=tuple(collector.scalars(fields.get("words"), "words")),
        weak=tuple(collector.scalars(fields.get("weak"), "weak")),
        exceptions=tuple(collector.scalars(fields.get("not"), "not")),
    )
