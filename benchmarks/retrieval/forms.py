"""What is embedded of a document: other forms of the text, tried without another index.

Every file is written out anew in each form, embedded, and compared with the query in full; words,
names and rules stay those of the index. The control is the form that the index has: what it differs
by is what the store's int8 codes change.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from topics import Tree

from hikma import documents, retrieval, search
from hikma.arrays import DocumentIds, Vector, VectorRows
from hikma.catalog import fulltext, rows, votes
from hikma.domain import Extraction, SourceFile
from hikma.errors import HikmaError
from hikma.protocols import Embedder
from hikma.ranking import Candidate
from hikma.sources import syntax
from hikma.sources.opening import open_source

FORMS: Mapping[str, tuple[str, ...]] = {
    "as indexed (control)": documents.MEANING_PARTS,
    "title alone": ("title",),
    "no title": ("documentation", "text"),
    "no documentation": ("title", "text"),
    "no code": ("title", "documentation"),
    "path added": ("path", *documents.MEANING_PARTS),
    "signature added": ("title", "signature", "documentation", "text"),
}


Held: TypeAlias = tuple[DocumentIds, VectorRows]
"""The ids of a tree's documents, and a vector of each."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """The ids of a tree's documents and, by form, the text of each that is embedded."""

    ids: DocumentIds
    texts: Mapping[str, list[str]]


def read(sources: search.Sources, tree: Tree) -> Meanings:
    """Write out every file of a tree in each form; ids are those of its index."""
    by_place = _ids(sources)
    ids: list[int] = []
    texts: dict[str, list[str]] = {name: [] for name in FORMS}
    for extraction in _extractions(tree):
        written = {name: documents.write_out(extraction, form) for name, form in FORMS.items()}
        places = [(one.node, one.ordinal) for one in next(iter(written.values()))]
        kept = [at for at, place in enumerate(places) if place in by_place]
        ids += [by_place[places[at]] for at in kept]
        for name, some in written.items():
            texts[name] += [some[at].meaning for at in kept]
    if len(set(ids)) != len(by_place):
        raise HikmaError(f"{len(by_place)} documents of {tree.label}, {len(ids)} written out anew")
    return Meanings(np.array(ids, dtype=np.int64), texts)


def embed(embedder: Embedder, texts: Sequence[str]) -> VectorRows:
    """Embed each different text once."""
    different = dict.fromkeys(texts)
    vectors = embedder.embed_documents(list(different))
    place = {text: at for at, text in enumerate(different)}
    return vectors[[place[text] for text in texts]]


def regather(
    sources: search.Sources, found: search.Gathered, vector: Vector, held: Held
) -> search.Gathered:
    """Return what is ranked for a query, the dense part by other vectors of the documents."""
    ids, vectors = held
    cosines = vectors @ vector
    near = _nearest(cosines, ids)
    similarity = dict(zip(ids.tolist(), cosines.tolist(), strict=True))
    by_words = {one.document.id: one for one in found.candidates if _by_words(one)}
    terms = found.terms
    others = near.keys() - by_words.keys()
    wanted = {"texts": terms.symbol_like, "file_texts": bool(terms.identifiers)}
    known_of = _loaded(sources, others, **wanted) | by_words
    candidates = []
    for one, known in sorted(known_of.items()):
        ranks = {name: rank for name, rank in known.ranks.items() if name != "dense"}
        ranks |= {"dense": near[one]} if one in near else {}
        candidates.append(known._replace(similarity=similarity[one], ranks=ranks))
    return replace(found, candidates=candidates)


def _by_words(one: Candidate) -> bool:
    return bool(one.pins or set(one.ranks) - {"dense"})


def _loaded(
    sources: search.Sources, ids: Collection[int], *, texts: bool, file_texts: bool
) -> dict[int, Candidate]:
    """Return candidates that only vectors find, with what ranking asks about their files."""
    with sources.catalog.read() as connection:
        loaded = fulltext.briefs(connection, sorted(ids), texts=texts, file_texts=file_texts)
        importers = votes.importers(connection, (one.file for one in loaded))
    return {
        one.id: Candidate(one, 0.0, None, {}, importers=importers.get(one.file, 0))
        for one in loaded
    }


def _nearest(cosines: Vector, ids: DocumentIds) -> dict[int, int]:
    """Return ids and ranks of the nearest, as many as a search asks for."""
    best = np.lexsort((ids, -cosines))[: retrieval.CANDIDATES]
    return {int(ids[at]): place for place, at in enumerate(best, 1)}


def _ids(sources: search.Sources) -> dict[tuple[str, int], int]:
    sql = "SELECT node.key, ordinal, document.id FROM document JOIN node ON node.id = node"
    with sources.catalog.read() as connection:
        return {(key, ordinal): one for key, ordinal, one in rows.every(connection, sql)}


def _extractions(tree: Tree) -> Iterator[Extraction]:
    with closing(open_source(tree.folder)) as source:
        for entry in source.snapshot().entries:
            file = source.load(entry)
            found = syntax.extract(file) if isinstance(file, SourceFile) else None
            if isinstance(found, Extraction):
                yield found
