"""What does the user's own file say of pull requests? JSON, as the hosts' tools export it."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hikma.errors import UsageError

MAX_BYTES = 1024**3
_MOST = 999_999_999
_STATES = ("open", "closed", "merged")
_HASH = re.compile(r"[0-9a-f]{40}")
_SHAPE = (
    "give a JSON list of objects with `number` and any of title, body, author, labels, state, "
    "createdAt, closedAt, mergedAt, mergeCommit, commits"
)


def read_accounts(path: Path) -> dict[int, dict[str, Any]]:
    """Return pull requests by number, as a file of the user's describes them.

    A JSON list, or an object a line; field names in the spelling of either of the usual exports
    (`mergedAt`, `merged_at`). Raises UsageError naming the file, the entry and the field.
    """
    entries = _entries(path)
    found: dict[int, dict[str, Any]] = {}
    for position, entry in enumerate(entries, 1):
        try:
            number, account = _account(entry)
        except (TypeError, ValueError, KeyError) as error:
            raise UsageError(f"{path}, entry {position}: {error}; {_SHAPE}") from error
        if number in found:
            raise UsageError(f"{path}, entry {position}: number {number} stands there twice")
        found[number] = account
    return found


def _entries(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} has more than {MAX_BYTES:,} bytes; split it")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error})") from error
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        whole = _lines(path, text, error)
    if isinstance(whole, Mapping):
        whole = whole.get("pull_requests", [whole])
    if not isinstance(whole, list):
        raise UsageError(f"{path} holds no list of pull requests; {_SHAPE}")
    return whole


def _lines(path: Path, text: str, refusal: Exception) -> list[Any]:
    """Read an object a line; a file whose first line is none is refused for what it is as one."""
    found: list[Any] = []
    for position, line in enumerate(text.split("\n"), 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            why = f"line {position}: {error}" if found else str(refusal)
            raise UsageError(f"{path} is no JSON ({why}); {_SHAPE}") from error
    if not found:
        raise UsageError(f"{path} is empty; {_SHAPE}")
    return found


def _account(entry: Any) -> tuple[int, dict[str, Any]]:
    if not isinstance(entry, Mapping):
        raise TypeError(f"{type(entry).__name__} is no object")
    number = entry.get("number")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= _MOST:
        raise ValueError(f"number = {number!r} is no integer from 1 to {_MOST:,}")
    merged_at = _date(entry, "mergedAt", "merged_at")
    account = {
        "title": _text(entry, "title"),
        "description": _text(entry, "body", "description"),
        "author": _author(_field(entry, "author", "user")),
        "labels": ", ".join(_label(one) for one in _listed(entry, "labels")),
        "state": _state(entry, merged_at),
        "date": merged_at
        or _date(entry, "closedAt", "closed_at")
        or _date(entry, "createdAt", "created_at"),
        "created": _date(entry, "createdAt", "created_at"),
        "merged": merged_at,
        "closed": _date(entry, "closedAt", "closed_at"),
        "commits": _commits(entry),
    }
    return number, {name: value for name, value in account.items() if value}


def _field(entry: Mapping[str, Any], *names: str) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _text(entry: Mapping[str, Any], *names: str) -> str:
    value = _field(entry, *names)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{names[0]} = {value!r} is no text")
    return _clean(value or "")


def _clean(text: str) -> str:
    """Drop what SQLite cannot store: JSON may escape half of a character."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ").strip()


def _date(entry: Mapping[str, Any], *names: str) -> str:
    text = _text(entry, *names)
    if text:
        datetime.fromisoformat(text)  # says itself what is wrong with it
    return text


def _author(value: Any) -> str:
    if isinstance(value, Mapping):
        value = _field(value, "login", "name", "username")
    if value is not None and not isinstance(value, str):
        raise TypeError(f"author = {value!r} is no name")
    return _clean(value or "")


def _listed(entry: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = _field(entry, name)
    if value is not None and not isinstance(value, list):
        raise TypeError(f"{name} = {value!r} is no list")
    return value or []


def _label(value: Any) -> str:
    name = value.get("name") if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        raise TypeError(f"label {value!r} has no name")
    return _clean(name)


def _state(entry: Mapping[str, Any], merged_at: str) -> str:
    state = _text(entry, "state").lower()
    if state and state not in _STATES:
        raise ValueError(f"state = {state!r} is none of {', '.join(_STATES)}")
    return "merged" if merged_at or entry.get("merged") is True else state


def _commits(entry: Mapping[str, Any]) -> list[str]:
    # The REST API's `commits` of a single pull request is how many there are.
    own = [] if isinstance(entry.get("commits"), int) else _listed(entry, "commits")
    listed = [*own, _field(entry, "mergeCommit", "merge_commit_sha")]
    return [_hash(one) for one in listed if one is not None]


def _hash(value: Any) -> str:
    hash_ = _field(value, "oid", "sha", "hash") if isinstance(value, Mapping) else value
    if not isinstance(hash_, str) or not _HASH.fullmatch(hash_.lower()):
        raise ValueError(f"commit {value!r} is no id of 40 hex digits")
    return hash_.lower()
