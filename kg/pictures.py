"""Two pictures of the graph, as SVG and PNG: which institutions the plans count on, and which issues their commitments are about.

Titles, numbers and what is emphasised are computed from the data. The places of all things are computed too, without chance, and
the files carry no date: the same graph gives the same bytes.
"""

from __future__ import annotations

import io
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from kg.errors import KgError
from kg.facts import facts_of
from kg.files import write_whole
from kg.networks import Network, plan_institution, plan_issue
from kg.paths import shown
from kg.progress import step
from kg.store import version_of
from kg.text import shorten

FOLDER = "pictures"
GRAPH_FILE = "graph.nq"
# Colours that the colour-blind can tell apart (after Okabe and Ito, and Tol), each at least 3:1 against white.
PALETTE = ("#0072B2", "#D55E00", "#007A5A", "#AA4499", "#B07800", "#332288")
OTHERS, INK, GREY, FAINT, PANEL = "#6E6E6E", "#1A1A1A", "#595959", "#C9C9C9", "#F3F3F1"
MOST_PLANS, MOST_SHARED, MOST_ISSUES, SHARED_BY = 10, 24, 24, 3
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "plan-de-gobierno",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "path.simplify": False,
}


def draw(out: Path, target: Path | None = None) -> list[Path]:
    """Draw both pictures below `<out>/pictures/` or into the target folder; returns the files.

    A picture for which the graph has nothing (no plan that counts on an institution; no commitment) is left out.

    Raises:
        KgError: nothing has been built, there is nothing to draw at all, or the folder cannot be written.
    """
    nquads, folder = out / GRAPH_FILE, target or out / FOLDER
    facts, source = facts_of(nquads), f"versión de los datos {version_of(nquads)}"
    written: list[Path] = []
    with step("imágenes / pictures") as notes, mpl.rc_context(_SETTINGS):
        for name, sheet in (
            ("plan-institution", _institutions(plan_institution(facts), source)),
            ("plan-issue", _issues(plan_issue(facts), source)),
        ):
            if sheet is None:
                notes.append(f"{name}: sin datos / no data")
                continue
            written += [write_whole(folder / f"{name}.{ending}", sheet.rendered(ending)) for ending in ("svg", "png")]
        if not written:
            raise KgError(f"{shown(nquads)}: no plan names a partner or a commitment; there is nothing to draw")
        notes.append(f"{len(written)} archivos / files")
    return written


# ------------------------------------------------------------------------------------- a sheet of paper


