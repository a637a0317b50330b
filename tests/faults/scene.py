"""One repository at two moments, and its index at the first: what the faults are done to."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from conftest import Repository
from driver import engine_on, in_process
from hikma import history, indexing
from rows import rows_of

FILES = 40
"""Enough for more documents than a search looks at, so that the nearest are asked of sqlite-vec."""
_FUNCTION = '''def step_{n}(value):
    """Move the value {n} on."""
    return value + {n}


'''
_TEST = (
    "from part_{n} import step_{n}\n\n\ndef test_step_{n}():\n    assert step_{n}({size}) > {n}\n"
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Two work trees of one repository, the index of the first, the rows that each must end in."""

    before: Path
    after: Path
    database: Path
    rows_before: dict
    rows_after: dict

    def copy(self, folder: Path) -> Path:
        """Copy the index to where it may be harmed."""
        return Path(shutil.copy(self.database, folder / "index.db"))


@cache
def make_scene(base: Path) -> Scene:
    """Make the scene under a folder, once; it is never written to."""
    folder = base / "scene"
    before, after = (_repository(folder / name / "sample") for name in ("before", "after"))
    _move_on(after)
    expected = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "run", in_process)
        patch.setattr(history, "run", in_process)
        for root in (before, after):
            database = folder / f"{root.parent.name}.db"
            index(root, database)
            expected.append(rows_of(database))
        _litter(before, after, folder / "before.db")
    return Scene(before, after, folder / "before.db", *expected)


def index(root, database, **options):
    """Index, and close."""
    with engine_on(root, database) as engine:
        return engine.index(**options)


def _repository(root):
    root.mkdir(parents=True)
    made = Repository(root)
    made.git("init", "--quiet")
    for n in range(FILES):
        count = 3 + n % 4
        made.write(
            f"lib/part_{n}.py", "".join(_FUNCTION.format(n=n * 10 + i) for i in range(count))
        )
        made.write(f"tests/test_part_{n}.py", _TEST.format(n=n, size=count))
    made.write("web/app.ts", "export class App { run(): number { return 1; } }\n")
    made.write("README.md", "# Sample\n\nSteps.\n\n## Use\n\nCall a step with a value.\n")
    made.write("blob.bin", b"\x00\x01" * 50)
    made.commit("First")
    return root


def _move_on(root):
    """Change a third of the files, remove some, add some, rename one, and spoil one."""
    made = Repository(root)
    for n in range(0, FILES, 3):
        made.write(f"lib/part_{n}.py", "LIMIT = 3\n\n\n" + _FUNCTION.format(n=n * 10 + 7) * 2)
    for n in range(1, FILES, 6):
        (root / f"tests/test_part_{n}.py").unlink()
    for n in range(FILES, FILES + 6):
        made.write(f"lib/more/part_{n}.py", _FUNCTION.format(n=n) + "class Store:\n    size = 1\n")
    (root / "lib/part_2.py").rename(root / "lib/part_two.py")
    made.write("README.md", b"\x00 no longer text")
    made.write("blob.bin", "text now\n")
    made.commit("Second")


def _litter(before, after, database):
    """Give the index a past: tombstones and vectors that nothing refers to any more."""
    for root in (after, before):
        index(root, database)
