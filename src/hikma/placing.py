"""Where does an index lie, and what lies beside it?"""

from contextlib import suppress
from pathlib import Path

from hikma.settings import DATABASE, Settings, database_path


def database_of(root: Path, settings: Settings, revision: str | None) -> Path:
    """Return where the index lies; a revision's is never the one that follows the work tree."""
    database = database_path(settings, root)
    if revision is None:
        return database
    name = "".join(one if one.isalnum() or one in "-._" else "_" for one in revision)
    return database.with_name(f"revision-{name}.db")


def ignore_own_folder(database: Path) -> None:
    """Keep `.hikma/` out of git by a .gitignore of its own."""
    folder = database.parent
    note = folder / ".gitignore"
    if folder.name != DATABASE.parent.name or note.exists():
        return
    with suppress(OSError):  # opening the database says why the folder cannot be written
        folder.mkdir(exist_ok=True)
        note.write_text("*\n", encoding="utf-8")
