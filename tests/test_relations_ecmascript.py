"""Imports of JavaScript and TypeScript: extensions, indexes, aliases, packages, workspaces."""

import json

import pytest

from relating import meaning_of, targets_of

FILES = {
    "src/a.ts": "export const one = 1; export class Box {}",
    "src/view.tsx": "export function View() {}",
    "src/old.js": "exports.f = function () {}",
    "src/old.d.ts": "export function f(): void",
    "src/twin.ts": "export const t = 1",
    "src/twin.js": "export const t = 1",
    "src/part/index.ts": "export * from '../a'; export { Box as Case } from '../a'",
    "src/lib/package.json": '{"main": "./go.js"}',
    "src/lib/go.js": "module.exports = {}",
    "src/data.json": "{}",
    "src/App.vue": "<script>export default {}</script>",
    "src/m.mts": "export const m = 1",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import { one } from './a'", "src/a.ts#one"),
        ("import { Box as B } from './a'", "src/a.ts#Box"),
        ("import a from './a'", "src/a.ts"),
        ("import * as a from './a.js'", "src/a.ts"),
        ("import './a'", "src/a.ts"),
        ("import type { Box } from './a'", "src/a.ts#Box"),
        ("export { one } from './a'", "src/a.ts#one"),
        ("export * from './a'", "src/a.ts"),
        ("const a = await import('./a')", "src/a.ts"),
        ("let b: import('./a').Box", "src/a.ts"),
        ("import a = require('./a')", "src/a.ts"),
        ("import { View } from './view.jsx'", "src/view.tsx#View"),
        ("import { m } from './m.mjs'", "src/m.mts#m"),
        ("import { f } from './old'", "src/old.d.ts#f"),
        ("import { t } from './twin.js'", "src/twin.ts#t"),
        ("import { one } from './part'", "src/part/index.ts#one by src/a.ts"),
        ("import { one } from './part/'", "src/part/index.ts#one by src/a.ts"),
        ("import lib from './lib'", "src/lib/go.js"),
        ("import data from './data.json'", "src/data.json"),
        ("import App from './App.vue'", "src/App.vue"),
        ("import x from './a?raw'", "src/a.ts"),
        ("import x from './gone'", "missing"),
        ("import x from '../../out'", "outside"),
        ("import x from 'react'", "outside"),
        ("import x from 'src/a'", "outside"),
        ("import fs from 'fs'", "outside"),
        ("import fs from 'node:fs'", "outside"),
        ("import x from 'https://x.org/a.ts'", "outside"),
        ("import x from '/src/a'", "outside"),
        ("import(`./${name}`)", "computed"),
        ("require(name)", "computed"),
    ],
)
def test_an_import_of_typescript(line, meant):
    assert targets_of({**FILES, "src/x.ts": line}, "src/x.ts") == [meant]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("const old = require('./old')", ["src/old.js"]),
        ("const { t: u } = require('./twin')", ["src/twin.js#t", "src/twin.js"]),
        ("import { t } from './twin.js'", ["src/twin.js#t"]),
        ("import { one } from './a.js'", ["src/a.ts#one"]),
        ("require(`./old`)", ["src/old.js"]),
        ("import up from '..'", ["missing"]),
        ("import up from '.'", ["missing"]),
    ],
)
def test_an_import_of_javascript_means_what_runs(line, meant):
    assert targets_of({**FILES, "src/x.js": line}, "src/x.js") == meant


def test_the_script_of_a_component_imports_like_any_other():
    text = "<template/>\n<script lang='ts'>\nimport { Box } from './a'\n</script>\n"
    assert targets_of({**FILES, "src/X.vue": text}, "src/X.vue") == ["src/a.ts#Box"]


ALIASES = {
    "tsconfig.json": """{
      // names of ours
      "compilerOptions": { "paths": {
        "@/*": ["./src/*"], "@/part": ["./src/special"], "exact": ["./src/a.ts"],
        "gone/*": ["./nowhere/*"], "*": ["./types/*"], }, /* and no base */
      },
    }""",
    "src/special.ts": "",
    "types/mine.d.ts": "",
    **FILES,
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import { one } from '@/a'", "src/a.ts#one"),
        ("import x from '@/part'", "src/special.ts"),
        ("import x from 'exact'", "src/a.ts"),
        ("import x from 'gone/x'", "missing"),
        ("import x from '@/gone'", "missing"),
        ("import x from 'mine'", "types/mine.d.ts"),
        ("import x from 'other'", "outside"),
    ],
)
def test_the_paths_of_a_tsconfig_name_files(line, meant):
    assert targets_of({**ALIASES, "src/deep/x.ts": line}, "src/deep/x.ts") == [meant]


