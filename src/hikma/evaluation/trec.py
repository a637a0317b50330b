"""Topics and judgements that the user gives: files in the formats of TREC.

Topics are `qid<TAB>text`, a line each, or the `<top>` blocks of the TREC tracks. Judgements are
`qid 0 target relevance`; a target is a node's id, a path, or a path with lines: `src/a.py:10-20`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from hikma.catalog.answers import every_id
from hikma.domain import NodeKind
from hikma.engine import Engine
from hikma.errors import EvaluationError
from hikma.evaluation.topics import PLACE, Topic, TopicSet, Unit

_QREL = re.compile(r"(\S+)\s+\S+\s+(\S.*?)\s+(-?\d{1,6})")
_TOP = re.compile(r"<top>(.*?)(?:</top>|\Z)", re.DOTALL | re.IGNORECASE)
_FIELD = re.compile(r"<(num|title|desc)>([^<]*)", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:Number|Topic|Description):", re.IGNORECASE)
_FILE = f"{NodeKind.FILE}:"


class GivenTopics(NamedTuple):
    """What two files say: the texts of topics, and the relevance of targets by topic."""

    texts: Mapping[str, str]
    judged: Mapping[str, Mapping[str, int]]

    @classmethod
    def read(cls, topics: Path, qrels: Path) -> Self:
        """Read both; EvaluationError with the line of what cannot be read."""
        return cls(read_topics(topics), read_qrels(qrels))


def given_topics(engine: Engine, given: GivenTopics) -> TopicSet:
    """Return given topics as the engine's index can answer them.

    Targets that it lacks are counted and judge nothing.
    """
    left_out: Counter[str] = Counter()
    with engine.catalog.read() as connection:
        there = every_id(connection)
    known = {qid: dict(_known(targets, there, left_out)) for qid, targets in given.judged.items()}
    unit = _unit(target for targets in known.values() for target in targets)
    left_out["judged topics without a text"] = len(known.keys() - given.texts.keys())
    found = []
    for qid, text in given.texts.items():
        if any(relevance > 0 for relevance in known.get(qid, {}).values()):
            found.append(Topic(qid, text, {unit: known[qid]}))
        else:
            left_out["topics for which nothing in the index is relevant"] += 1
    return TopicSet("given", found, +left_out, engine.revision)


def read_topics(path: Path) -> dict[str, str]:
    """Return texts by topic, in the file's order."""
    text = _read(path)
    found: dict[str, str] = {}
    for line, qid, asked in _tops(path, text) if _TOP.search(text) else _lines(path, text):
        if qid in found:
            raise EvaluationError(f"{path}:{line}: the topic {qid!r} stands there twice.")
        found[qid] = asked
    if not found:
        raise EvaluationError(f"{path} holds no topic; write a line each: an id, a tab, a text.")
    return found


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Return the relevance of targets by topic."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        qrel = _QREL.fullmatch(line.strip())
        if qrel is None:
            raise EvaluationError(
                f"{path}:{number}: {line.strip()[:80]!r} is no judgement; "
                "write: topic 0 target relevance, with a whole number at the end."
            )
        qid, target, relevance = qrel[1], qrel[2], int(qrel[3])
        if found[qid].setdefault(target, relevance) != relevance:
            raise EvaluationError(f"{path}:{number}: {target!r} was judged otherwise before.")
    if not found:
        raise EvaluationError(f"{path} holds no judgement; write: topic 0 target relevance.")
    return dict(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise EvaluationError(f"{path} cannot be read: {reason}.") from error


def _lines(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        qid, tab, asked = line.partition("\t")
        if not line.strip():
            continue
        if not (tab and qid.strip() and asked.strip()):
            raise EvaluationError(
                f"{path}:{number}: {line.strip()[:80]!r} is no topic; write: an id, a tab, a text."
            )
        yield number, qid.strip(), asked.strip()


def _tops(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the blocks of a TREC track: the title, or the description where there is none."""
    for top in _TOP.finditer(text):
        line = text.count("\n", 0, top.start()) + 1
        fields = {
            name.lower(): " ".join(_LABEL.sub("", said).split())
            for name, said in _FIELD.findall(top[1])
        }
        asked = fields.get("title") or fields.get("desc")
        if not (fields.get("num") and asked):
            raise EvaluationError(f"{path}:{line}: the topic has no <num>, or no <title>.")
        yield line, fields["num"], asked


def _known(
    targets: Mapping[str, int], there: Container[str], left_out: Counter[str]
) -> Iterator[tuple[str, int]]:
    """Yield the targets that the index has; a file's own id means the file."""
    for target, relevance in targets.items():
        plain = target.removeprefix(_FILE)
        place = PLACE.fullmatch(plain)
        path = place[1] if place else plain
        if plain in there or f"{_FILE}{plain}" in there or f"{_FILE}{path}" in there:
            yield plain, relevance
        else:
            left_out["targets that are not in the index"] += 1


def _unit(targets: Iterable[str]) -> Unit:
    """Return in what hits are counted: files where only paths are judged, else symbols or lines."""
    ids = tuple(f"{kind}:" for kind in NodeKind)
    forms = {
        Unit.SYMBOLS if one.startswith(ids) else Unit.PLACES if PLACE.fullmatch(one) else Unit.FILES
        for one in targets
    }
    return forms.pop() if len(forms) == 1 else Unit.PLACES
