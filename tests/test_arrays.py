"""Sets of ids as arrays are the sets that Python has."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hikma.arrays import among, held_of, united

NEAR = st.lists(st.integers(-50, 50))
FAR = st.lists(st.integers(-(2**63), 2**63 - 1))
SETS = st.one_of(NEAR, FAR)


def ids(given_):
    return np.array(sorted(set(given_)), np.int64)


@given(SETS, SETS, SETS)
def test_ids_are_united_as_sets_are(one, other, third):
    parts = [np.array(part, np.int64) for part in (one, other, third)]
    found = united(*parts)
    assert found.dtype == np.int64
    assert found.tolist() == sorted({*one, *other, *third})


@given(NEAR, SETS)
def test_ids_among_others_are_those_in_both(one, other):
    assert ids(one)[among(ids(one), ids(other))].tolist() == sorted({*one} & {*other})
    assert held_of(one, ids(other)) == {*one} & {*other}
