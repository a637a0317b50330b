"""The job of showing one node: its text as indexed, its edges, and whether it still stands so."""

from collections.abc import Callable

import apsw

from hikma.catalog import adopted, fulltext, graph
from hikma.domain import NodeId
from hikma.errors import NodeNotFoundError
from hikma.results import Relation, Shown


def show(
    connection: apsw.Connection, node_id: NodeId, digest_now: Callable[[str, str], str | None]
) -> Shown:
    """Return a node by its id or how that begins; NodeNotFoundError names near ids."""
    node_id = node_id.encode(errors="replace").decode()  # as paths are stored
    stored = graph.find(connection, node_id) or graph.begins(connection, node_id)
    if stored is None:
        near = graph.suggest(connection, node_id, 3)
        hint = f" Near: {', '.join(near)}." if near else " Find ids with `hikma search`."
        raise NodeNotFoundError(f"No node has the id {node_id!r}.{hint}")
    texts = fulltext.documents_of(connection, stored.id)
    found = graph.neighbours(connection, stored.id)
    fresh = not adopted.follows_file(stored.node) or all(
        digest_now(one.node.path, one.file_digest) == one.file_digest for one in texts[:1]
    )
    relations = tuple(
        Relation(one.kind, one.direction, one.node.id, one.node.name, one.confidence)
        for one in found
    )
    return Shown(stored.node, "\n".join(one.text for one in texts), fresh, relations)
