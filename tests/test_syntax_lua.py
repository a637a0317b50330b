from outlining import extraction_of, node_named, outline_of, parents_of, references_of

MODULE = """
    --- Opens windows.
    -- @module windows

    local vim = require('vim')
    local M, H = {}, {}
    local Windows = {}
    local LIMIT = 5

    Windows.config = {
      keep = true,
      format = function(x) return x end,
      nested = { deep = function() end },
    }
    vim.o.columns = 80
    Windows.VERSION = "1"

    --- Open one.
    ---@param name string
    function Windows.open(name) -- a comment
      return name
    end

    function Windows:close() end

    --[[
      Longer words.
    ]]
    Windows.show = function(x)
      local tiny = function() end
      return x
    end

    function Windows.a.b.c() end
    local function hidden() end
    function everywhere() end
    local bound = function() end

    current = 1
    current = 2

    return { run = function() end }
"""


def test_functions_in_every_shape_tables_and_constants():
    assert outline_of("lua/windows.lua", MODULE) == [
        "6-6 variable Windows",
        "7-7 constant LIMIT",
        "9-13 variable Windows.config",
        "11-11 method Windows.config.format",
        "12-12 method Windows.config.nested.deep",
        "15-15 constant Windows.VERSION",
        "19-21 function Windows.open",
        "23-23 method Windows.close",
        "28-31 function Windows.show",
        "33-33 function Windows.a.b.c",
        "34-34 function hidden",
        "35-35 function everywhere",
        "36-36 function bound",
        "38-38 variable current",
        "41-41 function run",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("lua/windows.lua", MODULE)
    assert extraction.nodes[0].documentation == "Opens windows.\n@module windows"
    opened = node_named(extraction, "Windows.open")
    assert opened.signature == "function Windows.open(name)"
    assert opened.documentation == "Open one.\n@param name string"
    assert node_named(extraction, "Windows.show").documentation == "Longer words."
    assert node_named(extraction, "bound").signature == "local bound = function()"


def test_functions_of_a_table_belong_to_it():
    parents = parents_of(extraction_of("lua/windows.lua", MODULE))
    assert parents["Windows.open"] == "Windows"
    assert parents["Windows.close"] == "Windows"
    assert parents["Windows.config.format"] == "Windows.config"
    assert parents["hidden"] == ""


def test_tests_of_busted_are_titled_by_their_groups():
    text = """
        describe("windows", function()
          before_each(function() end)
          describe("open", function()
            it("opens", function()
              windows.open("a")
              assert.same(1, count())
            end)
          end)
        end)
    """
    assert outline_of("spec/windows_spec.lua", text) == ["4-7 test windows > open > opens"]
    references = references_of(extraction_of("spec/windows_spec.lua", text))
    assert references["windows > open > opens"] == ["open", "same", "count"]


def test_tests_in_tables_are_titled_by_their_keys():
    text = """
        local T = new_set()
        T['open()'] = new_set()
        T['open()']['fails'] = function() child.open() end
    """
    assert outline_of("tests/test_windows.lua", text) == [
        "1-1 variable T",
        "3-3 test open() > fails",
    ]


def test_nothing_is_lost_behind_an_error():
    text = "function a()\n  local x = = 1\nend\n\nfunction b() end\n"
    assert [row.split()[-1] for row in outline_of("a.lua", text)] == ["a", "b"]
