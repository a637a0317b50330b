"""Here is a text: what does it mean?"""

from hikma.errors import ConfigurationError
from hikma.models import apart
from hikma.models.pair import Pair
from hikma.models.server import Known, Server
from hikma.models.shipped import open_files
from hikma.models.static import StaticTable
from hikma.models.wordpiece import WordPieces
from hikma.protocols import Embedder

MODEL_NAMES = ("static", "minilm")
"""Embedded models: the table of words, and all-MiniLM-L6-v2."""
REMOTE = "openai:"
"""What a name begins with whose model a server runs."""

__all__ = ["MODEL_NAMES", "REMOTE", "open_model"]


def open_model(name: str, server: Server | None = None, known: Known | None = None) -> Embedder:
    """Open a model; onnxruntime is loaded by the first text that needs MiniLM.

    A remote model that a space knows already is opened without asking its server anything.
    """
    if name.startswith(REMOTE):
        from hikma.models.remote import open_remote  # noqa: PLC0415 -- HTTP, for servers only

        return open_remote(name, server, known)
    if name not in MODEL_NAMES:
        choices = ", ".join(MODEL_NAMES)
        raise ConfigurationError(
            f"unknown embedding model {name!r}; choose one of {choices}, or {REMOTE}MODEL"
        )
    files = open_files()
    if name == "static":
        table = StaticTable(files)
        return Pair(name, table.documents, table.queries, apart.embed)
    from hikma.models.onnx import MiniLm  # noqa: PLC0415 -- the default model does without

    deep = MiniLm(files, WordPieces.open(files.path("vocabulary.txt")))
    return Pair(name, deep, deep)
