"""Who is meant by an author that a user gives: a text, or a glob, against names and e-mails?"""

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from hikma.catalog.globs import is_glob

Writer: TypeAlias = tuple[str, str]
"""Someone who wrote: name and e-mail; the latter empty where only a name is known."""

Means: TypeAlias = Callable[[Writer], bool]
"""Tells whether someone is meant."""

MOST_NEAR = 10
_WORD = re.compile(r"\w+")


def means(asked: str) -> Means:
    """Return what tells whom a text means, case-blind.

    A text means whose whole name or e-mail it is, or in whose `Name <e-mail>` it stands as whole
    words; a glob is held against the whole name and the whole e-mail. What has brackets may also
    be meant literally: `dependabot[bot]` is a name.
    """
    text = asked.strip().casefold()
    return _of_glob(text) if is_glob(text) else _of_words(text)


def shown(writer: Writer) -> str:
    """Return someone as git shows them."""
    name, email = writer
    return f"{name} <{email}>".lstrip() if email else name


def near(asked: str, writers: Iterable[Writer]) -> list[str]:
    """Return whom a text may have been meant for, nearest first, ten at most."""
    by_term: dict[str, list[Writer]] = {}
    for writer in writers:
        whole = [one.casefold() for one in writer if one]
        for term in {*whole, *_WORD.findall(" ".join(whole))}:
            by_term.setdefault(term, []).append(writer)
    text = re.sub(r"[*?\[\]]", "", asked).strip().casefold()
    terms = difflib.get_close_matches(text, by_term, MOST_NEAR)
    found = dict.fromkeys(shown(writer) for term in terms for writer in sorted(by_term[term]))
    return list(found)[:MOST_NEAR]


def _of_glob(text: str) -> Means:
    whole = re.compile(fnmatch.translate(text))

    def fits(writer: Writer) -> bool:
        return any(one == text or whole.match(one) for one in map(str.casefold, writer) if one)

    return fits


def _of_words(text: str) -> Means:
    if not _WORD.search(text):
        return lambda writer: text != "" and text in map(str.casefold, writer)
    before = r"(?<!\w)" if _WORD.match(text[0]) else ""
    after = r"(?!\w)" if _WORD.match(text[-1]) else ""
    words = re.compile(f"{before}{re.escape(text)}{after}")
    return lambda writer: words.search(shown(writer).casefold()) is not None
