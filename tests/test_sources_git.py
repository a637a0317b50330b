import os
import stat

import pytest

from hikma.domain import Entry, Skip, SourceFile
from hikma.errors import RepositoryError, UsageError
from hikma.sources.opening import open_source
from hikma.sources.roots import digest_of, head_of


@pytest.fixture
def opened():
    """Open sources and close them at the end."""
    sources = []

    def open_(path, rev=None):
        sources.append(open_source(path, rev))
        return sources[-1]

    yield open_
    for source in sources:
        source.close()


def contents(source):
    """Return {path: content} of a snapshot, each digest checked against what is read."""
    found = {}
    for entry in source.snapshot().entries:
        content = source.read(entry)
        assert entry.digest == digest_of(content)
        assert entry.size == len(content)
        assert source.load(entry) == SourceFile(entry.path, entry.digest, content)
        found[entry.path] = content
    return found


def reasons(source):
    return {skip.path: skip.reason for skip in source.snapshot().skips}


def test_the_work_tree_lies_over_head(make_repository, opened):
    """Modified, staged, deleted, renamed and untracked files are seen as they are on disk."""
    names = ("same", "edited", "staged", "deleted", "removed", "renamed", "replaced")
    repository = make_repository({f"{name}.py": f"{name}\n" for name in names})
    repository.write("edited.py", "edited now\n")
    repository.write("staged.py", "staged now\n")
    repository.git("add", "staged.py")
    repository.write("staged.py", "and edited after\n")
    (repository.root / "deleted.py").unlink()
    repository.git("rm", "--quiet", "removed.py")
    repository.git("mv", "renamed.py", "moved.py")
    repository.git("rm", "--quiet", "--cached", "replaced.py")
    repository.write("sub/untracked.py", "u\n")
    repository.write(".gitignore", "ignored.py\n")
    repository.write("ignored.py", "i\n")
    assert contents(opened(repository.root)) == {
        ".gitignore": b"ignored.py\n",
        "edited.py": b"edited now\n",
        "moved.py": b"renamed\n",
        "replaced.py": b"replaced\n",
        "same.py": b"same\n",
        "staged.py": b"and edited after\n",
        "sub/untracked.py": b"u\n",
    }


def test_entries_are_sorted_and_head_is_named(make_repository, opened):
    repository = make_repository({"b.py": "", "a/z.py": "", "a.py": ""})
    snapshot = opened(repository.root).snapshot()
    assert [entry.path for entry in snapshot.entries] == ["a.py", "a/z.py", "b.py"]
    assert snapshot.head == repository.git("rev-parse", "HEAD") == head_of(repository.root)
    assert snapshot.name == "sample"


def test_a_checkout_with_crlf_has_not_changed(make_repository, opened):
    """The digest that was indexed is confirmed although the bytes on disk differ."""
    repository = make_repository({"a.py": "x = 1\n", ".gitattributes": "*.py text eol=crlf\n"})
    (repository.root / "a.py").unlink()
    repository.git("checkout", "--", "a.py")
    assert (repository.root / "a.py").read_bytes() == b"x = 1\r\n"
    source = opened(repository.root)
    assert contents(source)["a.py"] == b"x = 1\n"
    digest = digest_of(b"x = 1\n")
    assert source.current_digest("a.py", digest) == digest
    repository.write("a.py", "x = 2\r\n")
    assert source.current_digest("a.py", digest) == digest_of(b"x = 2\r\n")


def test_a_bare_repository_is_its_head(make_repository, opened, tmp_path):
    work = make_repository({"a.py": "a\n", "b.py": "b\n", ".hikmaignore": "b.py\n"})
    work.git("clone", "--quiet", "--bare", ".", str(tmp_path / "tree.git"))
    source = opened(tmp_path / "tree.git")
    assert set(contents(source)) == {"a.py", ".hikmaignore"}
    assert reasons(source) == {"b.py": "excluded by .hikmaignore"}
    assert source.name == "tree"
    assert source.current_digest("a.py") == digest_of(b"a\n")
    assert source.current_digest("gone.py") is None


