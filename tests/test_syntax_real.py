"""Real public files, every symbol of which was checked by hand against the source.

`syntax/NAME.txt` is the file as its project published it (see syntax/NOTICE.md); `NAME.outline`
holds one line a symbol: lines, kind, id without the path, parent, signature, documentation's start.
"""

from pathlib import Path

import pytest

from hikma.domain import Extraction, SourceFile
from hikma.sources.syntax import extract

FOLDER = Path(__file__).parent / "syntax"
FILES = {
    "click_decorators.py": "src/click/decorators.py",
    "axios_headers.js": "lib/core/AxiosHeaders.js",
    "trpc_ws_client.ts": "packages/client/src/links/wsLink/wsClient/wsClient.ts",
    "gin_logger.go": "logger.go",
    "libuv_threadpool.c": "src/threadpool.c",
    "libuv_heap-inl.h": "src/heap-inl.h",
}


def read(name: str, path: str) -> Extraction:
    extraction = extract(SourceFile(path, "digest", (FOLDER / f"{name}.txt").read_bytes()))
    assert isinstance(extraction, Extraction)
    return extraction


def rows(extraction: Extraction) -> list[str]:
    parents = {edge.target: edge.source for edge in extraction.edges}
    return [
        " | ".join(
            (
                f"{node.span.start_line}-{node.span.end_line}",
                node.symbol_kind or node.kind,
                node.id.partition("#")[2],
                parents[node.id].partition("#")[2] or "(file)",
                node.signature,
                " ".join(node.documentation.split()[:6]) or "-",
            )
        )
        for node in extraction.nodes[1:]
    ]


@pytest.mark.parametrize(("name", "path"), FILES.items(), ids=FILES)
def test_every_symbol_of_a_real_file(name, path):
    """Id, kind, lines, parent, signature and documentation of every symbol are as in the source."""
    expected = (FOLDER / f"{name}.outline").read_text(encoding="utf-8").splitlines()
    assert rows(read(name, path)) == expected


@pytest.mark.parametrize(("name", "path"), FILES.items(), ids=FILES)
def test_nothing_else_than_defines_edges_leave_a_file_without_tests(name, path):
    extraction = read(name, path)
    assert {edge.kind for edge in extraction.edges} == {"defines"}
    assert len(extraction.edges) == len(extraction.nodes) - 1
    assert extraction.references == ()
    assert extraction.limitation is None
