"""Fit the shipped token table to MiniLM's own vectors, from sources installed on this machine.

    python scripts/build_static.py --cache DIR [--source LANGUAGE=DIR ...]

Without --source: the Python packages of this interpreter, the C headers of the system and what
npm has installed globally. The table that is shipped was made with those of `SHIPPED` in
files/NOTICE.md. The texts' MiniLM vectors are kept in DIR, so that a second run embeds only what
is new. Texts of a twentieth of the files are held out; the figures on them are printed and
written to the manifest. Seeded: the same sources give the same table on the same machine.
Needs the dependency group `models`.
"""

import argparse
import hashlib
import json
import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from corpus import Function, chosen, functions
from fitting import Refinement, Rows, Texts, directions, refine, ridge
from hikma.models import open_model
from hikma.models.shipped import FILES, open_files, write_manifest
from hikma.models.static import CODES, SCALES, WHOLE, Tokens, parts_of, weights_of
from hikma.models.wordpiece import WordPieces

LIMITS = {
    "python": 24_000,
    "c": 12_000,
    "javascript": 7_000,
    "go": 14_000,
    "rust": 8_000,
    "java": 12_000,
}
SCARCEST = 20
"""A word of code has a row of its own when it stands in this many documents."""
PENALTY, ROUNDS = 0.3, 30
REFINEMENT = Refinement(epochs=4, rate=0.004, closeness=4.0)
BLOCK = 5_000

Places = NDArray[np.intp]


def standard() -> list[str]:
    return [
        f"python={sysconfig.get_path('stdlib')}",
        f"python={sysconfig.get_path('purelib')}",
        "c=/usr/include",
        "javascript=/usr/lib/node_modules",
    ]


def read(sources: Sequence[str]) -> list[Function]:
    """Return the chosen functions of every language, in a fixed order."""
    found: list[Function] = []
    for language, limit in LIMITS.items():
        roots = [Path(one.partition("=")[2]) for one in sources if one.startswith(f"{language}=")]
        every = chain.from_iterable(functions(language, root) for root in roots)
        found += chosen(every, limit)
    return found


def words_of_code(documents: Sequence[str], pieces: WordPieces) -> list[str]:
    """Return frequent words that BERT's vocabulary must spell in pieces, most frequent first."""
    seen: Counter[str] = Counter()
    for document in documents:
        seen.update({part.lower() for part in parts_of(document)})
    kept = (word for word in seen if seen[word] >= SCARCEST and word.isascii() and word.isalpha())
    rare = [word for word in kept if len(pieces.of_word(word)) > 1]
    return sorted(rare, key=lambda word: (-seen[word], word))


def embed(cache: Path, texts: Sequence[str]) -> Rows:
    """Return MiniLM's vectors, from the cache where it has them."""
    keys = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts]
    known: dict[str, NDArray[np.float32]] = {}
    for path in sorted(cache.glob("minilm-*.npz")):
        with np.load(path) as block:
            known.update(zip(block["keys"].tolist(), block["vectors"], strict=True))
    lacking = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    model = open_model("minilm")
    cache.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(lacking), BLOCK):
        block = dict(list(lacking.items())[start : start + BLOCK])
        vectors = model.embed_documents(list(block.values()))
        np.savez(cache / f"minilm-{next(iter(block))}.npz", keys=list(block), vectors=vectors)
        known.update(zip(block, vectors, strict=True))
        print(f"embedded {start + len(block)} of {len(lacking)}", file=sys.stderr)
    return np.stack([known[key] for key in keys])


def features(tokens: Tokens, texts: Sequence[str]) -> sparse.csr_matrix:
    """Return one row a text with the weight of each of its tokens."""
    rows = [tokens.counts(text) for text in texts]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.fromiter(chain.from_iterable(rows), np.intp, ends[-1])
    times = np.fromiter(chain.from_iterable(row.values() for row in rows), np.intp, ends[-1])
    return sparse.csr_matrix((weights_of(times), columns, ends), (len(rows), len(tokens)))


def is_held_out(one: Function) -> bool:
    """Whether a function is in the twentieth of the files that the figures are taken on."""
    return hashlib.blake2b(one.path.encode(), digest_size=1).digest()[0] < 13


def fit(documents: Texts, sentences: Texts, codes: Texts, learnt: Places) -> Rows:
    """Return the table that is fitted to the learnt functions."""
    both = together(documents.at(learnt), sentences.at(learnt))
    table = ridge(both, PENALTY, ROUNDS)
    return refine(table, codes.at(learnt), sentences.at(learnt), both, REFINEMENT)


def together(first: Texts, second: Texts) -> Texts:
    stacked = sparse.vstack([first.features, second.features]).tocsr()
    return Texts(stacked, np.concatenate([first.vectors, second.vectors]))


def quantized(table: Rows) -> tuple[NDArray[np.int8], Rows]:
    """Return int8 rows and the scale of each."""
    scales = np.maximum(np.abs(table).max(axis=1), 1e-9) / 127
    return np.rint(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def cosine(texts: Texts, table: Rows) -> float:
    return round(float((directions(texts.features, table) * texts.vectors).sum(1).mean()), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--source", action="append", metavar="LANGUAGE=DIR")
    arguments = parser.parse_args()
    found = read(arguments.source or standard())
    documents = [one.text(documented=place % 3 != 0) for place, one in enumerate(found)]
    sentences = [one.sentence for one in found]
    pieces = WordPieces.open(open_files().path("vocabulary.txt"))
    whole = words_of_code(documents, pieces)
    tokens = Tokens(pieces, whole)
    vectors = embed(arguments.cache, documents + sentences)
    told = Texts(features(tokens, documents), vectors[: len(found)])
    asked = Texts(features(tokens, sentences), vectors[len(found) :])
    bare = Texts(features(tokens, [one.text(documented=False) for one in found]), told.vectors)
    held = np.array([is_held_out(one) for one in found])
    codes, scales = quantized(fit(told, asked, bare, np.flatnonzero(~held)))
    np.save(FILES / CODES, codes)
    np.save(FILES / SCALES, scales)
    (FILES / WHOLE).write_text("\n".join(whole) + "\n", encoding="utf-8")
    table = codes * scales[:, None]
    aside = np.flatnonzero(held)
    built = {
        "functions": {name: sum(one.language == name for one in found) for name in LIMITS},
        "words_of_code": len(whole),
        "held_out_functions": len(aside),
        "held_out_cosine_to_minilm": {
            "documents": cosine(told.at(aside), table),
            "sentences": cosine(asked.at(aside), table),
        },
    }
    write_manifest([CODES, SCALES, WHOLE], {"static": built})
    print(json.dumps(built, indent=2))


if __name__ == "__main__":
    main()
