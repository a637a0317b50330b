import pytest

from hikma.domain import SourceFile
from hikma.sources.conditionals import readings
from hikma.sources.syntax import extract
from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SOURCE = """
/* What this file does. */

#include <stdio.h>

#define LIMIT 10
#define GUARD
#define MAX(a, b) \\
  ((a) > (b) ? (a) : (b))

/* A node.
 *
 * Kept in a list.
 */
struct node {
  int value;
  union { int i; float f; } u;
};
typedef struct tagged { int x; } tagged_t;
typedef struct { int y; } plain_t, *plain_p;
typedef enum { RED, GREEN } color_t;
enum level { LOW, HIGH };
union number { int i; float f; };
typedef int (*compare_fn)(const void *, const void *);
typedef unsigned long size_type;

static int count;
static const char *const names[] = { "a", "b" };
int table[3] = { 1, 2, 3 };
static int forward(int a);

// Finds one.
// Or none.
struct node **find(struct node *list, int (*match)(int)) {
  int local = 1;
  static const int kept = 2;
  return 0;
}
static inline int forward(int a) { return a; }
int knr(a, b)
  int a;
  char *b;
{
  return a;
}
int (*choose(int op))(int, int) { return 0; }
API_EXPORT int exported(void) { return 1; }
__attribute__((noreturn)) static void die(void) { }
UNUSED(static int wrapped(void)) {
  return 1;
}
"""


