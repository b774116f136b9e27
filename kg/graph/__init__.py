"""From records and declared data to RDF: one named graph a plan, and graphs beside. Every node has a name."""

from kg.graph.literals import nquads_lines
from kg.graph.plans import PlanGraph
from kg.graph.shared import ontology_graph, shared_graphs

__all__ = ["PlanGraph", "nquads_lines", "ontology_graph", "shared_graphs"]
