"""The job of answering a query: retrievers, fusion and rules, cut. Read this file first.

A query runs inside one read transaction, so that a writer beside it changes nothing half-way;
it writes nothing, and its answer depends on the index and the query alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import apsw
import numpy as np

from hikma import packing, ranking
from hikma.arrays import DocumentIds, Vector
from hikma.catalog import completeness, filters, fulltext, graph, ledger, matching
from hikma.catalog.schema import Catalog
from hikma.documents import words
from hikma.domain import HISTORY_KINDS, Mode, NodeKind, Query, StoredDocument
from hikma.errors import CorruptFileError, MissingVectorError, ModelError, QueryError
from hikma.protocols import Embedder, VectorStore
from hikma.results import Freshness, Hit, SearchResult

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
DEFAULT_LIMIT = 10
SEMANTIC_FLOOR = 0.1
_SNIPPET_CHARACTERS = 1_600
_IN_SNIPPETS = frozenset({"signature", "documentation"})
"""Properties that a packed snippet shows instead."""
_LONGEST_MS = 999_999.99
_MOST_TOKENS = 9_999_999
"""Stand for an answer's time, tokens and budget while it is counted, so that it costs the same
whatever they are."""


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
    fields: tuple[float, ...] = FIELD_WEIGHTS


@dataclass(slots=True)
class _Found:
    """What the retrievers brought: scores and ranks by document id."""

    bm25: dict[int, float]
    similarity: dict[int, float]
    named: dict[int, int]
    lexical: dict[int, int]
    dense: dict[int, int]
    degraded: list[str]


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


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is ranked: everything that the retrievers found, whatever the weights of the rules."""

    terms: ranking.Terms
    candidates: Sequence[ranking.Candidate]
    freshness: Freshness
    degraded: Sequence[str]


def search(sources: Sources, query: Query, form: packing.Form | None = None) -> SearchResult:
    """Answer a query; `form` tells what the answer costs as printed, for a query with a budget.

    Raises QueryError for an empty or oversized query and a budget in which nothing fits,
    FilterError for a filter that nothing can satisfy; a retriever that fails in hybrid mode is
    named in `degraded`.
    """
    start = time.perf_counter()
    found = gather(sources, query)
    limit = query.limit or (packing.CONSIDERED if query.budget else DEFAULT_LIMIT)
    scored = ranking.rank(found.terms, found.candidates, sources.weights, limit)
    degraded = tuple(found.degraded)
    empty = SearchResult(
        query.text, query.mode, 0.0, found.freshness, (), degraded, budget=query.budget
    )
    if query.budget is None:
        hits = tuple(
            _hit(position, one, query, sources.digest_now) for position, one in enumerate(scored, 1)
        )
        result = replace(empty, hits=hits)
    else:
        answer = _Answer(empty, scored, query, sources.digest_now)
        result = _packed(answer, found.terms, form or packing.PLAIN)
    return replace(result, took_ms=round((time.perf_counter() - start) * 1_000, 2))


def gather(sources: Sources, query: Query) -> Gathered:
    """Return what is ranked for a query; errors as those of `search`."""
    check(query)
    terms = _terms(query)
    depth = max(CANDIDATES, (query.limit or DEFAULT_LIMIT) * 10)
    with sources.catalog.read() as connection:
        within = graph.resolve(connection, query.filter)
        history = completeness.has_commits(connection)
        found = _retrieve(sources, _Asked(connection, query, terms, depth, within, history))
        candidates = _candidates(connection, found)
        freshness = sources.freshness(connection)
        if note := filters.history_note(connection, query.filter):
            found.degraded.append(note)
    return Gathered(terms, _above_floor(candidates, query), freshness, found.degraded)


def check(query: Query) -> None:
    """Raise QueryError or FilterError for a query that cannot be answered by any index."""
    if not query.text.strip():
        raise QueryError("The query is empty; ask for words, a name or a sentence.")
    if len(query.text) > LONGEST_QUERY:
        raise QueryError(
            f"The query has {len(query.text):,} characters; ask with at most {LONGEST_QUERY:,}."
        )
    if not any(character.isalnum() for character in query.text):
        raise QueryError(f"The query {query.text[:40]!r} has no word; ask for words or a name.")
    if query.limit is not None and not 1 <= query.limit <= 1_000:  # noqa: PLR2004 -- the bound stands in the message
        raise QueryError(f"limit = {query.limit}; choose 1 to 1000.")
    if query.budget is not None and not 1 <= query.budget <= _MOST_TOKENS:
        raise QueryError(f"budget = {query.budget}; choose 1 to {_MOST_TOKENS} tokens.")
    if query.min_similarity is not None and not -1 <= query.min_similarity <= 1:
        raise QueryError(f"min-similarity = {query.min_similarity}; a cosine lies in -1 to 1.")
    if query.min_similarity is not None and query.mode is Mode.LEXICAL:
        raise QueryError("Words alone have no similarity; leave out min-similarity or the mode.")
    filters.check(query.filter)


