"""Every error that Hikma raises on purpose, as one tree.

HikmaError
├── UsageError                 the caller asked for something that cannot be (exit 2)
│   ├── ConfigurationError     a wrong flag, variable or line of hikma.toml
│   ├── QueryError             an empty or oversized query
│   ├── FilterError            a filter that no asked kind can satisfy
│   ├── EvaluationError        topics or measures that nothing can be judged by
│   ├── BenchmarkError         sizes, backends or reports that nothing can be measured by
│   ├── SpaceMismatchError     a model, backend or dimension other than the file's
│   ├── MigrationError         a step that the state of the migration does not allow
│   └── ExtraMissingError      a part of Hikma that is installed on its own
├── NotFoundError              the thing named does not exist (exit 3)
│   ├── IndexMissingError      no index here yet
│   └── NodeNotFoundError      no such id
├── RepositoryError            the source cannot be read
│   ├── WorkerError            workers could not be started
│   └── TaskFailedError        what a worker was given was too much for it
├── CatalogError               the database file cannot be used
│   ├── NotHikmaFileError      a file that is not ours
│   ├── NewerSchemaError       written by a newer Hikma
│   ├── CorruptFileError       damaged
│   ├── LockedFileError        another process holds it
│   ├── StorageFullError       no space left
│   ├── ReadOnlyFileError      cannot be written
│   ├── CopiedFileError        a copy that would write what its original keeps elsewhere
│   └── UnsafeLibraryError     the SQLite library has a known corruption bug
├── AnsweringMovedError        another model answers than the one that a run began with
├── StoreError                 a vector store outside the file cannot be used
├── InvalidVectorError         vectors refused at the edge; carries every failure
├── MissingVectorError         a store was asked to hold a vector that the file lacks
└── ModelError                 a model's files are unusable, or its server fails

Each message names the fact first and the remedy second.
"""

from collections.abc import Sequence


class HikmaError(Exception):
    """Root of the tree; catch this to catch everything raised on purpose."""


class UsageError(HikmaError):
    """The caller asked for something that cannot be."""


class ConfigurationError(UsageError):
    """A wrong flag, environment variable or line of hikma.toml."""


class QueryError(UsageError):
    """An empty or oversized query."""


class FilterError(UsageError):
    """A filter that no asked kind can satisfy, or whose value is unknown."""


class EvaluationError(UsageError):
    """Topics, judgements or measures that nothing can be judged by."""


class BenchmarkError(UsageError):
    """Sizes, backends or a former report that nothing can be measured or compared by."""


class SpaceMismatchError(UsageError):
    """A model, backend or dimension other than the file's."""


class MigrationError(UsageError):
    """A step of a migration that its state, a gate or another migration does not allow."""


class ExtraMissingError(UsageError):
    """A part of Hikma that is installed on its own; the message names the command."""


class NotFoundError(HikmaError):
    """The thing named does not exist."""


class IndexMissingError(NotFoundError):
    """There is no index here yet."""


class NodeNotFoundError(NotFoundError):
    """No node has this id."""


class RepositoryError(HikmaError):
    """The repository or folder cannot be read."""


class WorkerError(RepositoryError):
    """Workers could not be started or kept alive."""


class TaskFailedError(RepositoryError):
    """What a worker was given raised, or took more time or memory than it may."""


class CatalogError(HikmaError):
    """The database file cannot be used."""


class NotHikmaFileError(CatalogError):
    """The file is not a Hikma index."""


class NewerSchemaError(CatalogError):
    """The file was written by a newer Hikma."""


class CorruptFileError(CatalogError):
    """The file is damaged."""


class LockedFileError(CatalogError):
    """Another process holds the file."""


class StorageFullError(CatalogError):
    """No space is left where the file lives."""


class ReadOnlyFileError(CatalogError):
    """The file or its folder cannot be written."""


class CopiedFileError(CatalogError):
    """The file is a copy, and would write into what its original keeps elsewhere."""


class UnsafeLibraryError(CatalogError):
    """The SQLite library has a known corruption bug."""


class AnsweringMovedError(HikmaError):
    """Another model answers than the one that a run began with; repeat the run."""


class StoreError(HikmaError):
    """A vector store outside the file cannot be reached, read or written."""


class InvalidVectorError(HikmaError):
    """Vectors refused at the edge.

    `failures` holds one line for each refused vector: its id and the reason.
    """

    def __init__(self, failures: Sequence[str]) -> None:
        self.failures = tuple(failures)
        shown = "; ".join(self.failures[:5])
        more = f" (+{len(self.failures) - 5} more)" if len(self.failures) > 5 else ""  # noqa: PLR2004 -- five are shown
        super().__init__(f"{len(self.failures)} vectors refused, nothing written: {shown}{more}")


class MissingVectorError(HikmaError):
    """A store was asked to hold a vector that the file's canonical rows lack."""


class ModelError(HikmaError):
    """A model's files are missing, altered or unreadable, or its server fails."""
