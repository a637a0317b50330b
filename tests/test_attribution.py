"""Lines carried backwards: by hand for each case, and against an oracle that knows every writer."""

from struct import pack

import pytest

from hikma.attribution import FileChange, Held, Hunk, Touch, Walk, carry, hunks_of, newest_first
from hikma.domain import ChangeStatus

SYMBOL, FILE = 1, 100
BLOCK = (10, 20)
"""Where the symbol of the cases stands now."""


def nameless(_held):
    """No line before the change holds the name."""


def named_at(line):
    return lambda held: line if held.start <= line <= held.end else None


def carried(hunks, find_name=nameless, lines=BLOCK):
    """Return whether one symbol was touched, and its lines before."""
    touched, older = carry([Held(SYMBOL, *lines)], [Hunk(*one) for one in hunks], find_name)
    assert all(one.symbol == SYMBOL for one in older)
    return touched == (SYMBOL,), [(one.start, one.end) for one in older]


@pytest.mark.parametrize(
    ("hunk", "touched", "older"),
    [
        pytest.param((3, 0, 4, 2), False, (8, 18), id="inserted before"),
        pytest.param((9, 0, 10, 3), True, (10, 17), id="inserted: its first lines"),
        pytest.param((7, 0, 8, 3), True, (8, 17), id="inserted: a line before and its first two"),
        pytest.param((12, 0, 13, 4), True, (10, 16), id="inserted inside"),
        pytest.param((17, 0, 18, 3), True, (10, 17), id="inserted: its last lines"),
        pytest.param((18, 0, 19, 5), True, (10, 18), id="inserted: its end and more after it"),
        pytest.param((20, 0, 21, 5), False, (10, 20), id="inserted after"),
        pytest.param((4, 3, 3, 0), False, (13, 23), id="deleted before"),
        pytest.param((10, 2, 9, 0), False, (12, 22), id="deleted right before its first line"),
        pytest.param((11, 2, 10, 0), True, (10, 22), id="deleted after its first line"),
        pytest.param((15, 3, 14, 0), True, (10, 23), id="deleted inside"),
        pytest.param((20, 2, 19, 0), True, (10, 22), id="deleted before its last line"),
        pytest.param((21, 4, 20, 0), False, (10, 20), id="deleted right after its last line"),
        pytest.param((30, 4, 29, 0), False, (10, 20), id="deleted after"),
        pytest.param((5, 2, 5, 4), False, (8, 18), id="replaced before"),
        pytest.param((9, 1, 9, 1), False, (10, 20), id="replaced right before"),
        pytest.param((14, 1, 14, 3), True, (10, 18), id="replaced inside"),
        pytest.param((21, 3, 21, 1), False, (10, 20), id="replaced right after"),
        pytest.param((10, 2, 10, 2), True, (10, 20), id="start replaced, as many lines"),
        pytest.param((10, 4, 10, 2), True, (10, 22), id="start replaced, fewer lines"),
        pytest.param((10, 1, 10, 5), True, (10, 16), id="start replaced, more lines"),
        pytest.param((8, 4, 8, 4), True, (10, 20), id="straddles the start, as many lines"),
        pytest.param((8, 6, 8, 4), True, (14, 22), id="straddles the start, nameless: after it"),
        pytest.param((19, 2, 19, 2), True, (10, 20), id="end replaced, as many lines"),
        pytest.param((19, 5, 19, 2), True, (10, 23), id="end replaced, fewer lines"),
        pytest.param((19, 1, 19, 2), True, (10, 19), id="end replaced, more lines"),
        pytest.param((18, 5, 18, 5), True, (10, 20), id="straddles the end, as many lines"),
        pytest.param((18, 2, 18, 5), True, (10, 17), id="straddles the end: before it"),
    ],
)
def test_one_hunk_and_the_lines_before_it(hunk, touched, older):
    assert carried([hunk]) == (touched, [older])