def _retrieve(sources: Sources, asked: _Asked) -> _Found:
    found = _Found({}, {}, {}, {}, {}, [])
    if asked.within is not None and not len(asked.within):
        return found
    if asked.query.mode is not Mode.SEMANTIC:
        _lexical(sources, asked, found)
        _named(sources, asked, found)
    if asked.query.mode is not Mode.LEXICAL:
        try:
            _dense(sources, asked, found)
        except (ModelError, MissingVectorError, CorruptFileError, apsw.Error) as error:
            if asked.query.mode is Mode.SEMANTIC:
                raise
            found.degraded.append(f"dense: {error}")
    return found


def _lexical(sources: Sources, asked: _Asked, found: _Found) -> None:
    every = list(dict.fromkeys(words(asked.query.text)))
    content = [word for word in every if word not in ranking.STOP_WORDS] or every
    for corpus, depth in asked.corpora:
        rows = matching.match_any(
            asked.connection, content[:MOST_TERMS], depth, sources.fields, asked.within, corpus
        )
        for position, (document, score) in enumerate(rows, 1):
            found.bm25[document] = score
            found.lexical[document] = position


def _named(sources: Sources, asked: _Asked, found: _Found) -> None:
    """Add what bears a name of the query and, for a name alone, what mentions it whole."""
    names = sorted(asked.terms.spelled)
    ids = fulltext.named(asked.connection, names, asked.depth, asked.within)
    ids += fulltext.of_keys(asked.connection, sorted(asked.terms.keys), asked.within)
    if asked.terms.symbol_like:
        whole = fulltext.quote(sorted(asked.terms.identifiers))
        mentions = fulltext.match(asked.connection, whole, MENTIONS, sources.fields, asked.within)
        ids += [document for document, _ in mentions if document not in ids]
    found.named |= {document: position for position, document in enumerate(ids, 1)}


def _dense(sources: Sources, asked: _Asked, found: _Found) -> None:
    """Ask the store for neighbours, then score what only words found, exactly."""
    vector = sources.embedder.embed_query(asked.query.text)
    # Commits are among the neighbours: that many more are asked for.
    depth = sum(depth for _, depth in asked.corpora)
    near = sources.store.nearest(vector, depth, asked.within)
    for position, (document, distance) in enumerate(near, 1):
        found.similarity[document] = 1.0 - distance
        found.dense[document] = position
    by_words = found.lexical.keys() | found.named.keys()
    rest = np.array(sorted(by_words - found.similarity.keys()), dtype=np.int64)
    found.similarity |= _similarities(asked.connection, vector, rest)


def _similarities(
    connection: apsw.Connection, vector: Vector, ids: DocumentIds
) -> Mapping[int, float]:
    batch = ledger.vectors_of(connection, ids)
    cosines = (batch.vectors @ vector).tolist() if len(batch.ids) else []
    return dict(zip(batch.ids.tolist(), cosines, strict=True))


def _candidates(connection: apsw.Connection, found: _Found) -> list[ranking.Candidate]:
    ids = sorted(found.lexical.keys() | found.dense.keys() | found.named.keys())
    documents = fulltext.load(connection, ids)
    return [
        ranking.Candidate(
            documents[document],
            found.bm25.get(document, 0.0),
            found.similarity.get(document),
            _ranks(document, found),
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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is to be packed: a result without hits, and the candidates, best first."""

    empty: SearchResult
    scored: Sequence[ranking.Scored]
    query: Query
    digest_now: Callable[[str, str], str | None]


def _packed(answer: _Answer, terms: ranking.Terms, form: packing.Form) -> SearchResult:
    """Return the best lines of the candidates under the query's budget, as hits in their order."""
    budget = answer.query.budget or 0
    digest_now = cache(answer.digest_now)

    @cache
    def bare(position: int) -> Hit:
        hit = _hit(position + 1, answer.scored[position], answer.query, digest_now)
        brief = {name: one for name, one in hit.properties.items() if name not in _IN_SNIPPETS}
        return replace(hit, snippet="", properties=brief, tokens=_MOST_TOKENS)

    empty = replace(answer.empty, took_ms=_LONGEST_MS, tokens=_MOST_TOKENS, budget=_MOST_TOKENS)
    frame = form.frame(empty)
    packed = packing.pack(
        [one.candidate.document for one in answer.scored],
        terms.words,
        lambda position: form.head(bare(position)),
        cache(form.line),
        budget - frame,
    )
    if frame > budget or (answer.scored and not packed.snippets):
        raise QueryError(
            f"budget = {budget}; the best hit's first lines and what stands around them take "
            f"{frame + packed.least} tokens: choose at least so many."
        )
    hits = tuple(
        replace(bare(one.position), rank=rank, snippet="\n".join(one.lines), tokens=one.tokens)
        for rank, one in enumerate(packed.snippets, 1)
    )
    spent = frame + sum(one.tokens for one in packed.snippets)
    return replace(answer.empty, hits=hits, tokens=spent)


def _is_fresh(document: StoredDocument, digest_now: Callable[[str, str], str | None]) -> bool:
    if document.node.kind in HISTORY_KINDS:
        return True
    return digest_now(document.node.path, document.file_digest) == document.file_digest


def _properties(document: StoredDocument) -> dict[str, str | int | float | bool | None]:
    node = document.node
    named = {"signature": node.signature, "documentation": node.documentation}
    symbol = {"symbol_kind": node.symbol_kind.value} if node.symbol_kind else {}
    return {**node.properties, **symbol, **{name: text for name, text in named.items() if text}}
