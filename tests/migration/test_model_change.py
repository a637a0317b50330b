"""Another embedding model, while the file is searched: nothing is lost, and it is judged first."""

import os
import re
from hashlib import blake2b

import numpy as np
import pytest

from driver import in_process
from fakes import HashingEmbedder
from hikma import history, indexing, rereading, routing
from hikma.catalog import adopted, embeddings, ledger, migrations, rows, samples, spaces
from hikma.catalog.migrations import LINE
from hikma.domain import Mode, Query
from hikma.engine import Engine
from hikma.errors import (
    ConfigurationError,
    CorruptFileError,
    MigrationError,
    ModelError,
    SpaceMismatchError,
)
from hikma.evaluation.topics import Topic, TopicSet, Unit
from hikma.migration import embedding
from hikma.migration.gates import Quality, Thresholds
from hikma.moving import Wanted
from hikma.settings import Settings
from hikma.vectors.resident import ResidentVectors
from hikma.vectors.sqlite import SqliteVectors

FILES = 12
AT_ONCE = Thresholds(samples=20, hold_s=0.0, soak_s=0.0, slowdown=1e6, longest_ms=1e6)
ASKED = Query("move the value seven on", mode=Mode.SEMANTIC, limit=5)


class Senseless(HashingEmbedder):
    """A model to which no two texts are alike."""

    def _embed(self, text):
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
        row = np.random.default_rng(seed).standard_normal(self.dimension)
        return (row / np.linalg.norm(row)).astype(np.float32)


class Failing(HashingEmbedder):
    """A model whose server is there only where `fails` is false."""

    fails = False

    def _embed(self, text):
        if self.fails:
            raise ModelError("its server is gone; start it")
        return super()._embed(text)


class Change:
    """A repository with its index, and the models that can be asked for by name."""

    def __init__(self, repository, database):
        self.repository = repository
        self.database = database
        self.models = {
            "old": HashingEmbedder(256, "old"),
            "other": Failing(384, "other"),
            "senseless": Senseless(128, "senseless"),
        }
        self.engine = self.open(embedding_model="old")
        self.engine.index()
        self.reopen()

    def open(self, **wanted):
        """Return an engine with these settings."""
        settings = Settings(database=self.database, vector_batch_size=10, **wanted)
        return Engine(self.repository.root, settings, models=self.model)

    def reopen(self, **wanted):
        """Open the file as another process would."""
        self.engine.close()
        self.engine = self.open(**wanted)

    def model(self, name):
        if name not in self.models:
            raise ConfigurationError(f"unknown embedding model {name!r}")
        return self.models[name]

    @property
    def mover(self):
        return self.engine.migration

    def start(self, model="other", **wanted):
        return self.mover.start(Wanted(model=model, thresholds=AT_ONCE, **wanted))

    def advance(self, quality=(0.5, 0.5), **options):
        return self.mover.advance(judge=lambda *_: judged(*quality), **options)

    def go(self, step):
        """Go on to a step."""
        while self.mover.status().state != step:
            self.advance()

    def answering(self):
        with self.engine.catalog.read() as connection:
            return ledger.space(connection)

    def asked(self):
        """Return the model of the space that answers the query of all tests."""
        with self.engine.catalog.read() as connection:
            return routing.route(connection, ASKED.text).space.model

    def hits(self, query=ASKED):
        found = self.engine.search(query)
        assert not found.degraded
        return [hit.id for hit in found.hits]

    def expected(self, model):
        """Return what a fresh index with a model answers."""
        settings = Settings(database=self.database.with_name(f"{model}.db"), embedding_model=model)
        with Engine(self.repository.root, settings, models=self.model) as engine:
            engine.index()
            return [hit.id for hit in engine.search(ASKED).hits]

    def vector(self, key, identity):
        """Return the canonical vector of a node's first document by a model."""
        with self.engine.catalog.read() as connection:
            number = rows.value(
                connection,
                "SELECT document.id FROM document JOIN node ON node.id = document.node "
                "WHERE node.key = ? ORDER BY ordinal LIMIT 1",
                (key,),
            )
            return ledger.vectors_of(connection, [number], identity).vectors[0]

    def findings(self):
        return [f"{one.name}: {one.fact}" for one in self.engine.examine()]

    def lacking(self, name):
        with self.engine.catalog.read() as connection:
            return embeddings.lacking(connection, self.models[name].document_identity)


