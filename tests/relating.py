"""What the imports of a small tree of files come to, as text that a test can compare."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from textwrap import dedent

from driver import engine_on, in_process
from hikma import indexing
from hikma.domain import Extraction, Import, NodeKind, SourceFile
from hikma.sources.relations.resolvers import resolver
from hikma.sources.relations.tree import Target, Tree
from hikma.sources.syntax import extract


def meaning_of(files: Mapping[str, str], path: str) -> list[str]:
    """Return `MODULE NAME -> FILES#SYMBOL by DEFINERS`, or the reason, for each import of one file."""
    tree, asked = tree_of(files)
    resolve = resolver(tree)
    return [_line(one, resolve(path, one)) for one in asked[path]]


def targets_of(files: Mapping[str, str], path: str) -> list[str]:
    """Return only what stands behind the arrow."""
    return [line.partition(" -> ")[2] for line in meaning_of(files, path)]


def tree_of(files: Mapping[str, str]) -> tuple[Tree, dict[str, tuple[Import, ...]]]:
    """Extract all files as indexing does; those that are not worth indexing are left out."""
    texts = {path: dedent(text).lstrip("\n") for path, text in files.items()}
    found = {path: extract(SourceFile(path, "d", text.encode())) for path, text in texts.items()}
    kept = {path: one for path, one in found.items() if isinstance(one, Extraction)}
    symbols = {
        path: [node.qualified_name for node in one.nodes if node.kind is NodeKind.SYMBOL]
        for path, one in kept.items()
    }
    asked = {path: one.imports for path, one in kept.items()}
    tree = Tree(
        languages={path: one.nodes[0].language for path, one in kept.items()},
        packages={
            path: tuple(str(one.nodes[0].properties.get("package", "")).split())
            for path, one in kept.items()
        },
        symbols=lambda path: symbols[path],
        read=lambda path: texts[path] if path in kept else None,
        imports=lambda path: asked[path],
    )
    return tree, asked


def _line(asked: Import, answer: object) -> str:
    words = " ".join(filter(None, (asked.keyword, asked.module, asked.name)))
    if isinstance(answer, Target):
        symbol = f"#{answer.symbol}" if answer.symbol else ""
        origin = f" by {' '.join(answer.definers)}" if answer.definers else ""
        return f"{words} -> {' '.join(answer.paths)}{symbol}{origin}"
    return f"{words} -> {answer}"


def indexer(monkeypatch, tmp_path):
    """Return what indexes a folder's tree, each time into the same file or into a fresh one."""
    monkeypatch.setattr(indexing, "run", in_process)

    def run(root, name="index.db"):
        with engine_on(root, tmp_path / name) as engine:
            engine.index(history=False)
        return tmp_path / name

    return run


def imports_in(database):
    """Return `SOURCE -> TARGET` of every edge of imports, sorted."""
    with closing(sqlite3.connect(database)) as connection:
        sql = "SELECT source, target FROM edges WHERE kind = 'imports' ORDER BY 1, 2"
        return [f"{source} -> {target}" for source, target in connection.execute(sql)]
