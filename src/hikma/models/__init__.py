"""Here is a text: what does it mean?"""

from hikma.errors import ConfigurationError
from hikma.models.onnx import MiniLm
from hikma.models.pair import Pair
from hikma.models.shipped import open_files
from hikma.models.static import StaticTable
from hikma.models.wordpiece import WordPieces
from hikma.protocols import Embedder

MODEL_NAMES = ("static", "mixed", "minilm")
"""Embedded models: documents and queries by the table, by the table and MiniLM, by MiniLM."""

__all__ = ["MODEL_NAMES", "open_model"]


def open_model(name: str) -> Embedder:
    """Open an embedded model; onnxruntime is loaded by the first text that needs MiniLM."""
    if name not in MODEL_NAMES:
        choices = ", ".join(MODEL_NAMES)
        raise ConfigurationError(f"unknown embedding model {name!r}; choose one of {choices}")
    files = open_files()
    pieces = WordPieces.open(files.path("vocabulary.txt"))
    if name == "minilm":
        deep = MiniLm(files, pieces)
        return Pair(name, deep, deep)
    table = StaticTable(files, pieces)
    return Pair(name, table, MiniLm(files, pieces) if name == "mixed" else table)
