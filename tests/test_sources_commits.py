"""What is read of one commit: its words in any bytes, its changes of any kind, its gaps."""

from struct import iter_unpack, pack

import pygit2
import pytest
from pygit2.enums import ObjectType

from hikma.domain import Change, ChangeStatus
from hikma.errors import RepositoryError
from hikma.sources.commits import CommitTask, describe_commit, node_of, read_commit
from hikma.sources.contents import MAX_BYTES

ADA = b"Ada Byron <ada@example.org> 1700000000 +0100"
CODE = "".join(f"def step_{n}():\n    return {n}\n\n\n" for n in range(6))


def hunks(change):
    """Return (old start, old lines, new start, new lines) of each hunk."""
    return None if change.hunks is None else list(iter_unpack("<4I", change.hunks))


def changes_of(repository, commit="HEAD"):
    """Return {(path, parent): change} of what one commit did."""
    read = read_commit(CommitTask(repository.root, repository.git("rev-parse", commit)))
    assert read.gap == ""
    found = {(one.path, one.parent): one for one in read.changes}
    assert len(found) == len(read.changes), "one change a file and parent"
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An empty repository that takes any bytes as a commit."""
    root = tmp_path_factory.mktemp("bare") / "sample"
    repository = pygit2.init_repository(str(root))
    tree = str(repository.TreeBuilder().write()).encode()

    def write(author=ADA, message=b"Words\n", headers=b""):
        text = b"tree %s\nauthor %s\ncommitter %s\n%s\n%s" % (tree, author, ADA, headers, message)
        written = repository.odb.write(ObjectType.COMMIT, text)
        return CommitTask(root.resolve(), str(written))

    return write


@pytest.mark.parametrize(
    ("headers", "raw", "text"),
    [
        (b"", "café\n".encode(), "café\n"),
        (b"", b"caf\xe9\n", "caf\ufffd\n"),
        (b"encoding ISO-8859-1\n", b"caf\xe9\n", "café\n"),
        (b"encoding cp1251\n", b"\xcf\xf0\n", "Пр\n"),
        (b"encoding UTF-8\n", b"\xff\xfe\n", "\ufffd\ufffd\n"),
        (b"encoding klingon\n", "café\n".encode(), "café\n"),
        (b"encoding \xff\xfe\n", b"a\n", "a\n"),
        (b"encoding hex\n", b"6162\n", "6162\n"),
        (b"encoding idna\n", "café\n".encode(), "café\n"),
        (b"encoding punycode\n", b"\xff-\xff\n", "\ufffd-\ufffd\n"),
        (b"encoding undefined\n", b"a\n", "a\n"),
        (b"encoding utf-7\n", b"+2AA-\n", "+2AA-\n"),
        (b"encoding utf-16\n", b"abcd\n", "abcd\n"),
        (b"encoding unicode_escape\n", b"\\ud800 \\d\n", "\\ud800 \\d\n"),
        (b"encoding raw_unicode_escape\n", b"\\ud800\n", "\\ud800\n"),
        (b"", b"", ""),
        (b"", b"\n\n \n", " \n"),
        (b"gpgsig -----BEGIN\n \n x\n", b"Signed\n", "Signed\n"),
    ],
)
def test_any_bytes_are_words(bare, headers, raw, text):
    """A commit names its encoding, or a wrong one, or one that Python has and no text."""
    read = read_commit(bare(message=raw, headers=headers))
    assert read.message == text
    assert (read.author, read.email) == ("Ada Byron", "ada@example.org")
    assert read.message.encode() is not None, "it can be stored"
    assert node_of(read).name == (text.strip() or read.hash)


def test_what_follows_a_nul_is_not_read(bare):
    """As by git, which takes a message to end there."""
    assert read_commit(bare(message=b"before\0after\n")).message == "before"


@pytest.mark.parametrize(
    ("author", "name", "email"),
    [
        (b"Andr\xc3\xa9 <a@b> 1700000000 +0000", "André", "a@b"),
        (b"\xff\xfe <\xff@b> 1700000000 +0000", "\ufffd\ufffd", "\ufffd@b"),
        (b" <> 1700000000 +0000", "", ""),
        (b"A <<a@b> c> 1700000000 +0000", "A", "a@b> c"),
    ],
)
def test_any_bytes_are_a_name(bare, author, name, email):
    read = read_commit(bare(author=author))
    assert (read.author, read.email) == (name, email)


@pytest.mark.parametrize(
    ("when", "date", "time"),
    [
        (b"1700000000 +0100", "2023-11-14T23:13:20+01:00", 1_700_000_000),
        (b"1700000000 -0330", "2023-11-14T18:43:20-03:30", 1_700_000_000),
        (b"0 +0000", "1970-01-01T00:00:00+00:00", 0),
        (b"-1 +0000", "1969-12-31T23:59:59+00:00", -1),
        (b"1700000000 +9999", "2023-11-14T22:13:20+00:00", 1_700_000_000),
        (b"253402300799 +0000", "9999-12-31T23:59:59+00:00", 253_402_300_799),
        (b"253402300799 +0100", "", 253_402_300_799),
        (b"99999999999999999 +0000", "", 99_999_999_999_999_999),
        (b"-62135596801 +0000", "", -62_135_596_801),
        (b"", "1970-01-01T00:00:00+00:00", 0),
    ],
)
def test_a_date_is_the_authors_or_none_where_no_calendar_has_it(bare, when, date, time):
    read = read_commit(bare(author=b"A <a@b> " + when))
    assert (read.date, read.time) == (date, time)


def test_a_commit_that_cannot_be_parsed_or_is_not_there_is_named(bare):
    task = bare(author=b"Nobody 1700000000 +0000")
    absent = CommitTask(task.root, "f" * 40)
    for one in (task, absent):
        for read in (read_commit, lambda one: describe_commit(one, "slow")):
            with pytest.raises(RepositoryError, match=one.hash):
                read(one)


def test_a_long_message_is_cut_and_a_subject_shorter(bare):
    node = node_of(read_commit(bare(message=b"word " * 100_000 + b"\n\nBody")))
    assert len(node.documentation) == 64 * 1024
    assert len(node.name) == 300


def test_a_root_commit_adds_its_files(make_repository):
    repository = make_repository({"a.py": CODE, "b/c.txt": "words\n"})
    added = ChangeStatus.ADDED
    assert set(changes_of(repository).values()) == {Change("a.py", added), Change("b/c.txt", added)}


def test_lines_are_told_for_code_only(make_repository):
    """Binary, huge and plain files are listed; their lines are not compared."""
    files = {"a.py": CODE, "notes.txt": "one\n", "huge.py": "x = 1\n", "gone.py": "y = 1\n"}
    repository = make_repository({**files, "binary.c": b"\0\1\2", "now.c": "int a;\n"})
    repository.write("a.py", CODE.replace("return 3", "return 33").replace("    return 0\n", ""))
    repository.write("notes.txt", "two\n")
    repository.write("huge.py", "x = 1\n" * (MAX_BYTES // 6 + 1))
    repository.write("binary.c", b"\0\1\2\3")
    repository.write("now.c", b"\0")
    (repository.root / "gone.py").unlink()
    repository.commit("Second")
    found = changes_of(repository)
    assert hunks(found["a.py", 0]) == [(2, 1, 1, 0), (14, 1, 13, 1)]
    assert {path for (path, _), change in found.items() if change.hunks is None} == {
        "notes.txt", "huge.py", "binary.c", "now.c", "gone.py",
    }  # fmt: skip
    assert found["gone.py", 0].status is ChangeStatus.DELETED
    assert {found[path, 0].status for path in ("a.py", "huge.py")} == {ChangeStatus.MODIFIED}


def test_the_names_are_those_that_hunks_stand_in(make_repository):
    repository = make_repository({"a.py": CODE})
    repository.write("a.py", CODE.replace("return 3", "return 33"))
    commit = repository.commit("Second")
    assert read_commit(CommitTask(repository.root, commit)).names == ("def step_3():",)


def test_a_rename_with_edits_is_one_change(make_repository):
    repository = make_repository({"a.py": CODE, "same.py": "z = 1\n" * 30})
    repository.git("mv", "same.py", "moved.py")
    (repository.root / "a.py").unlink()
    repository.write("pkg/b.py", CODE.replace("return 3", "return 33"))
    repository.commit("Second")
    packed = pack("<4I", 14, 1, 14, 1)
    assert changes_of(repository) == {
        ("pkg/b.py", 0): Change("pkg/b.py", ChangeStatus.RENAMED, 0, "a.py", packed),
        ("moved.py", 0): Change("moved.py", ChangeStatus.RENAMED, 0, "same.py", b""),
    }


def test_a_mode_is_no_line(make_repository):
    repository = make_repository({"a.py": CODE})
    (repository.root / "a.py").chmod(0o755)
    repository.commit("Executable")
    assert changes_of(repository)["a.py", 0] == Change("a.py", ChangeStatus.MODIFIED, hunks=b"")


def test_links_and_submodules_come_and_go(make_repository):
    """A file that becomes a link, or the reverse, is another file; nothing of it is older."""
    repository = make_repository({"a.py": CODE, "b.py": CODE + "# b\n"})
    (repository.root / "a.py").unlink()
    (repository.root / "a.py").symlink_to("b.py")
    first = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{first},vendored")
    repository.git("add", "a.py")
    repository.git("commit", "--quiet", "--message", "Link and submodule")
    found = changes_of(repository)
    assert [found[path, 0].status for path in ("a.py", "vendored")] == [ChangeStatus.ADDED] * 2
    second = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--cacheinfo", f"160000,{second},vendored")
    repository.git("commit", "--quiet", "--message", "Later commit of the submodule")
    assert changes_of(repository) == {}
    (repository.root / "a.py").unlink()
    repository.write("a.py", CODE.replace("return 3", "return 33"))
    repository.git("rm", "--quiet", "--cached", "vendored")
    repository.write("vendored", "a file now\n")
    repository.commit("A file again")
    found = changes_of(repository)
    assert [found[path, 0].status for path in ("a.py", "vendored")] == [ChangeStatus.ADDED] * 2


def test_paths_are_text_whatever_their_bytes(make_repository):
    repository = make_repository({"a.py": CODE})
    odd = repository.root.joinpath(b"caf\xe9.py".decode("utf-8", "surrogateescape"))
    (repository.root / "a.py").rename(odd)
    repository.write("naïve '\"\n.py", "x = 1\n")
    repository.commit("Odd")
    found = changes_of(repository)
    assert found["caf\\xe9.py", 0].old_path == "a.py"
    assert found["naïve '\"\n.py", 0].status is ChangeStatus.ADDED


# Merges.


@pytest.fixture
def forked(make_repository):
    """Two branches that each changed one function of `a.py`, and one file each."""
    repository = make_repository({"a.py": CODE, "b.py": "b = 1\n", "c.py": "c = 1\n"})
    repository.git("branch", "side")
    repository.write("a.py", CODE.replace("return 0", "return 10"))
    repository.write("b.py", "b = 2\n")
    repository.commit("On main", date="2024-03-02T12:00:00+00:00")
    repository.git("checkout", "--quiet", "side")
    repository.write("a.py", CODE.replace("return 5", "return 15"))
    repository.write("c.py", "c = 2\n")
    repository.commit("On side", date="2024-03-03T12:00:00+00:00")
    repository.git("checkout", "--quiet", "main")
    return repository


def test_a_merge_tells_what_it_took_and_what_it_joined(forked):
    """`c.py` is the side's; `a.py` is in neither parent as it is here; `b.py` is as it was."""
    forked.git("merge", "--quiet", "--no-edit", "side")
    found = changes_of(forked)
    assert found.keys() == {("a.py", 0), ("a.py", 1), ("c.py", 1)}
    assert found["c.py", 1].status is ChangeStatus.SAME
    assert hunks(found["a.py", 0]) == [(22, 1, 22, 1)]
    assert hunks(found["a.py", 1]) == [(2, 1, 2, 1)]


