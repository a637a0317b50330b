"""From topics to figures: measured as ir-measures does, drawn by a seed, held to a gate."""

import sys
from math import log2

import ir_measures
import numpy as np
import pytest

from driver import engine_on, in_process
from hikma import indexing
from hikma.domain import Filter, Mode, NodeKind, Query
from hikma.errors import EvaluationError, ModelError, QueryError
from hikma.evaluation import (
    Gate,
    GivenTopics,
    Topic,
    TopicSet,
    Unit,
    Wanted,
    check,
    evaluate,
    gate,
    given_topics,
    judge,
    measures,
    plot,
    run,
)
from hikma.evaluation.measuring import ranked
from hikma.evaluation.plotting import svg
from hikma.evaluation.trec import read_qrels, read_topics
from hikma.ranking import Weights
from hikma.results import Hit

SHOP = "def price(rows):\n    return sum(rows)\n\n\ndef owed(rows):\n    return len(rows)\n"
DOOR = (
    "def open_door(key):\n    return key.turn()\n\n\ndef close_door(key):\n    return key.turn()\n"
)


@pytest.fixture
def engine(make_repository, tmp_path, monkeypatch):
    """An index of two files with two functions each."""
    monkeypatch.setattr(indexing, "run", in_process)
    repository = make_repository({"shop.py": SHOP, "src/door.py": DOOR})
    with engine_on(repository.root, tmp_path / "index.db") as opened:
        opened.index()
        yield opened


def hit(path, name="", lines=(1, 2), kind=NodeKind.SYMBOL):
    """Return a hit that stands for a symbol, or for a piece of a file."""
    key = f"{kind}:{path}#{name}" if name else f"{kind}:{path}"
    return Hit(1, key, kind, name, path, *lines, None, 1.0, None, "", (), fresh=True, properties={})


def topic(qid, **qrels):
    return Topic(qid, "open the door", {Unit(unit): targets for unit, targets in qrels.items()})


def judged(topics, found, names=("nDCG@10", "RR@10", "R@100", "P@2", "AP"), unit=Unit.FILES):
    return judge(topics, found, unit, measures(names))


def test_the_figures_are_those_of_a_hand():
    topics = [topic("1", files={"a": 1, "b": 1}), topic("2", files={"c": 2, "d": 1, "e": 1})]
    found = {"1": [hit("x"), hit("a"), hit("a"), hit("b")], "2": [hit("c")]}
    by_topic = judged(topics, found).by_topic
    first = {
        "nDCG@10": (1 / log2(3) + 1 / log2(4)) / (1 + 1 / log2(3)),
        "RR@10": 1 / 2,
        "R@100": 1.0,
        "P@2": 1 / 2,
        "AP": (1 / 2 + 2 / 3) / 2,
    }
    second = {
        "nDCG@10": 2 / (2 + 1 / log2(3) + 1 / log2(4)),
        "RR@10": 1.0,
        "R@100": 1 / 3,
        "P@2": 1 / 2,
        "AP": 1 / 3,
    }
    assert by_topic["1"] == pytest.approx(first)
    assert by_topic["2"] == pytest.approx(second)
    means = {one.measure: one.mean for one in judged(topics, found).figures}
    assert means == pytest.approx({name: (first[name] + second[name]) / 2 for name in first})


def test_the_figures_are_those_of_the_library():
    """Over random runs, with its own pipeline."""
    draw = np.random.default_rng(5)
    topics, found, qrels, run_ = [], {}, {}, {}
    for number in range(40):
        qid = f"topic {number}"
        paths = [f"p{one}" for one in draw.permutation(60)[:25]]
        relevant = {f"p{one}": int(draw.integers(0, 3)) for one in draw.permutation(60)[:9]}
        if not any(relevant.values()):
            continue
        topics.append(topic(qid, files=relevant))
        found[qid] = [hit(path) for path in paths]
        qrels[qid] = relevant
        run_[qid] = {path: float(-at) for at, path in enumerate(paths)}
    names = ("nDCG@10", "RR@10", "R@100", "P@5", "AP@20", "Success@5", "Rprec")
    wanted = [ir_measures.parse_measure(name) for name in names]
    told = ir_measures.calc_aggregate(wanted, qrels, run_)
    ours = {one.measure: one.mean for one in judged(topics, found, names).figures}
    assert ours == pytest.approx({str(one): value for one, value in told.items()})


