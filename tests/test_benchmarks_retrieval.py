"""The retrieval benchmark: its measures against naive ones, its intervals, one run from end to end."""

import inspect
import json
import math
import re
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "retrieval"))

import ablation  # noqa: E402 -- the folder is no package
import forms  # noqa: E402
import measures  # noqa: E402
import ours  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import spread  # noqa: E402
from measures import Answer, Found  # noqa: E402
from topics import Target, Topic  # noqa: E402

from hikma.domain import Mode, Query, Skip  # noqa: E402
from hikma.engine import Engine  # noqa: E402
from hikma.errors import HikmaError  # noqa: E402
from hikma.models.static import parts_of  # noqa: E402
from hikma.ranking import Weights  # noqa: E402
from hikma.search import gather  # noqa: E402
from hikma.settings import Settings  # noqa: E402

PATHS = st.sampled_from(
    ["a.py", "lib/a.py", "src/lib/a.py", "b.py", "lib/b.py", "xa.py", "lib\\a.py"]
)
LINES = st.none() | st.tuples(st.integers(1, 30), st.integers(0, 9)).map(
    lambda at: (at[0], sum(at))
)
RESULTS = st.lists(st.builds(lambda path, at: Found(path, *(at or ())), PATHS, LINES), max_size=60)
TARGETS = st.lists(st.builds(lambda path, at: Target(path, *(at or ())), PATHS, LINES), max_size=14)
FIGURES = st.lists(
    st.tuples(st.integers(0, 4), st.floats(0, 1)), min_size=1, max_size=60
)  # (repository, figure)


def naive_shown(result, target):
    ours_, theirs = (one.path.replace("\\", "/").split("/") for one in (result, target))
    shared = min(len(ours_), len(theirs))
    if ours_[-shared:] != theirs[-shared:]:
        return False
    if result.start_line is None or target.start_line is None:
        return True
    lines = set(range(result.start_line, result.end_line + 1))
    return bool(lines & set(range(target.start_line, target.end_line + 1)))


def naive_ndcg(results, targets):
    gains = [0] * 10
    for target in targets:
        for place, result in enumerate(results[:10]):
            if naive_shown(result, target):
                gains[place] = 1
                break
    ideal = [1] * min(10, len(targets))
    gained, most = (
        sum(gain / math.log2(place + 2) for place, gain in enumerate(some))
        for some in (gains, ideal)
    )
    return gained / most if targets else 0.0


@given(RESULTS, TARGETS)
def test_the_measures_are_those_of_their_definitions(results, targets):
    once = []
    for one in results[:10]:
        if one.path not in [file.path for file in once]:
            once.append(Found(one.path))
    first = [
        place
        for place, one in enumerate(results[:10], 1)
        if any(naive_shown(one, target) for target in targets)
    ]

    def met(count):
        shown = [any(naive_shown(one, target) for one in results[:count]) for target in targets]
        return sum(shown) / len(shown) if shown else 0.0

    expected = [
        naive_ndcg(results, targets),
        naive_ndcg(once, targets),
        1 / first[0] if first else 0.0,
        met(10),
        met(50),
    ]
    assert measures.judge(Answer(results, results), targets) == pytest.approx(expected)


@given(TARGETS.filter(bool))
def test_answering_with_the_targets_is_perfect_in_recall_and_nothing_exceeds_one(targets):
    answer = [Found(one.path, one.start_line, one.end_line) for one in targets]
    figures = measures.judge(Answer(answer, answer), targets)
    assert figures[-1] == 1.0
    assert all(0 <= figure <= 1 + 1e-12 for figure in figures)


def test_what_comes_first_counts_more_and_repeats_count_in_chunk_mode_only():
    """Worked by hand: two targets at places 3 and 4 of chunks, 2 and 3 of files."""
    results = [Found("x", 1, 5), Found("x", 6, 9), Found("a", 1, 3), Found("b", 9, 9)]
    chunk, file, reciprocal, *_ = measures.judge(
        Answer(results, results), [Target("a"), Target("b")]
    )
    ideal = 1 + 1 / math.log2(3)
    assert chunk == pytest.approx((1 / 2 + 1 / math.log2(5)) / ideal)
    assert file == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)
    assert reciprocal == 1 / 3


@pytest.mark.parametrize(
    ("place", "ten", "fifty"), [(10, 1, 1), (11, 0, 1), (50, 0, 1), (51, 0, 0)]
)
def test_ten_and_fifty_results_are_looked_at(place, ten, fifty):
    results = [*(Found(f"x{n}") for n in range(1, place)), Found("a")]
    figures = measures.judge(Answer(results, results), [Target("a")])
    assert [figure > 0 for figure in figures] == [ten, ten, ten, ten, fifty]