def judged(source, target, topics=10):
    return Quality(source, target, "nDCG@10", topics, "test")


@pytest.fixture(autouse=True)
def without_workers(monkeypatch):
    """Read in this process: workers are tried by the command at the end."""
    for module in (indexing, history, rereading):
        monkeypatch.setattr(module, "run", in_process)


@pytest.fixture(autouse=True)
def one_salt(monkeypatch):
    """Have no chance decide who is on trial: a random salt leaves one query in a thousand out."""
    monkeypatch.setattr(migrations, "token_bytes", bytes)


@pytest.fixture
def repository(make_repository):
    made = make_repository({f"lib/part_{n}.py": part(n) for n in range(FILES)})
    for n in range(3):
        made.write(f"lib/part_{n}.py", part(n, "again"))
        made.commit(f"Let part {n} move its value again and again (#{n + 1})")
    return made


def part(n, how="on"):
    names = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]
    return f'def step_{n}(value):\n    """Move the value {names[n]} {how}."""\n    return {n}\n'


@pytest.fixture
def change(repository, tmp_path):
    made = Change(repository, tmp_path / "index.db")
    yield made
    made.engine.close()


def test_the_whole_way_with_right_answers_at_each_step(change):
    old, other = change.expected("old"), change.expected("other")
    embedded = change.models["other"].embedded
    assert change.hits() == old
    seen = [change.start().state]
    while seen[-1] != "soak":
        assert change.hits() == (other if change.asked() == "other" else old)
        seen.append(change.advance().state)
    assert list(dict.fromkeys(seen)) == list(LINE[1:-1])
    assert change.hits() == other
    assert change.mover.finalize().state == "finalized"
    assert change.models["other"].embedded > embedded
    change.reopen()
    assert (change.hits(), change.findings()) == (other, [])
    status = change.engine.status()
    assert (status.space.model, status.space.dimension) == ("other", 384)
    before = change.models["other"].embedded
    change.repository.write("lib/fresh.py", part(3, "anew"))
    assert change.engine.index().embedded == change.models["other"].embedded - before > 0
    assert (change.lacking("other"), change.findings()) == (0, [])
    copy = change.database.with_name("copy.db")
    change.engine.backup(copy)
    assert copy.exists()
    assert change.mover.repair() == 0


def test_a_query_on_trial_is_embedded_by_the_model_of_the_space_that_answers_it(change):
    other = change.expected("other")
    change.start()
    change.go("canary")
    change.advance(percent=99.9)
    assert change.hits() == other


@pytest.mark.parametrize("percent", [0.0, 99.9])
def test_what_only_words_found_has_the_cosine_of_the_model_that_answers(
    change, monkeypatch, percent
):
    change.start()
    change.go("canary")
    change.advance(percent=percent)
    for store in (SqliteVectors, ResidentVectors):
        monkeypatch.setattr(store, "nearest", lambda *_: [])
    model = change.models[change.asked()]
    assert model.name == ("other" if percent else "old")
    found = change.engine.search(Query(ASKED.text, limit=5))
    assert found.hits
    assert not found.degraded
    for hit in found.hits:
        own = change.vector(hit.id, model.document_identity)
        assert hit.similarity == pytest.approx(float(own @ model.embed_query(ASKED.text)), abs=1e-4)


def test_a_model_on_trial_that_fails_is_replaced_by_the_proven_one(change):
    old = change.expected("old")
    change.start()
    change.go("canary")
    change.advance(percent=99.9)
    change.models["other"].fails = True
    assert change.hits() == old


def test_no_vector_of_one_model_is_put_to_the_other(change):
    change.start()
    change.go("shadow")
    for _ in range(40):
        change.hits()
    change.reopen()  # what was observed is written when the engine closes
    with change.engine.catalog.read() as connection:
        assert samples.of(connection, 1, samples.LIVE) == []


