"""Fit the shipped table of words to pairs of questions and the documents that answer them.

    python scripts/material.py --sources DIR
    git archive ec1663c src/hikma/models/files | tar -x -C FORMER
    python scripts/build_static.py --sources DIR --cache DIR --former FORMER/src/hikma/models/files

It starts from the table that was shipped before, which was fitted to MiniLM's vectors of 77,000
functions and as many sentences (scripts/build_static.py of commit ec1663c). The pairs are kept in
the cache, so that a second run reads only what it lacks. Packages of `corpus.HELD_OUT` are held
out; the figures on them are printed and written to the manifest. Seeded: the same sources give the
same table on the same machine. Needs the dependency group `models`.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from corpus import is_held_out
from fitting import Fitted, Pairs, Places, Rows, Schedule, contrast
from gathering import gather
from hikma.models.shipped import FILES, open_files, write_manifest
from hikma.models.static import CODES, DIMENSION, SCALES, WORDS, Tokens, parts_of
from hikma.models.wordpiece import START, WordPieces
from judging import features, reciprocal_ranks
from pairs import Pair

LIMITS = {"documentation": 11_000, "remainder": 6_000, "file": 4_000, "owner": 2_400}
"""Pairs of each kind in each language. Names and paths as questions made the table worse."""
LOOSE = frozenset(["file", "owner"])
ROWS = 33_000
LONGEST_ROW = 23
COMMON = 4
"""A word of BERT's vocabulary counts as if it stood in so many documents more."""


def drawn(found: Iterable[Pair], share: float = 1.0) -> list[Pair]:
    """Return distinct pairs, of each language and kind as many as `LIMITS` says, by their hash.

    With a `share`, so much of `LIMITS`.
    """
    by_kind: dict[tuple[str, str], dict[bytes, Pair]] = defaultdict(dict)
    for one in found:
        key = hashlib.blake2b(f"{one.kind}{one.question}{one.answer}".encode(), digest_size=8)
        if one.kind in LIMITS:
            by_kind[one.language, one.kind].setdefault(key.digest(), one)
    return [
        some[key]
        for (_, kind), some in sorted(by_kind.items())
        for key in sorted(some)[: round(share * LIMITS[kind])]
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


def start(former: Path, words: Sequence[str]) -> Rows:
    """Return the former table's vector of each word: its row, or the sum of its pieces' rows."""
    pieces = WordPieces.open(str(former / "vocabulary.txt"))
    whole = (former / WORDS).read_text(encoding="utf-8").split()
    rows = {word: (len(pieces) + place,) for place, word in enumerate(whole)}
    table = np.load(former / CODES) * np.load(former / SCALES)[:, None]
    spelt = [rows.get(word) or pieces.of_word(word) for word in words]
    found = [table[START], *(table[list(one)].sum(axis=0) for one in spelt)]
    return np.stack(found).astype(np.float32)


def begin(former: Path, words: Sequence[str]) -> Fitted:
    """Return the former table over these words; a word counts in a question as in a document."""
    return Fitted(start(former, words), np.zeros(len(words) + 1, np.float32))


def fit(begun: Fitted, pairs: Pairs, how: Schedule) -> Fitted:
    """Return what is fitted after the last epoch."""
    fitted = begun
    for epoch, loss in contrast(begun.table, pairs, how):
        fitted = epoch
        print(f"loss {loss:.3f}", file=sys.stderr)
    return fitted


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
    parser.add_argument("--former", type=Path, required=True)
    arguments = parser.parse_args()
    found = gather(arguments.sources, arguments.cache)
    learnt = drawn(one for one in found if not is_held_out(one.package, one.path))
    held = [one for one in found if is_held_out(one.package, one.path)]
    words = words_of(learnt)
    tokens = Tokens(words)
    begun = begin(arguments.former, words)
    fitted = fit(begun, pairs_as_features(tokens, learnt), Schedule())
    figures = {
        "start": reciprocal_ranks(begun, tokens, held),
        "shipped": reciprocal_ranks(write(fitted, words), tokens, held),
    }
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