def topics_of(repositories, category="semantic", language="python"):
    return [Topic(f"r{name}", language, category, "?", ()) for name in repositories]


@given(FIGURES)
def test_an_interval_holds_its_mean(drawn):
    topics = topics_of(name for name, _ in drawn)
    figures = np.array([figure for _, figure in drawn])
    for one in (
        spread.estimate(figures, spread.strata(topics)),
        spread.over_repositories(figures, spread.strata(topics)),
    ):
        assert one.low - 1e-9 <= one.mean <= one.high + 1e-9
        assert figures.min() - 1e-9 <= one.low <= one.high <= figures.max() + 1e-9


def test_a_mean_is_over_repositories_whatever_their_number_of_queries():
    topics = topics_of([0, 0, 0, 1])
    figures = np.array([1.0, 1.0, 1.0, 0.0])
    assert spread.mean(figures, spread.strata(topics)) == 0.5
    assert spread.by_repository(figures, topics) == {"r0": 1.0, "r1": 0.0}


def test_groups_are_means_over_the_repositories_that_have_such_queries():
    topics = [
        *topics_of([0, 0], "symbol", "go"),
        *topics_of([0], "semantic", "go"),
        *topics_of([1], "semantic", "c"),
    ]
    figures = np.array([0.2, 0.4, 0.6, 1.0])
    means = {name: spread.mean(figures, part) for name, part in spread.groups(topics).items()}
    assert means == pytest.approx({"all": 0.7, "semantic": 0.8, "symbol": 0.3, "c": 1.0, "go": 0.4})


def test_an_interval_is_as_wide_as_theory_says():
    """The standard error of a mean over strata is known; 95 % are 1.96 of it to either side."""
    figures = np.random.default_rng(1).normal(0.5, 0.1, 400)
    topics = topics_of(place % 4 for place in range(400))
    own = spread.estimate(figures, spread.strata(topics))
    error = math.sqrt(sum(figures[place::4].var() / 100 for place in range(4))) / 4
    assert own.high - own.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_a_paired_interval_knows_what_two_systems_share():
    """Two systems that differ by the same on every query differ for sure, however hard queries are."""
    hard = np.random.default_rng(2).uniform(0, 0.9, 60)
    topics = topics_of(place % 3 for place in range(60))
    scores = {name: {measures.NDCG: hard + more} for name, more in (("one", 0.0), ("two", 0.1))}
    assert report.differences(scores, "one", topics) == {"two": [0.1, 0.1, 0.1]}
    assert "| two | .100 [.100, .100] | .100 [.100, .100] | 60 | 0 | 0 |" in report.paired(
        scores, "one", topics
    )


@pytest.fixture
def sources(corpus_repository, tmp_path):
    tree = ours.Tree("tidepool", corpus_repository.root, "", "tidepool-repo-0")
    with ours.opened(tree, "static", tmp_path / "cache") as engine:
        yield ours.reading(engine, Weights()), tree


def test_a_retriever_off_finds_nothing(corpus_repository, tmp_path):
    """With a history, so that commits vote; `Store vectors` is the message of one."""
    settings = Settings(database=tmp_path / "index.db")
    with Engine(corpus_repository.root, settings) as engine:
        engine.index()
        given = ours.reading(engine, Weights())
        candidates = gather(given, Query("store vectors in the VectorStore")).candidates
    assert {name for one in candidates for name in one.ranks} == set(ablation.RETRIEVERS)
    for name in ablation.RETRIEVERS:
        left = ablation.without(candidates, name)
        assert {other for one in left for other in one.ranks} == set(ablation.RETRIEVERS) - {name}
        assert {one.document.id for one in left} == {
            one.document.id for one in candidates if set(one.ranks) != {name}
        }
    assert not any(one.bm25 for one in ablation.without(candidates, "lexical"))
    assert not any(one.similarity for one in ablation.without(candidates, "dense"))
    assert any(one.votes for one in candidates)
    assert not any(one.votes for one in ablation.without(candidates, "history"))


def test_vectors_of_a_form_find_what_the_store_finds(sources):
    given, tree = sources
    meanings = forms.read(given, tree)
    control = forms.embed(given.embedder, meanings.texts["as indexed (control)"])
    for text in ("VectorStore.nearest", "evict the oldest entry of the cache"):
        theirs = gather(given, Query(text))
        vector = given.embedder.embed_query(text)
        again = forms.regather(given, theirs, vector, (meanings.ids, control))
        assert [one._replace(similarity=None) for one in again.candidates] == [
            one._replace(similarity=None) for one in theirs.candidates
        ]


