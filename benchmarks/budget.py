"""What an agent finds for its tokens: `hikma search --budget` beside grep and beside whole hits.

    python benchmarks/budget.py TOPICS TREES [--cache CACHE] [--scope root] [--count-with COMMAND]

TOPICS holds `annotations/NAME.json` (queries, each with the files that answer it) and `repos.json`;
TREES/NAME is the work tree of each repository, CACHE keeps the indexes. The measure is the share of
a query's relevant files of which something is shown within so many tokens (where a label names
lines: one of them), as the mean over queries and over repositories. Tokens are those of
`hikma.packing.tokens` for everyone, of everything that is printed: places and names, too.

    hikma            what `hikma search --budget` prints
    hikma --json     the same as one JSON object, all of it counted
    hits in full     hikma's hits in their order, each whole, until one does not fit
    grep, whole      files with most of the query's words first, whole, until one does not fit
    grep, cut        the same; the file that does not fit is shown as far as it fits
    grep -C 3        lines with any of the words and three around them, files in the same order

COMMAND reads a JSON string a line and prints its count of tokens: what was printed is counted by a
tokenizer in use, too. The figures of `packing.Worth` were chosen on half of the repositories, the
`tuned` ones; the others were not looked at.
"""

import argparse
import json
import random
import re
import shlex
import statistics
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hikma.domain import Query
from hikma.engine import Engine
from hikma.interfaces import rendering
from hikma.packing import Form, tokens
from hikma.ranking import STOP_WORDS

