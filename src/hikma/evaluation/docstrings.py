"""Topics from documentation: by its first sentence find the symbol, where it is not written.

The index is of a copy of the tree in which no symbol has documentation any more, in its text, its
words or its vectors; symbols of which it could not be taken out make no topic.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hikma.catalog.answers import answers
from hikma.domain import Node, NodeKind, Snapshot, SourceFile
from hikma.engine import Engine
from hikma.evaluation.messages import says_little
from hikma.evaluation.topics import Topic, TopicSet, Unit
from hikma.sources.ignoring import OWN_NAME
from hikma.sources.opening import Source, open_source
from hikma.sources.undocumented import Undocumented, unchanged, without_documentation
from hikma.sources.workers import run
from hikma.telemetry import Track, silent

MOST_SHARING = 5
"""What is said of more symbols than so many tells none of them apart."""
MOST_CHARACTERS = 300
_IGNORING = frozenset({".gitignore", OWN_NAME})
"""What they exclude is left out already; files that are tracked all the same must stay."""
_TIMEOUT_S = 30.0
_SENTENCE = re.compile(r"(.*?[.!?。])(?:\s|$)", re.DOTALL)
_TAGGED = re.compile(r"^\s*(?:[@\\]\w|:\w[\w ]*:|-{3,}|={3,}|#+ )", re.MULTILINE)
"""Where documentation turns from words to parameters, or to a heading."""


@contextmanager
def docstring_topics(engine: Engine, track: Track = silent) -> Iterator[tuple[Engine, TopicSet]]:
    """Yield an engine on the copy without documentation, and the topics to ask it.

    The copy and its index are made in a temporary folder and go with it.
    """
    with TemporaryDirectory(prefix="hikma-eval-") as place:
        folder = Path(place).resolve() / (engine.root.name or "repository")
        with closing(open_source(engine.root, engine.revision)) as source:
            taken = list(_copied(source, folder))
        with engine.over(folder, Path(place).resolve() / "index.db") as copy:
            copy.index(track=track)
            with copy.catalog.read() as connection:
                found = answers(connection)
            there = {one.id for some in found.values() for one in some}
            yield copy, _topics(taken, there)


def _copied(source: Source, folder: Path) -> Iterator[Undocumented]:
    """Write every indexed file without its documentation; yield what was taken out of it."""
    (folder / ".hikma").mkdir(parents=True)  # so that no repository around it is taken for its root
    files = run(
        without_documentation,
        _loaded(source, source.snapshot()),
        workers=os.cpu_count() or 1,
        on_failure=unchanged,
        timeout_s=_TIMEOUT_S,
    )
    for one in files:
        place = folder / one.file.path
        if place.resolve().is_relative_to(folder) and place.name not in _IGNORING:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(one.file.content)
            yield one


def _loaded(source: Source, snapshot: Snapshot) -> Iterator[SourceFile]:
    for entry in snapshot.entries:
        if isinstance(loaded := source.load(entry), SourceFile):
            yield loaded


def _topics(taken: Sequence[Undocumented], there: set[str]) -> TopicSet:
    left_out: Counter[str] = Counter()
    left_out["symbols whose documentation could not be taken out"] = sum(one.kept for one in taken)
    sharing: dict[str, list[Node]] = defaultdict(list)
    for node in (node for one in taken for node in one.documented):
        text = first_sentence(node)
        reason = _refusal(node, text, there)
        if reason:
            left_out[reason] += 1
        else:
            sharing[text].append(node)
    topics = []
    for text, nodes in sharing.items():
        if len(nodes) > MOST_SHARING:
            left_out[f"symbols that share a sentence with {MOST_SHARING} others"] += len(nodes)
            continue
        qrels = {
            Unit.FILES: dict.fromkeys([node.path for node in nodes], 1),
            Unit.SYMBOLS: dict.fromkeys([node.id for node in nodes], 1),
        }
        topics.append(Topic(nodes[0].id, text, qrels))
    return TopicSet("docstrings", topics, +left_out)


def _refusal(node: Node, text: str, there: set[str]) -> str:
    if node.kind is not NodeKind.SYMBOL:
        return "tests"
    if says_little(text):
        return "symbols of which too little is said"
    return "" if node.id in there else "symbols without a document of their own"


def first_sentence(node: Node) -> str:
    """Return the first sentence of what is written about a symbol, in one line.

    Its own name at the start goes, as in Go each sentence begins with it: that would be no search.
    """
    text = node.documentation.strip().split("\n\n", 1)[0]
    if tagged := _TAGGED.search(text):
        text = text[: tagged.start()]
    sentence = _SENTENCE.match(text)
    plain = " ".join((sentence[1] if sentence else text).split())
    if plain.split(" ", 1)[0].strip("`*()") == node.name:
        plain = plain.partition(" ")[2]
    return plain[:MOST_CHARACTERS]
