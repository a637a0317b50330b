"""The benchmark on a small repository: its figures hold, what fails is a failure, laws are found."""

import json
import platform
import re
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import Repository, commit_corpus
from hikma.arrays import Neighbor
from hikma.benchmark import (
    BACKENDS,
    Asked,
    Backend,
    compare,
    picturing,
    plan_of,
    read,
    run,
    running,
)
from hikma.benchmark.children import Room, ask, at_once
from hikma.benchmark.figures import Law
from hikma.benchmark.libraries import NumpyVectors, save_array
from hikma.benchmark.material import extended, perturbed
from hikma.benchmark.picturing import to_html
from hikma.benchmark.planning import check_written
from hikma.benchmark.recommending import MOST_RATIO, Run, recommend
from hikma.benchmark.rounds import interleaved, truth
from hikma.benchmark.scaling import crossings, fit, laws, wins
from hikma.benchmark.stores import make_stock
from hikma.engine import Engine
from hikma.errors import BenchmarkError, IndexMissingError, StoreError
from hikma.interfaces.benchmarking import lines
from hikma.interfaces.rendering import as_json

INSIDE = "sqlite-vec-disk,sqlite-vec-resident,sqlite-vec-bits,vec0,numpy"
SEARCHES = "search,filtered"


def unit(count, dimension=16, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def asked(**more):
    return plan_of(Asked(**{"sizes": "40,80", "backends": INSIDE, "queries": 12, **more}))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = commit_corpus(Repository(tmp_path_factory.mktemp("benchmark") / "tidepool"))
    with Engine.open(made.root) as opened:
        opened.index()
        yield opened


@pytest.fixture(scope="module")
def report(engine):
    """Return what is found by every operation that needs no process of its own."""
    return run(engine, asked(operations="search,filtered,hybrid,insert,update,delete"))


def fake(open_, build=save_array):
    return Backend("fake", "A fake", build, open_, lambda count, width: count * width)


class Broken(NumpyVectors):
    def nearest(self, *_):
        raise RuntimeError("the disk\nis gone")


class Blind(NumpyVectors):
    """Misses the nearest one."""

    def nearest(self, query, limit, within=None):
        return super().nearest(query, limit + 1, within)[1:]


# What a run finds


def test_every_backend_is_measured_at_every_size_by_every_operation_asked_for(report):
    found = {(one.backend, one.size, one.operation) for one in report.figures}
    wanted = ["search", "filtered-1", "filtered-10", "filtered-50"]
    stores, writes = INSIDE.split(","), ["insert", "insert-batch", "update", "delete"]
    expected = {(name, size, one) for name in stores for size in (40, 80) for one in wanted}
    expected |= {(name, size, one) for name in stores[:4] for size in (40, 80) for one in writes}
    own = {one for one in found if one[0] == "repository"}
    assert found - own == expected
    assert {one[2] for one in own} == {"hybrid", "resolve"}
    assert [one.state for one in report.backends] == ["measured"] * 5
    assert report.failures == []


def test_the_exact_backends_find_the_exact_neighbours(report):
    recalls = {one.recall for one in report.figures if one.operation.startswith(("sea", "filt"))}
    assert recalls == {1.0}


def test_a_figure_is_in_order_and_counts_its_samples(report):
    for one in report.figures:
        assert 0 < one.low_ms <= one.p50_ms <= one.high_ms
        assert one.p50_ms <= one.p95_ms <= one.p99_ms
        assert one.per_second > 0
    assert {one.count for one in report.figures if one.operation == "search"} == {12}


def test_a_recall_below_one_is_seen(engine):
    backends = {**BACKENDS, "fake": fake(Blind)}
    plan = replace(asked(operations=SEARCHES), backends=("numpy", "fake"))
    found = run(engine, plan, backends=backends)
    missed = {
        one.recall for one in found.figures if (one.backend, one.operation) == ("fake", "search")
    }
    assert all(one == pytest.approx(0.9, abs=0.05) for one in missed)


def test_vectors_are_real_as_far_as_they_go_and_the_rest_is_said_to_be_copies(report, engine):
    real = report.material.real
    assert 0 < real <= report.material.documents
    assert [one.size for one in report.sizes] == [40, 80]
    for one in report.sizes:
        assert one.perturbed == round(max(0, one.size - real) / one.size, 4)
    many = run(engine, asked(sizes="2000", operations="search", backends="numpy"))
    assert many.sizes[0].perturbed > 0
    assert "are perturbed copies of real ones" in "\n".join(lines(many))


def test_queries_are_texts_of_the_repository_and_then_vectors_held_out(report, engine):
    assert report.material.texts + report.material.held_out <= 12
    assert report.material.texts > 0
    assert report.material.embed_p50_ms > 0
    more = run(engine, asked(operations="search", backends="numpy", queries=500))
    assert more.material.held_out > 0
    assert more.figures[0].count == more.material.texts + more.material.held_out


def test_an_index_is_left_as_it_was_and_so_is_the_temporary_folder(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(running.tempfile, "tempdir", str(tmp_path))
    before = engine.database.read_bytes()
    run(engine, asked(operations="insert,delete", backends="sqlite-vec-disk"))
    assert engine.database.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_and_the_next_sweeps_what_a_killed_one_left(
    engine, tmp_path, monkeypatch
):
    monkeypatch.setattr(running.tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "hikma-bench.999999999.left"
    left.mkdir()

    def interrupt(stage, done, total):
        assert any(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, asked(), interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_table_answers_writes_and_forgets_as_brute_force_does(tmp_path):
    vectors = unit(300, seed=5)
    stock = make_stock(tmp_path / "stock", vectors)
    plain, exact = (BACKENDS[name] for name in ("vec0", "numpy"))
    for one in (plain, exact):
        one.build(tmp_path / one.name, stock)
    store, right = plain.open(tmp_path / "vec0"), exact.open(tmp_path / "numpy")
    some = np.arange(2, 300, 7)
    for within in (None, some, some[:3], some[:0]):
        found, wanted = (one.nearest(vectors[9], 10, within) for one in (store, right))
        assert [one.id for one in found] == [one.id for one in wanted]
        assert [one.distance for one in found] == pytest.approx(
            [one.distance for one in wanted], abs=1e-5
        )
    assert len(store.nearest(vectors[9], 1_000)) == 300
    store.write([5, 301], vectors[[20, 21]])
    assert {one.id for one in store.nearest(vectors[20], 2)} == {5, 21}
    assert {one.id for one in store.nearest(vectors[21], 2)} == {22, 301}
    store.remove([5, 301, 999])
    assert len(store.nearest(vectors[20], 1_000)) == 299
    store.close()
    again = plain.open(tmp_path / "vec0")
    assert 5 not in {one.id for one in again.nearest(vectors[20], 1_000)}
    again.close()


# What fails


@pytest.mark.parametrize("where", ["build", "open", "nearest"])
def test_a_backend_that_fails_is_a_failure_and_the_others_go_on(engine, where):
    def refuse(*_):
        raise StoreError("no such place")

    made = {
        "build": fake(NumpyVectors, refuse),
        "open": fake(refuse),
        "nearest": fake(Broken),
    }[where]
    plan = replace(asked(operations=SEARCHES), backends=("fake", "numpy"))
    found = run(engine, plan, backends={**BACKENDS, "fake": made})
    (lost,) = found.failures
    assert lost.backend == "fake"
    assert (
        "RuntimeError: the disk is gone" if where == "nearest" else "no such place"
    ) in lost.reason
    assert {one.backend for one in found.figures} == {"numpy", "repository"}
    assert {one.size for one in found.figures if one.backend == "numpy"} == {40, 80}
    assert lost.reason in "\n".join(lines(found))


def test_an_absent_backend_is_said_to_be_absent_with_the_command_that_brings_it(engine):
    absent = replace(BACKENDS["faiss"], module="no_such_module_here")
    plan = replace(asked(operations="search"), backends=("numpy", "faiss"))
    found = run(engine, plan, backends={**BACKENDS, "faiss": absent})
    assert [one.state for one in found.backends] == ["measured", "absent"]
    assert "pip install faiss-cpu" in found.backends[1].reason
    assert found.failures == []
    with pytest.raises(BenchmarkError, match="pip install faiss-cpu"):
        run(engine, replace(plan, backends=("faiss",)), backends={"faiss": absent})


def test_both_of_lancedb_are_measured_beside_ours_and_one_is_recommended(engine):
    names = "sqlite-vec-resident,lancedb-flat,lancedb-ivf"
    found = run(engine, asked(sizes="40", operations="insert,delete", backends=names))
    assert [one.state for one in found.backends] == ["measured"] * 3
    assert {one.recall for one in found.figures if one.operation == "search"} == {1.0}
    assert {one.backend for one in found.figures if one.operation == "insert"} == set(
        names.split(",")
    )
    assert any("lancedb-ivf makes no index of so few as 40" in one for one in found.notes)
    assert found.recommendation.backend in {"sqlite-vec", "lancedb"}
    assert found.recommendation.low <= found.recommendation.ratio <= found.recommendation.high


def test_a_process_that_fails_or_takes_too_long_is_an_error_that_says_so(tmp_path):
    queries = tmp_path / "queries.npy"
    np.save(queries, unit(2))
    room = Room("numpy", tmp_path, queries, 1, 30.0)
    with pytest.raises(StoreError, match="a process with numpy failed: FileNotFoundError"):
        ask(room, "cold")
    with pytest.raises(StoreError, match="a process with numpy failed: FileNotFoundError"):
        at_once(room, 2, 0.1)
    np.save(tmp_path / "vectors.npy", unit(9))
    assert ask(room, "memory")["peak"] >= 0
    late = replace(room, timeout_s=0.01)
    with pytest.raises(StoreError, match=r"took longer than 0\.01 s"):
        ask(late, "cold")
    with pytest.raises(StoreError, match=r"took longer than 0\.01 s"):
        at_once(late, 2, 0.1)


def test_a_failure_in_one_of_several_threads_is_the_backends(engine):
    class Single(NumpyVectors):
        """Refuses a thread other than the first that asked."""

        owner = None

        def nearest(self, query, limit, within=None):
            mine = threading.get_ident()
            self.owner = self.owner or mine
            if self.owner != mine:
                raise RuntimeError("made in another thread")
            return super().nearest(query, limit, within)

    plan = replace(asked(sizes="40", operations="concurrent"), backends=("fake",))
    (lost,) = run(engine, plan, backends={"fake": fake(Single)}).failures
    assert "made in another thread" in lost.reason


def test_without_an_index_nothing_is_measured(tmp_path):
    made = commit_corpus(Repository(tmp_path / "tidepool"))
    with Engine.open(made.root) as unindexed, pytest.raises(IndexMissingError):
        run(unindexed, asked())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": "0"}, "--sizes 0"),
        ({"sizes": "-5"}, "--sizes -5"),
        ({"sizes": "many"}, "--sizes many"),
        ({"sizes": ","}, "--sizes is empty"),
        ({"sizes": "99999999"}, "--sizes 99999999"),
        ({"backends": "numpy,oracle"}, "there is no backend 'oracle'; choose of sqlite-vec-disk"),
        ({"operations": "dance"}, "there is no operation 'dance'; choose of search"),
        ({"limit": 41}, "--limit 41 is more than the 40 vectors"),
        ({"limit": 0}, "--limit 0"),
        ({"queries": 0}, "--queries 0"),
        ({"timeout_s": float("nan")}, "--timeout nan"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_what_can(options, said):
    with pytest.raises(BenchmarkError) as refused:
        asked(**options)
    assert said in str(refused.value)


def test_a_size_beyond_memory_is_refused_before_anything_is_built(engine):
    with pytest.raises(BenchmarkError, match="the largest size here is"):
        run(engine, asked(sizes="10000000"))


def test_a_file_that_could_not_be_written_is_refused_before_the_run(tmp_path):
    check_written(tmp_path / "page.html", ".html", "--html")
    for path in (tmp_path, tmp_path / "absent" / "page.html"):
        with pytest.raises(BenchmarkError, match="--html"):
            check_written(path, "", "--html")
    with pytest.raises(BenchmarkError, match="must end in"):
        check_written(tmp_path / "page.txt", ".html", "--html")


# Rounds


def test_backends_take_turns_within_each_round():
    order = []
    actions = {name: lambda at, name=name: order.append((at, name)) for name in "abc"}
    interleaved(actions, 5, 60.0)
    assert [at for at, _ in order] == [at for at in range(5) for _ in range(3)]
    assert all({name for at, name in order if at == turn} == set("abc") for turn in range(5))
    assert len({tuple(name for at, name in order if at == turn) for turn in range(5)}) > 1


def test_a_measurement_ends_after_its_time_with_the_rounds_it_has():
    timed = interleaved({"a": lambda _: None, "b": lambda _: None}, 1_000_000, 0.0)
    assert {len(one.ms) for one in timed.values()} == {1}


def test_a_report_says_where_time_ended_a_measurement(engine):
    found = run(engine, asked(operations="search", backends="numpy", timeout_s=1e-9))
    assert {one.count for one in found.figures} == {1}
    assert "search of 40 ended after 1 queries, by --timeout" in found.notes


def test_a_neighbour_as_near_as_the_last_counts_and_the_same_one_counts_once():
    vectors = unit(30)
    vectors[7] = vectors[3]
    query = vectors[3][None]
    right = truth(vectors, query, 1)
    assert right.recall([[Neighbor(8, 0.0)]]) == right.recall([[Neighbor(4, 0.0)]]) == 1.0
    assert right.recall([[Neighbor(5, 0.0)]]) == 0.0
    assert truth(vectors, query, 2).recall([[Neighbor(4, 0.0), Neighbor(4, 0.0)]]) == 0.5


def test_copies_are_unit_vectors_at_the_cosine_that_is_told(report):
    real = unit(50, 384)
    made = perturbed(real, np.random.default_rng(1))
    cosines = (made * real).sum(axis=1)
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-5)
    assert cosines == pytest.approx(report.material.copy_similarity, abs=0.05)
    more = extended(real, 120, np.random.default_rng(2))
    assert np.array_equal(more[:50], real)
    assert np.array_equal(more[:70], extended(real, 70, np.random.default_rng(2)))


# The rule, the law


def runs(ours, theirs, recall=1.0, other=1.0):
    noise = np.random.default_rng(0).uniform(0.9, 1.1, 60)
    return {
        "sqlite-vec-disk": Run(list(10 * ours * noise), [1.0] * 60),
        "sqlite-vec-resident": Run(list(ours * noise), [recall] * 60),
        "lancedb-ivf": Run(list(theirs * noise[::-1]), [other] * 60),
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "recall", "other", "backend", "sure"),
    [
        (1.0, 2.0, 1.0, 1.0, "sqlite-vec", True),
        (1.1, 1.0, 1.0, 1.0, "sqlite-vec", True),
        (MOST_RATIO, 1.0, 1.0, 1.0, None, False),
        (1.4, 1.0, 1.0, 1.0, "lancedb", True),
        (1.0, 2.0, 0.98, 0.99, "lancedb", True),
        (1.0, 2.0, 0.98, 0.9, "sqlite-vec", True),
    ],
)
def test_the_rule_by_table(ours, theirs, recall, other, backend, sure):
    found = recommend(1_000, runs(ours, theirs, recall, other), {})
    assert backend is None or found.backend == backend
    assert found.sure is sure
    assert (found.sqlite_vec, found.lancedb) == ("sqlite-vec-resident", "lancedb-ivf")
    assert found.low <= found.ratio <= found.high
    assert found.ratio == pytest.approx(ours / theirs, rel=0.05)


def test_one_neighbour_missed_decides_by_the_rule_but_not_for_sure():
    given = runs(1.0, 2.0)
    once = replace(given["sqlite-vec-resident"], recalls=[0.9] + [1.0] * 59)
    found = recommend(1_000, {**given, "sqlite-vec-resident": once}, {})
    assert (found.backend, found.sure) == ("lancedb", False)
    assert "another run may say otherwise" in found.reason


def test_a_backend_that_failed_never_wins_and_the_reason_is_told():
    alone = {"sqlite-vec-disk": Run([1.0, 1.1], [1.0, 1.0])}
    found = recommend(100, alone, {"lancedb-flat": "building 100: no such place"})
    assert (found.backend, found.sure, found.ratio) == (None, False, None)
    assert "no such place" in found.reason
    assert recommend(100, {}, {}).backend is None


def test_a_known_law_is_found_and_where_two_laws_cross():
    sizes = (1_000, 10_000, 100_000)
    law = fit("sqlite-vec-disk", "search_ms", {size: 0.001 * size**0.9 for size in sizes})
    assert (law.a, law.b, law.residual) == (pytest.approx(0.001), pytest.approx(0.9), 1.0)
    noisy = fit("x", "search_ms", {size: size * (1.5, 1, 1.5)[at] for at, size in enumerate(sizes)})
    assert noisy.residual == pytest.approx(1.21, abs=0.02)
    other = Law("lancedb-ivf", "search_ms", 1.0, 0.3, 1.0, 3)
    (crossed,) = crossings([law, other], sizes)
    assert (crossed.below, crossed.above) == ("sqlite-vec-disk", "lancedb-ivf")
    assert crossed.size == pytest.approx(100_000, rel=0.01)
    assert crossings([law, other], (1_000, 90_000)) == []


def test_few_sizes_or_small_ones_have_no_law():
    assert laws({"search_ms": {"x": {1_000: 1.0, 2_000: 2.0}}}) == []
    assert laws({"search_ms": {"x": {size: float(size) for size in (10, 100, 1_000)}}}) == []
    by_size = {100: 9.0, 1_000: 1.0, 2_000: 2.0, 4_000: 4.0}
    (law,) = laws({"search_ms": {"x": by_size}})
    assert (law.b, law.points) == (pytest.approx(1.0), 3)


def test_who_finds_too_little_or_keeps_nothing_does_not_win():
    costs = {"search_ms": {"quick": {100: 1.0}, "sloppy": {100: 0.1}, "fleeting": {100: 0.1}}}
    found = wins(costs, {("sloppy", 100): 0.5}, ["quick", "sloppy"])
    assert [(one.backend, one.value) for one in found] == [("quick", 1.0)]


# A former report


def written(report, tmp_path, change=dict):

    found = json.loads(as_json(report))
    change(found)
    path = tmp_path / "old.json"
    path.write_text(json.dumps(found))
    return path


def faster(found):
    for one in found["figures"]:
        if one["backend"] == "sqlite-vec-disk" and one["operation"] == "search":
            one.update({name: one[name] / 50 for name in ("p50_ms", "low_ms", "high_ms")})


def test_a_run_beside_itself_has_no_regression(report, tmp_path):
    path = written(report, tmp_path)
    found = compare(read(path), report, path)
    assert found.regressions == []
    assert {one.ratio for one in found.changes if one.what == "p50_ms"} == {1.0}
    assert (found.doubts, found.only_before) == ([], 0)


def test_what_became_slower_or_finds_less_or_takes_more_is_a_regression(report, tmp_path):
    path = written(report, tmp_path, faster)
    worse = compare(read(path), report, path).regressions
    assert {(one.backend, one.operation) for one in worse} == {("sqlite-vec-disk", "search")}
    assert all(one.low > 1.1 for one in worse)
    figures = [
        replace(one, recall=0.9) if (one.backend, one.operation) == ("numpy", "search") else one
        for one in report.figures
    ]
    footprints = [replace(one, disk_bytes=one.disk_bytes + (8 << 20)) for one in report.footprints]
    path = written(report, tmp_path)
    now = replace(report, figures=figures, footprints=footprints)
    worse = compare(read(path), now, path).regressions
    assert {one.what for one in worse} == {"recall", "disk_bytes"}


def test_a_slower_machine_is_no_regression_and_is_told(report, tmp_path):
    def all_faster(found):
        for one in found["figures"]:
            one.update({name: one[name] / 3 for name in ("p50_ms", "low_ms", "high_ms")})

    path = written(report, tmp_path, all_faster)
    found = compare(read(path), report, path)
    searched = [one for one in found.regressions if one.operation == "search"]
    assert searched == []
    assert any("numpy" in one for one in found.doubts)


def test_another_machine_or_index_is_a_doubt(report, tmp_path):
    def elsewhere(found):
        found["machine"]["cores"] = 999
        found["material"]["documents"] = 7

    path = written(report, tmp_path, elsewhere)
    doubts = compare(read(path), report, path).doubts
    assert [one.split(":")[0] for one in doubts] == ["another machine", "other vectors"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "is no report of"),
        ('{"format": "other"}', "is no report of"),
        ('{"format": "hikma-bench", "version": 99}', "has version 99"),
        ('{"format": "hikma-bench", "version": 1}', "lacks what a report has"),
        ('{"format": "hikma-bench", "version": 1, "figures": [{"backend": 1}]}', "lacks"),
    ],
)
def test_a_file_that_is_no_such_report_is_refused(report, tmp_path, text, said):
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=said):
        compare(read(path), report, path)


