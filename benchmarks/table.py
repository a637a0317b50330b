"""What makes the shipped table of words what it is? Variants of its fit, judged side by side.

    python scripts/material.py --sources DIR
    git archive ec1663c src/hikma/models/files | tar -x -C FORMER
    python benchmarks/table.py --sources DIR --cache DIR --former FORMER/src/hikma/models/files
        [--share 0.25] [--clones DIR …] [--seeds 3] [--only NAME …] --json FILE

MRR@10 of dense search alone: sentences of documentation for their code, on what is held out of
`scripts/build_static.py`, by language; and subjects of commits for the symbols that they changed,
among all symbols of the tree before them, in each clone. Clones are repositories that no table has
learnt from. `--share` reads and learns from less. Figures are kept in the file: a second run fits
only what it lacks. Prints Markdown, medians over seeds with the lowest and the highest. Needs the
dependency group `models`.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path += [str(Path(__file__).parents[1] / "scripts"), str(Path(__file__).parent / "retrieval")]

from forms import first_parts

from build_static import begin, drawn, fit, pairs_as_features, words_of
from corpus import is_held_out
from fitting import Fitted, Schedule
from gathering import gather
from hikma.models.shipped import open_files
from hikma.models.static import CODES, PARTS, SCALES, WORDS, Tokens
from judging import Asked, by_language, reciprocal_rank
from pairs import Pair
from subjects import read_subjects

CAPS = (32, 64, 128)
UNSEEN = ("rust", "lua", "kotlin", "php")
JUDGED, TAUGHT = 1_000, 4_000
"""Commits by first parents: so many latest ones ask, those before them to here may teach."""
FEWEST = 50
"""A language with fewer questions says nothing."""
SHIPPED = "the shipped files"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to fit: how batches are made, how much of an answer is read, what teaches."""

    name: str
    how: Schedule = field(default_factory=Schedule)
    most: int | None = PARTS
    """Parts of words of an answer that are read, in learning and in judging; None: all."""
    without: str = ""
    """A language that teaches nothing."""
    commits: str = ""
    """A clone whose older commits teach too."""


@dataclass(frozen=True, slots=True)
class Material:
    """Pairs that may teach, what is asked of each language and clone, and the clones' commits."""

    former: Path
    learnt: Sequence[Pair]
    asked: Mapping[str, Asked]
    commits: Mapping[str, Sequence[Pair]]


class Uncapped(Tokens):
    """Rows of a text of any length."""

    def counts(self, text: str) -> Mapping[int, int]:
        """Return how often each row occurs in all of a text."""
        whole: Counter[int] = Counter()
        while text:
            first = first_parts(text, PARTS)
            whole.update(super().counts(first))
            text = text[len(first) :]
        return {**whole, 0: 1}


def variants(clones: Iterable[str]) -> list[Variant]:
    return [
        Variant("as shipped: blocks of 256 of one package"),
        Variant("batches of one language, no blocks", Schedule(block=1)),
        Variant("blocks of 1,024, a whole batch", Schedule(block=1_024)),
        *(Variant(f"without {one}", without=one) for one in UNSEEN),
        *_capped(),
        Variant("answers' parts all", most=None),
        *(Variant(f"commits of {one} too", commits=one) for one in clones),
    ]


def _capped(who: str = "") -> list[Variant]:
    return [Variant(f"{who}answers' first {most} parts", most=most) for most in CAPS]


def read(arguments: argparse.Namespace) -> Material:
    found = gather(arguments.sources, arguments.cache, arguments.share)
    learnt = drawn((one for one in found if not _is_held(one)), arguments.share)
    held = by_language(one for one in found if _is_held(one))
    asked = {name: one for name, one in held.items() if len(one.questions) >= FEWEST}
    commits = {}
    for clone in arguments.clones:
        asked[clone.name] = read_subjects(clone, JUDGED, 0).asked()
        commits[clone.name] = list(read_subjects(clone, TAUGHT, JUDGED).pairs())
    return Material(arguments.former, learnt, asked, commits)


