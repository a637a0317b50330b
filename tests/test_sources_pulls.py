"""Pull requests by the words of hosts: each host's own, and what only looks like them."""

import time

import pytest

from hikma.domain import PullMention
from hikma.sources.pulls import mention

ADA = "Ada Byron"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "Merge pull request #12 from ada/fix/the-walk\n\nFix the walk\n\nIt fell.\n\nTwice.\n",
            PullMention(
                12, "Fix the walk", "It fell.\n\nTwice.", "ada", "fix/the-walk", is_merge=True
            ),
            id="GitHub",
        ),
        pytest.param(
            "Merge pull request #12 from ada/walk",
            PullMention(12, "walk", "", "ada", "walk", is_merge=True),
            id="GitHub, nothing but the subject",
        ),
        pytest.param(
            "Fix the walk (#12)\n\n* First try\n\n* Second try\n",
            PullMention(12, "Fix the walk", "* First try\n\n* Second try", ADA),
            id="GitHub, squashed",
        ),
        pytest.param(
            "Merge branch 'walk' into 'main'\n\nFix the walk\n\nIt fell.\n\n"
            "Closes #7\n\nSee merge request group/sub/project!12\n",
            PullMention(12, "Fix the walk", "It fell.\n\nCloses #7", is_merge=True),
            id="GitLab",
        ),
        pytest.param(
            "Merge branch 'walk' into 'main'\r\n\r\nSee merge request !12\r\n",
            PullMention(12, "Merge branch 'walk' into 'main'", "", is_merge=True),
            id="GitLab, untitled, with CRLF",
        ),
        pytest.param(
            "Merged in walk (pull request #12)\n\nFix the walk\n\nApproved-by: Grace",
            PullMention(12, "Fix the walk", "Approved-by: Grace", "", "walk", is_merge=True),
            id="Bitbucket",
        ),
        pytest.param(
            "Merge pull request #12 in TEAM/project from fix/walk to master\n\n* commit 'abc':\n  Fix",
            PullMention(12, "fix/walk", "* commit 'abc':\n  Fix", "", "fix/walk", is_merge=True),
            id="Bitbucket Server",
        ),
        pytest.param(
            "Merged PR 12: Fix the walk\n\nIt fell.\n\nRelated work items: #7",
            PullMention(12, "Fix the walk", "It fell.\n\nRelated work items: #7", is_merge=True),
            id="Azure",
        ),
        pytest.param(
            "Merge pull request 'Don't fall (#7)' (#12) from ada/project:walk into main\n\nIt fell.",
            PullMention(12, "Don't fall (#7)", "It fell.", "", "ada/project:walk", is_merge=True),
            id="Gitea",
        ),
        pytest.param(
            'Revert "Fix the walk (#11)" (#12)',
            PullMention(12, 'Revert "Fix the walk (#11)"', "", ADA),
            id="two numbers: the last",
        ),
    ],
)
def test_each_host_says_it_in_its_own_words(message, expected):
    assert mention(message, ADA) == expected


@pytest.mark.parametrize(
    "message",
    [
        "",
        "\n\n",
        "Fix #12",
        "Fix the walk, see (#12) and others",
        "Fix the walk\n\nAs told in (#12)",
        "(#12)",
        "Close issue 12 (gh-12)",
        "Fix the walk (#0)",
        "Fix the walk (#1234567890)",
        "Merge branch 'walk'",
        "Merge pull request from ada/walk",
        "Merge pull request #x from ada/walk",
        "Say See merge request !12 inside a line",
        "Fix (#12).",
    ],
)
def test_a_number_that_may_be_an_issues_is_none(message):
    assert mention(message, ADA) is None


def test_a_subject_without_end_costs_nothing_and_is_cut():
    """No pattern tries again from each place of a long line."""
    start = time.perf_counter()
    for filler in ("a ", "  ", "!", "(#", "See merge request ", "\nSee merge request a"):
        assert mention(filler * 100_000, ADA) is None
    found = mention("a " * 100_000 + "(#12)", ADA)
    assert time.perf_counter() - start < 10
    assert found.number == 12
    assert len(found.title) == 300
