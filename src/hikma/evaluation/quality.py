"""Are the answers of one space as good as those of another, whose model is another one?

Both are asked the same topics of the same file, by meaning alone: words would answer alike.
"""

from collections.abc import Callable, Iterator

import numpy as np

from hikma.catalog.answers import modified
from hikma.domain import Mode, Query, VectorSpace
from hikma.engine import Engine
from hikma.errors import EvaluationError
from hikma.evaluation.commits import MOST_FILES
from hikma.evaluation.measuring import judge, measures, run
from hikma.evaluation.messages import cleaned, says_little
from hikma.evaluation.topics import Topic, TopicSet, Unit
from hikma.migration.gates import Quality
from hikma.telemetry import Track, silent

MEASURE = "nDCG@10"
MOST_TOPICS = 300
_QUERY = Query("", limit=50, mode=Mode.SEMANTIC, min_similarity=-1.0)
"""Cosines of two models are on different scales, so that no floor would be fair."""


def indexed_topics(engine: Engine) -> TopicSet:
    """Return topics from the commits in the index: by the message find the files that it modified.

    The newest come first. By meaning alone no commit helps to find its files.
    """
    with engine.catalog.read() as connection:
        found = modified(connection, MOST_FILES)
    return TopicSet("commits", list(_topics(found))[:MOST_TOPICS])


def _topics(found: list[tuple[str, str, list[str]]]) -> Iterator[Topic]:
    said: set[str] = set()
    for key, message, paths in found:
        text = cleaned(message)
        if text in said or says_little(text):
            continue
        said.add(text)
        yield Topic(key, text, {Unit.FILES: dict.fromkeys(paths, 1)})


def judged_by(
    engine: Engine, topics: Callable[[], TopicSet], track: Track = silent
) -> Callable[[VectorSpace, VectorSpace], Quality]:
    """Return what judges two spaces of an engine's file; topics are made when they are asked.

    Raises EvaluationError where there are none.
    """

    def judged(source: VectorSpace, target: VectorSpace) -> Quality:
        asked = topics()
        if not asked.topics:
            raise EvaluationError(
                "There is no topic to judge the model by: no commit in the index says what it "
                "modified; give --topics and --qrels."
            )
        means = [_mean(engine, space, asked, track) for space in (source, target)]
        return Quality(means[0], means[1], MEASURE, len(asked.topics), asked.source)

    return judged


def _mean(engine: Engine, space: VectorSpace, asked: TopicSet, track: Track) -> float:
    """Return the mean over topics, each judged in its own unit."""
    with engine.through(space) as through:
        found = run(through, asked.topics, _QUERY, track=track)
    parts = [judge(asked.topics, found, unit, measures([MEASURE])) for unit in asked.units()]
    weights = [part.topics for part in parts]
    return float(np.average([part.figures[0].mean for part in parts], weights=weights))
