"""Which column and row the pieces of a linearised table belong to: a beam search that weighs the signs of order and wording.

The search is repeated: what one reading shows of the columns (how wide their lines are, how their cells begin) helps the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from statistics import mean, pstdev
from typing import TypeVar

from kg.reading.roles import Roles

T = TypeVar("T")
Move = tuple[str, int]
_ENDS = (".", ";", ":", "!", "?")
_BEAM = 16
_PASSES = 3


@dataclass(frozen=True)
class Weights:
    """How much each sign counts; estimated on annotated plans of five layouts."""

    on_small: float = 3.54
    on_small_blank: float = 1.5
    on_small_break: float = 2.37
    on_ended: float = 0.35
    on_open: float = 1.3
    on_blank: float = 1.3
    item_number: float = 2.95
    item_bullet: float = 1.23
    item_bullet_first: float = 0.35
    item_ended: float = -1.49
    item_open: float = -1.07
    item_blank: float = 0.51
    item_unmarked: float = 1.69
    item_sound: float = 0.81
    skip: float = 0.95
    again: float = 2.56
    change_blank: float = 1.13
    change_ended: float = 0.71
    change_open: float = 0.38
    change_style: float = -0.6
    number: float = 3.0
    row: float = -1.25
    row_missing: float = 1.93
    back: float = -2.76
    torn: float = 2.31
    sound: float = 2.04
    discord: float = -1.14
    surprise: float = 0.56
    width: float = 2.11
    learned: float = -0.23


WEIGHTS = Weights()


@dataclass(frozen=True)
class Head:
    """The heads of a table: role of each column (problem, objective …) and what its cells sound like."""

    roles: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """Lines that surely belong together. `blank`: a blank line stands before; `breaks`: a page ends before."""

    line: int
    text: str
    bullet: bool
    number: int | None
    blank: bool
    breaks: bool
    title: bool
    width: int

    @property
    def small(self) -> bool:
        """Whether it begins with a small letter."""
        return self.text[:1].islower()

    @property
    def marked(self) -> bool:
        """Whether a bullet or number stands before it."""
        return self.bullet or self.number is not None


@dataclass(frozen=True)
class _State:
    """A reading so far: where it stands, and for each column of the open row how its last item ended and was numbered."""

    score: float
    column: int
    ended: tuple[bool, ...]
    numbers: tuple[int | None, ...]
    marked: tuple[bool, ...]
    last_first: int | None
    move: Move
    before: _State | None


def assign(groups: list[list[Piece]], head: Head, roles: Roles, w: Weights) -> list[list[Move]]:
    """Return the moves of each group; later searches know how wide the columns are and how their cells begin."""
    size = len(head.roles)
    heard = [[roles.cues_of(piece.text) for piece in group] for group in groups]
    cues = [[_fitting(cue, head) for cue in group] for group in heard]
    moves: list[list[Move]] = [[] for _ in groups]
    widths: list[tuple[float, float] | None] = [None] * size
    habits: list[dict[frozenset[str], float]] = [{} for _ in range(size)]
    for _ in range(_PASSES):
        search = _Search(head, w, widths, habits)
        moves = [search.moves(*three) for three in zip(groups, cues, heard, strict=True)]
        widths = _widths(groups, moves, size)
        habits = _habits(heard, moves, size)
    return moves


def _habits(heard: list[list[frozenset[str]]], moves: list[list[Move]], size: int) -> list[dict[frozenset[str], float]]:
    """Return by column how much more often than elsewhere its items begin with a kind of words (logarithm, smoothed)."""
    counts = [Counter[frozenset[str]]() for _ in range(size)]
    for cues, steps in zip(heard, moves, strict=True):
        for cue, (move, column) in zip(cues, steps, strict=True):
            if move != "on":
                counts[column][cue] += 1
    kinds = set().union(*counts)
    totals = Counter({kind: sum(c[kind] for c in counts) for kind in kinds})
    all_ = sum(totals.values()) or 1
    return [
        {k: log((c[k] + 3.0 * totals[k] / all_) / (sum(c.values()) + 3.0) / (totals[k] / all_)) for k in kinds} for c in counts
    ]


def _widths(groups: list[list[Piece]], moves: list[list[Move]], size: int) -> list[tuple[float, float] | None]:
    """Return mean and spread of the widest lines of each column's pieces; None where too few are known."""
    seen: list[list[int]] = [[] for _ in range(size)]
    for group, steps in zip(groups, moves, strict=True):
        for piece, (_, column) in zip(group, steps, strict=True):
            if piece.width:
                seen[column].append(piece.width)
    return [(mean(found), max(pstdev(found), 3.0)) if len(found) >= 4 else None for found in seen]


