"""Does a path fit what a user gave: a file, a folder or a glob?"""

import re
from dataclasses import dataclass

_SPECIAL = re.compile(r"[*?\[]")
_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)
_MEMBER = re.compile(r".-.|.", re.DOTALL)
_TRANSLATED = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_ROUGH = {"**/": "*", "/**": "/*", "**": "*", "*": "*", "?": "?", "[": "?"}


@dataclass(frozen=True, slots=True)
class PathPattern:
    """What a whole path must match; `rough` is a GLOB of SQLite that keeps all that do."""

    rough: str
    whole: re.Pattern[str]

    def fits(self, path: str) -> bool:
        """Whether a path matches."""
        return self.whole.fullmatch(path) is not None


def is_glob(text: str) -> bool:
    """Whether a text holds a character that stands for others."""
    return _SPECIAL.search(text) is not None


def path_pattern(given: str) -> PathPattern:
    """Return the pattern of a path: literal, as a file or a folder, or a glob.

    `*` and `?` stay within a segment, `**` crosses them. What has brackets may also be meant
    literally: `app/[id]/page.tsx` is a file's name.
    """
    path = given.strip().removeprefix("./").strip("/")
    if path in ("", "."):
        return PathPattern("*", re.compile(".*", re.DOTALL))
    tokens = _TOKEN.findall(path)
    rough = "".join(_ROUGH.get(token) or ("*" if len(token) > 1 else token) for token in tokens)
    literal = re.escape(path) + r"(?:/.*)?"
    if not is_glob(path):
        return PathPattern(f"{rough}*", re.compile(literal, re.DOTALL))
    glob = "".join(_TRANSLATED.get(token) or _class(token) for token in tokens)
    if "[" not in path:
        return PathPattern(rough, re.compile(glob, re.DOTALL))
    return PathPattern(f"{rough}*", re.compile(f"(?:{glob})|(?:{literal})", re.DOTALL))


def _class(token: str) -> str:
    """Return a class of characters, or the one character that a token is."""
    if len(token) == 1:
        return re.escape(token)
    negated = token[1] in "!^"
    inside = token[2 if negated else 1 : -1]
    kept = [
        re.escape(one) if len(one) == 1 else f"{re.escape(one[0])}-{re.escape(one[2])}"
        for one in _MEMBER.findall(inside)
        if len(one) == 1 or one[0] <= one[2]  # a range the wrong way round holds nothing
    ]
    if not kept:
        return "[^/]" if negated else r"[^\s\S]"
    return f"(?!/)[{'^' if negated else ''}{''.join(kept)}]"