@pytest.mark.parametrize("step", LINE[1:-1])
def test_from_every_step_there_is_a_way_back(change, step):
    change.start()
    change.go(step)
    change.repository.write("lib/part_6.py", part(6, "forward"))
    change.engine.index()
    assert change.mover.roll_back("test").state == "rolled_back"
    change.reopen()
    assert change.answering().model == "old"
    assert change.hits() == change.expected("old")
    assert change.findings() == []
    change.repository.write("lib/part_7.py", part(7, "back"))
    change.engine.index()
    assert (change.lacking("old"), change.findings()) == (0, [])


def test_a_pause_stops_the_embedding(change, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 4)
    change.start()
    plain = embedding._store

    def store(*arguments):
        change.mover.pause("test")
        return plain(*arguments)

    monkeypatch.setattr(embedding, "_store", store)
    assert change.advance().state == "backfill"
    assert change.lacking("other") > 0
    monkeypatch.setattr(embedding, "_store", plain)
    change.mover.resume()
    assert change.advance().state == "verify"


def test_a_run_in_the_middle_embeds_by_both_models(change):
    change.start()
    change.repository.write("lib/fresh.py", part(4, "between"))
    before = {name: one.embedded for name, one in change.models.items()}
    report = change.engine.index()
    old, other = (change.models[name].embedded - before[name] for name in ("old", "other"))
    assert old == other > 0
    assert (report.embedded, report.owed) == (old, 0)
    change.go("soak")
    assert change.findings() == []
    change.repository.write("lib/part_5.py", part(5, "late"))
    change.engine.index()
    assert change.lacking("old") == change.lacking("other") == 0
    assert change.mover.finalize().state == "finalized"


@pytest.mark.parametrize("backend", [None, "lancedb"])
def test_a_model_that_fails_stops_no_run_and_gets_its_vectors_later(change, backend):
    if backend and "CI" not in os.environ:
        pytest.importorskip("lancedb")
    change.start(backend=backend)
    change.go("verify")
    change.models["other"].fails = True
    change.repository.write("lib/part_5.py", part(5, "late"))
    assert change.engine.index().owed > 0
    assert change.lacking("other") > 0
    told = ["hikma migrate repair" in one.remedy for one in change.engine.examine()]
    assert told == ([True] if backend else [])  # what lies outside was tried, and is parked
    assert change.hits() == change.expected("old")
    with pytest.raises(ModelError, match="server is gone"):
        change.advance()
    change.models["other"].fails = False
    change.go("soak")
    assert change.lacking("other") == 0
    assert change.hits() == change.expected("other")
    assert change.findings() == []


def test_after_a_way_back_without_the_old_model_a_repair_brings_what_it_lacks(change):
    change.models["old"].__class__ = Failing
    change.start()
    change.go("soak")
    change.models["old"].fails = True
    change.repository.write("lib/part_5.py", part(5, "late"))
    change.engine.index()
    change.mover.roll_back("test")
    change.models["old"].fails = False
    assert any("hikma migrate repair" in one.remedy for one in change.engine.examine())
    change.mover.repair()
    assert (change.lacking("old"), change.findings()) == (0, [])
    assert change.hits() == change.expected("old")


def test_what_changed_since_it_was_indexed_waits_for_the_next_run(change):
    change.start()
    change.repository.write("lib/part_5.py", part(5, "late"))
    with pytest.raises(MigrationError, match=r"lib/part_5\.py.*hikma index"):
        change.advance()
    change.engine.index()
    assert change.advance().state == "verify"


def test_a_run_that_another_model_overtakes_goes_on_with_that_one(change, monkeypatch):
    plain, calls = indexing.embed, []

    def embed(*arguments):
        made = plain(*arguments)
        calls.append(arguments)
        if len(calls) == 1:  # from start to cutover between the embedding and the transaction
            change.start()
            change.go("soak")
        return made

    monkeypatch.setattr(indexing, "embed", embed)
    change.repository.write("lib/fresh.py", part(4, "between"))
    change.engine.index()
    assert len(calls) == 2
    assert change.lacking("old") == change.lacking("other") == 0
    assert change.findings() == []