@given(st.text("aZ9_ .\n", max_size=60), st.integers(1, 12))
def test_a_text_cut_short_is_its_longest_beginning_of_so_many_parts(text, most):
    """No word is cut in two, so the first one is kept whatever it has."""
    short = forms.first_parts(text, most)
    assert text.startswith(short)
    words = re.findall(r"\w+", short)
    assert len(parts_of(short)) <= most or len(words) == 1
    longer = text[: len(short)] + re.sub(r"(\w+).*", r"\1", text[len(short) :], flags=re.DOTALL)
    assert short == text or len(parts_of(longer)) > most


def test_an_index_is_made_once(sources, tmp_path, monkeypatch):
    """What is there is opened; another model has an index of its own."""
    tree = sources[1]

    def refuse(*_arguments, **_options):
        raise AssertionError("indexed again")

    monkeypatch.setattr(Engine, "index", refuse)
    with ours.opened(tree, "static", tmp_path / "cache") as engine:
        assert engine.status().documents
    with (
        pytest.raises(AssertionError, match="indexed again"),
        ours.opened(tree, "minilm", tmp_path / "cache"),
    ):
        pass


def test_an_index_with_files_unparsed_for_want_of_time_is_refused(sources, tmp_path, monkeypatch):
    """A busy machine must not lower a figure; what was made is dropped, so the next run tries."""
    index = Engine.index
    late = Skip("a.py", "time limit of 10 s exceeded")

    def hurried(*arguments, **options):
        return replace(index(*arguments, **options), limitations=(late,))

    monkeypatch.setattr(Engine, "index", hurried)
    with (
        pytest.raises(HikmaError, match=r"1 files of .* were not parsed in time, a.py first"),
        ours.opened(sources[1], "static", tmp_path / "other"),
    ):
        pass
    assert not list((tmp_path / "other" / "indexes").iterdir())


def test_every_weight_and_field_has_a_variant_that_changes_it_alone():
    made = {one.name: one for one in ablation.variants(ablation.GROUPS, Weights())}
    whole = made[ablation.FULL]
    for one in fields(Weights):
        table = made[f"weight {one.name}"].weights
        changed = {
            f.name
            for f in fields(Weights)
            if getattr(table, f.name) != getattr(whole.weights, f.name)
        }
        assert changed <= {one.name}
    factors = inspect.getsource(Weights).split("# Factors.")[1]
    assert set(re.findall(r"^    (\w+):", factors, re.MULTILINE)) == ablation.MULTIPLIERS
    assert all(f"form {name}" in made for name in forms.FORMS)
    zeroed = [one.fields for name, one in made.items() if name.startswith("field ")]
    assert all(some.count(0.0) == 1 for some in zeroed)
    assert len(set(zeroed)) == len(whole.fields)


def test_the_ablation_ranks_as_the_search_does(sources):
    given, tree = sources
    queries = ["VectorStore.nearest", "evict the oldest entry", "guide: how do I install it"]
    asked = ablation.variants(("retrievers", "fields", "forms"), Weights())
    varied = ablation.answers(given, tree, queries, asked)
    searched = ours.answers(given, tree, queries)
    ablation.check_replay(varied[ablation.FULL], searched, tree)
    with pytest.raises(Exception, match="ranks otherwise"):
        ablation.check_replay(varied["retriever lexical"], searched, tree)
    assert varied["form as indexed (control)"] == varied[ablation.FULL]
    assert varied["form title alone"] != varied[ablation.FULL]
    assert varied["form first 32 parts of words"] != varied[ablation.FULL]


def test_the_ablation_of_a_mode_ranks_as_that_mode_does(sources):
    given, tree = sources
    queries = ["evict the oldest entry", "where is a vector refused"]
    asked = ablation.variants(("forms",), Weights())
    varied = ablation.answers(given, tree, queries, asked, Mode.SEMANTIC)
    searched = ours.answers(given, tree, queries, Mode.SEMANTIC)
    ablation.check_replay(varied[ablation.FULL], searched, tree)
    with pytest.raises(HikmaError, match="ranks otherwise"):
        ablation.check_replay(varied[ablation.FULL], ours.answers(given, tree, queries), tree)
    assert varied["form as indexed (control)"] == varied[ablation.FULL]


