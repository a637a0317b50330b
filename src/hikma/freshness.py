"""How fresh is an index: which commit does it hold, and is that the one that is checked out?"""

from collections.abc import Callable
from pathlib import Path

import apsw

from hikma.catalog import adopted, completeness, state
from hikma.results import Freshness
from hikma.sources.roots import digest_now, head_of, is_bare


def of_index(connection: apsw.Connection, root: Path, revision: str | None) -> Freshness:
    """Tell what an index holds; one of a revision, or of a table taken over, is never behind."""
    head = state.get(connection, "head") or None
    partial = state.get(connection, "complete") != "1"
    follows = revision is None and adopted.origin(connection) is None
    now = head_of(root) if follows else head
    indexed_at = state.get(connection, "indexed_at") or ""
    stale = partial or now != head
    return Freshness(head, indexed_at, stale, completeness.completeness(connection, head), partial)


def of_files(root: Path, revision: str | None) -> Callable[[str, str], str | None]:
    """Return what tells a path's digest now, given the indexed one.

    Of a bare repository and of a revision there is the tree only: nothing of it changes.
    """
    if revision or is_bare(root):
        return lambda _, indexed: indexed
    return lambda path, indexed: digest_now(root, path, indexed)