def test_a_git_directory_without_configuration_is_bare(make_repository, opened, tmp_path):
    """The folder around it is not mistaken for its work tree."""
    work = make_repository({"a.py": "a\n"})
    work.git("clone", "--quiet", "--bare", ".", str(tmp_path / "outer" / "repo"))
    (tmp_path / "outer" / "repo" / "config").unlink()
    (tmp_path / "outer" / "stray.py").write_text("s")
    assert set(contents(opened(tmp_path / "outer" / "repo"))) == {"a.py"}


def test_a_revision_ignores_the_work_tree(make_repository, opened):
    repository = make_repository({"a.py": "old\n"})
    repository.git("tag", "v1")
    repository.write("a.py", "new\n")
    repository.commit("Second")
    repository.write("a.py", "uncommitted\n")
    source = opened(repository.root, "v1")
    assert contents(source) == {"a.py": b"old\n"}
    assert source.snapshot().head == source.head == repository.git("rev-parse", "v1")
    assert source.current_digest("a.py") == digest_of(b"old\n")


@pytest.mark.parametrize("rev", ["nowhere", "HEAD:a.py", "", "HEAD~5", "-x"])
def test_an_unknown_revision_is_wrong_usage(make_repository, rev):
    repository = make_repository({"a.py": "a\n"})
    with pytest.raises(UsageError, match="no commit"):
        open_source(repository.root, rev)


def test_a_linked_worktree_has_its_own_head_and_files(make_repository, opened, tmp_path):
    repository = make_repository({"a.py": "main\n"})
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "a.py").write_text("side\n")
    repository.write("b.py", "b\n")
    repository.commit("Second")
    source = opened(tmp_path / "side")
    assert contents(source) == {"a.py": b"side\n"}
    assert source.root == tmp_path / "side"
    assert source.head == head_of(tmp_path / "side") == repository.git("rev-parse", "side")


def test_submodules_and_nested_repositories_are_not_entered(make_repository, opened):
    inner = make_repository({"i.py": "i\n"}, name="inner")
    outer = make_repository({"o.py": "o\n"}, name="outer")
    outer.git("submodule", "--quiet", "add", str(inner.root), "lib")
    outer.commit("Add lib")
    nested = make_repository({"n.py": "n\n"}, name="outer/nested")
    source = opened(outer.root)
    assert set(contents(source)) == {"o.py", ".gitmodules"}
    assert all("submodule or nested" in reason for reason in reasons(source).values())
    assert set(reasons(source)) == {"lib", "nested/"}
    outer.write("lib/i.py", "changed\n")
    assert set(reasons(source)) == {"lib", "nested/"}
    assert set(contents(opened(outer.root / "lib"))) == {"i.py"}
    assert set(contents(opened(nested.root))) == {"n.py"}


def test_symlinks_are_never_followed(make_repository, opened, tmp_path):
    (tmp_path / "secret").write_text("s\n")
    repository = make_repository({"a.py": "a\n", "was/file.py": "w\n"}, committed=False)
    (repository.root / "loop").symlink_to(".")
    (repository.root / "out").symlink_to(tmp_path / "secret")
    repository.commit()
    (repository.root / "untracked").symlink_to(tmp_path)
    (repository.root / "was" / "file.py").unlink()
    (repository.root / "was").rmdir()
    (repository.root / "was").symlink_to(tmp_path)
    source = opened(repository.root)
    assert set(contents(source)) == {"a.py"}
    assert set(reasons(source)) == {"loop", "out", "untracked", "was"}
    assert set(reasons(source).values()) == {"symbolic link: not followed"}


def test_a_file_that_became_a_symlink_is_not_read(make_repository, tmp_path, opened):
    repository = make_repository({"a.py": "a\n"})
    repository.write("a.py", "edited\n")
    source = opened(repository.root)
    (entry,) = source.snapshot().entries
    (tmp_path / "secret").write_text("s\n")
    (repository.root / "a.py").unlink()
    (repository.root / "a.py").symlink_to(tmp_path / "secret")
    assert isinstance(source.load(entry), Skip)
    assert source.current_digest("a.py") is None


