"""Shell: `source` and `.` of paths that count from the script or from the repository's root."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType

from hikma.domain import Import
from hikma.sources.relations.paths import folder_of, joined
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_SELF = (
    r"""["']?\$(?:0|\{0\}|BASH_SOURCE|\{BASH_SOURCE(?:\[0\])?(?::-\$0)?\}|\{\(%\):-%[xN]\})["']?"""
)
_REAL = rf"(?:{_SELF}|[\"']?\$\(\s*(?:readlink\s+-[ef]+|realpath)\s+(?:--\s+)?{_SELF}\s*\)[\"']?)"
_FOLDER = (
    rf"(?:\$\(\s*dirname\s+(?:--\s+)?{_REAL}\s*\)|\$\{{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}}"
    r"|\$\{0:[aA]:h\}|\$\{?BATS_TEST_DIRNAME\}?)"
)
_ENTERED = re.compile(
    rf"""\$\(\s*(?:builtin\s+)?cd\s+(?:-P\s+)?(?:--\s+)?["']?{_FOLDER}(?P<up>[\w./-]*)["']?
    \s*(?:&?>\s*/dev/null\s*(?:2>&1\s*)?)?(?:&&|;)\s*pwd(?:\s+-[PL])?\s*\)""",
    re.VERBOSE,
)
_HERE = re.compile(_FOLDER)
_TOP = re.compile(r"""\$\(\s*git\s+rev-parse\s+--show-toplevel\s*\)""")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PLAIN = re.compile(r"[^\n$`*?\[\]{}()<>|&;\"'\\]+")
_SETTING = re.compile(
    r"^[ \t]*+(?:(?:export|readonly|local|declare|typeset)[ \t]++(?:-\w+[ \t]++)?)?"
    r"(?P<name>\w+)=(?P<value>.{0,500})$",
    re.MULTILINE,
)
_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})
_DEPTH = 4
"""Variables that may be made of one another."""


def shell(tree: Tree) -> Resolve:
    """Return what resolves `source`, `.` and, in tests of bats, `load`."""

    @cache
    def settings(path: str) -> Mapping[str, Collection[str]]:
        return _settings(tree.read(path) or "")

    def resolve(path: str, asked: Import) -> Resolution:
        written = _unquoted(asked.module)
        if asked.keyword == "load":
            return _loaded(tree, path, written)
        if _PLAIN.fullmatch(written):
            return _bare(tree, path, written)
        known = settings(path) if "$" in written else _NOTHING
        place = _place(path, written, known, 0)
        if place is None:
            return Unresolved.OUTSIDE if written.startswith("$HOME") else Unresolved.COMPUTED
        target = joined("", place)
        if target is None:
            return Unresolved.OUTSIDE
        return Target((target,)) if target in tree.languages else Unresolved.MISSING

    return resolve


def _bare(tree: Tree, path: str, written: str) -> Resolution:
    """Return what a literal path means, where only one of its two starting points has it."""
    if written.startswith(("/", "~", "-")):
        return Unresolved.OUTSIDE
    places = {joined("", written), joined(folder_of(path), written)}
    present = tuple(one for one in places if one and one in tree.languages)
    if len(present) > 1:
        return Unresolved.AMBIGUOUS
    return Target(present) if present else Unresolved.OUTSIDE


def _loaded(tree: Tree, path: str, written: str) -> Resolution:
    """Return what bats loads: NAME.bash or NAME, from the folder of the test."""
    if not path.endswith((".bats", ".bash")) or written.startswith("/"):
        return Unresolved.OUTSIDE
    if not _PLAIN.fullmatch(written):
        place = _place(path, written, _NOTHING, 0)
        place = joined("", place) if place is not None else None
        if place is None:
            return Unresolved.COMPUTED
    else:
        place = joined(folder_of(path), written)
    found = next((one for one in (f"{place}.bash", place) if one in tree.languages), None)
    return Target((found,)) if found else Unresolved.MISSING


def _place(path: str, written: str, known: Mapping[str, Collection[str]], depth: int) -> str | None:
    """Return a path from the repository's root, made of idioms, variables and literal parts."""
    start = "/".join([".", folder_of(path)])
    expanded = _ENTERED.sub(lambda found: f"{start}/{found['up']}", written)
    expanded = _HERE.sub(start, expanded)
    expanded = _TOP.sub(".", expanded)
    for found in list(_VARIABLE.finditer(expanded))[:_DEPTH]:
        value = _value(path, known.get(found[1] or found[2], ()), known, depth)
        if value is None or found.start() != 0:
            return None
        expanded = value + expanded[found.end() :]
    expanded = expanded.replace('"', "").replace("'", "")
    settled = expanded.startswith("./") or (expanded != written and expanded.startswith("."))
    return expanded if settled and _PLAIN.fullmatch(expanded) else None


def _value(
    path: str, values: Collection[str], known: Mapping[str, Collection[str]], depth: int
) -> str | None:
    """Return what a variable holds where the script sets it once, to a place of this kind."""
    if len(values) != 1 or depth >= _DEPTH:
        return None
    return _place(path, next(iter(values)), known, depth + 1)


def _settings(text: str) -> Mapping[str, Collection[str]]:
    """Return the variables of a script with all that it sets them to."""
    found: dict[str, set[str]] = {}
    for one in _SETTING.finditer(text):
        found.setdefault(one["name"], set()).add(_unquoted(one["value"]))
    return found


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