@pytest.mark.parametrize(
    ("hunk", "find_name", "older"),
    [
        pytest.param((10, 11, 10, 11), named_at(10), [(10, 20)], id="same lines, named"),
        pytest.param((10, 11, 10, 11), nameless, [], id="same lines, nameless"),
        pytest.param((10, 4, 10, 11), named_at(11), [(10, 13)], id="other size, named"),
        pytest.param((10, 4, 10, 11), nameless, [], id="other size, nameless"),
        pytest.param((5, 30, 5, 30), named_at(10), [(10, 20)], id="with its surroundings, as many"),
        pytest.param((5, 30, 5, 30), named_at(25), [], id="as many, but named elsewhere"),
        pytest.param((5, 20, 5, 30), named_at(10), [], id="with its surroundings, other size"),
        pytest.param((9, 0, 10, 11), named_at(10), [], id="inserted whole"),
        pytest.param((3, 0, 4, 40), named_at(4), [], id="inserted with its surroundings"),
    ],
)
def test_what_is_replaced_as_a_whole_is_followed_by_its_name_only(hunk, find_name, older):
    assert carried([hunk], find_name) == (True, older)


def test_a_start_replaced_with_what_stood_before_it_begins_where_its_name_stood():
    """Hunk (8, 6) → (8, 4): the name stood in line 12 of the six."""
    assert carried([(8, 6, 8, 4)], named_at(12)) == (True, [(12, 22)])


def test_hunks_add_up():
    """Three lines more before, two fewer inside, a new end, something after."""
    hunks = [(2, 0, 3, 3), (11, 3, 14, 1), (19, 1, 20, 2), (40, 5, 42, 0)]
    assert carried(hunks, lines=(12, 21)) == (True, [(9, 19)])


def test_both_ends_replaced_around_one_line_that_stays():
    """It is what is sure: the hunks' other lines may have been another symbol's."""
    hunks = [(7, 5, 7, 4), (13, 3, 12, 5)]
    assert carried(hunks, lines=(9, 13)) == (True, [(12, 12)])


def test_untouched_symbols_are_not_named_and_each_is_carried():
    held = [Held(1, 1, 5), Held(2, 7, 9), Held(3, 8, 8)]
    touched, older = carry(held, [Hunk(8, 1, 8, 2)], nameless)
    assert touched == (2, 3)
    assert older == [Held(1, 1, 5), Held(2, 7, 8)]


def test_hunks_are_read_as_they_were_packed():
    assert hunks_of(pack("<8I", 1, 2, 3, 4, 5, 0, 7, 8)) == [Hunk(1, 2, 3, 4), Hunk(5, 0, 7, 8)]
    assert hunks_of(b"") == []


@pytest.mark.parametrize(
    "parents",
    [
        {1: ()},
        {3: (2,), 2: (1,), 1: ()},
        {4: (2, 3), 2: (1,), 3: (1,), 1: ()},
        {9: (5, 6, 7), 5: (1,), 6: (5,), 7: (1, 6), 1: ()},
        {6: (4, 5), 5: (2, 3), 4: (3, 2), 3: (1,), 2: (1,), 1: ()},
        {5: (4, 0), 4: (0,), 0: ()},
        {2: (0, 0)},
        {4: (3, 2), 3: (), 2: ()},
    ],
    ids=["root", "chain", "diamond", "octopus", "criss-cross", "missing", "lost", "two roots"],
)
def test_newest_first_has_every_commit_once_and_before_its_parents(parents):
    head = max(parents)
    order = newest_first({**parents, 77: (head,)}, head)
    assert len(order) == len(set(order)), "once"
    assert set(order) - {0} == set(parents) - {0}, "what is reachable, and not 77"
    places = {commit: place for place, commit in enumerate(order)}
    for child, above in parents.items():
        assert all(places[child] < places[one] for one in above if one in places)


# Walks by hand: one file, one symbol, hunks as a diff would give them.


def changed(commit, hunks, parent=0, path="a.py", status=ChangeStatus.MODIFIED, old_path=""):
    packed = b"".join(pack("<4I", *one) for one in hunks)
    return FileChange(commit, parent, status, path, old_path, packed)


def taken(commit, parent, path="a.py"):
    return FileChange(commit, parent, ChangeStatus.SAME, path, "", None)


def added(commit, parent=0, path="a.py"):
    return FileChange(commit, parent, ChangeStatus.ADDED, path, "", None)


