"""Texts of a user that become a filter: kinds and dates."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hikma.domain import NodeKind
from hikma.errors import FilterError
from hikma.interfaces import filtering

HALF_PAST_FIVE = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-03-31", (2024, 3, 31), (2024, 3, 31, 23, 59, 59, 999_999)),
        (" 20240331 ", (2024, 3, 31), (2024, 3, 31, 23, 59, 59, 999_999)),
        ("2024-W13-7", (2024, 3, 31), (2024, 3, 31, 23, 59, 59, 999_999)),
        ("0001-01-01", (1, 1, 1), (1, 1, 1, 23, 59, 59, 999_999)),
        ("9999-12-31", (9999, 12, 31), (9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_a_day_is_its_first_instant_and_its_last_in_utc(text, first, last):
    assert filtering.since(text) == datetime(*first, tzinfo=UTC)
    assert filtering.until(text) == datetime(*last, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-03-31T12:00:00+02:00", datetime(2024, 3, 31, 10, tzinfo=UTC)),
        ("2024-03-31t12:00:00z", datetime(2024, 3, 31, 12, tzinfo=UTC)),
        ("2024-03-31 12:00", datetime(2024, 3, 31, 12, tzinfo=UTC)),
        ("2024-03-31T12", datetime(2024, 3, 31, 12, tzinfo=UTC)),
        ("20240331T120000.5+0530", datetime(2024, 3, 31, 6, 30, 0, 500_000, tzinfo=UTC)),
        ("2024-03-31T00:00:00", datetime(2024, 3, 31, tzinfo=UTC)),
    ],
)
def test_a_date_with_a_time_is_one_instant(text, instant):
    assert filtering.since(text) == filtering.until(text) == instant


@given(st.datetimes(timezones=st.sampled_from([UTC, HALF_PAST_FIVE])))
def test_what_iso_8601_writes_is_read_back(moment):
    assert filtering.since(moment.isoformat()) == filtering.until(moment.isoformat()) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "2024-02-30", "2024", "03/31/2024", "1711843200", "\0"]
)
@pytest.mark.parametrize("name", ["since", "until"])
def test_what_is_no_date_is_an_error_with_the_value_and_an_example(name, text):
    with pytest.raises(FilterError) as caught:
        getattr(filtering, name)(text)
    said = str(caught.value)
    assert said.startswith(f"--{name} {text!r} is no ISO 8601 date")
    assert "2024-03-31" in said


def test_no_date_asks_for_none():
    assert (filtering.since(None), filtering.until(None)) == (None, None)


def test_a_kind_may_be_written_with_a_hyphen():
    assert filtering.kind("Pull-Request") is filtering.kind("pull_request") is NodeKind.PULL_REQUEST
    with pytest.raises(
        FilterError, match=r"--kind 'issue' .*: repository, directory, file, symbol"
    ):
        filtering.kind("issue")
