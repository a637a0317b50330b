"""The systems that Hikma is compared with: ripgrep by keyword, FTS5 over chunks, semble.

Each is a function (tree, queries) → answers, with paths as the tree has them. What a peer answers
depends on its version, the tree and the queries alone, so it is kept in a folder.
"""

import json
import re
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from measures import CUT, DEEP, Answer, Found
from topics import Tree

from hikma.documents import words
from hikma.errors import UsageError
from hikma.ranking import STOP_WORDS
from hikma.sources.language_names import language_of

Rows: TypeAlias = list[tuple[str, int | None, int | None]]
"""Path, first line, last line of each result."""
_CHUNK = 1_500
"""Characters; the size that semble and its published BM25 cut to."""
_NO_CODE = {"csv", "css", "diff", "html", "ini", "json", "latex", "less", "markdown", "make"}
_NO_CODE |= {"org", "po", "properties", "rst", "scss", "svg", "text", "toml", "xml", "yaml"}
_MOST_BYTES = 1_000_000
_PROGRAM = Path(__file__).with_name("semble_process.py")


@dataclass(frozen=True, slots=True)
class Peer:
    """A system beside ours; `version` says what answered."""

    name: str
    version: str
    ask: Callable[[Tree, Sequence[str]], list[tuple[Rows, Rows]]]
    """What it answers to each query when CUT are wanted, and when DEEP are."""


def answers(peer: Peer, tree: Tree, queries: Sequence[str], cache: Path) -> list[Answer]:
    """Return a peer's answers, from `cache` where the same was asked before."""
    asked = json.dumps([peer.name, peer.version, _own_digest(), tree.label, *queries])
    kept = cache / "peers" / f"{peer.name}-{tree.label}-{_digest(asked.encode())}.json"
    if not kept.exists():
        _keep(kept, json.dumps(peer.ask(tree, queries)))
    pairs = json.loads(kept.read_text(encoding="utf-8"))
    return [Answer(_placed(top, tree.prefix), _placed(deep, tree.prefix)) for top, deep in pairs]


def ripgrep() -> Peer:
    """Files by how many keywords of the query they have, then by how many lines have one."""
    if not shutil.which("rg"):
        raise UsageError(
            "ripgrep is not installed: `apt-get install ripgrep`, or leave it out with --systems."
        )
    return Peer("ripgrep", _printed(["rg", "--version"]).split("\n", 1)[0], _ask_ripgrep)


def fts5() -> Peer:
    """Chunks of whole lines in SQLite's full text, the words joined by OR; no field, no rule."""
    return Peer("fts5", f"SQLite {sqlite3.sqlite_version}", _ask_fts5)


def semble(name: str, python: Path | None, cache: Path) -> Peer:
    """Semble's BM25 alone (`semble-bm25`) or with its ranking rules (`semble`), without vectors."""
    if python is None:
        raise UsageError(
            "semble runs in an environment of its own: `python -m venv DIR`, "
            "`DIR/bin/pip install semble`, then --semble-python DIR/bin/python "
            "(or leave it out with --systems)."
        )
    program = [str(python), str(_PROGRAM), str(cache / "semble"), str(int(name == "semble"))]
    version = _printed([*program, "--version"]).strip()
    return Peer(name, version, lambda tree, queries: _ask_semble(program, tree, queries))


def _ask_ripgrep(tree: Tree, queries: Sequence[str]) -> list[tuple[Rows, Rows]]:
    return [_cut(_by_keywords(tree, query)) for query in queries]


def _by_keywords(tree: Tree, query: str) -> Rows:
    kinds: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    asked = {word.lower() for word in re.findall(r"\w{3,}", query)}
    for word in sorted(asked - STOP_WORDS):
        for path, count in _lines_with(tree, word):
            kinds[path] += 1
            lines[path] += count
    best = sorted(kinds, key=lambda path: (-kinds[path], -lines[path], path))
    return [(path, None, None) for path in best[:DEEP]]


def _lines_with(tree: Tree, word: str) -> Iterator[tuple[str, int]]:
    options = ["--count", "--null", "--ignore-case", "--fixed-strings", "--sort=path"]
    done = subprocess.run(
        ["rg", *options, "-e", word, "."], cwd=tree.folder, capture_output=True, check=False
    )
    if done.returncode > 1:
        raise UsageError(f"ripgrep failed on {tree.folder}: {done.stderr.decode()[:500]}")
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        path, _, count = line.partition("\0")
        yield path.removeprefix("./"), int(count)


def _ask_fts5(tree: Tree, queries: Sequence[str]) -> list[tuple[Rows, Rows]]:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE chunk USING fts5(body, path UNINDEXED, a UNINDEXED, b UNINDEXED)"
    )
    for path, start, stop, text in _chunks(tree.folder):
        row = (" ".join(words(f"{text} {path}")), path, start, stop)
        connection.execute("INSERT INTO chunk VALUES (?, ?, ?, ?)", row)
    return [_cut(_matching(connection, query)) for query in queries]


def _matching(connection: sqlite3.Connection, query: str) -> Rows:
    expression = " OR ".join(f'"{word}"' for word in dict.fromkeys(words(query)))
    sql = "SELECT path, a, b FROM chunk WHERE chunk MATCH ? ORDER BY rank LIMIT ?"
    return connection.execute(sql, (expression, DEEP)).fetchall()


def _cut(rows: Rows) -> tuple[Rows, Rows]:
    return rows[:CUT], rows


def _chunks(folder: Path) -> Iterator[tuple[str, int, int, str]]:
    """Yield runs of whole lines of about _CHUNK characters, with path, first and last line."""
    for path in _code(folder):
        start, held = 1, ""
        lines = (folder / path).read_text("utf-8", "replace").splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if held and len(held) + len(line) > _CHUNK:
                yield path, start, number - 1, held
                start, held = number, ""
            held += line
        if held.strip():
            yield path, start, len(lines), held


def _code(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        language = language_of(path)
        hidden = any(part.startswith(".") for part in path.split("/"))
        if language is None or language in _NO_CODE or hidden or file.is_symlink():
            continue
        if file.is_file() and file.stat().st_size <= _MOST_BYTES:
            yield path


def _ask_semble(
    program: Sequence[str], tree: Tree, queries: Sequence[str]
) -> list[tuple[Rows, Rows]]:
    asked = {"folder": str(tree.folder), "queries": list(queries), "limits": [CUT, DEEP]}
    pairs: list[tuple[Rows, Rows]] = json.loads(_printed(program, json.dumps(asked)))
    return pairs


def _printed(command: Sequence[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"`{' '.join(command[:2])}` failed: {done.stderr.strip()[-800:]}")
    return done.stdout


def _placed(rows: Rows, prefix: str) -> list[Found]:
    return [Found(f"{prefix}{path}", start, stop) for path, start, stop in rows]


def _keep(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(place)


def _own_digest() -> str:
    return _digest(Path(__file__).read_bytes() + _PROGRAM.read_bytes())


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()
