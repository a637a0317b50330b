"""Every word of the texts: which words hold these letters, which are spelled nearly so?

Words are in small letters and not stemmed; the full text, which is stemmed, tells the documents.
"""

from collections.abc import Callable, Iterable, Sequence

import apsw
import numpy as np

from hikma.arrays import DocumentIds, united
from hikma.catalog import rows, state
from hikma.catalog.tables import CODE_WORDS, HISTORY_WORDS
from hikma.domain import Document

_TRIGRAM = 3
_AT_ONCE = 50
"""Words in one expression: FTS5 looks at each of them at every step."""
_RAREST = 4
"""Trigrams of a name that words near it are sought by: one slip spoils three at most."""
_NEAR_WORDS, _COUNTED = 4_000, 500
"""Words that are looked at; of a trigram's words so many are counted, to tell which is rarest."""
_ODD_CASE = ("\u017f", "\u0131", "\u0307")
"""Letters that a case-blind pattern takes for s, i and i, and that small letters keep."""


def put(connection: apsw.Connection, documents: Iterable[Document], known: set[str]) -> None:
    """Add the words of documents; `known` are words that are there, and learns these."""
    words: set[str] = set()
    for one in documents:
        words.update(one.fields.body.split(" "))
        if one.fields.path:
            words.update(one.fields.path.split(" "))
    words -= known
    words.discard("")
    if not words:
        return
    sql = "SELECT text FROM word WHERE text IN (SELECT value FROM carray(?))"
    listed = sorted(words)
    present = set(rows.column(connection, sql, (rows.texts(listed),)))
    first = int(rows.value(connection, "SELECT coalesce(max(id), 0) FROM word")) + 1
    added = list(enumerate((one for one in listed if one not in present), first))
    connection.executemany("INSERT INTO word(id, text) VALUES (?, ?)", added)
    connection.executemany("INSERT INTO word_trigrams(rowid, text) VALUES (?, ?)", added)
    known |= words


def is_known(connection: apsw.Connection, form: int, *, history: bool) -> bool:
    """Whether the words of all texts are here: files written in an earlier form lack some."""
    asked = ("form", "history_form") if history else ("form",)
    return all(str(state.get(connection, one)).endswith(f".{form}") for one in asked)


def has(connection: apsw.Connection, word: str) -> bool:
    """Whether a text holds, or held before the last `hikma gc`, this word in small letters."""
    return rows.first(connection, "SELECT 1 FROM word WHERE text = ?", (word,)) is not None


def holding(connection: apsw.Connection, part: str, *, folded: bool) -> list[str]:
    """Return the words that hold `part`: three or more of a-z, 0-9 and _.

    With `folded` also those with a letter that only a case-blind pattern takes for one of these.
    """
    trigrams = _trigrams(part)
    expression = " AND ".join(f'"{one}"' for one in trigrams)
    found = rows.column(
        connection,
        "SELECT text FROM word WHERE instr(text, ?) "
        "AND id IN (SELECT rowid FROM word_trigrams WHERE word_trigrams MATCH ?)",
        (part, expression),
    )
    if folded:
        odd = "SELECT text FROM word WHERE instr(text, ?) OR instr(text, ?) OR instr(text, ?)"
        found += rows.column(connection, odd, _ODD_CASE)
    return found


def resembling(connection: apsw.Connection, name: str) -> list[str]:
    """Return words of about the length of a name that share several of its trigrams.

    They are sought by its rarest, and kept where they share a quarter of all.
    """
    by_count = sorted((_count(connection, one), one) for one in _trigrams(name))
    rarest = [one for count, one in by_count if count][:_RAREST]
    if not rarest:
        return []
    found = rows.column(
        connection,
        "SELECT text FROM word WHERE length(text) BETWEEN ? AND ? "
        "AND id IN (SELECT rowid FROM word_trigrams WHERE word_trigrams MATCH ? LIMIT ?)",
        (
            len(name) - 3,
            len(name) + 3,
            " OR ".join(f'"{one}"' for one in rarest),
            _NEAR_WORDS,
        ),
    )
    wanted = set(_trigrams(name))
    least = max(1, len(wanted) // 4)
    return [one for one in found if sum(trigram in one for trigram in wanted) >= least]


def documents_with(
    connection: apsw.Connection, words: Sequence[str], *, history: bool
) -> DocumentIds:
    """Return the ids of documents that hold any of these words, or one of the same stem, sorted.

    Words next to another in one text, with a space between, are a phrase.
    """
    tables = (CODE_WORDS, HISTORY_WORDS) if history else (CODE_WORDS,)
    found: list[DocumentIds] = []
    for at in range(0, len(words), _AT_ONCE):
        expression = " OR ".join(f'"{one}"' for one in words[at : at + _AT_ONCE])
        for table in tables:
            sql = f"SELECT rowid FROM {table} WHERE {table} MATCH ?"  # noqa: S608 -- our own names
            found.append(rows.ids(connection, sql, (expression,)))
    return united(*found) if found else np.empty(0, dtype=np.int64)


def collect(connection: apsw.Connection, split: Callable[[str], list[str]]) -> int:
    """Drop the words that no text holds, as `split` cuts texts; return how many went."""
    held: set[str] = set()
    for (text,) in connection.execute("SELECT text FROM document"):
        held.update(split(text))
    gone = [
        (number,)
        for number, text in rows.every(connection, "SELECT id, text FROM word")
        if text not in held
    ]
    connection.executemany("DELETE FROM word_trigrams WHERE rowid = ?", gone)
    connection.executemany("DELETE FROM word WHERE id = ?", gone)
    return len(gone)


def _trigrams(text: str) -> list[str]:
    return list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - _TRIGRAM + 1)))


def _count(connection: apsw.Connection, trigram: str) -> int:
    sql = "SELECT count(*) FROM (SELECT 1 FROM word_trigrams WHERE word_trigrams MATCH ? LIMIT ?)"
    return int(rows.value(connection, sql, (f'"{trigram}"', _COUNTED)))
