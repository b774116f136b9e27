"""Full text over statements and names: an index beside each store, made with it, read by the query processes.

`words` says when two words count as the same; `asking` reads what a person typed; `building` makes the index; `index` asks it.
"""

from kg.search.asking import Asked, parse
from kg.search.building import Source, build_index
from kg.search.fields import FACETS
from kg.search.index import MOST_HITS, Found, Index, Request, check_index, open_index

__all__ = [
    "FACETS",
    "MOST_HITS",
    "Asked",
    "Found",
    "Index",
    "Request",
    "Source",
    "build_index",
    "check_index",
    "open_index",
    "parse",
]
