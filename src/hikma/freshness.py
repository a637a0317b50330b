"""How fresh is an index: which commit does it hold, and is that the one that is checked out?"""

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


def of_file(root: Path, revision: str | None, path: str, indexed: str) -> str | None:
    """Tell a path's content now; a bare repository or a revision has its tree only."""
    if revision or is_bare(root):
        return indexed
    return digest_now(root, path, indexed)
