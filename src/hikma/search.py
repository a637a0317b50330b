"""The job of answering a query: retrievers, fusion and rules, cut. Read this file first.

A query runs inside one read transaction, so that a writer beside it changes nothing half-way;
it writes nothing, and its answer depends on the index and the query alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import apsw
import numpy as np

from hikma import documents, pinning, ranking
from hikma.arrays import DocumentIds, Vector
from hikma.catalog import completeness, filters, fulltext, graph, ledger, vocabulary
from hikma.catalog.schema import Catalog
from hikma.documents import words
from hikma.domain import HISTORY_KINDS, Mode, NodeKind, Query, StoredDocument
from hikma.errors import CorruptFileError, MissingVectorError, ModelError, QueryError
from hikma.protocols import Embedder, VectorStore
from hikma.results import Freshness, Hit, SearchResult, Share

if TYPE_CHECKING:
    from hikma.scanning import Matched

LONGEST_QUERY = 10_000
"""Characters; a longer text is a document, not a question."""
MOST_TERMS = 64
CANDIDATES = 150
"""Documents asked of each retriever, at least ten for each hit wanted."""
HISTORY_CANDIDATES = 40
"""Commits and pull requests asked for beside code, so that neither crowds out the other."""
MENTIONS = 30
"""Documents that mention a name, asked for beside those that share its parts."""
FIELD_WEIGHTS = (8.0, 4.0, 2.0, 3.0, 1.0)
"""BM25 weights of name, path, signature, documentation, body."""
DEFINITION_SCORE, LINE_SCORE = 1.0, 0.5
"""Of lines that a regular expression matches: those that define a name, and all others."""
UNKNOWN_WORDS = (
    "regex: every document was read, and lines may be counted wrongly: this index is older than "
    "its list of words; run `hikma index`"
)
SEMANTIC_FLOOR = 0.1
_SNIPPET_CHARACTERS = 1_600


WEIGHTS = ranking.Weights()


@dataclass(frozen=True, slots=True)
class Sources:
    """What a search reads from; `digest_now` tells a path's content now, for freshness."""

    catalog: Catalog
    store: VectorStore
    embedder: Embedder
    digest_now: Callable[[str, str], str | None]
    freshness: Callable[[apsw.Connection], Freshness]
    weights: ranking.Weights = WEIGHTS