def walk(parents, changes, symbols=((SYMBOL, 10, 20),), **options):
    """Return {commit: symbols it touched} for the commits that touched the file."""
    by_commit = {}
    for change in changes:
        by_commit.setdefault(change.commit, []).append(change)
    find_name, unknown = options.get("find_name"), options.get("unknown", ())
    made = Walk(parents, by_commit, frozenset(unknown), find_name or (lambda *_: None))
    head = max(parents)
    start = {options.get("path", "a.py"): {FILE: [Held(*one) for one in symbols]}}
    found = {}
    for touch in made.touches(newest_first(parents, head), head, start):
        assert isinstance(touch, Touch)
        assert touch.file == FILE
        found.setdefault(touch.commit, set()).update(touch.symbols)
    return found


LINE = [(12, 1, 12, 1)]
"""A hunk that replaces a line of the symbol."""
ELSEWHERE = [(1, 1, 1, 1)]
DIAMOND = {4: (2, 3), 3: (1,), 2: (1,), 1: ()}


def test_a_chain_is_followed_to_the_commit_that_added_the_file():
    changes = [changed(3, LINE), changed(2, ELSEWHERE), added(1)]
    assert walk({3: (2,), 2: (1,), 1: ()}, changes) == {3: {SYMBOL}, 2: set(), 1: {SYMBOL}}


def test_a_rename_is_followed_to_the_former_path():
    """And what happens to that path later, or to the present one before, is another file's."""
    changes = [
        changed(4, LINE, path="a.py"),
        changed(3, ELSEWHERE, path="a.py", status=ChangeStatus.RENAMED, old_path="old.py"),
        changed(2, LINE, path="old.py"),
        changed(2, LINE, path="a.py"),
        added(1, path="old.py"),
    ]
    expected = {4: {SYMBOL}, 3: set(), 2: {SYMBOL}, 1: {SYMBOL}}
    assert walk({4: (3,), 3: (2,), 2: (1,), 1: ()}, changes) == expected


def test_two_files_that_change_places_are_not_mixed_up():
    changes = [
        changed(2, [], path="a.py", status=ChangeStatus.RENAMED, old_path="b.py"),
        changed(2, LINE, path="b.py", status=ChangeStatus.RENAMED, old_path="a.py"),
        added(1, path="b.py"),
    ]
    assert walk({2: (1,), 1: ()}, changes) == {2: set(), 1: {SYMBOL}}


def test_a_file_without_hunks_keeps_its_commits_and_lets_its_symbols_go():
    """Too large, no code, or the content is missing."""
    binary = FileChange(2, 0, ChangeStatus.MODIFIED, "a.py", "", None)
    assert walk({2: (1,), 1: ()}, [binary, added(1)]) == {2: set(), 1: set()}


def test_what_nobody_knows_about_a_commit_ends_everything_there():
    changes = [changed(3, LINE), changed(2, LINE), added(1)]
    parents = {3: (2,), 2: (1,), 1: ()}
    assert walk(parents, changes, unknown=[2]) == {3: {SYMBOL}}


def test_a_missing_parent_ends_the_walk():
    assert walk({3: (2,), 2: (0,)}, [changed(3, LINE), changed(2, LINE)]) == {
        3: {SYMBOL},
        2: {SYMBOL},
    }


def test_a_merge_that_changes_nothing_of_a_file_leads_to_its_first_parent_only():
    changes = [changed(2, LINE), changed(3, LINE), added(1)]
    assert walk(DIAMOND, changes) == {2: {SYMBOL}, 1: {SYMBOL}}


def test_a_file_that_a_merge_took_from_another_parent_is_followed_there_only():
    changes = [taken(4, 1), changed(2, LINE), changed(3, LINE), added(1)]
    assert walk(DIAMOND, changes) == {3: {SYMBOL}, 1: {SYMBOL}}


def test_both_sides_changed_different_symbols():
    """Each symbol is followed to the side that has it as it is; the merge wrote neither."""
    changes = [
        changed(4, [(32, 1, 32, 1)], parent=0),
        changed(4, LINE, parent=1),
        changed(2, LINE),
        changed(3, [(32, 1, 32, 1)]),
        added(1),
    ]
    symbols = [(1, 10, 20), (2, 30, 40)]
    assert walk(DIAMOND, changes, symbols) == {2: {1}, 3: {2}, 1: {1, 2}}


