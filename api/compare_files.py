"""A comparison as files: flat rows, one for each statement, with labels added; as CSV, or as JSON beside what sums it up."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable

from api.compare_data import PLAN, Comparison, Plan, Said, left_open, only_one
from api.compare_view import totals_of
from api.rendering import site_path
from api.strings import LANGUAGES, words

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
JOINER = "; "
_COLUMNS = "compare_columns."
Value = str | int | bool | None


def columns() -> dict[str, dict[str, str]]:
    """Return the columns in order, with what each holds, in both languages."""
    return {key.removeprefix(_COLUMNS): texts for key, texts in words().items() if key.startswith(_COLUMNS)}


def flat(found: Comparison, said: list[Said], permalink: str, host: str, version: str) -> list[dict[str, Value]]:
    """Return a row for each problem, objective, commitment and target, and for what else has money or partners.

    The rows stand in the order of the plans, and within a plan in that of its document. `host` ends with a slash.
    """
    plans = {plan.key: plan for plan in found.plans}
    told = [s for s in said if s.kind or s.money or s.funds or s.partners]
    return [
        _of_plan(plans[s.plan]) | _of_statement(found, s, host) | {"comparacion": permalink, "version": version} for s in told
    ]


def as_csv(rows: Iterable[dict[str, Value]]) -> str:
    """Write rows as CSV (RFC 4180): empty for None, true and false in lower case."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    names = list(columns())
    writer.writerow(names)
    for row in rows:
        writer.writerow([_plain(row[name]) for name in names])
    return buffer.getvalue()


def as_json(found: Comparison, said: list[Said], rows: list[dict[str, Value]], about: dict[str, object]) -> dict[str, object]:
    """Return rows and columns with the plans, their counts, what one alone has, and what nobody answers."""
    return {
        **about,
        "licence": LICENCE,
        "plans": [_described(found, plan) for plan in found.plans],
        "columns": [{"name": name, **{lang: texts[lang] for lang in LANGUAGES}} for name, texts in columns().items()],
        "rows": rows,
        "only_one": _only_one(found, said),
        "left_open": [
            {"issue": issue, "label": found.name(issue), "plan": plan, "problems": number}
            for issue, counts in sorted(left_open(said, found.said).items())
            for plan, number in sorted(counts.items())
        ],
    }


def _of_plan(plan: Plan) -> dict[str, Value]:
    return {
        "plan": plan.key,
        "plan_nombre": plan.label,
        "lugar": plan.place,
        "ubigeo": plan.code,
        "organizacion": plan.organization,
        "inicio": plan.start,
        "fin": plan.end,
    }


def _of_statement(found: Comparison, s: Said, host: str) -> dict[str, Value]:
    return {
        "clase": s.kind,
        "tipo": found.name(s.type) if s.type else "",
        "dimension": found.name(s.dimension) if s.dimension else "",
        "temas": JOINER.join(map(found.name, s.issues)),
        "cita": s.text,
        "linea": s.line or None,
        "pagina": s.page,
        "cifra": s.value,
        "unidad": s.unit,
        "sentido": s.direction,
        "ano": s.year,
        "monto": JOINER.join(f"{m.amount:f}" for m in s.money),
        "moneda": JOINER.join(sorted({m.currency for m in s.money})),
        "monto_seguro": all(m.certain for m in s.money) if s.money else None,
        "fuentes": JOINER.join(map(found.name, s.funds)),
        "aliados": JOINER.join(map(found.name, s.partners)),
        "con_respuesta": s.answered if s.kind == "problem" else None,
        "enunciado": s.iri,
        "enlace": host + site_path(s.iri).removeprefix("/"),
    }


def _described(found: Comparison, plan: Plan) -> dict[str, object]:
    counts = totals_of([s for s in found.said if s.plan == plan.key])
    return {
        "iri": plan.iri,
        "key": plan.key,
        "name": plan.name,
        "period": plan.period,
        "lines": plan.lines or None,
        "counts": counts,
    }


def _only_one(found: Comparison, said: list[Said]) -> list[dict[str, object]]:
    things: dict[str, Callable[[Said], Iterable[str]]] = {
        "issue": lambda s: s.issues if s.kind else (),
        "partner": lambda s: s.partners,
        "fund": lambda s: s.funds,
    }
    return [
        {"plan": plan, "plan_iri": PLAN + plan, "kind": kind, "thing": iri, "label": found.name(iri), "statements": number}
        for kind, of in things.items()
        for plan, counts in sorted(only_one(said, of).items())
        for iri, number in sorted(counts.items())
    ]


def _plain(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
