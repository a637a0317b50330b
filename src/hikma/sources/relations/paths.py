"""Where does a written path lead inside a repository, and which folders hold tests?"""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

_TEST_FOLDER = re.compile(
    r"(?:^|[/._-])(?:[tT]ests?|[sS]pecs?|testing|__tests__|fixtures)(?:[/._-]|$)"
    r"|(?:^|/)[A-Za-z0-9]*(?:Test|Tests|Spec)/|(?:^|/)src/it/"
)


def folder_of(path: str) -> str:
    """Return the folder that holds a path; empty for the repository's root."""
    return path.rpartition("/")[0]


def joined(folder: str, relative: str) -> str | None:
    """Return where a relative path leads from a folder; None outside of the repository."""
    if relative.startswith("/") or "\\" in relative or "\0" in relative:
        return None
    parts = folder.split("/") if folder else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def existing(paths: Container[str], folder: str, relative: str) -> str | None:
    """Return where a relative path leads if such a file is indexed."""
    place = joined(folder, relative)
    return place if place in paths else None


def upwards(folder: str) -> Iterator[str]:
    """Yield a folder and every folder above it, the repository's root last."""
    while folder:
        yield folder
        folder = folder_of(folder)
    yield ""


def below(folder: str, relative: str) -> str:
    """Return a path inside a folder, where the folder may be the repository's root."""
    return f"{folder}/{relative}" if folder else relative


def folders_of(paths: Iterable[str]) -> frozenset[str]:
    """Return every folder that holds a path, and the folders above."""
    return frozenset(
        one for folder in {folder_of(path) for path in paths} for one in upwards(folder)
    )


def spelled(paths: Iterable[str], roots: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Return what is left of each path behind each of these folders → the whole paths."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for root in upwards(folder_of(path)):
            if root in roots:
                found.setdefault(path[len(root) :].lstrip("/"), []).append(path)
    return found


def in_tests(path: str) -> bool:
    """Whether a file lies where the usual layouts keep tests."""
    return bool(_TEST_FOLDER.search(folder_of(path) + "/"))
