"""The main job on real repositories: how long, how large, how fast, beside the physical limit.

    python benchmarks/main_job.py PATH [PATH ...] [--model static] [--json FILE]

For each repository, in one run: a cold index split by stage; the same files parsed by bare
tree-sitter and extracted, both in as many processes as there are cores; bytes a document; peak
memory; searches in one warm process; the `hikma search` command from cold. How indexing compares
with a peer, and what a run costs that finds little to do: benchmarks/indexing.py. Figures of one
run share a machine: quote ratios and medians.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import tasks
from hikma.domain import Query, Skip, SourceFile
from hikma.engine import Engine
from hikma.sources import syntax
from hikma.sources.grammar import tools_for
from hikma.sources.language_names import language_of
from hikma.sources.opening import open_source
from hikma.sources.workers import run

_QUERIES = 100
_COLD_RUNS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="static")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--database", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(_index_here(asked.paths[0], asked.database, asked.model)))
        return
    results = {path.name: _measure(path, asked.model) for path in asked.paths}
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


def _measure(path: Path, model: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hikma-bench-") as place:
        copy = Path(place) / path.name
        shutil.copytree(path, copy, symlinks=True, ignore=shutil.ignore_patterns(".hikma"))
        database = copy / ".hikma" / "index.db"
        cold = _index_child(copy, database, model)
        figures = {"cold": cold, **_parsing(copy)}
        figures["bytes"] = database.stat().st_size
        figures |= _searches(copy, database, model)
        figures["cold_search_ms"] = _cold_search(copy)
    _print(path.name, model, figures)
    return figures


def _index_child(path: Path, database: Path, model: str) -> dict[str, Any]:
    """Index in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, str(path), "--child", "--database", str(database)]
    done = subprocess.run([*command, "--model", model], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _index_here(path: Path, database: Path, model: str) -> dict[str, Any]:
    start = time.perf_counter()
    with Engine.open(path, flags={"database": database, "embedding_model": model}) as engine:
        report = engine.index(history=False)  # benchmarks/history.py times the other half
    return {
        "took_s": time.perf_counter() - start,
        "stages": dict(report.stages),
        "kinds": dict(report.kinds),
        "documents": report.documents,
        "source_bytes": report.source_bytes,
        "skips": len(report.skips),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "worker_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _parsing(path: Path) -> dict[str, float]:
    """Parse and extract the files of languages with a grammar, on all cores, in one run."""
    with closing(open_source(path)) as source:
        loaded = [source.load(entry) for entry in source.snapshot().entries]
    files = [
        one
        for one in loaded
        if isinstance(one, SourceFile)
        and tools_for(language_of(one.path), one.path.rsplit(".", 1)[-1].lower()) is not None
        and not isinstance(syntax.extract(one), Skip)
    ]
    size = sum(len(one.content) for one in files) / 1e6
    rates: dict[str, list[float]] = {"bare": [], "extract": []}
    for _ in range(3):
        for name, task in (("bare", tasks.bare_parse), ("extract", tasks.extract)):
            start = time.perf_counter()
            done = run(task, iter(files), workers=os.cpu_count() or 1, on_failure=tasks.nothing)
            if sum(1 for _ in done) != len(files):
                sys.exit(f"{name}: not every file came through")
            rates[name].append(size / (time.perf_counter() - start))
    medians = {f"{name}_mb_s": statistics.median(found) for name, found in rates.items()}
    return {"parsed_mb": size, "parsed_files": len(files), **medians}


def _searches(path: Path, database: Path, model: str) -> dict[str, float]:
    with Engine.open(path, flags={"database": database, "embedding_model": model}) as engine:
        with engine.catalog.read() as connection:
            found = connection.execute(
                "SELECT name, documentation FROM node WHERE kind = 'symbol' ORDER BY key"
            ).fetchall()
        rows = [(str(name), str(documentation)) for name, documentation in found]
        sentences = [text.split(".")[0][:120] for _, text in rows if len(text) > 30]
        step = max(1, len(sentences) // (_QUERIES // 2))
        queries = sentences[::step][: _QUERIES // 2]
        queries += [name for name, _ in rows[:: max(1, len(rows) // (_QUERIES // 2))]]
        queries = [text for text in queries if any(one.isalnum() for one in text)]
        for text in queries[:5]:
            engine.search(Query(text))
        taken = sorted(engine.search(Query(text)).took_ms for text in queries)
    return {
        "searches": len(taken),
        "search_p50_ms": taken[len(taken) // 2],
        "search_p95_ms": taken[int(len(taken) * 0.95)],
    }


def _cold_search(path: Path) -> float:
    command = [sys.executable, "-m", "hikma", "search", "--repo", str(path), "where is it parsed"]
    taken = []
    for _ in range(_COLD_RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append((time.perf_counter() - start) * 1_000)
    return statistics.median(taken)


def _print(name: str, model: str, figures: dict[str, Any]) -> None:
    cold = figures["cold"]
    kinds, documents = cold["kinds"], cold["documents"]
    stages = ", ".join(f"{stage} {spent:.2f}" for stage, spent in cold["stages"].items())
    ratio = figures["extract_mb_s"] / figures["bare_mb_s"]
    print(
        f"{name} (model {model})\n"
        f"  {kinds.get('file', 0):,} files, {kinds.get('symbol', 0):,} symbols, "
        f"{kinds.get('test', 0):,} tests, {documents:,} documents, {cold['skips']:,} skipped, "
        f"{cold['source_bytes'] / 1e6:.1f} MB\n"
        f"  cold index {cold['took_s']:.2f} s ({stages} s), {documents / cold['took_s']:,.0f} "
        f"documents/s, peak {cold['peak_mb']:.0f} MB, a worker {cold['worker_peak_mb']:.0f} MB\n"
        f"  {figures['parsed_mb']:.1f} MB of code: bare parse {figures['bare_mb_s']:.1f} MB/s, "
        f"extraction {figures['extract_mb_s']:.1f} MB/s ({ratio:.2f} of it)\n"
        f"  {figures['bytes'] / 1e6:.1f} MB, {figures['bytes'] / documents:,.0f} bytes a document\n"
        f"  search p50 {figures['search_p50_ms']:.1f} ms, p95 {figures['search_p95_ms']:.1f} ms, "
        f"command from cold {figures['cold_search_ms']:.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
