"""Where do a space's vectors lie outside the file, and how is LanceDB opened there?"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hikma.errors import StoreError
from hikma.vectors.lance_import import lancedb

FOLDER = "vectors.lance"
"""The folder beside the file, for a space whose location names none."""
OBJECTS = "s3://"
FAILURES = (OSError, RuntimeError, ValueError)
"""What LanceDB raises: its errors have no tree of their own."""
TIMEOUT_S = 10.0
"""Of a request to object storage, unless set otherwise."""
_PATIENCE = {"connect_timeout": "3s", "client_max_retries": "0"}
"""LanceDB itself asks six times; with retries of each it took 18 time-outs to tell of a failure."""
_REFUSAL = re.compile(r"<Code>(\w+)</Code>\s*<Message>([^<]*)</Message>")
"""What an object store answers where it refuses, in the midst of what LanceDB says of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A table of LanceDB: `address` is a folder's path, or `s3://bucket/prefix`.

    `timeout_s` is how long a request to object storage may take.
    """

    address: str
    table: str
    timeout_s: float = TIMEOUT_S

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder of this machine."""
        return not self.address.startswith(OBJECTS)

    @property
    def folder(self) -> Path:
        """Where a local table's files are."""
        return Path(self.address) / f"{self.table}.lance"

    def __str__(self) -> str:
        return f"{self.address} ({self.table})"


def place_of(file: Path, location: str, table: str, timeout_s: float) -> Place:
    """Return the place that a location means, relative to the folder of the index file."""
    if location.startswith(OBJECTS):
        return Place(location.rstrip("/"), table, timeout_s)
    return Place(str(file.absolute().parent / (location or FOLDER)), table, timeout_s)


def open_database(place: Place) -> Any:
    """Connect; every read sees what other processes have committed."""
    return lancedb().connect(
        place.address,
        storage_options=None if place.is_local else storage_options(place.timeout_s),
        read_consistency_interval=timedelta(0),
    )


def endpoint() -> str:
    """Return the address of a server other than Amazon's; empty for none."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[one].rstrip("/") for one in names if os.environ.get(one)), "")


def region() -> str:
    """Return the region that requests are meant for."""
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    return next((os.environ[one] for one in names if os.environ.get(one)), "us-east-1")


def absent_keys() -> list[str]:
    """Return the variables of the environment that hold no key for object storage."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return [one for one in names if not os.environ.get(one)]


def storage_options(timeout_s: float) -> dict[str, str]:
    """Return what LanceDB does not read from the AWS_* variables in the way that others do."""
    found = {"aws_region": region(), "timeout": f"{round(1_000 * timeout_s)}ms", **_PATIENCE}
    if endpoint():
        found["aws_endpoint"] = endpoint()
        found["aws_virtual_hosted_style_request"] = "false"
    if endpoint().startswith("http://"):
        found["allow_http"] = "true"
    return found


def open_table(database: Any, place: Place) -> Any | None:
    """Return the table, None when there is none."""
    try:
        return database.open_table(place.table)
    except ValueError as error:  # what LanceDB raises has no class of its own
        if "was not found" in str(error):
            return None
        raise


def drop(place: Place) -> None:
    """Remove a table that may be damaged or missing, and nothing beside it."""
    if place.is_local:
        if place.folder.exists():
            shutil.rmtree(place.folder)
        return
    database = open_database(place)
    try:
        database.drop_table(place.table)
    except ValueError as error:
        if "was not found" not in str(error):
            raise


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Raise whatever LanceDB raises as a StoreError: its errors have no tree of their own."""
    try:
        yield
    except FAILURES as error:
        absent = [] if place.is_local else absent_keys()
        keys = f"{' and '.join(absent)} not set; " if absent else ""
        raise StoreError(
            f"The vectors in {place} cannot be used ({first_line(error)}); {keys}check that the "
            "place can be reached and written, then repeat; if it is damaged, run `hikma vectors "
            "rebuild`."
        ) from error


def first_line(error: Exception) -> str:
    """Return what LanceDB, or the store behind it, says of a failure, without the details."""
    refused = refusal_in(str(error))
    if refused:
        return refused
    if "TimedOut" in str(error):
        return "no answer in time"
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def refusal_in(answer: str) -> str:
    """Return why an object store refuses, by its own words; empty where it says nothing of that."""
    found = _REFUSAL.search(answer)
    return ": ".join(found.groups()) if found is not None else ""
