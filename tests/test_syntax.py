import pickle
import subprocess
import sys

import pytest

from hikma.domain import NodeKind, Skip, SourceFile, Span
from hikma.sources.syntax import MAX_DEPTH, MAX_LOOSE, extract, plain
from outlining import extraction_of, node_named, outline_of

DEEP = 20_000


def test_the_file_comes_first_with_its_measures():
    extraction = extraction_of("src/Tool.PY", b'"""What it does."""\n\nx = 1\n')
    file = extraction.nodes[0]
    assert (file.id, file.kind, file.name) == ("file:src/Tool.PY", NodeKind.FILE, "Tool.PY")
    assert (file.language, file.span) == ("python", Span(1, 3))
    assert file.documentation == "What it does."
    assert file.properties == {"size": 27, "lines": 3, "extension": "py", "digest": "d1"}


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)]
)
def test_lines_are_counted_as_an_editor_does(content, lines):
    file = extraction_of("notes.txt", content).nodes[0]
    assert file.properties["lines"] == lines
    assert file.span == Span(1, max(lines, 1))


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_every_line_ending_gives_the_same_lines(ending):
    """CRLF and lone CR files have the line numbers that an editor shows."""
    text = ending.join(["x = 1", "", "def f():", "    return 1", ""])
    extraction = extraction_of("a.py", text.encode())
    assert extraction.text == "x = 1\n\ndef f():\n    return 1\n"
    assert node_named(extraction, "f").span == Span(3, 4)


@pytest.mark.parametrize("name", ["Makefile", ".gitignore", "archive.tar.gz"])
def test_an_extension_is_what_follows_the_last_dot_of_a_named_file(name):
    expected = {"Makefile": "", ".gitignore": "", "archive.tar.gz": "gz"}[name]
    assert extraction_of(f"a.b/{name}", b"text\n").nodes[0].properties["extension"] == expected


def test_what_is_not_worth_indexing_is_skipped_with_a_reason():
    skip = extract(SourceFile("a.py", "d", b"\x00\x01\x02"))
    assert isinstance(skip, Skip)
    assert skip.reason


def test_a_language_without_a_grammar_is_text():
    extraction = extraction_of("a.sql", b"select 1;\n")
    assert [node.language for node in extraction.nodes] == ["sql"]
    assert (extraction.text, extraction.limitation) == ("select 1;\n", None)


def test_plain_keeps_the_reason_why_a_file_was_not_read_as_code():
    extraction = plain(SourceFile("a.py", "d", b"x"), "x\r\n", limitation="took too long")
    assert (extraction.text, extraction.limitation) == ("x\n", "took too long")
    assert len(extraction.nodes) == 1


def test_a_licence_is_not_what_a_file_says():
    text = """
    // Copyright 2024 Someone. All rights reserved.
    // Use is governed by a licence.

    // Package queue hands out work.
    package queue
    """
    assert extraction_of("q.go", text).nodes[0].documentation == "Package queue hands out work."


def test_a_comment_above_the_first_symbol_is_the_symbols_alone():
    extraction = extraction_of("a.js", b"// Adds.\nfunction add() {}\n")
    assert extraction.nodes[0].documentation == ""
    assert node_named(extraction, "add").documentation == "Adds."


def test_documentation_is_cut_at_about_a_thousand_characters():
    extraction = extraction_of("a.py", f'def f():\n    """{"word " * 500}"""\n')
    assert 900 < len(node_named(extraction, "f").documentation) <= 1_000


def test_a_comment_behind_code_or_after_a_gap_documents_nothing():
    text = """
    int a = 1; /* of a */
    int f(void) { return 1; }

    /* A banner. */

    int g(void) { return 1; }
    """
    extraction = extraction_of("a.c", text)
    assert node_named(extraction, "f").documentation == ""
    assert node_named(extraction, "g").documentation == ""


def test_orders_to_tools_and_rules_are_no_documentation():
    text = """
    // ----------------------------
    // eslint-disable-next-line foo
    // Really adds.
    // @ts-expect-error it does
    function add() {}
    """
    assert node_named(extraction_of("a.ts", text), "add").documentation == "Really adds."


def test_a_signature_is_one_line_of_at_most_300_characters():
    arguments = ",\n    ".join(f"argument_{i}: int" for i in range(60))
    signature = node_named(
        extraction_of("a.py", f"def f(\n    {arguments},\n): pass\n"), "f"
    ).signature
    assert signature.startswith("def f(argument_0: int, argument_1: int,")
    assert len(signature) == 300