def test_a_topic_that_finds_nothing_counts_as_nothing():
    topics = [topic("1", files={"a": 1}), topic("2", files={"b": 1})]
    part = judged(topics, {"1": [hit("a")], "2": []})
    assert part.topics == 2
    assert {one.mean for one in part.figures if one.measure != "P@2"} == {0.5}


def test_only_topics_with_something_relevant_in_the_unit_are_judged():
    topics = [topic("1", files={"a": 1}, symbols={}), topic("2", files={"b": 1}, symbols={"s": 0})]
    topics.append(topic("3", files={"c": 1}, symbols={"symbol:c#f": 1}))
    found = {"1": [], "2": [], "3": [hit("c", "f")]}
    assert judged(topics, found).topics == 3
    part = judged(topics, found, unit=Unit.SYMBOLS)
    assert (part.topics, part.figures[0].mean) == (1, 1.0)


def test_an_interval_is_that_of_the_bootstrap_and_the_same_each_time():
    values = [index % 4 == 0 for index in range(100)]
    topics = [topic(str(n), files={"a": 1}) for n in range(100)]
    found = {str(n): [hit("a")] if good else [] for n, good in enumerate(values)}
    (figure,) = judged(topics, found, ["RR@10"]).figures
    assert figure.mean == 0.25
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 100)
    assert figure.low == pytest.approx(0.25 - spread, abs=0.012)
    assert figure.high == pytest.approx(0.25 + spread, abs=0.012)
    assert judged(topics, found, ["RR@10"]).figures == [figure]
    found = {str(n): [*(hit(f"x{at}") for at in range(n % 17)), hit("a")] for n in range(100)}
    one, other = (judge(topics, found, Unit.FILES, measures(["AP"]), seed) for seed in (1, 2))
    assert one.figures[0].mean == other.figures[0].mean
    assert one.figures[0].low != other.figures[0].low


@pytest.mark.parametrize(
    ("unit", "targets"),
    [
        (Unit.FILES, ["b", "a"]),
        (Unit.SYMBOLS, ["symbol:b#f", "file:a", "symbol:a#g", "symbol:b#h"]),
    ],
)
def test_a_target_is_counted_once_and_history_not_at_all(unit, targets):
    hits = [
        hit("", "1", kind=NodeKind.COMMIT),
        hit("b", "f"),
        hit("a", kind=NodeKind.FILE),
        hit("a", "g"),
        hit("a", kind=NodeKind.FILE),
        hit("b", "h"),
    ]
    assert ranked(hits, {"a": 1}, unit) == targets


def test_history_counts_where_it_is_judged():
    hits = [hit("b", "f"), hit("x", kind=NodeKind.COMMIT)]
    assert ranked(hits, {"commit:x": 1}, Unit.SYMBOLS) == ["symbol:b#f", "commit:x"]


def test_a_hit_meets_the_best_place_that_none_before_it_met():
    qrels = {"a:1-10": 1, "a:8-20": 2, "b": 1, "symbol:c#f": 1}
    hits = [
        hit("a", "x", (9, 9)),  # both: the better one
        hit("a", "y", (10, 12)),  # both: the other one
        hit("a", "z", (15, 16)),  # met before: passed over
        hit("a", "n", (21, 30)),  # nothing: takes its rank
        hit("b", "f", (1, 2)),
        hit("c", "f", (1, 2)),
        hit("c", "f", (3, 4)),
    ]
    found = ranked(hits, qrels, Unit.PLACES)
    assert [*found[:2], *found[3:]] == ["a:8-20", "a:1-10", "b", "symbol:c#f"]
    assert found[2] not in qrels


@pytest.mark.parametrize("name", ["ndcg@10", "NDCG@10", " nDCG@10 "])
def test_a_measure_is_known_whatever_its_case(name):
    assert [str(one) for one in measures([name, "nDCG@10"])] == ["nDCG@10"]


