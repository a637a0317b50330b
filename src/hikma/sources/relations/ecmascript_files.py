"""Which file does a path without its last word mean? The extensions and indexes of ECMAScript."""

from collections.abc import Container, Iterator

from hikma.sources.relations.paths import below

_TYPESCRIPT = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
_JAVASCRIPT = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".d.ts")
_OTHER = (".json", ".vue", ".svelte")
_WRITTEN_AS = (
    (".js", (".ts", ".tsx", ".d.ts")),
    (".jsx", (".tsx", ".d.ts")),
    (".mjs", (".mts", ".d.mts")),
    (".cjs", (".cts", ".d.cts")),
)
"""What TypeScript calls by the name of the file that it compiles to."""

_BUILT = (".d.ts", ".d.mts", ".d.cts", ".js", ".jsx", ".mjs", ".cjs")
_BUILD_FOLDERS = frozenset(
    (
        "dist",
        "build",
        "lib",
        "out",
        "output",
        "esm",
        "cjs",
        "es",
        "umd",
        "types",
        "typings",
        "module",
    )
)


def file_at(files: Container[str], path: str, *, typescript: bool) -> str | None:
    """Return the file that a path means: itself, with an extension, or what it compiles from."""
    name = path.rpartition("/")[2]
    exact = path if "." in name and path in files else None
    if exact and not typescript:
        return exact
    for compiled, sources in _WRITTEN_AS:
        if name.endswith(compiled):
            stem = path.removesuffix(compiled)
            found = _first(files, (stem + source for source in sources))
            if found:
                return found
    if exact:
        return exact
    order = _TYPESCRIPT if typescript else _JAVASCRIPT
    return _first(files, (path + extension for extension in (*order, *_OTHER)))


def index_at(files: Container[str], folder: str, *, typescript: bool) -> str | None:
    """Return a folder's index file."""
    order = _TYPESCRIPT if typescript else _JAVASCRIPT
    return _first(files, (below(folder, f"index{extension}") for extension in (*order, *_OTHER)))


def source_of(
    files: Container[str], folder: str, built: str, outputs: tuple[str | None, str | None]
) -> str | None:
    """Return the source in a package's folder that a built file comes from, if it is there.

    `outputs` are the folders that the package's own set-up writes to and reads from. Where they
    do not tell, the folders that usual builds write to stand for `src/`, and for the package.
    """
    stem = _stem(built)
    if stem is None:
        return None
    written, read = outputs
    stems = []
    if written is not None and (not written or stem.startswith(written + "/")):
        rest = stem[len(written) :].lstrip("/")
        stems += [below(read, rest)] if read is not None else []
    inside = stem[len(folder) :].lstrip("/")
    parts = inside.split("/")
    while len(parts) > 1 and parts[0] in _BUILD_FOLDERS:
        parts.pop(0)
        rest = "/".join(parts)
        stems += [below(folder, f"src/{rest}"), below(folder, rest)]
    stems.append(below(folder, f"src/{inside}"))
    return _first(files, _spelled(stems))


def _spelled(stems: list[str]) -> Iterator[str]:
    for stem in stems:
        for part in ("", "/index"):
            for extension in _TYPESCRIPT:
                yield f"{stem}{part}{extension}"


def _stem(built: str) -> str | None:
    for extension in _BUILT:
        if built.endswith(extension):
            return built.removesuffix(extension)
    return None


def _first(files: Container[str], paths: Iterator[str]) -> str | None:
    return next((path for path in paths if path in files), None)