BUDGETS = (500, 2_000, 8_000)
_DEEPEST = 100
_LINES = "\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """Lines of a file that are printed, and how."""

    path: str
    lines: frozenset[str]
    printed: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A query and the files that answer it; a label may name lines."""

    repository: str
    query: str
    targets: Sequence[Mapping[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("topics", type=Path)
    parser.add_argument("trees", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(".hikma-budget"))
    parser.add_argument("--scope", choices=["root", "repo"], default="root")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--count-with", type=shlex.split, default=[])
    parser.add_argument("--json", type=Path, help="where each query's recall goes")
    asked = parser.parse_args()
    repositories = json.loads((asked.topics / "repos.json").read_text())
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    printed: dict[int, list[str]] = {budget: [] for budget in BUDGETS}
    for one in repositories:
        if asked.only and one["name"] not in asked.only:
            continue
        root = asked.trees / one["name"]
        folder = root / (one.get("benchmark_root") or ".") if asked.scope == "root" else root
        if folder != root and (root / ".git").exists():
            raise SystemExit(
                f"{root}/.git: a folder of it is judged; remove .git, or copy the tree."
            )
        database = asked.cache / f"index-{asked.scope}" / f"{one['name']}.db"
        with Engine.open(folder, flags={"database": database}) as engine:
            engine.index(history=False)
            for topic in _topics(asked.topics, one["name"]):
                _judge(engine, folder, topic, found, printed)
        print(one["name"], flush=True)
    _print(found, _tuned([one["name"] for one in repositories]))
    if asked.json:
        rows = [
            {"contender": name, "tokens": budget, "recall": one}
            for (name, budget), one in found.items()
        ]
        asked.json.write_text(json.dumps(rows) + "\n")
    if asked.count_with:
        _count(asked.count_with, printed)


def _topics(folder: Path, name: str) -> Iterator[Topic]:
    for one in json.loads((folder / "annotations" / f"{name}.json").read_text()):
        targets = [*one["relevant"], *one.get("secondary", [])]
        plain = [{"path": target} if isinstance(target, str) else target for target in targets]
        yield Topic(name, one["query"], plain)


def _judge(
    engine: Engine,
    folder: Path,
    topic: Topic,
    found: dict[tuple[str, int], dict[str, list[float]]],
    printed: dict[int, list[str]],
) -> None:
    whole = list(_whole_hits(engine, topic))
    files = list(_grep(folder, topic.query))
    around = list(_around(folder, topic.query, files))
    for budget in BUDGETS:
        text, shown = _packed(engine, topic, budget, rendering.AS_TEXT)
        printed[budget].append(text)
        contenders = {
            "hikma": shown,
            "hikma --json": _packed(engine, topic, budget, rendering.AS_JSON)[1],
            "hits in full": list(_fitting(whole, budget)),
            "grep, whole": list(_fitting(_whole_files(folder, files), budget)),
            "grep, cut": list(_fitting(_whole_files(folder, files), budget, cut=True)),
            "grep -C 3": list(_fitting(around, budget, cut=True)),
        }
        for name, parts in contenders.items():
            by_repository = found.setdefault((name, budget), {})
            recall = sum(_covers(folder, parts, one) for one in topic.targets) / len(topic.targets)
            by_repository.setdefault(topic.repository, []).append(recall)


def _packed(engine: Engine, topic: Topic, budget: int, form: Form) -> tuple[str, list[Shown]]:
    result = engine.search(Query(topic.query, budget=budget), form)
    as_text = form is rendering.AS_TEXT
    lines = rendering.search_result(result) if as_text else [rendering.as_json(result)]
    text = "".join(f"{rendering.printable(line) if as_text else line}\n" for line in lines)
    if not tokens(text) <= (result.tokens or 0) <= budget:
        raise SystemExit(f"{topic}: {tokens(text)} tokens printed, {result.tokens} of {budget}")
    return text, [_shown(hit.path, hit.snippet, "") for hit in result.hits]


def _whole_hits(engine: Engine, topic: Topic) -> Iterator[Shown]:
    for hit in engine.search(Query(topic.query, limit=_DEEPEST)).hits:
        head = f"{hit.path}:{hit.start_line}-{hit.end_line} {hit.name}\n"
        yield _shown(hit.path, hit.snippet, head)


def _shown(path: str, text: str, head: str) -> Shown:
    return Shown(path, frozenset(map(str.strip, text.split("\n"))), f"{head}{text}\n")


def _keywords(query: str) -> list[str]:
    said = re.findall(r"[A-Za-z_][A-Za-z0-9_]+", query)
    kept = [one for one in said if len(one) > 2 and one.lower() not in STOP_WORDS]
    return list(dict.fromkeys(one.lower() for one in kept or said))


def _ripgrep(folder: Path, *arguments: str) -> list[str]:
    command = ["rg", "--ignore-case", "--fixed-strings", "--sort", "path", *arguments, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace").splitlines()


def _grep(folder: Path, query: str) -> Iterator[str]:
    """Yield paths, those with most different words of the query first, then most matches."""
    different: Counter[str] = Counter()
    matches: Counter[str] = Counter()
    for word in _keywords(query):
        for line in _ripgrep(folder, "--count", "--no-messages", word):
            path, _, count = line.rpartition(":")
            different[path] += 1
            matches[path] += int(count)
    yield from sorted(different, key=lambda path: (-different[path], -matches[path], path))


def _whole_files(folder: Path, paths: Sequence[str]) -> Iterator[Shown]:
    for path in paths:
        text = (folder / path).read_text(encoding="utf-8", errors="replace")
        yield _shown(path.removeprefix("./"), text, f"{path}\n")


def _around(folder: Path, query: str, paths: Sequence[str]) -> Iterator[Shown]:
    words = [part for word in _keywords(query) for part in ("--regexp", word)]
    printed = _LINES.join(_ripgrep(folder, "--heading", "--line-number", "--context", "3", *words))
    blocks = dict(block.split("\n", 1) for block in printed.split("\n\n") if "\n" in block)
    for path in paths:
        if path in blocks:
            plain = frozenset(re.sub(r"^\d+[:-]", "", one).strip() for one in _lines(blocks[path]))
            yield Shown(path.removeprefix("./"), plain, f"{path}\n{blocks[path]}\n\n")


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _fitting(
    parts: Iterator[Shown] | list[Shown], budget: int, *, cut: bool = False
) -> list[Shown]:
    kept: list[Shown] = []
    for part in parts:
        cost = tokens(part.printed) if len(part.printed) < budget * 20 else budget + 1
        if cost > budget:
            return [*kept, _first_lines(part, budget)] if cut else kept
        budget -= cost
        kept.append(part)
    return kept


def _first_lines(part: Shown, budget: int) -> Shown:
    kept: list[str] = []
    for line in _lines(part.printed):
        budget -= tokens(f"{line}\n")
        if budget < 0:
            break
        kept.append(line)
    plain = (re.sub(r"^\d+[:-]", "", line).strip() for line in kept[1:])
    return Shown(part.path if len(kept) > 1 else "", frozenset(plain), _LINES.join(kept))


def _covers(folder: Path, parts: Sequence[Shown], target: Mapping[str, Any]) -> bool:
    wanted = target["path"]
    own = [one for one in parts if one.path and f"/{wanted}".endswith(f"/{one.path}")]
    if not own or "start_line" not in target:
        return bool(own)
    text = (folder / own[0].path).read_text(encoding="utf-8", errors="replace").split("\n")
    lines = {line.strip() for line in text[target["start_line"] - 1 : target["end_line"]]}
    return any(one.lines & (lines - {""}) for one in own)


def _print(
    found: Mapping[tuple[str, int], Mapping[str, Sequence[float]]], tuned: Sequence[str]
) -> None:
    print("\n| contender | tokens | queries | repositories | tuned half | other half |")
    print("|---|--:|--:|--:|--:|--:|")
    for (name, budget), by_repository in sorted(found.items(), key=lambda one: one[0][1]):
        queries = _mean([one for some in by_repository.values() for one in some])
        means = {one: _mean(some) for one, some in by_repository.items()}
        halves = [
            _mean([mean for one, mean in means.items() if (one in tuned) is half])
            for half in (True, False)
        ]
        figures = (queries, _mean(list(means.values())), *halves)
        print(f"| {name} | {budget:,} | " + " | ".join(f"{one:.3f}" for one in figures) + " |")


def _tuned(names: Sequence[str]) -> list[str]:
    shuffled = sorted(names)
    random.Random(5).shuffle(shuffled)  # noqa: S311 -- a split, no secret
    return shuffled[::2]


def _mean(figures: Sequence[float]) -> float:
    return statistics.fmean(figures) if figures else 0.0


def _count(command: Sequence[str], printed: Mapping[int, Sequence[str]]) -> None:
    """Print what a tokenizer in use makes of what `hikma` printed, as a share of the budget."""
    print("\n| budget | answers | estimate / real | most real / budget | answers above budget |")
    print("|--:|--:|--:|--:|--:|")
    for budget, texts in printed.items():
        given = "".join(f"{json.dumps(text)}\n" for text in texts)
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        real = [int(line) for line in done.stdout.split()]
        ratio = sum(map(tokens, texts)) / sum(real)
        above = sum(one > budget for one in real)
        print(f"| {budget:,} | {len(real)} | {ratio:.2f} | {max(real) / budget:.2f} | {above} |")


if __name__ == "__main__":
    main()
