"""The graph behind a head, and old contents: also where a clone is shallow or lacks objects."""

import shutil

import pytest

from conftest import Repository
from hikma.sources.commits import between
from hikma.sources.past import MOST_LINES_READ, Past

CODE = "def read():\n    return 1\n\n\ndef write():\n    return 2\n"


@pytest.fixture
def past():
    """Open a repository's past; closed at the end."""
    opened = []

    def of(repository):
        opened.append(Past(repository.root.resolve()))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


@pytest.fixture
def chain(make_repository):
    """Five commits in a line, an hour apart; returned with their ids, oldest first."""
    repository = make_repository({"a.py": CODE})
    ids = [repository.git("rev-parse", "HEAD")]
    for hour in range(13, 17):
        repository.write("a.py", f"{CODE}# {hour}\n")
        ids.append(repository.commit(f"At {hour}", date=f"2024-03-01T{hour}:00:00+00:00"))
    return repository, ids


def lose(repository, name):
    found = repository.git("rev-parse", name)
    (repository.root / ".git/objects" / found[:2] / found[2:]).unlink()


def clone(repository, *options):
    """Clone as over a network, so that depth and filters hold."""
    target = repository.root.parent / "clone"
    repository.git("clone", "--quiet", *options, repository.root.as_uri(), str(target))
    return Repository(target)


def test_all_that_can_be_reached_comes_once_and_newest_first(chain, past):
    repository, ids = chain
    repository.git("checkout", "--quiet", "-b", "side", ids[1])
    repository.write("b.py", "b = 1\n")
    side = repository.commit("Side", date="2024-03-01T14:30:00+00:00")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-edit", "side", date="2024-03-01T18:00:00+00:00")
    merge = repository.git("rev-parse", "HEAD")
    opened = past(repository)
    assert list(opened.reachable(merge)) == [merge, ids[4], ids[3], side, ids[2], ids[1], ids[0]]
    assert list(opened.reachable(side)) == [side, ids[1], ids[0]]
    assert list(opened.reachable("f" * 40)) == []


def test_the_difference_is_what_one_head_reaches_and_the_other_does_not(chain, past):
    repository, ids = chain
    repository.git("checkout", "--quiet", "-b", "side", ids[2])
    side = repository.commit("Side")
    opened = past(repository)
    assert opened.difference(ids[4], ids[1]) == ([ids[4], ids[3], ids[2]], [])
    assert opened.difference(side, ids[4]) == ([side], [ids[4], ids[3]])
    assert opened.difference(ids[4], ids[4]) == ([], [])
    assert opened.difference(ids[4], "f" * 40) is None, "collected by git: nobody knows"


def test_a_merge_leads_straight_to_its_first_parent_only(chain, past):
    repository, ids = chain
    repository.git("checkout", "--quiet", "-b", "side", ids[2])
    side = repository.commit("Side")
    repository.git("merge", "--quiet", "--no-edit", "main")
    merge = repository.git("rev-parse", "HEAD")
    opened = past(repository)
    added = {merge, side}
    assert opened.leads_straight(merge, side, {merge})
    assert opened.leads_straight(merge, ids[2], added)
    assert not opened.leads_straight(merge, ids[4], added)
    assert not opened.leads_straight(ids[0], ids[4], {ids[0]}), "beyond the root"


def test_a_shallow_clone_ends_where_it_was_cut_off(chain, past):
    repository, ids = chain
    cloned = clone(repository, "--depth", "2")
    opened = past(cloned)
    assert opened.cut_off == {ids[3]}
    assert list(opened.reachable(ids[4])) == [ids[4], ids[3]]
    assert opened.difference(ids[4], ids[3]) is None, "it may have been deepened since"
    before = opened.stock()
    cloned.git("fetch", "--quiet", "--deepen", "1")
    deeper = past(cloned)
    assert deeper.cut_off == {ids[2]}
    assert list(deeper.reachable(ids[4])) == [ids[4], ids[3], ids[2]]
    assert deeper.stock() != before
    cloned.git("fetch", "--quiet", "--unshallow")
    whole = past(cloned)
    assert whole.cut_off == frozenset()
    assert list(whole.reachable(ids[4])) == ids[::-1]


def test_a_linked_work_tree_is_as_shallow_as_its_repository(chain, past):
    repository, ids = chain
    cloned = clone(repository, "--depth", "2")
    cloned.git("worktree", "add", "--quiet", "--detach", str(cloned.root.parent / "linked"))
    opened = past(Repository(cloned.root.parent / "linked"))
    assert opened.cut_off == {ids[3]}
    assert list(opened.reachable(ids[4])) == [ids[4], ids[3]]


def test_the_stock_stays_the_same_until_objects_are_fetched(chain, past):
    """What is committed here adds nothing that was missing."""
    repository, _ = chain
    opened = past(repository)
    before = opened.stock()
    repository.write("b.py", "b = 1\n")
    repository.commit("More")
    assert opened.stock() == before
    other = clone(repository)
    other.git("-c", "pack.writeReverseIndex=false", "repack", "-q", "-a")
    for pack in (other.root / ".git/objects/pack").iterdir():
        shutil.copy(pack, repository.root / ".git/objects/pack")
    assert opened.stock() != before


