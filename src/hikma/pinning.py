"""The job of finding what a query quotes: this comes first, and what is not there is said.

A phrase in quotes, a place in a file, a message as it was printed, a name: each has one right
answer, and near ones must not stand in for it without a word.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import apsw

from hikma import clues
from hikma.arrays import DocumentIds, held_of
from hikma.catalog import fulltext, naming, rows, vocabulary
from hikma.catalog.naming import Bearer
from hikma.clues import Clues, Place
from hikma.cutting import line_numbers
from hikma.documents import FORM, words
from hikma.ranking import STOP_WORDS, Terms, Weights, bare, name_words
from hikma.results import Share

_SHOWN = 5
_MOST_HOLDERS = 400
"""Documents whose text is read to see whether a phrase stands in it."""
_MOST_RAISERS = 150
"""Documents that may hold a part of a message before it says too little."""
_MOST_TRIES = 60
"""Parts of one message that are looked up."""
_LEAST_WORDS = 2
_FEWER = 0.05
"""Each further place of one query counts this much less."""


@dataclass(slots=True)
class Pins:
    """By document, what brings it to the top; and what is to be said to the reader."""

    shares: dict[int, list[Share]] = field(default_factory=lambda: defaultdict(list))
    degraded: list[str] = field(default_factory=list)

    def add(self, documents: Iterable[int], rule: str, share: float) -> None:
        """Pin documents by a rule, each once."""
        for one in documents:
            if all(share_.rule != rule for share_ in self.shares[one]):
                self.shares[one].append(Share(rule, round(share, 4)))


def pin(
    connection: apsw.Connection,
    text: str,
    terms: Terms,
    within: DocumentIds | None,
    weights: Weights,
) -> Pins:
    """Find what a query quotes, among the documents that its filter keeps."""
    name = bare(text)
    asked = clues.read(text if name == text else f"{name}()")
    pins = Pins()
    for phrase in asked.phrases:
        _phrase(connection, phrase, pins, weights)
    _message(connection, asked.runs, pins, weights)
    found = _places(connection, asked, pins, weights)
    if not found and not asked.phrases and not asked.runs:
        _names(connection, asked, terms, pins, weights)
    if within is not None:
        kept = held_of(pins.shares, within)
        pins.shares = {one: shares for one, shares in pins.shares.items() if one in kept}
    return pins


def _phrase(connection: apsw.Connection, phrase: str, pins: Pins, weights: Weights) -> None:
    """Pin what holds a phrase as it stands, but for case and white space."""
    wanted = _flat(phrase)
    cut = " ".join(words(phrase))
    ids = vocabulary.documents_with(connection, [cut] if cut else [], history=True)
    texts = fulltext.lines_of(connection, ids[:_MOST_HOLDERS], history=True)
    holders = [one.id for one in texts if wanted in _flat(one.text)]
    pins.add(holders, "phrase", weights.phrase)
    if not holders:
        pins.degraded.append(f"phrase: no text holds “{phrase}” as it stands; the hits are near it")


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()


def _message(
    connection: apsw.Connection, runs: Sequence[tuple[str, ...]], pins: Pins, weights: Weights
) -> None:
    """Pin what holds the constant parts of a message: most words, in the fewest texts, first."""
    shares: dict[int, float] = defaultdict(float)
    for run in runs:
        for part, documents in _parts(connection, run):
            for one in documents:
                shares[one] += len(part) / (1 + math.log10(len(documents)))
    most = max(shares.values(), default=1.0)
    for one, share in shares.items():
        pins.add([one], "message", weights.message * share / most)
    if runs and not shares:
        pins.degraded.append("message: no text holds a part of this message; the hits are near it")


def _parts(
    connection: apsw.Connection, run: Sequence[str]
) -> Iterator[tuple[Sequence[str], list[int]]]:
    """Yield the longest parts of a run of words that a few texts hold, and who holds them."""
    tries = 0
    taken: set[int] = set()
    for length in range(len(run), 0, -1):
        for start in range(len(run) - length + 1):
            part = run[start : start + length]
            if taken.intersection(range(start, start + length)) or not _telling(part):
                continue
            tries += 1
            if tries > _MOST_TRIES:
                return
            phrase = " ".join(words(" ".join(part)))
            ids = vocabulary.documents_with(connection, [phrase], history=False)
            if 0 < len(ids) <= _MOST_RAISERS:
                taken.update(range(start, start + length))
                yield part, ids.tolist()


def _telling(part: Sequence[str]) -> bool:
    """Whether words say something: two that are no stop words, or one that only code has."""
    content = [one for one in part if one.lower() not in STOP_WORDS and not one.isdigit()]
    if len(part) == 1:
        return len(name_words(part[0])) > 1 or (part[0].isupper() and len(part[0]) > _LEAST_WORDS)
    return len(content) >= _LEAST_WORDS


def _places(connection: apsw.Connection, asked: Clues, pins: Pins, weights: Weights) -> bool:
    """Pin the files, or the lines in them, that a query names; tell whether there is one."""
    found = False
    for position, place in enumerate(asked.places):
        elsewhere = bool(asked.runs) or place.path.startswith("/")
        files = naming.files_called(connection, place.path, elsewhere=elsewhere)
        share = weights.place * (1 - _FEWER * position)
        for file, _ in files:
            pins.add(_documents_at(connection, file, place.line), "place", share)
        if not files and asked.alone and place.line is None:
            within = naming.files_within(connection, place.path)
            heads = [one for file, _ in within for one in _documents_at(connection, file, None)]
            pins.add(heads, "place", share / 2)
            files = within
        found = found or bool(files)
        if not files and asked.alone and not asked.phrases and _is_path(connection, place):
            pins.degraded.append(_no_file(connection, place.path))
            found = True
    return found


def _is_path(connection: apsw.Connection, place: Place) -> bool:
    """Whether nothing but a file can be meant: it has folders, a line, or an extension of files."""
    extension = place.path.rpartition(".")[2].lower()
    sql = (
        "SELECT 1 FROM node INDEXED BY node_extension WHERE file IS NULL AND kind = 'file' "
        "AND properties ->> 'extension' = ? LIMIT 1"
    )
    return (
        "/" in place.path
        or place.line is not None
        or ("." in place.path and rows.first(connection, sql, (extension,)) is not None)
    )


def _no_file(connection: apsw.Connection, path: str) -> str:
    near = naming.files_near(connection, path, _SHOWN)
    listed = f"; near: {', '.join(near)}" if near else ""
    return f"place: no file here is {path}{listed}"


def _documents_at(connection: apsw.Connection, file: int, line: int | None) -> list[int]:
    """Return the document that holds a line of a file, or the file's own first one."""
    if line is None:
        sql = "SELECT id FROM document WHERE node = ? AND ordinal = 0"
        return rows.column(connection, sql, (file,))
    sql = """
        SELECT document.id, text, document.start_line, runs FROM node
          JOIN document ON document.node = node.id
         WHERE (node.file = :file OR node.id = :file) ORDER BY document.id
    """
    found = rows.every(connection, sql, {"file": file})
    numbered = [
        (number, line_numbers(text, start, runs or b"")) for number, text, start, runs in found
    ]
    holding = [number for number, lines in numbered if line in lines]
    # A blank line between two, or one of brackets alone, is in no text: what comes before it.
    before = [
        (max(n for n in lines if n <= line), one) for one, lines in numbered if lines[0] <= line
    ]
    return holding[:1] or [max(before)[1]] if before else holding[:1]


