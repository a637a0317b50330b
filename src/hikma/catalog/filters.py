"""From a query's filter to the ids of the documents that satisfy it, before anything is ranked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import apsw
import numpy as np

from hikma.arrays import DocumentIds
from hikma.catalog import rows
from hikma.domain import Filter, NodeKind
from hikma.errors import FilterError

_IN_FILES = frozenset({NodeKind.FILE, NodeKind.SYMBOL, NodeKind.TEST})
_HAS_PATH = _IN_FILES | {NodeKind.DIRECTORY}
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class _Place:
    """A node that stands in no file: a file itself, or a directory."""

    id: int
    kind: NodeKind
    path: str
    language: str
    extension: str


def resolve(connection: apsw.Connection, asked: Filter) -> DocumentIds | None:
    """Return the documents that a filter keeps, None when it keeps everything.

    Languages and extensions are compared case-blind, without a dot. A path is taken literally, as
    a file or a folder, unless it holds a glob character: then `*` stays within a segment and `**`
    crosses them. Raises FilterError for a kind, language or extension that the index does not
    have, and for a filter that no asked kind can satisfy.
    """
    if asked == Filter():
        return None
    languages = {language.strip().lower() for language in asked.languages}
    extensions = {extension.strip().lstrip(".").lower() for extension in asked.extensions}
    _check_kinds(connection, asked)
    kinds = _meaningful(asked)
    places = _places(connection)
    _check_known("language", languages, {place.language for place in places})
    _check_known("extension", extensions, {place.extension for place in places})
    patterns = [_pattern(path) for path in asked.paths]
    kept = [
        place
        for place in places
        if (not extensions or place.extension in extensions)
        and (not patterns or any(pattern.fullmatch(place.path) for pattern in patterns))
    ]
    narrow = bool(extensions or patterns)
    return _documents(connection, kinds, languages, kept if narrow else None)


def _check_kinds(connection: apsw.Connection, asked: Filter) -> None:
    if not asked.kinds:
        return
    present = rows.column(connection, "SELECT DISTINCT kind FROM node")
    _check_known("kind", {kind.value for kind in asked.kinds}, present)


def _check_known(what: str, asked: Iterable[str], present: Iterable[str]) -> None:
    choices = sorted(set(present) - {""})
    for value in sorted(asked):
        if value not in choices:
            listed = ", ".join(choices) or "none"
            raise FilterError(f"Nothing in this index has {what} {value!r}; it has: {listed}.")


def _meaningful(asked: Filter) -> tuple[NodeKind, ...]:
    """Return the asked kinds (default: all) for which every given filter has a meaning."""
    kinds = set(asked.kinds or NodeKind)
    for name, values, fitting in (
        ("language", asked.languages, _IN_FILES),
        ("extension", asked.extensions, _IN_FILES),
        ("path", asked.paths, _HAS_PATH),
    ):
        if values and not kinds & fitting:
            listed = ", ".join(sorted(asked.kinds))
            raise FilterError(
                f"A {name} filter has no meaning for {listed}; ask for "
                f"{', '.join(sorted(fitting))}, or drop the filter."
            )
        if values:
            kinds &= fitting
    return tuple(sorted(kinds))


def _places(connection: apsw.Connection) -> list[_Place]:
    found = rows.every(
        connection,
        """
        SELECT id, kind, path, lower(coalesce(language, '')),
               lower(coalesce(properties ->> 'extension', ''))
          FROM node WHERE file IS NULL AND kind IN ('file', 'directory') ORDER BY id
        """,
    )
    return [_Place(number, NodeKind(kind), *texts) for number, kind, *texts in found]


def _pattern(path: str) -> re.Pattern[str]:
    """Return what a whole path must match."""
    trimmed = path.strip().removeprefix("./").strip("/")
    if trimmed in ("", "."):
        return re.compile(r".*", re.DOTALL)
    if not _GLOB.search(trimmed):
        return re.compile(re.escape(trimmed) + r"(/.*)?", re.DOTALL)
    return re.compile(_translate(trimmed), re.DOTALL)


def _translate(glob: str) -> str:
    """Return the regular expression of a glob; `**` crosses segments, `*` and `?` do not."""
    tokens = re.findall(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", glob, re.DOTALL)
    special = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(special.get(token) or _literal(token) for token in tokens)


def _literal(token: str) -> str:
    if len(token) < 3:  # noqa: PLR2004 -- a lone bracket, or one character
        return re.escape(token)
    negated = token[1] in "!^"
    inside = token[2 if negated else 1 : -1].replace("\\", r"\\").replace("]", r"\]")
    return f"(?!/)[{'^' if negated else ''}{inside.replace('[', chr(92) + '[')}]"


def _documents(
    connection: apsw.Connection,
    kinds: Sequence[NodeKind],
    languages: Iterable[str],
    places: Sequence[_Place] | None,
) -> DocumentIds:
    """Return the sorted ids of the documents of nodes of these kinds, languages and places."""
    if places is not None and not places:
        return np.empty(0, dtype=np.int64)
    clauses = ["node.kind IN (SELECT value FROM carray(:kinds))"]
    bound: dict[str, object] = {"kinds": rows.texts(kinds)}
    if languages:
        clauses.append("lower(node.language) IN (SELECT value FROM carray(:languages))")
        bound["languages"] = rows.texts(sorted(languages))
    if places is not None:
        chosen = "(SELECT value FROM carray(:places))"
        clauses.append(f"(node.file IN {chosen} OR node.id IN {chosen})")
        bound["places"] = rows.numbers([place.id for place in places])
    found = rows.ids(
        connection,
        "SELECT document.id FROM node CROSS JOIN document ON document.node = node.id "  # noqa: S608 -- fixed clauses
        f"WHERE {' AND '.join(clauses)}",
        bound,
    )
    found.sort()
    return found
