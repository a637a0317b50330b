"""Small files of a made-up repository, as indexing would put them into a catalog."""

from collections.abc import Sequence
from hashlib import blake2b

import apsw

from fakes import HashingEmbedder
from hikma.catalog import fulltext, graph, ledger
from hikma.domain import (
    Document,
    Edge,
    EdgeKind,
    Fields,
    Node,
    NodeKind,
    Reference,
    Span,
    SymbolKind,
    VectorSpace,
)
from hikma.vectors.sqlite import SqliteVectors

EMBEDDER = HashingEmbedder(dimension=32)
MODEL = EMBEDDER.document_identity
SPACE = VectorSpace(
    0, "sqlite-vec", "", EMBEDDER.name, MODEL, MODEL, EMBEDDER.dimension, "cosine", "flat", ""
)
REPOSITORY = Node("repository:sample", NodeKind.REPOSITORY, "sample", "")


def file_node(path: str, digest: str = "d1", language: str | None = "python") -> Node:
    extension = path.rpartition(".")[2]
    return Node(
        id=f"file:{path}",
        kind=NodeKind.FILE,
        name=path.rpartition("/")[2],
        path=path,
        span=Span(1, 40),
        language=language,
        properties={"digest": digest, "extension": extension, "size": 2_048, "lines": 40},
    )


def symbol(path: str, name: str, language: str | None = "python") -> Node:
    return Node(
        id=f"symbol:{path}#{name}",
        kind=NodeKind.SYMBOL,
        name=name.rpartition(".")[2].partition("~")[0],
        path=path,
        span=Span(2, 9),
        language=language,
        symbol_kind=SymbolKind.FUNCTION,
        qualified_name=name.partition("~")[0],
        signature=f"def {name}()",
        documentation=f"About {name}.",
    )


def case(path: str, name: str, language: str | None = "python") -> Node:
    return Node(
        id=f"test:{path}#{name}",
        kind=NodeKind.TEST,
        name=name.rpartition(".")[2],
        path=path,
        span=Span(20, 30),
        language=language,
        qualified_name=name,
    )


def document(node: Node, text: str, ordinal: int = 0) -> Document:
    digest = blake2b(text.encode(), digest_size=16).digest()
    fields = Fields(node.name, node.path, node.signature, node.documentation, text)
    return Document(node.id, ordinal, Span(2, 9), text, text, fields, digest)


def put_file(
    connection: apsw.Connection,
    nodes: Sequence[Node],
    references: Sequence[Reference] = (),
) -> graph.FileRows:
    edges = [Edge(EdgeKind.DEFINES, nodes[0].id, node.id) for node in nodes[1:]]
    return graph.put_file(connection, nodes, edges, references)


def put_whole(
    connection: apsw.Connection, store: SqliteVectors, nodes: Sequence[Node], suffix: str = ""
) -> fulltext.DocumentRows:
    """Write a file with a document for each node, its vectors and its codes."""
    rows = put_file(connection, nodes)
    documents = [document(node, f"{node.name} {node.path} {suffix}") for node in nodes]
    written = fulltext.put_documents(connection, rows.ids, documents)
    texts = {one.digest: one.meaning for one in documents}
    wanted = sorted(ledger.missing(connection, MODEL, list(texts)))
    vectors = EMBEDDER.embed_documents([texts[digest] for digest in wanted])
    ledger.put_embeddings(connection, MODEL, wanted, vectors)
    gone = [*rows.removed_documents, *written.removed]
    ledger.tombstone(connection, gone)
    store.delete(gone)
    ledger.record(connection, MODEL, written.written)
    store.upsert(ledger.vectors_of(connection, [number for number, _ in written.written]))
    return written
