"""What a parser of C++ or Rust is shown: the source without the macros that only confuse it.

A grammar of C++ knows no macro, so `class LOCKABLE_X Mutex {` or `int n GUARDED_BY(mu);` breaks
what stands around it. Such a macro is told by its name, all in capitals with an underscore, and by
its neighbours. To a grammar of Rust, what a macro is called with is loose tokens, so the functions
in `cfg_net! { … }` are none; such a call is told by the word that its inside begins with. All is
blanked in place, so that every line and column stays true.
"""

import re
from bisect import bisect_left

_MACRO = re.compile(
    rb"(?<![\w.>#])(?<!::)([A-Z][A-Z0-9]*_[A-Z0-9_]*+)(?!\w)"
    rb"([ ]?\((?:[^()\"]|\"(?:[^\"\\\n]|\\.)*\"|\((?:[^()]|\([^()]*\))*\))*+\))?"
)
_NULLABILITY = re.compile(rb"(?<=[*&>] )(?:\w+_nonnull|\w+_nullable|_Nonnull|_Nullable)\b")
_BACKWARDS = re.compile(rb"\s*(?:(?=[A-Z0-9]*_)[A-Z0-9_]+\s+)*+(\w+|\S)?")
"""The word or sign before a place and before the macros that end there, from right to left."""
_TYPED = re.compile(
    rb"\s*(?:\[\[|(?:const|inline|static|constexpr|explicit|virtual|extern|friend|typename|struct|class"
    rb"|enum|union|namespace|template|void|bool|int|char|auto|unsigned|double|float|~)\b"
    rb"|(?:::)?[A-Za-z_][\w:]*+(?:<[^;{}()]*>)?[\s*&]*[\s*&][A-Za-z_~])"
)
_AFTER = re.compile(rb"\s*(\w|[^\s\w])")
_TEST = re.compile(
    rb"(?:^|_)(?:TESTS?|BENCHMARK|SCENARIO|SECTION)(?:_|$)|^(?:ASSERT|EXPECT|CHECK)_"
)
_ANNOTATION = re.compile(
    rb"GUARDED_BY|LOCK|REQUIRE|ACQUIRE|RELEASE|EXCLUDE|ATTRIBUTE|DEPRECATED|NOEXCEPT|OVERRIDE|FINAL"
)
_SPECIFIER = re.compile(rb"CONSTEXPR|CONSTEVAL|INLINE|EXPLICIT|NODISCARD|EXPORT|_API(?:_|$)")
_HEADS = frozenset({b"class", b"struct", b"union", b"enum"})
_QUALIFIERS = frozenset({b"const", b"noexcept", b"override", b"final", b")", b"]"})
_OPEN = frozenset({b",", b"=", b"(", b"[", b"?", b"|", b"&", b"+", b"-", b"<", b"^"})
_WINDOW = 200


def without_attributes(source: bytes) -> bytes:
    """Return the source, as long as it is, with spaces for attribute macros."""
    if b"null" in source:
        source = _NULLABILITY.sub(_blank, source)
    return _MACRO.sub(_blanked, source)


def _blank(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"[^\n]", b" ", match[0])


def _blanked(match: re.Match[bytes]) -> bytes:
    source, start, end = match.string, match.start(), match.end()
    line = source.rfind(b"\n", 0, start) + 1
    if source[line : line + 20].lstrip()[:1] == b"#" or _TEST.search(match[1]):
        return match[0]
    before = _BACKWARDS.match(source[max(start - _WINDOW, 0) : start][::-1])
    after = _AFTER.match(source, end)
    left = ((before and before[1]) or b"")[::-1]
    right = after[1] if after else b""
    alone = not source[line:start].strip() and source[end : end + 1] in {b"\n", b""}
    return _blank(match) if _is_attribute(match, left, right, alone=alone) else match[0]


def _is_attribute(match: re.Match[bytes], left: bytes, right: bytes, *, alone: bool) -> bool:
    """Whether a macro between these two words or signs is an attribute or stands for lines."""
    called, word = bool(match[2]), right.isalnum() or right in {b"_", b"~"}
    if left in _HEADS:
        return word
    if left in _QUALIFIERS and right in {b";", b"{", b"=", b":", b","}:
        return True
    if called and right == b";" and match.string[match.start() - 1 : match.start()] in {b"\n", b""}:
        return True
    if alone and not called:
        return left not in _OPEN
    if called and _ANNOTATION.search(match[1]) and (left == b")" or left.isalnum() or not word):
        return left not in {b"=", b"return", b"("}
    if word and _SPECIFIER.search(match[1]):
        return True
    return (word or right in {b"[", b":"}) and bool(_TYPED.match(match.string, match.end()))


_SHELL_OPENED = re.compile(
    rb"^([ \t]*+)((?:\w+::)*+(?!\w*quote)[a-z]\w*+![ ]*\{)"
    rb"(?=(?:\s|//[^\n]*+\n|/\*.*?\*/)*+(?:#!?\[|(?:pub|fn|async|unsafe|extern|impl|trait|struct|enum"
    rb"|union|mod|use|static|const|type|macro_rules!|[a-z]\w*+![ ]*\{)(?!\w)))",
    re.DOTALL | re.MULTILINE,
)
_CLOSED = re.compile(rb"^([ \t]*)\}", re.MULTILINE)


def without_shells(source: bytes) -> bytes:
    """Return the source, as long as it is, with spaces for calls of macros around definitions.

    A call ends at the first brace below it that stands as far in.
    """
    ends: dict[bytes, list[int]] = {}
    for closed in _CLOSED.finditer(source):
        ends.setdefault(closed[1], []).append(closed.end() - 1)
    shown = bytearray(source)
    for opened in _SHELL_OPENED.finditer(source):
        candidates = ends.get(opened[1], [])
        position = bisect_left(candidates, opened.end())
        if position < len(candidates):
            shown[opened.start(2) : opened.end(2)] = b" " * len(opened[2])
            shown[candidates[position]] = ord(" ")
    return bytes(shown)