def test_a_run_after_the_search_structure_was_switched_reaches_both(change):
    change.start()
    change.go("cutover")
    (change.repository.root / "lib/part_4.py").unlink()
    change.engine.index()
    change.go("soak")
    assert change.mover.verify().wrong == change.mover.verify(source=True).wrong == 0


@pytest.mark.parametrize(
    ("harm", "wrong"),
    [
        ("DELETE FROM vectors_2 WHERE rowid = 3", (1, 0)),
        (
            "UPDATE embedding SET vector = zeroblob(1536) "
            "WHERE id = (SELECT max(id) FROM embedding WHERE dimension = 384)",
            (0, 1),
        ),
    ],
)
def test_a_verification_finds_what_is_not_there_or_another(change, harm, wrong):
    change.start()
    change.go("verify")
    with change.engine.catalog.write() as connection:
        connection.execute(harm)
    found = change.mover.verify()
    assert (found.missing, found.mismatched) == wrong


def test_an_altered_vector_stops_the_copying_and_the_remedies_that_are_told_heal_it(change):
    """The error names the document and its digest; `doctor` tells the same remedy."""
    change.start()
    change.repository.write("lib/part_0.py", part(0, "between"))
    change.engine.index()  # embedded by the other model before all else is copied
    with change.engine.catalog.write() as connection:
        [(number, digest)] = rows.every(
            connection,
            "UPDATE embedding SET vector = zeroblob(1536) WHERE id = "
            "(SELECT max(embedding.id) FROM embedding JOIN ledger USING (digest) WHERE NOT deleted "
            "AND dimension = 384) RETURNING (SELECT max(document_id) FROM ledger "
            "WHERE ledger.digest = embedding.digest), digest",
        )
    named = rf"document {number} \(digest {digest.hex()}\).*`hikma doctor`.*"
    remedy = r"Run `hikma migrate rollback`, then run `hikma index --full`\."
    with pytest.raises(CorruptFileError, match=named + remedy):
        change.advance()
    told = [one.remedy for one in change.engine.examine() if one.name == "embedding"]
    assert [re.fullmatch(remedy, one) is not None for one in told] == [True]
    change.mover.roll_back("test")
    [found] = [one for one in change.engine.examine() if one.name == "embedding"]
    assert found.remedy == "Run `hikma index --full`."
    change.engine.index(full=True)
    assert change.findings() == []
    change.start()
    change.go("soak")
    assert change.findings() == []


def test_a_file_taken_over_is_healed_by_taking_it_over_again(change):
    with change.engine.catalog.write() as connection:
        adopted.put_origin(connection, adopted.Origin("/there", "docs", 1))
        connection.execute("UPDATE embedding SET vector = zeroblob(1024) WHERE id = 1")
    [found] = [one for one in change.engine.examine() if one.name == "embedding"]
    assert found.remedy == (
        "Delete the file and take docs in /there over again with `hikma migrate adopt`."
    )


def test_a_vector_that_is_lost_is_made_again(change):
    change.start()
    change.go("verify")
    with change.engine.catalog.write() as connection:
        connection.execute("DELETE FROM embedding WHERE id = (SELECT max(id) FROM embedding)")
    assert change.lacking("other") > 0
    assert change.advance().state == "shadow"
    assert change.mover.verify().wrong == 0


def topics(engine):
    """Return a topic for each function: its docstring, and the file that it stands in."""
    with engine.catalog.read() as connection:
        found = rows.every(
            connection,
            "SELECT key, documentation, path FROM node WHERE kind = 'symbol' ORDER BY path",
        )
    made = [Topic(key, text, {Unit.FILES: {path: 1}}) for key, text, path in found]
    return TopicSet("test", made)


def test_without_a_migration_too(change):
    with change.engine.catalog.write() as connection:
        connection.execute("DELETE FROM embedding WHERE id % 2 = 0")
    told = [one.remedy for one in change.engine.examine() if one.name == "ledger"]
    assert told == ["Run `hikma migrate repair`."]
    change.mover.repair()
    assert (change.lacking("old"), change.findings()) == (0, [])
    assert change.hits() == change.expected("old")