def test_functions_types_macros_and_globals():
    assert outline_of("src/a.c", SOURCE) == [
        "5-5 macro LIMIT",
        "7-8 macro MAX",
        "14-17 struct node",
        "18-18 struct tagged_t",
        "19-19 struct plain_t",
        "19-19 type plain_p",
        "20-20 enum color_t",
        "21-21 enum level",
        "22-22 struct number",
        "23-23 type compare_fn",
        "24-24 type size_type",
        "27-27 constant names",
        "28-28 variable table",
        "33-37 function find",
        "38-38 function forward",
        "39-44 function knr",
        "45-45 function choose",
        "46-46 function exported",
        "47-47 function die",
        "48-50 function wrapped",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("src/a.c", SOURCE)
    signatures = {node.name: node.signature for node in extraction.nodes[1:]}
    assert extraction.nodes[0].documentation == "What this file does."
    assert signatures["LIMIT"] == "#define LIMIT 10"
    assert signatures["MAX"] == "#define MAX(a, b)"
    assert signatures["tagged_t"] == "typedef struct tagged tagged_t"
    assert signatures["color_t"] == "typedef enum color_t"
    assert signatures["compare_fn"] == "typedef int (*compare_fn)(const void *, const void *)"
    assert signatures["names"] == 'static const char *const names[] = { "a", "b" }'
    assert signatures["find"] == "struct node **find(struct node *list, int (*match)(int))"
    assert signatures["knr"] == "int knr(a, b) int a; char *b"
    assert node_named(extraction, "node").documentation == "A node.\n\nKept in a list."
    assert node_named(extraction, "find").documentation == "Finds one.\nOr none."
    assert set(parents_of(extraction).values()) == {""}


HEADER = """
#ifndef A_H
#define A_H
#ifdef __cplusplus
extern "C" {
#endif

/* Opens. */
int open_it(const char *path);
char *name_of(int id);
void **deep(void);
EXTERN int exported(void);
int open_it(const char *path);
static inline int ready(void);
static inline int ready(void) { return 1; }
extern int verbose;
struct forward;
int (*callback)(int);

#ifdef __cplusplus
}
#endif
#endif
"""


def test_prototypes_count_in_headers_once_and_not_beside_a_definition():
    assert outline_of("a.h", HEADER) == [
        "8-8 function open_it",
        "9-9 function name_of",
        "10-10 function deep",
        "11-11 function exported",
        "14-14 function ready",
        "15-15 variable verbose",
    ]
    assert node_named(extraction_of("a.h", HEADER), "open_it").documentation == "Opens."
    assert "open_it" not in str(outline_of("a.c", HEADER))


def test_twins_in_conditional_branches_are_numbered():
    text = """
    #ifdef A
    int f(void) { return 1; }
    #elif defined(B)
    int f(void) { return 2; }
    #else
    int f(void) { return 3; }
    #define X 1
    #endif
    """
    assert outline_of("a.c", text) == [
        "2-2 function f",
        "4-4 function f~2",
        "6-6 function f~3",
        "7-7 macro X",
    ]


CUT = """
int before(void) { return 0; }

#ifdef WIDE
int twin(long a) {
#else
int twin(int a) {
#endif
  return a;
}

static int body(int a, int b)
{
#ifdef X
  if (a) {
#else
  if (b) {
#endif
    work();
  }
  return 1;
}

#if 0
int dead( {
#else
int alive(void) { return 1; }
#endif

struct after { int x; };
int last(void) { return 1; }
"""


def test_branches_that_cut_through_definitions_lose_nothing():
    """What follows a definition that `#if` branches begin twice is still read, at its lines."""
    assert outline_of("a.c", CUT) == [
        "1-1 function before",
        "4-9 function twin",
        "6-9 function twin~2",
        "11-21 function body",
        "26-26 function alive",
        "29-29 struct after",
        "30-30 function last",
    ]


def test_readings_keep_every_line_and_column():
    source = b"a\n#if X\nb\n# else\nc\n#endif\nd"
    assert readings(source) == [
        b"a\n     \nb\n      \n \n      \nd",
        b"a\n     \n \n      \nc\n      \nd",
    ]


def test_a_second_reading_is_made_only_where_the_last_branch_can_define_something():
    assert len(readings(b"#if X\n  a();\n#else\n  b();\n#endif\n")) == 1
    assert len(readings(b"#if X\nint a;\n#endif\n")) == 1
    assert len(readings(b"#if X\n  a();\n#else\nint b;\n#endif\n")) == 2


def test_an_unbalanced_function_ends_where_the_next_begins():
    text = """
    int first(void) {
    #ifdef Y
      if (a) {
    #endif
      work();
    }

    int second(void) { return 1; }
    int third(void) { return 1; }
    """
    assert outline_of("a.c", text) == [
        "1-7 function first",
        "8-8 function second",
        "9-9 function third",
    ]


TESTS = """
#include "task.h"

static void helper(void) { }

TEST_IMPL(loop_close) {
  uv_loop_t loop;
  ASSERT_OK(uv_loop_init(&loop));
  helper();
  return 0;
}

START_TEST(check_style)
{
  ck_assert(run->it());
}
END_TEST

int test_opens(void) {
  helper();
  return 0;
}

int main(void) { return test_opens(); }
"""


def test_test_macros_and_functions():
    extraction = extraction_of("test/test-loop.c", TESTS)
    assert outline_of("test/test-loop.c", TESTS) == [
        "3-3 function helper",
        "5-10 test loop_close",
        "12-15 test check_style",
        "18-21 test test_opens",
        "23-23 function main",
    ]
    assert references_of(extraction) == {
        "loop_close": ["ASSERT_OK", "uv_loop_init", "helper"],
        "check_style": ["ck_assert", "it"],
        "test_opens": ["helper"],
    }


def test_two_part_test_macros():
    text = "TEST(Suite, opens) {\n  helper();\n}\n\nint f(void) { return 1; }\n"
    assert outline_of("a.c", text.encode()) == ["1-3 test Suite.opens", "5-5 function f"]
    assert references_of(extraction_of("a.c", text)) == {"Suite.opens": ["helper"]}


@pytest.mark.parametrize(
    ("path", "kind"), [("src/net.c", "function"), ("tests/net.c", "test"), ("test-net.c", "test")]
)
def test_a_function_named_test_is_a_test_in_test_files_only(path, kind):
    assert outline_of(path, b"int test_link(void) { return 1; }\n") == [f"1-1 {kind} test_link"]


def test_macros_alone_on_a_line_confuse_nothing():
    """Members and enumerators that a macro stands for, and what follows them, are read."""
    text = """
    struct handle {
      HANDLE_FIELDS
      int flags;
    };
    typedef enum {
    #define XX(code) CODE_ ## code,
      ERRNO_MAP(XX)
    #undef XX
      LAST
    } errno_t;
    EXPORT int run(int);
    """
    assert outline_of("a.h", text) == [
        "1-4 struct handle",
        "5-10 enum errno_t",
        "11-11 function run",
    ]


def test_a_banner_drawn_in_strokes_is_not_what_a_file_says():
    text = """
    /***************************************
     *   ___| | | |  _ \\\\| |  Project
     *
     * Copyright (C) Someone.
     * You may use, copy, modify it.
     *
     ***************************************/
    /* Opens sockets. */

    int a(void) { return 1; }
    """
    assert extraction_of("a.c", text).nodes[0].documentation == "Opens sockets."


@pytest.mark.parametrize(
    "line",
    ["class Lock {", "template <typename T>", "namespace absl {", " public:", "using a = b;"],
)
def test_a_header_in_cpp_is_not_read_as_c(line):
    text = f"#pragma once\n{line}\nint count(int n);\n"
    found = extract(SourceFile("lock.h", "0" * 40, text.encode()))
    assert {node.language for node in found.nodes} == {"cpp"}


def test_a_header_for_both_languages_is_read_as_c():
    text = '#ifdef __cplusplus\nextern "C" {\n#endif\nint count(int n);\n#ifdef __cplusplus\n}\n#endif\n'
    found = extract(SourceFile("count.h", "0" * 40, text.encode()))
    assert [node.name for node in found.nodes] == ["count.h", "count"]
