"""One commit becomes its node and documents: the task of a worker, and its fallback."""

from dataclasses import dataclass

from hikma import documents
from hikma.domain import Commit, Document, Node
from hikma.sources.commits import CommitTask, describe_commit, node_of, read_commit

TIMEOUT_S = 60.0
"""For one commit: the import of a large tree takes seconds."""
WORKER_BYTES = 8 * 1024**3
"""Address space of a worker: packs are mapped into it, which by itself costs no memory."""


@dataclass(frozen=True, slots=True)
class WrittenCommit:
    """One commit as a worker hands it back."""

    commit: Commit
    node: Node
    documents: tuple[Document, ...]


def read(task: CommitTask) -> WrittenCommit:
    """Read and write out one commit."""
    return _written(read_commit(task))


def read_words(task: CommitTask, reason: str) -> WrittenCommit:
    """Write out the words of a commit whose changes could not be read."""
    return _written(describe_commit(task, reason))


def _written(commit: Commit) -> WrittenCommit:
    node = node_of(commit)
    return WrittenCommit(commit, node, tuple(documents.of_commit(node, commit)))
