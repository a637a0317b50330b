import os
import random
import subprocess
import sys

import pytest

from hikma.errors import RepositoryError, UsageError
from hikma.sources.opening import open_source
from hikma.sources.patterns import parse
from hikma.sources.roots import digest_now, digest_of, find_root, git_dir_of, head_of, is_bare


def snapshot(path):
    source = open_source(path)
    return {entry.path for entry in source.snapshot().entries}, {
        skip.path: skip.reason for skip in source.snapshot().skips
    }


def write(root, files):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def test_a_folder_without_git_is_read_as_it_is(tmp_path):
    write(tmp_path, {"a.py": "a\n", "sub/b.py": "b\n"})
    source = open_source(tmp_path)
    snapshot = source.snapshot()
    assert [source.read(entry) for entry in snapshot.entries] == [b"a\n", b"b\n"]
    assert [entry.digest for entry in snapshot.entries] == [digest_of(b"a\n"), digest_of(b"b\n")]
    assert (source.head, snapshot.head, source.name) == (None, None, tmp_path.name)
    source.close()


def test_left_out_folders_are_reported_once_and_internals_never(tmp_path):
    write(
        tmp_path,
        {
            "a.py": "", "node_modules/x/a.js": "", "node_modules/y/b.js": "", ".hikma/index.db": "", "CVS/Entries": "",
            ".hg/store": "", "sub/vendor/v.py": "", "drafts/d.md": "", ".hikmaignore": "drafts/\n", "yarn.lock": "",
        },
    )  # fmt: skip
    entries, skips = snapshot(tmp_path)
    assert entries == {"a.py", ".hikmaignore"}
    assert set(skips) == {"node_modules/", "sub/vendor/", "drafts/", "yarn.lock"}
    assert skips["drafts/"] == "excluded by .hikmaignore"


def test_links_pipes_and_unreadable_paths_do_no_harm(tmp_path):
    write(tmp_path, {"a.py": "a\n"})
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "dangling.py").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.py")
    with open(os.fsencode(tmp_path) + b"/bad\xff.py", "wb"):  # noqa: PTH123 -- pathlib takes no bytes
        pass
    entries, skips = snapshot(tmp_path)
    assert entries == {"a.py"}
    assert skips == {
        "loop": "symbolic link: not followed",
        "dangling.py": "symbolic link: not followed",
        "pipe.py": "not a regular file",
        "bad\\xff.py": "path is not UTF-8",
    }


def test_a_very_deep_folder_is_walked(tmp_path):
    """Depth costs no recursion."""
    deep = tmp_path
    for _ in range(300):
        deep /= "d"
    deep.mkdir(parents=True)
    (deep / "a.py").write_text("a\n")
    assert snapshot(tmp_path)[0] == {"d/" * 300 + "a.py"}


PATTERNS = (
    "*.py", "!a.py", "/a.py", "d/", "!d/", "d", "/d/e", "**/e", "e/**", "!e/a.py", "d/*.c", "[ab].py", "\\!x.c", "a*",
    "?.c", "#no", "\\#x", "d/**/a.py", "!/d", "*", "!*/", "e/f/", "trailing ", "!", "/", "x.c/", "**", "", "[", "a/../b", "*.[ch]",
    "[!a].py", "[^a-c]b", "[]a]b", "a[[:lower:]]", "[[:punct:]]*", "*[.]*[a-c]", "e/*/a.py", "**/d/*", "d/**/", "a\\b", "a\\", "[a-",
    "trailing\\ ", "*a*i*n*", "d/[!x]*", "/*", "!/d/*/", "*.c ", "[z-a]x", "[[:nope:]]", "d/e/*/*", "[a\\b].py", "e/?*.py", "**a",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_ignore_files_mean_what_git_says(make_repository, seed):
    """Over random nested .gitignore files, our walk keeps exactly the files that git keeps."""
    chance = random.Random(seed)  # noqa: S311 -- a reproducible choice, no secret
    repository = make_repository(committed=False, name="checked")
    folders = ("", "d/", "d/e/", "e/", "e/f/", "d/e/d/")
    names = ("a.py", "b.py", "x.c", "!x.c", "#x", "trailing", "ab")
    files = {folder + name: "" for folder in folders for name in names}
    write(repository.root, files)
    for _ in range(15):
        for folder in folders:
            lines = chance.sample(PATTERNS, chance.choice((0, 0, 1, 2, 3)))
            (repository.root / folder / ".gitignore").write_text("\n".join(lines))
        listed = repository.git("ls-files", "-z", "--others", "--exclude-standard")
        hidden = repository.root / ".git"
        hidden.rename(repository.root.parent / "aside")
        entries, _ = snapshot(repository.root)
        (repository.root.parent / "aside").rename(hidden)
        assert entries == set(listed.split("\0")) - {""}


def test_the_root_is_found_from_below(make_repository, tmp_path):
    repository = make_repository({"a/b/c.py": ""})
    assert find_root(repository.root / "a" / "b") == repository.root
    assert find_root(repository.root / ".git") == repository.root
    assert find_root(repository.root / ".git" / "objects") == repository.root
    write(tmp_path, {"plain/.hikma/index.db": "", "plain/x/y.py": "", "other/z.py": ""})
    assert find_root(tmp_path / "plain" / "x") == tmp_path / "plain"
    assert find_root(tmp_path / "other") == tmp_path / "other"
    (tmp_path / "link").symlink_to(repository.root / "a")
    assert find_root(tmp_path / "link") == repository.root


def test_a_repository_inside_a_repository_is_its_own(make_repository):
    outer = make_repository({"o.py": ""}, name="outer")
    inner = make_repository({"i.py": ""}, name="outer/inner")
    assert find_root(inner.root) == inner.root
    assert find_root(outer.root) == outer.root


def test_a_path_that_is_no_folder_is_wrong_usage(tmp_path):
    (tmp_path / "a.py").write_text("")
    with pytest.raises(UsageError, match="does not exist; give"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a file; give"):
        open_source(tmp_path / "a.py")
    with pytest.raises(UsageError, match="not a git repository"):
        open_source(tmp_path, "HEAD")


def test_head_is_read_from_every_usual_place(make_repository, tmp_path):
    repository = make_repository({"a.py": ""})
    head = repository.git("rev-parse", "HEAD")
    assert head_of(repository.root) == head
    repository.git("pack-refs", "--all")
    assert head_of(repository.root) == head
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "detached"))
    repository.git("worktree", "add", "--quiet", "-b", "other/branch", str(tmp_path / "branch"))
    assert head_of(tmp_path / "detached") == head_of(tmp_path / "branch") == head
    repository.git("checkout", "--quiet", "--orphan", "unborn")
    assert head_of(repository.root) is None
    assert head_of(tmp_path) is None


