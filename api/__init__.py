"""The public face of the graph: SPARQL endpoint, pages and questions over HTTP."""
