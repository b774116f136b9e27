"""Names as people write them → things of the graph: what is declared, how names are compared, the index of one snapshot."""

from kg.reconciling.asking import Asked, BadQuery, Candidate, answer, parse_batch, parse_query
from kg.reconciling.index import Entity, Index
from kg.reconciling.vocabulary import Property, Type, Vocabulary, load_vocabulary

__all__ = [
    "Asked",
    "BadQuery",
    "Candidate",
    "Entity",
    "Index",
    "Property",
    "Type",
    "Vocabulary",
    "answer",
    "load_vocabulary",
    "parse_batch",
    "parse_query",
]