def test_unusual_places_of_head_are_left_to_the_library(make_repository):
    repository = make_repository({"a.py": ""})
    (repository.root / ".git" / "reftable").mkdir()
    assert head_of(repository.root) == repository.git("rev-parse", "HEAD")
    (repository.root / ".git" / "config").write_text("[core\nnonsense")
    with pytest.raises(RepositoryError, match="refs migrate"):
        head_of(repository.root)


def test_broken_heads_are_errors(make_repository, tmp_path):
    repository = make_repository({"a.py": ""})
    (repository.root / ".git" / "HEAD").write_text("gibberish\n")
    with pytest.raises(RepositoryError, match="git fsck"):
        head_of(repository.root)
    (repository.root / ".git" / "HEAD").write_text("ref: refs/heads/x\n")
    (repository.root / ".git" / "refs" / "heads" / "x").write_text("ref: refs/heads/x\n")
    with pytest.raises(RepositoryError, match="git fsck"):
        head_of(repository.root)
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / ".git").write_text("gitdir: /nowhere/at/all\n")
    with pytest.raises(RepositoryError, match="worktree repair"):
        head_of(tmp_path / "lost")


def test_bare_is_told_apart(make_repository, tmp_path):
    work = make_repository({"a.py": ""})
    bare = make_repository(name="b.git", committed=False, options=("--bare",))
    assert (is_bare(work.root), is_bare(bare.root), is_bare(tmp_path)) == (False, True, False)
    assert git_dir_of(work.root) == work.root / ".git"
    assert git_dir_of(bare.root) == bare.root
    assert git_dir_of(tmp_path) is None


def test_the_current_digest_is_that_of_the_disk(tmp_path):
    (tmp_path / "a.py").write_bytes(b"x\r\ny\n")
    mixed = digest_of(b"x\r\ny\n")
    assert digest_now(tmp_path, "a.py") == mixed
    assert digest_now(tmp_path, "a.py", "0" * 40) == mixed
    assert digest_now(tmp_path, "a.py", digest_of(b"x\ny\n")) == digest_of(b"x\ny\n")
    assert digest_now(tmp_path, "gone.py", mixed) is None
    assert digest_now(tmp_path, "nul\0.py", mixed) is None
    assert digest_of(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_a_search_imports_no_git_library():
    """What a one-shot search asks of this package costs no import of pygit2."""
    program = (
        "import sys, hikma.sources.roots, hikma.sources.language_names, hikma.sources.opening\n"
        "assert 'pygit2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.timeout(5)
def test_no_hostile_pattern_costs_exponential_time():
    (stars,) = parse(b"*a" * 100 + b"*b")
    assert not stars.regex.fullmatch("a" * 4000)
    assert stars.regex.fullmatch("a" * 100 + "b")
    (deep,) = parse(b"**/a/" * 3 + b"b")
    assert not deep.regex.fullmatch("a/" * 100 + "c")
    assert parse(b"**/a/" * 9 + b"b") == ()
