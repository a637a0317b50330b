"""Imports of shell scripts: literal paths, the ways to say "beside this script", and bats."""

import pytest

from relating import targets_of

FILES = {"lib/a.sh": "", "bin/b.sh": "", "c.sh": "", "test/helper.bash": "", "a b.sh": ""}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("source b.sh", "bin/b.sh"),
        (". ./b.sh", "bin/b.sh"),
        ("source ../lib/a.sh", "lib/a.sh"),
        ("source lib/a.sh", "lib/a.sh"),
        ("source 'a b.sh'", "a b.sh"),
        ('. "$(dirname "$0")/../lib/a.sh"', "lib/a.sh"),
        ('source "${BASH_SOURCE%/*}/b.sh"', "bin/b.sh"),
        ('source "$(dirname "${BASH_SOURCE[0]}")/b.sh"', "bin/b.sh"),
        ('source "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/b.sh"', "bin/b.sh"),
        ('source "$(cd -- "$(dirname -- "$0")/.." >/dev/null 2>&1 && pwd -P)/lib/a.sh"', "lib/a.sh"),
        ('source "$(dirname "$(readlink -f "$0")")/b.sh"', "bin/b.sh"),
        ('HERE="$(dirname "$0")"\nsource "$HERE/b.sh"', "bin/b.sh"),
        ('H=$(cd "$(dirname "$0")" && pwd)\nR=$H/..\n. "${R}/lib/a.sh"', "lib/a.sh"),
        ('source "$(git rev-parse --show-toplevel)/c.sh"', "c.sh"),
        ('source "$(dirname "$0")/gone.sh"', "missing"),
        ("source /etc/profile", "outside"),
        ("source ~/.bashrc", "outside"),
        ('source "$HOME/.bashrc"', "outside"),
        ("source gone.sh", "outside"),
        ('source "$(dirname "$0")/../../outside.sh"', "outside"),
        ('source "$1"', "computed"),
        ('source "$ROOT/lib/a.sh"', "computed"),
        ('D=a\nD=b\nsource "$D/lib/a.sh"', "computed"),
        ('D="$D/x"\nsource "$D/a.sh"', "computed"),
        ("source <(echo x)", "computed"),
        ("load helper", "outside"),
    ],
)  # fmt: skip
def test_a_sourced_path_counts_from_the_script_or_from_the_root(line, meant):
    assert targets_of({**FILES, "bin/run.sh": f"{line}\n"}, "bin/run.sh") == [meant]


def test_a_literal_path_that_both_starting_points_have_is_ambiguous():
    files = {"c.sh": "", "bin/c.sh": "", "bin/run.sh": "source c.sh\n"}
    assert targets_of(files, "bin/run.sh") == ["ambiguous"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("load helper", "test/helper.bash"),
        ("load './helper.bash'", "test/helper.bash"),
        ("load ../lib/a.sh", "lib/a.sh"),
        ('source "$BATS_TEST_DIRNAME/helper.bash"', "test/helper.bash"),
        ('load "$BATS_TEST_DIRNAME/helper"', "test/helper.bash"),
        ("load gone", "missing"),
        ('load "$HELPER"', "computed"),
    ],
)
def test_bats_loads_a_name_from_the_folder_of_the_test(line, meant):
    assert targets_of({**FILES, "test/x.bats": f"{line}\n"}, "test/x.bats") == [meant]
