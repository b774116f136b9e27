"""Bars of an answer: what is drawn, and where. A page draws them in per cent of its width, a file in pixels.

Bars begin at zero and carry their label and number; what allows another reading is hatched, and what a plan does not say is told
in words and not drawn as zero.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from api.answers import number_in
from api.lookup import Node, Row
from kg.queries import Chart

MOST, MOST_GROUPED = 12, 24  # bars
LINE, BAR, GAP, HEAD = 20, 18, 14, 34  # heights in pixels
WIDEST = 66  # per cent of the width that the longest bar takes: its number stands beside it
LABEL, LABEL_LINES = 44, 2  # characters of a line, and lines, of a bar's label


@dataclass(frozen=True)
class Bar:
    """A bar: its label whole and in lines, its number and how that is written, its length (per cent of the width).

    `start` is where its hatched part begins, per cent too; `label_y` and `bar_y` are where label and bar stand, in pixels.
    """

    label: str
    lines: tuple[str, ...]
    value: Decimal | None
    text: str
    share: float = 0
    start: float = 0
    label_y: int = 0
    bar_y: int = 0


@dataclass(frozen=True)
class Group:
    """Bars under one heading; the heading is empty where there is one group only."""

    heading: str
    bars: tuple[Bar, ...]
    y: int = 0


@dataclass(frozen=True)
class Drawing:
    """All that is to be drawn: groups from top to bottom, the height, how many bars were left out, if any part is hatched."""

    groups: tuple[Group, ...]
    height: int
    left_out: int
    is_hatched: bool

    @property
    def count(self) -> int:
        """Return how many bars there are."""
        return sum(len(group.bars) for group in self.groups)


def drawing(
    chart: Chart,
    rows: Sequence[Row],
    text: Callable[[Node], str],
    number: Callable[[Decimal], str],
    unsaid: str,
    zero_is_unsaid: bool = False,
    width: int = LABEL,
) -> Drawing | None:
    """Lay the bars of an answer out, None where there are no two with a number.

    unsaid: the words for a bar without a number; `zero_is_unsaid` takes a sum of nothing for one.
    """
    found: dict[str, list[tuple[Bar, Decimal]]] = {}
    for row in rows:
        if chart.label not in row:
            continue
        value = number_in(row.get(chart.value))
        if value is None or (zero_is_unsaid and not value) or value < 0:
            value = None
        label = text(row[chart.label])
        bar = Bar(label, _lines(label, width), value, unsaid if value is None else number(value))
        heading = text(row[chart.by]) if chart.by and chart.by in row else ""
        found.setdefault(heading, []).append((bar, _doubtful(row.get(chart.doubtful), value) if chart.doubtful else Decimal(0)))
    greatest = max((bar.value or Decimal(0) for bars in found.values() for bar, _ in bars), default=Decimal(0))
    if not greatest or sum(bar.value is not None for bars in found.values() for bar, _ in bars) < 2:
        return None
    return _laid_out(found, greatest, chart)


def _laid_out(found: dict[str, list[tuple[Bar, Decimal]]], greatest: Decimal, chart: Chart) -> Drawing:
    groups: list[Group] = []
    y, left, total = 0, MOST_GROUPED if len(found) > 1 else MOST, sum(map(len, found.values()))
    for heading, bars in found.items():
        if left <= 0:
            break
        ordered = bars if chart.in_order else sorted(bars, key=lambda b: -(b[0].value if b[0].value is not None else Decimal(-1)))
        top = y
        y += HEAD if heading and len(found) > 1 else 0
        placed: list[Bar] = []
        for bar, doubtful in ordered[:left]:
            share = float((bar.value or 0) / greatest) * WIDEST
            start = share - float(min(doubtful, bar.value or Decimal(0)) / greatest) * WIDEST
            bar_y = y + LINE * len(bar.lines)
            placed.append(replace(bar, share=round(share, 2), start=round(start, 2), label_y=y + 15, bar_y=bar_y))
            y = bar_y + BAR + GAP
        left -= len(placed)
        groups.append(Group(heading if len(found) > 1 else "", tuple(placed), top + 18))
        y += GAP if heading else 0
    drawn = sum(len(group.bars) for group in groups)
    hatched = any(bar.start < bar.share for group in groups for bar in group.bars)
    return Drawing(tuple(groups), y, total - drawn, hatched)


def _doubtful(node: Node | None, value: Decimal | None) -> Decimal:
    """Return the doubtful part of a number: told as a number itself, or all of it where the reading is said not to be certain."""
    if node is None or value is None:
        return Decimal(0)
    if node.datatype.endswith("#boolean"):
        return value if node.value in {"false", "0"} else Decimal(0)
    return number_in(node) or Decimal(0)


def _lines(label: str, width: int) -> tuple[str, ...]:
    return tuple(textwrap.wrap(label, width, max_lines=LABEL_LINES, placeholder=" […]")) or (label[:width],)
