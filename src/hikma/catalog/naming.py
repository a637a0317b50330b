"""Who bears a name, as it is typed, in another style, or nearly so? Which files end a path so?"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import apsw

from hikma.catalog import rows, vocabulary

_NEAREST = 8
_MOST_BEARERS, _MOST_OWNERS = 200, 2_000
_SLIP_EVERY = 4
"""Letters of a name for each slip that is forgiven, up to three."""


class Bearer(NamedTuple):
    """A node of a name, with its first document."""

    document: int
    name: str
    qualified: str
    path: str


def called(connection: apsw.Connection, names: Sequence[str]) -> list[Bearer]:
    """Return the symbols and tests of exactly these names."""
    clause = "node.name IN (SELECT value FROM carray(:names))"
    return _bearers(connection, clause, {"names": rows.texts(names)})


def called_alike(connection: apsw.Connection, parts: Sequence[str], name: str) -> list[Bearer]:
    """Return those whose name differs in style or case only: fooBar for foo_bar.

    `parts` are the words of the name in small letters.
    """
    phrase = " ".join(parts)
    forms = sorted({f'name : "{one}"' for one in (phrase, squashed(name), name.lower()) if one})
    owners = rows.column(
        connection,
        "SELECT DISTINCT node FROM document "
        "WHERE id IN (SELECT rowid FROM fulltext WHERE fulltext MATCH ? LIMIT ?)",
        (" OR ".join(forms), _MOST_OWNERS),
    )
    if not owners:
        return []
    chosen = "(SELECT value FROM carray(:owners))"
    clause = (
        f"(node.id IN {chosen} OR node.file IN {chosen}) "
        "AND replace(lower(node.name), '_', '') = :name"
    )
    return _bearers(connection, clause, {"owners": rows.numbers(owners), "name": squashed(name)})


def near(
    connection: apsw.Connection, name: str, split: Callable[[str], Sequence[str]]
) -> list[Bearer]:
    """Return those whose names are a few slips from this one, nearest first; then longer ones.

    Slips are letters put in, left out, changed or exchanged with the next: one in four letters,
    three at most.
    """
    listed = words_near(connection, name.lower())
    if len(name) > _SLIP_EVERY:
        longer = vocabulary.holding(connection, name.lower(), folded=False)
        listed += sorted(longer, key=lambda word: (len(word), word))
    found: dict[int, Bearer] = {}
    for word in listed[: 3 * _NEAREST]:
        found |= {one.document: one for one in called_alike(connection, split(word), word)}
        if len({one.name for one in found.values()}) >= _NEAREST:
            break
    return list(found.values())


def words_near(connection: apsw.Connection, name: str) -> list[str]:
    """Return the words of texts that are a few slips from a name, nearest first."""
    wanted = squashed(name)
    allowed = max(1, min(3, len(wanted) // _SLIP_EVERY))
    words = {one for form in {name, wanted} for one in vocabulary.resembling(connection, form)}
    counted = ((slips(wanted, squashed(word), allowed), word) for word in words)
    return [word for count, word in sorted(counted) if count <= allowed]


def squashed(name: str) -> str:
    """Return a name without its style: small letters, no underscore."""
    return name.replace("_", "").lower()


def slips(one: str, other: str, most: int) -> int:
    """Return how many slips lie between two names; more than `most` is `most` + 1.

    Optimal string alignment: Damerau-Levenshtein where no place is changed twice.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return min(last[-1], most + 1)


def files_called(
    connection: apsw.Connection, path: str, *, elsewhere: bool = False
) -> list[tuple[int, str]]:
    """Return id and path of the files whose paths end in this one, by path.

    Without an extension also the files of that name with one. A path from `elsewhere`, another
    machine or an installed package, means those that share most of its last segments.
    """
    *_, name = segments = [one for one in path.split("/") if one not in ("", ".", "..", "~")]
    sql = """
        SELECT id, path FROM node WHERE kind = 'file'
           AND (name = :name OR (:bare AND name > :name || '.' AND name < :name || '/'))
         ORDER BY path
    """
    found = rows.every(connection, sql, {"name": name, "bare": "." not in name})
    shared = [(_shared(segments, other), number, other) for number, other in found]
    most = max((count for count, *_ in shared), default=0)
    if most < len(segments) and not (elsewhere and (most > 1 or len(shared) == 1)):
        return []
    return [(number, other) for count, number, other in shared if count == most]


def files_near(connection: apsw.Connection, path: str, limit: int) -> list[str]:
    """Return the paths of files whose names are spelled nearly as a path's last segment."""
    name = path.rstrip("/").rpartition("/")[2]
    sql = """
        SELECT DISTINCT name FROM node
         WHERE file IS NULL AND kind = 'file' AND abs(length(name) - ?) <= 3
    """
    names = rows.column(connection, sql, (len(name),))
    near = difflib.get_close_matches(name, names, limit, 0.7)
    found = [path for one in near for _, path in files_called(connection, one)]
    return found[:limit]


def files_within(connection: apsw.Connection, folder: str) -> list[tuple[int, str]]:
    """Return id and path of the files directly in the folders that a path ends."""
    name = folder.strip("/").rpartition("/")[2]
    whole = folder.strip("/")
    sql = "SELECT path FROM node WHERE kind = 'directory' AND name = ? ORDER BY path"
    found: list[tuple[int, str]] = []
    for path in rows.column(connection, sql, (name,)):
        if path == whole or path.endswith(f"/{whole}"):
            inside = (
                "SELECT id, path FROM node WHERE file IS NULL AND kind = 'file' "
                "AND path = ? || '/' || name ORDER BY path"
            )
            found += rows.every(connection, inside, (path,))
    return found


def _shared(segments: Sequence[str], path: str) -> int:
    """Return how many last segments are the same; a name matches one with an extension."""
    theirs = path.split("/")
    count = 1
    for one, other in zip(reversed(segments[:-1]), reversed(theirs[:-1]), strict=False):
        if one != other:
            break
        count += 1
    return count


def _bearers(connection: apsw.Connection, clause: str, bound: Mapping[str, object]) -> list[Bearer]:
    """Return bearers; a constant or a prototype has its document in that of its file."""
    sql = f"""
        SELECT coalesce(
                 (SELECT id FROM document WHERE document.node = node.id AND ordinal = 0),
                 (SELECT id FROM document WHERE document.node = node.file
                     AND start_line <= node.start_line ORDER BY start_line DESC LIMIT 1)
               ) AS place, node.name, node.qualified_name, node.path
          FROM node
         WHERE {clause} AND node.kind IN ('symbol', 'test') AND place IS NOT NULL
         ORDER BY node.id LIMIT {_MOST_BEARERS}
    """  # noqa: S608 -- our own clauses
    return [Bearer(*row) for row in rows.every(connection, sql, bound)]


def named_once(bearers: Iterable[Bearer]) -> list[str]:
    """Return the names that bearers have, each once, in their order."""
    return list(dict.fromkeys(one.qualified or one.name for one in bearers))
