"""Hikma: a git repository as one SQLite file that answers.

with Engine.open("path/to/repository") as engine:
    engine.index()
    for hit in engine.search(Query("where are vectors validated")).hits:
        print(hit.path, hit.start_line, hit.name)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hikma.domain import Filter, Query
    from hikma.engine import Engine
    from hikma.errors import HikmaError
    from hikma.results import Hit, SearchResult
    from hikma.settings import Settings

__all__ = ["Engine", "Filter", "HikmaError", "Hit", "Query", "SearchResult", "Settings"]

_HOMES = {
    "Engine": "engine",
    "Filter": "domain",
    "HikmaError": "errors",
    "Hit": "results",
    "Query": "domain",
    "SearchResult": "results",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a parsing worker needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hikma' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hikma.{_HOMES[name]}"), name)
