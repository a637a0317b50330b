"""The job of judging retrieval without labels: topics and an engine → figures.

topics = commit_topics(engine, CommitTopics(back=300))
with engine.at(topics.revision) as older:
    found = run(older, topics.topics, Query("", limit=100), Weights(...))
    print(judge(topics.topics, found, Unit.FILES, measures(MEASURES)).figures)
"""

from hikma.evaluation.commits import CommitTopics, commit_topics
from hikma.evaluation.docstrings import docstring_topics
from hikma.evaluation.evaluating import Evaluation, Gate, Wanted, check, evaluate, gate
from hikma.evaluation.measuring import MEASURES, Figure, Judgement, judge, measures, run
from hikma.evaluation.plotting import check as check_plot
from hikma.evaluation.plotting import plot
from hikma.evaluation.quality import indexed_topics, judged_by
from hikma.evaluation.topics import Qrels, Topic, TopicSet, Unit
from hikma.evaluation.trec import GivenTopics, given_topics

__all__ = [
    "MEASURES",
    "CommitTopics",
    "Evaluation",
    "Figure",
    "Gate",
    "GivenTopics",
    "Judgement",
    "Qrels",
    "Topic",
    "TopicSet",
    "Unit",
    "Wanted",
    "check",
    "check_plot",
    "commit_topics",
    "docstring_topics",
    "evaluate",
    "gate",
    "given_topics",
    "indexed_topics",
    "judge",
    "judged_by",
    "measures",
    "plot",
    "run",
]
