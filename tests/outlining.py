"""Reading a piece of source the way the tests of `sources.syntax` look at it."""

from textwrap import dedent

from hikma.domain import Extraction, Node, SourceFile
from hikma.sources.syntax import extract


def extraction_of(path: str, text: str | bytes) -> Extraction:
    """Extract a file that must not be skipped; indentation in front of all lines is dropped."""
    content = text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode()
    extraction = extract(SourceFile(path, "d1", content))
    assert isinstance(extraction, Extraction), extraction
    return extraction


def outline_of(path: str, text: str | bytes) -> list[str]:
    """Return `LINES KIND NAME` of every symbol and test, in source order."""
    return [
        f"{node.span.start_line}-{node.span.end_line} {node.symbol_kind or node.kind} "
        + node.id.partition("#")[2]
        for node in extraction_of(path, text).nodes[1:]
    ]


def node_named(extraction: Extraction, name: str) -> Node:
    """Return the node whose id ends in `#name`."""
    return next(node for node in extraction.nodes if node.id.endswith(f"#{name}"))


def parents_of(extraction: Extraction) -> dict[str, str]:
    """Return child → parent, both without the path; the file is `""`."""
    return {
        edge.target.partition("#")[2]: edge.source.partition("#")[2] for edge in extraction.edges
    }


def references_of(extraction: Extraction) -> dict[str, list[str]]:
    """Return test → names that it calls."""
    found: dict[str, list[str]] = {}
    for reference in extraction.references:
        found.setdefault(reference.source.partition("#")[2], []).append(reference.name)
    return found
