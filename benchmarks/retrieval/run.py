"""Retrieval quality on topics: systems side by side, and what each part of Hikma earns.

    python benchmarks/retrieval/run.py --topics DIR --checkouts DIR [--scope root|repo]
        [--only a,b] [--systems hikma,semble] [--ablation] [--set lexical=0.4 …] [--out DIR]

Prints Markdown. A topics folder holds `annotations/` and `repos.json`; checkouts are the work trees
at the revisions that it names. Indexes, and what the peers answer, are kept in the cache folder: a
run with other weights re-uses them. The ablation is of the first system that is Hikma's own.
`--out benchmarks/results` keeps the figures, named by commit.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import ablation
import checking
import numpy as np
import ours
import peers
import report
from measures import MEASURES, Answer, Found, judge
from topics import SCOPES, Topic, Tree, load_topics, load_trees

from hikma.errors import HikmaError, UsageError
from hikma.ranking import Weights

PEERS = ("ripgrep", "fts5", "semble-bm25", "semble")
SYSTEMS = ("hikma", "hikma-lexical", "hikma-semantic", *PEERS)
_CACHE = Path.home() / ".cache" / "hikma-retrieval"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of every tree."""

    systems: tuple[str, ...]
    groups: tuple[str, ...]
    weights: Weights
    semble_python: Path | None
    cache: Path


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one tree: by system or variant, a row of measures and the ten best a topic."""

    systems: dict[str, list[list[float]]]
    variants: dict[str, list[list[float]]]
    tops: dict[str, list[Sequence[Found]]]


def main() -> int:
    asked = _arguments().parse_args()
    try:
        _run(asked)
    except HikmaError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    environment = os.environ.get
    folder = environment("HIKMA_TOPICS")
    parser.add_argument("--topics", type=Path, default=folder, required=not folder)
    parser.add_argument("--checkouts", type=Path, required=True)
    parser.add_argument("--scope", choices=SCOPES, default=SCOPES[0])
    parser.add_argument("--only", type=_listed, default=(), metavar="a,b", help="repositories")
    parser.add_argument("--systems", type=_listed, default=SYSTEMS, metavar="a,b")
    parser.add_argument("--against", help="the system that differences are to; default: the last")
    parser.add_argument("--ablation", nargs="*", choices=ablation.GROUPS, metavar="GROUP")
    parser.add_argument("--set", nargs="*", default=(), metavar="WEIGHT=FIGURE")
    parser.add_argument("--semble-python", type=Path, default=environment("HIKMA_SEMBLE_PYTHON"))
    parser.add_argument("--cache", type=Path, default=_CACHE)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="folder for the figures as JSON")
    parser.add_argument("--brief", action="store_true", help="no tables by category and language")
    parser.add_argument("--check", action="store_true", help="judge by the topics' ndcg.py too")
    return parser


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _run(asked: argparse.Namespace) -> None:
    groups = () if asked.ablation is None else tuple(asked.ablation) or ablation.GROUPS
    plan = Plan(
        asked.systems, groups, ours.read_weights(asked.set), asked.semble_python, asked.cache
    )
    for name in plan.systems:
        if not ours.parse(name):
            _peer(name, plan)  # says at once what is missing
    against = asked.against or plan.systems[-1]
    if against not in plan.systems:
        raise UsageError(f"--against {against} is not among --systems {','.join(plan.systems)}")
    if asked.check:
        checking.program(asked.topics)
    topics = load_topics(asked.topics, asked.only)
    trees = load_trees(topics, asked.topics, asked.checkouts, asked.scope, plan.cache)
    judged = _judge_all(plan, trees, topics, asked.jobs)
    if asked.check:
        checking.check(judged.tops, judged.systems, topics, asked.topics)
    columns = _columns(judged.systems), _columns(judged.variants)
    outcome = report.Outcome(topics, *columns, against)
    _print(asked, outcome)
    if asked.out:
        _keep(asked, outcome)


def _judge_all(plan: Plan, trees: Sequence[Tree], topics: Sequence[Topic], jobs: int) -> Judged:
    """Judge every tree; topics are sorted by repository, as trees are, so rows stay in order."""
    of_tree = [[one for one in topics if one.repository == tree.repository] for tree in trees]
    whole = Judged({}, {}, {})
    with ProcessPoolExecutor(jobs) as pool:
        for tree, part in zip(
            trees, pool.map(partial(_judge_tree, plan), trees, of_tree), strict=True
        ):
            print(f"judged {tree.label}", file=sys.stderr)
            for name in ("systems", "variants", "tops"):
                for system, rows in getattr(part, name).items():
                    getattr(whole, name).setdefault(system, []).extend(rows)
    return whole


def _judge_tree(plan: Plan, tree: Tree, topics: Sequence[Topic]) -> Judged:
    queries = [topic.query for topic in topics]
    found = {name: _answers(name, plan, tree, queries) for name in plan.systems}
    varied: dict[str, list[Answer]] = {}
    if plan.groups:
        way = next(filter(None, map(ours.parse, (*plan.systems, ours.NAME))))
        with ours.opened(tree, way.model, plan.cache) as engine:
            sources = ours.reading(engine, plan.weights)
            asked = ablation.variants(plan.groups, plan.weights)
            varied = ablation.answers(sources, tree, queries, asked, way.mode)
            searched = found.get(way.name) or ours.answers(sources, tree, queries, way.mode)
            ablation.check_replay(varied[ablation.FULL], searched, tree)
    tops = {name: [one.top for one in some] for name, some in found.items()}
    return Judged(_judge(found, topics), _judge(varied, topics), tops)


def _answers(name: str, plan: Plan, tree: Tree, queries: Sequence[str]) -> list[Answer]:
    way = ours.parse(name)
    if way is None:
        return peers.answers(_peer(name, plan), tree, queries, plan.cache)
    with ours.opened(tree, way.model, plan.cache) as engine:
        return ours.answers(ours.reading(engine, plan.weights), tree, queries, way.mode)


def _peer(name: str, plan: Plan) -> peers.Peer:
    match name:
        case "ripgrep":
            return peers.ripgrep()
        case "fts5":
            return peers.fts5()
        case "semble" | "semble-bm25":
            return peers.semble(name, plan.semble_python, plan.cache)
    raise UsageError(f"There is no system {name!r}; known: {', '.join(SYSTEMS)}")


def _judge(
    found: Mapping[str, Sequence[Answer]], topics: Sequence[Topic]
) -> dict[str, list[list[float]]]:
    return {
        name: [judge(one, topic.targets) for one, topic in zip(some, topics, strict=True)]
        for name, some in found.items()
    }


def _columns(rows: Mapping[str, Sequence[Sequence[float]]]) -> report.Scores:
    return {
        name: dict(zip(MEASURES, np.array(some, dtype=np.float64).T, strict=True))
        for name, some in rows.items()
    }


def _print(asked: argparse.Namespace, outcome: report.Outcome) -> None:
    queries, repositories = len(outcome.topics), {one.repository for one in outcome.topics}
    print(
        f"\nScope {asked.scope}: {queries} queries on {len(repositories)} repositories, commit "
        f"{_commit()}; mean over repositories [95 % interval over queries]\n"
    )
    for lines in report.tables(outcome, brief=asked.brief):
        print("\n".join(lines), end="\n\n")


def _keep(asked: argparse.Namespace, outcome: report.Outcome) -> None:
    kept = {"commit": _commit(), "scope": asked.scope, **report.kept(outcome)}
    asked.out.mkdir(parents=True, exist_ok=True)
    place = asked.out / f"retrieval-{asked.scope}-{_commit()}.json"
    text = re.sub(
        r"\[[^][{}]*\]", lambda some: " ".join(some[0].split()), json.dumps(kept, indent=1)
    )
    place.write_text(f"{text}\n", encoding="utf-8")
    print(f"kept in {place}")


def _commit() -> str:
    """Return the commit of this checkout, `-changed` where its package differs from it."""
    commit = _git("rev-parse", "--short=7", "HEAD")
    if commit is None:
        return f"version-{version('hikma')}"
    return f"{commit}-changed" if _git("status", "--porcelain", "--", "src") else commit


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, check=False)
    return None if done.returncode else done.stdout.decode().strip()


if __name__ == "__main__":
    sys.exit(main())
