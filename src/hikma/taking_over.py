"""From a table of LanceDB that Hikma did not make to an index file: all of it, or none."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hikma import adopting, placing
from hikma.adopting import Comparison, Consent, WrongRow
from hikma.catalog import checks, drafts, identity, ledger, opening, spaces
from hikma.catalog.failures import translated
from hikma.catalog.locking import WriterLock
from hikma.catalog.schema import Catalog
from hikma.domain import VectorSpace
from hikma.errors import CorruptFileError, SpaceMismatchError, UsageError
from hikma.foreign_rows import Columns
from hikma.models.choice import check_asked, space_for
from hikma.protocols import Embedder
from hikma.settings import Settings
from hikma.storing import Sink
from hikma.telemetry import Track, silent
from hikma.vectors.checking import altered_codes
from hikma.vectors.foreign import ForeignTable
from hikma.wiring import Wiring

_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken over, and what may be done to its rows for that."""

    location: str
    table: str
    model: str
    columns: Columns = field(default_factory=Columns)
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A table that is an index file now.

    `normalised` rows were not of norm 1 and have been scaled; `rounded` ones held numbers that
    float32 has not (`element` is what they were). Neither is bit-equal to the table's own; all
    others are.
    """

    database: str
    location: str
    table: str
    version: int
    model: str
    dimension: int
    element: str
    rows: int
    normalised: int
    rounded: int
    skipped: tuple[WrongRow, ...]
    compared: Comparison
    bytes: int
    seconds: float


def adopt(
    database: Path,
    settings: Settings,
    wanted: Wanted,
    models: Callable[[str], Embedder] | None = None,
    track: Track = silent,
) -> Adopted:
    """Make an index file of a table, compare the two bit for bit, and only then give it its name.

    Raises UsageError for rows that cannot be taken over and for a file that is there already,
    SpaceMismatchError for a model of another dimension, StoreError where the comparison fails.
    """
    start = time.monotonic()
    _refuse_taken(database)
    source = ForeignTable(wanted.location, wanted.table, wanted.columns)
    with closing(source):
        opening.make_folder(database.parent)
        placing.ignore_own_folder(database)
        with WriterLock(database).held("hikma migrate adopt", _WAIT_S), _draft(database) as draft:
            _refuse_taken(database)
            with (
                closing(Catalog.open(draft, create=True)) as catalog,
                closing(Wiring(catalog, settings, models)) as wiring,
            ):
                space = _space(wiring, settings, source, wanted.model)
                found = adopting.survey(source, track)
                adopting.refuse(source, found, wanted.consent)
                seen = _filled(catalog, wiring, space, source, found, track)
                with catalog.write() as connection:
                    identity.settle(connection, database)
            _publish(draft, database)
    return Adopted(
        str(database),
        source.origin.location,
        source.origin.table,
        source.origin.version,
        space.model,
        space.dimension,
        source.element,
        seen.rows,
        found.normalised,
        found.rounded,
        tuple(found.wrong.values()),
        seen,
        database.stat().st_size,
        round(time.monotonic() - start, 3),
    )


def _refuse_taken(database: Path) -> None:
    if os.path.lexists(database):
        raise _taken(database)


def _taken(database: Path) -> UsageError:
    return UsageError(
        f"{database} is there already, and rows are taken over into a file of their own; name "
        "another with --database or HIKMA_DATABASE."
    )


def _space(wiring: Wiring, settings: Settings, source: ForeignTable, model: str) -> VectorSpace:
    """Return the space that the rows are for; SpaceMismatchError where the model is not theirs."""
    embedder = wiring.model(model, None)
    if embedder.dimension != source.dimension:
        raise SpaceMismatchError(
            f"The vectors of {source.origin.table} have {source.dimension} dimensions, those of "
            f"the model {model!r} {embedder.dimension}; name the model that made them by --model."
        )
    space = space_for(embedder, spaces.INSIDE, "", "flat")
    check_asked(settings, space)
    return space


def _filled(
    catalog: Catalog,
    wiring: Wiring,
    wanted: VectorSpace,
    source: ForeignTable,
    found: adopting.Survey,
    track: Track,
) -> Comparison:
    """Write the rows, compare them with the table, and look whether the file is sound."""
    with catalog.write() as connection:
        space = ledger.create_space(connection, wanted)
    sink = Sink(catalog, wiring.embedder, wiring.store, adopting.BATCH)
    adopting.write(sink, source, found, track)
    seen = adopting.compare(catalog, space, source, found)
    adopting.require_equal(seen)
    with catalog.read() as connection:
        unsound = [*checks.examine(connection), *altered_codes(catalog, connection)]
    if unsound:
        raise CorruptFileError(
            f"The file that was written is damaged ({unsound[0].fact}); nothing was kept. Check "
            "the disk, then repeat."
        )
    return seen


@contextmanager
def _draft(database: Path) -> Iterator[Path]:
    with drafts.draft(database) as draft, translated(database):
        yield draft


def _publish(draft: Path, database: Path) -> None:
    """Give the draft its name once all of it is on the disk."""
    log = draft.with_name(f"{draft.name}-wal")
    if log.exists() and log.stat().st_size:
        raise CorruptFileError(
            f"{draft} was closed and is not whole without its log; nothing was kept. Repeat it."
        )
    drafts.discard_logs(database)
    try:
        drafts.publish(draft, database)
    except FileExistsError:
        raise _taken(database) from None
    except OSError as error:
        raise drafts.failed(database, error) from error
