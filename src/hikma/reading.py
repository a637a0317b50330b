"""One file becomes its nodes and documents: the task of a parsing worker, and its fallback."""

from dataclasses import dataclass, replace

from hikma import documents
from hikma.domain import Document, Extraction, Skip, SourceFile
from hikma.sources import syntax
from hikma.sources.contents import examine


@dataclass(frozen=True, slots=True)
class Written:
    """One file as a worker hands it back; `extraction` without its text, which documents hold."""

    extraction: Extraction
    documents: tuple[Document, ...]


def read(file: SourceFile) -> Written | Skip:
    """Extract and write out one file."""
    extraction = syntax.extract(file)
    if isinstance(extraction, Skip):
        return replace(extraction, digest=file.digest)
    return _written(extraction)


def read_as_text(file: SourceFile, reason: str) -> Written | Skip:
    """Read a file whose parsing failed as plain text, so that it can still be found."""
    text = examine(file.path, file.content)
    if isinstance(text, Skip):
        return replace(text, digest=file.digest)
    return _written(syntax.plain(file, text, limitation=reason))


def _written(extraction: Extraction) -> Written:
    found = tuple(documents.write_out(extraction))
    # A fifth of all that crosses the pipe would be text that nobody reads on the other side.
    return Written(replace(extraction, text="", sections=()), found)