# What is shown


def test_a_page_holds_its_plots_and_nothing_of_elsewhere(report, tmp_path):
    path = written(report, tmp_path, faster)
    name = "<script>alert(1)</script>"
    outcome = replace(report.backends[0], state="failed", reason=name)
    found = replace(
        report,
        comparison=compare(read(path), report, path),
        backends=[outcome, *report.backends[1:]],
    )
    page = to_html(found)
    assert page.count("<svg") >= 3
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "WORSE" in page
    assert "polyline" in page


def test_a_backend_looks_the_same_in_every_picture_and_unlike_all_others(report):
    """Where one has no point in a picture, those after it keep their colours."""
    footprints = [
        replace(one, disk_bytes=0) if one.backend == "sqlite-vec-resident" else one
        for one in report.footprints
    ]
    every = replace(report, footprints=footprints)
    looks = {}
    for picture in re.findall(r"<svg.*?</svg>", to_html(every), re.DOTALL):
        entry = r'<circle class="(\w+ \w+)"[^>]*/>\s*<text [^>]*>([\w-]+)</text>'
        for look, name in re.findall(entry, picture):
            looks.setdefault(name, set()).add(look)
    assert looks.keys() == set(INSIDE.split(","))
    assert all(len(one) == 1 for one in looks.values())
    assert len(set.union(*looks.values())) == len(looks)
    assert len(picturing._COLOURS) >= len(BACKENDS)


