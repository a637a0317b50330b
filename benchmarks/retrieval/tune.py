"""Fit the ranking's weights to topics, and say how much of that holds on topics not fitted to.

    python benchmarks/retrieval/tune.py --topics DIR --checkouts DIR [--scope root repo]

What the retrievers find is gathered once. A rule's share is a weight times what the rule found, so
a trial is a product and a sort, which must give the order that `ranking.rank` gives. Coordinate
ascent over a coarse grid, one weight after the other in a drawn order, until a round gains nothing.
It is done over all topics, which prints the table, and without each fold of repositories and of
languages, which prints what the weights so found reach on the fold left out.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from measures import CUT, matches, ndcg, ranks
from numpy.typing import NDArray
from ours import opened, placed, reading
from topics import SCOPES, Topic, Tree, load_topics, load_trees

from hikma import ranking
from hikma.domain import NodeKind, Query
from hikma.engine import DEFAULT_MODEL
from hikma.errors import HikmaError
from hikma.ranking import Scored, Weights, ordering
from hikma.ranking.scored import Tally
from hikma.search import Gathered, gather

SHARES = {
    "lexical": "lexical",
    "dense": "dense",
    "exact name": "exact_name",
    "qualified name": "qualified_name",
    "namesake": "namesake",
    "mention": "mention",
    "name": "name_overlap",
    "file name": "stem_overlap",
    "folder": "path_overlap",
    "imported": "imported",
}
"""Rules whose share is a weight times what they found, with the name of the weight."""
FACTORS = ("test", "aside", "prose", "barrel", "declaration")
FITTED = (*SHARES.values(), "file_support", *FACTORS, "same_file")
GRID = (0, 0.03, 0.06, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0)
NEAREST, LEAST_GAIN, ROUNDS, FOLDS = 4, 4e-4, 2, 4


@dataclass(frozen=True, slots=True)
class Case:
    """A topic with its candidates: what each rule found, where they stand, what they answer.

    `found` is (candidates, shares), `applies` (candidates, factors), `hits` (candidates, targets).
    """

    topic: Topic
    found: NDArray[np.float64]
    applies: NDArray[np.bool_]
    pins: NDArray[np.float64]
    files: NDArray[np.intp]
    symbols: NDArray[np.intp]
    hits: NDArray[np.bool_]


def cases(topics: Sequence[Topic], arguments: argparse.Namespace, scope: str) -> Iterator[Case]:
    """Yield every topic with its candidates in one scope."""
    given = (arguments.topics, arguments.checkouts, scope, arguments.cache)
    for tree in load_trees(topics, *given):
        with opened(tree, DEFAULT_MODEL, arguments.cache) as engine:
            sources = reading(engine, Weights())
            for topic in topics:
                if topic.repository == tree.repository:
                    gathered = gather(sources, Query(topic.query, limit=CUT))
                    yield _checked(case_of(topic, gathered, tree), gathered, tree)
        print(f"gathered {tree.label}", file=sys.stderr)


def case_of(topic: Topic, gathered: Gathered, tree: Tree) -> Case:
    """Take apart what each rule says of each candidate, by ranking with weights of one."""
    unit = replace(Weights(), **dict.fromkeys(SHARES.values(), 1.0), file_support=0.0)
    tally = ordering._supported(gathered.terms, gathered.candidates, unit)  # noqa: SLF001 -- the rules themselves
    scored = [tally.scored(row) for row in range(len(gathered.candidates))]
    places = placed(scored, tree)
    told = dict(tally._told)  # noqa: SLF001 -- what `scored` shows is rounded, and may tie
    nothing = np.zeros(len(scored))
    return Case(
        topic,
        np.column_stack([told.get(rule, nothing) for rule in SHARES]),
        _factors(gathered),
        np.array([sum(pin.share for pin in one.candidate.pins) for one in scored]),
        _numbered([one.candidate.document.path for one in scored]),
        _numbered([_symbol(one) for one in scored]),
        np.array([[matches(place, target) for target in topic.targets] for place in places]),
    )


def _factors(gathered: Gathered) -> NDArray[np.bool_]:
    """Tell of each candidate which factors apply to it."""
    half = replace(Weights(), **dict.fromkeys(FACTORS, 0.5))
    tally = Tally(gathered.candidates)
    tally.add("one", np.ones(len(gathered.candidates)))
    ordering._demote(tally, gathered.terms, half)  # noqa: SLF001 -- likewise
    told = [tally.scored(row).shares for row in range(len(gathered.candidates))]
    rules = [{share.rule for share in shares} for shares in told]
    return np.array([[name in some for name in FACTORS] for some in rules], bool)


def _symbol(one: Scored) -> object:
    document = one.candidate.document
    return document.id if document.kind is NodeKind.FILE else document.key


def _numbered(names: Sequence[object]) -> NDArray[np.intp]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.intp)


def order(case: Case, weights: Mapping[str, float]) -> list[int]:
    """Return the ten best candidates, as `ranking.rank` puts them."""
    if not len(case.found):
        return []
    score = case.found @ np.array([weights[name] for name in SHARES.values()])
    by_file = np.bincount(case.files, weights=score)
    share = by_file / (max(by_file.max(), 0.0) or 1.0)
    score = score + weights["file_support"] * np.sqrt(np.maximum(share, 0.0))[case.files]
    for place, name in enumerate(FACTORS):
        score = np.where(case.applies[:, place], score * weights[name], score)
    ordered = np.argsort(-(score + case.pins), kind="stable")
    _, firsts = np.unique(case.symbols[ordered], return_index=True)
    kept = ordered[np.sort(firsts)]
    seen: dict[int, int] = {}
    earlier = np.empty(len(kept))
    for place, file in enumerate(case.files[kept].tolist()):
        earlier[place] = seen.get(file, 0)
        seen[file] = seen.get(file, 0) + 1
    last = score[kept] * weights["same_file"] ** earlier + case.pins[kept]
    return [int(one) for one in kept[np.argsort(-last, kind="stable")][:CUT]]


def figure(case: Case, weights: Mapping[str, float]) -> float:
    """Return the topic's nDCG@10."""
    hits = case.hits[order(case, weights)]
    met = [int(column.argmax()) + 1 if column.any() else None for column in hits.T]
    return ndcg(met, len(case.topic.targets))


