"""`hikma bench` as people and CI run it: tables, one JSON object, a page, and an exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import Repository, commit_corpus
from test_interfaces import HIKMA, environment, hikma, refused

FEW = ("--sizes", "50,100", "--queries", "5", "--backends", "sqlite-vec-disk,numpy")
PARTS = {
    *("format", "version", "hikma", "made_at", "took_s", "machine", "plan", "material", "sizes"),
    *("backends", "figures", "footprints", "laws", "wins", "crossings", "recommendation", "notes"),
    "comparison",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = commit_corpus(Repository(tmp_path_factory.mktemp("bench") / "tidepool"))
    assert hikma(made.root, "index").code == 0
    return made.root


def test_all_operations_end_in_one_json_object_a_page_and_a_table(root, tmp_path):
    place, page, own = tmp_path / "found.json", tmp_path / "page.html", tmp_path / "own"
    own.mkdir()
    options = ("--json", str(place), "--html", str(page))
    done = hikma(root, "bench", *FEW, *options, TMPDIR=str(own))
    assert (done.code, done.err) == (0, "")
    assert list(own.iterdir()) == []
    found = json.loads(place.read_text())
    assert set(found) == PARTS
    assert (found["format"], found["version"]) == ("hikma-bench", 1)
    operations = {one["operation"] for one in found["figures"]}
    assert {"search", "filtered-1", "cold", "threads-8", "insert-batch", "hybrid"} <= operations
    assert any(one.startswith("processes-") for one in operations)
    for one in found["footprints"]:
        assert one["peak_bytes"] >= one["steady_bytes"] >= 0
        assert one["disk_bytes"] > 0
    assert page.read_text().startswith("<!doctype html>")
    heads = [line for line in done.out.splitlines() if line and line[0].isupper()]
    assert heads[:3] == ["Search", "Filtered search", "Searches a second, at once"]


def test_a_former_report_that_was_faster_makes_the_command_fail(root, tmp_path):
    place = tmp_path / "old.json"
    few = (*FEW, "--operations", "search")
    found = hikma(root, "bench", *few, "--json").result
    for one in found["figures"]:
        if one["backend"] == "sqlite-vec-disk":
            one.update({name: one[name] / 100 for name in ("p50_ms", "low_ms", "high_ms")})
    place.write_text(json.dumps(found))
    done = hikma(root, "bench", *few, "--compare", str(place))
    assert done.code == 1
    assert done.err.startswith("worse: sqlite-vec-disk search at 50: p50_ms was ")
    assert "WORSE" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sizes", "0"), ("--sizes 0",)),
        (("--backends", "oracle"), ("oracle", "sqlite-vec-disk")),
        (("--compare", "absent.json"), ("absent.json",)),
        (("--html", "no/such/page.html"), ("--html", "there is no folder")),
        (("--json", "no/such/found.json"), ("--json", "there is no folder")),
        (("--limit", "1000"), ("--limit 1000",)),
    ],
)
def test_what_cannot_be_is_refused_before_the_run(root, options, words):
    assert refused(hikma(root, "bench", *options), 2, *words)


def test_without_an_index_it_says_how_to_make_one(tmp_path):
    made = commit_corpus(Repository(tmp_path / "tidepool"))
    assert refused(hikma(made.root, "bench", *FEW), 3, "hikma index")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_run_leaves_no_temporary_folder(root, tmp_path, number):
    command = [*HIKMA, "bench", "--sizes", "3000", "--backends", "numpy,sqlite-vec-disk"]
    with subprocess.Popen(
        command, cwd=root, env=environment(TMPDIR=str(tmp_path)), stderr=subprocess.PIPE
    ) as running:
        while not list(tmp_path.glob("hikma-bench.*/3000")) and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(number)
        running.communicate()
    assert running.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_repository_is_imported_by_a_process_of_the_run(root, tmp_path):
    """A file of the repository that is called as a module would be found in the present folder."""
    marker = tmp_path / "imported"
    (root / "json.py").write_text(f"open({str(marker)!r}, 'w')")
    try:
        command = [os.path.join(os.path.dirname(sys.executable), "hikma"), "bench", *FEW]  # noqa: PTH118, PTH120
        done = subprocess.run(
            [*command, "--operations", "cold"],
            cwd=root,
            env=environment(),
            check=False,
            capture_output=True,
        )
    finally:
        (root / "json.py").unlink()
    assert done.returncode == 0, done.stderr
    assert not marker.exists()