@dataclass(slots=True)
class _Found:
    """What the retrievers brought: scores and ranks by document id."""

    bm25: dict[int, float]
    similarity: dict[int, float]
    named: dict[int, int]
    lexical: dict[int, int]
    dense: dict[int, int]
    degraded: list[str]
    pins: dict[int, list[Share]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
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


def search(sources: Sources, query: Query) -> SearchResult:
    """Answer a query.

    Raises QueryError for an empty or oversized query, FilterError for a filter that nothing can
    satisfy; a retriever that fails in hybrid mode is named in `degraded`.
    """
    start = time.perf_counter()
    check(query)
    if query.regex:
        return _search_lines(sources, query, start)
    terms = _terms(query)
    depth = max(CANDIDATES, query.limit * 10)
    with sources.catalog.read() as connection:
        within = graph.resolve(connection, query.filter)
        history = completeness.has_commits(connection)
        found = _retrieve(sources, _Asked(connection, query, terms, depth, within, history))
        candidates = _candidates(connection, found)
        freshness = sources.freshness(connection)
        if note := filters.history_note(connection, query.filter):
            found.degraded.append(note)
    kept = _above_floor(candidates, query)
    scored = ranking.rank(terms, kept, sources.weights, query.limit)
    hits = tuple(
        _hit(position, one, query, sources.digest_now) for position, one in enumerate(scored, 1)
    )
    took_ms = round((time.perf_counter() - start) * 1_000, 2)
    return SearchResult(query.text, query.mode, took_ms, freshness, hits, tuple(found.degraded))


def _search_lines(sources: Sources, query: Query, start: float) -> SearchResult:
    """Answer a regular expression: by no meaning, every line that matches."""
    from hikma import scanning  # noqa: PLC0415 -- no other search needs worker processes

    history = bool(HISTORY_KINDS.intersection(query.filter.kinds))
    with sources.catalog.read() as connection:
        within = graph.resolve(connection, query.filter)
        known = vocabulary.is_known(connection, documents.FORM, history=history)
        done = scanning.scan(connection, query.text, within, history=history, indexed=known)
        if not known:
            done.degraded.append(UNKNOWN_WORDS)
        matched = done.matched[: query.limit]
        loaded = fulltext.load(connection, [one.document for one in matched])
        freshness = sources.freshness(connection)
        if note := filters.history_note(connection, query.filter):
            done.degraded.append(note)
    hits = tuple(
        _line_hit(position, one, loaded[one.document], query, sources.digest_now)
        for position, one in enumerate(matched, 1)
    )
    took_ms = round((time.perf_counter() - start) * 1_000, 2)
    degraded = tuple(done.degraded)
    return SearchResult(query.text, Mode.LEXICAL, took_ms, freshness, hits, degraded)


def check(query: Query) -> None:
    """Raise QueryError or FilterError for a query that cannot be answered by any index."""
    if not query.text.strip():
        raise QueryError("The query is empty; ask for words, a name or a sentence.")
    if len(query.text) > LONGEST_QUERY:
        raise QueryError(
            f"The query has {len(query.text):,} characters; ask with at most {LONGEST_QUERY:,}."
        )
    if query.regex:
        _check_regex(query)
    elif not any(character.isalnum() for character in query.text):
        raise QueryError(f"The query {query.text[:40]!r} has no word; ask for words or a name.")
    if not 1 <= query.limit <= 1_000:  # noqa: PLR2004 -- the bound stands in the message
        raise QueryError(f"limit = {query.limit}; choose 1 to 1000.")
    if query.min_similarity is not None and not -1 <= query.min_similarity <= 1:
        raise QueryError(f"min-similarity = {query.min_similarity}; a cosine lies in -1 to 1.")
    if query.min_similarity is not None and query.mode is Mode.LEXICAL:
        raise QueryError("Words alone have no similarity; leave out min-similarity or the mode.")
    filters.check(query.filter)


def _check_regex(query: Query) -> None:
    from hikma import patterns  # noqa: PLC0415 -- no other search needs the parser

    patterns.check(query.text)
    if query.mode is Mode.SEMANTIC or query.min_similarity is not None:
        raise QueryError(
            "A regular expression has no meaning to compare; leave out the mode and min-similarity."
        )


def _retrieve(sources: Sources, asked: _Asked) -> _Found:
    found = _Found({}, {}, {}, {}, {}, [])
    if asked.within is not None and not len(asked.within):
        return found
    if asked.query.mode is not Mode.SEMANTIC:
        _lexical(asked, found)
        _named(asked, found)
        _pinned(asked, found, sources.weights)
    if asked.query.mode is not Mode.LEXICAL:
        try:
            _dense(sources, asked, found)
        except (ModelError, MissingVectorError, CorruptFileError, apsw.Error) as error:
            if asked.query.mode is Mode.SEMANTIC:
                raise
            found.degraded.append(f"dense: {error}")
    return found


def _lexical(asked: _Asked, found: _Found) -> None:
    every = list(dict.fromkeys(words(asked.query.text)))
    content = [word for word in every if word not in ranking.STOP_WORDS] or every
    expression = fulltext.quote(content[:MOST_TERMS])
    for corpus, depth in asked.corpora:
        rows = fulltext.match(
            asked.connection, expression, depth, FIELD_WEIGHTS, asked.within, corpus
        )
        for position, (document, score) in enumerate(rows, 1):
            found.bm25[document] = score
            found.lexical[document] = position


def _named(asked: _Asked, found: _Found) -> None:
    """Add what bears a name of the query and, for a name alone, what mentions it whole."""
    names = sorted(asked.terms.spelled)
    ids = fulltext.named(asked.connection, names, asked.depth, asked.within)
    ids += fulltext.of_keys(asked.connection, sorted(asked.terms.keys), asked.within)
    if asked.terms.symbol_like:
        whole = fulltext.quote(sorted(asked.terms.identifiers))
        mentions = fulltext.match(asked.connection, whole, MENTIONS, FIELD_WEIGHTS, asked.within)
        ids += [document for document, _ in mentions if document not in ids]
    found.named |= {document: position for position, document in enumerate(ids, 1)}


def _pinned(asked: _Asked, found: _Found, weights: ranking.Weights) -> None:
    """Add what the query quotes: a phrase, a place, a message, a name of nobody."""
    pins = pinning.pin(asked.connection, asked.query.text, asked.terms, asked.within, weights)
    found.pins = pins.shares
    found.degraded += pins.degraded


def _dense(sources: Sources, asked: _Asked, found: _Found) -> None:
    """Ask the store for neighbours, then score what only words found, exactly."""
    vector = sources.embedder.embed_query(asked.query.text)
    # Commits are among the neighbours: that many more are asked for.
    depth = sum(depth for _, depth in asked.corpora)
    near = sources.store.nearest(vector, depth, asked.within)
    for position, (document, distance) in enumerate(near, 1):
        found.similarity[document] = 1.0 - distance
        found.dense[document] = position
    by_words = found.lexical.keys() | found.named.keys() | found.pins.keys()
    rest = np.array(sorted(by_words - found.similarity.keys()), dtype=np.int64)
    found.similarity |= _similarities(asked.connection, vector, rest)


def _similarities(
    connection: apsw.Connection, vector: Vector, ids: DocumentIds
) -> Mapping[int, float]:
    batch = ledger.vectors_of(connection, ids)
    cosines = (batch.vectors @ vector).tolist() if len(batch.ids) else []
    return dict(zip(batch.ids.tolist(), cosines, strict=True))


def _candidates(connection: apsw.Connection, found: _Found) -> list[ranking.Candidate]:
    by_words = found.lexical.keys() | found.named.keys() | found.pins.keys()
    ids = sorted(by_words | found.dense.keys())
    documents = fulltext.load(connection, ids)
    return [
        ranking.Candidate(
            documents[document],
            found.bm25.get(document, 0.0),
            found.similarity.get(document),
            _ranks(document, found),
            tuple(found.pins.get(document, ())),
        )
        for document in ids
        if document in documents
    ]


def _ranks(document: int, found: _Found) -> dict[str, int]:
    by_retriever = {"lexical": found.lexical, "dense": found.dense, "name": found.named}
    return {name: ranks[document] for name, ranks in by_retriever.items() if document in ranks}


def _above_floor(
    candidates: Sequence[ranking.Candidate], query: Query
) -> Sequence[ranking.Candidate]:
    default = SEMANTIC_FLOOR if query.mode is Mode.SEMANTIC else None
    floor = query.min_similarity if query.min_similarity is not None else default
    if floor is None:
        return candidates
    return [one for one in candidates if one.similarity is not None and one.similarity >= floor]


def _terms(query: Query) -> ranking.Terms:
    """Take the query apart; a filter on tests asks for tests as plainly as a word does."""
    terms = ranking.parse(query.text)
    kinds = query.filter.kinds
    return replace(
        terms,
        wants_tests=terms.wants_tests or NodeKind.TEST in kinds,
        wants_history=terms.wants_history or bool(HISTORY_KINDS.intersection(kinds)),
    )


def _hit(
    position: int,
    one: ranking.Scored,
    query: Query,
    digest_now: Callable[[str, str], str | None],
) -> Hit:
    document = one.candidate.document
    node = document.node
    similarity = one.candidate.similarity
    return Hit(
        rank=position,
        id=node.id,
        kind=node.kind,
        name=node.qualified_name or node.name,
        path=node.path,
        start_line=None if node.span is None else document.span.start_line,
        end_line=None if node.span is None else document.span.end_line,
        language=node.language,
        score=round(one.score, 4),
        similarity=None if similarity is None else round(similarity, 4),
        snippet=document.text[:_SNIPPET_CHARACTERS],
        sources=tuple(sorted(one.candidate.ranks)),
        fresh=_is_fresh(document, digest_now),
        properties=_properties(document),
        explanation=tuple(one.shares) if query.explain else (),
    )


def _line_hit(
    position: int,
    one: "Matched",
    document: StoredDocument,
    query: Query,
    digest_now: Callable[[str, str], str | None],
) -> Hit:
    """Return a hit of the lines that match: from the first to the last, all of them named."""
    score = DEFINITION_SCORE if one.defines else LINE_SCORE
    share = Share("definition" if one.defines else "line", score)
    candidate = ranking.Candidate(document, 0.0, None, {"regex": position})
    shown = _hit(position, ranking.Scored(candidate, score, [share]), query, digest_now)
    properties = {**shown.properties, "matching_lines": ", ".join(map(str, one.numbers))}
    snippet = "\n".join(one.lines)[:_SNIPPET_CHARACTERS]
    if document.node.span is None and document.node.kind in HISTORY_KINDS:
        return replace(shown, snippet=snippet, properties=properties)
    return replace(
        shown,
        snippet=snippet,
        start_line=one.numbers[0],
        end_line=one.numbers[-1],
        properties=properties,
    )


def _is_fresh(document: StoredDocument, digest_now: Callable[[str, str], str | None]) -> bool:
    if document.node.kind in HISTORY_KINDS:
        return True
    return digest_now(document.node.path, document.file_digest) == document.file_digest


def _properties(document: StoredDocument) -> dict[str, str | int | float | bool | None]:
    node = document.node
    named = {"signature": node.signature, "documentation": node.documentation}
    symbol = {"symbol_kind": node.symbol_kind.value} if node.symbol_kind else {}
    return {**node.properties, **symbol, **{name: text for name, text in named.items() if text}}
