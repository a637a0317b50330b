"""Imports of Python, TypeScript, Go, C and Rust in an index: edges, and edits that change them."""

from contextlib import closing

import pytest

from hikma.catalog import imports
from hikma.catalog.schema import Catalog
from relating import imports_in, indexer
from rows import differences, rows_of

FILES = {
    "pyproject.toml": "[project]\nname = 'own'\n",
    "src/own/__init__.py": "from .core import Engine\n",
    "src/own/core.py": "class Engine:\n    pass\n",
    "tests/test_own.py": "import json\nfrom own import Engine\nfrom own.later import soon\n",
    "tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./web/*"]}}}',
    "web/box.ts": "export class Box {}\n",
    "web/app.ts": "import { Box } from '@/box';\nimport react from 'react';\n",
    "go.mod": "module example.org/own\n",
    "store/a.go": "package store\n",
    "main.go": 'package main\n\nimport "example.org/own/store"\n',
    "include/api.h": "int api(void);\n",
    "lib/api.c": '#include <stdio.h>\n#include "api.h"\n',
    "Cargo.toml": '[package]\nname = "own"\nedition = "2021"\n',
    "src/lib.rs": "mod shape;\npub use shape::Round;\n",
    "src/shape.rs": "pub struct Round;\nuse self::Round as Same;\n",  # no edge to itself
}
EDGES = [
    "file:lib/api.c -> file:include/api.h",
    "file:main.go -> file:store/a.go",
    "file:src/lib.rs -> file:src/shape.rs",
    "file:src/lib.rs -> symbol:src/shape.rs#Round",
    "file:src/own/__init__.py -> file:src/own/core.py",
    "file:src/own/__init__.py -> symbol:src/own/core.py#Engine",
    "file:tests/test_own.py -> file:src/own/__init__.py",
    "file:tests/test_own.py -> symbol:src/own/core.py#Engine",
    "file:web/app.ts -> file:web/box.ts",
    "file:web/app.ts -> symbol:web/box.ts#Box",
]


@pytest.fixture
def index(monkeypatch, tmp_path):
    return indexer(monkeypatch, tmp_path)


def test_imports_become_edges_and_what_does_not_is_counted(make_repository, index):
    database = index(make_repository(FILES).root)
    assert imports_in(database) == EDGES
    with closing(Catalog.open(database)) as catalog, catalog.read() as connection:
        assert dict(imports.counts(connection)) == {"missing": 1, "outside": 3, "resolved": 8}


EDITS = {
    "what was missing is added": {"src/own/later.py": "def soon(): pass\n"},
    "a second header makes an include ambiguous": {"src/api.h": "int other;\n"},
    "a file joins the package": {"store/b.go": "package store\n"},
    "an alias leads elsewhere": {
        "tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./else/*"]}}}'
    },
    "the settings break": {"tsconfig.json": "{"},
    "the module is renamed": {"go.mod": "module example.org/other\n"},
    "the definer is gone": {"src/own/core.py": None},
    "the definition moves to another file": {
        "src/own/core.py": "from .engine import Engine\n",
        "src/own/engine.py": "class Engine: pass\n",
    },
    "a module becomes a folder": {
        "src/shape.rs": None,
        "src/shape/mod.rs": "pub struct Round;\n",
    },
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_any_edit_leaves_the_rows_of_a_fresh_index(make_repository, index, edit):
    repository = make_repository(FILES)
    assert imports_in(index(repository.root)) == EDGES
    for path, content in edit.items():
        if content is None:
            (repository.root / path).unlink()
        else:
            repository.write(path, content)
    after, fresh = index(repository.root), index(repository.root, "fresh.db")
    assert imports_in(after) != EDGES
    assert imports_in(after) == imports_in(fresh)
    assert differences(rows_of(after), rows_of(fresh)) == []