@pytest.fixture
def topics(tmp_path, corpus_repository):
    """Topics on the corpus, as a folder; the work tree stands in `checkouts`."""
    (tmp_path / "checkouts").mkdir()
    corpus_repository.root.rename(tmp_path / "checkouts" / "tidepool")
    folder = tmp_path / "topics"
    (folder / "annotations").mkdir(parents=True)
    spec = {"name": "tidepool", "language": "python", "revision": "0", "benchmark_root": "store"}
    (folder / "repos.json").write_text(json.dumps([spec]))
    asked = [
        {
            "query": "where are vectors validated",
            "relevant": ["store/vectors.py"],
            "category": "semantic",
        },
        {
            "query": "split_lines",
            "relevant": ["store/chunks.py"],
            "secondary": [],
            "category": "symbol",
        },
    ]
    (folder / "annotations" / "tidepool.json").write_text(json.dumps(asked))
    return folder


@pytest.fixture
def command(topics, monkeypatch):
    def call(*arguments):
        place = topics.parent
        given = ["--topics", topics, "--checkouts", place / "checkouts", "--cache", place / "cache"]
        monkeypatch.setattr(sys, "argv", ["run.py", *map(str, (*given, "--jobs", "1", *arguments))])
        return run.main()

    return call


def test_one_command_judges_systems_and_what_each_part_earns(command, topics, capsys):
    out = topics.parent / "out"
    assert command("--systems", "hikma,fts5", "--ablation", "retrievers", "--out", out) == 0
    shown = capsys.readouterr().out
    assert "| hikma | 1.000 [1.000, 1.000] |" in shown
    assert "| nDCG@10, less fts5 | over queries |" in shown
    assert "| retriever dense | 1.000 |" in shown
    (kept,) = out.iterdir()
    figures = json.loads(kept.read_text())
    assert figures["systems"]["hikma"]["repositories"] == {"tidepool": [1.0] * 5}
    assert set(figures["ablation"]) == {f"retriever {name}" for name in ablation.RETRIEVERS}


def test_a_second_run_reads_the_index_of_the_first(command, topics, capsys):
    def indexes():
        found = (topics.parent / "cache" / "indexes").glob("*/index.db")
        return [(file, file.stat().st_mtime_ns) for file in found]

    assert command("--systems", "hikma") == 0
    first, shown = indexes(), capsys.readouterr().out
    assert len(first) == 1
    assert command("--systems", "hikma") == 0
    assert (indexes(), capsys.readouterr().out) == (first, shown)
    assert command("--systems", "hikma", "--set", "lexical=0", "dense=0", "--brief") == 0
    assert indexes() == first


def test_the_scope_says_what_is_indexed(command, topics, capsys):
    """At scope root nothing outside the folder is found, and paths are those of the work tree."""
    tests = json.dumps([{"query": "reject a NaN test", "relevant": ["tests/test_vectors.py"]}])
    (topics / "annotations" / "tidepool.json").write_text(tests)
    for scope, figure in (("root", ".000 [.000, .000]"), ("repo", "1.000 [1.000, 1.000]")):
        assert command("--systems", "hikma", "--scope", scope) == 0
        assert f"| hikma | {figure} |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--systems", "grep"), "There is no system 'grep'; known: hikma,"),
        (("--systems", "semble"), "pip install semble"),
        (("--systems", "hikma", "--only", "nowhere"), "has no repository nowhere"),
        (("--set", "lexicle=1"), "There is no weight 'lexicle'; known: lexical,"),
        (("--systems", "hikma", "--against", "fts5"), "--against fts5 is not among"),
        (("--systems", "hikma", "--check"), "has no ndcg.py"),
    ],
)
def test_what_cannot_be_run_is_said_with_the_remedy(command, arguments, told, capsys, monkeypatch):
    monkeypatch.delenv("HIKMA_SEMBLE_PYTHON", raising=False)
    assert command(*arguments) == 2
    assert told in capsys.readouterr().err


def test_a_missing_work_tree_and_a_missing_program_stop_the_run(
    command, topics, capsys, monkeypatch
):
    (topics.parent / "checkouts" / "tidepool").rename(topics.parent / "away")
    assert command("--systems", "hikma") == 2
    assert "There is no work tree" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert command("--systems", "ripgrep") == 2
    assert "apt-get install ripgrep" in capsys.readouterr().err


def test_figures_are_checked_against_the_topics_own_program(command, topics, capsys):
    """A program that judges otherwise stops the run; one that agrees is named."""
    program = topics / "ndcg.py"
    program.write_text(
        "import json, sys\n"
        "json.dump({'ndcg10': 1.0}, open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
    )
    assert command("--systems", "hikma", "--check") == 0
    assert "checked hikma against ndcg.py" in capsys.readouterr().err
    program.write_text(program.read_text().replace("1.0", "0.9"))
    assert command("--systems", "hikma", "--check") == 2
    assert "1.0 here, 0.9 by" in capsys.readouterr().err
