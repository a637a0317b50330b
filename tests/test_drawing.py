"""Pages are readable as they are shown: what stands in them is whole and harmless."""

import re

import pytest

from hikma.drawing import page, table, words


def rules(selector):
    """Return what a page's style says of one selector."""
    style = page("x", "", [])
    return "".join(re.findall(rf"(?:^|[ }}\n]){re.escape(selector)} \{{([^}}]*)\}}", style))


def test_names_of_columns_and_of_facts_are_not_broken_within_a_word():
    """A browser gives a column that may break anywhere as little room as one letter."""
    assert "overflow-wrap: normal" in rules("th")
    assert "white-space: nowrap" in rules("table.named td:first-child")
    assert table((), [("measured", "x")]).startswith('<table class="named">')
    assert table(("backend",), [("numpy",)]).startswith("<table><tr><th>")


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_a_text_stands_at_its_place_and_can_do_nothing(anchor):
    made = words(1.25, 2, "<b>\n", "dim", anchor)
    expected = f'<text x="1.2" y="2.0" class="dim" text-anchor="{anchor}">&lt;b&gt;\ufffd</text>'
    assert made == expected
