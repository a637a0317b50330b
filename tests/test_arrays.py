"""Sets of ids as arrays are the sets that Python has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hikma.arrays import among, held_of, united

NEAR = st.lists(st.integers(-50, 50))
FAR = st.lists(st.integers(-(2**63), 2**63 - 1))
HALF = st.lists(st.integers(-(2**61), 2**61))
SETS = st.one_of(NEAR, FAR)


def ids(given_):
    return np.array(sorted(set(given_)), np.int64)


@given(SETS, SETS, SETS)
def test_ids_are_united_as_sets_are(one, other, third):
    parts = [np.array(part, np.int64) for part in (one, other, third)]
    found = united(*parts)
    assert found.dtype == np.int64
    assert found.tolist() == sorted({*one, *other, *third})


@given(st.one_of(NEAR, HALF), st.one_of(NEAR, HALF))
def test_ids_among_others_are_those_in_both(one, other):
    assert ids(one)[among(ids(one), ids(other))].tolist() == sorted({*one} & {*other})
    assert held_of(one, ids(other)) == {*one} & {*other}


@pytest.mark.parametrize("spread", [1, 2, 30, 63, 65, 500])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.9])
def test_many_ids_among_others_are_those_of_numpy(spread, share):
    random = np.random.default_rng(spread)
    every = np.sort(random.choice(5_000 * spread, 5_000, replace=False)) + 7
    asked = np.sort(random.permutation(every)[: int(share * 5_000)])
    asked = united(asked, random.integers(0, 6_000 * spread, 40))
    assert np.array_equal(among(every, asked), np.isin(every, asked))
    assert np.array_equal(among(asked, every), np.isin(asked, every))
