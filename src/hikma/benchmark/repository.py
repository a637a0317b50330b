"""What is measured on the repository's own index, which is read and never written."""

from collections.abc import Callable
from typing import Any

from hikma.benchmark.figures import Operation
from hikma.benchmark.material import Drawn
from hikma.benchmark.rounds import interleaved
from hikma.benchmark.tally import Tally
from hikma.catalog import filters, graph, ledger
from hikma.domain import Filter, Query
from hikma.engine import Engine

REPOSITORY = "repository"
"""Stands where other figures have a backend: whatever space answers, with words and names."""
_WARM_ROUNDS = 5
_RESOLVED = 20


def measure(engine: Engine, tally: Tally, drawn: Drawn) -> None:
    """Measure hybrid searches by the texts, and how long a filter by language is resolved."""
    with engine.catalog.read() as connection:
        size = ledger.live(connection)
        languages = list(graph.languages(connection))
    wanted = set(tally.plan.operations)
    if Operation.HYBRID in wanted and drawn.texts:
        texts, limit = drawn.texts, tally.plan.limit
        _timed(
            tally,
            (size, "hybrid"),
            lambda at: engine.search(Query(texts[at % len(texts)], limit=limit)),
            len(texts),
        )
    elif Operation.HYBRID in wanted:
        tally.notes.append("hybrid search was not measured: the index holds no text to ask with")
    if Operation.FILTERED in wanted and languages:
        asked = Filter(languages=(languages[0],))

        def resolve(_: int) -> object:
            with engine.catalog.read() as connection:
                return filters.resolve(connection, asked)

        _timed(tally, (size, "resolve"), resolve, _RESOLVED)


def _timed(tally: Tally, key: tuple[int, str], act: Callable[[int], Any], rounds: int) -> None:
    acts = {REPOSITORY: act}
    warm = interleaved(acts, _WARM_ROUNDS, tally.plan.timeout_s)
    if warm[REPOSITORY].error is not None:
        tally.add(*key, warm)
        return
    tally.add(*key, interleaved(acts, rounds, tally.plan.timeout_s))
