"""Imports in an index: edges between real files, and the same rows however one gets there."""

import pytest

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
