"""`hikma eval` as people and CI run it: figures on standard output, the gate in the exit code."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from conftest import Repository
from test_interfaces import environment, hikma, refused

CODE = '''\
def {name}(rows):
    """{said} of all rows that were given."""
    return {name}_of(rows)
'''
MEASURED = {"measure", "mean", "low", "high"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six commits, each of which says what it does to one of three files."""
    repository = Repository(tmp_path_factory.mktemp("evaluating") / "sums")
    repository.root.mkdir()
    repository.git("init", "--quiet")
    names = {"total": "The sum", "median": "The middle", "widest": "The largest distance"}
    for name, said in names.items():
        repository.write(f"{name}.py", CODE.format(name=name, said=said))
    repository.commit("First")
    for times in (2, 3):
        for name, said in names.items():
            code = CODE.format(name=name, said=said)
            tried = code.replace("    return", f"    # {times}\n" * times + "    return")
            repository.write(f"{name}.py", tried)
            repository.commit(f"Let {name} be computed in another way, try {times}")
    return repository.root


@pytest.fixture
def given(root, tmp_path):
    """Return two files with topics and their answers, and the options that name them."""
    (tmp_path / "topics").write_text("1\tcompute the median\n2\twidest\n")
    (tmp_path / "qrels").write_text("1 0 median.py 1\n2 0 widest.py 1\n2 0 gone.py 1\n")
    place = {"HIKMA_DATABASE": str(tmp_path / "index.db")}
    options = ("--topics", str(tmp_path / "topics"), "--qrels", str(tmp_path / "qrels"))

    def run(*more):
        return hikma(root, "eval", *options, *more, **place)

    return run


def test_commits_are_judged_as_one_json_object(root, tmp_path):
    place = {"HIKMA_DATABASE": str(tmp_path / "index.db")}
    done = hikma(
        root, "eval", "--back", "5", "--seed", "3", "--topics-limit", "4", "--json", **place
    )
    found = done.result
    assert (found["source"], found["topics"], found["drawn_from"]) == ("commits", 4, 5)
    assert (found["mode"], found["model"], found["limit"], found["seed"]) == (
        "hybrid",
        "static",
        100,
        3,
    )
    assert len(found["revision"]) == 40
    assert found["database"] == str(tmp_path / f"revision-{found['revision']}.db")
    assert [part["unit"] for part in found["judged"]] == ["files", "symbols"]
    for part in found["judged"]:
        assert [one["measure"] for one in part["figures"]] == ["nDCG@10", "RR@10", "R@100"]
        for one in part["figures"]:
            assert set(one) == MEASURED
            assert 0 <= one["low"] <= one["mean"] <= one["high"] <= 1
        means = [one["nDCG@10"] for one in part["by_topic"].values()]
        assert sum(means) / len(means) == pytest.approx(part["figures"][0]["mean"])
    assert found["judged"][0]["figures"][1]["mean"] > 0.5  # each message names its file
    again = hikma(
        root, "eval", "--back", "5", "--seed", "3", "--topics-limit", "4", "--json", **place
    )
    assert again.result == found
    assert not (root / ".hikma").exists()


def test_a_table_says_what_was_judged_and_what_left_out(root, tmp_path):
    done = hikma(root, "eval", "--back", "2", HIKMA_DATABASE=str(tmp_path / "index.db"))
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("commits at ")
    assert lines[1].split() == ["topics", "nDCG@10", "RR@10", "R@100"]
    assert lines[2].split()[:2] == ["files", "2"]
    assert "bootstrap" in done.out


def test_documentation_is_judged_and_nothing_is_left_behind(root, tmp_path):
    place = {"HIKMA_DATABASE": str(tmp_path / "index.db"), "TMPDIR": str(tmp_path)}
    found = hikma(root, "eval", "--source", "docstrings", "--measures", "RR@10", "--json", **place)
    assert [one["unit"] for one in found.result["judged"]] == ["files", "symbols"]
    assert list(tmp_path.iterdir()) == []
    assert not (root / ".hikma").exists()


def test_a_gate_that_is_met_passes_and_one_that_is_not_says_by_how_much(given):
    passed = given("--min", "rr@10=0.9", "--min", "R@100=1")
    assert (passed.code, passed.err) == (0, "no index yet; indexing " + passed.err[23:])
    failed = given("--min", "rr@10=0.9", "--min", "P@10=0.35")
    assert failed.code == 1
    assert failed.out.startswith("given: 2 topics")
    assert failed.err == "below the gate: files P@10 is 0.100, 0.250 short of 0.35\n"
    assert "1 targets that are not in the index" in failed.out
    as_json = given("--min", "P@10=0.35", "--json")
    assert as_json.code == 1
    (short,) = json.loads(as_json.out)["shortfalls"]
    assert short == {"unit": "files", "measure": "P@10", "mean": 0.1, "least": 0.35}


def test_a_picture_is_written_where_it_is_asked_for(given, tmp_path):
    assert given("--plot", str(tmp_path / "plot.svg")).code == 0
    drawn = ET.parse(tmp_path / "plot.svg").getroot()  # noqa: S314 -- our own file
    assert drawn.tag.endswith("svg")
    assert refused(given("--plot", str(tmp_path / "plot.png")), 2, ".svg or .html")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--measures", "nDGC@10"], ["'nDGC@10' is unknown"]),
        (["--measures", ","], ["measure"]),
        (["--min", "ndcg@10"], ["0 to 1"]),
        (["--min", "ndcg@10=50"], ["0 to 1"]),
        (["--limit", "10"], ["R@100", "--limit"]),
        (["--limit", "0"], ["limit"]),
        (["--topics", "a"], ["--qrels"]),
        (["--topics", "a", "--qrels", "b", "--source", "commits"], ["leave out --topics"]),
        (["--topics", "a", "--qrels", "b"], ["a cannot be read"]),
        (["--back", "300"], ["only 6 commits"]),
        (["--kind", "door"], ["door"]),
        (["--topics-limit", "0"], ["--topics-limit"]),
        (["--plot", "a.png", "--back", "1"], [".svg or .html"]),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_what_cannot_be_done_is_refused_by_name(root, tmp_path, options, words):
    done = hikma(root, "eval", *options, HIKMA_DATABASE=str(tmp_path / "index.db"))
    assert refused(done, 2, *words)
    assert list(tmp_path.glob("revision-*")) == []


def test_a_cold_search_imports_nothing_of_it():
    script = (
        "import sys\nimport hikma.interfaces.cli\nfrom hikma import search\n"
        "print([one for one in sys.modules if 'evaluation' in one or one == 'ir_measures'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
