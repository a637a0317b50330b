"""The command line, run as people and programs run it: a process with two streams and a code."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import CORPUS, Repository
from hikma.packing import tokens

HIKMA = (sys.executable, "-m", "hikma")
SYMBOL = "symbol:store/vectors.py#VectorStore.validate"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
HIT = {
    *("rank", "id", "kind", "name", "path", "start_line", "end_line", "language", "score"),
    *("similarity", "snippet", "sources", "fresh", "properties"),
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def result(self):
        """The one JSON object on standard output; anything beside it is an error here."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def environment(**more):
    """Return what a command sees: none of the machine's HIKMA_* variables."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HIKMA_")}
    return {**kept, "PYTHONWARNINGS": "error", **more}


def hikma(root, *arguments, **more):
    done = subprocess.run(
        [*HIKMA, *arguments],
        cwd=root,
        env=environment(**more),
        capture_output=True,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def refused(done, code, *words):
    """Assert a clear failure: nothing on standard output, one line that says what and why."""
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    return True


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a repository indexed by the command; tests here never change it."""
    repository = Repository(tmp_path_factory.mktemp("interfaces") / "tidepool")
    shutil.copytree(CORPUS, repository.root, ignore=shutil.ignore_patterns("__pycache__", ".hikma"))
    repository.git("init", "--quiet")
    repository.commit("First")
    assert hikma(repository.root, "index").code == 0
    return repository.root


@pytest.fixture
def copy(root, tmp_path):
    """Return an indexed repository that a test may change."""
    return Path(shutil.copytree(root, tmp_path / "tidepool", symlinks=True))


# What each command prints


def test_index_reports_what_it_did_as_text_and_as_json(make_repository):
    root = make_repository({"a.py": "def f():\n    return 1\n", "b.bin": b"\0\1\2"}).root
    first = hikma(root, "index")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("added 1, modified 0, removed 0 files in ")
    assert f"{root}/.hikma/index.db: 1 commit, 1 file, 1 repository, 1 symbol; " in first.out
    assert "skipped 1: 1 binary" in first.out
    assert "history: 1 commits added, 0 removed in " in first.out
    again = hikma(root, "index", "--json").result
    assert (again["added"], again["embedded"], again["dry_run"]) == (0, 0, False)
    assert [skip["path"] for skip in again["skips"]] == ["b.bin"]
    assert again["database"] == f"{root}/.hikma/index.db"


def test_index_takes_the_repository_as_an_argument(make_repository, tmp_path):
    root = make_repository({"a.py": "x = 1\n"}).root
    assert hikma(tmp_path, "index", "sample", "--json").result["added"] == 1
    assert (root / ".hikma" / "index.db").is_file()


def test_a_dry_run_writes_nothing_not_even_a_folder(make_repository):
    root = make_repository({"a.py": "x = 1\n"}).root
    before = sorted(root.rglob("*"))
    done = hikma(root, "index", "--dry-run")
    assert done.out.startswith("would be added 1, modified 0, removed 0 files")
    assert hikma(root, "index", "--dry-run", "--json").result["dry_run"] is True
    assert sorted(root.rglob("*")) == before


def test_search_prints_exactly_the_promised_object(root):
    """The shape that tools are built on; a field more or less would be another contract."""
    result = hikma(root, "search", "validate a vector", "--json").result
    assert result.keys() == {"query", "mode", "took_ms", "index", "hits", "degraded"}
    assert result["index"].keys() == {"head", "indexed_at", "stale"}
    assert (result["query"], result["mode"], result["degraded"]) == (
        "validate a vector",
        "hybrid",
        [],
    )
    assert result["index"]["stale"] is False
    assert 1 < len(result["hits"]) <= 10
    for rank, hit in enumerate(result["hits"], 1):
        assert hit.keys() == HIT
        assert hit["rank"] == rank
        assert set(hit["sources"]) <= {"lexical", "dense", "history"}
        assert isinstance(hit["properties"], dict)
        assert not hit["path"].startswith("/")
    best = result["hits"][0]
    assert (best["id"], best["kind"], best["language"], best["fresh"]) == (
        SYMBOL,
        "symbol",
        "python",
        True,
    )


COLD = """
import sys
from hikma.interfaces.cli import main
sys.argv = ["hikma", "search", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("numpy.ma" in sys.modules)
"""


