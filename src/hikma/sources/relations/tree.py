"""What a resolver is given and what it answers: the files of a repository, a target or a reason."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hikma.domain import Import

MAX_FILES = 500
"""Files that one import may mean; a package of more says too little about any of them."""


class Unresolved(StrEnum):
    """Why an import becomes no edge."""

    OUTSIDE = "outside"
    """It names something that does not belong to this repository."""
    MISSING = "missing"
    """It points into the repository, at a file that is not indexed."""
    AMBIGUOUS = "ambiguous"
    """Several files could be meant, and the rules of the language do not choose."""
    COMPUTED = "computed"
    """What it names is only known when the program runs."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an import means: all of these files; `symbol` is what it takes, by qualified name."""

    paths: tuple[str, ...]
    symbol: str = ""
    definers: tuple[str, ...] = ()
    """Files that define `symbol` where `paths` only hand it on."""


Resolution: TypeAlias = Target | Unresolved
Resolve: TypeAlias = Callable[[str, Import], Resolution]
"""The path of the asking file and what it asks for → what that means."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The indexed files of one repository. Paths are relative to its root, with `/`."""

    languages: Mapping[str, str | None]
    """Every indexed path → its language."""
    packages: Mapping[str, tuple[str, ...]]
    """Path → the packages or namespaces that the file declares itself part of."""
    symbols: Callable[[str], Collection[str]]
    """Path → the qualified names of the symbols that the file defines."""
    read: Callable[[str], str | None]
    """Path → text of a configuration file (`go.mod`, `package.json`); None if not indexed."""
    imports: Callable[[str], Sequence[Import]] = lambda _: ()
    """Path → what the file asks for; what it hands on to others is among that."""
