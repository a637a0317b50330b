"""Opening, creating and bringing up to date a database file, one connection at a time."""

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

import apsw
import sqlite_vec

from hikma.catalog import drafts, rows, state
from hikma.catalog.failures import damaged, full, not_ours, translated
from hikma.catalog.tables import APPLICATION_ID, NAMES, PAGE_SIZE, SCHEMA_VERSION, STEPS
from hikma.errors import NewerSchemaError, ReadOnlyFileError, UnsafeLibraryError

BUSY_MS = 10_000
_FINGERPRINT = "schema_fingerprint"
_WRITER_CACHE_KIB = 65_536
_READER_CACHE_KIB = 8_192
_WAL_LIMIT_BYTES = 64 << 20
_FIRST_UNSAFE, _FIRST_SAFE = (3, 7, 0), (3, 51, 3)


def check_library(version: str) -> None:
    """Refuse a SQLite whose write-ahead log can lose commits (the WAL-reset bug)."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if _FIRST_UNSAFE <= numbers < _FIRST_SAFE:
        raise UnsafeLibraryError(
            f"SQLite {version} has a bug that can corrupt the file (3.7.0 to 3.51.2); install a "
            "newer apsw: `pip install --upgrade apsw`."
        )


def open_reader(path: Path) -> apsw.Connection:
    """Open a read-only connection; in a folder that cannot be written, without side files."""
    connection = _connect(str(path), apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError, apsw.FullError):
        connection.close()
        if _has_log(path):
            raise
        # A read-only folder or a full disk: nobody writes here, so nothing changes meanwhile.
        connection = _open_still(path)
    connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    return connection


def open_quietly(path: Path) -> apsw.Connection:
    """Open a read-only connection that leaves nothing beside a file that nobody has open."""
    with translated(path):
        # Who has the file open keeps a log beside it, if an empty one.
        in_use = path.with_name(f"{path.name}-wal").exists()
        return open_reader(path) if in_use else _open_still(path)


def _open_still(path: Path) -> apsw.Connection:
    """Open a file that does not change, without side files."""
    name = f"file:{quote(str(path.absolute()))}?immutable=1"
    connection = _connect(name, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    return connection


def is_blind(connection: apsw.Connection) -> bool:
    """Tell whether a reader was opened without side files, and would not see others' changes."""
    return bool(rows.value(connection, "PRAGMA journal_mode") != "wal")


def open_writer(path: Path) -> apsw.Connection:
    """Open the connection that writes; each commit is on the disk before it returns."""
    connection = _connect(str(path), apsw.SQLITE_OPEN_READWRITE)
    connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    if connection.readonly("main"):
        raise apsw.ReadOnlyError(f"{path} is read-only")
    return connection


def identify(connection: apsw.Connection, path: Path) -> int:
    """Return the schema version of a file of ours; refuse every other file."""
    application, version = (
        rows.value(connection, f"PRAGMA {name}") for name in ("application_id", "user_version")
    )
    if application != APPLICATION_ID:
        raise not_ours(path, "another program wrote this database")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{path} has schema {version}, this Hikma knows up to {SCHEMA_VERSION}; upgrade Hikma."
        )
    if version == SCHEMA_VERSION:
        _check_whole(connection, path)
    return int(version)


def _check_whole(connection: apsw.Connection, path: Path) -> None:
    """Refuse a truncated file or an altered schema at once, not when a query meets the loss."""
    size = rows.value(connection, "PRAGMA page_count") * PAGE_SIZE
    # With a log a checkpoint may be half-done; the log then holds the rest. The length is asked
    # by name: closing the file in this process would drop the locks that SQLite holds on it.
    if not _has_log(path) and path.stat().st_size < size:
        raise damaged(path, f"it has {path.stat().st_size:,} of {size:,} bytes")
    try:
        sound = state.get(connection, _FINGERPRINT) == _fingerprint(connection)
    except apsw.SQLError:  # the very table that is asked is not as it was
        sound = False
    if not sound:
        raise damaged(path, "its schema is not the one that was written")


def _fingerprint(connection: apsw.Connection) -> str:
    """Return a hash over the definitions of our own tables, indexes and views."""
    sql = (
        "SELECT name, sql FROM sqlite_schema WHERE name IN (SELECT value FROM carray(?)) "
        "ORDER BY name"
    )
    found = rows.every(connection, sql, (rows.texts(NAMES),))
    return blake2b(repr(found).encode(), digest_size=16).hexdigest()


def create(path: Path) -> None:
    """Make an empty index at `path`: whole or not at all, also beside another creator."""
    made = make_folder(path.parent)
    try:
        with drafts.draft(path) as draft:
            with translated(path):
                _build(draft)
            _name(draft, path)
    except BaseException:
        _sweep(made)
        raise


def initialise(connection: apsw.Connection) -> None:
    """Give an empty file its page layout and schema; harmless where another was faster."""
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    upgrade(connection)


def upgrade(connection: apsw.Connection) -> None:
    """Run the steps that the file has not had yet, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = rows.value(connection, "PRAGMA user_version")
        for step in STEPS[version:]:
            connection.execute(step)
        state.put(connection, _FINGERPRINT, _fingerprint(connection))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(version, SCHEMA_VERSION)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(name: str, flags: int) -> apsw.Connection:
    """Open and harden a connection; extensions load only while sqlite-vec's own one does."""
    connection = apsw.Connection(name, flags=flags)
    connection.set_busy_timeout(BUSY_MS)
    connection.enable_load_extension(True)  # noqa: FBT003 -- APSW's own signature
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)  # noqa: FBT003 -- APSW's own signature
    for option, value in (
        (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
        (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
        (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
        (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
    ):
        connection.config(option, value)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def make_folder(folder: Path) -> list[Path]:
    """Create a folder; return what was made, innermost first.

    Raises ReadOnlyFileError where it cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _sweep(missing)
        raise ReadOnlyFileError(
            f"{folder} cannot be made ({error.strerror}); set HIKMA_DATABASE to a place that can "
            "be written."
        ) from error
    return missing


def _sweep(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # another process may have put something there
            folder.rmdir()


def _build(draft: Path) -> None:
    connection = _connect(str(draft), apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        initialise(connection)
    finally:
        connection.close()


def _name(draft: Path, path: Path) -> None:
    """Give the draft its name unless another process just made the file."""
    try:
        with suppress(FileExistsError):
            drafts.link(draft, path)
    except OSError as error:
        raise full(path) from error
