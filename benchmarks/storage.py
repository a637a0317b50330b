"""What a document costs and how fast it is found: bytes of each part, int8 codes against float32.

    python benchmarks/storage.py [--rows 10000 50000]

One synthetic but realistic index a size: texts of code-like words, clustered unit vectors.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from hikma.arrays import VectorBatch
from hikma.catalog import fulltext, graph, ledger, rows
from hikma.catalog.schema import Catalog
from hikma.domain import (
    Document,
    Edge,
    EdgeKind,
    Fields,
    Node,
    NodeKind,
    Span,
    SymbolKind,
    VectorSpace,
)
from hikma.vectors.exact import best, distances, over_fetch
from hikma.vectors.sqlite import SqliteVectors

DIMENSION = 384
MODEL = "benchmark"
PER_FILE = 20
FILES_A_COMMIT = 50
QUERIES = 60
PARTS = {
    "canonical": ("embedding", "sqlite_autoindex_embedding_1"),
    "ledger": ("ledger", "sqlite_autoindex_ledger_1"),
    "codes": ("vectors_1",),
    "text": ("document", "sqlite_autoindex_document_1"),
    "full text": ("fulltext",),
    "graph": ("node", "edge", "sqlite_autoindex_node_1", "reference"),
}
SYLLABLES = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "en", "i", "or", "u")]


def clustered(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return unit vectors in 200 clusters whose axes differ in strength, as models' do."""
    centres = rng.standard_normal((200, DIMENSION))
    spread = rng.uniform(0.4, 1.3, (count, 1))
    made = centres[rng.integers(200, size=count)] + spread * rng.standard_normal((count, DIMENSION))
    made *= np.exp(0.4 * rng.standard_normal(DIMENSION))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float32)


def make_file(number: int, rng: np.random.Generator) -> tuple[list[Node], list[Document]]:
    path = f"package{number % 40}/module{number}.py"
    words = rng.choice(SYLLABLES, (PER_FILE, 120, 2))
    file = Node(f"file:{path}", NodeKind.FILE, path.rsplit("/", 1)[-1], path, language="python")
    nodes = [file]
    for index in range(1, PER_FILE):
        name = "".join(words[index, 0]) + f"_{index}"
        span = Span(index * 20, index * 20 + 15)
        nodes.append(
            Node(
                f"symbol:{path}#{name}",
                NodeKind.SYMBOL,
                name,
                path,
                span,
                "python",
                SymbolKind.FUNCTION,
                name,
                f"def {name}(a, b) -> int",
                "What it does, in a sentence.",
            )
        )
    documents = []
    for index, node in enumerate(nodes):
        text = " ".join("".join(pair) for pair in words[index])
        fields = Fields(node.name, path, node.signature, node.documentation, text)
        digest = blake2b(f"{path}{index}".encode(), digest_size=16).digest()
        documents.append(Document(node.id, 0, Span(1, 15), text, text, fields, digest))
    return nodes, documents


