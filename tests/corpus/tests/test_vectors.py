import math

import pytest

from store.vectors import InvalidVector, VectorStore


def test_wrong_length_is_refused():
    with pytest.raises(InvalidVector):
        VectorStore(3).insert("a", [1.0, 2.0])


class TestNearest:
    def test_nearest_comes_first(self):
        store = VectorStore(2)
        store.insert("far", [9.0, 9.0])
        store.insert("near", [1.0, 1.0])
        assert store.nearest([1.0, 1.1]) == ["near", "far"]

    def test_nan_query_is_refused(self):
        with pytest.raises(InvalidVector):
            VectorStore(1).nearest([math.nan])
