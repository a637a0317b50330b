"""The user's file of pull requests: both exports, and what is said of a file that is wrong."""

import json

import pytest

from hikma.errors import UsageError
from hikma.sources.accounts import read_accounts

HASH = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.fixture
def read(tmp_path):
    """Write a file, as text, bytes or JSON of what is given, and read it."""

    def of(content):
        place = tmp_path / "pulls.json"
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            place.write_text(text, encoding="utf-8")
        return read_accounts(place)

    return of


def test_what_gh_exports_is_read(read):
    """`gh pr list --json …`: camelCase, states in capitals, objects for authors and labels."""
    entry = {
        "number": 12,
        "title": "Fix the walk",
        "body": "It fell.\r\n",
        "author": {"id": "x", "is_bot": False, "login": "ada", "name": "Ada Byron"},
        "labels": [{"id": "y", "name": "bug", "color": "red"}, {"name": "good first issue"}],
        "state": "MERGED",
        "createdAt": "2024-03-01T12:00:00Z",
        "closedAt": "2024-03-03T12:00:00Z",
        "mergedAt": "2024-03-03T12:00:00Z",
        "mergeCommit": {"oid": HASH},
        "commits": [{"oid": OTHER, "messageHeadline": "Fix", "authors": []}],
        "url": "of no meaning here",
    }
    assert read([entry]) == {
        12: {
            "title": "Fix the walk",
            "description": "It fell.",
            "author": "ada",
            "labels": "bug, good first issue",
            "state": "merged",
            "date": "2024-03-03T12:00:00Z",
            "created": "2024-03-01T12:00:00Z",
            "merged": "2024-03-03T12:00:00Z",
            "closed": "2024-03-03T12:00:00Z",
            "commits": [OTHER, HASH],
        }
    }


def test_what_the_api_answers_is_read(read):
    """The REST API: snake_case, `user`, a count for `commits`, null for what is not there."""
    merged = {
        "number": 12,
        "title": "Fix the walk",
        "body": None,
        "user": {"login": "ada", "id": 1},
        "labels": [{"name": "bug"}],
        "state": "closed",
        "merged": True,
        "created_at": "2024-03-01T12:00:00Z",
        "closed_at": "2024-03-03T12:00:00Z",
        "merged_at": "2024-03-03T12:00:00Z",
        "merge_commit_sha": HASH.upper(),
        "commits": 3,
        "draft": False,
    }
    still_open = {
        "number": 13,
        "title": "Try",
        "user": None,
        "state": "open",
        "labels": [],
        "created_at": "2024-03-04T12:00:00Z",
        "closed_at": None,
        "merged_at": None,
        "merge_commit_sha": None,
    }
    found = read([merged, still_open])
    assert found[12]["state"] == "merged"
    assert found[12]["author"] == "ada"
    assert found[12]["commits"] == [HASH]
    assert found[13] == {
        "title": "Try",
        "state": "open",
        "date": "2024-03-04T12:00:00Z",
        "created": "2024-03-04T12:00:00Z",
    }


@pytest.mark.parametrize(
    "content",
    [
        '[{"number": 1, "title": "a\u2028b"}, {"number": 2}]',
        '{"number": 1, "title": "a\u2028b"}\n\n{"number": 2}\n',
        '{"number": 1, "title": "a\u2028b"}\r\n{"number": 2}',
        '\ufeff{"pull_requests": [{"number": 1, "title": "a\u2028b"}, {"number": 2}]}',
    ],
    ids=["list", "lines", "lines with CRLF", "object with a byte order mark"],
)
def test_a_list_or_an_object_a_line(read, content):
    assert read(content) == {1: {"title": "a\u2028b"}, 2: {}}


def test_one_object_is_one_pull_request(read):
    assert read({"number": 5}) == {5: {}}


def test_an_empty_list_says_that_there_are_none(read):
    assert read("[]") == {}


def test_what_no_file_can_hold_is_replaced(read):
    """NUL, and half of a character that JSON can escape."""
    text = '[{"number": 1, "title": "a\\u0000b", "author": "\\ud800", "labels": ["\\udfff x"]}]'
    assert read(text) == {1: {"title": "a b", "author": "?", "labels": "? x"}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty; give a JSON list"),
        ("\n \n", "is empty"),
        (b"\xff\xfe[]", "cannot be read"),
        ("nothing", "is no JSON (Expecting value: line 1 column 1"),
        ('[\n{"number": 1},\n{"number": }]', "is no JSON (Expecting value: line 3 column 12"),
        ('{"number": 1}\n{"number": ', "is no JSON (line 2: Expecting value"),
        ("[" * 200_000, "is no JSON ("),
        ("3", "holds no list of pull requests"),
        ('{"pull_requests": 3}', "holds no list"),
        ('{"message": "Not Found", "status": "404"}', "entry 1: number = None"),
        ([1], "entry 1: int is no object"),
        ([{}], "entry 1: number = None is no integer from 1"),
        ([{"number": "7"}], "number = '7'"),
        ([{"number": True}], "number = True"),
        ([{"number": 0}], "number = 0"),
        ([{"number": 10**12}], "number = 1000000000000"),
        ([{"number": 1}, {"number": 1}], "entry 2: number 1 stands there twice"),
        ([{"number": 1, "title": 5}], "title = 5 is no text"),
        ([{"number": 1, "body": ["a"]}], "body = ['a'] is no text"),
        ([{"number": 1, "author": 5}], "author = 5 is no name"),
        ([{"number": 1, "user": {"login": 5}}], "author = 5 is no name"),
        ([{"number": 1, "labels": "bug"}], "labels = 'bug' is no list"),
        ([{"number": 1, "labels": [{"id": 3}]}], "label {'id': 3} has no name"),
        ([{"number": 1, "state": "ready"}], "state = 'ready' is none of open, closed, merged"),
        ([{"number": 1, "mergedAt": "yesterday"}], "'yesterday'"),
        ([{"number": 1, "created_at": 1709294400}], "createdAt = 1709294400 is no text"),
        ([{"number": 1, "commits": "abc"}], "commits = 'abc' is no list"),
        ([{"number": 1, "commits": ["abc"]}], "commit 'abc' is no id of 40 hex digits"),
        ([{"number": 1, "mergeCommit": {"oid": None}}], "commit {'oid': None} is no id"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong_and_what_would_be_right(read, content, told):
    with pytest.raises(UsageError) as caught:
        read(content)
    assert told in str(caught.value)
    assert "pulls.json" in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path):
    for place in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(UsageError, match="cannot be read") as caught:
            read_accounts(place)
        assert str(place) in str(caught.value)