class Sheet:
    """A sheet measured in inches from the top left corner, with a title above and a source line below."""

    def __init__(self, width: float, height: float, title: str, subtitle: str, source: str):
        self.width, self.height, self.title = width, height, title
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.axes.axis("off")
        self.text(0.5, 0.62, _balanced(title, width * 5.6), size=20, weight="bold", va="center", linespacing=1.2)
        self.text(
            0.5, 1.25, "\n".join(textwrap.wrap(subtitle, int(width * 10.2))), size=11.5, color=GREY, va="top", linespacing=1.35
        )
        self.line(((0.5, height - 0.5), (width - 0.5, height - 0.5)), color=FAINT, linewidth=0.8)
        self.text(0.5, height - 0.27, source, size=9, color=GREY)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text, from x on and with its middle at y unless the style says otherwise."""
        self.axes.text(x, y, text, **{"color": INK, "va": "center", "size": 10, **style})

    def line(self, points: tuple[tuple[float, float], ...], **style: Any) -> None:
        """Draw a straight line."""
        self.axes.plot([x for x, _ in points], [y for _, y in points], solid_capstyle="butt", **style)

    def dot(self, x: float, y: float, diameter: float, color: str, **style: Any) -> None:
        """Draw a disc."""
        self.axes.add_patch(Ellipse((x, y), diameter, diameter, **{"facecolor": color, "edgecolor": "none", **style}))

    def panel(self, x: float, y: float, width: float, height: float) -> None:
        """Lay a faint ground."""
        shape = FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=PANEL, edgecolor="none"
        )
        self.axes.add_patch(shape)

    def bow(self, start: tuple[float, float], end: tuple[float, float], width: float, color: str, alpha: float) -> None:
        """Draw a tie that leaves and arrives level; `width` in points."""
        middle = (start[0] + end[0]) / 2
        points = [start, (middle, start[1]), (middle, end[1]), end]
        curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
        style = {"facecolor": "none", "edgecolor": color, "linewidth": width, "alpha": alpha, "capstyle": "butt"}
        self.axes.add_patch(PathPatch(curve, **style))

    def legend(self, x: float, y: float, entries: list[tuple[str, str]]) -> None:
        """Write coloured dots with their meaning, in a row."""
        for color, text in entries:
            self.dot(x, y, 0.15, color)
            self.text(x + 0.15, y, text, size=9.5)
            x += 0.45 + 0.079 * len(text)

    def rendered(self, ending: str) -> bytes:
        """Return the sheet as SVG or PNG, without a date."""
        metadata = {"Date": None, "Title": self.title} if ending == "svg" else {"Software": None, "Title": self.title}
        written = io.BytesIO()
        self.figure.savefig(written, format=ending, dpi=160, metadata=metadata)
        return written.getvalue()


def _balanced(text: str, characters: float) -> str:
    """Break a title into as few lines as fit, of about the same length."""
    width = int(characters)
    lines = len(textwrap.wrap(text, width))
    narrowest = next(w for w in range(width // 2, width + 1) if len(textwrap.wrap(text, w)) <= lines)
    return "\n".join(textwrap.wrap(text, narrowest))


def _source(graph: Network, source: str) -> str:
    """Say what the picture is made of; how many plans a person has reviewed belongs to it."""
    plans = [d for n, d in graph.nodes(data=True) if n.startswith("plan/")]
    reviewed = sum(1 for d in plans if d.get("reviewed"))
    read = f"{_count(len(plans), 'plan', 'planes')} de gobierno, {reviewed} con lectura revisada"
    return f"Fuente: {read}; proyecto plan-de-gobierno · Licencia CC BY 4.0 · {source}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _listed(names: list[str]) -> str:
    """Join names as a Spanish sentence does."""
    if len(names) < 2:
        return "".join(names)
    link = "e" if names[-1].lower().startswith(("i", "hi")) else "y"
    return f"{', '.join(names[:-1])} {link} {names[-1]}"


def _plan_names(graph: Network) -> dict[str, tuple[str, str]]:
    """Name the plans by territory and period; those of one territory and period by their organization too."""
    plans = {n: d for n, d in graph.nodes(data=True) if n.startswith("plan/")}
    places = {
        n: (str(d.get("territory") or d["label"]), str(d.get("period", "")) if d.get("territory") else "")
        for n, d in plans.items()
    }
    often = Counter(places.values())
    return {
        n: (place, period)
        if often[place, period] == 1
        else (f"{place}, {shorten(str(plans[n].get('organization', n)), 24)}", period)
        for n, (place, period) in places.items()
    }


def _plan_name(graph: Network, plan: str) -> str:
    return " ".join(filter(None, _plan_names(graph)[plan]))


# ------------------------------------------------------------------------------------- plans and institutions


@dataclass
class _Ties:
    """Who counts on whom: institution → plan → number of statements in which it is partner or funder."""

    graph: Network
    plans: list[str] = field(default_factory=list)
    of: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for plan, institution, tie in self.graph.edges(data=True):
            if tie["countedOn"] and not tie["own"]:
                self.of.setdefault(institution, {})[plan] = tie["countedOn"]
        number = Counter(plan for plans in self.of.values() for plan in plans)
        self.plans = sorted(number, key=lambda p: (-number[p], _plan_name(self.graph, p)))[:MOST_PLANS]

    def shared(self) -> list[str]:
        """Return the institutions of more than one plan: first those of most plans, then of most statements."""
        many = [i for i, plans in self.of.items() if len(plans) > 1]
        return sorted(many, key=lambda i: (-len(self.of[i]), -sum(self.of[i].values()), self.name(i)))

    def alone(self, plan: str) -> list[str]:
        """Return the institutions of this plan only."""
        only = [i for i, plans in self.of.items() if list(plans) == [plan]]
        return sorted(only, key=lambda i: (-self.of[i][plan], self.name(i).casefold()))

    def name(self, institution: str) -> str:
        """Return the full name."""
        return str(self.graph.nodes[institution]["label"])

    def short(self, institution: str) -> str:
        """Return the acronym, else the name."""
        return str(self.graph.nodes[institution].get("acronym") or self.name(institution))

    def colors(self) -> dict[str, str]:
        """Return a colour for each of the most frequent kinds of institution."""
        kinds = Counter(str(self.graph.nodes[i].get("institutionKind")) for i in self.of)
        return dict(zip(sorted(kinds, key=lambda k: (-kinds[k], k)), PALETTE, strict=False))

    def color(self, institution: str) -> str:
        """Return the colour of an institution's kind."""
        return self.colors().get(str(self.graph.nodes[institution].get("institutionKind")), OTHERS)


