"""From candidates to an order: fusion of the retrievers, code-aware rules, diversity by file.

Pure functions over what the catalog and the vectors returned. Every figure that a rule uses stands
in `Weights`, the one table that is tuned.
"""

from hikma.ranking.ordering import best_files, rank
from hikma.ranking.scored import Candidate, Scored
from hikma.ranking.terms import STOP_WORDS, Terms, bare, name_words, parse, stem
from hikma.ranking.weights import Weights

__all__ = [
    "STOP_WORDS",
    "Candidate",
    "Scored",
    "Terms",
    "Weights",
    "bare",
    "best_files",
    "name_words",
    "parse",
    "rank",
    "stem",
]
