"""What does a configuration file say? Read without trust: broken or hostile text says nothing."""

import json
import re
import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

MAX_CHARACTERS = 500_000
"""A longer file is no configuration that a person wrote."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_STRING = r'"(?:[^"\\]|\\.)*+"?'
_COMMENTS = re.compile(rf"({_STRING})|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?", re.DOTALL)
_LAST_COMMAS = re.compile(rf"({_STRING})|,(?=\s*+[}}\]])", re.DOTALL)


def json_of(text: str | None) -> Mapping[str, Any]:
    """Return the object in a JSON text, comments and last commas allowed; empty if it has none."""
    if text is None or len(text) > MAX_CHARACTERS:
        return _EMPTY
    text = text.removeprefix("\ufeff")
    try:
        return table(_loads(text))
    except RecursionError:
        return _EMPTY


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    plain = _LAST_COMMAS.sub(r"\1", _COMMENTS.sub(r"\1", text))
    try:
        return json.loads(plain)
    except ValueError:
        return None


def toml_of(text: str | None) -> Mapping[str, Any]:
    """Return the table in a TOML text; empty if it is none."""
    if text is None or len(text) > MAX_CHARACTERS:
        return _EMPTY
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return _EMPTY


def at(value: object, *keys: str) -> Any:
    """Return what stands under these keys, one inside the other; None where nothing does."""
    for key in keys:
        value = table(value).get(key)
    return value


def table(value: object) -> Mapping[str, Any]:
    """Return an object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else _EMPTY


def strings(value: object) -> list[str]:
    """Return the strings of a list, or the one that stands alone."""
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]
