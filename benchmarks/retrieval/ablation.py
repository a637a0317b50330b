"""What does each part earn? Every retriever, rule, field and form off in turn, all else as it is.

What the retrievers find depends on the index, the query and the weights of the fields alone; it is
gathered once for each of these, then ranked anew for every variant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import forms
from measures import CUT, Answer
from ours import placed
from topics import Tree

from hikma import ranking
from hikma.catalog.tables import FULLTEXT_COLUMNS
from hikma.domain import Mode, Query
from hikma.errors import HikmaError
from hikma.ranking import Candidate, Weights
from hikma.search import FIELD_WEIGHTS, SEMANTIC_FLOOR, Gathered, Sources, gather

FULL = "as it is"
RETRIEVERS = ("lexical", "dense", "name", "history")
"""Trees of topics carry no history; where there is some, `hikma eval` judges what it adds."""
MULTIPLIERS = frozenset(
    "other_case later_piece test aside prose barrel declaration same_file history code".split()  # noqa: SIM905 -- a list would be ten lines
)
"""Weights that multiply a score: 1 is their neutral value, that of all others is 0."""
GROUPS = ("retrievers", "weights", "fields", "forms")


@dataclass(frozen=True, slots=True)
class Variant:
    """Hikma with one part off."""

    name: str
    weights: Weights
    fields: tuple[float, ...] = FIELD_WEIGHTS
    without: str = ""
    """A retriever that finds nothing."""
    form: str = ""
    """Another form of what is embedded, by its name."""


def variants(groups: Sequence[str], weights: Weights) -> list[Variant]:
    """Return Hikma as it is, then with each part of these groups off."""
    made = [Variant(FULL, weights)]
    if "retrievers" in groups:
        made += [Variant(f"retriever {name}", weights, without=name) for name in RETRIEVERS]
    if "weights" in groups:
        made += [
            Variant(f"weight {one.name}", replace(weights, **{one.name: neutral(one.name)}))
            for one in fields(Weights)
        ]
    if "fields" in groups:
        made += [
            Variant(f"field {name}", weights, fields=_zero_at(place))
            for place, name in enumerate(FULLTEXT_COLUMNS)
        ]
    if "forms" in groups:
        made += [Variant(f"form {name}", weights, form=name) for name in forms.FORMS]
    return made


def neutral(name: str) -> float:
    """Return the value at which a weight does nothing."""
    return 1.0 if name in MULTIPLIERS else 0.0


def without(candidates: Sequence[Candidate], retriever: str) -> list[Candidate]:
    """Return the candidates as they would be had a retriever found nothing."""
    left = []
    for one in candidates:
        ranks = {name: rank for name, rank in one.ranks.items() if name != retriever}
        if ranks or one.pins:
            bm25 = 0.0 if retriever == "lexical" else one.bm25
            similarity = None if retriever == "dense" else one.similarity
            votes = 0.0 if retriever == "history" else one.votes
            changed = one._replace(bm25=bm25, similarity=similarity, ranks=ranks, votes=votes)
            left.append(changed)
    return left


def answers(
    sources: Sources,
    tree: Tree,
    queries: Sequence[str],
    asked: Sequence[Variant],
    mode: Mode = Mode.HYBRID,
) -> dict[str, list[Answer]]:
    """Return the ten best of each variant, by its name."""
    found: dict[str, list[Answer]] = {one.name: [] for one in asked}
    formed = [one for one in asked if one.form]
    plain = [one for one in asked if not one.form]
    whole: list[Gathered] = []
    for text in queries:
        gathered = {
            weights: gather(replace(sources, fields=weights), Query(text, limit=CUT, mode=mode))
            for weights in dict.fromkeys((sources.fields, *(one.fields for one in plain)))
        }
        whole.append(gathered[sources.fields])
        for one in plain:
            found[one.name].append(_ranked(gathered[one.fields], one, tree))
    if formed:
        vectors = [sources.embedder.embed_query(text) for text in queries]
        meanings = forms.read(sources, tree)
        floor = SEMANTIC_FLOOR if mode is Mode.SEMANTIC else -1.0
        for one in formed:
            held = (meanings.ids, forms.embed(sources.embedder, meanings.texts[one.form]))
            for first, vector in zip(whole, vectors, strict=True):
                other = forms.regather(sources, first, vector, held, floor)
                found[one.name].append(_ranked(other, one, tree))
    return found


def check_replay(replayed: Sequence[Answer], searched: Sequence[Answer], tree: Tree) -> None:
    """Raise HikmaError where ranking what was gathered gives another answer than the search."""
    for ours, theirs in zip(replayed, searched, strict=True):
        if list(ours.top) != list(theirs.top):
            raise HikmaError(
                f"On {tree.label} the ablation ranks otherwise than the search does; its `gather` "
                "and `rank` must be what `search` calls."
            )


def _ranked(found: Gathered, variant: Variant, tree: Tree) -> Answer:
    kept = without(found.candidates, variant.without) if variant.without else found.candidates
    best = placed(ranking.rank(found.terms, kept, variant.weights, CUT, found.companions), tree)
    return Answer(best, best)


def _zero_at(place: int) -> tuple[float, ...]:
    return tuple(0.0 if at == place else weight for at, weight in enumerate(FIELD_WEIGHTS))
