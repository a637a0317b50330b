"""Fit the shipped table of words to pairs of questions and the documents that answer them.

    python scripts/material.py --sources DIR
    python scripts/build_static.py --sources DIR --cache DIR

The pairs and MiniLM's vectors of short texts are kept in the cache, so that a second run reads and
embeds only what it lacks. Packages of `corpus.HELD_OUT` are held out; the figures on them are
printed and written to the manifest. Seeded: the same sources give the same table on the same
machine. Needs the dependency group `models`.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from scipy import sparse

from corpus import is_held_out
from fitting import Features, Fitted, Pairs, Places, Rows, Schedule, contrast, directions, ridge
from gathering import gather
from hikma.models import open_model
from hikma.models.shipped import FILES, open_files, write_manifest
from hikma.models.static import CODES, DIMENSION, SCALES, WORDS, Tokens, parts_of, weights_of
from pairs import Pair

LIMITS = {"documentation": 11_000, "remainder": 6_000, "file": 4_000, "owner": 2_400}
"""Pairs of each kind in each language. Names and paths as questions made the table worse."""
LOOSE = frozenset(["file", "owner"])
ROWS = 33_000
LONGEST_ROW = 23
COMMON = 4
"""A word of BERT's vocabulary counts as if it stood in so many documents more."""
SENTENCES = 24_000
PENALTY, ROUNDS = 0.3, 30
BLOCK = 5_000
ASKED = 2_000


def drawn(found: Iterable[Pair]) -> list[Pair]:
    """Return distinct pairs, of each language and kind as many as `LIMITS` says, by their hash."""
    by_kind: dict[tuple[str, str], dict[bytes, Pair]] = defaultdict(dict)
    for one in found:
        key = hashlib.blake2b(f"{one.kind}{one.question}{one.answer}".encode(), digest_size=8)
        if one.kind in LIMITS:
            by_kind[one.language, one.kind].setdefault(key.digest(), one)
    return [
        some[key]
        for (_, kind), some in sorted(by_kind.items())
        for key in sorted(some)[: LIMITS[kind]]
    ]


def words_of(pairs: Sequence[Pair]) -> list[str]:
    """Return the words that have a row, those of most documents first, letters and digits last."""
    seen: Counter[str] = Counter()
    for one in pairs:
        if one.kind not in LOOSE:
            parts = parts_of(f"{one.question}\n{one.answer}")
            seen.update({part.lower() for part in parts})
    bert = Path(open_files().path("vocabulary.txt")).read_text(encoding="utf-8").split("\n")
    for word in bert:
        if word.isascii() and word.isalpha() and len(word) > 2:
            seen[word] += COMMON
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    kept = (word for word in seen if _is_a_word(word) and word not in letters)
    found = sorted(kept, key=lambda word: (-seen[word], word))
    return [*found[: ROWS - len(letters)], *letters]


def _is_a_word(word: str) -> bool:
    return len(word) <= LONGEST_ROW and not (word.isdigit() and len(word) > 4)


def features(tokens: Tokens, texts: Iterable[str]) -> Features:
    """Return one row a text with the weight of each of its words."""
    rows = [tokens.counts(text) for text in texts]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.fromiter(chain.from_iterable(rows), np.int32, ends[-1])
    times = np.fromiter(chain.from_iterable(row.values() for row in rows), np.intp, ends[-1])
    return sparse.csr_matrix((weights_of(times), columns, ends), (len(rows), len(tokens)))


