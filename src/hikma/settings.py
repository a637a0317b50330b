"""One frozen `Settings`: command-line flags > `HIKMA_*` > `hikma.toml` > defaults.

What a repository must not decide, where its code is sent and with whose key, is read from the
environment alone.

A one-shot search may take 250 ms, so pydantic (60 ms; pydantic-settings 100 more) is imported only
where some source sets something; defaults need no check.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from annotated_types import Interval, Predicate

from hikma.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import ValidationError

Scan: TypeAlias = Literal["auto", "disk", "resident", "bits"]
"""Where vectors in the index file are compared."""

PREFIX = "HIKMA_"
FILE_NAME = "hikma.toml"
DATABASE = Path(".hikma/index.db")
_OPTIONS = {"embedding_model": "--model"}
_MODELS = ("static", "minilm")
_REMOTE = "openai:"
_ENVIRONMENT_ONLY = {
    "embedding_url": "a repository does not choose where its code is sent",
    "embedding_api_key": "a repository is no place for a secret",
    "vector_location": "a repository does not choose where its vectors are sent",
}
_log = logging.getLogger(__name__)


def _is_model(name: str) -> bool:
    return name in _MODELS or (name.startswith(_REMOTE) and _is_plain(name.removeprefix(_REMOTE)))


def _is_plain(text: str) -> bool:
    """Tell whether a text is visible ASCII, of which names and HTTP headers are made."""
    return text != "" and all("!" <= character <= "~" for character in text)


def _is_address(url: str) -> bool:
    """Tell whether a URL names a server and nothing more: no credentials, query or fragment."""
    from urllib.parse import urlsplit  # noqa: PLC0415 -- only where a server is named

    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(named) and _is_plain(url) and not set(url) & set("@?#")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose; every field is also the variable `HIKMA_<NAME>`."""

    database: Path | None = None
    """The file; None means `.hikma/index.db` in the repository."""
    vector_backend: Literal["sqlite-vec", "lancedb"] | None = None
    """None means the file's, or sqlite-vec for a file yet to be made."""
    vector_location: Annotated[str, Predicate(str.isprintable)] | None = None
    """LanceDB's folder or s3:// address; None means `vectors.lance` beside the file."""
    vector_dimensions: Annotated[int, Interval(ge=1, le=65_536)] | None = None
    """Checked against the model and the file; None means the model's."""
    vector_index_type: Literal["flat", "ivf"] | None = None
    """None means the file's, or flat; `ivf` is approximate, and LanceDB's alone."""
    use_sqlite_vec: bool | None = None
    """Seeds a fresh file: sqlite-vec answers, or LanceDB when false."""
    dual_write_vectors: bool | None = None
    """Seeds a fresh file: its vectors begin to move to the other backend."""
    compare_backends: bool | None = None
    """Seeds a fresh file: that migration goes as far as comparing both."""
    vector_scan: Scan = "auto"
    """Where vectors are compared: on disk, by codes in memory, by signs alone in memory (an eighth
    of it, slower), or by codes in memory from an engine's third query."""
    vector_timeout_s: Annotated[float, Interval(ge=0.1, le=600)] = 10.0
    """Seconds of a request to object storage, and of a query that asks it, over all its requests;
    what writes gives up after six without an answer."""
    vector_batch_size: Annotated[int, Interval(ge=1, le=100_000)] = 100
    """Documents a commit at least."""
    embedding_model: Annotated[str, Predicate(_is_model)] | None = None
    """None means the file's model, or the default for a file yet to be made."""
    embedding_url: Annotated[str, Predicate(_is_address)] | None = None
    """The server of `openai:MODEL`; without one nothing leaves the machine."""
    embedding_api_key: Annotated[str, Predicate(_is_plain)] | None = field(default=None, repr=False)
    """Sent to that server alone, and shown nowhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"


KNOWN = tuple(sorted(one.name for one in fields(Settings)))


def load_settings(root: Path, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """Merge the sources for the repository at `root`; flags that are None are unset.

    Raises ConfigurationError naming the source, the value and the choices, or a database that
    the repository itself would place outside of it.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for source, values in (
        (FILE_NAME, _from_file(root)),
        ("environment", _from_environment(environment)),
        ("flag", {name: value for name, value in flags.items() if value is not None}),
    ):
        merged |= values
        origin |= dict.fromkeys(values, source)
    if origin.get("database", FILE_NAME) == FILE_NAME:
        _check_inside(root, merged.get("database", str(DATABASE)))
    return _checked(merged, origin) if merged else Settings()


