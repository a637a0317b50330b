"""The job of answering a query: retrieve, rank, show. Read this file first.

A query runs inside one read transaction, so that a writer beside it changes nothing half-way;
it writes nothing, and its answer depends on the index and the query alone.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import apsw

from hikma import documents, hits, packing, ranking, retrieval
from hikma.catalog import completeness, filters, fulltext, graph, vocabulary, votes
from hikma.domain import HISTORY_KINDS, Mode, NodeKind, Query
from hikma.errors import QueryError
from hikma.results import Freshness, SearchResult
from hikma.retrieval import FIELD_WEIGHTS, WEIGHTS, Sources

__all__ = ["FIELD_WEIGHTS", "WEIGHTS", "Gathered", "Sources", "check", "gather", "search"]

LONGEST_QUERY = 10_000
"""Characters; a longer text is a document, not a question."""
DEFAULT_LIMIT = 10
SEMANTIC_FLOOR = 0.1
UNKNOWN_WORDS = (
    "regex: every document was read, and lines may be counted wrongly: this index is older than "
    "its list of words; run `hikma index`"
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is ranked: everything that the retrievers found, whatever the weights of the rules.

    `companions` are the files that changed with each of the files that answer best.
    """

    terms: ranking.Terms
    candidates: Sequence[ranking.Candidate]
    freshness: Freshness
    degraded: Sequence[str]
    companions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def search(sources: Sources, query: Query, form: packing.Form | None = None) -> SearchResult:
    """Answer a query; `form` tells what the answer costs as printed, for a query with a budget.

    Raises QueryError for an empty or oversized query and a budget in which nothing fits,
    FilterError for a filter that nothing can satisfy; a retriever that fails in hybrid mode is
    named in `degraded`.
    """
    start = time.perf_counter()
    found = _lines(sources, query) if query.regex else _ranked(sources, query, form)
    return replace(found, took_ms=round((time.perf_counter() - start) * 1_000, 2))


def _ranked(sources: Sources, query: Query, form: packing.Form | None) -> SearchResult:
    with sources.catalog.read() as connection:
        found = gather(sources, query)
        limit = query.limit or (packing.CONSIDERED if query.budget else DEFAULT_LIMIT)
        given = (found.terms, found.candidates, sources.weights, limit, found.companions)
        best = _shown(connection, ranking.rank(*given))
    empty = _empty(query, query.mode, found.freshness, found.degraded)
    if query.budget is not None:
        answer = hits.Answer(empty, best, query, sources.digest_now)
        return hits.packed(answer, found.terms, form or packing.PLAIN)
    shown = partial(hits.of_scored, query=query, digest_now=sources.digest_now)
    return replace(empty, hits=tuple(shown(at, one) for at, one in enumerate(best, 1)))


def _shown(connection: apsw.Connection, scored: Sequence[ranking.Scored]) -> list[hits.Shown]:
    """Read the documents that are shown: ranking looked at them in short."""
    documents = fulltext.load(connection, [one.candidate.document.id for one in scored])
    return [
        hits.Shown(
            documents[one.candidate.document.id],
            one.score,
            one.candidate.similarity,
            tuple(sorted(one.candidate.ranks)),
            one.shares,
        )
        for one in scored
    ]


def gather(sources: Sources, query: Query) -> Gathered:
    """Return what is ranked for a query; errors as those of `search`."""
    check(query)
    terms = _terms(query)
    depth = max(retrieval.CANDIDATES, (query.limit or DEFAULT_LIMIT) * 10)
    with sources.catalog.read() as connection:
        within = graph.resolve(connection, query.filter)
        history = completeness.has_commits(connection)
        asked = retrieval.Asked(connection, query, terms, depth, within, history)
        found = retrieval.retrieve(sources, asked)
        candidates = _above_floor(retrieval.candidates(connection, found, terms), query)
        freshness = sources.freshness(connection)
        if note := filters.history_note(connection, query.filter):
            found.degraded.append(note)
        best = ranking.best_files(candidates, sources.weights) if history else []
        companions = votes.changed_with(connection, best)
    return Gathered(terms, candidates, freshness, found.degraded, companions)


def _lines(sources: Sources, query: Query) -> SearchResult:
    """Answer a regular expression: by no meaning, every line that matches."""
    check(query)
    from hikma import scanning  # noqa: PLC0415 -- no other search needs worker processes

    history = bool(HISTORY_KINDS.intersection(query.filter.kinds))
    with sources.catalog.read() as connection:
        within = graph.resolve(connection, query.filter)
        known = vocabulary.is_known(connection, documents.FORM, history=history)
        done = scanning.scan(connection, query.text, within, history=history, indexed=known)
        if not known:
            done.degraded.append(UNKNOWN_WORDS)
        matched = done.matched[: query.limit or DEFAULT_LIMIT]
        loaded = fulltext.load(connection, [one.document for one in matched])
        freshness = sources.freshness(connection)
        if note := filters.history_note(connection, query.filter):
            done.degraded.append(note)
    empty = _empty(query, Mode.LEXICAL, freshness, done.degraded)
    shown = tuple(
        hits.of_lines(at, one, loaded[one.document], query, sources.digest_now)
        for at, one in enumerate(matched, 1)
    )
    return replace(empty, hits=shown)


def _empty(query: Query, mode: Mode, freshness: Freshness, degraded: Sequence[str]) -> SearchResult:
    return SearchResult(query.text, mode, 0.0, freshness, (), tuple(degraded), budget=query.budget)


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
    if query.limit is not None and not 1 <= query.limit <= 1_000:  # noqa: PLR2004 -- the bound stands in the message
        raise QueryError(f"limit = {query.limit}; choose 1 to 1000.")
    if query.budget is not None and not 1 <= query.budget <= hits.MOST_TOKENS:
        raise QueryError(f"budget = {query.budget}; choose 1 to {hits.MOST_TOKENS} tokens.")
    if query.min_similarity is not None and not -1 <= query.min_similarity <= 1:
        raise QueryError(f"min-similarity = {query.min_similarity}; a cosine lies in -1 to 1.")
    if query.min_similarity is not None and query.mode is Mode.LEXICAL:
        raise QueryError("Words alone have no similarity; leave out min-similarity or the mode.")
    filters.check(query.filter)


def _check_regex(query: Query) -> None:
    from hikma import patterns  # noqa: PLC0415 -- no other search needs the parser

    patterns.check(query.text)
    if query.budget is not None:
        raise QueryError("Matching lines are few tokens; leave out the budget, and use --limit.")
    if query.mode is Mode.SEMANTIC or query.min_similarity is not None:
        raise QueryError(
            "A regular expression has no meaning to compare; leave out the mode and min-similarity."
        )


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
