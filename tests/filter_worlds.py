"""Catalogs with a history, small and made at random, and all that a filter asks of them as rows."""

import random
from dataclasses import dataclass, field
from hashlib import sha1

from catalog_rows import REPOSITORY, case, document, file_node, put_file, symbol
from hikma.catalog import completeness, fulltext, graph, history, pulls, state
from hikma.domain import Change, ChangeStatus, Commit, Node, NodeKind

FILES = {
    "src/a.py": "python",
    "src/deep/b.py": "python",
    "src/deep/c.TS": "typescript",
    "srcs/d.go": "go",
    "app/[id]/page.ts": "typescript",
    "Makefile": "make",
    "docs/guide.md": "markdown",
    ".hidden": None,
    "native/x.h": "c",
    "native/y.h": "cpp",
    "web/App.vue": "vue",
}
INNER = {"web/App.vue": "javascript"}
"""The language of what stands in a file, where it is another than the file's."""

GONE = {
    "src/old.py": {"python"},
    "lib/a.py": {"python"},
    "lib/Makefile": {"make"},
    "lib/x.coffee": set(),
    "docs/NOTES": set(),
    "srcs/d.GO": {"go"},
    "native/z.h": {"c", "cpp"},
}
"""Paths of the past with the languages that today's files give them."""

WRITERS = [
    ("Ada Byron", "ada@example.org"),
    ("Ada Byron", "byron@work.example"),
    ("ADA", "someone@else.example"),
    ("Joanna Ann-Lee", "jo.lee@example.org"),
    ("Anna", ""),
    ("", "nameless@example.org"),
    ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.example"),
    ("Ünal Öz", "unal@ÖZ.example"),
    ("O'Neill", "o_neill@example.org"),
    ("Jo Straße", "jo@strasse.example"),
]
PULL_AUTHORS = ["", "ada", "octocat", "Ada Byron", "jo-lee", "dependabot[bot]"]
DAY = 86_400
MARCH = 1_709_251_200
"""2024-03-01T00:00:00Z."""
TIMES = [MARCH - 1, MARCH, MARCH + 1, MARCH + DAY - 1, MARCH + DAY, MARCH + 40 * DAY, -10, 2**40]
PULL_DATES = {
    "": None,
    "2024-02-30T00:00:00Z": None,
    "2024-03-01T00:00:00Z": MARCH,
    "2024-03-01T01:00:00+02:00": MARCH - 3_600,
    "2024-03-01": MARCH,
    "2024-03-01T23:59:59.500000+00:00": MARCH + DAY - 0.5,
    "2024-03-02T00:00:00": MARCH + DAY,
    "2024-04-10T00:00:00-00:30": MARCH + 40 * DAY + 1_800,
}
"""Dates of pull requests as hosts and users write them, and the instants that they are."""


@dataclass
class World:
    """What there is, in plain rows."""

    nodes: dict[int, Node] = field(default_factory=dict)
    documents: dict[int, int] = field(default_factory=dict)
    commits: dict[int, Commit] = field(default_factory=dict)
    touched: set[tuple[int, int]] = field(default_factory=set)
    merged: dict[int, set[int]] = field(default_factory=dict)


def build(connection, seed, *, pull_requests=12):
    """Fill a catalog; everything in it follows from the seed."""
    chance = random.Random(seed)  # noqa: S311 -- a test's choice
    world = World()
    for path, language in FILES.items():
        _put_file(connection, world, path, language)
    graph.link_tree(connection, REPOSITORY)
    _put_directories(connection, world)
    _put_commits(connection, world, chance, 40)
    _put_pulls(connection, world, chance, pull_requests)
    state.put(connection, "head", "f" * 40)
    state.put(connection, completeness.HEAD, "f" * 40)
    state.put(connection, completeness.COMPLETE, "1")
    state.put(connection, completeness.CREDITED, "1")
    return world


def _put_documents(connection, world, ids, nodes, count=1):
    documents = [document(node, f"{node.id} {at}", at) for node in nodes for at in range(count)]
    numbered = {ids[node.id]: node for node in nodes}
    fulltext.put_documents(connection, {node.id: ids[node.id] for node in nodes}, documents)
    world.nodes |= numbered
    for number in numbered:
        found = connection.execute("SELECT id FROM document WHERE node = ?", (number,))
        world.documents |= {row[0]: number for row in found}


def _put_file(connection, world, path, language):
    inner = INNER.get(path, language)
    nodes = [file_node(path, language=language), symbol(path, "f", inner), case(path, "g", inner)]
    _put_documents(connection, world, put_file(connection, nodes).ids, nodes, 2)


def _put_directories(connection, world):
    keys = [one for (one,) in connection.execute("SELECT key FROM node WHERE kind = 'directory'")]
    found = [graph.find(connection, key) for key in keys]
    ids = {one.node.id: one.id for one in found}
    _put_documents(connection, world, ids, [one.node for one in found])


def _change(chance):
    paths = [*FILES, *GONE]
    status = chance.choice(list(ChangeStatus))
    path = chance.choice(paths)
    old = chance.choice(paths) if status is ChangeStatus.RENAMED else ""
    return Change(path, status, 0, old)


def _commit(chance, at):
    name, email = chance.choice(WRITERS)
    hash_ = sha1(f"{at}".encode(), usedforsecurity=False).hexdigest()
    changes = {one.path: one for one in (_change(chance) for _ in range(chance.randrange(4)))}
    time = chance.choice(TIMES)
    return Commit(hash_, (), name, email, "", time, f"Change {at}", tuple(changes.values()))


def _put_commits(connection, world, chance, count):
    commits = [_commit(chance, at) for at in range(count)]
    nodes = [Node(f"commit:{one.hash}", NodeKind.COMMIT, one.message, "") for one in commits]
    ids = history.put_commits(connection, commits, nodes)
    _put_documents(connection, world, ids, nodes)
    world.commits = {ids[node.id]: one for node, one in zip(nodes, commits, strict=True)}
    targets = [one for one, node in world.nodes.items() if node.path and node.path in FILES]
    world.touched = {
        (chance.choice(list(world.commits)), chance.choice(targets)) for _ in range(60)
    }
    history.credit(connection, [one for one, _ in history.files(connection)], world.touched)


def _put_pulls(connection, world, chance, count):
    for number in range(1, count + 1):
        author = PULL_AUTHORS[number % len(PULL_AUTHORS)]
        facts = {"author": author, "date": chance.choice(list(PULL_DATES))}
        properties = {name: text for name, text in facts.items() if text}
        node = Node(f"pull_request:{number}", NodeKind.PULL_REQUEST, "P", "", properties=properties)
        ids = graph.put_nodes(connection, [node])
        _put_documents(connection, world, ids, [node])
        merged = chance.sample(list(world.commits), chance.randrange(4))
        hashes = [world.commits[one].hash for one in merged]
        pulls.link(connection, {ids[node.id]: hashes})
        world.merged[ids[node.id]] = set(merged)
