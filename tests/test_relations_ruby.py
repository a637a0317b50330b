"""Imports of Ruby: load paths of gems, paths from the file, and what only a program can know."""

import pytest

from relating import targets_of

FILES = {
    "one/one.gemspec": "Gem::Specification.new { |s| s.name = 'one' }",
    "one/lib/one.rb": "module One; end",
    "one/lib/one/part.rb": "module One; end",
    "one/lib/json.rb": "",
    "one/test/helper.rb": "",
    "two/two.gemspec": "Gem::Specification.new { |s| s.require_paths = ['source', \"ext\"] }",
    "two/source/two.rb": "module Two; end",
    "two/lib/unseen.rb": "",
    "two/test/helper.rb": "",
    "set.rb": "",
}


@pytest.mark.parametrize(
    ("path", "line", "meant"),
    [
        ("one/lib/one.rb", "require 'one/part'", "one/lib/one/part.rb"),
        ("one/lib/one.rb", 'require("one/part.rb")', "one/lib/one/part.rb"),
        ("two/source/two.rb", "require 'one/part'", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require 'two'", "two/source/two.rb"),
        ("one/lib/one.rb", "require 'unseen'", "outside"),
        ("one/lib/one.rb", "require 'set'", "outside"),
        ("one/lib/one.rb", "Kernel.require 'two'", "two/source/two.rb"),
        ("one/lib/one.rb", "registry.require 'two'", None),
        ("one/lib/one.rb", "require_relative 'one/part'", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require_relative '../test/helper'", "one/test/helper.rb"),
        ("one/lib/one.rb", "require_relative 'gone'", "missing"),
        ("one/lib/one.rb", "require_relative '../../../etc/passwd'", "outside"),
        ("one/lib/one.rb", "autoload :Part, 'one/part'", "one/lib/one/part.rb#Part"),
        ("one/lib/one.rb", "autoload :Part", None),
        ("one/lib/one.rb", "load 'one/part.rb'", "one/lib/one/part.rb"),
        ("one/test/some_test.rb", "require 'helper'", "one/test/helper.rb"),
        ("two/test/some_test.rb", "require 'helper'", "two/test/helper.rb"),
        ("one/lib/one.rb", "require 'helper'", "outside"),
        ("one/lib/one.rb", "require './lib/one/part'", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require File.expand_path('../one/part', __FILE__)", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require File.expand_path('one/part', __dir__)", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require File.join(__dir__, 'one', 'part')", "one/lib/one/part.rb"),
        ("one/lib/one.rb", "require File.dirname(__FILE__) + '/one/part'", "one/lib/one/part.rb"),
        ("one/lib/one.rb", 'require "#{__dir__}/one/part"', "one/lib/one/part.rb"),
        ("one/lib/one.rb", 'require "one/#{name}"', "computed"),
        ("one/lib/one.rb", "require name", "computed"),
        ("one/lib/one.rb", "require '/usr/lib/ruby/set.rb'", "outside"),
    ],
)  # fmt: skip
def test_require_goes_the_way_of_the_load_path(path, line, meant):
    assert targets_of({**FILES, path: f"{line}\n"}, path) == ([meant] if meant else [])


def test_what_two_gems_offer_is_ambiguous_for_a_third_and_clear_for_each_of_them():
    files = {
        "a/a.gemspec": "",
        "b/b.gemspec": "",
        "c/c.gemspec": "",
        "a/lib/shared.rb": "",
        "b/lib/shared.rb": "",
    }
    said = [
        targets_of({**files, f"{gem}/lib/x.rb": "require 'shared'"}, f"{gem}/lib/x.rb")
        for gem in "abc"
    ]
    assert said == [["a/lib/shared.rb"], ["b/lib/shared.rb"], ["ambiguous"]]


def test_load_paths_that_leave_the_repository_are_none():
    files = {"x.gemspec": "s.require_paths = ['../../lib', '/usr/lib']", "lib/y.rb": ""}
    assert targets_of({**files, "z.rb": "require 'y'"}, "z.rb") == ["outside"]