def test_a_merge_may_write_by_itself(forked):
    """What it adds is in no parent; what it drops is not told."""
    forked.git("merge", "--quiet", "--no-commit", "side")
    forked.write("own.py", "o = 1\n")
    (forked.root / "b.py").unlink()
    forked.commit("Merge by hand")
    found = changes_of(forked)
    assert [found["own.py", parent].status for parent in (0, 1)] == [ChangeStatus.ADDED] * 2
    assert "b.py" not in {path for path, _ in found}


def test_an_octopus_is_compared_with_every_parent(forked):
    forked.git("checkout", "--quiet", "-b", "third", "HEAD~1")
    forked.write("a.py", CODE.replace("return 3", "return 13"))
    third = forked.commit("On third")
    forked.git("checkout", "--quiet", "main")
    forked.git("merge", "--quiet", "--no-edit", "side", "third")
    found = changes_of(forked)
    assert forked.git("rev-parse", "HEAD^3") == third
    assert [hunks(found["a.py", parent]) for parent in range(3)] == [
        [(14, 1, 14, 1), (22, 1, 22, 1)],
        [(2, 1, 2, 1), (14, 1, 14, 1)],
        [(2, 1, 2, 1), (22, 1, 22, 1)],
    ]
    assert found["c.py", 1].status is ChangeStatus.SAME