def write(
    catalog: Catalog, store: SqliteVectors, count: int, vectors: NDArray[np.float32]
) -> float:
    """Write graph, text, embeddings, ledger and codes together; return rows a CPU second."""
    rng = np.random.default_rng(7)
    files = [make_file(number, rng) for number in range(count // PER_FILE)]
    start = time.process_time()
    done = 0
    for first in range(0, len(files), FILES_A_COMMIT):
        with catalog.write() as connection:
            written: list[tuple[int, bytes]] = []
            for nodes, documents in files[first : first + FILES_A_COMMIT]:
                edges = [Edge(EdgeKind.DEFINES, nodes[0].id, node.id) for node in nodes[1:]]
                ids = graph.put_file(connection, nodes, edges, []).ids
                written += fulltext.put_documents(connection, ids, documents).written
            batch = vectors[done : done + len(written)]
            done += len(written)
            ledger.put_embeddings(connection, MODEL, [digest for _, digest in written], batch)
            ledger.record(connection, MODEL, written)
            store.upsert(VectorBatch(np.array([one for one, _ in written]), batch))
    return float(done) / (time.process_time() - start)


def bytes_of(connection: apsw.Connection) -> dict[str, float]:
    """Return bytes a document of each part, the last line being vectors all told."""
    sizes = dict(rows.every(connection, "SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    count = fulltext.count(connection)

    def total(prefixes: Sequence[str]) -> int:
        tables = ("vectors_1", "fulltext")
        return sum(
            int(size)
            for name, size in sizes.items()
            if name in prefixes or any(p in tables and name.startswith(p) for p in prefixes)
        )

    found = {part: total(names) / count for part, names in PARTS.items()}
    found["indexes of the graph"] = total(("node_file", "node_name", "edge_target")) / count
    found["vectors all told"] = found["canonical"] + found["ledger"] + found["codes"]
    found["file"] = sum(sizes.values()) / count
    return found


def timed(
    search: Callable[[NDArray[np.float32]], Any], queries: NDArray[np.float32]
) -> tuple[Any, float]:
    """Return every answer and the median CPU time in ms; files are in the page cache."""
    answers, spent = [], []
    for query in queries:
        start = time.thread_time()
        answers.append(search(query))
        spent.append(1_000 * (time.thread_time() - start))
    return answers, float(np.median(spent))


def float_table(catalog: Catalog, count: int) -> float:
    """Build the alternative, vec0 over float32; return its bytes a row."""
    with catalog.write() as connection:
        connection.execute(
            f"CREATE VIRTUAL TABLE floats USING vec0(vector float[{DIMENSION}], chunk_size=1024)"
        )
        connection.execute(
            "INSERT INTO floats(rowid, vector) SELECT document_id, vector FROM ledger "
            "JOIN embedding USING (digest)"
        )
    with catalog.read() as connection:
        sql = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'floats%'"
        size = int(rows.value(connection, sql))
    return size / count


def float_search(catalog: Catalog, limit: int) -> Callable[[NDArray[np.float32]], list[int]]:
    def search(query: NDArray[np.float32]) -> list[int]:
        with catalog.read() as connection:
            sql = "SELECT rowid FROM floats WHERE vector MATCH ? AND k = ? ORDER BY distance"
            return rows.column(connection, sql, (query.tobytes(), limit))

    return search


def store_search(
    store: SqliteVectors, limit: int, within: NDArray[np.int64] | None
) -> Callable[[NDArray[np.float32]], list[int]]:
    return lambda query: [one.id for one in store.nearest(query, limit, within)]


def recall(found: Sequence[Sequence[int]], exact: Sequence[Sequence[int]]) -> float:
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, exact, strict=True))
    return hits / sum(len(one) for one in exact)


def measure(folder: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    made = clustered(count + QUERIES, rng)
    vectors, queries = made[:count], made[count:]
    catalog = Catalog.open(folder / f"{count}.db", create=True)
    space = VectorSpace(0, "sqlite-vec", "", MODEL, MODEL, MODEL, DIMENSION, "cosine", "flat", "")
    with catalog.write() as connection:
        store = SqliteVectors(catalog, ledger.create_space(connection, space))
    speed = write(catalog, store, count, vectors)
    print(f"\n{count:,} documents, written together at {speed:,.0f} rows a CPU second")
    with catalog.read() as connection:
        for part, size in bytes_of(connection).items():
            print(f"  {part:22}{size:8,.0f} bytes a document")
        by_row = np.array(
            rows.column(connection, "SELECT document_id FROM ledger ORDER BY sequence")
        )
    print(f"  {'float32 codes instead':22}{float_table(catalog, count):8,.0f} bytes a document")
    report_search(catalog, store, (vectors, by_row), queries)
    catalog.close()


def report_search(
    catalog: Catalog,
    store: SqliteVectors,
    held: tuple[NDArray[np.float32], NDArray[np.int64]],
    queries: NDArray[np.float32],
) -> None:
    vectors, ids = held
    for limit in (10, 150):
        exact = [[n.id for n in best(ids, distances(vectors, q), limit)] for q in queries]
        answers, spent = timed(store_search(store, limit, None), queries)
        print(
            f"  nearest {limit:3}: int8 ({over_fetch(limit)} rescored) p50 {spent:6.2f} ms, "
            f"recall {recall(answers, exact):.4f}"
        )
        answers, spent = timed(float_search(catalog, limit), queries)
        print(f"               float32 p50 {spent:6.2f} ms, recall {recall(answers, exact):.4f}")
    for share in (0.01, 0.1, 0.5):
        within = np.sort(np.random.default_rng(3).permutation(ids)[: int(len(ids) * share)])
        answers, spent = timed(store_search(store, 10, within), queries)
        kept = np.isin(ids, within)
        exact = [[n.id for n in best(ids[kept], distances(vectors[kept], q), 10)] for q in queries]
        print(f"  within {share:4.0%}: p50 {spent:6.2f} ms, recall {recall(answers, exact):.4f}")
    start = time.perf_counter()
    store.rebuild()
    print(f"  rebuild {len(ids) / (time.perf_counter() - start):,.0f} rows/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    with tempfile.TemporaryDirectory() as folder:
        for count in parser.parse_args().rows:
            measure(Path(folder), count)


if __name__ == "__main__":
    main()
