"""Review of a draft by a person: a page on the own machine that shows document and draft side by side and writes the record."""