@pytest.mark.parametrize("renamed_by", ["main", "side"])
def test_a_merge_knows_the_name_that_one_side_gave_a_file(forked, renamed_by):
    """The other side changed it under its former name; the merge wrote nothing of it."""
    forked.git("checkout", "--quiet", renamed_by)
    forked.git("mv", "a.py", "moved.py")
    forked.commit("Rename")
    forked.git("checkout", "--quiet", "main")
    forked.git("merge", "--quiet", "--no-edit", "side")
    found = changes_of(forked)
    kept = int(renamed_by == "main")
    assert found["moved.py", kept].status is ChangeStatus.RENAMED
    assert found["moved.py", kept].old_path == "a.py"
    assert hunks(found["moved.py", 0]) == [(22, 1, 22, 1)]
    assert hunks(found["moved.py", 1]) == [(2, 1, 2, 1)]


def test_a_merge_of_a_path_that_is_no_text_claims_nothing(forked):
    odd = forked.root.joinpath(b"caf\xe9.py".decode("utf-8", "surrogateescape"))
    odd.write_text(CODE)
    forked.commit("Odd")
    forked.git("merge", "--quiet", "--no-commit", "side")
    odd.write_text(CODE + "# more\n")
    forked.commit("Merge by hand")
    assert changes_of(forked)["caf\\xe9.py", 0] == Change("caf\\xe9.py", ChangeStatus.MODIFIED)


