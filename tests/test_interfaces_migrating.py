"""A migration to LanceDB and back by the commands alone, as a user would."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from conftest import CORPUS

pytest.importorskip("lancedb") if "CI" not in os.environ else None
AT_ONCE = ("--samples", "100", "--hold", "0", "--slowdown", "1000")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    root = tmp_path_factory.mktemp("migrating") / "tidepool"
    shutil.copytree(CORPUS, root)
    assert hikma(root, "index").returncode == 0
    return root


@pytest.fixture
def root(indexed, tmp_path):
    return shutil.copytree(indexed, tmp_path / "tidepool")


def hikma(root, *arguments, **more):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HIKMA_")}
    return subprocess.run(
        [sys.executable, "-m", "hikma", *arguments],
        cwd=root,
        env={**kept, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def told(root, *arguments):
    done = hikma(root, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def hits(root):
    found = told(root, "search", "where are vectors validated", "--limit", "5")
    return [(hit["id"], hit["score"]) for hit in found["hits"]]


def backend(root):
    return told(root, "status")["space"]["backend"]


def test_there_and_back_with_the_same_answers(root):
    before = hits(root)
    begun = told(root, "migrate", "start", "--to", "lancedb", *AT_ONCE)
    assert (begun["state"], begun["target"]["backend"]) == ("backfill", "lancedb")
    assert told(root, "migrate", "advance")["state"] == "verify"
    (root / "store" / "fresh.py").write_text("def brought_meanwhile():\n    return 1\n")
    assert told(root, "index")["owed"] == 0
    soaked = told(root, "migrate", "advance", "--auto")
    assert soaked["state"] == "soak"
    assert all(gate["holds"] for gate in soaked["gates"])
    assert "only your consent is left" in hikma(root, "migrate", "status").stdout
    assert backend(root) == "lancedb"
    assert [one for one, _ in hits(root)] == [one for one, _ in before]
    ended = told(root, "migrate", "finalize", "--yes")
    assert [event["target_state"] for event in ended["events"]][-3:] == [
        "cutover",
        "soak",
        "finalized",
    ]
    assert told(root, "doctor")["findings"] == []
    told(root, "migrate", "start", "--to", "sqlite-vec", *AT_ONCE, "--auto")
    told(root, "migrate", "finalize", "--yes")
    assert backend(root) == "sqlite-vec"
    assert told(root, "doctor")["findings"] == []
    names = [hit["name"] for hit in told(root, "search", "brought_meanwhile")["hits"]]
    assert "brought_meanwhile" in names


def test_a_rollback_is_seen_by_the_next_command(root):
    told(root, "migrate", "start", "--to", "lancedb", *AT_ONCE, "--auto")
    assert backend(root) == "lancedb"
    (root / "store" / "fresh.py").write_text("def written_after_cutover():\n    return 1\n")
    told(root, "index")
    assert told(root, "migrate", "rollback", "--reason", "drill")["state"] == "rolled_back"
    assert backend(root) == "sqlite-vec"
    assert told(root, "doctor")["findings"] == []
    names = [hit["name"] for hit in told(root, "search", "written_after_cutover")["hits"]]
    assert "written_after_cutover" in names


def test_fall_backs_of_any_process_roll_a_trial_back(root):
    told(root, "migrate", "start", "--to", "lancedb", *AT_ONCE)
    for _ in range(3):
        told(root, "migrate", "advance")
    assert told(root, "migrate", "advance", "--percent", "99.99")["state"] == "canary"
    before = hits(root)
    (root / ".hikma" / "vectors.lance").rename(root / "away")
    assert [one for one, _ in hits(root)] == [one for one, _ in before]
    gates = {one["name"]: one for one in told(root, "migrate", "status")["gates"]}
    assert gates["errors on trial"]["value"].startswith("1 of 2 (50.00%), last: ")
    assert not gates["errors on trial"]["holds"]
    ended = told(root, "migrate", "advance", "--auto")
    assert ended["state"] == "rolled_back"
    assert "errors on trial" in ended["events"][-1]["reason"]


def test_an_index_in_lancedb_from_empty(tmp_path):
    root = shutil.copytree(CORPUS, tmp_path / "tidepool")
    done = hikma(root, "index", HIKMA_VECTOR_BACKEND="lancedb")
    assert done.returncode == 0, done.stderr
    assert backend(root) == "lancedb"
    assert (root / ".hikma" / "vectors.lance").is_dir()
    assert hits(root)[0][0] == "symbol:store/vectors.py#VectorStore.validate"
    assert told(root, "doctor")["findings"] == []
    assert told(root, "vectors", "rebuild")["rebuilt"] > 50


@pytest.fixture
def topics(root, tmp_path):
    """Return the options that give topics of what the corpus documents."""
    shown = told(root, "search", "store vectors serve documents", "--limit", "30")["hits"]
    named = {hit["id"]: hit["name"] for hit in shown if hit["id"].startswith("symbol:")}
    asked, qrels = tmp_path / "topics", tmp_path / "qrels"
    lines = list(enumerate(named.items()))
    asked.write_text("".join(f"{n}\t{name}\n" for n, (_, name) in lines))
    qrels.write_text("".join(f"{n} 0 {key} 1\n" for n, (key, _) in lines))
    return ("--topics", str(asked), "--qrels", str(qrels))


def test_to_another_model_that_topics_judge(root, topics):
    before = told(root, "migrate", "start", "--model", "minilm", *AT_ONCE)
    assert (before["state"], before["embedded"]) == ("backfill", 0)
    assert before["target"]["backend"] == "sqlite-vec"
    for state in ("verify", "shadow"):
        assert told(root, "migrate", "advance")["state"] == state
    done = hikma(root, "migrate", "advance")
    assert (done.returncode, "give --topics and --qrels" in done.stderr) == (2, True)
    ended = told(root, "migrate", "advance", "--auto", *topics)
    assert ended["state"] == "soak", ended
    assert ended["quality"]["topics"] >= 10
    assert ended["quality"]["target"] >= 0.95 * ended["quality"]["source"] > 0
    lines = hikma(root, "migrate", "status").stdout
    assert "nDCG@10: source " in lines
    told(root, "migrate", "finalize", "--yes")
    assert told(root, "status")["space"]["model"] == "minilm"
    assert hits(root)[0][0] == "symbol:store/vectors.py#VectorStore.validate"
    (root / "store" / "fresh.py").write_text("def brought_later():\n    return 1\n")
    assert told(root, "index")["owed"] == 0
    assert told(root, "doctor")["findings"] == []
    page = root / "report.html"
    hikma(root, "migrate", "report", "--out", str(page))
    assert "quality, nDCG@10 by" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("migrate", "advance"), 2, "No migration is running"),
        (("migrate", "status"), 2, "No migration was ever begun"),
        (("migrate", "rollback"), 2, "No migration is running"),
        (("migrate", "start", "--to", "sqlite-vec"), 2, "in sqlite-vec already"),
        (("migrate", "start", "--to", "sqlite-vec", "--index-type", "ivf"), 2, "no approximate"),
        (("migrate", "start", "--to", "chroma"), 2, "'chroma' is not one of"),
        (("migrate", "start"), 2, "--to, --model or both"),
        (("migrate", "start", "--model", "static"), 2, "by the model 'static'"),
        (("migrate", "start", "--model", "unheard"), 2, "unknown embedding model 'unheard'"),
        (("migrate", "start", "--model", "openai:x"), 2, "HIKMA_EMBEDDING_URL"),
        (("migrate", "verify", "--topics", "a"), 2, "belong together"),
        (("migrate", "start", "--to", "sqlite-vec", "--location", "there"), 2, "the file itself"),
        (("migrate", "start", "--to", "lancedb", "--min-overlap", "0.6"), 2, "0.6 is no proof"),
        (("migrate", "finalize"), 2, "say --yes"),
        (("migrate", "finalize", "--yes"), 2, "No migration is running"),
    ],
)
def test_what_cannot_be_is_said(root, arguments, code, words):
    done = hikma(root, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_a_place_without_rights_begins_nothing(root, tmp_path):
    (tmp_path / "there").write_text("a file, and no folder")
    place = str(tmp_path / "there" / "vectors")
    done = hikma(root, "migrate", "start", "--to", "lancedb", "--location", place)
    assert done.returncode == 1, done.stdout
    assert place in done.stderr
    assert told(root, "migrate", "status")["state"] == "rolled_back"
    assert backend(root) == "sqlite-vec"


def test_a_variable_that_contradicts_the_file_is_an_error(root):
    told(root, "migrate", "start", "--to", "lancedb", *AT_ONCE, "--auto")
    done = hikma(root, "search", "vector", HIKMA_VECTOR_BACKEND="sqlite-vec")
    assert done.returncode == 2
    assert "hikma migrate" in done.stderr
