"""How fast are the embedded models, and how well does each find a function from its docstring?

    python benchmarks/models.py [--topics 3000] [--json FILE]

Topics: first sentences of docstrings of packages that the token table never learnt from
(`HELD_OUT` in scripts/corpus.py); candidates: the functions without their docstrings. Dense
retrieval only, mean reciprocal rank at 10. A cold start is measured in a process of its own.
"""

import argparse
import json
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from corpus import HELD_OUT, Function, chosen, functions
from hikma.arrays import VectorRows
from hikma.models import MODEL_NAMES, open_model
from hikma.models.shipped import FILES
from hikma.protocols import Embedder

COLD = """
import time
import numpy
start = time.perf_counter()
from hikma.models import open_model
model = open_model({name!r})
opened = time.perf_counter()
model.embed_query("where are vectors validated before they are stored")
print((opened - start) * 1000, (time.perf_counter() - start) * 1000)
"""


def topics(limit: int) -> list[Function]:
    """Return held-out functions with a sentence to ask and code to find."""
    roots = [Path(sysconfig.get_path("purelib")) / name for name in sorted(HELD_OUT)]
    found = chain.from_iterable(functions("python", root) for root in roots if root.exists())
    asked = (one for one in found if len(one.sentence) > 20 and len(one.code) > 80)
    return chosen(asked, limit)


def cold_ms(name: str) -> tuple[float, float]:
    """Return medians of five fresh processes: import and open; that and the first query."""
    rows = []
    for _ in range(5):
        command = [sys.executable, "-c", COLD.format(name=name)]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append([float(part) for part in shown.split()])
    opened, asked = zip(*rows, strict=True)
    return round(statistics.median(opened), 1), round(statistics.median(asked), 1)


def query_ms(model: Embedder, texts: Sequence[str]) -> float:
    """Return the median time of one query in a warm process."""
    times = []
    for text in texts:
        start = time.perf_counter()
        model.embed_query(text)
        times.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(times), 3)


def reciprocal_rank(documents: VectorRows, queries: VectorRows) -> float:
    """Return the mean reciprocal rank at 10 where document i answers query i."""
    ranks = []
    for place, query in enumerate(queries):
        scores = documents @ query
        ranks.append(1 + int((scores > scores[place]).sum()))
    return float(np.mean([1 / rank if rank <= 10 else 0.0 for rank in ranks]))


def measure(name: str, found: Sequence[Function]) -> tuple[dict[str, object], VectorRows]:
    """Return a model's figures and its vectors of the functions."""
    model = open_model(name)
    texts = [one.text(documented=False) for one in found]
    model.embed_documents(texts[:50])
    wall, spent = time.perf_counter(), time.process_time()
    documents = model.embed_documents(texts)
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    queries = np.stack([model.embed_query(one.sentence) for one in found])
    opened, asked = cold_ms(name)
    row: dict[str, object] = {
        "model": name,
        "documents_per_s": round(len(texts) / wall),
        "documents_per_core_s": round(len(texts) / spent),
        "query_p50_ms": query_ms(model, [one.sentence for one in found[:300]]),
        "cold_open_ms": opened,
        "cold_open_and_query_ms": asked,
        "mrr10": round(reciprocal_rank(documents, queries), 4),
    }
    return row, documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=3_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = topics(arguments.topics)
    rows, vectors = [], {}
    for name in MODEL_NAMES:
        row, vectors[name] = measure(name, found)
        rows.append(row)
        print(json.dumps(row))
    cosine = float((vectors["static"] * vectors["minilm"]).sum(axis=1).mean())
    built = json.loads((FILES / "manifest.json").read_text(encoding="utf-8"))["built"]
    figures = {"topics": len(found), "table_to_minilm": round(cosine, 4), "built": built}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps({"models": rows, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
