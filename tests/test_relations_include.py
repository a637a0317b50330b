"""Includes of C and C++: neighbours, folders that build files name, usual roots, whole paths."""

import pytest

from relating import targets_of

FILES = {
    "src/part.h": "int part;",
    "src/deep/inner.h": "int inner;",
    "include/own/api.h": "int api;",
    "include/plain.h": "int plain;",
    "include/string.h": "int string;",
    "lib/impl/detail.h": "int detail;",
    "tools/other/part.h": "int other;",
    "root.h": "int root;",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('#include "part.h"', "src/part.h"),
        ('#include "deep/inner.h"', "src/deep/inner.h"),
        ('#include "../root.h"', "root.h"),
        ('#include "../gone.h"', "missing"),
        ('#include "../../../etc/passwd"', "missing"),
        ('#include "own/api.h"', "include/own/api.h"),
        ("#include <own/api.h>", "include/own/api.h"),
        ("#include <plain.h>", "include/plain.h"),
        ("#include <string.h>", "outside"),
        ('#include "string.h"', "include/string.h"),
        ('#include "root.h"', "root.h"),
        ("#include <root.h>", "outside"),
        ('#include "impl/detail.h"', "lib/impl/detail.h"),
        ("#include <impl/detail.h>", "outside"),
        ('#include "detail.h"', "outside"),
        ("#include <vector>", "outside"),
        ("#include <openssl/ssl.h>", "outside"),
        ("#include HEADER", "computed"),
        ('#include "/usr/include/x.h"', "outside"),
    ],
)
@pytest.mark.parametrize("path", ["src/main.c", "src/main.cpp"])
def test_an_include_means_a_neighbour_or_one_path_under_a_root(path, line, meant):
    assert targets_of({**FILES, path: line + "\n"}, path) == [meant]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("CMakeLists.txt", "include_directories(sys/inc)"),
        ("CMakeLists.txt", "target_include_directories(own PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/sys/inc)"),
        ("CMakeLists.txt", "Target_Include_Directories(own SYSTEM PUBLIC\n  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sys/inc>\n  $<INSTALL_INTERFACE:include>)"),
        ("CMakeLists.txt", "set(PLACES sys/inc)\ninclude_directories(${PLACES})"),
        ("sys/CMakeLists.txt", 'include_directories("inc")'),
        ("sys/CMakeLists.txt", "include_directories(${CMAKE_SOURCE_DIR}/sys/inc)\n"),
        ("Makefile", "CFLAGS += -O2 -Isys/inc -Wall"),
        ("Makefile.am", "AM_CPPFLAGS = -I$(top_srcdir)/sys/inc"),
        ("sys/Makefile", "CFLAGS = -I$(srcdir)/inc -I$(OTHER)/x"),
        ("meson.build", "inc = include_directories('sys/inc', 'nowhere')"),
        ("BUILD.bazel", 'cc_library(name = "x", includes = ["sys/inc"])'),
    ],
)  # fmt: skip
def test_a_build_file_names_the_folders(path, text):
    files = {"sys/inc/far.h": "int far;", "app/main.c": "#include <far.h>\n"}
    top = {"CMakeLists.txt": "project(own)"} if path.startswith("sys/C") else {}
    assert targets_of(files, "app/main.c") == ["outside"]
    assert targets_of({**files, **top, path: text}, "app/main.c") == ["sys/inc/far.h"]


def test_the_nearest_build_file_is_asked_first():
    files = {
        "a/inc/x.h": "int a;",
        "b/inc/x.h": "int b;",
        "a/Makefile": "CFLAGS = -Iinc",
        "b/Makefile": "CFLAGS = -Iinc",
        "a/src/main.c": '#include "x.h"\n',
        "c/main.c": '#include "x.h"\n',
    }
    assert targets_of(files, "a/src/main.c") == ["a/inc/x.h"]
    assert targets_of(files, "c/main.c") == ["ambiguous"]


def test_a_path_that_two_files_end_with_is_ambiguous():
    files = {"a/k/x.h": "int a;", "b/k/x.h": "int b;", "main.c": '#include "k/x.h"\n'}
    assert targets_of(files, "main.c") == ["ambiguous"]
    del files["b/k/x.h"]
    assert targets_of(files, "main.c") == ["a/k/x.h"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("CMakeLists.txt", "include_directories(" * 3_000),
        ("CMakeLists.txt", "include_directories(/etc ../.. ${NOWHERE}/x $<$<BOOL:1>:y> ${A${B}})"),
        ("CMakeLists.txt", "set()\nset(A ${A})\ninclude_directories(${A})"),
        ("Makefile", "X = -I -I/ -I../../.. -I$(A$(B)) -I'"),
        ("meson.build", "include_directories(" * 3_000),
        ("BUILD", "includes = [" * 3_000),
    ],
)
def test_a_broken_build_file_gives_an_answer(path, text):
    files = {**FILES, "src/main.c": '#include "part.h"\n#include <x/y.h>\n', path: text}
    assert targets_of(files, "src/main.c") == ["src/part.h", "outside"]
