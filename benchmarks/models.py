"""How fast are the embedded models, and how well does each find a function from its docstring?

    python benchmarks/models.py [--cache DIR] [--topics 500] [--json FILE]

Topics: first sentences of the documentation of what is held out from the table (`HELD_OUT` in
scripts/corpus.py); candidates: those functions and classes without it, in the form of Hikma's
documents. Dense retrieval only, mean reciprocal rank at 10 of each language. Python alone, from
packages of the development tools, unless the cache of `scripts/build_static.py` is given. A cold
start is measured in a process of its own.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from corpus import INSTALLED, is_held_out
from gathering import kept
from hikma.arrays import VectorRows
from hikma.models import MODEL_NAMES, open_model
from hikma.models.shipped import FILES
from hikma.protocols import Embedder
from pairs import Pair, files, pairs_of

FEWEST = 50
"""A language with fewer topics says nothing."""

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


def topics(cache: Path | None, limit: int) -> dict[str, list[Pair]]:
    """Return by language the held-out pairs with a sentence to ask and code to find."""
    if cache:
        found = [one for path in sorted(cache.glob("*.jsonl")) for one in kept(path)]
    else:
        roots = [(name, Path(sysconfig.get_path("purelib")) / name) for name in INSTALLED]
        places = [(path, root, name) for name, root in roots for path, _ in files(root)]
        found = [one for place in places for one in pairs_of(*place)]
    asked: dict[str, dict[bytes, Pair]] = {}
    for one in found:
        if one.kind == "documentation" and is_held_out(one.package, one.path):
            key = hashlib.blake2b(f"{one.question}{one.answer}".encode(), digest_size=8).digest()
            asked.setdefault(one.language, {})[key] = one
    return {
        language: [some[key] for key in sorted(some)[:limit]]
        for language, some in sorted(asked.items())
        if len(some) >= FEWEST
    }


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


def measure(name: str, found: dict[str, list[Pair]]) -> dict[str, object]:
    """Return a model's figures."""
    model = open_model(name)
    texts = [one.answer for some in found.values() for one in some]
    model.embed_documents(texts[:50])
    wall, spent = time.perf_counter(), time.process_time()
    model.embed_documents(texts)
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    opened, asked = cold_ms(name)
    ranks = {language: round(found_by(model, some), 3) for language, some in found.items()}
    return {
        "model": name,
        "documents_per_s": round(len(texts) / wall),
        "documents_per_core_s": round(len(texts) / spent),
        "query_p50_ms": query_ms(model, [one.question for one in next(iter(found.values()))]),
        "cold_open_ms": opened,
        "cold_open_and_query_ms": asked,
        "mrr10": ranks,
        "mrr10_mean": round(statistics.mean(ranks.values()), 4),
    }


def found_by(model: Embedder, some: Sequence[Pair]) -> float:
    documents = model.embed_documents([one.answer for one in some])
    return reciprocal_rank(documents, np.stack([model.embed_query(one.question) for one in some]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--topics", type=int, default=500, help="of each language, at most")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = topics(arguments.cache, arguments.topics)
    rows = []
    for name in MODEL_NAMES:
        rows.append(measure(name, found))
        print(json.dumps(rows[-1]))
    built = json.loads((FILES / "manifest.json").read_text(encoding="utf-8"))["built"]
    figures = {"topics": {name: len(some) for name, some in found.items()}, "built": built}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps({"models": rows, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
