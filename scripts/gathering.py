"""From the sources of packages to the pairs of each language, kept as one file a language."""

import hashlib
import json
import os
import sysconfig
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from operator import itemgetter
from pathlib import Path

from corpus import HELD_OUT
from material import packages
from pairs import Pair, files, pairs_of

MEGABYTES = {
    "python": 18.0,
    "java": 18.0,
    "go": 14.0,
    "rust": 14.0,
    "c": 12.0,
    "cpp": 10.0,
    "javascript": 10.0,
    "typescript": 10.0,
    "php": 10.0,
    "ruby": 8.0,
    "kotlin": 8.0,
    "haskell": 8.0,
    "scala": 7.0,
    "zig": 7.0,
    "csharp": 6.0,
    "swift": 4.4,
    "elixir": 4.0,
    "lua": 4.0,
    "bash": 2.0,
}
"""Of a language that much source is read, evenly over its packages."""
OF_PACKAGE = 3.0
"""Megabytes of one language in one package, but for those that are most of what a language has."""
LARGE = {
    "openjdk-17-source": 12.0,
    "golang-1.19-src": 8.0,
    "rust-src": 8.0,
    "ziglang": 7.0,
    "kotlin": 6.0,
    "scala": 7.0,
    "elixir-lang": 4.0,
    "keepass2": 4.0,
    "cpython": 5.0,
    "guava-libraries": 6.0,
}
_TESTS = ("_test", "test", ".spec", ".test", "_spec")

Source = tuple[Path, Path, str]
"""A file, the folder of its package, the package."""


def roots(sources: Path) -> Iterator[tuple[str, Path]]:
    """Yield every package with its folder, this interpreter's library and what is held out."""
    for registry, name, _ in packages():
        yield name, sources / registry / name
    yield "cpython", Path(sysconfig.get_path("stdlib"))
    installed = Path(sysconfig.get_path("purelib"))
    yield from (
        (name, installed / name) for name in sorted(HELD_OUT) if (installed / name).exists()
    )


def by_language(sources: Path) -> dict[str, dict[str, list[Source]]]:
    """Return the files of each language and package, in an order drawn by their paths' hash."""
    found: dict[str, dict[str, list[Source]]] = {language: {} for language in MEGABYTES}
    for package, root in roots(sources):
        for path, language in files(root):
            if not path.stem.lower().endswith(_TESTS):
                found[language].setdefault(package, []).append((path, root, package))
    for of_packages in found.values():
        for some in of_packages.values():
            some.sort(key=_drawn)
    return found


def _drawn(source: Source) -> bytes:
    path, root, package = source
    return hashlib.blake2b(f"{package}{path.relative_to(root)}".encode(), digest_size=8).digest()


def within(megabytes: float, packages: dict[str, list[Source]]) -> list[Source]:
    """Return files until that much is read, always one of the package that has least so far."""
    taken: list[Source] = []
    waiting = {package: iter(some) for package, some in packages.items()}
    spent = dict.fromkeys(waiting, 0)
    left = megabytes * 1e6
    while waiting and left > 0:
        package = min(waiting, key=lambda one: (spent[one], one))
        source = next(waiting[package], None)
        if source is None or spent[package] > LARGE.get(package, OF_PACKAGE) * 1e6:
            del waiting[package]
            continue
        spent[package] += source[0].stat().st_size
        left -= source[0].stat().st_size
        taken.append(source)
    return taken


def _read(source: Source) -> list[tuple[str, ...]]:
    path, root, package = source
    return [
        (one.kind, one.language, one.package, one.path, one.question, one.answer)
        for one in pairs_of(path, root, package)
    ]


def gather(sources: Path, cache: Path, share: float = 1.0) -> list[Pair]:
    """Return the pairs of all languages in a fixed order; what the cache has is not read again.

    With a `share`, so much of `MEGABYTES` is read, still evenly over the packages.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lacking = [one for one in MEGABYTES if not (cache / f"{one}.jsonl").exists()]
    found = by_language(sources) if lacking else {}
    with Pool(os.cpu_count()) as pool:
        for language in lacking:
            todo = within(share * MEGABYTES[language], found[language])
            rows = [row for some in pool.imap_unordered(_read, todo, chunksize=8) for row in some]
            _write(cache / f"{language}.jsonl", sorted(rows, key=itemgetter(2, 3)))
    return [one for language in sorted(MEGABYTES) for one in kept(cache / f"{language}.jsonl")]


def _write(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    part.rename(path)


def kept(path: Path) -> Iterator[Pair]:
    """Yield the pairs of one language's file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            kind, _, package, place, question, answer = json.loads(line)
            yield Pair(kind, path.stem, package, place, question, answer)
