"""Which packages does a repository hold, who sees them, and what do they hand out?"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hikma.sources.patterns import parse
from hikma.sources.relations.configuration import at, json_of, strings, table
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Tree

MANIFEST = "package.json"
_DEPENDENCIES = (
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
)
_MOST_NESTED = 16
_MOST_PATTERNS = 200
_LINKS = re.compile(r"(?:file|link|portal):(.*)", re.DOTALL)
_RENAMED = re.compile(r"npm:(@?[^@]+)(?:@(.*))?", re.DOTALL)
_FOREIGN = re.compile(r"git|https?:|[\w-]+/[\w.-]+$")
_VERSION = re.compile(r"([\^~]?)v?(\d+)(?:\.(\d+))?(?:\.(\d+))?[\w.+-]*")
_YAML_ITEM = re.compile(r"\s*-\s*(?:'([^']*)'|\"([^\"]*)\"|([^'\"#\s]+))\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages of a tree by folder, and the members of its workspaces by name."""

    manifests: Mapping[str, Mapping[str, Any]]
    workspaces: Mapping[str, Mapping[str, Sequence[str]]]
    """Folder of a workspace → package name → folders of its members."""
    scopes: dict[str, str | None] = field(default_factory=dict)


def packages_of(tree: Tree) -> Packages:
    """Read every package.json of a tree."""
    manifests = {
        folder_of(path): json_of(tree.read(path))
        for path in tree.languages
        if path == MANIFEST or path.endswith("/" + MANIFEST)
    }
    workspaces = {}
    for folder in {*manifests, *_folders(tree, "pnpm-workspace.yaml")}:
        patterns = _patterns(tree, folder, manifests.get(folder, {}))
        if patterns:
            workspaces[folder] = _members(folder, patterns, manifests)
    return Packages(manifests, workspaces)


def scope_of(packages: Packages, folder: str) -> str | None:
    """Return the folder of the package.json that a folder belongs to."""
    if folder not in packages.scopes:
        packages.scopes[folder] = next(
            (one for one in upwards(folder) if one in packages.manifests), None
        )
    return packages.scopes[folder]


def visible(packages: Packages, folder: str, name: str) -> Sequence[str]:
    """Return the folders of the repository that a package's name means to the files of a folder."""
    scope = scope_of(packages, folder)
    own = packages.manifests.get(scope, {}) if scope is not None else {}
    if scope is not None and own.get("name") == name and "exports" in own:
        return [scope]
    holder, asked = _dependency(packages, folder, name)
    link = _LINKS.fullmatch(asked or "")
    if link:
        place = joined(holder, link[1])
        return [place] if place is not None and place in packages.manifests else []
    for root in upwards(folder):
        members = packages.workspaces.get(root, {}).get(name, ())
        if members:
            return [
                one for one in members if _fits(name, asked, packages.manifests[one].get("version"))
            ]
    return []


def handed_out(
    manifest: Mapping[str, Any], subpath: str, conditions: Sequence[str] | None
) -> Iterator[str]:
    """Yield the files behind a subpath (`.`, `./x`) of a package, the first choice first.

    Without `conditions`, under any condition.
    """
    exports = manifest.get("exports")
    if exports is None:
        return
    if not any(key.startswith(".") for key in table(exports)):
        exports = {".": exports}
    yield from _mapped(exports, subpath, conditions)


def privately(
    manifest: Mapping[str, Any], name: str, conditions: Sequence[str] | None
) -> Iterator[str]:
    """Yield what a package's own name for something (`#x`) stands for."""
    yield from _mapped(manifest.get("imports"), name, conditions)