def test_both_sides_changed_one_symbol():
    """It is followed to both; the merge itself wrote no line of it."""
    changes = [
        changed(4, [(18, 1, 18, 1)], parent=0),
        changed(4, LINE, parent=1),
        changed(2, LINE),
        changed(3, [(18, 1, 18, 1)]),
        added(1),
    ]
    assert walk(DIAMOND, changes) == {2: {SYMBOL}, 3: {SYMBOL}, 1: {SYMBOL}}


def test_a_merge_that_wrote_lines_of_its_own_is_credited_with_those():
    """Line 12 is in neither parent as it is here."""
    changes = [
        changed(4, [(12, 1, 12, 1), (32, 1, 32, 1)], parent=0),
        changed(4, LINE, parent=1),
        changed(3, [(32, 1, 32, 1)]),
        added(1),
    ]
    symbols = [(1, 10, 20), (2, 30, 40)]
    assert walk(DIAMOND, changes, symbols) == {4: {1}, 3: {2}, 1: {1, 2}}


def test_an_octopus_is_a_merge_of_all_its_parents():
    """The third parent has the symbol as it is; the merge touched another one by itself."""
    parents = {5: (2, 3, 4), 4: (1,), 3: (1,), 2: (1,), 1: ()}
    own = (35, 1, 35, 1)
    changes = [
        changed(5, [*LINE, own], parent=0),
        changed(5, [*LINE, own], parent=1),
        changed(5, [own], parent=2),
        changed(4, LINE),
        changed(3, ELSEWHERE),
        added(1),
    ]
    symbols = [(1, 10, 20), (2, 30, 40)]
    assert walk(parents, changes, symbols) == {5: {2}, 4: {1}, 3: set(), 1: {1, 2}}


def test_a_file_that_one_side_renamed_is_followed_under_both_names():
    """The merge compares with `old.py` of the side that kept the name."""
    renamed = ChangeStatus.RENAMED
    changes = [
        changed(4, [(18, 1, 18, 1)], parent=0),
        changed(4, LINE, parent=1, status=renamed, old_path="old.py"),
        changed(2, LINE, status=renamed, old_path="old.py"),
        changed(3, [(18, 1, 18, 1)], path="old.py"),
        added(1, path="old.py"),
    ]
    assert walk(DIAMOND, changes) == {2: {SYMBOL}, 3: {SYMBOL}, 1: {SYMBOL}}


def test_a_criss_cross_is_walked_once_and_in_order():
    """Both merges of both sides reach each commit; it is credited once, after all its children."""
    parents = {6: (4, 5), 5: (3, 2), 4: (2, 3), 3: (1,), 2: (1,), 1: ()}
    both = [changed(merge, [(18, 1, 18, 1)], parent=0) for merge in (4, 6)]
    both += [changed(merge, LINE, parent=1) for merge in (4, 6)]
    changes = [
        *both,
        changed(5, LINE, parent=0),
        changed(5, [(18, 1, 18, 1)], parent=1),
        changed(2, LINE),
        changed(3, [(18, 1, 18, 1)]),
        added(1),
    ]
    assert walk(parents, changes) == {2: {SYMBOL}, 3: {SYMBOL}, 1: {SYMBOL}}


def test_lines_that_reach_a_commit_on_two_ways_become_one_run():
    """One side shifted the symbol; both ways lead to the same lines of their common parent."""
    parents = {5: (3, 4), 4: (2,), 3: (2,), 2: (1,), 1: ()}
    changes = [
        changed(5, [(3, 0, 4, 3), (12, 1, 15, 1)], parent=0),
        changed(5, [(21, 1, 21, 1)], parent=1),
        changed(4, [(3, 0, 4, 3), (12, 1, 15, 1)]),
        changed(3, [(18, 1, 18, 1)]),
        changed(2, [(9, 1, 9, 1), (21, 1, 21, 1)]),  # right before it and right after it
        added(1),
    ]
    expected = {4: {SYMBOL}, 3: {SYMBOL}, 2: set(), 1: {SYMBOL}}
    assert walk(parents, changes, [(SYMBOL, 13, 23)]) == expected