def numbered(values: Sequence[object]) -> Places:
    """Return for each value the number of the first one like it."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.intp)


def pairs_as_features(tokens: Tokens, found: Sequence[Pair]) -> Pairs:
    return Pairs(
        features(tokens, (one.question for one in found)),
        features(tokens, (one.answer for one in found)),
        [(one.language, one.package) for one in found],
        numbered([one.question for one in found]),
        numbered([one.answer for one in found]),
        numbered([(one.package, one.path) for one in found]),
        np.array([one.kind in LOOSE for one in found]),
    )


def embed(cache: Path, texts: Sequence[str]) -> Rows:
    """Return MiniLM's vectors, from the cache where it has them."""
    known: dict[str, Rows] = {}
    for path in sorted(cache.glob("minilm-*.npz")):
        with np.load(path) as block:
            known.update(zip(block["texts"].tolist(), block["vectors"], strict=True))
    lacking = [text for text in dict.fromkeys(texts) if text not in known]
    model = open_model("minilm")
    for start in range(0, len(lacking), BLOCK):
        block = lacking[start : start + BLOCK]
        vectors = model.embed_documents(block)
        name = hashlib.blake2b(block[0].encode(), digest_size=8).hexdigest()
        np.savez(cache / f"minilm-{name}.npz", texts=np.array(block), vectors=vectors)
        known.update(zip(block, vectors, strict=True))
        print(f"embedded {start + len(block)} of {len(lacking)}", file=sys.stderr)
    return np.stack([known[text] for text in texts])


def start(cache: Path, tokens: Tokens, words: Sequence[str], learnt: Sequence[Pair]) -> Rows:
    """Return the table that comes nearest to MiniLM's vectors of words and of sentences."""
    asked = sorted({one.question for one in learnt if one.kind == "documentation"})
    chosen = np.random.default_rng(0).permutation(len(asked))[:SENTENCES]
    texts = [*words, *(asked[one] for one in sorted(chosen))]
    return ridge(features(tokens, texts), embed(cache, texts), PENALTY, ROUNDS)


def reciprocal_ranks(fitted: Fitted, tokens: Tokens, held: Sequence[Pair]) -> dict[str, float]:
    """Return by language how well questions find their answers among all: MRR at 10."""
    by_language: dict[str, list[Pair]] = defaultdict(list)
    for one in held:
        if one.kind == "documentation":
            by_language[one.language].append(one)
    found = {}
    for language, some in sorted(by_language.items()):
        asked = features(tokens, (one.question for one in some[:ASKED]))
        told = features(tokens, (one.answer for one in some[:ASKED]))
        asked = asked.multiply(np.exp(fitted.asked)[None, :]).tocsr()
        scores = directions(asked, fitted.table) @ directions(told, fitted.table).T
        ranks = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
        found[language] = round(float(np.where(ranks <= 10, 1 / ranks, 0).mean()), 3)
    return found


def write(fitted: Fitted, words: Sequence[str]) -> Fitted:
    """Write int8 rows with their scales for documents and for queries; return what they hold."""
    scales = np.maximum(np.abs(fitted.table).max(axis=1), 1e-9).astype(np.float32) / 127
    codes = np.rint(fitted.table / scales[:, None]).astype(np.int8)
    np.save(FILES / CODES, codes)
    np.save(FILES / SCALES, np.stack([scales, scales * np.exp(fitted.asked)]).astype(np.float32))
    (FILES / WORDS).write_text("\n".join(words) + "\n", encoding="utf-8")
    return Fitted(codes * scales[:, None], fitted.asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    found = gather(arguments.sources, arguments.cache)
    learnt = drawn(one for one in found if not is_held_out(one.package, one.path))
    held = [one for one in found if is_held_out(one.package, one.path)]
    words = words_of(learnt)
    tokens = Tokens(words)
    fitted = Fitted(start(arguments.cache, tokens, words, learnt), np.zeros(ROWS + 1, np.float32))
    figures = {"regression": reciprocal_ranks(fitted, tokens, held)}
    pairs = pairs_as_features(tokens, learnt)
    for epoch, loss in contrast(fitted.table, pairs, Schedule()):
        fitted = epoch
        print(f"loss {loss:.3f}", file=sys.stderr)
    figures["shipped"] = reciprocal_ranks(write(fitted, words), tokens, held)
    built = {
        "pairs": dict(sorted(Counter(one.language for one in learnt).items())),
        "kinds": dict(sorted(Counter(one.kind for one in learnt).items())),
        "rows": len(tokens),
        "dimension": DIMENSION,
        "held_out_mrr10": figures,
    }
    write_manifest([CODES, SCALES, WORDS], {"static": built})
    print(json.dumps(built, indent=2))


if __name__ == "__main__":
    main()