def _is_held(pair: Pair) -> bool:
    return is_held_out(pair.package, pair.path)


def shipped() -> tuple[Tokens, Fitted]:
    """Return the table as it lies in the package."""
    files = open_files()
    words = Path(files.path(WORDS)).read_text(encoding="utf-8").split()
    scales = np.load(files.path(SCALES))
    table = np.load(files.path(CODES)) * scales[0][:, None]
    return Tokens(words), Fitted(table, np.log(scales[1] / scales[0]))


def fitted(variant: Variant, material: Material, seed: int) -> tuple[Tokens, Fitted]:
    learnt = [one for one in material.learnt if one.language != variant.without]
    learnt += material.commits.get(variant.commits, ())
    words = words_of(learnt)
    tokens = Uncapped(words) if variant.most is None else Tokens(words)
    learnt = [replace(one, answer=_cut(one.answer, variant)) for one in learnt]
    pairs = pairs_as_features(tokens, learnt)
    return tokens, fit(begin(material.former, words), pairs, replace(variant.how, seed=seed))


def _cut(text: str, variant: Variant) -> str:
    if variant.most is None or variant.most >= PARTS:
        return text
    return first_parts(text, variant.most)


def judge(table: tuple[Tokens, Fitted], material: Material, variant: Variant) -> dict[str, float]:
    """Return the reciprocal rank of each language and clone; only symbols' texts are cut."""
    tokens, vectors = table
    cut = {
        name: replace(asked, texts=[_cut(text, variant) for text in asked.texts])
        for name, asked in material.asked.items()
    }
    return {name: round(reciprocal_rank(vectors, tokens, one), 4) for name, one in cut.items()}


def measured(
    material: Material, wanted: Sequence[Variant], seeds: int, known: dict[str, dict[str, float]]
) -> Iterator[dict[str, dict[str, float]]]:
    """Yield the figures so far, by variant and seed, after each fit that was lacking."""
    for one in (Variant(SHIPPED), *_capped(f"{SHIPPED}, ")):
        if one.name not in known:
            known[one.name] = judge(shipped(), material, one)
            yield known
    for seed in range(seeds):
        for one in wanted:
            key = f"{one.name} / {seed}"
            if key not in known:
                known[key] = judge(fitted(one, material, seed), material, one)
                print(f"{key}: {known[key]}", file=sys.stderr)
                yield known


def page(figures: Mapping[str, Mapping[str, float]], clones: Sequence[str]) -> Iterator[str]:
    """Yield a row a variant: the mean over languages, each clone, each language."""
    languages = [name for name in figures[SHIPPED] if name not in clones]
    yield f"| variant | seeds | languages | {' | '.join([*clones, *languages])} |"
    yield f"|---|--:|--:|{'--:|' * (len(clones) + len(languages))}"
    by_name: dict[str, list[Mapping[str, float]]] = {}
    for key, row in figures.items():
        by_name.setdefault(key.partition(" / ")[0], []).append(row)
    for name, rows in by_name.items():
        means = [statistics.mean(row[one] for one in languages) for row in rows]
        own = [_spread([row[one] for row in rows]) for one in (*clones, *languages)]
        yield f"| {name} | {len(rows)} | {_spread(means)} | {' | '.join(own)} |"


def _spread(figures: Sequence[float]) -> str:
    middle = f"{statistics.median(figures):.3f}".removeprefix("0")
    if len(figures) == 1:
        return middle
    return f"{middle} [{min(figures):.3f}, {max(figures):.3f}]".replace("0.", ".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--sources", "--cache", "--former", "--json"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--clones", type=Path, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="variants whose names begin so")
    arguments = parser.parse_args()
    clones = [one.name for one in arguments.clones]
    wanted = [
        one
        for one in variants(clones)
        if arguments.only is None or one.name.startswith(tuple(arguments.only))
    ]
    kept: Path = arguments.json
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for figures in measured(read(arguments), wanted, arguments.seeds, known):
        kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print("\n".join(page(known, clones)))


if __name__ == "__main__":
    main()
