"""From which folders does Python import? What a repository's own set-up says about them."""

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hikma.sources.relations.configuration import MAX_CHARACTERS, at, strings, table, toml_of
from hikma.sources.relations.paths import below, folder_of, joined
from hikma.sources.relations.tree import Tree

PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini")
"""Files of which each makes its folder a project with roots of its own."""

_PACKAGE_DIR = re.compile(r"""package_dir\s*=\s*(?:dict\(|\{)\s*['"]{2}\s*:\s*['"]([^'"\n]+)""")
_FIND = re.compile(r"""find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?['"]([^'"\n]+)""")


def written_roots(tree: Tree, folder: str) -> list[str]:
    """Return the folders that a project's set-up names as roots of modules, in order."""
    found: dict[str, None] = {}
    for relative in _written(tree, folder):
        root = joined(folder, relative.strip())
        if root is not None:
            found[root] = None
    return list(found)


def project_roots(tree: Tree, folder: str, folders: Iterable[str]) -> list[str]:
    """Return a project's roots: those written, then `src/` if there is one, then itself."""
    roots = dict.fromkeys(written_roots(tree, folder))
    source = below(folder, "src")
    if source in folders and f"{source}/__init__.py" not in tree.languages:
        roots[source] = None
    roots[folder] = None
    return list(roots)


def _written(tree: Tree, folder: str) -> Iterator[str]:
    yield from _of_pyproject(toml_of(tree.read(below(folder, "pyproject.toml"))))
    for name in ("setup.cfg", "pytest.ini", "tox.ini"):
        yield from _of_ini(tree.read(below(folder, name)) or "")
    script = tree.read(below(folder, "setup.py")) or ""
    if len(script) <= MAX_CHARACTERS:
        yield from _PACKAGE_DIR.findall(script)
        yield from _FIND.findall(script)


def _of_pyproject(project: Mapping[str, Any]) -> Iterator[str]:
    tool = at(project, "tool")
    setuptools = at(tool, "setuptools")
    for package, place in table(at(setuptools, "package-dir")).items():
        yield from _parents(package, strings(place))
    yield from strings(at(setuptools, "packages", "find", "where"))
    for one in _listed(at(tool, "poetry", "packages")):
        yield from strings(at(one, "from"))
    wheel = at(tool, "hatch", "build", "targets", "wheel")
    yield from (folder_of(one.strip("/")) or "." for one in strings(at(wheel, "packages")))
    yield from strings(at(wheel, "sources"))
    yield from table(at(wheel, "sources"))
    yield from strings(at(tool, "hatch", "build", "dev-mode-dirs"))
    yield from strings(at(tool, "pdm", "build", "package-dir"))
    yield from strings(at(tool, "maturin", "python-source"))
    yield from strings(at(tool, "uv", "build-backend", "module-root"))
    yield from _split(at(tool, "pytest", "ini_options", "pythonpath"))
    yield from _split(at(tool, "mypy", "mypy_path"))
    yield from strings(at(tool, "pyright", "extraPaths"))


def _parents(package: str, places: Iterable[str]) -> Iterator[str]:
    """Return the root that makes a folder the package of this name, where one does."""
    for place in (one.strip("/") for one in places):
        if not package:
            yield place
        elif f"/{place}".endswith("/" + package.replace(".", "/")):
            yield place[: len(place) - len(package)] or "."


def _of_ini(text: str) -> Iterator[str]:
    if len(text) > MAX_CHARACTERS:
        return
    settings = configparser.RawConfigParser(strict=False)
    try:
        settings.read_string(text)
    except configparser.Error:
        return
    for line in settings.get("options", "package_dir", fallback="").splitlines():
        package, equals, place = (part.strip() for part in line.partition("="))
        if equals:
            yield from _parents(package, [place])
    yield from _split(settings.get("options.packages.find", "where", fallback=""))
    for section in ("pytest", "tool:pytest"):
        yield from _split(settings.get(section, "pythonpath", fallback=""))
    yield from _split(settings.get("mypy", "mypy_path", fallback=""))


def _split(value: object) -> Iterator[str]:
    for one in strings(value):
        yield from re.split(r"[\s,:]+", one.strip()) if one.strip() else ()


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