@pytest.mark.parametrize(
    "options",
    [
        ("--language", "python"),
        ("--path", "store", "--extension", "py", "--since", "2000-01-01"),
        ("--author", "ada", "--language", "python"),
        ("--kind", "commit", "--path", "store"),
        ("--path", "store", "--regex"),
        (),
    ],
    ids=" ".join,
)
def test_a_cold_search_does_not_import_masked_arrays(root, options):
    """They take 40 ms, and several functions of NumPy import them."""
    done = subprocess.run(
        [sys.executable, "-c", COLD, "vector", *options],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_search_explains_in_json_and_in_text(root):
    hits = hikma(root, "search", "validate", "--json", "--explain").result["hits"]
    assert all(hit.keys() == HIT | {"explanation"} for hit in hits)
    assert hits[0]["explanation"][0].keys() == {"rule", "share", "rank"}
    text = hikma(root, "search", "validate", "--explain", "--limit", "1").out
    assert re.search(r"^ +\+\d\.\d{3}  lexical \(rank \d+\)$", text, re.MULTILINE)


@pytest.mark.parametrize("budget", [500, 1_000, 4_000])
@pytest.mark.parametrize("options", [(), ("--json",), ("--explain",), ("--json", "--explain")])
def test_what_a_search_with_a_budget_prints_keeps_to_it(root, budget, options):
    done = hikma(root, "search", "validate a vector", "--budget", str(budget), *options)
    assert (done.code, done.err) == (0, "")
    assert 0 < tokens(done.out) <= budget
    assert "def validate(self, vector):" in done.out


def test_search_with_a_budget_prints_the_promised_object_and_what_it_costs(root):
    result = hikma(root, "search", "validate a vector", "--json", "--budget", "1500").result
    promised = {"query", "mode", "took_ms", "index", "hits", "degraded"}
    assert result.keys() == promised | {"tokens", "budget"}
    assert all(hit.keys() == HIT | {"tokens"} for hit in result["hits"])
    assert [hit["rank"] for hit in result["hits"]] == [*range(1, len(result["hits"]) + 1)]
    assert sum(hit["tokens"] for hit in result["hits"]) < result["tokens"] <= result["budget"]
    assert result["budget"] == 1_500
    best = result["hits"][0]
    assert (best["id"], best["properties"]) == (SYMBOL, {"symbol_kind": "method"})
    assert best["snippet"].startswith("    def validate(self, vector):\n")


def test_search_with_a_budget_prints_places_and_lines(root):
    lines = hikma(root, "search", "validate a vector", "--budget", "200").out.split("\n")
    assert lines[:2] == [
        "store/vectors.py:17-27 VectorStore.validate",
        "    def validate(self, vector):",
    ]


def test_search_prints_hits_that_show_takes(root):
    done = hikma(root, "search", "validate a vector", "--limit", "1")
    assert (done.code, done.err) == (0, "")
    first, identity, *rest = done.out.splitlines()
    assert re.fullmatch(
        r"1\. store/vectors\.py:17-27  method VectorStore\.validate  \(score .*\)", first
    )
    assert any("def validate(self, vector):" in line for line in rest)
    shown = hikma(root, "show", identity.strip())
    assert shown.out.startswith(f"{SYMBOL}  (method, store/vectors.py:17)")
    assert "Refuse a vector of the wrong length" in shown.out
    assert "defines <- symbol:store/vectors.py#VectorStore\n" in shown.out


def test_search_narrows_by_every_filter(root):
    found = hikma(
        root, "search", "cache", "--json", "--limit", "50", "--mode", "lexical",
        "--kind", "symbol", "--language", "Go", "--extension", ".go", "--path", "server/*",
    ).result  # fmt: skip
    assert found["hits"]
    assert {hit["path"] for hit in found["hits"]} == {"server/cache.go"}
    assert {hit["kind"] for hit in found["hits"]} == {"symbol"}


def test_search_says_when_nothing_is_found(root):
    done = hikma(root, "search", "validate", "--path", "nowhere")
    assert (done.code, done.out, done.err) == (0, "nothing found\n", "")


def test_show_as_json_has_node_text_and_relations(root):
    shown = hikma(root, "show", SYMBOL, "--json").result
    assert shown.keys() == {"node", "text", "fresh", "relations"}
    assert shown["node"]["id"] == SYMBOL
    assert {"kind", "direction", "id", "name", "confidence"} == shown["relations"][0].keys()


def test_status_tells_what_is_indexed_and_what_changed(copy):
    (copy / "README.md").write_text("# Changed\n")
    status = hikma(copy, "status", "--json").result
    assert status["changed"] == 1
    assert status["space"]["model"] == "static"
    assert status["kinds"]["test"] >= 3
    text = hikma(copy, "status").out
    assert "index: of HEAD, head " in text
    assert "changed since: 1 files" in text
    assert "vectors: sqlite-vec, model static, 384 dimensions, cosine" in text


def test_vectors_stats_counts_by_kind(root):
    found = hikma(root, "vectors", "stats", "--json").result
    assert found["recall"] == {"index_type": "flat", "depth": 10, "queries": 0, "recall": 1.0}
    kinds = found["kinds"]
    assert [one["kind"] for one in kinds] == ["commit", "file", "symbol", "test"]
    assert kinds[0].keys() == {"kind", "total", "missing", "stale", "dimension", "bytes"}
    lines = hikma(root, "vectors", "stats").out.splitlines()
    assert re.fullmatch(
        r"file: \d+ documents, 0 missing, 0 stale, 384 dimensions, [\d.]+ MB", lines[1]
    )
    assert lines[-1] == "recall@10 (flat): 1.0000, every vector is compared"


def test_vectors_rebuild_counts_what_it_built(copy):
    total = sum(one["total"] for one in hikma(copy, "vectors", "stats", "--json").result["kinds"])
    assert hikma(copy, "vectors", "rebuild", "--json").result == {"rebuilt": total}
    assert hikma(copy, "vectors", "rebuild").out == f"{total} vectors rebuilt\n"


def test_vectors_insert_takes_all_or_lists_every_failure(copy):
    good, bad = copy / "good.jsonl", copy / "bad.jsonl"
    line = json.dumps({"id": SYMBOL, "vector": [1.0] + [0.0] * 383})
    good.write_text(line)
    bad.write_text(f'{line}\n{{"id": "x", "vector": [1]}}\n{{"id": "y", "vector": [0]}}\n')
    assert hikma(copy, "vectors", "insert", "good.jsonl", "--json").result == {"inserted": 1}
    assert hikma(copy, "vectors", "insert", "good.jsonl").out == "0 documents changed\n"
    assert refused(
        hikma(copy, "vectors", "insert", "bad.jsonl"),
        1, "2 vectors refused, nothing written", "x[0]: no such document", "y[0]: no such document",
    )  # fmt: skip
    assert refused(hikma(copy, "vectors", "insert", "none.npz"), 2, "give a .jsonl or .npz file")


def test_gc_drops_the_vectors_of_vanished_texts(copy):
    (copy / "store" / "vectors.py").unlink()
    assert hikma(copy, "index", "--json").result["removed"] == 1
    dropped = hikma(copy, "gc", "--json").result
    assert dropped["embeddings"] > 5
    assert hikma(copy, "gc").out.startswith("dropped 0 vectors and 0 tombstones")


def test_doctor_finds_a_sound_file_sound_and_names_what_is_wrong(copy):
    assert hikma(copy, "doctor").out == "sound: integrity and every invariant hold\n"
    assert hikma(copy, "doctor", "--json").result == {"findings": []}
    script = (
        "import sys, pathlib; from hikma.catalog.schema import Catalog\n"
        "with Catalog.open(pathlib.Path(sys.argv[1])).write() as connection:\n"
        "    connection.execute('DELETE FROM ledger WHERE rowid = 1')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(copy / ".hikma" / "index.db")], check=True)
    done = hikma(copy, "doctor", "--json")
    assert done.code == 1
    findings = json.loads(done.out)["findings"]
    assert {"ledger"} <= {one["name"] for one in findings}
    assert all(one["fact"] and one["remedy"] for one in findings)


# Who and when: Ada committed the store and its tests, five weeks later Grace everything else


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return an indexed repository of two authors; tests here never change it."""
    repository = Repository(tmp_path_factory.mktemp("shared") / "tidepool")
    ignored = shutil.ignore_patterns("__pycache__", ".hikma")
    for part in ("store", "tests"):
        shutil.copytree(CORPUS / part, repository.root / part, ignore=ignored)
    repository.git("init", "--quiet")
    repository.commit("Store vectors (#7)", author="ada", date="2024-01-15T23:30:00-05:00")
    shutil.copytree(CORPUS, repository.root, ignore=ignored, dirs_exist_ok=True)
    repository.commit("Serve them (#8)", author="grace", date="2024-02-20T16:45:00+01:00")
    assert hikma(repository.root, "index").code == 0
    return repository.root


@pytest.mark.parametrize(
    "asked",
    [
        ("--author", "ada"),
        ("--author", "ADA@example.org"),
        ("--author", "*byron"),
        ("--until", "2024-01-16"),
        ("--until", "2024-01-16T04:30:00Z"),
        ("--since", "2024-01-15T23:30:00-05:00", "--until", "2024-02-20T15:44"),
        ("--author", "ada", "--author", "grace", "--until", "2024-02-19"),
    ],
    ids=" ".join,
)
def test_every_kind_is_found_by_its_author_and_by_its_date(shared, asked):
    hits = hikma(shared, "search", "vector", "--limit", "100", *asked, "--json").result["hits"]
    kinds = {hit["kind"] for hit in hits}
    assert kinds == {"file", "symbol", "test", "commit", "pull_request"}
    assert {hit["path"].split("/")[0] for hit in hits} == {"store", "tests", ""}
    told = {hit["properties"]["author"] for hit in hits if not hit["path"]}
    assert told == {"Ada Byron"}


@pytest.mark.parametrize(
    "asked",
    [
        ("--author", "grace"),
        ("--since", "2024-02-20"),
        ("--since", "2024-01-16T04:30:01Z"),
        ("--path", "server/**", "--author", "g*"),
        ("--language", "go", "--since", "2024-01-01"),
    ],
    ids=" ".join,
)
def test_what_another_wrote_is_left_out(shared, asked):
    hits = hikma(shared, "search", "cache", "--limit", "100", *asked, "--json").result["hits"]
    assert {"symbol", "test", "commit", "pull_request"} <= {hit["kind"] for hit in hits}
    assert {hit["path"].split("/")[0] for hit in hits}.isdisjoint({"store", "tests"})
    assert {hit["properties"]["author"] for hit in hits if not hit["path"]} == {"Grace Hopper"}


def test_a_commit_is_found_by_a_path_that_it_modified(shared):
    asked = ("--kind", "commit", "--kind", "pull-request", "--path", "store")
    hits = hikma(shared, "search", "vectors", *asked, "--json").result["hits"]
    assert {hit["name"] for hit in hits} == {"Store vectors (#7)", "Store vectors"}


def test_without_history_a_filter_on_it_says_what_adds_it(make_repository):
    root = make_repository({"a.py": "x = 1\n"}).root
    assert hikma(root, "index", "--no-history").code == 0
    assert refused(hikma(root, "search", "x", "--author", "ada"), 2, "history", "`hikma index`")


# Where it works


def test_search_indexes_first_when_there_is_no_index(make_repository):
    root = make_repository({"a.py": "def lonely_name():\n    return 1\n"}).root
    done = hikma(root, "search", "lonely_name", "--json")
    assert done.result["hits"][0]["id"] == "symbol:a.py#lonely_name"
    told = f"no index yet; indexing {root} without its history (`hikma index` adds it)\n"
    assert done.err == told
    assert hikma(root, "search", "lonely_name").err == ""


def test_a_wrong_query_does_not_start_an_index(make_repository):
    root = make_repository({"a.py": "x = 1\n"}).root
    assert refused(hikma(root, "search", "  "), 2, "The query is empty")
    backwards = ("--since", "2024-02-01", "--until", "2024-01-31")
    assert refused(hikma(root, "search", "x", *backwards), 2, "2024-02-01", "is after until")
    assert not (root / ".hikma").exists()


def test_a_subfolder_means_the_repository_around_it(root, tmp_path):
    here = hikma(root / "store", "search", "validate a vector", "--json").result
    there = hikma(
        tmp_path, "search", "validate a vector", "--json", "--repo", str(root / "web")
    ).result
    assert [hit["id"] for hit in here["hits"]] == [hit["id"] for hit in there["hits"]]
    assert here["hits"][0]["path"] == "store/vectors.py"


def test_a_folder_without_git_is_indexed_and_searched(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text("def from_a_folder():\n    return 1\n")
    done = hikma(tmp_path, "search", "from_a_folder", "--repo", "plain", "--json").result
    assert done["hits"][0]["path"] == "a.py"
    assert done["index"] == {**done["index"], "head": None, "stale": False}


def test_a_revision_is_searched_in_a_file_of_its_own(corpus_repository):
    root, first = corpus_repository.root, corpus_repository.git("rev-parse", "HEAD~1")
    report = hikma(root, "index", "--rev", "HEAD~1", "--json").result
    assert (report["head"], report["database"]) == (first, f"{root}/.hikma/revision-{first}.db")
    found = hikma(root, "search", "cache", "--rev", first[:10], "--json", "--limit", "100")
    assert found.err == "", "the abbreviation names the same file"
    assert not [hit for hit in found.result["hits"] if hit["path"].startswith("server/")]
    assert hikma(root, "show", SYMBOL, "--rev", "HEAD~1", "--json").result["fresh"]
    assert not (root / ".hikma" / "index.db").exists()
    assert refused(hikma(root, "search", "cache", "--rev", "nope"), 2, "'nope'")


# Failure


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("search", "a" * 100_000), 2, ("100,000 characters", "at most 10,000")),
        (("search", "x", "--kind", "bogus"), 2, ("--kind 'bogus'", "symbol, test, commit")),
        (("search", "x", "--extension", "zz"), 2, ("extension 'zz'", "py")),
        (("search", "x", "--author", "ada bryon"), 2, ("'ada bryon'", "Ada Byron <ada@example.org>")),
        (("search", "x", "--since", "yesterday"), 2, ("--since 'yesterday'", "2024-03-31")),
        (("search", "x", "--until", "2024-02-30"), 2, ("--until '2024-02-30'", "2024-03-31")),
        (("search", "x", "--kind", "directory", "--author", "ada"), 2, ("author", "no meaning")),
        (("search", "x", "--repo", "/no/where"), 2, ("/no/where does not exist",)),
        (("search", "x", "--budget", "0"), 2, ("budget = 0", "choose 1 to 9999999 tokens")),
        (("search", "x", "--budget", "-9"), 2, ("budget = -9", "choose 1 to 9999999 tokens")),
        (("search", "cache", "--budget", "9"), 2, ("budget = 9", "choose at least")),
        (("index", "--model", "gpt"), 2, ("--model = 'gpt'", "'static' or 'minilm'")),
        (("index", "--model", "minilm"), 2, ("has model 'static'", "--full", "hikma migrate")),
        (("show", "symbol:no#where"), 3, ("No node has the id 'symbol:no#where'",)),
        (("show", "\udcff"), 3, ("No node has the id",)),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_on_standard_error_and_a_code(root, arguments, code, words):
    assert refused(hikma(root, *arguments, "--json"), code, *words)


@pytest.mark.parametrize("command", ["status", "vectors stats"])
def test_no_index_is_not_found(make_repository, command):
    root = make_repository({"a.py": "x = 1\n"}).root
    assert refused(hikma(root, *command.split()), 3, "There is no index", "run `hikma index`")


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("search",),
        ("search", "x", "--mode", "psychic"),
        ("search", "x", "--budget", "few"),
        ("index", "--limit"),
    ],
)
def test_a_wrong_command_line_is_wrong_usage(root, arguments):
    done = hikma(root, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "Error: " in done.err


def test_a_damaged_file_fails_with_the_remedy(copy):
    database = copy / ".hikma" / "index.db"
    database.write_bytes(b"no database" * 1000)
    for command in (("search", "x"), ("index",)):
        assert refused(hikma(copy, *command), 1, "is not a Hikma index", "HIKMA_DATABASE")


def test_a_wrong_variable_or_file_is_named(copy):
    assert refused(
        hikma(copy, "status", HIKMA_VECTOR_BACKEND="chroma"),
        2,
        "HIKMA_VECTOR_BACKEND = 'chroma': choose 'sqlite-vec' or 'lancedb'",
    )
    assert refused(
        hikma(copy, "search", "x", HIKMA_VECTOR_DIMENSIONS="12"), 2, "dimension 384, not 12"
    )
    (copy / "hikma.toml").write_text('database = "../outside.db"\n')
    assert refused(hikma(copy, "status"), 2, "outside the repository")
    (copy / "hikma.toml").write_text('vector_bakend = "sqlite-vec"\n')
    assert refused(
        hikma(copy, "status"), 2, "hikma.toml: vector_bakend", "did you mean vector_backend?"
    )


def test_an_unknown_variable_is_reported_beside_the_result(root):
    done = hikma(root, "search", "validate", "--json", HIKMA_VECTOR_SCN="disk")
    assert done.result["hits"]
    assert "HIKMA_VECTOR_SCN has no effect" in done.err


# Terminals and pipes


def on_a_terminal(root, *arguments):
    """Run with a terminal as standard error and a pipe as standard output."""
    leader, follower = pty.openpty()
    more = environment(TERM="xterm-256color", COLUMNS="100")
    with subprocess.Popen(
        [*HIKMA, *arguments], cwd=root, env=more, stdout=subprocess.PIPE, stderr=follower
    ) as process:
        os.close(follower)
        seen = b""
        while select.select([leader], [], [], 60)[0]:
            try:
                part = os.read(leader, 65_536)
            except OSError:  # Linux reports the far end's closing like this
                break
            if not part:
                break
            seen += part
        out = process.stdout.read()
    os.close(leader)
    return process.returncode, out.decode(), seen.decode()


def test_a_terminal_sees_progress_and_a_pipe_sees_none(make_repository):
    files = {f"f{number}.py": f"def f{number}():\n    return 1\n" for number in range(120)}
    root = make_repository(files).root
    code, out, seen = on_a_terminal(root, "index", "--json")
    assert code == 0
    assert json.loads(out)["added"] == 120
    assert "index" in seen
    assert "100%" in seen
    piped = hikma(root, "index", "--full")
    assert (piped.code, piped.err) == (0, "")


@pytest.mark.parametrize("limit", ["1", "1000"])
def test_a_reader_that_goes_away_is_no_failure_worth_words(root, limit):
    """As in `hikma search … | head -1`, with less and with more output than a buffer holds."""
    command = [*HIKMA, "search", "vector", "--limit", limit, "--json"]
    with subprocess.Popen(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""
    assert process.returncode == 1


def test_an_interruption_says_what_stays(make_repository):
    files = {f"f{number}.py": "def f():\n    return 1\n" * 60 for number in range(150)}
    root = make_repository(files).root
    command = [*HIKMA, "index"]
    with subprocess.Popen(
        command, cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 30
        # From the first batch on, so that no module is being imported.
        log = root / ".hikma" / "index.db-wal"
        while not (log.exists() and log.stat().st_size > 400_000) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()
        out = process.stdout.read()
    # A shell shows both as 130; Python chooses the second when it was inside an `exec`.
    assert process.returncode in {130, -signal.SIGINT}
    assert out == b""
    assert said == "interrupted; what was committed stays, run the command again\n"


HOSTILE = "evil\x1b]0;owned\x07\x1b[31m\u202egnp.py"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a repository whose names and texts try to steer a terminal."""
    repository = Repository(tmp_path_factory.mktemp("hostile") / "sample")
    repository.root.mkdir()
    text = "def painted():\n    '''\x1b[2J\x9b31m wiped \u202e'''\n    return '\x07\x7f'\n"
    repository.write(HOSTILE, text)
    repository.write("line\nbreak.py", "def broken():\n    return 1\n")
    repository.write("bin\x1b[1m.dat", b"\0\0")
    repository.git("init", "--quiet")
    repository.commit("First")
    assert hikma(repository.root, "index").code == 0
    return repository.root


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "painted", "--explain"),
        ("search", "painted", "--json"),
        ("search", "broken"),
        ("show", f"symbol:{HOSTILE}#painted"),
        ("show", f"symbol:{HOSTILE}#painted", "--json"),
        ("show", "symbol:evil#paintd"),
        ("index", "--full", "--json"),
    ],
    ids=" ".join,
)
def test_no_control_character_of_a_repository_reaches_the_terminal(hostile, arguments):
    done = hikma(hostile, *arguments)
    assert done.out or done.err
    assert not STEERING.search(done.out)
    assert not STEERING.search(done.err)


def test_json_gives_the_true_name_back(hostile):
    """Escaped on the way, so that it is harmless to print and exact to read."""
    hits = hikma(hostile, "search", "painted", "--json").result["hits"]
    assert hits[0]["path"] == HOSTILE
    assert "\x9b31m wiped \u202e" in hits[0]["snippet"]
    assert (
        hikma(hostile, "search", "broken", "--json").result["hits"][0]["path"] == "line\nbreak.py"
    )


def test_a_query_of_bytes_that_are_no_text_is_answered(root):
    done = hikma(root, "search", "\udcff\udcfe vector", "--json")
    assert done.result["hits"]


def test_the_command_is_installed_under_its_name():
    command = Path(sys.executable).with_name("hikma")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: hikma ")
