"""What of a local table is safe on disk, and what of it is torn? LanceDB syncs nothing itself."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hikma.catalog.drafts import sync
from hikma.vectors.lance_places import Place

DAMAGED = ".damaged"
"""What the name of a manifest ends with that was moved out of the way."""
_ENDS = {".manifest": b"LANC", ".lance": b"LANC", ".arrow": b"ARROW1"}
"""How files end, by suffix, that were written to their end; of others only the size tells."""
_NEWEST_FIRST = 20
"""Digits of a manifest's name: the highest number less the version."""


class Durability:
    """The files of a local table that have been synced as they are now."""

    def __init__(self, place: Place) -> None:
        """Take nothing for synced: another process may have died before it did so."""
        self._place = place
        self._synced: set[tuple[str, int, int]] = set()

    def settle(self) -> None:
        """Sync every file that is not yet safe, then the folders that name them."""
        changed: set[Path] = set()
        for path in _files(self._place.folder):
            with suppress(FileNotFoundError):  # an old version that upkeep has cleared away
                held = path.stat()
                mark = (str(path), held.st_mtime_ns, held.st_size)
                if mark not in self._synced:
                    sync(path)
                    self._synced.add(mark)
                    changed.add(path.parent)
        if changed:
            above = self._place.folder.parent
            for folder in sorted(changed):
                with suppress(FileNotFoundError):
                    sync(folder)
            for folder in (self._place.folder, above, above.parent):
                sync(folder)


def torn_manifests(place: Place) -> list[Path]:
    """Return the newest manifests that are cut short, up to the first whole one."""
    found = []
    for path in _manifests(place):
        if _is_whole(path):
            break
        found.append(path)
    return found


def newest_manifest(place: Place) -> Path:
    """Return the manifest of the latest version, of a table that there is."""
    return _manifests(place)[0]


def has_torn_rows(place: Place) -> bool:
    """Whether a file of rows, or of deletions, is cut short; maybe no version refers to it."""
    folders = (place.folder / "data", place.folder / "_deletions")
    return any(not _is_whole(one) for folder in folders for one in folder.glob("*.*"))


def move_aside(path: Path) -> None:
    """Keep a damaged manifest under a name that LanceDB does not read."""
    if path.exists():
        path.rename(path.with_name(path.name + DAMAGED))
        sync(path.parent)


def _manifests(place: Place) -> list[Path]:
    folder = place.folder / "_versions"
    found = folder.glob("*.manifest") if folder.is_dir() else []
    return sorted(one for one in found if len(one.stem) == _NEWEST_FIRST)


def _is_whole(path: Path) -> bool:
    """Whether a file was written to its end; one that upkeep has cleared away says nothing."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        ending = _ENDS.get(path.suffix, b"")
        file.seek(max(0, size - len(ending)))
        return size > 0 and file.read() == ending
    return True


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            yield Path(root) / name