@pytest.mark.parametrize(
    "name",
    [
        "nDGC@10",
        "ndcg@",
        "ndcg@0",
        "ndcg@-1",
        "",
        "P",
        "ERR@20",
        "nDCG(cutoff=3)",
        "__import__",
        "R",
    ],
)
def test_a_measure_that_is_unknown_or_cannot_be_taken_here_is_refused(name):
    with pytest.raises(EvaluationError, match=r"is unknown; choose of nDCG@10"):
        measures([name])


def test_a_measure_that_looks_further_than_the_hits_is_refused():
    with pytest.raises(EvaluationError, match=r"R@100 looks at 100 hits and only 10.*--limit"):
        check(Wanted(Query("", limit=10)))
    check(Wanted(Query("", limit=10), ["ndcg@10"]))
    with pytest.raises(EvaluationError, match=r"P@50 looks at 50 hits"):
        check(Wanted(Query("", limit=10), ["ndcg@10"], [Gate("p@50", 0.1)]))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(Query("", limit=2_000)),
        Wanted(Query("", limit=100), count=0),
        Wanted(Query("", limit=100), seed=-1),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(wanted):
    with pytest.raises((EvaluationError, QueryError)):
        check(wanted)


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(EvaluationError, match=r"pip install 'hikma\[eval\]'"):
        measures(["nDCG@10"])


@pytest.mark.parametrize(
    ("text", "read"),
    [("ndcg@10=0.5", Gate("ndcg@10", 0.5)), (" R@100 = 1 ", Gate("R@100", 1.0))],
)
def test_a_gate_is_a_measure_and_a_figure(text, read):
    assert gate(text) == read


@pytest.mark.parametrize(
    "text", ["ndcg@10", "ndcg@10=", "=0.5", "ndcg@10=half", "ndcg@10=50", "a=nan"]
)
def test_a_gate_without_a_figure_from_0_to_1_is_refused(text):
    with pytest.raises(EvaluationError, match="write a measure and a figure of 0 to 1"):
        gate(text)


def test_topics_are_drawn_by_a_seed_and_stay_in_order():
    topics = TopicSet("given", [topic(str(n), files={"a": 1}) for n in range(50)])
    drawn = topics.sampled(10, 3)
    ids = [int(one.id) for one in drawn.topics]
    assert (len(ids), ids) == (10, sorted(ids))
    assert topics.sampled(10, 3) == drawn
    assert topics.sampled(10, 4) != drawn
    assert topics.sampled(50, 3) is topics
    assert topics.sampled(None, 3) is topics


def test_no_topic_is_an_error_that_says_what_was_left_out():
    with pytest.raises(EvaluationError, match="3 reverts"):
        TopicSet("commits", [], {"reverts": 3}).sampled(None, 0)


def door(qid, **more):
    return Topic(
        qid,
        "open the door",
        {Unit.FILES: {"src/door.py": 1}, Unit.SYMBOLS: {"symbol:src/door.py#open_door": 1}, **more},
    )


def test_an_evaluation_asks_the_engine_and_holds_it_to_the_gates(engine):
    asked = TopicSet("given", [door("1"), door("2")], {"reverts": 3})
    gates = [Gate("ndcg@10", 0.9), Gate("p@5", 0.5)]
    found = evaluate(engine, asked, Wanted(Query("", limit=20), ["RR@10"], gates, count=1))
    assert (found.topics, found.drawn_from, found.mode, found.model) == (1, 2, "hybrid", "static")
    assert dict(found.left_out) == {"reverts": 3}
    assert [part.unit for part in found.judged] == [Unit.FILES, Unit.SYMBOLS]
    assert [one.measure for one in found.judged[0].figures] == ["RR@10", "nDCG@10", "P@5"]
    assert [one.mean for one in found.judged[0].figures[:2]] == [1.0, 1.0]
    short = {(one.unit, one.measure, one.mean, one.least) for one in found.shortfalls}
    assert short == {(Unit.FILES, "P@5", 0.2, 0.5), (Unit.SYMBOLS, "P@5", 0.2, 0.5)}


