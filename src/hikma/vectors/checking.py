"""Does the store in the file hold what it was given? The part of `hikma doctor` about codes."""

from collections.abc import Iterator

import apsw

from hikma.catalog import ledger
from hikma.catalog.checks import Finding
from hikma.catalog.schema import Catalog
from hikma.errors import CorruptFileError, MissingVectorError
from hikma.vectors.sqlite import SqliteVectors

_REBUILD = "Run `hikma vectors rebuild`."


def altered_codes(catalog: Catalog, connection: apsw.Connection) -> Iterator[Finding]:
    """Find what the store holds otherwise than it was given, or cannot hand back."""
    space = ledger.space(connection)
    if space is None:
        return
    try:
        altered = SqliteVectors(catalog, space).altered()
    except (CorruptFileError, MissingVectorError) as error:
        yield Finding("vectors", str(error), _REBUILD)
        return
    if altered:
        fact = f"{len(altered)} codes are not those of their vectors, {altered[0]} first"
        yield Finding("vectors", fact, _REBUILD)
