"""The recall of a space is what it finds of the nearest that the canonical rows say."""

from dataclasses import replace

import pytest

from hikma.catalog import ledger
from hikma.vectors.recalling import recall


class Losing:
    """A store that leaves out the second and fifth of what it finds."""

    def __init__(self, whole):
        self.whole = whole

    def nearest(self, query, limit, within=None):
        found = self.whole.nearest(query, limit + 2, within)
        return found[:1] + found[2:4] + found[5:]


def approximate(connection):
    return replace(ledger.space(connection), index_type="ivf")


def test_a_store_that_finds_all_has_recall_one_and_one_that_loses_has_less(world):
    world.put({one: one for one in range(1, 301)})
    with world.catalog.read() as connection:
        space = approximate(connection)
        store = world.store(space)
        whole = recall(connection, space, store)
        assert (whole.depth, whole.queries, whole.recall) == (10, 100, 1.0)
        assert recall(connection, space, Losing(store)).recall == pytest.approx(0.8)


def test_what_is_as_near_as_the_last_is_found_too(world):
    """Equal texts share a vector: which of them a store returns is no matter of recall."""
    world.put({one: one % 3 for one in range(1, 61)})

    class Backwards:
        def nearest(self, query, limit, within=None):
            found = world.store(space).nearest(query, 60, within)
            first = [one for one in found if one.distance <= found[0].distance + 1e-6]
            return first[::-1][:limit]

    with world.catalog.read() as connection:
        space = approximate(connection)
        assert recall(connection, space, Backwards()).recall == 1.0


def test_fewer_documents_than_are_asked_for_are_all_there_is(world):
    world.put({1: 1, 2: 2, 3: 3})
    with world.catalog.read() as connection:
        space = approximate(connection)
        found = recall(connection, space, world.store(space))
        assert (found.depth, found.queries, found.recall) == (3, 3, 1.0)


def test_an_empty_space_and_a_flat_one_are_not_asked(world):
    with world.catalog.read() as connection:
        assert recall(connection, approximate(connection), None).queries == 0
    world.put({1: 1})
    with world.catalog.read() as connection:
        found = recall(connection, ledger.space(connection), None)
    assert (found.index_type, found.queries, found.recall) == ("flat", 0, 1.0)