def test_a_mean_at_the_gate_passes(engine):
    asked = TopicSet("given", [door("1")])
    found = evaluate(engine, asked, Wanted(Query("", limit=20), ["RR@10"], [Gate("rr@10", 1.0)]))
    assert found.shortfalls == []


def test_only_answers_of_the_asked_kinds_are_relevant(engine):
    test = {Unit.SYMBOLS: {"test:src/door.py#test_it": 1}}
    asked = TopicSet("given", [door("1"), Topic("2", "open the door", test)])
    only = Filter(kinds=(NodeKind.SYMBOL,))
    found = evaluate(engine, asked, Wanted(Query("", only, limit=20), ["RR@10"]))
    assert found.topics == 1
    assert found.left_out["topics with nothing of the asked kinds"] == 1


def test_one_index_answers_for_many_weights(engine):
    """So that weights can be tuned: no second index, no other state."""
    topics = [Topic("1", "price door", {Unit.FILES: {"src/door.py": 1}})]
    query = Query("", limit=10, mode=Mode.LEXICAL)
    plain = run(engine, topics, query)
    folders = run(engine, topics, query, Weights(lexical=0, name_overlap=0, stem_overlap=5))
    names = run(engine, topics, query, Weights(lexical=0, name_overlap=5, stem_overlap=0))
    assert folders["1"][0].path == "src/door.py"
    assert names["1"][0].name == "price"
    assert run(engine, topics, query) == plain


def test_a_degraded_answer_is_no_measure(engine, monkeypatch):
    def broken(_text):
        raise ModelError("the server is away")

    engine.search(Query("door"))
    monkeypatch.setattr(engine._answer().embedder, "embed_query", broken)
    assert engine.search(Query("door")).degraded
    with pytest.raises(EvaluationError, match=r"lacks a retriever.*the server is away"):
        run(engine, [door("1")], Query("", limit=10))


def test_a_topic_that_quotes_or_names_what_nothing_holds_is_judged(engine):
    """As commits do with what they are about to add; the answer says so, and is one."""
    text = 'open `DoorLatch` the "latch of the door"'
    assert engine.search(Query(text)).degraded
    assert run(engine, [Topic("1", text, {Unit.FILES: {"src/door.py": 1}})], Query("", limit=10))


TOPS = """\
<top>
<num> Number: 301
<title> open the
door

<desc> Description:
How is it done?
</top>
<top>
<num>302</num>
<title></title>
<desc>Description: close the door
</top>
"""


def written(tmp_path, name, text):
    place = tmp_path / name
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return place


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("1\topen the door\n\n2\tprice\tof it\r\n", {"1": "open the door", "2": "price\tof it"}),
        ("\ufeff1\topen", {"1": "open"}),
        (TOPS, {"301": "open the door", "302": "close the door"}),
    ],
)
def test_topics_are_read_in_both_formats(tmp_path, text, topics):
    assert read_topics(written(tmp_path, "topics", text)) == topics


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\topen\nclose the door\n", "topics:2: 'close the door' is no topic"),
        ("1\topen\n1\tclose\n", "topics:2: the topic '1' stands there twice"),
        ("1\t \n", "topics:1: '1' is no topic"),
        ("\n\n", "holds no topic"),
        ("<top>\n<num> 1\n<title> a\n</top>\n<top>\n<num> 2\n</top>", "topics:5: .* no <title>"),
        (b"1\t\xff\n", "is not UTF-8"),
    ],
)
def test_a_topic_that_cannot_be_read_is_named_by_its_line(tmp_path, text, words):
    with pytest.raises(EvaluationError, match=words):
        read_topics(written(tmp_path, "topics", text))


