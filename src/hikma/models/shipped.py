"""Which files does the package carry, and are they the ones that were built?"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hikma.errors import ModelError

FILES = Path(__file__).parent / "files"
"""Where the embedded models lie."""

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A folder of model files and what its manifest says of each: size and SHA-256."""

    folder: Path
    sizes: dict[str, int]
    digests: dict[str, str]

    def path(self, name: str) -> str:
        """Return the path of a file that has the recorded size.

        The size is compared and not the digest, which would cost more than opening the file.
        """
        path = self.folder / name
        if name not in self.sizes:
            raise ModelError(f"{MANIFEST} does not name the model file {name}; reinstall hikma")
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(f"the model file {path} is missing; reinstall hikma") from error
        if size != self.sizes[name]:
            expected = self.sizes[name]
            raise ModelError(
                f"the model file {path} has {size} bytes instead of {expected}; reinstall hikma"
            )
        return str(path)

    def identity(self, form: str, *names: str) -> str:
        """Return the SHA-256 of the digests of files and of how texts are given to them."""
        parts = [form, *(f"{name}={self.digests.get(name, '')}" for name in names)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def altered(self) -> list[str]:
        """Return the names of the files whose content is not what the manifest records."""
        return [
            name for name in self.sizes if digest_of(Path(self.path(name))) != self.digests[name]
        ]


def open_files(folder: Path = FILES) -> Shipped:
    """Read a folder's manifest."""
    try:
        rows = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        sizes = {name: int(row["size"]) for name, row in rows.items()}
        digests = {name: str(row["sha256"]) for name, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the model manifest in {folder} cannot be read ({error}); reinstall hikma"
        ) from error
    return Shipped(folder, sizes, digests)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(names: Sequence[str], built: Mapping[str, object], folder: Path = FILES) -> None:
    """Record size and SHA-256 of files, and the figures of their making, beside earlier ones."""
    path = folder / MANIFEST
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows["built"] = {**rows.get("built", {}), **built}
    rows["files"] = rows.get("files", {}) | {
        name: {"sha256": digest_of(folder / name), "size": (folder / name).stat().st_size}
        for name in names
    }
    path.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n", encoding="utf-8")
