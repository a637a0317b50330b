"""Two spaces are compared fairly, and what is said of them is not more than the samples bear."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_rows import REPOSITORY, document, file_node, symbol
from fakes import HashingEmbedder
from hikma.arrays import Neighbor, VectorBatch
from hikma.catalog import fulltext, graph, samples
from hikma.catalog.samples import CONTROL, LIVE, REPLAY, Sample
from hikma.domain import Node, NodeKind
from hikma.errors import StoreError
from hikma.migration import comparing
from hikma.migration.asking import question_of, questions, unasked
from hikma.migration.comparing import Ends, agreement, compare, drift, judged, overlap, summary
from moving import DIMENSION, vector
from reference import ReferenceVectors

QUESTIONS = [f"question {one}" for one in range(40)]


class Asked:
    """A store that writes down what it is asked, and answers by another, altered as told."""

    def __init__(self, name, store, diary, alter=lambda found: found):
        self.name, self.store, self.diary, self.alter = name, store, diary, alter

    def nearest(self, query, limit, within=None):
        """Answer, or fail as told."""
        self.diary.append((self.name, limit, None if within is None else within.tolist()))
        return self.alter(self.store.nearest(query, limit, within))


def failing(_):
    raise StoreError("there is nobody")


class Pair:
    """A migration whose two ends hold the same sixty rows."""

    def __init__(self, world):
        self.world = world
        world.put({one: one for one in range(1, 61)})
        self.held = world.begin()
        self.diary = []
        self.store = ReferenceVectors(DIMENSION)
        ids = np.arange(1, 61)
        self.store.upsert(VectorBatch(ids, np.stack([vector(int(one)) for one in ids])))

    def compare(
        self, *, ours=lambda found: found, theirs=lambda found: found, asked=QUESTIONS, **more
    ):
        """Compare, and return what the samples say."""
        ends = Ends(
            Asked("source", self.store, self.diary, ours),
            Asked("target", self.store, self.diary, theirs),
            HashingEmbedder(DIMENSION),
            exact=True,
        )
        compare(self.world.catalog, self.held, ends, asked, **more)
        return self.summary()

    def summary(self, epoch_from=0, kind=REPLAY):
        with self.world.catalog.read() as connection:
            return summary(connection, self.held.id, epoch_from, kind)

    def judged(self, wanted):
        with self.world.catalog.read() as connection:
            return judged(connection, self.held.id, wanted)

    def put(self, *found):
        with self.world.catalog.write() as connection:
            samples.put(connection, self.held.id, found)

    def samples(self, kind=None):
        with self.world.catalog.read() as connection:
            return samples.of(connection, self.held.id, kind)


@pytest.fixture
def pair(world):
    return Pair(world)


def test_identical_stores_agree_in_all(pair):
    found = pair.compare()
    assert (found.samples, found.overlap, found.agreement, found.drift) == (40, 1.0, 1.0, 0.0)
    assert (found.errors, found.noise) == (0.0, 1.0)
    assert found.slowdown == pytest.approx(found.target_p95_ms / found.source_p95_ms)


def test_a_store_that_loses_one_of_ten_overlaps_by_nine_tenths(pair):
    found = pair.compare(theirs=lambda given: given[:4] + given[5:])
    assert found.overlap == pytest.approx(0.9)
    assert found.overlap_low < 0.9
    assert (found.agreement, found.drift, found.noise) == (1.0, 0.0, 1.0)


def test_an_order_that_is_swapped_changes_the_agreement_alone(pair):
    found = pair.compare(theirs=lambda given: [given[1], given[0], *given[2:]])
    assert (found.overlap, found.drift) == (1.0, 0.0)
    assert found.agreement == pytest.approx(1 - 2 / 45)


def test_a_distance_that_differs_is_drift_alone(pair):
    moved = lambda given: [Neighbor(one, apart + 0.25) for one, apart in given]  # noqa: E731
    found = pair.compare(theirs=moved)
    assert (found.overlap, found.agreement) == (1.0, 1.0)
    assert found.drift == pytest.approx(0.25)


def test_the_source_is_compared_with_itself_before_the_target_is_asked(pair):
    pair.compare()
    names = [name for name, *_ in pair.diary]
    assert names[:10] == ["source"] * 10
    assert "target" in names[10:12]
    assert [one.kind for one in pair.samples()] == [CONTROL] * 5 + [REPLAY] * 40


def test_the_ends_take_turns_at_being_first(pair):
    pair.compare()
    names = [name for name, *_ in pair.diary][10:]
    first = [names[at] for at in range(0, len(names), 2)]
    assert first == ["source", "target"] * 20


def test_both_ends_get_the_same_filters_and_depth(pair):
    found = pair.compare(limit=3)
    assert {limit for _, limit, _ in pair.diary} == {3}
    asked = pair.diary[10:]  # after the controls
    for one, other in zip(asked[::2], asked[1::2], strict=True):
        assert one[2] == other[2]
    filters = {tuple(ids) for _, _, ids in asked if ids is not None}
    assert len(filters) == 3
    assert all(set(ids) < set(range(1, 61)) for ids in filters)
    assert sum(one.filtered for one in pair.samples(REPLAY)) == found.filtered == 13
    assert {one.filtered for one in pair.samples(CONTROL)} == {False, True}
    assert {one.depth for one in pair.samples()} == {3}
    assert found.overlap == 1.0


def test_a_target_that_fails_is_counted_and_no_crash(pair):
    found = pair.compare(theirs=failing)
    assert (found.samples, found.errors, found.overlap, found.slowdown) == (40, 1.0, None, None)
    assert {one.error for one in pair.samples(REPLAY)} == {"there is nobody"}
    assert found.noise == 1.0


def test_a_target_that_flaps_is_judged_by_what_it_answers(pair):
    turns = iter(range(40))
    flap = lambda given: failing(given) if next(turns) % 4 == 0 else given  # noqa: E731
    found = pair.compare(theirs=flap)
    assert (found.errors, found.overlap) == (0.25, 1.0)


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError("gone"), RuntimeError("panic")])
def test_whatever_a_target_raises_is_a_sample(pair, error):
    def fail(_):
        raise error

    assert pair.compare(theirs=fail).errors == 1.0
    assert {one.error for one in pair.samples(REPLAY)} == {str(error) or "ZeroDivisionError"}


def test_a_source_that_is_gone_is_raised_even_while_it_is_the_control(pair):
    turns = iter(range(99))
    third_on = lambda given: failing(given) if next(turns) >= 2 else given  # noqa: E731
    with pytest.raises(StoreError, match="there is nobody"):
        pair.compare(ours=third_on)
    assert next(turns) == 5  # three in a row, and no fourth


def test_what_a_slow_source_did_not_answer_is_asked_again_at_the_end(pair):
    turns = iter(range(999))
    late = lambda given: failing(given) if next(turns) % 5 == 4 else given  # noqa: E731
    found = pair.compare(ours=late)
    assert (found.errors, found.overlap) == (0.0, 1.0)
    assert 40 - 2 <= found.samples <= 40
    assert 40 <= next(turns) < 70


def test_nothing_is_known_where_nothing_was_compared(pair):
    found = pair.summary()
    assert found.samples == 0
    known = (found.overlap, found.overlap_low, found.errors, found.noise_low, found.slowdown)
    assert known == (None,) * 5


def test_samples_of_former_epochs_can_be_left_out(pair):
    pair.compare()
    assert pair.summary(pair.held.epoch).samples == 40
    assert pair.summary(pair.held.epoch + 1).samples == 0


IDS = st.lists(st.integers(1, 15), unique=True, max_size=10)


def neighbours(ids):
    return [Neighbor(one, at / 10) for at, one in enumerate(ids)]


@given(ours=IDS, theirs=IDS)
def test_measures_treat_both_ends_alike_and_stay_in_their_bounds(ours, theirs):
    left, right = neighbours(ours), neighbours(theirs)
    assert overlap(left, right) == overlap(right, left)
    assert (overlap(left, right) is None) == (not ours and not theirs)
    assert overlap(left, right) is None or 0 <= overlap(left, right) <= 1
    assert (overlap(left, right) in (1, None)) == (set(ours) == set(theirs))
    assert agreement(left, right) == agreement(right, left)
    assert agreement(left, right) is None or -1 <= agreement(left, right) <= 1
    assert drift(left, right) == drift(right, left) >= 0
    assert (agreement(left, left[::-1]) == -1) == (len(ours) > 1)


@settings(max_examples=25)
@given(share=st.floats(0.5, 0.99), count=st.integers(50, 600), seed=st.integers(0, 1_000))
def test_the_lower_bound_is_seldom_above_the_truth(share, count, seed):
    """Of 40 simulated comparisons one may miss; nine do not come by chance."""
    chance = np.random.default_rng(seed)
    bounds = [comparing.low((chance.binomial(10, share, count) / 10).tolist()) for _ in range(40)]
    assert sum(bound > share for bound in bounds) < 9
    assert np.mean(bounds) > share - 4 * np.sqrt(share * (1 - share) / count / 10)


@settings(max_examples=25)
@given(
    rare=st.floats(0.1, 0.5),
    worst=st.sampled_from([0.0, 0.3, 0.5]),
    count=st.integers(150, 600),
    seed=st.integers(0, 1_000),
)
def test_the_lower_bound_holds_where_single_questions_go_wrong_as_a_whole(rare, worst, count, seed):
    """Answers to one question are not independent: there the bootstrap over samples decides."""
    chance, truth = np.random.default_rng(seed), 1 - rare * (1 - worst)
    drawn = [np.where(chance.random(count) < rare, worst, 1.0).tolist() for _ in range(40)]
    assert sum(comparing.low(one) > truth for one in drawn) < 9


@given(count=st.integers(1, 500))
def test_equal_samples_prove_no_more_than_there_are(count):
    one = comparing.low([1.0] * count)
    assert one < 1
    assert one < comparing.low([1.0] * (count + 1))


def test_four_hundred_equal_samples_pass_the_gate_and_forty_do_not():
    assert comparing.low([1.0] * 40) < 0.995 < comparing.low([1.0] * 400)


def test_the_same_samples_always_have_the_same_bound():
    given_twice = [0.9, 1.0, 0.7] * 50
    assert comparing.low(given_twice) == comparing.low(given_twice[::-1])


def sample(kind, took):
    fields = {"overlap": 1.0, "agreement": None, "drift": 0.0, "target_ms": 1.0}
    return Sample(kind, exact=True, source_ms=took, **fields)


def test_the_oldest_samples_of_each_kind_go(pair, monkeypatch):
    monkeypatch.setattr(samples, "MOST", 10)
    with pair.world.catalog.write() as connection:
        samples.put(connection, pair.held.id, [sample(CONTROL, 1.0)] * 3)
        for at in range(5):
            samples.put(
                connection, pair.held.id, [sample(LIVE, 10.0 * at + one) for one in range(5)]
            )
        assert samples.counts(connection, pair.held.id) == {CONTROL: 3, LIVE: 10}
    kept = [one.source_ms for one in pair.samples(LIVE)]
    assert kept == [*range(30, 35), *range(40, 45)]


def test_a_sample_is_read_as_it_was_written(pair):
    wrote = [
        replace(sample(LIVE, 1.5), exact=False, agreement=-1.0, drift=0.25, depth=7, epoch=3),
        replace(sample(REPLAY, 1.0), overlap=None, target_ms=None, error="gone", epoch=4),
    ]
    with pair.world.catalog.write() as connection:
        samples.put(connection, pair.held.id, wrote)
    assert pair.samples() == wrote


def alike(number, overlap=1.0, kind=REPLAY, answers=10, **more):
    fields = {"agreement": None, "drift": 0.0, "source_ms": 1.0, "target_ms": 1.0}
    given = {"question": number, "answers": answers, "overlap": overlap, **fields, **more}
    return Sample(kind, exact=True, **given)


def test_a_question_that_is_repeated_proves_nothing_more(pair):
    pair.put(*(alike(at) for at in range(50)))
    once = pair.summary()
    pair.put(*(alike(at) for at in range(50) for _ in range(20)))
    again = pair.summary()
    assert (once.samples, once.questions) == (50, 50)
    assert (again.samples, again.questions) == (1_050, 50)
    assert again.overlap_low == once.overlap_low


def test_two_empty_answers_are_nothing_that_agrees(pair):
    found = pair.compare(ours=lambda _: [], theirs=lambda _: [])
    assert (found.samples, found.questions) == (40, 0)
    assert (found.overlap, found.overlap_low) == (None, None)


def test_short_answers_prove_less_than_long_ones(pair):
    pair.put(*(alike(at, answers=10) for at in range(100)))
    pair.put(*(alike(at, kind=LIVE, answers=2) for at in range(100)))
    assert pair.summary(kind=LIVE).overlap_low < pair.summary().overlap_low
    assert pair.summary(kind=LIVE).overlap_low == comparing.low([1.0] * 100, 200)


def test_live_questions_decide_where_they_are_enough_and_are_never_pooled(pair):
    pair.put(*(alike(at, overlap=0.5) for at in range(30)))
    pair.put(*(alike(at, kind=LIVE) for at in range(20)))
    kind, found = pair.judged(21)
    assert (kind, found.questions, found.overlap) == (REPLAY, 30, 0.5)
    kind, found = pair.judged(20)
    assert (kind, found.questions, found.overlap) == (LIVE, 20, 1.0)


def test_live_errors_count_where_replayed_questions_decide(pair):
    lost = {"target_ms": None, "error": "gone"}
    pair.put(*(alike(at) for at in range(400)))
    pair.put(*(alike(at, None, LIVE, 0, **lost) for at in range(3)))
    assert pair.judged(400)[1].errors == 0.0  # of so few one would be too large a share
    pair.put(*(alike(at, kind=LIVE) for at in range(3, 100)))
    assert pair.judged(400)[1].errors == pytest.approx(0.03)


@settings(max_examples=25)
@given(times=st.floats(0.5, 2), count=st.integers(100, 500), seed=st.integers(0, 1_000))
def test_the_slow_down_is_within_its_bounds_nearly_always(times, count, seed):
    """Of 40 simulated comparisons two may miss; nine do not come by chance."""
    chance = np.random.default_rng(seed)
    missed = 0
    for _ in range(40):
        ours, theirs = (chance.lognormal(1, 0.5, count) for _ in range(2))
        first, last = comparing.slowdown_bounds(ours.tolist(), (times * theirs).tolist())
        assert first <= last
        missed += not first <= times <= last
    assert missed < 9


def test_fewer_samples_leave_the_slow_down_wider(pair):
    took = np.random.default_rng(0).lognormal(1, 0.5, 2_000).tolist()
    wide, narrow = (comparing.slowdown_bounds(took[:count], took[:count]) for count in (40, 2_000))
    assert wide[0] < narrow[0] < 1 < narrow[1] < wide[1]


def test_questions_are_the_files_own_and_the_same_each_time(world):
    commit = Node("commit:1", NodeKind.COMMIT, "Make it round", "", documentation="Make it round")
    with world.catalog.write() as connection:
        methods = [symbol("a.py", name) for name in ("Store.open", "Store.close")]
        graph.put_nodes(connection, [REPOSITORY, commit, *methods])
        asked = questions(connection, 60)
        assert asked == questions(connection, 60)
    assert len(asked) == len(set(asked)) < 60
    wanted = {"About Store.open.", "Make it round", "open", "Store.close"}
    assert wanted <= set(asked)


def test_texts_give_questions_where_names_are_too_few(world):
    node = file_node("a.txt")
    said = " ".join(f"word{one}" for one in range(600))
    with world.catalog.write() as connection:
        ids = graph.put_nodes(connection, [REPOSITORY, node])
        fulltext.put_documents(connection, ids, [document(node, said)])
        asked = questions(connection, 40)
    assert len(asked) == len(set(asked)) == 40
    assert "word6 word7 word8 word9 word10 word11" in asked


def test_what_was_replayed_is_not_asked_again(pair):
    with pair.world.catalog.read() as connection:
        first = unasked(connection, pair.held.id, 5, pair.held.epoch)
    assert len(first) == 5
    pair.compare(asked=first[:3])
    with pair.world.catalog.read() as connection:
        assert unasked(connection, pair.held.id, 5, pair.held.epoch) == first[3:]
        assert unasked(connection, pair.held.id, 5, pair.held.epoch + 1) == first


def test_equal_questions_with_other_filters_are_others():
    some, others = np.array([1, 2]), np.array([1, 3])
    numbers = {question_of(b"a", one) for one in (None, some, others)}
    assert len(numbers | {question_of(b"b")}) == 4
    assert question_of(b"a", some) == question_of(b"a", some.copy())


def test_an_empty_file_has_questions_too(world):
    with world.catalog.read() as connection:
        assert len(questions(connection, 3)) == 3
        assert questions(connection, 0) == []
