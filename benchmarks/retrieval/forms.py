"""What is embedded of a document: other forms of the text, tried without another index.

Every file is written out anew in each form, embedded, and compared with the query in full; words,
names and rules stay those of the index. The control is the form that the index has: what it differs
by is what the store's int8 codes change.
"""

import re
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
from hikma.models.static import parts_of
from hikma.protocols import Embedder
from hikma.ranking import Candidate
from hikma.sources import syntax
from hikma.sources.opening import open_source


@dataclass(frozen=True, slots=True)
class Form:
    """Which parts of a document are embedded, and how many parts of words of that; None: all."""

    parts: tuple[str, ...] = documents.MEANING_PARTS
    most: int | None = None


FORMS: Mapping[str, Form] = {
    "as indexed (control)": Form(),
    "title alone": Form(("title",)),
    "no title": Form(("documentation", "text")),
    "no documentation": Form(("title", "text")),
    "no code": Form(("title", "documentation")),
    "path added": Form(("path", *documents.MEANING_PARTS)),
    "signature added": Form(("title", "signature", "documentation", "text")),
    **{f"first {most} parts of words": Form(most=most) for most in (32, 64, 128, 192)},
}
"""The table reads no more than its own cap, `hikma.models.static.PARTS`."""
_WORD = re.compile(r"\w+")


Held: TypeAlias = tuple[DocumentIds, VectorRows]
"""The ids of a tree's documents, and a vector of each."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """The ids of a tree's documents and, by form, the text of each that is embedded."""

    ids: DocumentIds
    texts: Mapping[str, list[str]]


def first_parts(text: str, most: int) -> str:
    """Return the words that a text begins with, no more than have so many parts; one at least."""
    told = 0
    for word in _WORD.finditer(text):
        told += len(parts_of(word[0]))
        if told > most:
            return text[: word.start()] or text[: word.end()]
    return text


def read(sources: search.Sources, tree: Tree) -> Meanings:
    """Write out every file of a tree in each form; ids are those of its index."""
    by_place = _ids(sources)
    ids: list[int] = []
    texts: dict[str, list[str]] = {name: [] for name in FORMS}
    for extraction in _extractions(tree):
        written = {name: _written(extraction, form) for name, form in FORMS.items()}
        places = [(one.node, one.ordinal) for one in documents.write_out(extraction)]
        kept = [at for at, place in enumerate(places) if place in by_place]
        ids += [by_place[places[at]] for at in kept]
        for name, some in written.items():
            texts[name] += [some[at] for at in kept]
    if len(set(ids)) != len(by_place):
        raise HikmaError(f"{len(by_place)} documents of {tree.label}, {len(ids)} written out anew")
    return Meanings(np.array(ids, dtype=np.int64), texts)


def _written(extraction: Extraction, form: Form) -> list[str]:
    """Return what is embedded of each document of a file."""
    written = [one.meaning for one in documents.write_out(extraction, form.parts)]
    return written if form.most is None else [first_parts(one, form.most) for one in written]


def embed(embedder: Embedder, texts: Sequence[str]) -> VectorRows:
    """Embed each different text once."""
    different = dict.fromkeys(texts)
    vectors = embedder.embed_documents(list(different))
    place = {text: at for at, text in enumerate(different)}
    return vectors[[place[text] for text in texts]]


def regather(
    sources: search.Sources,
    found: search.Gathered,
    vector: Vector,
    held: Held,
    floor: float = -1.0,
) -> search.Gathered:
    """Return what is ranked for a query, the dense part by other vectors of the documents.

    What is less similar than `floor` is left out, as meaning alone does.
    """
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
        if similarity[one] < floor:
            continue
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
