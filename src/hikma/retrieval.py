"""The job of finding candidates: by words, by names, by meaning, by what commits say.

Every retriever brings documents with a score or a rank; nothing is left out by any weight.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import apsw
import numpy as np

from hikma import pinning, ranking
from hikma.arrays import DocumentIds, Vector, held_of
from hikma.catalog import fulltext, ledger, matching, votes
from hikma.catalog.postings import Postings
from hikma.catalog.schema import Catalog
from hikma.catalog.votes import Votes
from hikma.documents import UNCUT, words
from hikma.domain import HISTORY_KINDS, Mode, NodeKind, Query
from hikma.errors import CorruptFileError, MissingVectorError, ModelError, StoreError
from hikma.protocols import Embedder, Nearest
from hikma.results import Freshness, Share

MOST_TERMS = 64
CANDIDATES = 150
"""Documents asked of each retriever, at least ten for each hit wanted."""
HISTORY_CANDIDATES = 40
"""Commits and pull requests asked for beside code, so that neither crowds out the other."""
MENTIONS = 30
"""Documents that mention a name, asked for beside those that share its parts."""
FIELD_WEIGHTS = (8.0, 4.0, 2.0, 3.0, 1.0)
"""BM25 weights of name, path, signature, documentation, body."""

WEIGHTS = ranking.Weights()
_FAILURES = (ModelError, MissingVectorError, StoreError, CorruptFileError, apsw.Error)

_BY_MEANING = "holds a word of this query; a hit is near it by meaning alone"
_UNHEARD = f"words: no text {_BY_MEANING}"
_UNHEARD_WITHIN = f"words: no text that the filter keeps {_BY_MEANING}"
FAILED = "dense: "
"""How a reason begins that says that vectors could not answer; others say what the query lacks."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The space to ask, by its own model, where one of another model is on trial and fails."""

    store: Nearest
    embedder: Embedder
    told: Callable[[str | None], None]
    """Is told of each query why that one failed; None where it did not."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a search reads from; `digest_now` tells a path's content now, for freshness."""

    catalog: Catalog
    store: Nearest
    embedder: Embedder
    digest_now: Callable[[str, str], str | None]
    freshness: Callable[[apsw.Connection], Freshness]
    weights: ranking.Weights = WEIGHTS
    fields: tuple[float, ...] = FIELD_WEIGHTS
    proven: Proven | None = None
    postings: Postings | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What each retriever is asked: the query, its terms, how many, and within which documents."""

    connection: apsw.Connection
    query: Query
    terms: ranking.Terms
    depth: int
    within: DocumentIds | None
    history: bool
    """Whether there are commits in the index."""

    @property
    def corpora(self) -> list[tuple[str, int]]:
        """Return whose words are asked, each with how many documents: code before history."""
        kinds = set(self.query.filter.kinds or NodeKind)
        if kinds <= HISTORY_KINDS:
            return [(fulltext.HISTORY, self.depth)]
        if not self.history or not kinds & HISTORY_KINDS:
            return [(fulltext.CODE, self.depth)]
        return [(fulltext.CODE, self.depth), (fulltext.HISTORY, HISTORY_CANDIDATES)]

    @property
    def neighbors(self) -> int:
        """Return how many neighbours are asked for; commits are among them.

        Where words bring candidates too, two thirds: the last third was never worth its time.
        """
        depth = sum(depth for _, depth in self.corpora)
        return depth if self.query.mode is Mode.SEMANTIC else 2 * depth // 3

    @property
    def content(self) -> list[str]:
        """Return the words that are looked for: those that mean something, neighbours joined."""
        every = [one for one in dict.fromkeys(words(self.query.text)) if one != UNCUT]
        content = [word for word in every if word not in ranking.STOP_WORDS] or every
        joined = sorted(self.terms.joined - set(content))
        return [*content, *joined][:MOST_TERMS]


@dataclass(slots=True)
class Found:
    """What the retrievers brought: scores and ranks by document id."""

    bm25: dict[int, float] = field(default_factory=dict)
    similarity: dict[int, float] = field(default_factory=dict)
    named: dict[int, int] = field(default_factory=dict)
    lexical: dict[int, int] = field(default_factory=dict)
    dense: dict[int, int] = field(default_factory=dict)
    said: list[tuple[int, float]] | None = None
    """What was found among all commits and pull requests, where the words asked them."""
    voted: dict[int, int] = field(default_factory=dict)
    votes: Votes = field(default_factory=Votes)
    pins: dict[int, list[Share]] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)

    @property
    def without_vectors(self) -> set[int]:
        """Return what anything but the vectors brought."""
        return {*self.lexical, *self.named, *self.voted, *self.pins}

    def ranks(self) -> dict[int, dict[str, int]]:
        """Return by document which retrievers brought it, and at which rank."""
        by_retriever = {
            "lexical": self.lexical,
            "dense": self.dense,
            "name": self.named,
            "history": self.voted,
        }
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for name, ranks in by_retriever.items():
            for document, rank in ranks.items():
                found[document][name] = rank
        return found


def retrieve(sources: Sources, asked: Asked) -> Found:
    """Ask every retriever of the query's mode.

    A dense one that fails is named in `degraded`; in semantic mode its error is raised.
    """
    found = Found()
    if asked.within is not None and not len(asked.within):
        return found
    if asked.query.mode is not Mode.SEMANTIC:
        _lexical(sources, asked, found)
        _named(sources, asked, found)
        _pinned(sources, asked, found)
        if not found.without_vectors and not found.degraded:
            found.degraded.append(_UNHEARD if asked.within is None else _UNHEARD_WITHIN)
    if asked.query.mode is Mode.HYBRID:
        _voted(sources, asked, found)
    if asked.query.mode is not Mode.LEXICAL:
        try:
            _tried(sources, asked, found)
        except _FAILURES as error:
            if asked.query.mode is Mode.SEMANTIC:
                raise
            found.degraded.append(f"{FAILED}{error}")
    return found


def candidates(
    connection: apsw.Connection, found: Found, terms: ranking.Terms
) -> list[ranking.Candidate]:
    """Return what was found with all that ranking looks at, by document id."""
    ids = sorted(found.without_vectors | found.dense.keys())
    files_too = bool(terms.identifiers)
    documents = fulltext.briefs(connection, ids, texts=terms.symbol_like, file_texts=files_too)
    shares = votes.shares(found.votes, documents)
    importers = votes.importers(connection, (one.file for one in documents))
    ranks = found.ranks()
    return [
        ranking.Candidate(
            one,
            found.bm25.get(one.id, 0.0),
            found.similarity.get(one.id),
            ranks.get(one.id, {}),
            tuple(found.pins.get(one.id, ())),
            shares.get(one.id, 0.0),
            importers.get(one.file, 0),
        )
        for one in documents
    ]


def _lexical(sources: Sources, asked: Asked, found: Found) -> None:
    for corpus, depth in asked.corpora:
        rows = _match(sources, asked, depth, corpus)
        if corpus == fulltext.HISTORY and asked.within is None:
            found.said = rows
        for position, (document, score) in enumerate(rows, 1):
            found.bm25[document] = score
            found.lexical[document] = position


def _match(
    sources: Sources, asked: Asked, depth: int, corpus: str, *, narrowed: bool = True
) -> list[tuple[int, float]]:
    within = asked.within if narrowed else None
    words_of = matching.Corpus(corpus, sources.fields, sources.postings)
    return matching.match_any(asked.connection, asked.content, depth, within, words_of)


def _named(sources: Sources, asked: Asked, found: Found) -> None:
    """Add what bears a name of the query and, for a name alone, what mentions it whole."""
    names = sorted(asked.terms.spelled)
    ids = fulltext.named(asked.connection, names, asked.depth, asked.within)
    ids += fulltext.of_keys(asked.connection, sorted(asked.terms.keys), asked.within)
    if asked.terms.symbol_like:
        whole = fulltext.quote(sorted(asked.terms.identifiers))
        mentions = fulltext.match(asked.connection, whole, MENTIONS, sources.fields, asked.within)
        ids += [document for document, _ in mentions if document not in ids]
    found.named |= {document: position for position, document in enumerate(ids, 1)}


def _pinned(sources: Sources, asked: Asked, found: Found) -> None:
    """Add what the query quotes: a phrase, a place, a message, a name of nobody."""
    pins = pinning.pin(
        asked.connection, asked.query.text, asked.terms, asked.within, sources.weights
    )
    found.pins = pins.shares
    found.degraded += pins.degraded


def _voted(sources: Sources, asked: Asked, found: Found) -> None:
    """Add what the commits whose words answer modified: whatever it is called now."""
    kinds = set(asked.query.filter.kinds or NodeKind)
    if not asked.history or kinds <= HISTORY_KINDS:
        return
    said = found.said
    if said is None:  # a filter on what is found does not silence the commits
        said = _match(sources, asked, HISTORY_CANDIDATES, fulltext.HISTORY, narrowed=False)
    found.votes = votes.votes(asked.connection, dict(said))
    ids = votes.voted_documents(asked.connection, found.votes)
    if asked.within is not None:
        kept = held_of(ids, asked.within)
        ids = [one for one in ids if one in kept]
    found.voted |= {document: position for position, document in enumerate(ids, 1)}


def _tried(sources: Sources, asked: Asked, found: Found) -> None:
    """Ask the vectors; where a model on trial fails, those of the proven one."""
    proven = sources.proven
    try:
        _dense(sources, asked, found)
    except _FAILURES as error:
        if proven is None:
            raise
        proven.told(str(error))
        _dense(replace(sources, store=proven.store, embedder=proven.embedder), asked, found)
    else:
        if proven is not None:
            proven.told(None)


def _dense(sources: Sources, asked: Asked, found: Found) -> None:
    """Ask the store for neighbours, then score what only words found, exactly."""
    vector = sources.embedder.embed_query(asked.query.text)
    near = sources.store.nearest(vector, asked.neighbors, asked.within)
    for position, (document, distance) in enumerate(near, 1):
        found.similarity[document] = 1.0 - distance
        found.dense[document] = position
    rest = sorted(found.without_vectors - found.similarity.keys())
    ids, model = np.array(rest, dtype=np.int64), sources.embedder.document_identity
    found.similarity |= _similarities(asked.connection, vector, ids, model)


def _similarities(
    connection: apsw.Connection, vector: Vector, ids: DocumentIds, model: str
) -> Mapping[int, float]:
    batch = ledger.vectors_of(connection, ids, model)
    cosines = (batch.vectors @ vector).tolist() if len(batch.ids) else []
    return dict(zip(batch.ids.tolist(), cosines, strict=True))
