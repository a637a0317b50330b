"""Code that stands in a file of another kind: what a parser reads of it, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hikma.domain import Section, SymbolKind
from hikma.sources.outline import Item


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The code of one file, as the parser of its language reads it."""

    language: str
    """What the code is written in: the language of its symbols."""
    grammar: str
    """The language file that reads it."""
    dialect: str = ""
    text: str = ""
    rows: Sequence[int] | None = None
    """The file's row (0-based) of each row of `text`; None where they are the same."""
    component: Item | None = None
    """The symbol that all of the file is, if it is one; what is found then belongs to it."""
    sections: tuple[Section, ...] = ()
    documentation: str = ""
    """What the file says of itself outside of its code."""


def component(name: str, text: str, documentation: str) -> Item:
    """Return the symbol of a whole file."""
    last = max(text.rstrip("\n").count("\n"), 0)
    notes = [documentation] if documentation else []
    return Item(None, SymbolKind.CLASS, name, name, None, "", 0, last, f"<{name}>", notes)


def in_place(items: Sequence[Item], enclosed: Enclosed) -> list[Item]:
    """Return the symbols with the file's rows, behind and below the file's own symbol."""
    whole = enclosed.component
    moved: dict[int, Item] = {}
    for item in items:
        parent = moved[id(item.parent)] if item.parent else whole
        moved[id(item)] = _moved(item, parent, enclosed)
    return [*([whole] if whole else []), *moved.values()]


def _moved(item: Item, parent: Item | None, enclosed: Enclosed) -> Item:
    prefix = f"{enclosed.component.name}." if enclosed.component else ""
    rows = enclosed.rows or range(item.end_row + 1)
    return replace(
        item,
        parent=parent,
        qualified_name=prefix + item.qualified_name,
        owner=prefix + item.owner if item.owner else "",
        start_row=rows[item.start_row],
        end_row=rows[item.end_row],
    )
