"""Topics and the trees that they ask about: queries with the places that answer them.

A topics folder holds `repos.json` (name, language, revision and the folder that is indexed, for
each repository) and `annotations/NAME.json` (queries with relevant and secondary targets, a
category each). The trees are work trees at these revisions, `CHECKOUTS/NAME`.
"""

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hikma.errors import UsageError

ROOT, REPO = "root", "repo"
SCOPES = (ROOT, REPO)
"""What is indexed: the folder that `benchmark_root` names, or the whole work tree."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place that answers a query: a file, or lines of it (1-based, inclusive)."""

    path: str
    start_line: int | None = None
    end_line: int | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A query on a repository, with every target of gain 1."""

    repository: str
    language: str
    category: str
    query: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """What a system is given: a folder, and where that stands in the work tree (`lib/` or empty).

    `label` names repository, scope and revision, so that what is kept of a run is found again.
    """

    repository: str
    folder: Path
    prefix: str
    label: str


def load_topics(folder: Path, only: Collection[str]) -> list[Topic]:
    """Return the topics of all repositories in `repos.json` or of `only` these, sorted by name."""
    languages = {name: spec["language"] for name, spec in _specs(folder).items()}
    if unknown := sorted(set(only) - languages.keys()):
        raise UsageError(f"{folder / 'repos.json'} has no repository {', '.join(unknown)}")
    topics = []
    for file in sorted((folder / "annotations").glob("*.json"), key=lambda one: one.stem):
        if file.stem in languages and (not only or file.stem in only):
            items = json.loads(file.read_text(encoding="utf-8"))
            topics += [_topic(file.stem, languages[file.stem], item) for item in items]
    if not topics:
        raise UsageError(f"{folder / 'annotations'} has no topics of these repositories")
    return topics


def load_trees(
    topics: Sequence[Topic], folder: Path, checkouts: Path, scope: str, cache: Path
) -> list[Tree]:
    """Return the tree of each repository that topics ask about, sorted by name.

    A folder inside a work tree is copied into `cache` once: Hikma and ripgrep would walk up from
    it to the repository. Raises UsageError, naming every repository whose tree is missing.
    """
    specs = _specs(folder)
    names = sorted({topic.repository for topic in topics})
    trees = [_tree(specs[name], checkouts, scope, cache) for name in names]
    if missing := [str(tree.folder) for tree in trees if not tree.folder.is_dir()]:
        raise UsageError(
            f"There is no work tree {', '.join(missing)}; check out each repository at the "
            "revision that repos.json names, or choose others with --only."
        )
    return [_apart(tree, cache) if tree.prefix else tree for tree in trees]


def _specs(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        listed = json.loads((folder / "repos.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{folder} is no folder of topics: {error}") from error
    return {spec["name"]: spec for spec in listed}


def _topic(repository: str, language: str, item: dict[str, Any]) -> Topic:
    listed = [*item.get("relevant", []), *item.get("secondary", [])]
    targets = tuple(Target(one) if isinstance(one, str) else _target(one) for one in listed)
    return Topic(repository, language, item.get("category") or "unknown", item["query"], targets)


def _target(given: dict[str, Any]) -> Target:
    return Target(given["path"], given.get("start_line"), given.get("end_line"))


def _tree(spec: dict[str, Any], checkouts: Path, scope: str, cache: Path) -> Tree:
    inside = (spec.get("benchmark_root") or "") if scope == ROOT else ""
    revision = spec.get("revision_used") or spec["revision"]
    label = f"{spec['name']}-{scope}-{revision[:10]}"
    name = spec["name"]
    copied = cache / "trees" / label / name
    folder = copied if inside and copied.is_dir() else (checkouts / name / inside).resolve()
    return Tree(name, folder, f"{inside}/" if inside else "", label)


def _apart(tree: Tree, cache: Path) -> Tree:
    target = cache / "trees" / tree.label / tree.repository
    if not target.is_dir():
        draft = target.parent.with_name(f"{tree.label}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(tree.folder, draft / tree.repository, symlinks=True)
        (draft / tree.repository / ".hikma").mkdir()  # a root of its own, wherever the cache is
        draft.rename(target.parent)
    return Tree(tree.repository, target, tree.prefix, tree.label)
