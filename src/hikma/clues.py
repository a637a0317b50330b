"""What does a query quote: a phrase, a place in a file, a printed message, a name? Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PHRASE = re.compile(r'"([^"\n]{2,400})"|“([^”\n]{2,400})”')
_MESSAGE = re.compile(
    r"(?i:(?:^|[\s(])[\w.]*(?:error|exception|panic|fatal|failure|warning|traceback)[\w.]*"
    r"(?:\s?[\[(][^\])]*[\])])?:\s)"
    r"|\bE[A-Z]{4,}\b|\b0x[0-9a-fA-F]{4,}|^Traceback |^goroutine \d+|^\s+at \S+\("
    r"|\[Errno -?\d+\]|\"(?:msg|message|error|err|exception)\"\s*:|^-?[A-Z]{5,} .{20}"
    r"|^Caused by|thread '[^']*' panicked",
    re.MULTILINE,
)
"""A text that was printed by a program that failed."""
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')
_PLACE = re.compile(
    r"(?<![\w/\\.:@-])((?:[A-Za-z]:)?[/\\]?(?:[\w.@+~-]+[/\\])*[\w@+~-][\w.@+~-]*)"
    r"(?:(?::|#L|\()(\d+))?"
)
_VARIABLE = re.compile(
    r"Traceback \(most recent call last\)|^goroutine .*|thread '[^']*' panicked at|Caused by"
    r"|^\s+at (?=\S+\()|Exception in thread"
    r'|File "[^"\n]*", line \d+(?:, in \S+)?'
    r"|(?:[A-Za-z]:)?[\w.~@+-]*(?:[/\\][\w.~@+<>-]+)+(?::\d+)*"
    r"|\b[\w-]+\.[A-Za-z]{1,5}:\d+(?::\d+)*"
    r"|\"[^\"\n]*\"|`[^`\n]*`|“[^”\n]*”|(?<!\w)'[^'\n]*'(?!\w)"
    r"|\b0x[0-9a-fA-F]+\b|\b(?=[a-f]*\d)[0-9a-f]{6,}(?:-[0-9a-f]+)*\b|\b\d[\w.,:+-]*"
    r"|<[^<>\n]*>|\[[^\]\n]*\]|\{[^}\n]*\}|%[sdvqrw]",
    re.MULTILINE,
)
"""What differs from one time a message is printed to the next."""
_LOGGED = re.compile(r'"\w+"\s*:\s*"')
_CUT = re.compile(r"[:;|\n…]|\.\s|\.$")
_WORD = re.compile(r"\w+(?:'\w+)?")
_NAME = re.compile(r"[A-Za-z_$~][\w$]*(?:(?:\.|::|#|->)[A-Za-z_$~][\w$]*)*[!?]?(?:\([^()]*\))?;?")
_SEPARATOR = re.compile(r"\.|::|#|->")
_MOST_PLACES, _MOST_RUNS, _MOST_WORDS = 12, 12, 12


@dataclass(frozen=True, slots=True)
class Place:
    """A path, or the end of one, as it is written; the line where one is given."""

    path: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Clues:
    """What a query quotes; `alone` where there is nothing beside the one phrase or place.

    `runs` are the parts of a printed message that were the same each time, each as its words.
    `name` are the parts of a qualified name that is the whole query; `called` says that it was
    written so that nothing but a symbol can be meant.
    """

    phrases: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    runs: tuple[tuple[str, ...], ...] = ()
    name: tuple[str, ...] = ()
    called: bool = False
    alone: bool = False


def read(text: str) -> Clues:
    """Return what a query quotes."""
    text = text.strip()
    if _MESSAGE.search(text):
        return Clues(places=tuple(_places(text)), runs=tuple(_runs(text)))
    phrases = tuple(
        phrase
        for found in _PHRASE.finditer(text)
        if _WORD.search(phrase := (found[1] or found[2]).strip())
    )
    rest = _PHRASE.sub(" ", text)
    alone = not re.search(r"\s", text) or (bool(phrases) and not _WORD.search(rest))
    name: tuple[str, ...] = ()
    if not phrases and _NAME.fullmatch(text):
        name = tuple(_SEPARATOR.split(re.sub(r"\(.*|[!?;]+$", "", text)))
    called = bool(name) and (len(name) > 1 or "(" in text)
    return Clues(phrases, tuple(_places(rest)), (), name, called, alone)


def _places(text: str) -> Iterator[Place]:
    """Yield the places in a text; of a Python traceback the innermost first."""
    frames = [Place(path, int(line)) for path, line in _FRAME.findall(text)]
    found = dict.fromkeys(reversed(frames))
    for path, line in _PLACE.findall(_FRAME.sub(" ", text)):
        clean = path.replace("\\", "/").rstrip(".")
        if "/" in clean.strip("/") or re.search(r"\w\.[A-Za-z]\w*$", clean):
            found.setdefault(Place(clean, int(line) if line else None))
    yield from list(found)[:_MOST_PLACES]


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the constant parts of a message, at most a dozen of a dozen words."""
    if _LOGGED.search(text):  # quotes are the log's own: what they hold is the message
        text = text.replace('"', "\n")
    parts = _CUT.split(_VARIABLE.sub("\n", text))
    found = dict.fromkeys(tuple(_WORD.findall(part))[:_MOST_WORDS] for part in parts)
    yield from [run for run in found if len("".join(run)) > 3][:_MOST_RUNS]  # noqa: PLR2004 -- letters
