"""A large run embeds in a process beside the one that writes; the file is the same for it."""

import pytest

import worker_tasks
from fakes import HashingEmbedder
from hikma import embedding_ahead
from hikma.engine import Engine
from hikma.settings import Settings
from hikma.telemetry import Stopwatch
from rows import differences, rows_of

DIMENSION = 16


@pytest.fixture
def index(corpus_repository, tmp_path):
    """Return what indexes the corpus into a file and tells its rows, its report and its model."""

    def of(name, enough, apart=worker_tasks.embed, cores=2):
        model = HashingEmbedder(DIMENSION)
        model.apart = apart
        settings = Settings(database=tmp_path / name, vector_batch_size=5)
        with (
            pytest.MonkeyPatch.context() as patch,
            Engine(corpus_repository.root, settings, models=lambda _: model) as engine,
        ):
            patch.setattr(embedding_ahead, "ENOUGH_BYTES", enough)
            patch.setattr("hikma.engine.os.cpu_count", lambda: cores)
            report = engine.index(history=False)
        return rows_of(tmp_path / name), report, model

    return of


def test_vectors_of_another_process_are_those_of_this_one(index):
    here, plain, mine = index("here.db", 1 << 40)
    apart, report, spared = index("apart.db", 0)
    assert differences(apart, here) == []
    assert report.embedded == plain.embedded == mine.embedded > 50
    assert spared.embedded == 0


def test_texts_whose_worker_dies_are_embedded_here(index, corpus_repository):
    (corpus_repository.root / "grave.md").write_text("# A fatality\n\nNobody reads this.\n")
    apart, report, helped = index("apart.db", 0)
    here, _, _ = index("here.db", 1 << 40)
    assert differences(apart, here) == []
    assert 0 < helped.embedded < report.embedded


@pytest.mark.parametrize("wanted", [{"cores": 1}, {"apart": None}])
def test_without_a_second_core_or_a_task_everything_is_embedded_here(index, wanted):
    _, report, model = index("alone.db", 0, **wanted)
    assert model.embedded == report.embedded > 50


def test_the_time_of_a_stage_inside_another_counts_once():
    clock = iter([0.0, 1.0, 4.0, 10.0, 10.0, 12.0])
    watch = Stopwatch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hikma.telemetry.time.perf_counter", lambda: next(clock))
        with watch.stage("outer"), watch.stage("inner"):
            pass
        with watch.stage("inner"):
            pass
    assert watch.seconds == {"outer": 7.0, "inner": 5.0}
