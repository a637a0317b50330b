"""The scripts that make the table of words: what teaches, how batches are made, how it is fitted."""

import sys
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("scripts", "benchmarks", "benchmarks/retrieval")]

import build_static  # noqa: E402 -- the folders are no packages
import fitting  # noqa: E402
import gathering  # noqa: E402
import judging  # noqa: E402
import material  # noqa: E402
import subjects  # noqa: E402
import table  # noqa: E402
from driver import in_process  # noqa: E402
from fitting import Fitted, Pairs, Schedule  # noqa: E402
from hikma.errors import EvaluationError  # noqa: E402
from hikma.models.static import PARTS, Tokens, parts_of  # noqa: E402
from pairs import Pair  # noqa: E402

WORDS = ["open", "file", "close", "socket", "read", "row", "write", "table"]
MARKS = st.lists(st.tuples(*[st.integers(0, 2)] * 3, st.booleans()), min_size=1, max_size=8)


def pairs_of(group, marks=None, count=9, seed=0):
    """Return pairs of random texts: each has row 0 and some others."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 3, (2, len(group), count)).astype(np.float32)
    rows[:, :, 0] = 1
    marks = marks or [(at, at, at, False) for at in range(len(group))]
    question, answer, file, loose = (np.array(some) for some in zip(*marks, strict=True))
    texts = map(sparse.csr_matrix, rows)
    return Pairs(*texts, group, question, answer, file, loose)


def pair(at, kind="documentation", language="python", package="one"):
    return Pair(kind, language, package, f"{at}.py", f"how is row {at} read", f"read row {at}")


# What stands together in a batch.


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), st.integers(1, 40), min_size=1
    ),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_a_batch_is_of_one_language_and_no_pair_is_taken_twice(sizes, block, seed):
    group = [one for one, size in sorted(sizes.items()) for _ in range(size)]
    how = Schedule(batch=16, block=block)
    made = fitting.batches(pairs_of(group), how, np.random.default_rng(seed))
    for places in made:
        assert len({group[at][0] for at in places}) == 1
        assert how.batch // 4 < len(places) <= how.batch
    taken = Counter(at for places in made for at in places)
    assert set(taken.values()) <= {1}
    for language in "ab":
        left = sum(group[at][0] == language for at in set(range(len(group))) - set(taken))
        assert left <= how.batch // 4, "only what would make a small batch is left out"


def test_wrong_answers_are_of_one_package_in_blocks_and_of_any_without():
    group = [("python", name) for name in "abcd" for _ in range(32)]
    pairs = pairs_of(group)

    def packages_together(block):
        how = Schedule(batch=32, block=block)
        made = fitting.batches(pairs, how, np.random.default_rng(1))
        return [len({group[at] for at in places[:8]}) for places in made]

    assert packages_together(8) == packages_together(32) == [1] * 4
    assert min(packages_together(1)) > 1


def test_batches_are_the_same_for_a_seed_and_others_for_another():
    pairs = pairs_of([("python", name) for name in "ab" for _ in range(40)])
    first, again, other = (
        [some.tolist() for some in fitting.batches(pairs, Schedule(batch=16), random)]
        for random in map(np.random.default_rng, (5, 5, 6))
    )
    assert first == again != other


# What may be pushed away from what.


@given(MARKS)
def test_an_answer_is_wrong_unless_the_texts_are_the_same_or_a_loose_question_asks_its_file(marks):
    pairs = pairs_of([("python", "one")] * len(marks), marks)
    places = np.arange(len(marks))[::-1]
    wrong = fitting._wrong(pairs, places)
    for row, one in enumerate(places):
        for column, other in enumerate(places):
            same = any(marks[one][at] == marks[other][at] for at in (0, 1))
            loose = marks[one][3] or marks[other][3]
            of_file = marks[one][2] == marks[other][2] and loose
            assert wrong[row, column] == (not same and not of_file)


# The gradients, against finite differences in float64.


def both_entropies(scores, wrong, temperature):
    """Return the two cross-entropies by their definition: of questions, and of answers."""
    part = wrong | np.eye(len(scores), dtype=bool)
    across, down = [], []
    for at in range(len(scores)):
        right = np.exp(scores[at, at] / temperature)
        across.append(right / np.exp(scores[at, part[at]] / temperature).sum())
        down.append(right / np.exp(scores[part[:, at], at] / temperature).sum())
    return -np.log(across).mean(), -np.log(down).mean()


def slope_of(loss, values, step=1e-5):
    """Return the slope of a loss at some values, one after the other."""
    found = np.zeros_like(values)
    for at in np.ndindex(values.shape):
        near = [values.copy(), values.copy()]
        near[0][at] -= step
        near[1][at] += step
        below, above = map(loss, near)
        found[at] = (above - below) / (2 * step)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_pull_is_the_slope_of_both_entropies(seed):
    random = np.random.default_rng(seed)
    scores = random.uniform(-1, 1, (6, 6))
    wrong = random.random((6, 6)) < 0.6
    np.fill_diagonal(wrong, val=False)
    loss, slope = fitting.pull(scores.astype(np.float32), wrong, 0.3)
    assert loss == pytest.approx(both_entropies(scores, wrong, 0.3)[0], abs=1e-5)
    expected = slope_of(lambda some: sum(both_entropies(some, wrong, 0.3)) / 2, scores)
    np.testing.assert_allclose(slope, expected, atol=2e-6)
    assert not slope[~wrong & ~np.eye(6, dtype=bool)].any(), "what is not wrong takes no part"


def test_the_slopes_are_those_of_the_table_and_of_how_much_words_count():
    """From unit vectors back to the rows of the words, on both sides of a pair."""
    random = np.random.default_rng(4)
    pairs = pairs_of([("python", "one")] * 6)
    table_, asked = random.normal(size=(9, 4)), random.normal(size=9) * 0.3
    places = np.array([4, 0, 5, 2])
    wrong = fitting._wrong(pairs, places)

    def loss(some_table, some_asked):
        questions = pairs.questions[places].toarray() * np.exp(some_asked)
        sides = [side @ some_table for side in (questions, pairs.answers[places].toarray())]
        asks, tells = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
        return sum(both_entropies(asks @ tells.T, wrong, 0.3)) / 2

    fitted = Fitted(table_.astype(np.float32), asked.astype(np.float32))
    _, rows, (by_table, by_weight) = fitting._slopes(fitted, pairs, places, 0.3)
    of_table = slope_of(lambda some: loss(some, asked), table_)
    of_weight = slope_of(lambda some: loss(table_, some), asked)
    np.testing.assert_allclose(by_table, of_table[rows], atol=1e-4)
    np.testing.assert_allclose(by_weight, of_weight[rows], atol=1e-4)
    others = np.setdiff1d(np.arange(9), rows)
    assert not of_table[others].any()


def test_a_fit_brings_questions_to_their_answers_and_is_the_same_for_a_seed():
    count = 64
    pairs = pairs_of([("python", "one")] * count, seed=7, count=40)
    begun = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
    how = Schedule(epochs=120, batch=count, rate=0.05, temperature=0.2)
    losses = [loss for _, loss in fitting.contrast(begun, pairs, how)]
    assert losses[-1] < losses[0] / 2
    ends = [list(fitting.contrast(begun, pairs, how))[-1] for _ in range(2)]
    assert np.array_equal(ends[0][0].table, ends[1][0].table)
    assert np.array_equal(ends[0][0].asked, ends[1][0].asked)


# What teaches.


def test_what_is_drawn_does_not_depend_on_the_order_of_what_is_found():
    kinds = ("documentation", "owner", "name")
    found = [pair(at, kind, language) for at in range(9) for kind in kinds for language in "ab"]
    drawn = build_static.drawn(found)
    assert drawn == build_static.drawn([*reversed(found), *found])
    assert Counter(one.kind for one in drawn) == {"documentation": 18, "owner": 18}
    assert len(set(drawn)) == len(drawn)


def test_of_each_language_and_kind_so_many_are_drawn(monkeypatch):
    monkeypatch.setattr(build_static, "LIMITS", {"documentation": 4})
    found = [pair(at, language=language) for at in range(9) for language in "ab"]
    whole, half = build_static.drawn(found), build_static.drawn(found, share=0.5)
    assert Counter(one.language for one in whole) == {"a": 4, "b": 4}
    assert Counter(one.language for one in half) == {"a": 2, "b": 2}
    assert set(half) < set(whole)


def test_frequent_words_have_the_first_rows_and_letters_the_last():
    words = build_static.words_of([pair(at) for at in range(30)] + [pair(0, "owner")] * 90)
    assert words[:4] == ["how", "read", "row", "is"], "what BERT knows counts as said before"
    assert words[-36:] == [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    assert len(set(words)) == len(words) <= build_static.ROWS
    assert "owner" in words, "a word of prose has a row where no code says it"


def test_files_are_taken_from_the_package_that_has_least_so_far(tmp_path):
    def sources(package, sizes):
        found = []
        for at, size in enumerate(sizes):
            (tmp_path / f"{package}{at}").write_bytes(b"x" * size)
            found.append((tmp_path / f"{package}{at}", tmp_path, package))
        return found

    found = {"small": sources("small", [100] * 3), "large": sources("large", [1_000] * 9)}
    taken = gathering.within(0.004, found)
    assert [package for _, _, package in taken].count("small") == 3
    assert sum(path.stat().st_size for path, _, _ in taken) == 4_300
    assert gathering.within(0.001, found) == taken[:1]


def test_a_wheel_gives_its_sources_alone(tmp_path):
    """One without Zig, as nearly all are, is unpacked like any other."""
    with ZipFile(tmp_path / "one.whl", "w") as archive:
        archive.writestr("one/a.py", "x = 1")
        archive.writestr("one/b.so", "binary")
    material.unpack(tmp_path / "one.whl", tmp_path / "there")
    there = [one.name for one in (tmp_path / "there").rglob("*") if one.is_file()]
    assert there == ["a.py"]


# How it is judged.


def test_a_reciprocal_rank_is_that_of_the_best_text_that_answers():
    """By hand: the second question's text is second, the third's beyond the tenth."""
    tokens = Tokens([f"w{at}x" for at in range(1)] + WORDS)
    vectors = np.eye(len(tokens), 16, dtype=np.float32)
    vectors[0] = 0
    fitted = Fitted(vectors, np.zeros(len(tokens), np.float32))
    texts = ["open file", "close socket", "socket socket", *["row"] * 11, "row table"]
    asked = judging.Asked(["open file", "socket", "row"], texts, [[0, 3], [1], [14]])
    assert judging.reciprocal_rank(fitted, tokens, asked) == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_a_language_is_asked_by_its_sentences_of_documentation_alone():
    found = [pair(0), pair(1, "owner"), pair(2, language="go"), pair(3)]
    asked = judging.by_language(found)
    assert list(asked) == ["go", "python"]
    assert asked["python"].texts == ["read row 0", "read row 3"]
    assert asked["python"].right == [[0], [1]]


@given(st.lists(st.sampled_from(["open ", "fileRow ", "xyz9 ", "_a\n"]), max_size=700))
def test_without_a_cap_every_word_of_a_text_counts(some):
    text = "".join(some)
    pieces = [" ".join(some[at : at + 20]) for at in range(0, len(some), 20)]
    assert all(len(parts_of(piece)) < PARTS for piece in pieces)
    expected = Counter()
    for piece in pieces:
        expected.update(Tokens(WORDS).counts(piece))
    assert table.Uncapped(WORDS).counts(text) == {**expected, 0: 1}


def test_each_variant_differs_from_what_is_shipped_in_one_thing():
    shipped, *others = table.variants(["celery"])
    assert shipped.how == Schedule()
    parts = ("how", "most", "without", "commits")
    for one in others:
        assert sum(getattr(one, part) != getattr(shipped, part) for part in parts) == 1
    assert len({one.name for one in others}) == len(others)


def test_the_page_shows_medians_over_seeds():
    figures = {
        table.SHIPPED: {"go": 0.5, "lua": 0.3, "celery": 0.1},
        "a / 0": {"go": 0.2, "lua": 0.4, "celery": 0.2},
        "a / 1": {"go": 0.6, "lua": 0.4, "celery": 0.3},
        "a / 2": {"go": 0.5, "lua": 0.4, "celery": 0.25},
    }
    *_, first, second = table.page(figures, ["celery"])
    assert first == f"| {table.SHIPPED} | 1 | .400 | .100 | .500 | .300 |"
    assert second.startswith("| a | 3 | .450 [.300, .500] | .250 [.200, .300] | .500 [")


# What commits ask.


CODE = "def opened(path):\n    return Store(path, mode='r')\n\n\ndef closed(store):\n    store.flush()\n    return store.end()\n"


@pytest.fixture
def clone(make_repository, monkeypatch):
    """Return a repository: a first commit, one that changes a function, one that adds another."""
    monkeypatch.setattr(subjects, "run", in_process)
    repository = make_repository({"store.py": CODE})
    repository.write("store.py", CODE.replace("flush()", "flush(wait=True)"))
    repository.commit("Wait until everything is written (#12)\n\nIt was lost.")
    repository.write("other.py", "def brought():\n    text = 'later'\n    return text\n")
    repository.commit("Bring another function beside them")
    return repository.root


def test_a_commit_asks_by_its_subject_for_the_symbols_that_it_changed(clone):
    found = subjects.read_subjects(clone, since=2, until=0)
    assert found.subjects == ["Wait until everything is written"]
    names = [one.answer.name for one in found.symbols]
    assert names == ["opened", "closed"], "what came later is no candidate"
    assert [[names[at] for at in some] for some in found.changed] == [["closed"]]
    assert "wait=True" not in "".join(found.asked().texts)


def test_commits_until_a_moment_teach_and_later_ones_ask(clone):
    found = subjects.read_subjects(clone, since=2, until=1)
    (taught,) = found.pairs()
    assert (taught.kind, taught.language, taught.package) == ("commit", "python", "sample")
    assert taught.question == "Wait until everything is written"
    assert "flush" in taught.answer
    assert subjects.read_subjects(clone, since=1, until=0).subjects == []
    with pytest.raises(EvaluationError, match="no 9 commits"):
        subjects.read_subjects(clone, since=9, until=0)
