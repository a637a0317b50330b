"""Is a commit's symbol right? Edges commit → symbol against `git blame` and `git log -L`.

    python benchmarks/crediting.py [--symbols 300] [--seed 1] WORK_TREE…

Recall: of all (symbol, commit) pairs that `git blame` gives for the symbol's lines today, the share
that has an edge. Precision: of all edges of sampled symbols, the share whose commit is also in
`git log -L` of the symbol's lines, which follows the same lines by git's own means, or in their
blame. Each work tree is a clean checkout of HEAD; it is indexed with history first.
"""

import argparse
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hikma import Engine
from hikma.catalog import rows


class Symbol(NamedTuple):
    """A symbol or test with its lines today."""

    id: int
    key: str
    path: str
    start: int
    end: int


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def blamed(root: Path, path: str) -> list[str]:
    """Return the commit of each line of a file, by git."""
    lines = git(root, "blame", "-p", "HEAD", "--", path).split("\n")
    found = []
    current = ""
    for line in lines:
        if line.startswith("\t"):
            found.append(current)
        elif len(head := line.split(" ", 1)[0]) == 40 and line.count(" ") >= 2:
            current = head
    return found


def followed(root: Path, symbol: Symbol) -> set[str]:
    """Return the commits that git follows a symbol's lines through."""
    span = f"-L{symbol.start},{symbol.end}:{symbol.path}"
    return set(git(root, "log", "-s", "--format=%H", span).split())


def symbols_of(engine: Engine) -> list[Symbol]:
    with engine.catalog.read() as connection:
        found = rows.every(
            connection,
            "SELECT id, key, path, start_line, end_line FROM node "
            "WHERE kind IN ('symbol', 'test') ORDER BY key",
        )
    return [Symbol(*row) for row in found]


def credited(engine: Engine, symbol: Symbol) -> set[str]:
    with engine.catalog.read() as connection:
        found = rows.column(
            connection,
            "SELECT lower(hex(history.hash)) FROM edge JOIN history ON history.node = edge.source "
            "JOIN edge_kind ON edge_kind.code = edge.kind AND edge_kind.name = 'modifies' "
            "WHERE edge.target = ?",
            (symbol.id,),
        )
    return set(found)


class Judged(NamedTuple):
    """A symbol with the commits by our edges, by git blame and by git log -L."""

    symbol: Symbol
    edges: set[str]
    blame: set[str]
    log: set[str]


def judge(engine: Engine, root: Path, sample: list[Symbol]) -> Iterator[Judged]:
    by_path: dict[str, list[str]] = {}
    for symbol in sample:
        if symbol.path not in by_path:
            by_path[symbol.path] = blamed(root, symbol.path)
        blame = set(by_path[symbol.path][symbol.start - 1 : symbol.end])
        yield Judged(symbol, credited(engine, symbol), blame, followed(root, symbol))


def report(root: Path, count: int, seed: int, *, verbose: bool) -> None:
    with Engine.open(root) as engine:
        engine.index()
        symbols = symbols_of(engine)
        sample = random.Random(seed).sample(symbols, min(count, len(symbols)))  # noqa: S311 -- a sample, no secret
        judged = list(judge(engine, root, sample))
    lines = sum(len(one.blame) for one in judged)
    found = sum(len(one.blame & one.edges) for one in judged)
    edges = sum(len(one.edges) for one in judged)
    right = sum(len(one.edges & (one.log | one.blame)) for one in judged)
    also = sum(len(one.edges & one.log) for one in judged)
    logged = sum(len(one.log) for one in judged)
    print(
        f"{root.name:12} symbols {len(judged):4} of {len(symbols):6} | blame pairs {lines:5} "
        f"recall {found / lines:.4f} | edges {edges:5} precision {right / edges:.4f} | "
        f"of git log -L {also / logged:.3f}",
        flush=True,
    )
    for one in judged if verbose else ():
        if lost := one.blame - one.edges:
            print("  lost", one.symbol.key, one.symbol.start, one.symbol.end, *sorted(lost)[:2])
        if wrong := one.edges - one.log - one.blame:
            print("  wrong", one.symbol.key, one.symbol.start, one.symbol.end, *sorted(wrong)[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    for tree in given.trees:
        report(tree, given.symbols, given.seed, verbose=given.verbose)


if __name__ == "__main__":
    main()