def test_odd_paths(make_repository, opened):
    repository = make_repository({'new\nline "quoted".py': "n\n", "ünï/çödé.py": "u\n"})
    for raw in (b"bad\xff.py", b"untracked\xfe.py"):
        with open(os.fsencode(repository.root) + b"/" + raw, "wb") as file:  # noqa: PTH123 -- pathlib takes no bytes
            file.write(b"b\n")
        if raw.startswith(b"bad"):
            repository.commit()
    source = opened(repository.root)
    assert set(contents(source)) == {'new\nline "quoted".py', "ünï/çödé.py"}
    assert reasons(source) == dict.fromkeys(
        ("bad\\xff.py", "untracked\\xfe.py"), "path is not UTF-8"
    )


def test_an_unborn_branch_is_its_work_tree(make_repository, opened):
    repository = make_repository({"a.py": "a\n", "b.py": "b\n"}, committed=False)
    repository.git("add", "b.py")
    source = opened(repository.root)
    assert contents(source) == {"a.py": b"a\n", "b.py": b"b\n"}
    assert source.snapshot().head is None
    assert head_of(repository.root) is None


@pytest.mark.parametrize("options", [(), ("--bare",)])
def test_an_empty_repository_is_empty(make_repository, opened, options):
    repository = make_repository(committed=False, options=options)
    assert opened(repository.root).snapshot().entries == ()
    assert opened(repository.root).current_digest("a.py") is None


def test_a_missing_blob_is_reported_and_the_others_come_through(make_repository, opened):
    repository = make_repository({"a.py": "a\n", "b.py": "b\n", "c/d.py": "d\n"}, name="whole")
    repository.git("clone", "--quiet", "--bare", ".", "../broken.git")
    broken = repository.root.parent / "broken.git"
    blob = repository.git("rev-parse", "HEAD:b.py")
    tree = repository.git("rev-parse", "HEAD:c")
    for name in (blob, tree):
        place = broken / "objects" / name[:2] / name[2:]
        place.chmod(stat.S_IWUSR)
        place.unlink()
    source = opened(broken)
    assert set(contents(source)) == {"a.py"}
    assert set(reasons(source)) == {"b.py", "c/"}
    assert all(reason.startswith("object missing") for reason in reasons(source).values())
    gone = Entry("b.py", blob, 2)
    assert isinstance(source.load(gone), Skip)
    with pytest.raises(RepositoryError, match="git fsck"):
        source.read(gone)


