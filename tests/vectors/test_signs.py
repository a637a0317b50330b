"""Signs by column: what they tell is what comparing them one by one would."""

from threading import Barrier, Event, get_ident

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_sqlite import DIMENSION, clustered

from hikma.vectors import signs
from hikma.vectors.codes import whole

WIDTHS = st.sampled_from([1, 8, 64, 130, 384, 768])


def made(count, width, seed):
    random = np.random.default_rng(seed)
    return random.integers(-3, 4, (count, width)).astype(np.int8), whole(
        random.standard_normal(width).astype(np.float32)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3_000), WIDTHS, st.integers(1, 3_000), st.integers(0, 99), st.booleans())
def test_those_are_found_whose_signs_differ_least(count, width, wanted, seed, narrow):
    # Else half of them tell first.
    assume(min(signs._FEW, signs._FEW_BROUGHT) * signs._ROUGH * wanted > count)
    codes, steps = made(count, width, seed)
    mask = np.random.default_rng(seed).random(count) < seed / 99 if narrow else None
    among = np.arange(count) if mask is None else np.flatnonzero(mask)
    expected = nearest_of(among, differing(codes, steps), wanted)
    found = signs.alike(signs.signs_of(codes), steps, wanted, mask)
    assert found.tolist() == expected.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.sampled_from([384, 768]), st.integers(0, 99), st.booleans())
def test_of_many_those_are_compared_whole_whose_first_half_differs_least(
    wanted, width, seed, narrow
):
    many = (signs._FEW_BROUGHT if narrow else signs._FEW) * signs._ROUGH * wanted + 1
    every = signs._SPARSE + 1 if narrow else 1
    count = every * many
    codes, steps = made(count, width, seed)
    mask = np.arange(count) % every == 0 if narrow else None
    first, rest = signs._halves(steps, worth=True)
    values = [value for word in first for value in range(64 * word, 64 * word + 64)]
    assert sorted(first + rest) == list(range(width // 64))
    half = differing(codes[:, values], steps[values])
    passed = nearest_of(np.arange(0, count, every), half, signs._ROUGH * wanted)
    expected = nearest_of(passed, differing(codes, steps), wanted)
    assert signs.alike(signs.signs_of(codes), steps, wanted, mask).tolist() == expected.tolist()


def differing(codes, steps):
    return np.count_nonzero((codes >= 0) != (steps >= 0), axis=1)


def nearest_of(among, apart, wanted):
    """Return those of some that differ least, with all that equal the last of the wanted."""
    last = np.sort(apart[among])[:wanted][-1:]
    return among[apart[among] <= (last[0] if len(last) else -1)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), WIDTHS, st.integers(0, 99))
def test_a_sign_weighs_more_where_the_query_is_great(count, width, seed):
    codes, steps = made(count, width, seed)
    step = signs._STEP * np.sqrt(np.mean(steps.astype(float) ** 2))
    great = np.abs(steps) / step
    assume(np.all(np.abs(great - np.rint(great)) > 1e-5))
    expected = ((codes >= 0) != (steps >= 0)) @ (1 + 2 * np.minimum(great, 3).astype(int))
    found = signs.weighed(signs.signs_of(codes), signs.planes_of(steps))
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_change_nothing(monkeypatch, threads):
    codes, steps = made(3_001, DIMENSION, 1)
    columns = signs.signs_of(codes)
    whole_block = signs.alike(columns, steps, 50, None)
    monkeypatch.setattr(signs, "_BLOCK", 1_000)
    assert signs.alike(columns, steps, 50, None, threads).tolist() == whole_block.tolist()


def test_a_second_core_that_does_not_come_is_not_waited_for(monkeypatch):
    codes, steps = made(3_001, DIMENSION, 1)
    columns = signs.signs_of(codes)
    alone = signs.alike(columns, steps, 50, None)
    monkeypatch.setattr(signs, "_BLOCK", 1_000)
    coming = Event()
    busy = signs._second_core().submit(coming.wait, 60)
    try:
        assert signs.alike(columns, steps, 50, None, 2).tolist() == alone.tolist()
        assert not busy.done()
    finally:
        coming.set()


def test_what_fails_on_a_second_core_is_an_error(monkeypatch):
    codes, steps = made(3_001, DIMENSION, 1)
    differ, together, asking = signs._differ, Barrier(2), get_ident()

    def failing(*given):
        together.wait(60)
        if get_ident() != asking:
            raise MemoryError
        differ(*given)

    monkeypatch.setattr(signs, "_differ", failing)
    with pytest.raises(MemoryError):
        signs.alike(signs.signs_of(codes), steps, 50, None, 2)


@given(st.integers(1, 2_000), st.integers(1, 60), st.integers(0, 99))
def test_a_mask_tells_where_it_holds_however_seldom_it_does(count, every, seed):
    mask = np.random.default_rng(seed).random(count) < 1 / every
    mask[seed % count] = True
    found = signs._where(mask, int(np.count_nonzero(mask)))
    assert found.tolist() == [slot for slot, held in enumerate(mask.tolist()) if held]


def test_equal_signs_all_pass_the_first_half(monkeypatch):
    monkeypatch.setattr(signs, "_FEW", 1)
    columns = signs.signs_of(np.ones((9_000, DIMENSION), np.int8))
    steps = whole(clustered(1)[0])
    assert signs.alike(columns, steps, 100, None).tolist() == list(range(9_000))
