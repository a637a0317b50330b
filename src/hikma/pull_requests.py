"""The job of making one node of each pull request, out of all that speaks of it.

Commits that merge it or are made of it, a reference `refs/pull/N/head`, and a file that the user
gives: what the user says counts before what a merge says, that before what one commit says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, TypeAlias

import apsw

from hikma import documents
from hikma.catalog import fulltext, graph, pulls, vocabulary
from hikma.domain import Commit, Document, Node, NodeKind, Property
from hikma.sources.past import Past
from hikma.sources.pulls import mention
from hikma.storing import Sink, Tally, embed, move_vectors, put_vectors

Accounts: TypeAlias = Mapping[int, Mapping[str, Any]]
"""What someone says of pull requests, by number."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pull requests may be other than before: `numbers`, None for all, but those `done`."""

    numbers: AbstractSet[int] | None
    done: AbstractSet[int] = frozenset()


BATCH = 500
_PROPERTIES = ("author", "date", "state", "branch", "labels", "head")


def is_current(connection: apsw.Connection, past: Past, given: Accounts) -> bool:
    """Whether what is given and the references are what the nodes were made of."""
    known = pulls.accounts(connection, pulls.REFERENCE)
    heads = {number: account["head"] for number, account in known.items()}
    return heads == past.pull_heads() and not pulls.other_accounts(connection, pulls.GIVEN, given)


def put_alone(sink: Sink, commits: Iterable[Commit], tally: Tally) -> set[int]:
    """Put pull requests that one commit is made of, of commits just stored; return their numbers.

    While workers read on, this costs no time of its own. What a merge brought is not stored yet
    when the merge is, so merges wait for `put`.
    """
    numbers = {one.pull.number for one in commits if one.pull and not one.pull.is_merge}
    for some in batches(sorted(numbers)):
        _put_some(sink, some, tally)
    return numbers


def put(sink: Sink, past: Past, given: Accounts, scope: Scope, tally: Tally) -> None:
    """Bring the nodes of pull requests up to what is now said of them."""
    with sink.catalog.write() as connection:
        changed = pulls.put_accounts(connection, pulls.GIVEN, given)
        changed |= _put_references(connection, past)
        every = pulls.numbers(connection) if scope.numbers is None else set(scope.numbers)
        wanted = changed | (every - scope.done)
    for some in batches(sorted(wanted)):
        _put_some(sink, some, tally)


def batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield numbers a few at a time."""
    for at in range(0, len(numbers), BATCH):
        yield numbers[at : at + BATCH]


def _put_references(connection: apsw.Connection, past: Past) -> set[int]:
    """Note the references that are other than before; return their numbers."""
    heads = past.pull_heads()
    known = pulls.accounts(connection, pulls.REFERENCE)
    gone = known.keys() - heads.keys()
    pulls.drop_accounts(connection, pulls.REFERENCE, gone)
    moved = {
        number: past.described(head)
        for number, head in heads.items()
        if known.get(number, {}).get("head") != head
    }
    return pulls.put_accounts(connection, pulls.REFERENCE, moved) | gone


@dataclass(frozen=True, slots=True)
class _Made:
    """A pull request as its node, with the commits that it merged.

    `alone` is the one commit that it is and that alone speaks of it: its words are that commit's.
    """

    node: Node
    merged: Sequence[str]
    alone: str


def documents_of(connection: apsw.Connection, numbers: Sequence[int]) -> list[Document]:
    """Return the documents of pull requests as they are now said."""
    return list(_documents(connection, list(dict(_made(connection, numbers)).values())))


def _put_some(sink: Sink, numbers: Sequence[int], tally: Tally) -> None:
    with sink.catalog.read() as connection:
        made = dict(_made(connection, numbers))
        written = list(_documents(connection, list(made.values())))
    embedded = embed(sink, written, tally)
    with sink.catalog.write() as connection:
        put_vectors(connection, embedded)
        gone = [key_of(number) for number in numbers if number not in made]
        removed = graph.remove_nodes(connection, gone)
        ids = graph.put_nodes(connection, [one.node for one in made.values()])
        rows = fulltext.put_documents(connection, ids, written, fulltext.HISTORY)
        vocabulary.put(connection, written, sink.words)
        pulls.link(connection, {ids[one.node.id]: one.merged for one in made.values()})
        move_vectors(sink, connection, rows.written, [*removed, *rows.removed])


def _documents(connection: apsw.Connection, made: Sequence[_Made]) -> Iterator[Document]:
    said = pulls.words_of(connection, [one.alone for one in made if one.alone])
    for one in made:
        if one.alone:
            yield from (documents.as_pull(one.node, *words) for words in said[one.alone])
        else:
            yield from documents.of_pull(one.node, str(one.node.properties.get("labels", "")))


def key_of(number: int) -> str:
    """Return the id of a pull request's node."""
    return f"pull_request:{number}"


def _made(connection: apsw.Connection, numbers: Sequence[int]) -> Iterator[tuple[int, _Made]]:
    """Yield pull requests as nodes with the commits they merged; without what nobody names."""
    mentions = pulls.mentions(connection, numbers)
    given = pulls.accounts(connection, pulls.GIVEN, numbers)
    references = pulls.accounts(connection, pulls.REFERENCE, numbers)
    for number in numbers:
        if not (mentions[number] or number in given or number in references):
            continue
        account = given.get(number, {})
        said = {**references.get(number, {}), **_said(mentions[number]), **account}
        merged = [one for spoken in mentions[number] for one in (spoken.hash, *spoken.brought)]
        alone = merged[0] if len(merged) == 1 and not account else ""
        yield number, _Made(_node(number, said), [*merged, *account.get("commits", [])], alone)


def _node(number: int, said: Mapping[str, Any]) -> Node:
    properties: dict[str, Property] = {"number": number}
    for name in _PROPERTIES:
        if said.get(name):
            properties[name] = said[name]
    return Node(
        key_of(number),
        NodeKind.PULL_REQUEST,
        said.get("title") or f"#{number}",
        "",
        documentation=said.get("description", ""),
        properties=properties,
    )


def _said(mentions: Sequence[pulls.Mention]) -> dict[str, str]:
    """Return what commits say of one pull request: its merge first, then the newest."""
    spoken = [(one, mention(one.message, one.author)) for one in mentions]
    said: dict[str, str] = {}
    for one, words in sorted(spoken, key=lambda pair: not (pair[1] and pair[1].is_merge)):
        if words is None:
            continue
        facts = {
            "title": words.title,
            "description": words.description,
            "author": words.author,
            "branch": words.branch,
            "date": one.date,
            "state": "merged",
        }
        said = {**{name: text for name, text in facts.items() if text}, **said}
    return said
