"""LanceDB without the client of a REST catalog, which is half of what importing it takes."""

import importlib.util
import sys
from typing import Any

from hikma.errors import ExtraMissingError

_CLIENT = "lance_namespace_urllib3_client"
"""LanceDB needs the shapes in it; its root imports hundreds of calls, each checked by pydantic."""


def lancedb() -> Any:
    """Return the module; ExtraMissingError where it is not installed."""
    if "lancedb" not in sys.modules:
        put_off(_CLIENT)
    try:
        import lancedb  # noqa: PLC0415 -- an extra, slow to import
    except ImportError as error:
        raise ExtraMissingError(
            "LanceDB is not installed; run `pip install 'hikma[lancedb]'`."
        ) from error
    return lancedb


def put_off(package: str) -> None:
    """Have a package's own module run when something of it is asked for, if that ever happens.

    What lies in the package is imported as ever, and nobody sees a difference but the time.
    """
    spec = None if package in sys.modules else importlib.util.find_spec(package)
    if spec is None or spec.loader is None:
        return
    loader, made = spec.loader, importlib.util.module_from_spec(spec)

    def later(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if vars(made).pop("__getattr__", None):
            loader.exec_module(made)
        return getattr(made, name)

    vars(made)["__getattr__"] = later
    sys.modules[package] = made
