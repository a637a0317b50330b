"""Flags seed a fresh file, and against a file's own state they are an error."""

from dataclasses import replace

import pytest

from driver import engine_on
from hikma import flags
from hikma.catalog import ledger, migrations, samples
from hikma.catalog.migrations import Step
from hikma.domain import Query
from hikma.errors import ConfigurationError, MigrationError
from hikma.settings import Settings
from moving import OUTSIDE


@pytest.mark.parametrize(
    ("use", "backend", "found"),
    [
        (None, None, None),
        (None, "lancedb", "lancedb"),
        (True, None, "sqlite-vec"),
        (False, None, "lancedb"),
        (True, "sqlite-vec", "sqlite-vec"),
        (False, "lancedb", "lancedb"),
    ],
)
def test_the_flag_is_the_backend_by_another_name(use, backend, found):
    assert flags.backend(Settings(use_sqlite_vec=use, vector_backend=backend)) == found


@pytest.mark.parametrize(("use", "backend"), [(True, "lancedb"), (False, "sqlite-vec")])
def test_two_switches_never_rule_one_choice(use, backend):
    with pytest.raises(ConfigurationError, match="unset one of them"):
        flags.backend(Settings(use_sqlite_vec=use, vector_backend=backend))


@pytest.mark.parametrize(
    ("step", "agreeing", "differing"),
    [
        (None, (None, False, False), [(None, True, None), (None, None, True), (False, None, None)]),
        (Step.BACKFILL, (True, True, False), [(None, False, None), (None, None, True)]),
        (Step.SHADOW, (True, True, True), [(None, False, None), (None, None, False)]),
        (Step.CUTOVER, (None, True, True), [(True, None, None), (None, None, False)]),
    ],
)
def test_each_flag_must_agree_with_the_file(world, step, agreeing, differing):
    if step is not None:
        world.begin(replace(OUTSIDE, backend="lancedb"))
        with world.catalog.write() as connection:
            connection.execute("UPDATE migration SET state = ?", (step,))
            if step is Step.CUTOVER:
                migrations._move_spaces(connection, migrations.required(connection), step)
    with world.catalog.read() as connection:
        answering = ledger.space(connection)
        flags.check(connection, flagged(agreeing), answering)
        for one in differing:
            with pytest.raises(ConfigurationError, match=r"HIKMA_\w+ = \w+, but .*unset it, or"):
                flags.check(connection, flagged(one), answering)


def test_a_fresh_file_is_made_as_the_flags_say(tmp_path):
    (tmp_path / "a.py").write_text("def one():\n    return 1\n")
    database = tmp_path / "there" / "index.db"
    wanted = {"use_sqlite_vec": True, "dual_write_vectors": True, "compare_backends": True}
    with engine_on(tmp_path, database, **wanted) as engine:
        engine.index()
        found = engine.migration.status()
        assert (found.state, found.target.backend) == ("shadow", "lancedb")
        assert engine.search(Query("one")).hits  # the same flags agree with what they made
        with pytest.raises(MigrationError, match="builds the file anew"):
            engine.index(full=True)
    with (
        engine_on(tmp_path, database, dual_write_vectors=False) as engine,
        pytest.raises(ConfigurationError, match="migration 1 is at shadow"),
    ):
        engine.search(Query("one"))
    assert not (tmp_path / "vectors.lance").exists()
    assert (database.parent / "vectors.lance").is_dir()


def flagged(values):
    names = ("use_sqlite_vec", "dual_write_vectors", "compare_backends")
    return Settings(**dict(zip(names, values, strict=True)))


def test_what_is_asked_meanwhile_is_asked_of_the_target_too(tmp_path):
    """A tenth of the questions, off their path; commands that ask once leave nothing behind."""
    (tmp_path / "a.py").write_text("def one():\n    return 1\n")
    database = tmp_path / "there" / "index.db"
    with engine_on(tmp_path, database, compare_backends=True) as engine:
        engine.index()
        engine.search(Query("one"))
    with engine_on(tmp_path, database) as engine:
        assert live(engine) == []
        for number in range(45):
            assert engine.search(Query(f"one {number}")).hits
    with engine_on(tmp_path, database) as engine:
        found = live(engine)
    assert 3 <= len(found) <= 5
    assert {one.overlap for one in found} == {1.0}


def live(engine):
    with engine.catalog.read() as connection:
        held = migrations.latest(connection)
        return [one for one in samples.of(connection, held.id) if one.kind == samples.LIVE]
