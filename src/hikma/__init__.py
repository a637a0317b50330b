"""Hikma: a git repository as one SQLite file that answers.

with Engine.open("path/to/repository") as engine:
    engine.index()
    for hit in engine.search(Query("where are vectors validated")).hits:
        print(hit.path, hit.start_line, hit.name)
"""

from hikma.domain import Filter, Query
from hikma.engine import Engine
from hikma.errors import HikmaError
from hikma.results import Hit, SearchResult
from hikma.settings import Settings

__all__ = ["Engine", "Filter", "HikmaError", "Hit", "Query", "SearchResult", "Settings"]
