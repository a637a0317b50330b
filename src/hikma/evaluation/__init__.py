"""The job of judging retrieval without labels: topics and an engine → figures.

topics = commit_topics(engine, CommitTopics(back=300))
with engine.at(topics.revision) as older:
    found = run(older, topics.topics, Query("", limit=100), Weights(...))
    print(judge(topics.topics, found, Unit.FILES, measures(MEASURES)).figures)
"""

from hikma.evaluation.commits import CommitTopics, commit_topics
from hikma.evaluation.measuring import MEASURES, Figure, Judgement, judge, measures, run
from hikma.evaluation.topics import Qrels, Topic, TopicSet, Unit

__all__ = [
    "MEASURES",
    "CommitTopics",
    "Figure",
    "Judgement",
    "Qrels",
    "Topic",
    "TopicSet",
    "Unit",
    "commit_topics",
    "judge",
    "measures",
    "run",
]
