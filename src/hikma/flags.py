"""The three flags of rollout: they seed a fresh file's state, and never rule against the file's.

`use_sqlite_vec` seeds the backend that answers: sqlite-vec, or LanceDB when it is false.
`dual_write_vectors` begins a migration to the other backend, `compare_backends` brings it as far as
shadow. In a file that is there, each must agree with what the file says, or is an error.
"""

import apsw

from hikma.catalog import migrations
from hikma.catalog.migrations import LINE, Migration, Step
from hikma.catalog.spaces import INSIDE, OUTSIDE
from hikma.domain import VectorSpace
from hikma.errors import ConfigurationError
from hikma.settings import PREFIX, Settings


def backend(settings: Settings) -> str | None:
    """Return the backend that is asked for; ConfigurationError where two settings differ."""
    if settings.use_sqlite_vec is None:
        return settings.vector_backend
    asked = INSIDE if settings.use_sqlite_vec else OUTSIDE
    if settings.vector_backend not in (None, asked):
        raise ConfigurationError(
            f"{PREFIX}USE_SQLITE_VEC = {_said(settings.use_sqlite_vec)} asks for {asked}, and "
            f"{PREFIX}VECTOR_BACKEND for {settings.vector_backend}; unset one of them."
        )
    return asked


def other(space: VectorSpace) -> str:
    """Return the backend that a file's vectors would move to."""
    return OUTSIDE if space.backend == INSIDE else INSIDE


def check(connection: apsw.Connection, settings: Settings, answering: VectorSpace) -> None:
    """Raise ConfigurationError for a flag that contradicts the durable state of a file."""
    given = (settings.use_sqlite_vec, settings.dual_write_vectors, settings.compare_backends)
    if given == (None, None, None):
        return  # asked at every query, and most files are made without
    held = migrations.running(connection)
    asked = backend(settings)
    if settings.use_sqlite_vec is not None and asked != answering.backend:
        raise _refused(
            "USE_SQLITE_VEC",
            settings.use_sqlite_vec,
            f"{answering.backend} answers",
            f"move with `hikma migrate start --to {asked}`",
        )
    dual = held is not None
    if settings.dual_write_vectors not in (None, dual):
        state = f"migration {held.id} is at {held.step}" if held else "no migration runs"
        remedy = "`hikma migrate finalize` or `rollback`" if held else "`hikma migrate start`"
        raise _refused("DUAL_WRITE_VECTORS", not dual, state, remedy)
    if settings.compare_backends not in (None, _compares(held)):
        state = f"the migration is at {held.step}" if held else "no migration runs"
        raise _refused(
            "COMPARE_BACKENDS", not _compares(held), state, "`hikma migrate advance` or `rollback`"
        )


def _compares(held: Migration | None) -> bool:
    """Whether answers of both ends are compared, or were on the way here."""
    return held is not None and LINE.index(held.step) >= LINE.index(Step.SHADOW)


def _refused(flag: str, value: object, state: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"{PREFIX}{flag} = {_said(value)}, but {state}: flags seed a fresh file and change no "
        f"other; unset it, or {remedy}."
    )


def _said(value: object) -> str:
    return str(value).lower()
