"""What a parser of an older Kotlin is shown: the source, with what it would misread hidden.

Words that are keywords in some places only (`where`, `get`) and what is newer than the parser
(guards in `when`, `$$"…"`, context parameters) break all that stands around them. They are replaced
in place, as long as they are, so that every line and column stays true.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

_Replace: TypeAlias = Callable[[re.Match[bytes]], bytes]

_CONDITION = rb"(?:\((?:[^(){}]|\([^(){}]*\))*\)|[^\n{}`]*?)(?=[ ]*->)"
_MODIFIERS = re.compile(
    rb"\n(?<=\w\n)(?:(?:public|private|internal|inline|suspend|infix|operator|actual|expect)[ ])+"
    rb"(?=fun\b)"
)


def _blank(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"[^\n]", b" ", match[0])


def _blank_guard(match: re.Match[bytes]) -> bytes:
    return b">" + _blank(match)[1:]


def _empty_text(match: re.Match[bytes]) -> bytes:
    return b'"' + b" " * (len(match[0]) - 2) + b'"'


def _named(match: re.Match[bytes]) -> bytes:
    """Make an annotation's arguments part of its name: with them, it is read as an expression."""
    return match[0][:2] + re.sub(rb"\W", b"_", match[0][2:])


_MISREAD: tuple[tuple[bytes, re.Pattern[bytes], _Replace], ...] = (
    (b"where", re.compile(rb"where(?<=\Wwhere)(?=[?!]*\.)"), lambda _: b"wher_"),
    (b" get", re.compile(rb" get(?<=[\w)}\]] get)(?= [\w(])"), lambda _: b" g_t"),
    (b" if ", re.compile(rb" if (?<=[\w)?] if )" + _CONDITION), _blank),
    (b"> if ", re.compile(rb"> if (?<=[^-]> if )" + _CONDITION), _blank_guard),
    (b"\n@", re.compile(rb"\n@\w+\([^\n]*\)(?=\n)"), _named),
    (b"\n@", _MODIFIERS, _blank),
    (b"context(", re.compile(rb"context\((?<=[ \n]context\()[^()\n]*\)(?=\n)"), _blank),
    (b"$$", re.compile(rb'\$\$+"(?:[^"\\\n]|\\.)*"'), _empty_text),
    (b"et", re.compile(rb"@\w+\b(?:\([^()\n]*\))?[ \t]*(?=\n?[ \t]*(?:get|set)\b)"), _blank),
)
"""A mark without which there is nothing to look for; a pattern that begins with plain letters,
which is what makes it fast; what to put instead."""


def plain_kotlin(source: bytes) -> bytes:
    """Return the source, as long as it is, in words that the parser reads rightly."""
    for mark, pattern, instead in _MISREAD:
        if mark in source:
            source = pattern.sub(instead, source)
    return source
