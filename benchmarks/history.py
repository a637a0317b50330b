"""How fast is the history read? The whole job against a bare pygit2 loop over the same diffs.

    python benchmarks/history.py [--rounds 3] [--every-file] WORK_TREE…

Both use every core the job uses, in one run, turn about; the figure is the ratio of medians. The
bare loop walks the commits, diffs each against its first parent, seeks renames where files were
added and deleted, and touches every hunk of code files, as the job does; it keeps nothing. The job
also writes commits, words, vectors, pull requests and the edges to files and symbols. With
`--every-file` the loop touches the hunks of all text files, as a loop that knows no language would.
"""

import argparse
import contextlib
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import DeltaStatus, DiffFind, DiffOption, SortMode

from hikma import Engine
from hikma.sources.commits import RENAME_LIMIT, RENAME_SIMILARITY
from hikma.sources.contents import MAX_BYTES
from hikma.sources.grammar import is_code

CHUNK = 64
FLAGS = DiffOption.INDENT_HEURISTIC | DiffOption.IGNORE_SUBMODULES
EVERY_FILE = "BENCHMARK_EVERY_FILE"
REPOSITORIES: dict[str, pygit2.Repository] = {}


def is_touched(path: str) -> bool:
    """Whether the loop looks at the hunks of a file."""
    return EVERY_FILE in os.environ or is_code(path)


def opened(root: str) -> pygit2.Repository:
    return REPOSITORIES.setdefault(root, pygit2.Repository(root))


def bare_chunk(root: str, hashes: Sequence[str]) -> int:
    """Compute the diffs of some commits; return how many hunks they have."""
    done = 0
    for hash_ in hashes:
        # A clone that lacks some objects stops neither loop.
        with contextlib.suppress(KeyError, pygit2.GitError):
            done += bare_commit(opened(root), hash_)
    return done


def bare_commit(repository: pygit2.Repository, hash_: str) -> int:
    commit = repository[hash_].peel(pygit2.Commit)
    parents = commit.parents
    if not parents:
        return len(commit.tree.diff_to_tree(flags=FLAGS, context_lines=0, swap=True))
    diff = parents[0].tree.diff_to_tree(commit.tree, FLAGS, 0)
    if len(parents) > 1:
        return sum(in_every_parent(repository, parents, delta) for delta in diff.deltas)
    statuses = {delta.status for delta in diff.deltas}
    if {DeltaStatus.ADDED, DeltaStatus.DELETED} <= statuses:
        diff.find_similar(DiffFind.FIND_RENAMES, RENAME_SIMILARITY, rename_limit=RENAME_LIMIT)
    return sum(hunks(repository, diff, at, delta) for at, delta in enumerate(diff.deltas))


def hunks(
    repository: pygit2.Repository, diff: pygit2.Diff, at: int, delta: pygit2.DiffDelta
) -> int:
    if delta.status not in {DeltaStatus.MODIFIED, DeltaStatus.RENAMED}:
        return 0
    if not is_touched(delta.new_file.path):
        return 0
    try:
        for side in (delta.old_file, delta.new_file):
            if repository.odb.read_header(side.id)[1] > MAX_BYTES:
                return 0
        patch = diff[at]
        return len(patch.hunks) if patch else 0
    except (KeyError, pygit2.GitError):  # a clone without some objects
        return 0


def in_every_parent(
    repository: pygit2.Repository, parents: Sequence[pygit2.Commit], delta: pygit2.DiffDelta
) -> int:
    """Diff a file of a merge with all parents, unless one of them has it as it is."""
    if delta.status == DeltaStatus.DELETED:
        return 0
    path, count = delta.new_file.path, 0
    olds = [parent.tree[path].id if path in parent.tree else None for parent in parents]
    if delta.new_file.id in olds or not is_touched(path):
        return 0
    for old in olds:
        if old is not None:
            before = repository[old].peel(pygit2.Blob)
            after = repository[delta.new_file.id].peel(pygit2.Blob)
            patch = pygit2.Patch.create_from(before, after, flag=FLAGS, context_lines=0)
            count += len(patch.hunks)
    return count


def chunks(root: Path) -> Iterator[list[str]]:
    repository = pygit2.Repository(str(root))
    some: list[str] = []
    for commit in repository.walk(repository.head.target, SortMode.TIME):
        some.append(str(commit.id))
        if len(some) == CHUNK:
            yield some
            some = []
    yield some


def cpu_s() -> float:
    """Return what this process and those it has awaited have used, in seconds of one core."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def bare(root: Path, workers: int) -> tuple[float, float]:
    start, cpu = time.perf_counter(), cpu_s()
    with ProcessPoolExecutor(workers) as pool:
        pending = [pool.submit(bare_chunk, str(root), some) for some in chunks(root)]
        for one in pending:
            one.result()
    return time.perf_counter() - start, cpu_s() - cpu


class Done(NamedTuple):
    """One run of the job: its time, the bytes it added to the file, and the tree's own time."""

    spent: float
    cpu: float
    stages: dict[str, float]
    commits: int
    grown: int
    tree_s: float


def job(root: Path, database: Path) -> Done:
    """Index the tree, then time the history."""
    os.environ["HIKMA_DATABASE"] = str(database)
    with Engine.open(root) as engine:
        start = time.perf_counter()
        engine.index(history=False)
        tree_s = time.perf_counter() - start
        before = used(engine)
        start, cpu = time.perf_counter(), cpu_s()
        report = engine.index()
        spent, cpu = time.perf_counter() - start, cpu_s() - cpu
        grown = used(engine) - before
        done = report.history
        stages, commits = (dict(done.stages), done.added) if done else ({}, 0)
        return Done(spent, cpu, stages, commits, grown, tree_s)


def used(engine: Engine) -> int:
    """Return the bytes of the file's pages that are in use."""
    with engine.catalog.read() as connection:
        pages, free, size = (
            int(str(connection.execute(f"PRAGMA {name}").fetchall()[0][0]))
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every-file", action="store_true")
    given = parser.parse_args()
    if given.every_file:
        os.environ[EVERY_FILE] = "1"  # for the loop's processes too
    workers = os.cpu_count() or 1
    for root in given.trees:
        bares, jobs = [], []
        for _ in range(given.rounds):
            bares.append(bare(root, workers))
            with tempfile.TemporaryDirectory() as folder:
                jobs.append(job(root, Path(folder) / "index.db"))
        spent, cpu = (
            statistics.median(x) for x in zip(*((j.spent, j.cpu) for j in jobs), strict=True)
        )
        bare_s, bare_cpu = (statistics.median(x) for x in zip(*bares, strict=True))
        last = jobs[-1]
        memory = [
            resource.getrusage(who).ru_maxrss // 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        print(
            f"{root.name:12} commits {last.commits:6} | bare {bare_s:6.1f} s "
            f"({last.commits / bare_s:5.0f}/s) job {spent:6.1f} s ({last.commits / spent:5.0f}/s) "
            f"ratio {spent / bare_s:.2f}, of CPU time {cpu / bare_cpu:.2f} | "
            f"{last.grown / max(last.commits, 1):5.0f} bytes a commit | tree {last.tree_s:.1f} s | "
            f"peak {memory[0]} MB, a worker {memory[1]} MB | {last.stages}",
            flush=True,
        )


if __name__ == "__main__":
    main()