NESTED = {
    "brackets.py": b"x = " + b"(\n" * DEEP + b"1" + b")\n" * DEEP,
    "sum.py": b"x = (" + b"1 +\n" * DEEP + b"1)",
    "blocks.js": b"{\n" * DEEP + b"}\n" * DEEP,
    "functions.js": b"function f(){\n" * DEEP + b"}\n" * DEEP,
    "else.js": b"if(a){}else \n" * DEEP + b"{}",
    "less.js": b"a<\n" * DEEP,
    "types.ts": b"type A = " + b"A<\n" * DEEP + b"1" + b">\n" * DEEP,
    "classes.ts": b"class A{m(){\n" * DEEP + b"}}\n" * DEEP,
    "element.tsx": b"x = " + b"<a>\n" * DEEP + b"</a>\n" * DEEP,
    "blocks.go": b"package a\nfunc f(){\n" + b"{\n" * DEEP + b"}\n" * DEEP + b"}",
    "brackets.go": b"package a\nvar x = " + b"(\n" * DEEP + b"1" + b")" * (DEEP - 1),
    "blocks.c": b"int f(){\n" + b"{\n" * DEEP + b"}\n" * DEEP + b"}",
    "pointers.c": b"int " + b"*" * (DEEP - 100) + b"x;",
    "branches.c": b"#if A\n" * DEEP + b"#endif\n" * DEEP,
}
LOOSE = {
    "open.py": b"x = [" + b"[\n" * DEEP,
    "open.c": b"(\n" * DEEP,
    "slices.go": b"package a\nvar x " + b"[]\n" * DEEP + b"int",
}
READ_DEEP = """
import pickle, sys, time
from hikma.domain import SourceFile
from hikma.sources.syntax import extract
for path, content in pickle.load(sys.stdin.buffer).items():
    start = time.process_time()
    found = extract(SourceFile(path, "d", content))
    soon = time.process_time() - start < 5
    print(path, len(found.nodes), bool(found.text), soon, found.limitation, sep="|")
"""


@pytest.mark.parametrize(
    ("files", "limitation"),
    [
        (NESTED, f"nested deeper than {MAX_DEPTH:,} levels"),
        (LOOSE, f"not readable as code: more than {MAX_LOOSE:,} loose parts"),
    ],
    ids=["nested", "loose"],
)
def test_nesting_20000_deep_ends_in_text_and_never_in_a_crash(files, limitation):
    """The process survives, soon; what cannot be read as code is text, and says so."""
    done = subprocess.run(
        [sys.executable, "-c", READ_DEEP],
        input=pickle.dumps(files),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    expected = [f"{path}|1|True|True|{limitation}" for path in files]
    assert done.stdout.decode().splitlines() == expected


def test_a_chain_of_a_hundred_branches_is_no_nesting():
    chain = "\n".join(f"    else if (x == {i}) {{ y = {i}; }}" for i in range(100))
    text = f"int f(int x) {{\n    int y = 0;\n    if (x) {{}}\n{chain}\n    return y;\n}}\nint g(void) {{ return 1; }}\n"
    assert [row.split(" ", 1)[1] for row in outline_of("a.c", text)] == ["function f", "function g"]


BROKEN = {
    "a.py": "def a():\n    pass\n\ndef (:\n    x x x\n\n@@@\n\ndef b():\n    pass\n",
    "a.js": "function a() {}\n\nconst = ) ;;\n%%% {\n}\n\nfunction b() {}\n",
    "a.ts": "function a(): void {}\n\ntype = ;\nconst { = ] ;\n\nfunction b(): void {}\n",
    "a.go": "package x\n\nfunc a() {}\n\nfunc ) {\n:= :=\n}\n\nfunc b() {}\n",
    "a.c": "int a(void) { return 1; }\n\nint ) {{ @@\n}}\n\nint b(void) { return 1; }\n",
}


@pytest.mark.parametrize("path", BROKEN)
def test_what_stands_around_an_error_is_still_read(path):
    names = {row.rpartition(" ")[2] for row in outline_of(path, BROKEN[path].encode())}
    assert {"a", "b"} <= names


def test_importing_the_extractor_loads_no_parser():
    """A search that never parses does not pay for parsers; a file pays for its own language."""
    code = """
import sys
from hikma.domain import SourceFile
from hikma.sources.syntax import extract
assert "tree_sitter" not in sys.modules
extract(SourceFile("a.go", "d", b"package a"))
print(sorted(name for name in sys.modules if name.startswith("tree_sitter_") and "." not in name))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "['tree_sitter_go']"


def test_extraction_is_the_same_every_time():
    text = b"def f(): pass\ndef f(): pass\nclass A:\n    def f(self): pass\n"
    assert extraction_of("a.py", text) == extraction_of("a.py", text)


def test_ids_are_unique_and_count_in_source_order():
    text = b"def f(): pass\ndef f(): pass\ndef f(): pass\n"
    assert outline_of("a.py", text) == ["1-1 function f", "2-2 function f~2", "3-3 function f~3"]
