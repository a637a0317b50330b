"""What does a line of an ignore file mean? Git's pattern language, line by line.

Written out because the pattern library at hand lets a pattern match everything below a folder that
it names, so that `build/` and `!src/` together bring `src/build/` back, which git does not.
"""

import re
from types import MappingProxyType
from typing import NamedTuple


class Pattern(NamedTuple):
    """One line: a regular expression over a whole name or a whole path below the ignore file."""

    regex: re.Pattern[str]
    by_name: bool
    folders_only: bool
    negated: bool


_TOKEN = re.compile(
    r"""(?P<deep>(?:^|(?<=/))\*\*(?P<more>/|$))
      | (?P<star>\*+)
      | (?P<one>\?)
      | \\(?P<escaped>.)
      | \[(?P<negation>[!^]?)(?P<set>\]?+(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]
      | (?P<broken>[\[\\])
      | (?P<slash>/)
      | (?P<plain>[^*?\[\\/]+)""",
    re.VERBOSE | re.DOTALL,
)
_SET_ITEM = re.compile(r"\[:(?P<kind>[a-z]+):\]|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)
_KINDS = MappingProxyType(
    {
        "alnum": "a-zA-Z0-9",
        "alpha": "a-zA-Z",
        "blank": r" \t",
        "digit": "0-9",
        "lower": "a-z",
        "punct": r"!-/:-@\[-`{-~",
        "space": r"\s",
        "upper": "A-Z",
        "xdigit": "0-9a-fA-F",
    }
)


_MOST_DEEP = 3


def parse(content: bytes) -> tuple[Pattern, ...]:
    """Return the patterns of an ignore file, the last line first: it is the strongest.

    Like git, drops blank lines, comments and lines that are no pattern.
    """
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    patterns = (_pattern(line.removesuffix("\r")) for line in reversed(text.split("\n")))
    return tuple(pattern for pattern in patterns if pattern is not None)


def _pattern(line: str) -> Pattern | None:
    line = re.sub(r"(?<!\\) +$", "", line)
    if line.startswith("#"):
        return None
    negated = line.startswith("!")
    glob = line[1:] if negated else line
    folders_only = glob.endswith("/")
    glob = glob.removesuffix("/")
    by_name = "/" not in glob
    try:
        regex = re.compile(_expression(glob.removeprefix("/")), re.DOTALL)
    except re.error:
        return None
    return Pattern(regex, by_name, folders_only, negated) if glob else None


def _expression(glob: str) -> str:
    """Translate a glob; raises re.error for one that can match nothing.

    Of several stars in one name, all but the last take what is nearest and never reconsider:
    no match is lost by it, and `*a*a*a*a*b` cannot be made to cost exponential time.
    """
    done, run, starred, deep = "", "", False, 0
    for token in _TOKEN.finditer(glob):
        deep += token["deep"] is not None
        if token["star"]:
            done += f"(?>[^/]*?{run})" if starred else run
            run, starred = "", True
        elif token["slash"] or token["deep"]:
            done += f"{'[^/]*' if starred else ''}{run}{_translated(token)}"
            run, starred = "", False
        else:
            run += _translated(token)
    if deep > _MOST_DEEP:
        raise re.error("too many `**` to be matched in reasonable time")
    return f"{done}{'[^/]*' if starred else ''}{run}"


def _translated(token: re.Match[str]) -> str:
    if token["broken"]:
        raise re.error("an unclosed bracket or a lone backslash")
    if token["deep"]:
        return "(?:.*/)?" if token["more"] else ".+"
    if token["one"]:
        return "[^/]"
    if token["set"] is not None:
        return f"(?!/)[{'^' if token['negation'] else ''}{_set(token['set'])}]"
    return re.escape(token["escaped"] or token["slash"] or token["plain"])


def _set(items: str) -> str:
    return "".join(_set_item(item) for item in _SET_ITEM.finditer(items))


def _set_item(item: re.Match[str]) -> str:
    if item["kind"]:
        if item["kind"] not in _KINDS:
            raise re.error("an unknown class of characters")
        return _KINDS[item["kind"]]
    at_an_end = item.start() == 0 or item.end() == len(item.string)
    if item["plain"] == "-" and not at_an_end:
        return "-"
    return re.escape(item["escaped"] or item["plain"])
