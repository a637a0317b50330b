"""What commits ask: each subject, for the symbols of an older tree that the commit changed.

The texts are those of the tree before all of these commits, so none knows what they brought.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from hikma import reading
from hikma.catalog.answers import Answer
from hikma.domain import Commit, Node, NodeKind, SourceFile
from hikma.errors import EvaluationError
from hikma.evaluation.commits import MOST_FILES
from hikma.evaluation.messages import cleaned, refusal, says_little
from hikma.evaluation.touching import Older, touched
from hikma.sources.commits import CommitTask, read_commit
from hikma.sources.opening import Source, open_source
from hikma.sources.past import Past
from hikma.sources.roots import find_root, head_of
from hikma.sources.workers import run
from judging import Asked
from pairs import Pair

MOST_TAUGHT = 4
"""Texts of one commit that may teach: one that changes more says little of each."""
_TIMEOUT_S = 60.0
"""A busy machine must leave no file unparsed: figures would depend on that."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of the older tree and what a model is given of its first document."""

    answer: Answer
    path: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects of commits, the symbols of the tree before them, and which each changed."""

    repository: str
    subjects: Sequence[str]
    symbols: Sequence[Symbol]
    changed: Sequence[Sequence[int]]

    def asked(self) -> Asked:
        """Return them as questions among all symbols."""
        return Asked(self.subjects, [one.text for one in self.symbols], self.changed)

    def pairs(self) -> Iterator[Pair]:
        """Yield them as pairs that teach."""
        for subject, changed in zip(self.subjects, self.changed, strict=True):
            for one in (self.symbols[at] for at in changed[:MOST_TAUGHT]):
                yield Pair("commit", one.language, self.repository, one.path, subject, one.text)


def read_subjects(clone: Path, since: int, until: int) -> Subjects:
    """Read commits of a clone, by first parents: from `since` before its head to `until` before."""
    root = find_root(clone)
    with Past(root) as past:
        oldest, newest = (_before(past, head_of(root), back) for back in (since, until))
        with closing(open_source(root, oldest)) as source:
            symbols = list(_symbols(source))
        older = Older(past, oldest, _by_path(symbols))
        asked = dict(_changed(older, newest, since - until))
    place = {one.answer.id: at for at, one in enumerate(symbols)}
    changed = [sorted(place[one] for one in found) for found in asked.values()]
    return Subjects(clone.name, list(asked), symbols, changed)


def _before(past: Past, head: str | None, back: int) -> str:
    found = past.ancestor(head, back) if head else None
    if found is None:
        raise EvaluationError(
            f"{past.root} has no {back} commits along first parents; fetch more of it."
        )
    return found


def _symbols(source: Source) -> Iterator[Symbol]:
    files = (source.load(entry) for entry in source.snapshot().entries)
    for written in run(
        reading.read,
        (one for one in files if isinstance(one, SourceFile)),
        workers=os.cpu_count() or 1,
        on_failure=reading.read_as_text,
        timeout_s=_TIMEOUT_S,
    ):
        if isinstance(written, reading.Written):
            file = written.extraction.nodes[0]
            nodes = {one.id: one for one in written.extraction.nodes}
            for document in written.documents:
                if document.ordinal == 0 and (found := _answer(nodes[document.node])):
                    yield Symbol(found, file.path, file.language or "", document.meaning)


def _answer(node: Node) -> Answer | None:
    if node.kind is not NodeKind.SYMBOL or node.span is None:
        return None
    return Answer(node.id, node.name, node.span.start_line, node.span.end_line)


def _by_path(symbols: Sequence[Symbol]) -> Mapping[str, Sequence[Answer]]:
    found: dict[str, list[Answer]] = {}
    for one in symbols:
        found.setdefault(one.path, []).append(one.answer)
    return found


def _first_parents(past: Past, newest: str, count: int) -> Iterator[str]:
    current: str | None = newest
    for _ in range(count):
        if current is None:
            return
        yield current
        current = past.ancestor(current, 1)


def _changed(older: Older, newest: str, count: int) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each subject with the symbols that its commit changed, oldest last, so it stays."""
    for hash_ in _first_parents(older.past, newest, count):
        commit = read_commit(CommitTask(older.past.root, hash_))
        subject = cleaned(commit.message).partition("\n")[0]
        if refusal(commit) or says_little(subject) or len(commit.changes) > MOST_FILES:
            continue
        if found := touched(older, _kept(commit, older)).symbols:
            yield subject, found


def _kept(commit: Commit, older: Older) -> Commit:
    """Leave out files of other names: to find what each was called takes a second a commit."""
    return replace(
        commit,
        changes=tuple(one for one in commit.changes if (one.old_path or one.path) in older.answers),
    )
