"""Which file does an `#include` mean? A neighbour, or one under a root that is settled here."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hikma.domain import Import
from hikma.sources.relations.include_roots import include_roots
from hikma.sources.relations.paths import below, folder_of, joined, upwards
from hikma.sources.relations.tree import Resolution, Resolve, Target, Tree, Unresolved

_WRITTEN = re.compile(r'"([^"\n]+)"|<([^>\n]+)>')
_C = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn "
    "string tgmath threads time uchar wchar wctype"
)
_POSIX = (
    "aio arpa/inet cpio dirent dlfcn endian fcntl fmtmsg fnmatch ftw glob grp iconv langinfo "
    "libgen malloc monetary mqueue ndbm net/if netdb netinet/in netinet/tcp nl_types poll pthread "
    "pwd regex sched search semaphore spawn strings stropts sys/ioctl sys/ipc sys/mman sys/msg "
    "sys/param sys/resource sys/select sys/sem sys/shm sys/socket sys/stat sys/statvfs sys/time "
    "sys/types sys/uio sys/un sys/utsname sys/wait syslog tar termios trace ulimit unistd utime "
    "utmpx windows wordexp"
)
STANDARD = frozenset(f"{name}.h" for name in f"{_C} {_POSIX}".split())
"""What `<…>` takes from the compiler and the system, whatever a repository calls its own."""

_ROOTS = ("include", "src")
_HEADER_FOLDERS = ("include", "inc")


@dataclass(frozen=True, slots=True)
class _Headers:
    """What can be included, and from where."""

    tree: Tree
    declared: Mapping[str, Sequence[str]]
    """Folder of a build file → the folders that it names."""
    roots: frozenset[str]
    """All of these."""
    named: Mapping[str, Sequence[str]]
    """Last part of a path → the paths that end so."""
    known: dict[tuple[str, str], Resolution] = field(default_factory=dict)


def include(tree: Tree) -> Resolve:
    """Resolve the includes of C and C++ files."""
    named: dict[str, list[str]] = defaultdict(list)
    for path in tree.languages:
        named[path.rpartition("/")[2]].append(path)
    declared = include_roots(tree)
    roots = frozenset(root for listed in declared.values() for root in listed)
    headers = _Headers(tree, declared, roots, named)

    def resolve(path: str, asked: Import) -> Resolution:
        key = (folder_of(path), asked.module)
        if key not in headers.known:
            headers.known[key] = _resolve(headers, *key)
        return headers.known[key]

    return resolve


def _resolve(headers: _Headers, folder: str, module: str) -> Resolution:
    written = _WRITTEN.fullmatch(module)
    if written is None:
        return Unresolved.COMPUTED
    name, quoted = written[1] or written[2], written[1] is not None
    beside = joined(folder, name) if quoted else None
    if beside in headers.tree.languages:
        return Target((str(beside),))
    if not quoted and (name in STANDARD or ("." not in name and "/" not in name)):
        return Unresolved.OUTSIDE
    upward = ".." in name.split("/")
    rules = _upward(headers, folder, name) if upward else _places(headers, folder, name, quoted)
    for places in rules:
        if places:
            return Target((places[0],)) if len(places) == 1 else Unresolved.AMBIGUOUS
    return Unresolved.MISSING if quoted and name.startswith("../") else Unresolved.OUTSIDE


def _upward(headers: _Headers, folder: str, name: str) -> Iterator[list[str]]:
    """Yield the files that a name with `..` in it means from the folders that are named around."""
    for one in upwards(folder):
        places = {joined(root, name) for root in headers.declared.get(one, ())}
        yield sorted(one for one in places if one is not None and one in headers.tree.languages)


def _places(headers: _Headers, folder: str, name: str, quoted: bool) -> Iterator[list[str]]:  # noqa: FBT001 -- one of two spellings
    """Yield the files that a name may mean, rule by rule, the surest rule first.

    First what the build files around name, the nearest first; then what any build file names; then
    the usual roots around; then the one path in the repository that ends as it is written.
    """
    ending = "/" + (joined("", name) or "")
    ends = {
        path[: max(0, len(path) - len(ending))]: path
        for path in headers.named.get(name.rpartition("/")[2], ())
        if f"/{path}".endswith(ending)
    }
    around = list(upwards(folder))
    for one in around:
        yield _under(ends, headers.declared.get(one, ()))
    yield _under(ends, headers.roots)
    usual = [below(one, root) for one in around for root in _ROOTS]
    parted = "/" in name
    yield _under(ends, usual + around if quoted or parted else usual)
    if quoted and parted:
        yield list(ends.values())
    elif quoted or parted:
        yield [path for root, path in ends.items() if root.rpartition("/")[2] in _HEADER_FOLDERS]


def _under(ends: Mapping[str, str], roots: Collection[str]) -> list[str]:
    """Return what lies directly under some roots, of the paths that end as a name is written."""
    return [path for root, path in ends.items() if root in roots]
