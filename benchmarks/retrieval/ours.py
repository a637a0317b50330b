"""Hikma as a system: an index of each tree, kept by version of what made it, and its answers."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from measures import CUT, DEEP, Answer, Found
from topics import Tree

import hikma
from hikma.domain import Mode, Query
from hikma.engine import DEFAULT_MODEL, Engine
from hikma.errors import HikmaError, UsageError
from hikma.ranking import Scored, Weights
from hikma.results import Hit, IndexReport
from hikma.search import Sources, search
from hikma.settings import load_settings

NAME = "hikma"
_KEPT = 4
"""Indexes of one tree, model and scope that are kept: the latest used."""
_ANSWERING = (
    *("search.py", "retrieval.py", "ranking/", "hits.py", "packing.py", "scanning.py"),
    *("results.py", "engine.py", "evaluation/", "interfaces/", "errors.py", "telemetry.py"),
    *("insertion.py", "pull_requests.py", "history.py", "vectors/resident.py"),
)
"""Parts of the package that no row of an index without a history depends on."""


@dataclass(frozen=True, slots=True)
class Ours:
    """One way of asking Hikma, written `hikma`, `hikma-lexical` or `hikma-semantic:minilm`."""

    name: str
    mode: Mode
    model: str


def parse(name: str) -> Ours | None:
    """Read the name of a way of asking; None for another system's name."""
    asked, _, model = name.partition(":")
    modes = {f"{NAME}-{mode.value}": mode for mode in Mode} | {NAME: Mode.HYBRID}
    return Ours(name, modes[asked], model or DEFAULT_MODEL) if asked in modes else None


@contextmanager
def opened(tree: Tree, model: str, cache: Path) -> Iterator[Engine]:
    """Open the index of a tree, made first where `cache` has none of this version of Hikma."""
    kind = f"{tree.label}-{model.replace(':', '-').replace('/', '-')}"
    place = cache / "indexes" / f"{kind}-{index_version()}"
    if not place.is_dir():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        with _engine(tree, draft, model) as engine:
            report = engine.index(history=False)  # the topics judge trees alone
        _refuse_hurried(report, draft)
        _settle(draft, place, kind)
    os.utime(place)
    with _engine(tree, place, model) as engine:
        yield engine


def reading(engine: Engine, weights: Weights) -> Sources:
    """Return what a search reads from, with other weights, and no look at the files for hits."""
    with engine.catalog.read():
        sources = engine.sources()
    return replace(sources, weights=weights, digest_now=lambda _, digest: digest)


def answers(
    sources: Sources, tree: Tree, queries: Sequence[str], mode: Mode = Mode.HYBRID
) -> list[Answer]:
    """Return what the search itself answers when ten hits are wanted, and when fifty are."""
    return [
        Answer(*(_searched(sources, tree, Query(text, limit=n, mode=mode)) for n in (CUT, DEEP)))
        for text in queries
    ]


def placed(scored: Sequence[Scored], tree: Tree) -> list[Found]:
    """Return ranked candidates as results, like the hits that a search makes of them."""
    return [
        Found(f"{tree.prefix}{one.path}", one.start_line, one.end_line)
        if one.start_line is not None and one.end_line is not None
        else Found(f"{tree.prefix}{one.path}")
        for one in (scored_one.candidate.document for scored_one in scored)
    ]


@lru_cache(maxsize=1)
def index_version() -> str:
    """Return a digest of every file of the package that an index depends on."""
    package = Path(hikma.__file__).parent
    digest = blake2b(digest_size=6)
    for file in sorted(package.rglob("*")):
        path = file.relative_to(package).as_posix()
        if file.is_file() and file.suffix != ".pyc" and not path.startswith(_ANSWERING):
            digest.update(path.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def read_weights(given: Sequence[str]) -> Weights:
    """Return the table of weights with those changed that are given as `name=figure`."""
    changed = {}
    for one in given:
        name, _, figure = one.partition("=")
        if name not in Weights.__slots__:
            raise UsageError(f"There is no weight {name!r}; known: {', '.join(Weights.__slots__)}")
        changed[name] = float(figure)
    return replace(Weights(), **changed)


def _engine(tree: Tree, place: Path, model: str) -> Engine:
    flags = {"database": place / "index.db", "embedding_model": model}
    return Engine(tree.folder, load_settings(tree.folder, {}, flags))


def _refuse_hurried(report: IndexReport, draft: Path) -> None:
    """Drop an index in which a busy machine left files unparsed: figures would depend on that."""
    told = [one for one in (*report.skips, *report.limitations) if "time limit" in one.reason]
    if told:
        shutil.rmtree(draft)
        raise HikmaError(
            f"{len(told)} files of {draft.name} were not parsed in time, {told[0].path} first; run "
            "again when the machine is less busy, or with fewer --jobs."
        )


def _settle(draft: Path, place: Path, kind: str) -> None:
    """Give a complete index its name, and drop the least used of its kind."""
    try:
        draft.rename(place)
    except OSError:  # another run was first
        shutil.rmtree(draft)
    kept = sorted(place.parent.glob(f"{kind}-*"), key=lambda one: -one.stat().st_mtime)
    for old in kept[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _searched(sources: Sources, tree: Tree, query: Query) -> list[Found]:
    return [_found(hit, tree) for hit in search(sources, query).hits]


def _found(hit: Hit, tree: Tree) -> Found:
    return Found(f"{tree.prefix}{hit.path}", hit.start_line, hit.end_line)