def test_a_merge_of_a_pull_request_brings_the_commits_of_its_branch(forked):
    side = forked.git("rev-parse", "side")
    forked.git("merge", "--quiet", "--message", "Merge pull request #12 from ada/side", "side")
    read = read_commit(CommitTask(forked.root, forked.git("rev-parse", "HEAD")))
    assert (read.pull.number, read.pull.is_merge, read.pull.brought) == (12, True, (side,))
    assert len(read.parents) == 2


# Gaps: objects that the clone lacks.


def lose(repository, name):
    """Delete an object."""
    found = repository.git("rev-parse", name)
    place = repository.root / ".git/objects" / found[:2] / found[2:]
    place.chmod(0o644)
    place.unlink()


@pytest.fixture
def two_commits(make_repository):
    repository = make_repository({"a.py": CODE, "pkg/b.py": "b = 1\n", "keep.py": "k = 1\n"})
    repository.write("a.py", CODE.replace("return 3", "return 33"))
    repository.write("pkg/b.py", "b = 2\n")
    repository.commit("Second")
    return repository


@pytest.mark.parametrize("lost", ["HEAD^{tree}", "HEAD~1", "HEAD~1^{tree}", "HEAD~1:pkg"])
def test_without_a_tree_or_a_parent_the_words_are_left_and_the_gap_is_told(two_commits, lost):
    task = CommitTask(two_commits.root, two_commits.git("rev-parse", "HEAD"))
    lose(two_commits, lost)
    read = read_commit(task)
    assert read.gap.startswith("objects missing")
    assert (read.message, read.changes, len(read.parents)) == ("Second\n", (), 1)
    assert node_of(read).properties["gap"] == read.gap


@pytest.mark.parametrize("lost", ["HEAD~1:a.py", "HEAD:a.py"])
def test_without_a_content_the_files_are_listed_and_the_gap_is_told(two_commits, lost):
    """The other file's lines are compared."""
    task = CommitTask(two_commits.root, two_commits.git("rev-parse", "HEAD"))
    lose(two_commits, lost)
    read = read_commit(task)
    assert read.gap.startswith("contents missing")
    assert {one.path: hunks(one) for one in read.changes} == {
        "a.py": None,
        "pkg/b.py": [(1, 1, 1, 1)],
    }


def test_a_rename_that_cannot_be_told_is_no_addition(make_repository):
    """Else the commit would be credited with every line of a file that it only moved."""
    repository = make_repository({"a.py": CODE})
    (repository.root / "a.py").unlink()
    repository.write("b.py", CODE.replace("return 3", "return 33"))
    task = CommitTask(repository.root, repository.commit("Move"))
    lose(repository, "HEAD~1:a.py")
    read = read_commit(task)
    assert read.gap != ""
    assert ChangeStatus.ADDED not in {one.status for one in read.changes}


def test_where_a_shallow_clone_ends_nothing_is_claimed(two_commits):
    """The last commit would else have added every file."""
    task = CommitTask(two_commits.root, two_commits.git("rev-parse", "HEAD"), is_cut_off=True)
    read = read_commit(task)
    assert (read.changes, read.parents) == ((), ())
    assert "shallow" in read.gap


def test_a_graft_is_a_parent_as_good_as_any(two_commits):
    """`info/grafts` may give a commit another parent, or none."""
    head = two_commits.git("rev-parse", "HEAD")
    two_commits.write(".git/info/grafts", f"{head}\n")
    read = read_commit(CommitTask(two_commits.root, head))
    assert read.parents == ()
    assert {one.status for one in read.changes} == {ChangeStatus.ADDED}


def test_what_a_worker_could_not_read_is_described_with_the_reason(two_commits):
    task = CommitTask(two_commits.root, two_commits.git("rev-parse", "HEAD"))
    read = describe_commit(task, "took longer than 60 s")
    assert (read.gap, read.changes, read.message) == ("took longer than 60 s", (), "Second\n")
