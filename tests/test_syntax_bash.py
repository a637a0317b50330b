from outlining import extraction_of, node_named, outline_of, references_of

SCRIPT = """
    #!/usr/bin/env bash
    # Ships it.

    set -euo pipefail
    VERSION=1.2
    VERSION=1.3
    readonly ROOT=/srv
    declare -r LIMIT=1
    declare -A PORTS=([a]=1)
    export PATH="a"
    LANG=C sort file

    # Says it.
    # shellcheck disable=SC2034
    say() { # <words>
      local inner=1
      echo "$1"
    }

    function loud {
      say "$1"
    }

    function apart() (
      cd /
    )

    if true; then
      sometimes() { :; }
    fi
"""


def test_functions_and_variables_of_the_script():
    assert outline_of("ship.sh", SCRIPT) == [
        "5-5 variable VERSION",
        "7-7 constant ROOT",
        "8-8 constant LIMIT",
        "9-9 variable PORTS",
        "10-10 variable PATH",
        "15-18 function say",
        "20-22 function loud",
        "24-26 function apart",
        "29-29 function sometimes",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("ship.sh", SCRIPT)
    assert extraction.nodes[0].documentation == "Ships it."
    assert node_named(extraction, "say").documentation == "Says it."
    assert node_named(extraction, "say").signature == "say()"
    assert node_named(extraction, "loud").signature == "function loud"
    assert node_named(extraction, "ROOT").signature == "readonly ROOT=/srv"


def test_tests_of_bats_have_their_title_and_the_lines_of_their_body():
    text = """
        setup() { load common; }

        # bats test_tags=fast
        @test "ships \\"it\\" \u2014 at once" {
          run ship --now
          [ "$status" -eq 0 ]
        }

        @test 'single $quotes'   {
          say it
        }

        function marked { #@test
          say marked
        }
    """
    assert outline_of("test/ship.bats", text) == [
        "1-1 function setup",
        '4-7 test ships \\"it\\" \u2014 at once',
        "9-11 test single $quotes",
        "13-15 test marked",
    ]
    extraction = extraction_of("test/ship.bats", text)
    assert node_named(extraction, "single $quotes").signature == "@test 'single $quotes'"
    assert references_of(extraction)["single $quotes"] == ["say"]
    assert references_of(extraction)['ships \\"it\\" \u2014 at once'] == ["run", "ship"]


def test_tests_of_shunit2_are_functions_of_test_files():
    text = "testAddition() {\n  assertEquals 2 $((1 + 1))\n}\noneTimeSetUp() { :; }\n"
    assert outline_of("tests/sum_test.sh", text) == [
        "1-3 test testAddition",
        "4-4 function oneTimeSetUp",
    ]
    assert outline_of("sum.sh", text)[0] == "1-3 function testAddition"


def test_nothing_is_lost_behind_an_error():
    text = "a() {\n  if [ 1 ]; then\n    echo )\n  fi\n}\n\nb() { :; }\n"
    assert "7-7 function b" in outline_of("a.sh", text)
