"""A report holds what the file knows, and its page can do nothing but be read."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from hikma.applying import drain
from hikma.catalog import migrations, outbox, samples
from hikma.catalog.migrations import Step
from hikma.catalog.samples import CONTROL, LIVE, REPLAY, Sample
from hikma.errors import MigrationError
from hikma.interfaces.rendering import as_json
from hikma.interfaces.reporting import report as command
from hikma.migration import verifying
from hikma.migration.reporting import report, to_html
from moving import OUTSIDE

HOSTILE = "<script>alert('x')</script>\"&\x1b[31m\u202e"
DRAWN = {"svg", "title", "rect", "text", "line", "polyline"}
WRITTEN = {
    *("html", "head", "meta", "style", "body", "h1", "h2", "h3", "h4", "p"),
    *("table", "tr", "th", "td"),
}


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep a tag and its attributes."""
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):  # the parser's own name
        """Keep a text."""
        self.texts.append(data)

    @property
    def text(self):
        """All texts."""
        return " ".join(self.texts)


def sample(kind, overlap=1.0, took=2.0, **given):
    fields = {"exact": True, "agreement": 1.0, "drift": 0.0, "source_ms": 1.0}
    return Sample(kind, overlap=overlap, target_ms=took, **{**fields, **given})


def moved(world, wanted=OUTSIDE, found=()):
    """Bring a migration to its shadow, with samples."""
    world.put({one: one for one in range(1, 31)})
    held = world.begin(wanted)
    with world.catalog.write() as connection:
        outbox.enqueue_all(connection, held.target)
    target = world.target(held.target)
    drain(target, 60.0)
    verifying.verify(target, held.epoch)
    with world.catalog.write() as connection:
        for step in (Step.BACKFILL, Step.VERIFY, Step.SHADOW):
            held = migrations.step_to(connection, held, step, f"to {step}")
        samples.put(connection, held.id, found)
    return held


def test_a_report_holds_every_fact(world):
    found = [sample(CONTROL)] * 2 + [sample(LIVE, 0.9)] * 4
    found += [sample(REPLAY, 0.5, exact=False), sample(REPLAY, None, None, error="gone")]
    held = moved(world, found=found)
    world.put({31: 31})
    made = report(world.catalog, held.id)
    steps = ["dual_write", "backfill", "verify", "shadow"]
    assert [one.state for one in made.stays] == steps
    assert [one.target_state for one in made.audit] == steps
    assert all(one.seconds >= 0 for one in made.stays)
    assert (made.state, made.documents, made.target_backlog.pending) == ("shadow", 31, 1)
    assert made.source_verification is None
    assert (made.target_verification.checked, made.target_verification.wrong) == (30, 0)
    assert made.samples == {"control": 2, "live": 4, "replay": 2}


def test_exact_and_approximate_answers_are_kept_apart(world):
    found = [sample(CONTROL), sample(LIVE, 0.9), sample(LIVE, 0.9), sample(LIVE, None, error="x")]
    found += [sample(REPLAY, 0.5, 8.0, exact=False), sample(LIVE, 1.0, exact=False)]
    parts = report(world.catalog, moved(world, found=found).id).parts
    assert [(one.kind, one.index) for one in parts] == [
        ("replay", "approximate"),
        ("live", "exact"),
        ("live", "approximate"),
    ]
    approximate, exact, _ = parts
    assert (exact.index, exact.overlaps, exact.errors) == ("exact", {0.9: 2}, {"x": 1})
    assert exact.comparison.overlap == pytest.approx(0.9)
    assert exact.comparison.errors == pytest.approx(1 / 3)
    assert (approximate.index, approximate.overlaps) == ("approximate", {0.5: 1})
    assert approximate.comparison.slowdown == pytest.approx(8.0)
    assert approximate.target_ms[0] == (0.0, 8.0)
    assert exact.comparison.noise == approximate.comparison.noise == 1.0


