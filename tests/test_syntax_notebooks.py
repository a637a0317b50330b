import json

from hikma import documents
from hikma.domain import Skip, SourceFile
from hikma.sources.contents import MAX_BYTES, MAX_NOTEBOOK, examine_name
from hikma.sources.syntax import extract
from outlining import extraction_of, node_named, outline_of, references_of

PICTURE = "iVBORw0KGgo" * 10_000


def notebook(*cells: tuple[str, str], language: str = "python", indent: int | None = 1) -> str:
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": kind,
                    "metadata": {"source": ["def none(): pass"]},
                    "outputs": [
                        {"data": {"image/png": PICTURE, "source": ["def nor_this(): ..."]}}
                    ],
                    "source": source.splitlines(keepends=True),
                }
                for kind, source in cells
            ],
            "metadata": {"kernelspec": {"language": language, "name": "k"}},
            "nbformat": 4,
        },
        indent=indent,
    )


CELLS = (
    ("markdown", "# Sales\n\nHow we *sell*."),
    ("code", '%matplotlib inline\n!echo """\nimport os\n# not a heading'),
    ("markdown", "## Totals"),
    (
        "code",
        'def total(a):\n    """Adds "up" so."""\n    return "é\\n"\n\n\nclass Cart:\n    pass',
    ),
    ("code", "%%pypy\ndef elsewhere():\n    pass"),
    ("code", "%%time\ndef timed():\n    pass"),
)


def row_of(text: str, piece: str) -> int:
    return next(row for row, line in enumerate(text.split("\n"), 1) if piece in line)


def test_symbols_stand_on_the_lines_of_the_file():
    text = notebook(*CELLS)
    first, cart, timed = (
        row_of(text, f'"{name}') for name in ("def total", "class Cart", "def timed")
    )
    assert outline_of("sales.ipynb", text) == [
        f"{first}-{first + 2} function total",
        f"{cart}-{cart + 1} class Cart",
        f"{timed}-{timed + 1} function timed",
    ]
    total = node_named(extraction_of("sales.ipynb", text), "total")
    assert total.signature == "def total(a)"
    assert total.documentation == 'Adds "up" so.'
    assert total.language == "python"


def test_the_text_has_the_lines_of_the_file_and_only_what_the_cells_say():
    text = notebook(*CELLS)
    extraction = extraction_of("sales.ipynb", text)
    lines = extraction.text.split("\n")
    assert len(lines) == len(text.split("\n"))
    assert lines[row_of(text, "def total") - 1] == "def total(a):"
    assert [line for line in lines if line][:3] == [
        "# Sales",
        "How we *sell*.",
        "%matplotlib inline",
    ]
    assert "iVBOR" not in extraction.text
    assert "none" not in extraction.text
    assert "nor_this" not in extraction.text
    assert extraction.nodes[0].language == "jupyter"
    assert extraction.nodes[0].documentation == "Sales\n\nHow we *sell*."


def test_headings_of_markdown_cells_are_sections():
    text = notebook(*CELLS)
    sections = extraction_of("sales.ipynb", text).sections
    assert [(one.title, one.span.start_line) for one in sections] == [
        ("Sales", row_of(text, "# Sales")),
        ("Sales > Totals", row_of(text, "## Totals")),
    ]


def test_each_line_is_in_one_document_and_code_in_that_of_its_symbol():
    extraction = extraction_of("sales.ipynb", notebook(*CELLS))
    found = [one for one in documents.write_out(extraction) if "def total(a)" in one.text]
    assert [one.node for one in found] == ["symbol:sales.ipynb#total"]


def test_another_kernel_is_read_in_its_language():
    text = notebook(("code", "const add = (a, b) => a + b"), language="javascript")
    assert [row.split(" ", 1)[1] for row in outline_of("a.ipynb", text)] == ["function add"]
    text = notebook(("markdown", "# Fit"), ("code", "f <- function(x) x"), language="R")
    extraction = extraction_of("a.ipynb", text)
    assert len(extraction.nodes) == 1
    assert [section.title for section in extraction.sections] == ["Fit"]
    assert extraction.limitation is None


def test_a_notebook_on_one_line_has_all_its_symbols_there():
    text = notebook(("code", "def a():\n    pass\n\ndef b():\n    pass"), indent=None)
    text = text.replace(PICTURE, "")
    assert outline_of("a.ipynb", text) == ["1-1 function a", "1-1 function b"]
    assert extraction_of("a.ipynb", text).text == "def a():     pass  def b():     pass"


def test_a_source_in_one_string_stands_on_its_line():
    text = '{"cells": [\n{"cell_type": "code",\n"source": "def a():\\n    pass\\n"}\n]}'
    assert outline_of("a.ipynb", text) == ["3-3 function a"]


def test_tests_in_a_notebook_call_names():
    text = notebook(("code", "def test_total():\n    assert total(1)"))
    extraction = extraction_of("tests/test_a.ipynb", text)
    assert references_of(extraction) == {"test_total": ["total"]}


def test_a_broken_notebook_is_read_as_text_and_says_so():
    for text in ('{"cells": [', "[1, 2]\n", "def a(): pass\n"):
        extraction = extraction_of("a.ipynb", text)
        assert extraction.text == text
        assert len(extraction.nodes) == 1
        assert extraction.limitation == "not readable as a notebook: its JSON is broken"


def test_the_cap_counts_what_is_left_without_outputs():
    text = notebook(("code", "def a(): pass")).replace(PICTURE, "x" * (MAX_BYTES + 1))
    assert outline_of("a.ipynb", text)[0].endswith("function a")
    large = notebook(("code", "a = 1\n" * (MAX_BYTES // 5)))
    skipped = extract(SourceFile("a.ipynb", "d", large.encode()))
    assert isinstance(skipped, Skip)
    assert skipped.reason.startswith("too large")
    assert examine_name("a.ipynb", MAX_NOTEBOOK) is None
    assert examine_name("a.ipynb", MAX_NOTEBOOK + 1) is not None
    assert examine_name("a.py", MAX_BYTES + 1) is not None