def test_a_missing_commit_is_an_error(make_repository, opened):
    repository = make_repository({"a.py": "a\n"})
    head = repository.git("rev-parse", "HEAD")
    (repository.root / ".git" / "objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(RepositoryError, match="HEAD's commit"):
        opened(repository.root).snapshot()


def test_sha256_repositories_are_refused_clearly(make_repository):
    repository = make_repository({"a.py": "a\n"}, options=("--object-format=sha256",))
    with pytest.raises(RepositoryError, match=r"SHA-256.*convert"):
        open_source(repository.root)
    assert len(head_of(repository.root)) == 64


def test_unknown_git_formats_are_refused_clearly(make_repository):
    repository = make_repository({"a.py": "a\n"})
    repository.git("config", "core.repositoryformatversion", "1")
    repository.git("config", "extensions.refstorage", "reftable")
    with pytest.raises(RepositoryError, match="format"):
        open_source(repository.root)


def test_a_broken_configuration_is_a_clear_error(make_repository):
    repository = make_repository({"a.py": "a\n"})
    (repository.root / ".git" / "config").write_text("[core\nnonsense")
    with pytest.raises(RepositoryError, match="cannot be opened"):
        open_source(repository.root)


def test_ignore_files_of_ours_hold_for_tracked_files_and_nest(make_repository, opened):
    repository = make_repository(
        {
            ".hikmaignore": "*.gen.py\n/data/\n# comment\n!keep.gen.py\n",
            "a.gen.py": "", "keep.gen.py": "", "data/x.py": "", "sub/data/x.py": "",
            "data/deep/y.py": "", "data/deep/.hikmaignore": "!y.py\n",
            "sub/.hikmaignore": "local.py\n!b.gen.py\n", "sub/local.py": "", "sub/b.gen.py": "", "local.py": "",
        }
    )  # fmt: skip
    source = opened(repository.root)
    kept = {".hikmaignore", "keep.gen.py", "sub/data/x.py", "sub/.hikmaignore", "sub/b.gen.py"}
    assert set(contents(source)) == kept | {"local.py"}
    assert reasons(source) == {
        "a.gen.py": "excluded by .hikmaignore",
        "data/x.py": "excluded by .hikmaignore",
        "data/deep/y.py": "excluded by .hikmaignore",
        "data/deep/.hikmaignore": "excluded by .hikmaignore",
        "sub/local.py": "excluded by sub/.hikmaignore",
    }


def test_our_own_folder_is_never_indexed(make_repository, opened):
    """Neither as an untracked folder nor when somebody committed it."""
    repository = make_repository({"a.py": "a\n", ".hikma/config.toml": "committed\n"})
    repository.write(".hikma/index.db", "untracked\n")
    repository.write("sub/.hikma/x.py", "untracked\n")
    source = opened(repository.root)
    assert set(contents(source)) == {"a.py"}
    assert reasons(source) == {}


def test_large_and_generated_files_are_not_read(make_repository, opened):
    repository = make_repository({"big.py": b"x" * 3_000_000, "yarn.lock": "l\n", "a.py": "a\n"})
    repository.write("big2.py", b"x" * 3_000_000)
    source = opened(repository.root)
    assert set(contents(source)) == {"a.py"}
    assert set(reasons(source)) == {"big.py", "big2.py", "yarn.lock"}


def test_nothing_that_a_configuration_names_is_run(make_repository, opened, tmp_path):
    """A hostile repository's filter, fsmonitor, pager, hooks and external diff stay unused."""
    repository = make_repository({"a.py": "a\n", ".gitattributes": "*.py filter=evil diff=evil\n"})
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    keys = (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.gitProxy", "filter.evil.clean", "filter.evil.smudge",
        "filter.evil.process", "diff.evil.command", "diff.evil.textconv", "diff.external", "credential.helper",
    )  # fmt: skip
    for key in keys:
        repository.git("config", key, str(trap))
    repository.write("a.py", "changed\n")
    source = opened(repository.root)
    assert contents(source)["a.py"] == b"changed\n"
    source.current_digest("a.py")
    assert not (tmp_path / "sprung").exists()
    repository.git("status")
    assert (tmp_path / "sprung").exists(), "the trap itself does not work"


def test_a_configured_work_tree_elsewhere_is_not_read(make_repository, opened, tmp_path):
    """core.worktree of a hostile repository cannot point us at another folder."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secret.py").write_text("s\n")
    repository = make_repository({"a.py": "a\n"})
    repository.git("config", "core.worktree", str(tmp_path / "home"))
    repository.write("untracked.py", "u\n")
    assert set(contents(opened(repository.root))) == {"a.py", "untracked.py"}
    assert "home" in (repository.root / ".git" / "config").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_repository_of_another_user_is_read(make_repository, opened):
    repository = make_repository({"a.py": "a\n"})
    for place in (repository.root, repository.root / ".git"):
        os.chown(place, 12345, 12345)
    assert set(contents(opened(repository.root))) == {"a.py"}


def test_a_file_that_changes_after_the_snapshot_is_named_by_what_was_read(make_repository, opened):
    repository = make_repository({"a.py": "a\n"})
    repository.write("a.py", "first\n")
    source = opened(repository.root)
    (entry,) = source.snapshot().entries
    repository.write("a.py", "second\n")
    assert source.load(entry) == SourceFile("a.py", digest_of(b"second\n"), b"second\n")
    (repository.root / "a.py").unlink()
    assert isinstance(source.load(entry), Skip)
    with pytest.raises(RepositoryError, match="index again"):
        source.read(entry)