def database_path(settings: Settings, root: Path) -> Path:
    """Return the file that `settings` names for the repository at `root`."""
    return root / (settings.database or DATABASE)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for variable, value in environment.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or value == "":
            continue
        if name in KNOWN:
            values[name] = value
        else:
            _log.warning("%s has no effect: no such setting%s", variable, _near(name, PREFIX))
    return values


def _from_file(root: Path) -> dict[str, Any]:
    path = root / FILE_NAME
    if path.is_symlink():
        raise ConfigurationError(f"{path} is a symbolic link; put a file in its place.")
    if not path.is_file():
        return {}
    import tomllib  # noqa: PLC0415 -- most repositories have no such file

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}; correct the file.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    for name, reason in _ENVIRONMENT_ONLY.items():
        if name in values:
            variable = f"{PREFIX}{name.upper()}"
            raise ConfigurationError(f"{path}: {name}: {reason}; remove it and set {variable}.")
    return values


def _check_inside(root: Path, database: object) -> None:
    """Refuse a file outside the repository: its hikma.toml and its links may be a stranger's."""
    if not isinstance(database, str):
        return  # refused with the other wrong values
    if not (root / database).resolve().is_relative_to(root.resolve()):
        raise ConfigurationError(
            f"database = {database!r} leads outside the repository ({FILE_NAME} or a symbolic "
            "link); use a relative path inside it, or set HIKMA_DATABASE."
        )


def _checked(merged: Mapping[str, Any], origin: Mapping[str, str]) -> Settings:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 -- see the module's docstring

    problems = [
        # Its value stays unshown: a misspelt key is a key.
        f"{_shown(name, origin)}: no such setting{_near(name)}; choose of {', '.join(KNOWN)}."
        for name in merged
        if name not in KNOWN
    ]
    try:
        settings = TypeAdapter(Settings).validate_python(merged)
    except ValidationError as error:
        problems += _explain(error, origin)
    if problems:
        raise ConfigurationError("; ".join(problems))
    return settings


def _explain(error: "ValidationError", origin: Mapping[str, str]) -> list[str]:
    return [
        f"{_shown(name, origin)} = {_value(name, problem['input'])}: {_remedy(name, problem)}"
        for problem in error.errors()
        for name in (str(problem["loc"][0]),)
    ]


def _shown(name: str, origin: Mapping[str, str]) -> str:
    by_source = {"environment": f"{PREFIX}{name.upper()}", "flag": _OPTIONS.get(name, name)}
    return by_source.get(origin[name], f"{FILE_NAME}: {name}")


def _value(name: str, value: object) -> str:
    """Return what an error shows of a value: of an address or a key, nothing."""
    return "(not shown)" if name in _ENVIRONMENT_ONLY else repr(value)


def _remedy(name: str, problem: Mapping[str, Any]) -> str:
    if name == "embedding_model":
        return f"choose {_choices(_MODELS)}, or '{_REMOTE}MODEL' with {PREFIX}EMBEDDING_URL."
    if name == "embedding_url":
        return "give http(s)://HOST:PORT/v1, without a user, a query or a fragment."
    if name == "embedding_api_key":
        return "give visible ASCII characters."
    if problem["type"] == "literal_error":
        return f"choose {problem['ctx']['expected']}."
    return f"{problem['msg']}."


def _choices(names: tuple[str, ...]) -> str:
    return f"{', '.join(repr(name) for name in names[:-1])} or {names[-1]!r}"


def _near(name: str, prefix: str = "") -> str:
    """Return a hint at the known setting that a wrong name resembles most."""
    import difflib  # noqa: PLC0415 -- for errors only

    near = difflib.get_close_matches(name, KNOWN, n=1)
    if not near:
        return ""
    return f" (did you mean {prefix + near[0].upper() if prefix else near[0]}?)"