def test_a_worse_model_is_refused(change):
    from hikma import evaluation  # noqa: PLC0415 -- only here

    judge = evaluation.judged_by(change.engine, lambda: topics(change.engine))
    change.start("senseless")
    while change.mover.status().state != "shadow":
        change.mover.advance(judge=judge)
    with pytest.raises(MigrationError, match=r"quality: nDCG@10 0\.\d+ after 0\.\d+ by 12 topics"):
        change.mover.advance(judge=judge)
    found = change.mover.status()
    assert found.state == "shadow"
    assert found.quality.target < 0.95 * found.quality.source
    assert change.answering().model == "old"


def test_a_model_as_good_is_taken(change):
    from hikma import evaluation  # noqa: PLC0415 -- only here

    judge = evaluation.judged_by(change.engine, lambda: topics(change.engine))
    change.start()
    assert change.mover.auto(judge=judge).state == "soak"
    found = change.mover.status().quality
    assert found.topics == 12
    assert found.target >= 0.95 * found.source > 0.5


def test_topics_come_from_the_commits_of_the_index(change):
    from hikma import evaluation  # noqa: PLC0415 -- only here

    found = evaluation.indexed_topics(change.engine)
    assert [one.text for one in found.topics] == [
        f"Let part {n} move its value again and again" for n in (2, 1, 0)
    ]
    assert [list(one.qrels["files"]) for one in found.topics] == [
        [f"lib/part_{n}.py"] for n in (2, 1, 0)
    ]


@pytest.mark.parametrize(
    ("quality", "topic_count", "holds"),
    [
        ((0.5, 0.475), 10, True),
        ((0.5, 0.47), 10, False),
        ((0.5, 0.6), 9, False),
        ((0, 0), 10, False),
    ],
)
def test_the_gate_asks_for_most_of_the_quality_by_enough_topics(
    change, quality, topic_count, holds
):
    change.start()
    change.go("shadow")
    change.mover.judge(lambda *_: judged(*quality, topic_count))
    gates = {one.name: one for one in change.mover.status().gates}
    assert gates["quality"].holds is holds
    assert "overlap@10, lower bound" not in gates


def test_without_a_judgement_nothing_goes_on(change):
    change.start()
    change.go("shadow")
    with pytest.raises(MigrationError, match="quality: unknown"):
        change.mover.advance()


def test_with_another_backend_at_once(change, tmp_path):
    pytest.importorskip("lancedb") if "CI" not in os.environ else None
    change.start(backend="lancedb", location=str(tmp_path / "there"))
    change.go("soak")
    assert (change.answering().backend, change.answering().model) == ("lancedb", "other")
    assert change.hits() == change.expected("other")
    change.repository.write("lib/part_5.py", part(5, "late"))
    change.engine.index()
    assert change.mover.finalize().state == "finalized"
    assert change.findings() == []


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"model": "unheard"}, ConfigurationError, "unheard"),
        ({"model": "old"}, MigrationError, "by the model 'old'"),
        ({"model": None}, MigrationError, "already"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(change, wanted, error, words):
    with pytest.raises(error, match=words):
        change.start(**wanted)
    with change.engine.catalog.read() as connection:
        assert migrations.latest(connection) is None
        assert len(spaces.every(connection)) == 1


def test_a_model_that_does_not_work_begins_nothing(change):
    change.models["other"].fails = True
    with pytest.raises(ModelError):
        change.start()
    with change.engine.catalog.read() as connection:
        assert migrations.latest(connection) is None


def test_a_second_migration_is_refused(change):
    change.start()
    with pytest.raises(MigrationError, match="before another is begun"):
        change.start("senseless")


def test_a_file_taken_over_has_no_texts_for_another_model(change):
    with change.engine.catalog.write() as connection:
        adopted.put_origin(connection, adopted.Origin("/there", "docs", 1))
    with pytest.raises(MigrationError, match="taken over from the table docs"):
        change.start()


def test_a_setting_that_names_the_former_model_is_told(change):
    change.start()
    change.go("soak")
    change.mover.finalize()
    change.reopen(embedding_model="old")
    with pytest.raises(SpaceMismatchError, match="has model 'other', not 'old'"):
        change.engine.search(ASKED)
