"""Quantities as Peruvian plans write them: amounts of money, numbers, percentages, years, targets.

A parse never destroys: the raw text is kept beside the value, and a reading that the separators leave open is marked.
"""

from kg.quantities.money import Amount, find_amounts, parse_amount
from kg.quantities.numbers import parse_number
from kg.quantities.targets import Quantity, direction_of, find_targets, find_years

__all__ = ["Amount", "Quantity", "direction_of", "find_amounts", "find_targets", "find_years", "parse_amount", "parse_number"]