def mean(given: Sequence[Case], weights: Mapping[str, float]) -> float:
    """Return the mean over repositories of the mean over their topics."""
    parts: dict[str, list[float]] = {}
    for one in given:
        parts.setdefault(one.topic.repository, []).append(figure(one, weights))
    return float(np.mean([np.mean(part) for part in parts.values()]))


def fit(judge: Callable[[Mapping[str, float]], float], seed: int = 0) -> dict[str, float]:
    """Return the weights that coordinate ascent reaches from the table as it is."""
    weights = {name: getattr(Weights(), name) for name in FITTED}
    drawn = random.Random(seed)  # noqa: S311 -- a seeded order
    best = judge(weights)
    for _ in range(ROUNDS):
        before = best
        for name in drawn.sample(FITTED, len(FITTED)):
            near = sorted(GRID, key=lambda value: abs(value - weights[name]))[: NEAREST + 1]
            for value in near:
                tried = {**weights, name: value}
                if (reached := judge(tried)) > best + LEAST_GAIN:
                    best, weights = reached, tried
        if best - before < LEAST_GAIN:
            break
    return weights


def _checked(case: Case, gathered: Gathered, tree: Tree) -> Case:
    """Raise HikmaError where a trial would rank otherwise than the search does."""
    weights = {name: getattr(Weights(), name) for name in FITTED}
    tried = figure(case, weights)
    ranked = ranking.rank(gathered.terms, gathered.candidates, Weights(), CUT)
    real = ndcg(ranks(placed(ranked, tree), case.topic.targets), len(case.topic.targets))
    if abs(tried - real) > 1e-6:
        raise HikmaError(
            f"{case.topic.query!r}: a trial gives {tried:.3f}, ranking {real:.3f}; FITTED and "
            "`order` must say what `ranking.ordering` does."
        )
    return case


def folds(topics: Sequence[Topic], kind: str) -> list[set[str]]:
    """Return the names left out of each fold: a part of the repositories, or of the languages."""
    names = sorted({getattr(topic, kind) for topic in topics})
    random.Random(1).shuffle(names)  # noqa: S311 -- a seeded order
    count = min(FOLDS, len(names))
    return [set(names[start::count]) for start in range(count)]


def report_folds(every: Mapping[str, Sequence[Case]], topics: Sequence[Topic], kind: str) -> None:
    """Print what weights reach on topics that they were not fitted to."""
    current = {name: getattr(Weights(), name) for name in FITTED}
    print(f"\n| left out, by {kind} | " + " | ".join(f"{s}: fitted / as it is" for s in every))
    for number, held in enumerate(folds(topics, kind), 1):
        kept = {
            s: [c for c in part if getattr(c.topic, kind) not in held] for s, part in every.items()
        }
        left = {s: [c for c in part if getattr(c.topic, kind) in held] for s, part in every.items()}
        fitted = fit(lambda w, kept=kept: float(np.mean([mean(p, w) for p in kept.values()])))  # type: ignore[misc]
        cells = [f"{mean(p, fitted):.4f} / {mean(p, current):.4f}" for p in left.values()]
        print(f"| fold {number} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=Path, required=True)
    parser.add_argument("--checkouts", type=Path, required=True)
    parser.add_argument("--scope", nargs="+", choices=SCOPES, default=list(SCOPES))
    parser.add_argument("--only", default="", help="repositories, a,b")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "hikma-retrieval")
    arguments = parser.parse_args()
    topics = load_topics(arguments.topics, [one for one in arguments.only.split(",") if one])
    every = {scope: list(cases(topics, arguments, scope)) for scope in arguments.scope}
    fitted = fit(lambda weights: float(np.mean([mean(part, weights) for part in every.values()])))
    print("| weight | as it is | fitted |\n| --- | --: | --: |")
    for name in FITTED:
        print(f"| {name} | {getattr(Weights(), name)} | {fitted[name]} |")
    print({scope: round(mean(part, fitted), 4) for scope, part in every.items()}, flush=True)
    for kind in ("repository", "language"):
        report_folds(every, topics, kind)


if __name__ == "__main__":
    main()