@pytest.mark.parametrize(
    ("files", "meant"),
    [
        ({"tsconfig.json": '{"compilerOptions": {"baseUrl": "src"}}'}, "src/a.ts"),
        ({"jsconfig.json": '{"compilerOptions": {"baseUrl": "./src"}}'}, "src/a.ts"),
        ({"app/tsconfig.json": "{}", "tsconfig.json": '{"compilerOptions": {"baseUrl": "src"}}'}, "outside"),
        ({"app/tsconfig.json": '{"extends": "../b"}', "b.json": '{"compilerOptions": {"baseUrl": "src"}}'}, "src/a.ts"),
        ({"app/tsconfig.json": '{"extends": ["../b.json", "../c"]}', "b.json": '{"compilerOptions": {"baseUrl": "src"}}', "c.json": "{}"}, "src/a.ts"),
        ({"app/tsconfig.json": '{"files": [], "references": [{"path": "./tsconfig.app.json"}]}', "app/tsconfig.app.json": '{"compilerOptions": {"paths": {"a": ["../src/a"]}}}'}, "src/a.ts"),
        ({"app/tsconfig.json": '{"extends": "@own/ts/x.json"}', "package.json": '{"workspaces": ["k/*"]}', "k/ts/package.json": '{"name": "@own/ts"}', "k/ts/x.json": '{"compilerOptions": {"paths": {"a": ["${configDir}/../src/a"]}}}'}, "src/a.ts"),
    ],
)  # fmt: skip
def test_settings_come_from_the_nearest_file_and_what_it_extends(files, meant):
    asking = {**FILES, "app/x.ts": "import a from 'a'", **files}
    assert targets_of(asking, "app/x.ts") == [meant]


def workspace(**changed):
    """Return a workspace of two packages; `core` hands out one built file and one source."""
    core = {
        "name": "@own/core",
        "version": "2.1.0",
        "exports": {
            ".": {"types": "./dist/index.d.ts", "import": "./dist/index.mjs"},
            "./part/*": "./src/parts/*.ts",
            "./part/secret": None,
            "./package.json": "./package.json",
        },
        "imports": {"#inner/*": "./src/*.ts", "#out": "react"},
    }
    return {
        "package.json": json.dumps({"workspaces": ["packages/*", "!packages/off"]}),
        "packages/core/package.json": json.dumps({**core, **changed}),
        "packages/core/src/index.ts": "export { made } from './parts/a'",
        "packages/core/src/parts/a.ts": "export function made() {}",
        "packages/off/package.json": '{"name": "@own/off", "main": "x.js"}',
        "packages/off/x.js": "",
        "packages/app/package.json": '{"name": "app", "main": "./lib/main.js"}',
        "packages/app/src/main.ts": "",
    }


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import { made } from '@own/core'", "packages/core/src/index.ts#made by packages/core/src/parts/a.ts"),
        ("import { made } from '@own/core/part/a'", "packages/core/src/parts/a.ts#made"),
        ("import x from '@own/core/part/secret'", "missing"),
        ("import x from '@own/core/src/index'", "missing"),
        ("import x from '@own/core/package.json'", "packages/core/package.json"),
        ("import x from 'app'", "packages/app/src/main.ts"),
        ("import x from 'app/src/main'", "packages/app/src/main.ts"),
        ("import x from '@own/off'", "outside"),
        ("import x from '@own/core-more'", "outside"),
    ],
)  # fmt: skip
def test_members_of_a_workspace_see_each_other(line, meant):
    assert targets_of({**workspace(), "packages/app/src/x.ts": line}, "packages/app/src/x.ts") == [
        meant
    ]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("workspace:*", True),
        ("*", True),
        ("^2.0.0", True),
        ("~2.1.4", True),
        ("npm:@own/core@^2", True),
        ("file:../core", True),
        ("link:../core", True),
        ("^1.0.0", False),
        ("2.0.0", False),
        ("npm:other@^2", False),
        ("github:own/core", False),
        ("file:../../../core", False),
    ],
)
def test_a_member_is_meant_only_where_its_version_is(asked, meant):
    files = workspace()
    files["packages/app/package.json"] = json.dumps({"dependencies": {"@own/core": asked}})
    files["packages/app/x.ts"] = "import '@own/core'"
    found = "packages/core/src/index.ts" if meant else "outside"
    assert targets_of(files, "packages/app/x.ts") == [found]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pnpm-workspace.yaml", "# ours\npackages:\n  # all\n  - 'packages/*'\n  - \"!packages/off\"\ncatalog: x\n"),
        ("lerna.json", '{"packages": ["packages/core"]}'),
        ("package.json", '{"workspaces": {"packages": ["./packages/core/"]}}'),
    ],
)  # fmt: skip
def test_workspaces_are_written_in_several_ways(path, text):
    files = {**workspace(), "package.json": "{}", "x.ts": "import '@own/core'"}
    assert targets_of(files, "x.ts") == ["outside"]
    assert targets_of({**files, path: text}, "x.ts") == ["packages/core/src/index.ts"]


