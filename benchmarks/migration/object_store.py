"""moto's S3 server, kept from copying a whole object for each range that is asked of it.

python object_store.py PORT

As it is, two bytes of an object of 129 MB take it 137 ms, and a search of a table asks for fifty
ranges: nothing of the kind is true of object storage.
"""

import sys
from typing import Any

from moto.s3.models import FakeKey
from moto.server import main

_object: Any = FakeKey
_copied = _object.value


def _value(key: Any) -> bytes:
    """Return an object's bytes, read once."""
    held = key.__dict__.get("_whole")
    if held is None:
        held = key.__dict__["_whole"] = _copied.fget(key)
    return held  # type: ignore[no-any-return]  # of a class that has no such attribute


def _set_value(key: Any, value: bytes) -> None:
    key.__dict__.pop("_whole", None)
    _copied.fset(key, value)


if __name__ == "__main__":
    _object.value = property(_value, _set_value)
    main(["-p", sys.argv[1]])
