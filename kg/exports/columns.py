"""Every column of every CSV table, once: its name, where its values stand in the graph, and how they are shown.

A path names properties from the row's thing on, `pg:` unless another prefix is said; `^` goes against the arrow. What a column
means and of what type it is, the ontology says by the path's last property; words stand here only where it has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rdflib import URIRef

from kg.namespaces import PG

LICENSE = "https://creativecommons.org/licenses/by/4.0/"


@dataclass(frozen=True)
class Column:
    """A column.

    `show`: text (literals), label (Spanish), key (the end of the address), iri, class (label of the narrowest class), count.
    `cls` keeps only members of a class, `datatype` only literals of a type, `language` prefers texts of a language. `single`: one
    value at most, though the ontology would allow more.
    """

    name: str
    english: str
    path: str = ""
    show: str = "text"
    es: str = ""
    en: str = ""
    cls: URIRef | None = None
    datatype: URIRef | None = None
    language: str = "es"
    single: bool = False

    @property
    def steps(self) -> list[str]:
        """Return the properties of the path, in order; empty for the thing itself."""
        return self.path.split("/") if self.path else []


@dataclass(frozen=True)
class Table:
    """A table: a row for each member of a class, or for those that have a certain property."""

    name: str
    cls: URIRef
    es: str
    en: str
    columns: tuple[Column, ...]
    having: URIRef | None = None


_IRI = Column(
    "iri", "iri", "", "iri", "Dirección de la cosa; identifica la fila.", "Address of the thing; identifies the row.", single=True
)
_TYPE = Column(
    "tipo",
    "type",
    "",
    "class",
    "Clase más específica, por su nombre en español.",
    "Narrowest class, by its Spanish name.",
    single=True,
)


def _plan(path: str) -> Column:
    texts = ("Clave del plan.", "Key of the plan.")
    return Column("plan", "plan", path, "key", *texts, single=True)


def _statement(path: str) -> Column:
    texts = ("Identificador del enunciado dentro del plan.", "Identifier of the statement within the plan.")
    return Column("enunciado", "statement", path, "key", *texts, single=True)


# What every table about statements says of them.
_PLACE = (
    Column("linea", "line", "sourceLine"),
    Column("pagina", "page", "sourcePage"),
    Column("texto", "text", "text"),
)
_ABOUT = (
    Column("temas", "issues", "issue", "label"),
    Column("eje", "axis", "axis"),
    Column("dimension", "dimension", "dimension", "label"),
)
_BUDGET = (
    Column("monto", "amount", "amount"),
    Column("moneda", "currency", "currency"),
    Column("monto_seguro", "amount_certain", "certain"),
    Column("otras_lecturas", "other_readings", "alternativeAmount"),
    Column(
        "monto_literal",
        "amount_verbatim",
        "rawText",
        es="El monto tal como está escrito.",
        en="The amount as it is written.",
        single=True,
    ),
)
_TARGET = (
    Column("meta_valor", "target_value", "targetValue"),
    Column("meta_unidad", "target_unit", "targetUnit"),
    Column("meta_sentido", "target_direction", "targetDirection"),
    Column("meta_anio", "target_year", "targetYear"),
    Column("meta_linea_base", "target_baseline", "targetBaseline"),
    Column("meta_literal", "target_verbatim", "targetRaw"),
)
_FUNDS = Column("fuentes", "funders", "fundedBy", "label")
_PARTNERS = Column("instituciones", "institutions", "partner", "label")
_TIES = (
    Column("responde_a", "addresses", "addresses", "key"),
    Column("persigue", "pursues", "pursues", "key"),
    Column("parte_de", "part_of", "partOf", "key"),
    Column("mide", "measures", "measures", "key"),
)
_REVIEW = Column("revision", "review_status", "reviewStatus", "label")


def _via(path: str, *columns: Column) -> tuple[Column, ...]:
    """Return the columns as seen from a thing that leads to theirs."""
    return tuple(replace(c, path=f"{path}/{c.path}" if c.path else path) for c in columns)


TABLES: tuple[Table, ...] = (
    Table(
        "plans",
        PG.Plan,
        "Los planes de gobierno: para qué territorio y período, quién los presenta, de qué documento se leyeron.",
        "The government plans: for which territory and period, who presents them, from which document they were read.",
        (
            _plan(""),
            Column("titulo", "title", "dcterms:title", es="Título del documento.", en="Title of the document.", single=True),
            Column("nivel", "level", "level", "label"),
            Column("ubigeo", "ubigeo", "forTerritory/ubigeo"),
            Column("territorio", "territory", "forTerritory", "label"),
            Column("dentro_de", "within", "forTerritory/within", "label"),
            Column("inicio", "start", "periodStart"),
            Column("fin", "end", "periodEnd"),
            Column("organizacion", "organization", "presentedBy", "label"),
            Column("candidatura", "candidate", "candidate", "label"),
            Column("enunciados", "statements", "statementCount"),
            Column(
                "compromisos",
                "commitments",
                "^statedIn",
                "count",
                "Cuántos programas, proyectos, actividades y propuestas enuncia.",
                "How many programs, projects, activities and proposals it states.",
                cls=PG.Commitment,
            ),
            Column(
                "montos",
                "budgets",
                "^statedIn/budget",
                "count",
                "Cuántos de sus enunciados llevan un monto.",
                "How many of its statements carry an amount.",
            ),
            Column(
                "observaciones",
                "findings",
                "^inPlan",
                "count",
                "Cuántas observaciones hay sobre el plan.",
                "How many findings there are on the plan.",
            ),
            Column("documento", "document", "sourceDocument/fileName", single=True),
            Column("sha256", "sha256", "sourceDocument/sha256", single=True),
            Column("lineas", "lines", "sourceDocument/lineCount", single=True),
            _REVIEW,
            Column("revisado_por", "reviewed_by", "reviewedBy"),
            Column("fecha_revision", "review_date", "reviewDate"),
            _IRI,
        ),
    ),
    Table(
        "statements",
        PG.Statement,
        "Todo lo que los planes enuncian, con su texto literal y la línea del documento en que está.",
        "All that the plans state, with its verbatim text and the line of the document where it stands.",
        (
            _plan("statedIn"),
            _statement(""),
            _TYPE,
            *_PLACE,
            Column("texto_corregido", "clean_text", "cleanText"),
            Column("seccion", "section", "section"),
            *_ABOUT,
            Column("fila", "row", "row"),
            *_TIES,
            _PARTNERS,
            _FUNDS,
            Column("menciona", "mentions", "mentions", "label"),
            *_via("budget", *_BUDGET[:3]),
            *_TARGET,
            _REVIEW,
            _IRI,
        ),
    ),
    Table(
        "commitments",
        PG.Commitment,
        "Lo que los planes se comprometen a hacer: programas, proyectos, actividades y propuestas.",
        "What the plans commit to do: programs, projects, activities and proposals.",
        (
            _plan("statedIn"),
            _statement(""),
            _TYPE,
            *_PLACE,
            *_ABOUT,
            *_TIES[:3],
            Column(
                "problemas",
                "problems",
                "addresses/text",
                es="Texto de los problemas a los que responde.",
                en="Text of the problems that it addresses.",
            ),
            Column(
                "objetivos",
                "objectives",
                "pursues/text",
                es="Texto de los objetivos que persigue.",
                en="Text of the objectives that it pursues.",
            ),
            _PARTNERS,
            _FUNDS,
            *_via("budget", *_BUDGET),
            *_TARGET,
            _IRI,
        ),
    ),
    Table(
        "budgets",
        PG.Budget,
        "Los montos que los planes ponen a sus enunciados, como están escritos y como número.",
        "The amounts that the plans put to their statements, as written and as a number.",
        (
            _plan("^budget/statedIn"),
            _statement("^budget"),
            *_via("^budget", replace(_TYPE, path=""), *_PLACE, *_ABOUT),
            *_BUDGET,
            *_via("^budget", _FUNDS),
            _IRI,
        ),
    ),
    Table(
        "partners",
        PG.Partnership,
        "Qué institución participa en qué enunciado, con qué papel y mediante qué instrumento.",
        "Which institution takes part in which statement, in which role and by which instrument.",
        (
            _plan("partnershipOf/statedIn"),
            _statement("partnershipOf"),
            *_via("partnershipOf", replace(_TYPE, path=""), *_PLACE, *_ABOUT),
            Column("institucion", "institution", "partnershipInstitution", "label"),
            Column("sigla", "acronym", "partnershipInstitution/acronym"),
            Column("tipo_institucion", "institution_kind", "partnershipInstitution/institutionKind", "label", single=True),
            Column("papel", "role", "partnershipRole", "label"),
            Column("instrumento", "instrument", "instrument", "label"),
            Column(
                "nombre_literal",
                "name_verbatim",
                "rawText",
                es="El nombre tal como el plan lo escribe.",
                en="The name as the plan writes it.",
            ),
            replace(
                _IRI,
                name="institucion_iri",
                english="institution_iri",
                path="partnershipInstitution",
                es="Dirección de la institución.",
                en="Address of the institution.",
            ),
            _IRI,
        ),
    ),
    Table(
        "targets",
        PG.Statement,
        "Los enunciados con una meta medible: cuánto, en qué unidad, para qué año.",
        "The statements with a measurable target: how much, in which unit, by which year.",
        (_plan("statedIn"), _statement(""), _TYPE, *_PLACE, *_ABOUT, _TIES[3], *_TARGET, _IRI),
        having=PG.targetRaw,
    ),
    Table(
        "figures",
        PG.Figure,
        "Los números que los planes afirman sobre su territorio: lo que dice el plan, no un dato verificado.",
        "The numbers that the plans state about their territory: what the plan says, not a verified fact.",
        (
            _plan("statedIn"),
            Column(
                "cifra",
                "figure",
                "",
                "key",
                "Identificador de la cifra dentro del plan.",
                "Identifier of the figure within the plan.",
                single=True,
            ),
            *_PLACE[:2],
            Column("asunto", "subject", "figureSubject"),
            Column("valor", "value", "figureValue"),
            Column("unidad", "unit", "figureUnit"),
            Column("anio", "year", "figureYear"),
            Column("texto", "text", "rawText", es="La cifra tal como está escrita.", en="The figure as it is written."),
            _IRI,
        ),
    ),
    Table(
        "findings",
        PG.Finding,
        "Errores y dudas hallados en los planes mismos: sumas que no cuadran, datos ausentes o contradictorios.",
        "Errors and doubts found in the plans themselves: sums that do not add up, missing or contradictory data.",
        (
            _plan("inPlan"),
            Column(
                "enunciado",
                "statement",
                "findingAbout",
                "key",
                "Identificador del enunciado que se observa; vacío si es el plan entero.",
                "Identifier of the statement concerned; empty where it is the plan as a whole.",
                cls=PG.Statement,
            ),
            Column("tipo", "kind", "findingKind", "label"),
            Column("lineas", "lines", "findingLine"),
            Column("texto", "text", "findingAbout/text"),
            Column("descripcion", "description", "description", single=True),
            Column("descripcion_en", "description_en", "description", language="en", single=True),
            Column("remedio", "remedy", "findingKind/remedy", single=True),
            _IRI,
        ),
    ),
    Table(
        "territories",
        PG.Territory,
        "Los territorios, con su código en los dos sistemas, y cuánto hablan de ellos los planes.",
        "The territories, with their code in both systems, and how much the plans speak of them.",
        (
            Column("ubigeo", "ubigeo", "ubigeo"),
            Column(
                "ubigeo_reniec",
                "ubigeo_reniec",
                "skos:notation",
                es="Código del RENIEC; no es el mismo número que el del INEI.",
                en="Code of RENIEC; not the same number as that of INEI.",
                datatype=PG.ubigeoRENIEC,
                single=True,
            ),
            Column("nombre", "name", "", "label", "Nombre del territorio.", "Name of the territory.", single=True),
            _TYPE,
            Column("dentro_de", "within", "within", "label"),
            Column("capital", "capital", "capital"),
            Column("superficie", "area", "area"),
            Column("altitud", "altitude", "altitude"),
            Column("latitud", "latitude", "latitude"),
            Column("longitud", "longitude", "longitude"),
            Column("planes", "plans", "^forTerritory", "count", "Cuántos planes hay para él.", "How many plans are for it."),
            Column(
                "menciones",
                "mentions",
                "^mentions",
                "count",
                "Cuántos enunciados lo mencionan.",
                "How many statements mention it.",
            ),
            _IRI,
        ),
    ),
)