def test_a_package_sees_itself_by_name_and_by_its_private_names():
    lines = "import '@own/core'\nimport '#inner/parts/a'\nimport '#out'\nimport '#gone'\nimport '#inner/z'"
    files = {**workspace(), "packages/core/x.ts": lines, "package.json": "{}"}
    assert targets_of(files, "packages/core/x.ts") == [
        "packages/core/src/index.ts",
        "packages/core/src/parts/a.ts",
        "outside",
        "outside",
        "missing",
    ]


def test_two_members_of_one_name_are_ambiguous():
    files = {**workspace(), "packages/twin/package.json": '{"name": "@own/core"}'}
    assert targets_of({**files, "x.ts": "import '@own/core'"}, "x.ts") == ["ambiguous"]


def test_conditions_choose_by_how_is_asked_and_what_the_settings_add():
    exports = {".": {"own": "./own.ts", "require": "./r.js", "import": "./i.js"}}
    files = workspace(exports=exports)
    files |= {f"packages/core/{name}": "" for name in ("own.ts", "r.js", "i.js")}
    files["x.js"] = "import '@own/core'; require('@own/core')"
    assert targets_of(files, "x.js") == ["packages/core/i.js", "packages/core/r.js"]
    files["tsconfig.json"] = '{"compilerOptions": {"customConditions": ["own"]}}'
    assert targets_of(files, "x.js") == ["packages/core/own.ts", "packages/core/own.ts"]


def test_what_a_build_writes_stands_for_what_the_settings_say_it_is_built_from():
    files = {
        **workspace(exports=None, main="./cooked/deep/a.js"),
        "packages/core/tsconfig.json": '{"compilerOptions": {"outDir": "cooked", "rootDir": "raw"}}',
        "packages/core/raw/deep/a.ts": "",
        "x.ts": "import '@own/core'",
    }
    files["packages/core/package.json"] = json.dumps(
        {"name": "@own/core", "main": "./cooked/deep/a.js"}
    )
    assert targets_of(files, "x.ts") == ["packages/core/raw/deep/a.ts"]


def test_an_import_is_read_once_whatever_its_shape():
    text = "import D, { a, b as c } from './a';\nexport { a as default, b } from './a';\n"
    lines = meaning_of({**FILES, "src/x.js": text}, "src/x.js")
    assert lines == ["'./a' -> src/a.ts", "'./a' a -> src/a.ts#a", "'./a' b -> src/a.ts#b"]


DEEP = "[" * 5_000 + "]" * 5_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        DEEP,
        '{"a": ' + DEEP + "}",
        "{" + "/*" * 3_000,
        '{"compilerOptions": 3, "extends": {"a": 1}, "workspaces": 7, "exports": 3, "name": []}',
        '{"extends": "./tsconfig.json", "workspaces": ["**/**/**/**/x", "[", "!"]}',
        '{"extends": ["./tsconfig", "./package.json", "/etc/passwd", "../../x", ".."]}',
        '{"compilerOptions": {"baseUrl": "../..", "paths": {"a": "x", "*": ["/etc/*", "../../*"], "": []}}}',
        '{"compilerOptions": {"baseUrl": 1, "paths": [1], "outDir": {}, "customConditions": 5}}',
        '{"name": "own", "exports": {".": [null, {"import": {"x": []}}, "../../x", "/etc/passwd"]}}',
        '{"name": "own", "main": "../../../etc/passwd", "imports": {"#a": "#a", "#*": "#*"}}',
        '{"references": [{"path": "./tsconfig.json"}, {"path": "../.."}, 3]}',
    ],
)
def test_broken_and_hostile_configuration_gives_an_answer(text):
    lines = "import './a'\nimport 'own'\nimport '#a'\nimport '#b/c'\nimport 'react'"
    files = {**FILES, "src/x.ts": lines, "tsconfig.json": text, "package.json": text}
    files |= {"src/lib/package.json": text, "pnpm-workspace.yaml": text, "lerna.json": text}
    assert targets_of(files, "src/x.ts")[0] == "src/a.ts"


def test_settings_that_extend_each_other_end():
    files = {
        f"c{at}.json": f'{{"extends": ["./c{at + 1}", "./c{at + 2}", "./c0"]}}' for at in range(40)
    }
    files |= {"tsconfig.json": '{"extends": "./c0"}', "src/x.ts": "import './a'", **FILES}
    assert targets_of(files, "src/x.ts") == ["src/a.ts"]


def test_files_that_hand_on_each_other_end():
    files = {f"f{at}.ts": f"export * from './f{(at + 1) % 90}'" for at in range(90)}
    assert targets_of({**files, "x.ts": "import { z } from './f0'"}, "x.ts") == ["f0.ts#z"]
