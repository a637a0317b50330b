"""Jupyter notebooks: the sources of their cells, on the lines of the file where they stand.

A notebook's text here has as many lines as its file. A line of JSON that holds a line of a cell's
`source` stands decoded in its place, every other line is empty: neither outputs nor pictures are
text for people. Where a cell's source is one JSON string, or the notebook one line, what the line
holds stands on it joined by spaces, and the symbols in it all have that line.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from hikma.domain import Section
from hikma.sources import comments, markdown
from hikma.sources.enclosed import Enclosed

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},\n]', re.DOTALL)
_OF_ONE_LINE = re.compile(r"%%(?:time|timeit|capture|prun|debug|python3?|memit)\b")
"""Magics of a whole cell that is in the kernel's language all the same."""
_MAGIC = re.compile(r"\s*(?:[%!]|\?{1,2}\w|[\w.]+\?{1,2}\s*$)")


class Line(NamedTuple):
    """A line of a cell, and the row of the file (0-based) on which it stands."""

    row: int
    text: str


class Cell(NamedTuple):
    """A cell of a notebook."""

    kind: str
    lines: list[Line]


class Notebook(NamedTuple):
    """What a notebook says, without what running it gave."""

    language: str
    cells: list[Cell]
    rows: int


def read(text: str) -> Notebook | None:
    """Return a notebook's cells; None where the text is no sound notebook."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("cells"), list):
        return None
    lines = _lines(text)
    cells = [
        Cell(str(cell.get("cell_type")) if isinstance(cell, dict) else "", lines[number])
        for number, cell in enumerate(told["cells"])
    ]
    return Notebook(_language(told.get("metadata")), cells, text.count("\n") + 1)


def text_of(notebook: Notebook) -> str:
    """Return the lines of all cells, each on its own row of the file."""
    return _on_rows([line for cell in notebook.cells for line in cell.lines], notebook.rows)


def enclosed(notebook: Notebook) -> Enclosed:
    """Return the code of a notebook's cells and the headings between them."""
    code = [line for cell in notebook.cells if cell.kind == "code" for line in _code(cell)]
    rows = [line.row for line in code] or [0]
    text = "\n".join(line.text for line in code)
    language = notebook.language
    return Enclosed(
        language, language, "", text, rows, None, _sections(notebook), _documentation(notebook)
    )


def _lines(text: str) -> dict[int, list[Line]]:
    """Return the lines of each cell by its number. `text` is sound JSON.

    Only brackets, commas and strings are looked at, with the keys and numbers that lead to each.
    """
    found: dict[int, list[Line]] = defaultdict(list)
    path: list[str | int | None] = []
    row = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "\n":
                row += 1
            case "{":
                path.append(None)
            case "[":
                path.append(0)
            case "}" | "]":
                path.pop()
            case ",":
                last = path[-1]
                path[-1] = last + 1 if isinstance(last, int) else None
            case string if path[-1] is None:
                path[-1] = json.loads(string)
            case string if (number := _cell_of(path)) is not None:
                found[number] += (Line(row, line) for line in _split(json.loads(string)))
    return found


def _cell_of(path: list[str | int | None]) -> int | None:
    """Return the number of the cell whose source stands at a path, None elsewhere."""
    match path:
        case ["cells", int(number), "source"] | ["cells", int(number), "source", int()]:
            return number
        case _:
            return None


def _split(source: str) -> list[str]:
    return source.removesuffix("\n").split("\n")


def _language(metadata: object) -> str:
    """Return what the kernel speaks; Python where a notebook does not say."""
    told = metadata if isinstance(metadata, dict) else {}
    for place, key in (("kernelspec", "language"), ("language_info", "name")):
        entry = told.get(place)
        if isinstance(entry, dict) and isinstance(entry.get(key), str):
            return str(entry[key]).lower()
    return "python"


def _code(cell: Cell) -> Iterator[Line]:
    """Yield a cell's lines, magics blanked; no line of a cell that is in another language."""
    first = next((line.text for line in cell.lines if line.text.strip()), "")
    if first.startswith("%%") and not _OF_ONE_LINE.match(first):
        return
    for row, text in cell.lines:
        yield Line(row, "" if _MAGIC.match(text) else text)


def _on_rows(lines: list[Line], rows: int) -> str:
    texts: list[list[str]] = [[] for _ in range(rows)]
    for row, text in lines:
        texts[row].append(text)
    return "\n".join(" ".join(row) for row in texts)


def _documentation(notebook: Notebook) -> str:
    """Return the words of the Markdown cell that opens the notebook."""
    first = next(iter(notebook.cells), None)
    if first is None or first.kind != "markdown":
        return ""
    return comments.docstring("\n".join(line.text.lstrip("# ") for line in first.lines))


def _sections(notebook: Notebook) -> tuple[Section, ...]:
    """Return the headings of Markdown cells, where each line has a row of its own."""
    lines = [line for cell in notebook.cells if cell.kind == "markdown" for line in cell.lines]
    if len({line.row for line in lines}) < len(lines):
        return ()
    return tuple(markdown.sections(_on_rows(lines, notebook.rows)))
