"""The table: on the screen and as Markdown."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("pyoxigraph", "fastapi", "starlette", "uvicorn", "uvloop", "httptools")


@dataclass(frozen=True)
class Target:
    """A bound for a ratio."""

    bound: float
    most: bool = True

    def told(self) -> str:
        """Return it as one reads it."""
        return f"{'≤' if self.most else '≥'} {self.bound:g}"

    def holds(self, ratio: float) -> bool:
        """Tell whether a ratio is within it."""
        return ratio <= self.bound if self.most else ratio >= self.bound


@dataclass
class Row:
    """A comparison: ours, what it is compared with, and the same on other servers. A text stands where there is no figure."""

    what: str
    unit: str
    ours: float | str
    beside: str
    other: float | str
    repetitions: int
    target: Target | None = None
    less: float = 0.0  # taken off ours before the ratio
    others: dict[str, float | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours by the other."""
        if isinstance(self.ours, str) or isinstance(self.other, str) or not self.other:
            return None
        return (self.ours - self.less) / self.other

    @property
    def mark(self) -> str:
        """Tell whether the target holds."""
        if self.target is None:
            return ""
        if self.ratio is None:
            return "no figure"
        return "holds" if self.target.holds(self.ratio) else "MISSED"


def shown(value: float | str | None, unit: str = "") -> str:
    """Return a figure with three digits that count, and its unit."""
    if isinstance(value, str):
        return "failed"
    if value is None:
        return ""
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{places}f}" + (f" {unit}" if unit else "")


def table(rows: list[Row], others: list[str]) -> str:
    """Return a Markdown table that is readable as it stands."""
    heads = ["what", "ours", "compared with", "that", "ratio", "target", "mark", *others, "times"]
    lines = [heads, *(_cells(row, others) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in (lines[0], rule, *lines[1:])
    )


def _cells(row: Row, others: list[str]) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    target = row.target.told() if row.target else ""
    beside = [shown(row.others[name], row.unit) if name in row.others else "–" for name in others]
    return [
        *(row.what, shown(row.ours, row.unit), row.beside, shown(row.other, row.unit), ratio, target, row.mark),
        *beside,
        str(row.repetitions),
    ]


def machine() -> str:
    """Describe the machine and what runs on it."""
    model = platform.processor() or platform.machine()
    memory = ""
    cpu, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpu.exists():
        names = [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    if meminfo.exists():
        memory = f", {int(meminfo.read_text().split()[1]) / 1024**2:.0f} GiB of memory"
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return "\n".join(
        [
            f"- {time.strftime('%Y-%m-%d %H:%M')}; {os.cpu_count()} cores, {model}{memory}; load average at the start {busy}",
            f"- {platform.platform()}; Python {platform.python_version()}; {packages}",
        ]
    )