def _names(
    connection: apsw.Connection, asked: Clues, terms: Terms, pins: Pins, weights: Weights
) -> None:
    """Pin whom a name means; where nobody is called so, say it and pin who nearly is."""
    if not vocabulary.is_known(connection, FORM, history=False):
        return  # of an index written before words were kept nothing can be said
    if asked.name:
        _name(connection, asked, pins, weights)
        return
    for name in sorted(terms.spelled):
        compound = len(name_words(name)) > 1 and not terms.symbol_like
        if compound and not _is_held(connection, name):
            _near(connection, name, pins, weights)


def _name(connection: apsw.Connection, asked: Clues, pins: Pins, weights: Weights) -> None:
    *holders, name = asked.name
    found = naming.called(connection, [name])
    if not found:
        found = naming.called_alike(connection, name_words(name), name)
        pins.add((one.document for one in found), "name", weights.called)
    if not found:
        _unknown(connection, asked, name, pins, weights)
        return
    inside = [one for one in found if _is_in(one, holders)] if holders else []
    pins.add((one.document for one in inside), "qualified name", weights.called)
    if holders and not inside:
        where = ", ".join(naming.named_once(found)[:_SHOWN])
        pins.degraded.append(f"name: nothing is called {'.'.join(asked.name)}; there is: {where}")


def _is_in(bearer: Bearer, holders: Sequence[str]) -> bool:
    """Whether the names before the last are, in order, folders, file, or what it stands in."""
    path = [part for one in bearer.path.split("/") for part in (one, one.rpartition(".")[0])]
    around = iter([naming.squashed(one) for one in (*path, *bearer.qualified.split(".")[:-1])])
    return all(naming.squashed(one) in around for one in holders)


def _unknown(
    connection: apsw.Connection, asked: Clues, name: str, pins: Pins, weights: Weights
) -> None:
    """Say that nobody is called so, unless it is a plain word that texts hold."""
    telling = asked.called or len(name_words(name)) > 1
    held = _is_held(connection, name)
    if held and telling:
        found = naming.near(connection, name, name_words)
        near = _listed(naming.named_once(found))
        pins.degraded.append(f"name: no symbol is called {name}; the hits mention it{near}")
    elif not held:
        _near(connection, name, pins, weights)


def _is_held(connection: apsw.Connection, name: str) -> bool:
    """Whether a text holds a name, cut as texts are: some keep their underscores."""
    return any(vocabulary.has(connection, one) for one in words(name)[:1])


def _near(connection: apsw.Connection, name: str, pins: Pins, weights: Weights) -> None:
    found = naming.near(connection, name, name_words)
    for position, one in enumerate(dict.fromkeys(bearer.name for bearer in found)):
        same = [bearer.document for bearer in found if bearer.name == one]
        pins.add(same, "near name", weights.called * (1 - _FEWER * position))
    listed = naming.named_once(found) or naming.words_near(connection, name.lower())
    near = _listed(listed) or "; nothing is spelled nearly so"
    pins.degraded.append(f"name: no symbol is called {name}, and no text holds it{near}")


def _listed(names: Sequence[str]) -> str:
    return f"; near: {', '.join(names[:_SHOWN])}" if names else ""