def _mapped(value: object, key: str, conditions: Sequence[str] | None) -> Iterator[str]:
    keys = table(value)
    if key in keys and "*" not in key:
        yield from _choices(keys[key], conditions, "", 0)
        return
    best = ""
    for pattern in keys:
        before, star, after = pattern.partition("*")
        fits = star and key.startswith(before) and key.endswith(after)
        longer = len(before) > len(best.partition("*")[0]) or not best
        if fits and len(key) >= len(before) + len(after) and longer:
            best = pattern
    if best:
        before, _, after = best.partition("*")
        taken = key[len(before) : len(key) - len(after)]
        yield from _choices(keys[best], conditions, taken, 0)


def _choices(
    value: object, conditions: Sequence[str] | None, star: str, depth: int
) -> Iterator[str]:
    if isinstance(value, str):
        yield value.replace("*", star)
    elif depth < _MOST_NESTED and isinstance(value, list):
        for one in value:
            yield from _choices(one, conditions, star, depth + 1)
    elif depth < _MOST_NESTED:
        for condition, one in table(value).items():
            if conditions is None or condition in conditions:
                yield from _choices(one, conditions, star, depth + 1)


def _dependency(packages: Packages, folder: str, name: str) -> tuple[str, str | None]:
    """Return which package asks for another, and for which version of it."""
    for one in upwards(folder):
        manifest = packages.manifests.get(one, {})
        for kind in _DEPENDENCIES:
            asked = at(manifest, kind, name)
            if isinstance(asked, str):
                return one, asked
    return "", None


def _fits(name: str, asked: str | None, version: object) -> bool:
    """Whether the member of a workspace is what is asked for, and not one from a registry."""
    renamed = _RENAMED.fullmatch(asked or "")
    if renamed and renamed[1] != name:
        return False
    asked = renamed[2] if renamed else asked
    if asked is None or asked.startswith("workspace:"):
        return True
    if _FOREIGN.match(asked):
        return False
    wanted, found = _VERSION.fullmatch(asked), _VERSION.fullmatch(str(version))
    if wanted is None or found is None:
        return True
    exact = {"": 4, "~": 3}.get(wanted[1], 3 if wanted[2] == "0" else 2)
    return all(wanted[at] in {None, found[at]} for at in range(2, exact + 1))


def _members(
    root: str, patterns: Sequence[str], manifests: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Sequence[str]]:
    lines = []
    for pattern in patterns[:_MOST_PATTERNS]:
        negated = "!" if pattern.startswith("!") else ""
        lines.append(f"{negated}/{pattern.removeprefix('!').removeprefix('./').strip('/')}")
    strongest_first = parse("\n".join(lines).encode("utf-8", "replace"))
    found: dict[str, list[str]] = defaultdict(list)
    for folder in sorted(manifests):
        if folder != root and (not root or folder.startswith(root + "/")):
            relative = folder[len(root) :].lstrip("/")
            hit = next((one for one in strongest_first if one.regex.fullmatch(relative)), None)
            name = manifests[folder].get("name")
            if hit and not hit.negated and isinstance(name, str):
                found[name].append(folder)
    own = manifests.get(root, {}).get("name")
    if isinstance(own, str):
        found[own].append(root)
    return found


def _patterns(tree: Tree, folder: str, manifest: Mapping[str, Any]) -> list[str]:
    workspaces = manifest.get("workspaces")
    found = strings(workspaces) + strings(at(workspaces, "packages"))
    found += _listed(tree.read(below(folder, "pnpm-workspace.yaml")) or "")
    lerna = json_of(tree.read(below(folder, "lerna.json")))
    return [one for one in found + strings(lerna.get("packages")) if "\n" not in one]


def _listed(text: str) -> list[str]:
    """Return the items of the list `packages` of a YAML text."""
    found = []
    inside = False
    for line in text.splitlines():
        item = _YAML_ITEM.fullmatch(line)
        if item and inside:
            found.append(item[1] or item[2] or item[3] or "")
        elif line.strip() and not line.lstrip().startswith("#"):
            inside = line.startswith("packages:")
    return found


def _folders(tree: Tree, name: str) -> list[str]:
    return [folder_of(path) for path in tree.languages if path.rpartition("/")[2] == name]
