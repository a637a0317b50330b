"""A file without the documentation of its symbols, in every language that is read as code."""

import json
from pathlib import Path

import pytest

from hikma.domain import SourceFile
from hikma.sources import syntax
from hikma.sources.language_names import written_in
from hikma.sources.undocumented import without_documentation

SAMPLES = sorted((Path(__file__).parent / "syntax").glob("*.txt"))
UNDOCUMENTED = {
    # Samples in which no symbol has documentation.
    "elixir_describe_test.exs",
    "expo_cdp_network_types.kt",
    "nbclient_update-display-id.ipynb",
    "svelte-french-toast_ToastBar.svelte",
    "vitepress_VPLocalNavOutlineDropdown.vue",
}

WRITTEN = {
    "a.py": 'class A:\n    r"""zanzibar "x"."""\n\n    def f(self):\n        """zanzibar."""\n',
    "b.py": '# zanzibar\ndef f():\n    return 1\n\n\ndef g(): "zanzibar"\n',
    "a.js": "/**\n * zanzibar\n * @param {x} zanzibar\n */\nfunction f(x) { return x }\n",
    "a.ts": "// zanzibar\nexport interface A { b: string }\n",
    "a.tsx": "/** zanzibar */\nexport const A = () => {\n  return <b/>\n}\n",
    "A.java": "/** zanzibar */\nclass A {\n  /* zanzibar */\n  int f() { return 1; }\n}\n",
    "a.go": "package a\n\n// F is zanzibar.\nfunc F() int { return 1 }\n",
    "a.rs": "/// zanzibar\npub fn f() -> u8 { 1 }\n",
    "a.c": "/* zanzibar\n * zanzibar */\nint f(void) { return 1; }\n",
    "a.cpp": "//! zanzibar\nclass A { public:\n /// zanzibar\n int f() { return 1; } };\n",
    "A.cs": "/// <summary>zanzibar</summary>\nclass A { }\n",
    "a.rb": "=begin\nzanzibar\n=end\ndef f\n  1\nend\n\n# zanzibar\nclass A\nend\n",
    "a.php": "<?php\n/** zanzibar */\nfunction f() { return 1; }\n",
    "a.kt": "/** zanzibar */\nfun f(): Int { return 1 }\n",
    "a.swift": "/// zanzibar\nfunc f() -> Int { return 1 }\n",
    "A.scala": "/** zanzibar */\nclass A { def f = 1 }\n",
    "a.sh": "#!/bin/sh\n# zanzibar\nf() {\n  echo 1\n}\n",
    "a.lua": "--[==[ zanzibar\nzanzibar ]==]\nfunction f()\n  return 1\nend\n",
    "a.ex": 'defmodule A do\n  @moduledoc """\n  zanzibar\n  """\n\n  @doc "zanzibar"\n'
    "  def f(x) do\n    x\n  end\nend\n",
    "A.hs": "module A where\n\n-- | zanzibar\nf :: Int -> Int\nf x = x\n",
    "a.zig": "/// zanzibar\npub fn f() u8 {\n    return 1;\n}\n",
    "a.sql": "-- zanzibar\nCREATE TABLE a (b int);\n",
    "A.vue": "<!-- zanzibar -->\n<script>\n/** zanzibar */\nexport function f() {\n  return 1\n}\n</script>\n",
    "A.svelte": "<!-- @component zanzibar -->\n<script>\n// zanzibar\nfunction f() {\n return 1\n}\n</script>\n",
    "a.ipynb": json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "metadata": {},
                    "outputs": [],
                    "source": [
                        "def f(x):\n",
                        '    """zanzib\\u00e4r zanzibar \\"y\\"."""\n',
                        "    return x\n",
                    ],
                }
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    ),
}
"""A file a language: all that is said of its symbols is the one word."""


def outline(file):
    """Return what the nodes of a file are, without what is said of them."""
    extraction = syntax.extract(file)
    return [(node.id, node.span, node.name, node.qualified_name) for node in extraction.nodes]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_symbol_of_a_real_file_stays_where_it_is_and_says_nothing(sample):
    file = SourceFile(sample.stem, "", sample.read_bytes())
    found = without_documentation(file)
    had = [node.id for node in syntax.extract(file).nodes[1:] if node.documentation]
    assert outline(found.file) == outline(file)
    assert {node.documentation for node in syntax.extract(found.file).nodes[1:]} == {""}
    assert (found.kept, [node.id for node in found.documented]) == (0, had)
    assert bool(had) == (sample.stem not in UNDOCUMENTED)


@pytest.mark.parametrize("path", WRITTEN)
def test_no_word_of_the_documentation_is_left_in_the_file(path):
    file = SourceFile(path, "", WRITTEN[path].encode())
    found = without_documentation(file)
    assert found.documented
    assert found.kept == 0
    assert b"zanzi" in file.content
    assert b"zanzi" not in found.file.content
    assert found.file.content.count(b"\n") == file.content.count(b"\n")
    for mark in (b"#!/bin/sh", b"=begin", b"=end", b'r"""', b"<script>"):
        assert (mark in found.file.content) == (mark in file.content)
    assert outline(found.file) == outline(file)


def test_every_language_is_tried():
    grammars = (Path(syntax.__file__).parent / "languages").glob("[a-z]*.py")
    read = {written_in(path, text) for path, text in WRITTEN.items()}
    assert {one.stem for one in grammars} - {"__init__"} <= read


def test_the_rest_of_a_documentation_too_long_to_be_kept_goes_too():
    """The index keeps a thousand characters of it; the file's text has them all."""
    long = "word " * 400
    file = SourceFile("a.py", "", f'def f():\n    """Open. {long}zanzibar"""\n'.encode())
    assert "zanzibar" not in syntax.extract(file).nodes[1].documentation
    assert b"zanzibar" not in without_documentation(file).file.content


def test_what_is_said_of_no_symbol_stays():
    text = '"""Of the module."""\n\n# Of nothing.\n\n\ndef f():\n    """Of f."""\n    # Within f.\n'
    content = without_documentation(SourceFile("a.py", "", text.encode())).file.content.decode()
    assert content == text.replace("Of f.", "     ")


def test_a_file_without_documentation_is_the_same():
    file = SourceFile("a.py", "", b"def f():\r\n    return 1\r\n")
    assert without_documentation(file).file is file


def test_a_documentation_that_cannot_go_alone_is_counted():
    """In a notebook on one line, it goes with the code around it."""
    cell = {
        "cell_type": "code",
        "source": 'def f(x):\n    """Double it all."""\n    return 2 * x\n',
    }
    file = SourceFile("a.ipynb", "", json.dumps({"cells": [cell], "metadata": {}}).encode())
    had = [node for node in syntax.extract(file).nodes if node.documentation]
    found = without_documentation(file)
    assert (len(found.documented), found.kept) == (0, len(had))
