"""From what is ranked to what is shown: hits, whole, packed under a budget, or of single lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from hikma import packing, ranking
from hikma.catalog import adopted
from hikma.domain import HISTORY_KINDS, Query, StoredDocument
from hikma.errors import QueryError
from hikma.results import Hit, SearchResult, Share

if TYPE_CHECKING:
    from hikma.scanning import Matched

DEFINITION_SCORE, LINE_SCORE = 1.0, 0.5
"""Of lines that a regular expression matches: those that define a name, and all others."""
MOST_TOKENS = 9_999_999
_LONGEST_MS = 999_999.99
"""Stand for an answer's time, tokens and budget while it is counted, so that it costs the same
whatever they are."""
_SNIPPET_CHARACTERS = 1_600
_IN_SNIPPETS = frozenset({"signature", "documentation"})
"""Properties that a packed snippet shows instead."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A document that is shown, with what ranking made of it; `sources` are its retrievers."""

    document: StoredDocument
    score: float
    similarity: float | None
    sources: tuple[str, ...]
    shares: tuple[Share, ...]


def of_scored(
    position: int,
    one: Shown,
    query: Query,
    digest_now: Callable[[str, str], str | None],
) -> Hit:
    """Return a candidate as it is shown, its snippet from its beginning."""
    document, similarity = one.document, one.similarity
    node = document.node
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
        sources=one.sources,
        fresh=_is_fresh(document, digest_now),
        properties=_properties(document),
        explanation=one.shares if query.explain else (),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be packed: a result without hits, and the candidates, best first."""

    empty: SearchResult
    best: Sequence[Shown]
    query: Query
    digest_now: Callable[[str, str], str | None]


def packed(answer: Answer, terms: ranking.Terms, form: packing.Form) -> SearchResult:
    """Return the best lines of the candidates under the query's budget, as hits in their order."""
    budget = answer.query.budget or 0
    digest_now = cache(answer.digest_now)

    @cache
    def bare(position: int) -> Hit:
        hit = of_scored(position + 1, answer.best[position], answer.query, digest_now)
        brief = {name: one for name, one in hit.properties.items() if name not in _IN_SNIPPETS}
        return replace(hit, snippet="", properties=brief, tokens=MOST_TOKENS)

    empty = replace(answer.empty, took_ms=_LONGEST_MS, tokens=MOST_TOKENS, budget=MOST_TOKENS)
    frame = form.frame(empty)
    chosen = packing.pack(
        [one.document for one in answer.best],
        terms.words,
        lambda position: form.head(bare(position)),
        cache(form.line),
        budget - frame,
    )
    if frame > budget or (answer.best and not chosen.snippets):
        raise QueryError(
            f"budget = {budget}; the best hit's first lines and what stands around them take "
            f"{frame + chosen.least} tokens: choose at least so many."
        )
    hits = tuple(
        replace(bare(one.position), rank=rank, snippet="\n".join(one.lines), tokens=one.tokens)
        for rank, one in enumerate(chosen.snippets, 1)
    )
    spent = frame + sum(one.tokens for one in chosen.snippets)
    return replace(answer.empty, hits=hits, tokens=spent)


def of_lines(
    position: int,
    one: "Matched",
    document: StoredDocument,
    query: Query,
    digest_now: Callable[[str, str], str | None],
) -> Hit:
    """Return a hit of the lines that match: from the first to the last, all of them named."""
    score = DEFINITION_SCORE if one.defines else LINE_SCORE
    share = Share("definition" if one.defines else "line", score)
    found = Shown(document, score, None, ("regex",), (share,))
    shown = of_scored(position, found, query, digest_now)
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
    if not adopted.follows_file(document.node):
        return True
    return digest_now(document.node.path, document.file_digest) == document.file_digest


def _properties(document: StoredDocument) -> dict[str, str | int | float | bool | None]:
    node = document.node
    named = {"signature": node.signature, "documentation": node.documentation}
    symbol = {"symbol_kind": node.symbol_kind.value} if node.symbol_kind else {}
    return {**node.properties, **symbol, **{name: text for name, text in named.items() if text}}