def _fitting(cue: frozenset[str], head: Head) -> frozenset[str]:
    """Keep the cues of columns that there are; where no column is for indicators, measures and goals may hold them."""
    kinds = set(head.kinds)
    if "indicator" in cue and "indicator" not in kinds:
        cue |= {"proposal", "activity"}
    return cue & kinds


class _Search:
    """The beam search over the pieces of one group."""

    def __init__(
        self,
        head: Head,
        weights: Weights,
        widths: list[tuple[float, float] | None],
        habits: list[dict[frozenset[str], float]],
    ):
        self._head, self._w, self._widths, self._habits = head, weights, widths, habits

    def moves(self, pieces: list[Piece], cues: list[frozenset[str]], heard: list[frozenset[str]]) -> list[Move]:
        """Return for each piece how it stands to what was before ("row", "item" or "on") and its column."""
        size = len(self._head.roles)
        beam = [_State(0.0, -1, (True,) * size, (None,) * size, (False,) * size, None, ("", 0), None)]
        for piece, cue, all_heard in zip(pieces, cues, heard, strict=True):
            sounds = [
                self._sounds(cue, kind) + self._w.learned * self._habits[column].get(all_heard, 0.0)
                for column, kind in enumerate(self._head.kinds)
            ]
            after = [s for state in beam for s in self._after(state, piece, cue, sounds)]
            best: dict[tuple[object, ...], _State] = {}
            for state in sorted(after, key=lambda s: -s.score):
                best.setdefault((state.column, state.numbers, state.ended, state.marked, state.last_first), state)
                if len(best) >= _BEAM:
                    break
            beam = list(best.values())
        found: list[Move] = []
        walk: _State | None = beam[0]
        while walk is not None and walk.move[0]:
            found.append(walk.move)
            walk = walk.before
        return found[::-1]

    def _after(self, state: _State, piece: Piece, cue: frozenset[str], sounds: list[float]) -> Iterator[_State]:
        """Return the readings that a piece allows: it goes on, begins an item of the column, of a later one, or a new row."""
        kinds, here, w = self._head.kinds, state.column, self._w
        fits = [self._fits(piece, column) for column in range(len(kinds))]
        if here >= 0:
            yield _next(state, piece, "on", here, self._on(state, piece) - self._surprise(cue, kinds[here]) + fits[here])
            yield _next(state, piece, "item", here, self._item(state, piece) + sounds[here] * w.item_sound + fits[here])
        for column in range(len(kinds)):
            if column > here >= 0:
                yield _next(state, piece, "item", column, self._later(state, piece, column) + sounds[column] + fits[column])
            if here >= 0 and piece.breaks and column != here:
                if not state.ended[column] and piece.small:
                    yield _next(state, piece, "on", column, w.torn + fits[column])
                if column < here and not piece.small:
                    score = w.back + (0.8 if piece.bullet else -0.3)
                    yield _next(state, piece, "item", column, score + sounds[column] + fits[column])
        for column in range(min(2, len(kinds))):
            yield _next(state, piece, "row", column, self._row(state, piece, column) + sounds[column] + fits[column])

    def _on(self, state: _State, piece: Piece) -> float:
        """Score that a piece goes on with the open item."""
        w = self._w
        if piece.marked:
            return -8.0
        if piece.small:
            return w.on_small - w.on_small_blank * piece.blank - w.on_small_break * piece.breaks
        return (w.on_ended if state.ended[state.column] else w.on_open) - w.on_blank * piece.blank

    def _item(self, state: _State, piece: Piece) -> float:
        """Score that a piece begins a further item of the open column."""
        w = self._w
        if piece.number is not None:
            before = state.numbers[state.column]
            return w.item_number if before is not None and piece.number == before + 1 else -4.0
        if piece.bullet:
            return w.item_bullet if state.marked[state.column] else w.item_bullet_first
        if piece.small:
            return -8.0
        score = (w.item_ended if state.ended[state.column] else w.item_open) + w.item_blank * piece.blank
        return score - (w.item_unmarked if state.marked[state.column] else 0.0)

    def _later(self, state: _State, piece: Piece, column: int) -> float:
        """Score that a piece begins the first item of a later column of the open row."""
        w = self._w
        score = -w.skip * (column - state.column - 1) + w.change_blank * piece.blank
        if state.numbers[column] is not None or state.marked[column]:
            score -= w.again
        if piece.small:
            return score - 6.0
        if piece.number is not None:
            fitting = {1, state.numbers[state.column], state.numbers[0]}
            return score + (w.number if piece.number in fitting else -3.0)
        return score + self._turns(state, piece, state.column)

    def _row(self, state: _State, piece: Piece, column: int) -> float:
        """Score that a piece begins a new row."""
        w = self._w
        if state.column < 0:
            return 0.0 if column == 0 else -2.0
        missing = len(self._head.roles) - 1 - state.column
        score = w.row - w.row_missing * missing - 3.0 * column + w.change_blank * piece.blank
        if piece.small:
            return score - 8.0
        if piece.number is not None:
            follows = piece.number == 1 or (state.last_first is not None and piece.number == state.last_first + 1)
            return score + (w.number if follows else -3.0)
        return score + self._turns(state, piece, 0)

    def _turns(self, state: _State, piece: Piece, like: int) -> float:
        """Score the end of a cell by the full stop before it and by whether marks go on as before."""
        w = self._w
        ended = w.change_ended if state.ended[state.column] else w.change_open
        return ended + (0.3 if piece.bullet == state.marked[like] else w.change_style)

    def _fits(self, piece: Piece, column: int) -> float:
        """Score how well a piece's widest line fits the width of a column."""
        known = self._widths[column]
        if not known or not piece.width:
            return 0.0
        return -self._w.width * min(4.0, ((piece.width - known[0]) / known[1]) ** 2) / 2

    def _sounds(self, cue: frozenset[str], kind: str) -> float:
        """Score how well the first words fit a column."""
        if not cue:
            return 0.0
        return self._w.sound if kind in cue else self._w.discord

    def _surprise(self, cue: frozenset[str], kind: str) -> float:
        """Score how strange it is that words which open a cell should go on here, those of another kind above all."""
        if not cue:
            return 0.0
        return self._w.surprise if kind not in cue else self._w.surprise / 3


def _next(state: _State, piece: Piece, move: str, column: int, score: float) -> _State:
    ended = piece.text.rstrip().endswith(_ENDS)

    def changed(values: tuple[T, ...], value: T, default: T) -> tuple[T, ...]:
        kept = (default,) * len(values) if move == "row" else values
        return (*kept[:column], value, *kept[column + 1 :])

    number = piece.number if move != "on" else state.numbers[column]
    marked = piece.marked if move != "on" else state.marked[column]
    first = piece.number if move == "row" and column == 0 and piece.number is not None else state.last_first
    return _State(
        state.score + score,
        column,
        changed(state.ended, ended, True),
        changed(state.numbers, number, None),
        changed(state.marked, marked, False),
        first,
        (move, column),
        state,
    )