def test_a_step_ends_where_the_next_begins_and_the_last_one_not_at_all(world):
    held = moved(world)
    with world.catalog.write() as connection:
        migrations.set_paused(connection, held, "", paused=True)
        held = migrations.step_to(connection, held, Step.ROLLED_BACK, "enough")
    made = report(world.catalog, held.id)
    assert [one.state for one in made.stays][-2:] == ["shadow", "rolled_back"]
    assert made.stays[-1].seconds == 0
    assert len(made.audit) == len(made.stays) + 1


def test_a_report_is_one_json_object(world):
    held = moved(world, found=[sample(LIVE)])
    told = json.loads(as_json(report(world.catalog, held.id)))
    assert told["target"]["backend"] == "double"
    assert told["parts"][0]["comparison"]["samples"] == 1
    assert told["target_verification"]["missing"] == 0


def test_a_page_needs_nothing_else(world):
    text = to_html(report(world.catalog, moved(world, found=[sample(LIVE)] * 3).id))
    page = Page(text)
    assert set(page.tags) <= DRAWN | WRITTEN
    assert page.tags.count("svg") == 3
    assert not page.attributes & {"src", "href", "srcset", "action", "data", "onload"}
    assert not any(one in text for one in ("http:", "https:", "url(", "@import", "//"))
    assert "prefers-color-scheme: dark" in text


def test_a_page_escapes_hostile_names(world):
    wanted = replace(OUTSIDE, location=HOSTILE, index_type=HOSTILE)
    held = moved(world, wanted, [sample(LIVE, None, None, error=HOSTILE)])
    with world.catalog.write() as connection:
        held = migrations.step_to(connection, held, Step.CANARY, HOSTILE, percent=1.0)
    text = to_html(report(world.catalog, held.id))
    page = Page(text)
    assert set(page.tags) <= DRAWN | WRITTEN
    assert page.text.count("<script>alert('x')</script>\"&") >= 5
    assert not any(sign in text for sign in "\x1b\u202e")
    assert text.encode()


def test_a_migration_without_samples_has_a_page_too(world):
    page = Page(to_html(report(world.catalog, moved(world).id)))
    assert "No answers were compared yet." in page.text


def test_a_target_that_never_answered_has_a_page_too(world):
    held = moved(world, found=[sample(LIVE, None, None, error="gone")] * 3)
    page = Page(to_html(report(world.catalog, held.id)))
    assert "100.00%" in page.text
    assert "unknown" in page.text


def test_a_migration_that_is_gone_is_an_error(world):
    with pytest.raises(MigrationError, match="Migration 7 is not in the file"):
        report(world.catalog, 7)


@pytest.fixture
def index(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIKMA_DATABASE", str(world.path))
    return world


def test_the_command_says_where_it_wrote(index, tmp_path):
    moved(index)
    done = CliRunner().invoke(command, ["--repo", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"the report is in {tmp_path / 'migration-report.html'}" in done.stderr
    assert "<h1>" in (tmp_path / "migration-report.html").read_text(encoding="utf-8")


def test_the_command_prints_json_and_writes_only_where_it_is_told(index, tmp_path):
    moved(index)
    asked = ["--repo", str(tmp_path), "--json"]
    done = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert json.loads(done.stdout)["state"] == "shadow"
    assert not list(tmp_path.glob("*.html"))
    CliRunner().invoke(command, [*asked, "--out", "there.html"], catch_exceptions=False)
    assert (tmp_path / "there.html").exists()


def test_the_command_names_what_cannot_be_written(index, tmp_path):
    moved(index)
    asked = ["--repo", str(tmp_path), "--out", str(tmp_path / "none" / "report.html")]
    with pytest.raises(MigrationError, match="cannot be written"):
        CliRunner().invoke(command, asked, catch_exceptions=False)


def test_the_command_without_a_migration_says_what_to_do(index, tmp_path):
    with pytest.raises(MigrationError, match="hikma migrate start"):
        CliRunner().invoke(command, ["--repo", str(tmp_path)], catch_exceptions=False)