_ROW, _COLUMNS, _LEFT, _BLOCK, _HUB, _NODE = 0.27, 3, 0.5, 8.2, 8.75, 11.5


def _institutions(graph: Network, source: str) -> Sheet | None:
    """Draw the plans with the institutions that only they count on, and ties to those that several count on."""
    ties = _Ties(graph)
    if not ties.of:
        return None
    all_plans = sum(1 for n in graph if n.startswith("plan/"))
    heights = [0.55 + _ROW * max(1, -(-len(ties.alone(p)) // _COLUMNS)) for p in ties.plans]
    shared = ties.shared()[:MOST_SHARED]
    body = max(sum(heights) + 0.2 * (len(heights) - 1), 0.5 * len(shared))
    top = 3.35
    sheet = Sheet(
        15.6, top + body + 0.9, _institutions_title(ties, all_plans), _institutions_subtitle(ties), _source(graph, source)
    )
    _institutions_legend(sheet, ties)
    sheet.text(_LEFT, top - 0.32, "Solo un plan cuenta con ellas", size=11, weight="bold")
    sheet.text(_NODE - 0.1, top - 0.32, "Varios planes cuentan con ellas", size=11, weight="bold")
    gap = (body - sum(heights)) / max(1, len(heights) - 1)
    hubs, y = {}, top
    for plan, height in zip(ties.plans, heights, strict=True):
        hubs[plan] = y + height / 2
        _plan_block(sheet, ties, plan, y, height)
        y += height + gap
    _shared_column(sheet, ties, shared, hubs, top, body)
    for middle in hubs.values():
        sheet.dot(_HUB, middle, 0.2, INK)
        sheet.line(((_LEFT + _BLOCK - 0.02, middle), (_HUB, middle)), color=INK, linewidth=1.2)
    return sheet


def _institutions_title(ties: _Ties, plans: int) -> str:
    shared = ties.shared()
    few = "solo " if 2 * len(shared) < len(ties.of) else ""
    head = f"De {_count(len(ties.of), 'institución', 'instituciones')} con las que cuentan los planes, {few}{len(shared)} "
    head += "figura en más de uno" if len(shared) == 1 else "figuran en más de uno"
    if not shared:
        return head.replace("solo 0 figuran", "ninguna figura")
    most = len(ties.of[shared[0]])
    first = [ties.name(i) for i in shared if len(ties.of[i]) == most]
    if len(first) > 3:
        return head
    return f"{head}; {'la' if len(first) == 1 else 'las'} que más: {_listed(first)}, en {most} de {plans}"


def _institutions_subtitle(ties: _Ties) -> str:
    return (
        "Un plan cuenta con una institución (o una clase de ellas) cuando un enunciado suyo la nombra como socia o como fuente "
        "de dinero; no se cuenta la propia municipalidad ni lo que solo se menciona. Entre paréntesis, y en el grosor del lazo, "
        "el número de enunciados."
    ) + (f" Se muestran los {MOST_PLANS} planes con más instituciones." if len(ties.plans) == MOST_PLANS else "")


def _institutions_legend(sheet: Sheet, ties: _Ties) -> None:
    entries = [(color, kind) for kind, color in ties.colors().items()]
    others = {str(ties.graph.nodes[i].get("institutionKind")) for i in ties.of} - ties.colors().keys()
    sheet.legend(_LEFT + 0.08, 2.25, [*entries, *([(OTHERS, "Otra")] if others else [])])
    x = _LEFT
    for number in (1, 3, 5):
        sheet.line(((x, 2.62), (x + 0.5, 2.62)), color=GREY, linewidth=_thickness(number))
        words = _count(number, "enunciado", "enunciados")
        sheet.text(x + 0.6, 2.62, words, size=9.5)
        x += 0.95 + 0.079 * len(words)


def _thickness(number: int) -> float:
    return 1.0 + 1.6 * number


def _plan_block(sheet: Sheet, ties: _Ties, plan: str, y: float, height: float) -> None:
    """Write a plan and, in columns, the institutions that no other plan counts on."""
    sheet.panel(_LEFT, y, _BLOCK, height)
    number = sum(1 for plans in ties.of.values() if plan in plans)
    sheet.text(_LEFT + 0.15, y + 0.24, _plan_name(ties.graph, plan), size=11.5, weight="bold")
    words = f"cuenta con {_count(number, 'institución', 'instituciones')}"
    sheet.text(_LEFT + _BLOCK - 0.15, y + 0.24, words, size=9.5, color=GREY, ha="right")
    alone = ties.alone(plan)
    rows = -(-len(alone) // _COLUMNS)
    for index, institution in enumerate(alone):
        x = _LEFT + 0.25 + (index // rows) * (_BLOCK / _COLUMNS)
        middle = y + 0.56 + (index % rows) * _ROW
        statements = ties.of[institution][plan]
        suffix = f" ({statements})" if statements > 1 else ""
        sheet.dot(x, middle, 0.11, ties.color(institution))
        sheet.text(x + 0.13, middle, shorten(ties.short(institution), 36 - len(suffix)) + suffix, size=8.5, color=GREY)
    if not alone:
        sheet.text(_LEFT + 0.25, y + 0.56, "ninguna", size=8.5, color=GREY)


def _shared_column(sheet: Sheet, ties: _Ties, shared: list[str], hubs: dict[str, float], top: float, body: float) -> None:
    """Draw the institutions of several plans, and the ties to them."""
    pitch = body / max(1, len(shared))
    for index, institution in enumerate(shared):
        y, color, plans = top + pitch * (index + 0.5), ties.color(institution), ties.of[institution]
        for plan in sorted(plans, key=lambda p: hubs.get(p, 0)):
            if plan in hubs:
                alpha = 0.85 if len(plans) >= SHARED_BY else 0.5
                sheet.bow((_HUB, hubs[plan]), (_NODE, y), _thickness(plans[plan]), color, alpha)
        sheet.dot(_NODE, y, 0.16 + 0.05 * len(plans), color, edgecolor="white", linewidth=1.2, zorder=3)
        weight = "bold" if len(plans) >= SHARED_BY else "normal"
        sheet.text(_NODE + 0.3, y - 0.09, shorten(ties.name(institution), 46), size=10, weight=weight)
        total = sum(plans.values())
        words = f"{len(plans)} planes, {_count(total, 'enunciado', 'enunciados')}"
        sheet.text(_NODE + 0.3, y + 0.11, words, size=8.5, color=GREY)


# ------------------------------------------------------------------------------------- plans and issues


@dataclass
class _Commitments:
    """What the commitments are about: issue → plan → number of commitments."""

    graph: Network
    of: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for plan, issue, tie in self.graph.edges(data=True):
            if tie["commitments"]:
                self.of.setdefault(issue, {})[plan] = tie["commitments"]

    def issues(self) -> list[str]:
        """Return the issues, those of most commitments first."""
        return sorted(self.of, key=lambda i: (-self.total(i), -len(self.of[i]), self.name(i)))

    def plans(self) -> list[str]:
        """Return the plans that commit to something, those of most issues first."""
        number = Counter(plan for plans in self.of.values() for plan in plans)
        return sorted(number, key=lambda p: (-number[p], _plan_name(self.graph, p)))[:MOST_PLANS]

    def total(self, issue: str) -> int:
        """Return how many commitments are about an issue."""
        return sum(self.of[issue].values())

    def name(self, issue: str) -> str:
        """Return an issue's name with a capital, which labels of concepts do not have."""
        label = str(self.graph.nodes[issue]["label"])
        return label[:1].upper() + label[1:]

    def colors(self) -> dict[str, str]:
        """Return a colour for each dimension."""
        dimensions = sorted({str(self.graph.nodes[i].get("dimension", "")) for i in self.of} - {""})
        return dict(zip(dimensions, PALETTE, strict=False))

    def color(self, issue: str) -> str:
        """Return the colour of an issue's dimension."""
        return self.colors().get(str(self.graph.nodes[issue].get("dimension", "")), OTHERS)


def _issues(graph: Network, source: str) -> Sheet | None:
    """Draw plans against issues: a disc for the commitments of a plan about an issue."""
    said = _Commitments(graph)
    if not said.of:
        return None
    all_plans = [n for n in graph if n.startswith("plan/")]
    plans, issues = said.plans(), said.issues()[:MOST_ISSUES]
    heads = {p: [*textwrap.wrap(_plan_names(graph)[p][0], 15)[:4], _plan_names(graph)[p][1]] for p in plans}
    row, first, pitch, top = 0.4, 5.6, 1.4, 3.2 + 0.19 * max(map(len, heads.values()))
    width = max(11.5, first + pitch * (len(plans) - 1) + 1.9)
    sheet = Sheet(
        width,
        top + row * len(issues) + 0.85,
        _issues_title(said, len(all_plans)),
        _issues_subtitle(said, [p for p in all_plans if p not in plans]),
        _source(graph, source),
    )
    sheet.legend(0.58, 2.6, [(color, kind) for kind, color in said.colors().items()])
    places = {plan: first + pitch * index for index, plan in enumerate(plans)}
    for plan, x in places.items():
        sheet.text(x, top - 0.15, "\n".join(heads[plan]), **_HEAD)
    sheet.text(width - 0.62, top - 0.15, "Total", **{**_HEAD, "ha": "right"})
    for index, issue in enumerate(issues):
        _issue_row(sheet, said, issue, top + row * (index + 0.5), row, places)
    return sheet


_HEAD: dict[str, Any] = {"size": 10, "weight": "bold", "ha": "center", "va": "bottom", "linespacing": 1.25}


def _issue_row(sheet: Sheet, said: _Commitments, issue: str, y: float, row: float, places: dict[str, float]) -> None:
    """Write an issue and its discs; what three plans or more commit to stands out."""
    plans, color = said.of[issue], said.color(issue)
    wide = len(plans) >= SHARED_BY
    if wide:
        sheet.panel(0.5, y - row / 2 + 0.03, sheet.width - 1.0, row - 0.06)
    sheet.text(0.62, y, shorten(said.name(issue), 54), size=10, weight="bold" if wide else "normal", color=INK if wide else GREY)
    most = max(n for by_plan in said.of.values() for n in by_plan.values())
    for plan, x in places.items():
        number = plans.get(plan, 0)
        if number:
            diameter = 0.37 * max((number / most) ** 0.5, 0.32)
            inside = diameter > 0.21
            sheet.dot(x, y, diameter, color, alpha=1.0 if wide else 0.45)
            style = (
                {"color": "white", "ha": "center", "weight": "bold"}
                if inside and wide
                else {"color": INK if wide else GREY, "ha": "center"}
            )
            sheet.text(x if inside else x + 0.2, y, str(number), size=9, **style)
    words = f"{said.total(issue)}"
    sheet.text(
        sheet.width - 0.62, y, words, size=10, ha="right", weight="bold" if wide else "normal", color=INK if wide else GREY
    )


def _issues_title(said: _Commitments, plans: int) -> str:
    ranked = said.issues()
    most = said.total(ranked[0])
    first = [i for i in ranked if said.total(i) == most]
    if len(first) > 3:
        return f"{len(first)} temas comparten el mayor número de compromisos: {most} cada uno"
    names = _listed([f"«{said.name(i)}»" for i in first])
    if len(first) > 1:
        return f"{names} son los temas con más compromisos: {most} cada uno"
    return f"{names} es el tema con más compromisos: {most}, de {len(said.of[first[0]])} de los {plans} planes"


def _issues_subtitle(said: _Commitments, absent: list[str]) -> str:
    wide = [i for i in said.of if len(said.of[i]) >= SHARED_BY]
    kept = min(MOST_ISSUES, len(said.of))
    text = (
        f"{len(wide)} de los {len(said.of)} temas con compromisos los reciben de tres planes o más (en negrita). Se muestran "
        f"los {kept} con más compromisos (programas, proyectos, actividades y propuestas); un compromiso puede tratar de "
        "varios temas."
    )
    if len(said.plans()) == MOST_PLANS:
        return f"{text} Se muestran los {MOST_PLANS} planes de más temas; el total es de todos."
    if absent:
        names = _listed([_plan_name(said.graph, p) for p in absent])
        text += f" No enuncia compromisos de estas clases: {names}." if len(absent) == 1 else f" No los enuncian: {names}."
    return text
