"""The table in a process of its own, beside the one that writes: the task of such a worker."""

from functools import cache

from hikma.arrays import VectorRows
from hikma.models.shipped import open_files
from hikma.models.static import Side, StaticTable


def embed(texts: list[str]) -> VectorRows:
    """Embed documents with the shipped table, as `static` does; shape (len(texts), 384)."""
    return _documents().embed(texts)


@cache
def _documents() -> Side:
    return StaticTable(open_files()).documents
