"""Imports of Lua: rockspecs, Neovim's `lua/`, the folders of `package.path`, and plain paths."""

import pytest

from relating import targets_of

FILES = {
    "lua/plug/init.lua": "return {}",
    "lua/plug/part.lua": "return {}",
    "src/tool.lua": "return {}",
    "tests/helpers.lua": "return {}",
    "deps/lua/other/a.lua": "return {}",
    "deps/lua/other/b.lua": "return {}",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("local p = require('plug')", "lua/plug/init.lua"),
        ('local p = require "plug.part"', "lua/plug/part.lua"),
        ("require('plug/part').go()", "lua/plug/part.lua"),
        ("require [[tool]]", "src/tool.lua"),
        ("pcall(require, 'plug')", "lua/plug/init.lua"),
        ("dofile('tests/helpers.lua')", "tests/helpers.lua"),
        ("require('helpers')", "outside"),
        ("require('part')", "outside"),
        ("require('socket.http')", "outside"),
        ("require('plug.' .. name)", "computed"),
        ("require(name)", "computed"),
        ("dofile('/etc/x.lua')", "outside"),
        ("require('../../../x')", "outside"),
    ],
)
def test_require_looks_where_the_layout_says(line, meant):
    assert targets_of({**FILES, "main.lua": line}, "main.lua") == [meant]


def test_a_file_below_a_folder_named_lua_finds_what_is_beside_it_there():
    files = {**FILES, "deps/lua/other/a.lua": "require('other.b')", "x.lua": "require('other.b')"}
    assert targets_of(files, "deps/lua/other/a.lua") == ["deps/lua/other/b.lua"]
    assert targets_of(files, "x.lua") == ["outside"]


def test_a_module_that_two_roots_have_is_ambiguous_until_a_rockspec_says_which():
    files = {"src/m.lua": "", "lib/m.lua": "", "x.lua": "require 'm'"}
    rock = "build = { type = 'builtin', modules = { ['m'] = 'lib/m.lua', n = \"src/n.lua\" } }"
    assert targets_of(files, "x.lua") == ["ambiguous"]
    assert targets_of({**files, "m-1.rockspec": rock}, "x.lua") == ["lib/m.lua"]
    more = {**files, "m-1.rockspec": rock, "x.lua": "require 'n'"}
    assert targets_of(more, "x.lua") == ["missing"]