def test_judgements_are_read_with_spaces_in_their_targets(tmp_path):
    """The id of a test may have some: `test:a.test.ts#cart > adds`."""
    text = "1 0 src/door.py 1\n1 0 test:a.test.ts#cart > adds 2\n\n2\tQ0\tshop.py:1-2\t0\r\n"
    assert read_qrels(written(tmp_path, "qrels", text)) == {
        "1": {"src/door.py": 1, "test:a.test.ts#cart > adds": 2},
        "2": {"shop.py:1-2": 0},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 a.py 1\n1 0 a.py\n", "qrels:2: '1 0 a.py' is no judgement"),
        ("1 0 a.py yes\n", "qrels:1: "),
        ("1 0 a.py 0.5\n", "qrels:1: "),
        ("1 0 a.py 1\n1 0 a.py 0\n", "qrels:2: 'a.py' was judged otherwise"),
        ("", "holds no judgement"),
    ],
)
def test_a_judgement_that_cannot_be_read_is_named_by_its_line(tmp_path, text, words):
    with pytest.raises(EvaluationError, match=words):
        read_qrels(written(tmp_path, "qrels", text))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read: No such file"):
        read_topics(tmp_path / "none")


@pytest.mark.parametrize(
    ("targets", "unit"),
    [
        (["src/door.py", "file:shop.py"], Unit.FILES),
        (["symbol:src/door.py#open_door"], Unit.SYMBOLS),
        (["src/door.py:1-2"], Unit.PLACES),
        (["src/door.py", "symbol:shop.py#price"], Unit.PLACES),
    ],
)
def test_hits_are_counted_in_what_is_judged(engine, tmp_path, targets, unit):
    topics = written(tmp_path, "topics", "1\topen the door\n")
    qrels = written(tmp_path, "qrels", "".join(f"1 0 {one} 1\n" for one in targets))
    found = given_topics(engine, GivenTopics.read(topics, qrels))
    (topic_,) = found.topics
    assert {one.removeprefix("file:") for one in targets} == set(topic_.qrels[unit])
    part = evaluate(engine, found, Wanted(Query("", limit=20), ["RR@10"])).judged[0]
    assert (part.unit, part.figures[0].mean) == (unit, 1.0)


def test_what_the_index_lacks_is_counted(engine, tmp_path):
    topics = written(tmp_path, "topics", "1\topen the door\n2\tprice\n3\tnothing\n")
    text = "1 0 src/door.py 1\n1 0 gone.py 1\n1 0 gone.py:1-2 1\n2 0 gone.py 1\n4 0 shop.py 1\n"
    qrels = written(tmp_path, "qrels", text)
    found = given_topics(engine, GivenTopics.read(topics, qrels))
    assert [one.id for one in found.topics] == ["1"]
    assert dict(found.left_out) == {
        "targets that are not in the index": 3,
        "judged topics without a text": 1,
        "topics for which nothing in the index is relevant": 2,
    }


def test_where_nothing_is_left_there_is_an_error_and_no_score(engine, tmp_path):
    topics = written(tmp_path, "topics", "1\topen the door\n")
    qrels = written(tmp_path, "qrels", "1 0 gone.py 1\n")
    found = given_topics(engine, GivenTopics.read(topics, qrels))
    with pytest.raises(EvaluationError, match="1 targets that are not in the index"):
        evaluate(engine, found, Wanted(Query("", limit=100)))


def test_a_picture_holds_every_figure_and_the_gate_that_was_missed(engine, tmp_path):
    asked = TopicSet("<given>", [door("1")])
    wanted = Wanted(Query("", limit=20), ["RR@10"], [Gate("p@5", 0.5)])
    found = evaluate(engine, asked, wanted)
    drawn = svg(found)
    assert "<given>" not in drawn
    assert drawn.count("<circle") == 4
    assert drawn.count('class="gate"') == 2
    assert "0.200  [0.200, 0.200]" in drawn
    for name in ("plot.svg", "plot.html"):
        plot(found, tmp_path / name)
        assert drawn in (tmp_path / name).read_text(encoding="utf-8")
    assert (tmp_path / "plot.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(EvaluationError, match=r"\.svg or \.html"):
        plot(found, tmp_path / "plot.png")
    with pytest.raises(EvaluationError, match="cannot be written"):
        plot(found, tmp_path / "none" / "plot.svg")