def test_a_missing_commit_ends_its_line_and_no_other(chain, past):
    repository, ids = chain
    repository.git("checkout", "--quiet", "-b", "side", ids[0])
    side = repository.commit("Side", date="2024-03-01T17:00:00+00:00")
    repository.git("merge", "--quiet", "--no-edit", "main", date="2024-03-01T18:00:00+00:00")
    merge = repository.git("rev-parse", "HEAD")
    lose(repository, ids[2])
    opened = past(repository)
    assert list(opened.reachable(merge)) == [merge, side, ids[4], ids[3], ids[0]]
    assert opened.difference(ids[4], ids[0]) is None


def test_a_graft_is_followed(chain, past):
    """Also by git itself: `info/grafts` gives a commit other parents."""
    repository, ids = chain
    repository.write(".git/info/grafts", f"{ids[4]} {ids[1]}\n")
    assert list(past(repository).reachable(ids[4])) == [ids[4], ids[1], ids[0]]


def test_the_heads_of_pull_requests_are_references_of_one_form(chain, past):
    repository, ids = chain
    wanted = {1: ids[1], 12: ids[4], 999_999_999: ids[0]}
    for number, head in wanted.items():
        repository.git("update-ref", f"refs/pull/{number}/head", head)
    for odd in ("0", "012", "x", "1234567890", "\u00b2", "\u0663"):
        repository.git("update-ref", f"refs/pull/{odd}/head", ids[0])
    repository.git("update-ref", "refs/pull/13/merge", ids[0])
    repository.git("symbolic-ref", "refs/pull/14/head", "refs/heads/main")
    assert past(repository).pull_heads() == wanted
    repository.git("pack-refs", "--all")
    assert past(repository).pull_heads() == wanted


def test_a_pull_request_is_described_by_its_head(chain, past):
    repository, ids = chain
    opened = past(repository)
    assert opened.described(ids[4]) == {
        "head": ids[4],
        "title": "At 16",
        "author": "Ada Byron",
        "date": "2024-03-01T16:00:00+00:00",
    }
    assert opened.described("f" * 40) == {"head": "f" * 40}, "a reference whose commit is missing"


def test_old_contents_are_read_by_path(chain, past):
    repository, ids = chain
    opened = past(repository)
    digest = repository.git("rev-parse", f"{ids[4]}:a.py")
    assert opened.digest_at(ids[4], "a.py") == digest
    assert opened.digest_at(ids[0], "a.py") != digest
    assert opened.digest_at(ids[4], "b.py") is None
    assert opened.digest_at("f" * 40, "a.py") is None
    now = CODE.encode() + b"# other\n# lines\n"
    assert opened.hunks_to(ids[0], "a.py", now) == between(CODE.encode(), now)
    assert opened.hunks_to(ids[0], "a.py", b"\0") is None, "binary"
    assert opened.hunks_to(ids[0], "b.py", now) is None
    lose(repository, f"{ids[0]}:a.py")
    lacking = past(repository)
    assert lacking.hunks_to(ids[0], "a.py", now) is None
    assert lacking.find_line(ids[0], "a.py", (1, 6), "write") is None


def test_a_name_is_found_in_the_lines_asked_for_only(chain, past):
    repository, ids = chain
    opened = past(repository)
    assert opened.find_line(ids[0], "a.py", (1, 6), "write") == 5
    assert opened.find_line(ids[0], "a.py", (5, 5), "write") == 5
    assert opened.find_line(ids[0], "a.py", (1, 4), "write") is None
    assert opened.find_line(ids[0], "a.py", (6, 60), "write") is None
    assert opened.find_line(ids[0], "b.py", (1, 6), "write") is None
    assert opened.find_line(ids[0], "a.py", (5, 5 + MOST_LINES_READ), "write") is None, "rewritten"


def test_an_ancestor_is_counted_along_first_parents(chain, past):
    repository, ids = chain
    opened = past(repository)
    assert [opened.ancestor(ids[4], back) for back in (0, 1, 4, 5)] == [
        ids[4],
        ids[3],
        ids[0],
        None,
    ]


def test_a_shallow_clone_has_no_ancestor_behind_its_end(chain, past):
    repository, ids = chain
    opened = past(clone(repository, "--depth=2"))
    assert [opened.ancestor(ids[4], back) for back in (0, 1, 2)] == [ids[4], ids[3], None]


def test_a_file_is_known_by_its_former_path(chain, past):
    repository, ids = chain
    repository.git("mv", "a.py", "b.py")
    renamed = repository.commit("Rename")
    opened = past(repository)
    assert opened.former_path(ids[0], renamed, "b.py") == "a.py"
    assert opened.former_path(ids[0], ids[3], "a.py") == "a.py"
    assert opened.former_path(ids[0], renamed, "c.py") is None


def test_hunks_lead_from_one_version_to_another(chain, past):
    repository, ids = chain
    opened = past(repository)
    found = opened.hunks_between((ids[0], "a.py"), (ids[1], "a.py"))
    assert found == between(CODE.encode(), f"{CODE}# 13\n".encode())
    assert opened.hunks_between((ids[0], "a.py"), (ids[1], "none.py")) is None


def test_a_past_until_a_commit_sees_no_pull_request_that_came_later(chain):
    repository, ids = chain
    repository.git("update-ref", "refs/pull/1/head", ids[1])
    repository.git("update-ref", "refs/pull/3/head", ids[3])
    root = repository.root.resolve()
    with Past(root) as whole, Past(root, ids[2]) as until:
        assert whole.pull_heads() == {1: ids[1], 3: ids[3]}
        assert until.pull_heads() == {1: ids[1]}
