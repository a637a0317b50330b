"""Words that people wrote about code: comments and docstrings, freed of their markers."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

MAX_CHARACTERS = 1_000
"""Documentation is cut here, at a word's end; what a model reads ends far earlier."""

_MAX_LINES = 200
_BLOCK_OPENED = re.compile(r"/\*+!?<?")
_LONG_BLOCK = re.compile(
    r"\A(?:--\[(=*)\[(.*?)(?:\]\1\])?|=begin\b[^\n]*\n?(.*?)(?:=end)?"
    r"|\{-+[ \t]*(?:[|^](?=\s))?(.*?)(?:-*\})?)\Z",
    re.DOTALL,
)
"""A comment of several lines in Lua, in Ruby and in Haskell."""
_LINE_MARKER = re.compile(
    r"^[ \t]*(?://+[!<]?|#+(?::|!(?! ?/))?|--+(?:[ \t]*[|^](?=\s))?|\*+(?!\w))[ \t]?", re.MULTILINE
)
_BLOCK_LINE_MARKER = re.compile(r"^[ \t]*\*+(?:[ \t]|$)", re.MULTILINE)
_NO_WORDS = re.compile(
    r"[\W_]*$"
    r"|(?:eslint[- ]|@ts-|tslint:|prettier-ignore|biome-ignore|istanbul |c8 |v8 |global |jshint "
    r"|go:|\+build |nolint|noqa\b|type:\s*ignore|pylint:|mypy:|ruff:|flake8:|pragma:|fmt:|isort:"
    r"|clang-format |NOLINT|!|-\*-|vim?:|(?:en)?coding[:=]|rubocop:|frozen_string_literal:"
    r"|:(?:nodoc|startdoc|stopdoc|enddoc|doc):|shellcheck |luacheck:|stylua:|phpcs:"
    r"|@?phpstan-|@?psalm-|@codeCoverageIgnore|MARK:|swiftlint:|scala(?:fmt|style|fix):|ktlint-"
    r"|noinspection |@formatter:|ReSharper )"
)
"""A line without letters, or an order to a tool."""

_LEGAL = re.compile(
    r"copyright|licen[cs]e|warrant(?:y|ies)|permission|redistribut|all rights reserved|spdx"
    r"|free software foundation|merchantability|use, copy, modify|@author\b",
    re.IGNORECASE,
)
_QUOTES = re.compile(r"\A[rRbBuUfF]*(\"\"\"|'''|\"|')(.*?)\1?\Z", re.DOTALL)


class Comment(NamedTuple):
    """A comment that stands alone on its rows (0-based, both included)."""

    start_row: int
    end_row: int
    text: str


def above(row: int, comments: Mapping[int, Comment], markup: re.Pattern[str] | None = None) -> str:
    """Return the words of the comments that end on the row before `row`, without a gap.

    `comments` is keyed by the last row of each; `markup` is what the language's tags look like.
    """
    if row - 1 not in comments:
        return ""
    texts = (comment.text for comment in run_above(row, comments))
    return tidy(map(partial(_without_markup, markup=markup), texts) if markup else texts)


def run_above(row: int, comments: Mapping[int, Comment]) -> list[Comment]:
    """Return the comments without a gap above `row`, from the top.

    A block of several rows is complete in itself and ends the run.
    """
    run: list[Comment] = []
    while len(run) < _MAX_LINES and (comment := comments.get(row - 1)) is not None:
        if run and comment.start_row != comment.end_row:
            break
        run.append(comment)
        row = comment.start_row
        if comment.start_row != comment.end_row:
            break
    return run[::-1]


def runs(found: Iterable[Comment]) -> list[list[str]]:
    """Return the texts in groups: lines without a gap together, each longer block alone."""
    groups: list[list[str]] = []
    previous: Comment | None = None
    for comment in found:
        single = comment.start_row == comment.end_row
        if previous and single and previous.start_row == previous.end_row == comment.start_row - 1:
            groups[-1].append(comment.text)
        else:
            groups.append([comment.text])
        previous = comment
    return groups


def tidy(texts: Iterable[str]) -> str:
    """Strip markers, directives to tools and ruled lines; cut to `MAX_CHARACTERS`."""
    return _cut("\n".join(filter(None, (_strip(text) for text in texts))))


def docstring(literal: str) -> str:
    """Return the words of a Python string literal used as documentation."""
    match = _QUOTES.match(literal.strip())
    inner = match[2] if match else literal
    first, _, rest = inner.partition("\n")
    return _cut(f"{first.strip()}\n{textwrap.dedent(rest)}".strip())


def without_legal(text: str) -> str:
    """Drop the paragraphs of a file's opening comment that speak of rights, and drawn banners."""
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(p for p in paragraphs if not _LEGAL.search(p) and _is_prose(p)).strip()


def _is_prose(paragraph: str) -> bool:
    """Whether most of it is letters, which a name drawn in strokes and bars is not."""
    shown = "".join(paragraph.split())
    return 2 * sum(map(str.isalnum, shown)) > len(shown)


def _without_markup(text: str, markup: re.Pattern[str]) -> str:
    return markup.sub(lambda tag: tag[tag.lastindex] if tag.lastindex else "", text)


def _strip(text: str) -> str:
    text = text.strip()
    if text.startswith("/*"):
        if text.endswith("*/"):
            text = text[:-2].rstrip("*")
        text = _BLOCK_LINE_MARKER.sub("", _BLOCK_OPENED.sub("", text, count=1))
    elif block := _LONG_BLOCK.match(text):
        text = block[2] or block[3] or block[4] or ""
    else:
        text = _LINE_MARKER.sub("", text)
    lines = map(str.strip, text.split("\n"))
    return "\n".join("" if _NO_WORDS.match(line) else line for line in lines).strip()


def _cut(text: str) -> str:
    if "\n\n\n" in text:
        text = re.sub(r"\n{3,}", "\n\n", text)
    text = text.strip()
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS].rsplit(None, 1)[0]
