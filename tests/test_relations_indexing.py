"""Imports in an index: edges between real files, and the same rows however one gets there."""

from contextlib import closing

import apsw
import pytest

from hikma import indexing
from hikma.catalog.tables import EDGE_CODES
from hikma.domain import EdgeKind
from relating import imports_in, indexer

FILES = {
    "pom.xml": "<project/>",
    "core/src/main/java/a/Box.java": "package a;\npublic class Box {\n  public static int size() { return 1; }\n}\n",
    "app/src/main/java/z/Use.java": "package z;\nimport a.Box;\nimport static a.Box.size;\nimport java.util.List;\nclass Use {}\n",
    "app/src/main/kotlin/z/More.kt": "package z\n\nimport a.Box\n\nfun more() = 1\n",
    "bin/run.sh": '#!/bin/bash\n. "$(dirname "$0")/part.sh"\n',
    "bin/part.sh": "echo part\n",
    "composer.json": '{"autoload": {"psr-4": {"Acme\\\\": "php/"}}}',
    "php/Box.php": "<?php\nnamespace Acme;\nclass Box {}\n",
    "php/use.php": "<?php\nuse Acme\\Box;\nuse Acme\\Lid;\n",
}
BOX = "core/src/main/java/a/Box.java"


@pytest.fixture
def index(monkeypatch, tmp_path):
    return indexer(monkeypatch, tmp_path)


def test_imports_become_edges_to_files_and_to_the_symbols_that_they_name(make_repository, index):
    repository = make_repository(FILES)
    assert imports_in(index(repository.root)) == [
        "file:app/src/main/java/z/Use.java -> file:core/src/main/java/a/Box.java",
        "file:app/src/main/java/z/Use.java -> symbol:core/src/main/java/a/Box.java#Box",
        "file:app/src/main/java/z/Use.java -> symbol:core/src/main/java/a/Box.java#Box.size",
        "file:app/src/main/kotlin/z/More.kt -> file:core/src/main/java/a/Box.java",
        "file:app/src/main/kotlin/z/More.kt -> symbol:core/src/main/java/a/Box.java#Box",
        "file:bin/run.sh -> file:bin/part.sh",
        "file:php/use.php -> file:php/Box.php",
        "file:php/use.php -> symbol:php/Box.php#Box",
    ]


EDITS = {
    "a class that was missing is added": {"php/Lid.php": "<?php\nnamespace Acme;\nclass Lid {}\n"},
    "a second module declares the class": {
        "other/src/main/java/a/Box.java": "package a; class Box {}\n"
    },
    "the target is gone": {BOX: None},
    "the target moves, and its package stays": {
        BOX: None,
        "core/src/main/java/a/Moved.java": "package a; class Box {}\n",
    },
    "a configuration file says otherwise": {
        "composer.json": '{"autoload": {"psr-4": {"Else\\\\": "php/"}}}'
    },
    "a configuration file breaks": {"composer.json": "{"},
    "the target says that it is of another package": {
        BOX: FILES[BOX].replace("package a;", "package b;")
    },
    "the target loses the symbol that was named": {BOX: "package a;\npublic class Box {}\n"},
    "the target becomes something else of that name": {
        BOX: FILES[BOX].replace("size()", "length()")
    },
    "the importer asks for something else": {"bin/run.sh": "#!/bin/bash\nsource ../bin/gone.sh\n"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_any_edit_leaves_the_edges_of_a_fresh_index(make_repository, index, edit):
    repository = make_repository(FILES)
    before = imports_in(index(repository.root))
    for path, content in edit.items():
        if content is None:
            (repository.root / path).unlink()
        else:
            repository.write(path, content)
    after, fresh = index(repository.root), index(repository.root, "fresh.db")
    assert imports_in(after) != before
    assert imports_in(after) == imports_in(fresh)


def test_a_variable_that_says_where_a_script_looks_moves_its_edge(make_repository, index):
    """The words of the import stay; the script's own text is what it is read with."""
    script = 'D="$(dirname "$0")/one"\n. "$D/part.sh"\n'
    files = {"run.sh": script, "one/part.sh": "echo 1\n", "two/part.sh": "echo 2\n"}
    repository = make_repository(files)
    assert imports_in(index(repository.root)) == ["file:run.sh -> file:one/part.sh"]
    repository.write("run.sh", script.replace("one", "two"))
    assert imports_in(index(repository.root)) == ["file:run.sh -> file:two/part.sh"]


def test_an_edit_that_no_link_follows_from_makes_none_anew(make_repository, index):
    """Neither does a run of its own accord mend what a hand has taken out of the file."""
    repository = make_repository(FILES)
    database = index(repository.root)
    known = imports_in(database)
    _forget_imports(database)
    repository.write(BOX, FILES[BOX].replace("return 1", "return 1 + 1"))
    assert imports_in(index(repository.root)) == []
    repository.write(BOX, FILES[BOX].replace("size()", "volume()"))
    assert imports_in(index(repository.root)) == [
        edge for edge in known if not edge.endswith("Box.size")
    ]


def test_links_that_a_stopped_run_owes_are_made_by_the_next(make_repository, index, monkeypatch):
    repository = make_repository(FILES)
    database = index(repository.root)
    _forget_imports(database)
    repository.write(BOX, FILES[BOX].replace("return 1", "return 1 + 1"))
    with monkeypatch.context() as patch:
        patch.setattr(indexing, "_finish", _stopped)
        with pytest.raises(_StoppedError):
            index(repository.root)
    assert imports_in(index(repository.root)) == imports_in(index(repository.root, "fresh.db"))


class _StoppedError(Exception):
    """Raised in the middle of indexing."""


def _stopped(*_args):
    raise _StoppedError


def _forget_imports(database):
    with closing(apsw.Connection(str(database))) as connection:
        connection.execute("DELETE FROM edge WHERE kind = ?", (EDGE_CODES[EdgeKind.IMPORTS],))
