"""The table of every figure in ranking, fitted by `benchmarks/retrieval/tune.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares are on the scale of a cosine similarity; factors multiply what a hit has so far."""

    # Shares of what the retrievers found.
    lexical: float = 0.35
    dense: float = 0.15
    voted: float = 0.25
    changed_with: float = 0.08
    # Shares of names that the query gives.
    exact_name: float = 0.12
    qualified_name: float = 0.3
    namesake: float = 0.2
    mention: float = 0.3
    id: float = 1.0
    # Shares of what the query quotes, and finds.
    phrase: float = 2.0
    place: float = 2.0
    message: float = 1.0
    called: float = 1.0
    # Shares of words that names and the query have in common.
    name_overlap: float = 0.2
    stem_overlap: float = 0.25
    path_overlap: float = 0.1
    # Shares of where a document stands.
    imported: float = 0.06
    file_support: float = 0.25
    # Factors.
    other_case: float = 0.5
    later_piece: float = 0.8
    test: float = 0.5
    aside: float = 0.75
    prose: float = 0.4
    barrel: float = 0.8
    declaration: float = 0.7
    same_file: float = 0.4
    history: float = 0.5
    code: float = 0.35
