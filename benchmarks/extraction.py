"""How much slower is extraction than the bare parse? Both timed in one run, on one core.

    python benchmarks/extraction.py FOLDER [LANGUAGE ...]

Prints for each language: files, megabytes, the bare parse in MB/s, whole extraction (decoding,
parse, outline, nodes, edges, references) in MB/s, and what was found. The best of three runs of
each counts, taken in turn, so that a busy machine slows both alike.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from tree_sitter import Parser

from hikma.domain import Extraction, NodeKind, SourceFile
from hikma.sources.grammar import Tools, tools_for
from hikma.sources.language_names import language_of
from hikma.sources.syntax import extract

ROUNDS = 3


def read(folder: Path, wanted: Sequence[str]) -> dict[str, list[SourceFile]]:
    found: dict[str, list[SourceFile]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        language = language_of(path.name)
        if language is None or (wanted and language not in wanted):
            continue
        if path.is_file() and not path.is_symlink() and tools(path) is not None:
            name = path.relative_to(folder).as_posix()
            file = SourceFile(name, "", path.read_bytes())
            if isinstance(extract(file), Extraction):
                found[language].append(file)
    return found


def tools(path: Path) -> Tools | None:
    return tools_for(language_of(path.name), path.suffix[1:].lower())


def parse_all(files: Sequence[SourceFile]) -> None:
    for file in files:
        known = tools(Path(file.path))
        if known is not None:
            Parser(known.language).parse(file.content)


def extract_all(files: Sequence[SourceFile]) -> None:
    for file in files:
        extract(file)


def seconds(task: Callable[[Sequence[SourceFile]], None], files: Sequence[SourceFile]) -> float:
    start = time.process_time()
    task(files)
    return time.process_time() - start


def row(language: str, files: Sequence[SourceFile]) -> str:
    size = sum(len(file.content) for file in files) / 1e6
    runs = [(seconds(parse_all, files), seconds(extract_all, files)) for _ in range(ROUNDS)]
    bare, whole = (min(times) for times in zip(*runs, strict=True))
    read_again = [one for one in map(extract, files) if isinstance(one, Extraction)]
    nodes = [node.kind for one in read_again for node in one.nodes]
    limited = sum(one.limitation is not None for one in read_again)
    return (
        f"{language:<12}{len(files):>7}{size:>9.2f}{size / bare:>9.2f}{size / whole:>9.2f}"
        f"{nodes.count(NodeKind.SYMBOL):>9}{nodes.count(NodeKind.TEST):>8}"
        f"{sum(len(one.references) for one in read_again):>9}{limited:>8}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("languages", nargs="*")
    arguments = parser.parse_args()
    print("language      files       MB    parse  extract  symbols   tests     refs limited")
    for language, files in read(arguments.folder, arguments.languages).items():
        print(row(language, files), flush=True)


if __name__ == "__main__":
    main()
