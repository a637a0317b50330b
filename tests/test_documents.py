"""What `documents.write_out` makes of a file."""

from hypothesis import given
from hypothesis import strategies as st

from hikma import documents
from hikma.cutting import PIECE_CHARACTERS
from hikma.documents import UNCUT, clean, digest_of, words, write_out
from hikma.domain import NodeKind, SourceFile
from hikma.sources import syntax
from hikma.sources.roots import digest_of as content_digest

MODULE = '''"""Money and its rounding."""

import decimal

LIMIT = 10
RATES = {"eur": 1}


class Purse:
    """Holds coins."""

    owner = "nobody"

    def add(self, coin):
        """Add one coin."""
        self.coins.append(coin)

    def total(self):
        return sum(self.coins)


# Rounds half to even, as banks do.
def round_half(value):
    return decimal.Decimal(value).quantize(1)


print("loaded at import")
'''


def written(text, path="money.py"):
    content = text.encode("utf-8", "surrogatepass")
    extraction = syntax.extract(SourceFile(path, content_digest(content), content))
    return write_out(extraction)


def by_node(text, path="money.py"):
    return {(one.node, one.ordinal): one for one in written(text, path)}


def test_identifiers_are_kept_whole_and_split_into_their_parts():
    assert words("getUserName MAX_SIZE HTTPServer2 _x") == [
        *("getusername", "get", "user", "name"),
        *("max_size", "max", "size"),
        *("httpserver2", "http", "server", "2"),
        "x",
    ]


def test_a_run_of_data_is_one_word_that_no_text_has():
    assert words("a" * 81) == [UNCUT]


def test_each_symbol_has_a_document_of_its_own_lines():
    found = by_node(MODULE)
    total = found["symbol:money.py#Purse.total", 0]
    assert total.text == "    def total(self):\n        return sum(self.coins)"
    assert (total.span.start_line, total.span.end_line) == (18, 19)


def test_a_class_leaves_its_methods_to_them_but_names_them():
    purse = by_node(MODULE)["symbol:money.py#Purse", 0]
    assert "Holds coins" in purse.text
    assert "self.coins.append" not in purse.text
    assert "total" in purse.fields.signature.split()


def test_code_at_module_level_belongs_to_the_file():
    files = [one for one in written(MODULE) if one.node == "file:money.py"]
    text = "\n".join(one.text for one in files)
    assert 'print("loaded at import")' in text
    assert "LIMIT = 10" in text
    assert "def round_half" not in text


def test_the_comment_above_a_symbol_goes_with_it():
    found = by_node(MODULE)
    assert "as banks do" in found["symbol:money.py#round_half", 0].fields.documentation or (
        "as banks do" in found["symbol:money.py#round_half", 0].text
    )
    assert "as banks do" not in found["file:money.py", 0].text


def test_a_long_function_is_cut_into_pieces_that_cover_it():
    body = "\n".join(f"    step_{number} = compute({number})" for number in range(400))
    pieces = [
        one for one in written(f"def long():\n{body}\n") if one.node == "symbol:money.py#long"
    ]
    assert len(pieces) > 3
    assert [one.ordinal for one in pieces] == list(range(len(pieces)))
    assert all(len(one.text) <= PIECE_CHARACTERS for one in pieces)
    held = " ".join(one.fields.body for one in pieces).split()
    assert {f"step_{number}" for number in range(400)} <= set(held)


def test_a_comment_longer_than_a_piece_keeps_its_own_lines():
    comment = "\n".join(f"# remark {number} about the following function" for number in range(80))
    lines = comment.count("\n") + 1
    found = written(f"{comment}\ndef short():\n    return 1\n")
    for one in found:
        assert 1 <= one.span.start_line <= one.span.end_line <= lines + 2
        assert one.text.count("\n") == one.span.end_line - one.span.start_line
    assert len([one for one in found if one.node.endswith("#short")]) > 1


def test_markdown_is_cut_at_its_headings():
    text = "# Guide\n\nHello.\n\n## Install\n\nRun it.\n\n## Use\n\nAsk it.\n"
    found = [one for one in written(text, "guide.md") if "Run it." in one.text]
    assert len(found) == 1
    assert "Ask it." not in found[0].text
    assert {"guide", "install"} <= set(found[0].fields.name.split())


def test_definitions_are_named_in_a_language_without_a_grammar():
    text = "pub struct Ledger {\n    total: u64,\n}\n\nfn settle_debts(ledger: &Ledger) {}\n"
    names = by_node(text, "ledger.d")["file:ledger.d", 0].fields.name.split()
    assert {"ledger", "settle_debts", "settle", "debts"} <= set(names)


def test_the_end_of_a_very_long_line_is_found_although_it_is_not_shown():
    found = written("start " + "filler " * 1_000 + "finish\n", "notes.txt")
    assert len(found) == 1
    assert "finish" in found[0].fields.body.split()
    assert len(found[0].text) <= PIECE_CHARACTERS


def test_a_constant_is_named_by_the_document_that_it_stands_in():
    found = by_node(MODULE)
    assert "limit" in found["file:money.py", 0].fields.name.split()
    assert not any(node.endswith("#LIMIT") for node, _ in found)


def test_an_empty_file_still_has_a_document():
    assert [one.node for one in written("", "empty.py")] == ["file:empty.py"]


def test_equal_meanings_share_a_digest_wherever_they_stand():
    text = "def same():\n    return 1\n"
    here, there = (
        next(one for one in written(text, path) if one.node.endswith("#same"))
        for path in ("a.py", "deep/b.py")
    )
    assert here.digest == there.digest == digest_of(here.meaning)
    assert here.fields.path != there.fields.path


def test_what_no_database_can_hold_is_cleaned():
    assert clean("a\x00b\x1b[31m\ud800c\td\ne") == "a b [31m c\td\ne"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n\t ")))
def test_no_word_of_any_text_is_lost(text):
    """Full text finds every word of a file that is short enough to be one."""
    found = written(text, "notes.txt")
    held = {word for one in found for word in one.fields.body.split()}
    assert set(words(clean(text))) <= held


@given(st.lists(st.sampled_from(MODULE.split("\n")), max_size=60))
def test_no_word_of_any_python_is_lost(lines):
    """Shuffled source, broken syntax included: every word stays findable somewhere."""
    text = "\n".join(lines)
    found = written(text)
    assert all(one.span.start_line <= one.span.end_line for one in found)
    held = {
        word
        for one in found
        for field in (one.fields.body, one.fields.documentation, one.fields.name)
        for word in field.split()
    }
    assert set(words(text)) <= held


def test_documents_know_the_node_that_they_belong_to():
    kinds = {one.node.split(":")[0] for one in written("def test_it():\n    assert it()\n")}
    assert kinds <= {NodeKind.TEST.value, NodeKind.FILE.value, NodeKind.SYMBOL.value}
    assert documents.FORM >= 1
