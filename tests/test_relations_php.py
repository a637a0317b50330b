"""Imports of PHP: Composer's autoload maps, declared functions, and includes by path."""

import pytest

from relating import meaning_of, targets_of

COMPOSER = """{
  "autoload": {
    "psr-4": {"Acme\\\\": "src/", "Acme\\\\Extra\\\\": ["extra", "more/"]},
    "psr-0": {"Old_": "old"},
    "classmap": ["legacy"],
    "files": ["src/functions.php"]
  },
  "autoload-dev": {"psr-4": {"Acme\\\\Tests\\\\": "tests"}}
}"""
FILES = {
    "composer.json": COMPOSER,
    "src/Box.php": "<?php\nnamespace Acme;\nclass Box {}\n",
    "src/Deep/Lid.php": "<?php\nnamespace Acme\\Deep;\ninterface Lid {}\n",
    "more/Thing.php": "<?php\nnamespace Acme\\Extra;\nclass Thing {}\n",
    "old/Old/Part.php": "<?php\nclass Old_Part {}\n",
    "legacy/all.php": "<?php\nnamespace Legacy;\nclass First {}\nclass Second {}\n",
    "src/functions.php": "<?php\nnamespace Acme;\nfunction help() {}\nconst LIMIT = 3;\n",
    "tests/BoxTest.php": "<?php\nnamespace Acme\\Tests;\nclass BoxTest {}\n",
    "stubs/Mail.php": "<?php\nnamespace Other;\nclass Mail {}\n",
    "Exception.php": "<?php\n",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("use Acme\\Box;", ["src/Box.php#Box"]),
        ("use \\Acme\\Box as Crate, Acme\\Deep\\Lid;", ["src/Box.php#Box", "src/Deep/Lid.php#Lid"]),
        ("use Acme\\{Box, Deep\\Lid as L};", ["src/Box.php#Box", "src/Deep/Lid.php#Lid"]),
        ("use Acme\\Extra\\Thing;", ["more/Thing.php#Thing"]),
        ("use Old_Part;", ["old/Old/Part.php#Old_Part"]),
        ("use Legacy\\Second;", ["legacy/all.php#Second"]),
        ("use function Acme\\help;", ["src/functions.php#help"]),
        ("use const Acme\\LIMIT;", ["src/functions.php#LIMIT"]),
        ("use Acme\\{Box, function help};", ["src/Box.php#Box", "src/functions.php#help"]),
        ("use Acme\\Tests\\BoxTest;", ["tests/BoxTest.php#BoxTest"]),
        ("use Other\\Mail;", ["outside"]),
        ("use Exception;", ["outside"]),
        ("use Acme\\Gone;", ["outside"]),
        ("use Acme\\Deep;", ["ambiguous"]),
        ("class A { use Box; }", []),
    ],
)
def test_use_means_what_the_autoloader_would_load(line, meant):
    files = {**FILES, "src/Use.php": f"<?php\nnamespace Acme;\n{line}\n"}
    assert targets_of(files, "src/Use.php") == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("require __DIR__ . '/Deep/Lid.php';", "src/Deep/Lid.php"),
        ("require_once(__DIR__ . '/../legacy/all.php');", "legacy/all.php"),
        ('include dirname(__FILE__) . "/Box.php";', "src/Box.php"),
        ("include_once dirname(__DIR__) . '/legacy/all.php';", "legacy/all.php"),
        ("require dirname(__DIR__, 1) . '/' . 'legacy/all.php';", "legacy/all.php"),
        ("require 'Box.php';", "src/Box.php"),
        ("require 'src/Box.php';", "src/Box.php"),
        ("require __DIR__ . '/vendor/autoload.php';", "missing"),
        ("require __DIR__ . '/../../outside.php';", "outside"),
        ("require '/etc/x.php';", "outside"),
        ("require $path;", "computed"),
        ('require __DIR__ . "/$name.php";', "computed"),
        ("require ROOT . '/Box.php';", "computed"),
    ],
)  # fmt: skip
def test_includes_count_from_the_file_or_from_where_php_looks(line, meant):
    files = {**FILES, "src/use.php": f"<?php\n{line}\n"}
    assert targets_of(files, "src/use.php") == [meant]


def test_a_bare_include_that_two_places_have_is_ambiguous():
    files = {"a.php": "<?php", "x/a.php": "<?php", "x/b.php": "<?php require 'a.php';"}
    assert targets_of(files, "x/b.php") == ["ambiguous"]


def test_without_composer_a_class_is_where_it_is_declared_once():
    files = {
        "a.php": "<?php\nnamespace A;\nclass One {}\nclass Two {}\n",
        "b.php": "<?php\nnamespace A;\nclass Two {}\n",
        "c.php": "<?php\nuse A\\One;\nuse A\\Two;\n",
    }
    assert targets_of(files, "c.php") == ["a.php#One", "ambiguous"]


def test_packages_in_one_repository_that_say_the_same_do_not_contradict():
    inner = '{"autoload": {"psr-4": {"Acme\\\\Deep\\\\": ""}}}'
    files = {**FILES, "src/Deep/composer.json": inner, "x.php": "<?php\nuse Acme\\Deep\\Lid;\n"}
    assert targets_of(files, "x.php") == ["src/Deep/Lid.php#Lid"]


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        '{"autoload": 3}',
        '{"autoload": {"psr-4": {"Acme\\\\": 7, "B\\\\": [null, "/etc", "../../up"]}}}',
        '{"autoload": {"psr-4": []}}',
        "[" * 50_000,
    ],
)
def test_a_broken_or_hostile_composer_file_says_nothing(broken):
    files = {**FILES, "composer.json": broken, "x.php": "<?php\nuse B\\passwd;\n"}
    assert meaning_of(files, "x.php") == ["B\\passwd -> outside"]