def test_a_scale_ends_where_the_values_do(report):
    """Of the default sizes the largest is a power of ten: a decade beyond it would be empty."""
    page = picturing.curves_of("x", {"numpy": [(100, 1.0), (10_000, 10.0)]}, {"numpy": 0}, {})
    assert ">10,000<" in page
    assert ">100,000<" not in page
    one = picturing.curves_of("x", {"numpy": [(100, 1.0)]}, {"numpy": 0}, {})
    assert "nan" not in one
    law = Law("numpy", "search_ms", 0.001, 1.0, 1.0, 3)
    assert "dotted" not in page
    assert "dotted" in picturing.curves_of(
        "x", {"numpy": [(100, 1.0), (10_000, 10.0)]}, {"numpy": 0}, {"numpy": law}
    )


def test_the_table_has_a_line_for_each_backend_and_size(report):
    text = lines(report)
    for name in INSIDE.split(","):
        for size in ("40", "80"):
            assert any(line.split()[:2] == [size, name] for line in text)
    assert any(line.startswith("no recommendation: nothing to compare") for line in text)


def test_a_report_names_no_machine_and_no_place(report, engine):
    text = as_json(report)
    for secret in (str(engine.root), str(Path.home()), platform.node(), tempfile.gettempdir()):
        assert secret not in text


def test_every_key_of_a_report_is_documented(report):
    text = (Path(__file__).parent.parent / "docs" / "bench.md").read_text(encoding="utf-8")

    def keys(found):
        """Yield names at every depth; those of what has names of its own are none of ours."""
        for name, value in found.items():
            yield name
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and name != "versions":
                    yield from keys(one)

    missing = {name for name in keys(json.loads(as_json(report))) if f"`{name}" not in text}
    assert missing == set()
