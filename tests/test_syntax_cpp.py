import pytest

from hikma.sources.macros import without_attributes
from outlining import extraction_of, node_named, outline_of, parents_of, references_of

HEADER = """
// Draws shapes.
#ifndef SHAPE_H_
#define SHAPE_H_
#define SHAPE_LIMIT 3

namespace draw {
namespace detail { void hidden(); }

/// A shape.
template <typename T>
class Shape final : public Base, private Mixin<T> {
 public:
  using value_type = T;
  typedef long size_type;
  static constexpr int kSides = 4;
  explicit Shape(int side) : side_(side) {}
  Shape();
  Shape(const Shape&) = delete;
  ~Shape() override = default;
  // Moves it.
  virtual void move(int x) const = 0;
  virtual void move(double x) const = 0;
  static int count() { return 1; }
  bool operator==(const Shape& other) const;
  operator bool() const { return true; }
  template <typename U>
  U as(U other);
  int& reference();
  enum Kind { kSmall, kLarge };
  struct Corner { int x; void turn(); };
  friend void swap(Shape& a, Shape& b);
 private:
  int side_ = 1, *next_;
};

union Bits { int i; float f; };
enum class Color : int { kRed, kGreen };
template <typename T> using Vector = std::vector<T>;
template <typename T> concept Hashable = requires(T a) { hash(a); };
constexpr int kMax = 3;
extern int verbose;
int area(int side);
int area(double side);
template <typename T> T largest(T a, T b);
extern "C" void from_c(int);
inline int twice(int side) { return 2 * side; }
}  // namespace draw
#endif
"""


def test_members_types_prototypes_and_values_of_a_header():
    assert outline_of("draw/shape.h", HEADER) == [
        "4-4 macro SHAPE_LIMIT",
        "6-47 module draw",
        "7-7 module draw.detail",
        "7-7 function draw.detail.hidden",
        "10-34 class draw.Shape",
        "13-13 type draw.Shape.value_type",
        "14-14 type draw.Shape.size_type",
        "15-15 constant draw.Shape.kSides",
        "16-16 constructor draw.Shape.Shape",
        "17-17 constructor draw.Shape.Shape~2",
        "18-18 constructor draw.Shape.Shape~3",
        "19-19 method draw.Shape.~Shape",
        "21-21 method draw.Shape.move",
        "22-22 method draw.Shape.move~2",
        "23-23 method draw.Shape.count",
        "24-24 method draw.Shape.operator==",
        "25-25 method draw.Shape.operator bool",
        "26-27 method draw.Shape.as",
        "28-28 method draw.Shape.reference",
        "29-29 enum draw.Shape.Kind",
        "30-30 struct draw.Shape.Corner",
        "30-30 method draw.Shape.Corner.turn",
        "36-36 struct draw.Bits",
        "37-37 enum draw.Color",
        "38-38 type draw.Vector",
        "39-39 interface draw.Hashable",
        "40-40 constant draw.kMax",
        "41-41 variable draw.verbose",
        "42-42 function draw.area",
        "43-43 function draw.area~2",
        "44-44 function draw.largest",
        "45-45 function draw.from_c",
        "46-46 function draw.twice",
    ]


def test_signatures_documentation_and_parents():
    extraction = extraction_of("draw/shape.h", HEADER)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["draw.Shape"] == (
        "template <typename T> class Shape final : public Base, private Mixin<T>"
    )
    assert node_named(extraction, "draw.Shape.Shape").signature == "explicit Shape(int side)"
    assert signatures["draw.Shape.as"] == "template <typename U> U as(U other)"
    assert signatures["draw.Shape.operator bool"] == "operator bool() const"
    assert signatures["draw.Color"] == "enum class Color : int"
    assert signatures["draw.largest"] == "template <typename T> T largest(T a, T b)"
    assert extraction.nodes[0].documentation == "Draws shapes."
    assert node_named(extraction, "draw.Shape").documentation == "A shape."
    assert node_named(extraction, "draw.Shape.move").documentation == "Moves it."
    parents = parents_of(extraction)
    assert parents["draw.Shape.Corner.turn"] == "draw.Shape.Corner"
    assert parents["draw.Shape.kSides"] == "draw.Shape"
    assert parents["draw.detail.hidden"] == "draw.detail"


SOURCE = """
namespace draw {

class Line { public: Line(int n); void cut(); static int made; };
Line::Line(int n)
    : n_(n) {
  start();
}
void Line::cut() {}
int Line::made = 0;
Shape::~Shape() {}
bool Shape::operator==(const Shape& other) const { return true; }
Shape::operator std::string() const { return ""; }
int* Shape::first() { return nullptr; }
template <typename T>
void Stack<T>::push(T t) {}
std::ostream& operator<<(std::ostream& os, const Line& line) { return os; }
int Stack<a::b>::size() { return 1; }
namespace {
void hidden() {}
}
namespace deep::er { auto nested() -> int { return 1; } }
template <> struct Hash<Line> { int operator()(Line l) { return 1; } };
void prototype(int);
}  // namespace draw
void draw::Line::outside() {}
"""


def test_members_defined_outside_of_their_class_belong_to_it():
    extraction = extraction_of("draw/line.cc", SOURCE)
    assert outline_of("draw/line.cc", SOURCE) == [
        "1-24 module draw",
        "3-3 class draw.Line",
        "3-3 constructor draw.Line.Line",
        "3-3 method draw.Line.cut",
        "4-7 constructor draw.Line.Line~2",
        "8-8 method draw.Line.cut~2",
        "9-9 variable draw.Line.made",
        "10-10 method draw.Shape.~Shape",
        "11-11 method draw.Shape.operator==",
        "12-12 method draw.Shape.operator string",
        "13-13 method draw.Shape.first",
        "14-15 method draw.Stack.push",
        "16-16 function draw.operator<<",
        "17-17 method draw.Stack.size",
        "19-19 function draw.hidden",
        "21-21 module draw.deep.er",
        "21-21 function draw.deep.er.nested",
        "22-22 struct draw.Hash",
        "22-22 method draw.Hash.operator()",
        "25-25 method draw.Line.outside",
    ]
    parents = parents_of(extraction)
    assert parents["draw.Line.cut~2"] == parents["draw.Line.outside"] == "draw.Line"
    assert parents["draw.Shape.first"] == "draw"
    assert node_named(extraction, "draw.Line.Line~2").signature == "Line::Line(int n)"


def test_test_macros_of_every_framework():
    text = """
    class Fixture : public testing::Test { void SetUp() override; };
    TEST(Line, Cuts) {
      EXPECT_EQ(cut(1), line.first());
      draw::Line made(2);
      struct Local { int x; };
    }
    TEST_F(Fixture, Opens) {}
    TEST_P(Param, Opens) {}
    TYPED_TEST(Typed, Opens) {}
    BOOST_AUTO_TEST_CASE(boost) {}
    TEST_CASE("vectors grow", "[vector]") {
      SECTION("twice") { v.resize<int>(2); }
    }
    TEST_SUITE("math") {
      TEST_CASE("adds") { CHECK(add(1, 2) == 3); }
    }
    TEST_CASE_METHOD(Fixture, "has one") {}
    INSTANTIATE_TEST_SUITE_P(All, Param, testing::Values(1));
    """
    extraction = extraction_of("line_test.cc", text)
    assert outline_of("line_test.cc", text) == [
        "1-1 class Fixture",
        "1-1 method Fixture.SetUp",
        "2-6 test Line.Cuts",
        "7-7 test Fixture.Opens",
        "8-8 test Param.Opens",
        "9-9 test Typed.Opens",
        "10-10 test boost",
        "11-13 test vectors grow",
        "15-15 test math > adds",
        "17-17 test Fixture.has one",
    ]
    assert references_of(extraction)["Line.Cuts"] == ["EXPECT_EQ", "cut", "first", "Line"]
    assert references_of(extraction)["vectors grow"] == ["SECTION", "resize"]
    assert node_named(extraction, "Line.Cuts").signature == "TEST(Line, Cuts)"


ATTRIBUTES = """
LIB_NAMESPACE_BEGIN
namespace lib {
class LIB_LOCKABLE LIB_EXPORT Mutex {
 public:
  LIB_CONSTEXPR Mutex() {}
  void Lock() LIB_EXCLUSIVE_LOCK(mu_) LIB_NO_THREAD_SAFETY;
  LIB_DEPRECATED("use Lock") bool TryLock() const LIB_LOCK_RETURNED(mu_) { return true; }
  int count_ LIB_GUARDED_BY(mu_) = 0;
  LIB_DISALLOW_COPY(Mutex);
};
LIB_CONST_INIT static int global = 1;
LIB_ATTRIBUTE_NOINLINE
int slow() { return MAX_SIZE; }
UINT_PTR handle();
const int MAX_SIZE = 3;
LIB_FLAG(int, port, 80, "Which port.");
}
LIB_NAMESPACE_END
"""


def test_attribute_macros_break_nothing_and_stay_in_headers():
    extraction = extraction_of("lib/mutex.h", ATTRIBUTES)
    assert outline_of("lib/mutex.h", ATTRIBUTES) == [
        "2-17 module lib",
        "3-10 class lib.Mutex",
        "5-5 constructor lib.Mutex.Mutex",
        "6-6 method lib.Mutex.Lock",
        "7-7 method lib.Mutex.TryLock",
        "11-11 variable lib.global",
        "13-13 function lib.slow",
        "14-14 function lib.handle",
        "15-15 constant lib.MAX_SIZE",
    ]
    assert node_named(extraction, "lib.Mutex").signature == "class LIB_LOCKABLE LIB_EXPORT Mutex"


@pytest.mark.parametrize(
    "code",
    [
        "UINT_PTR handle();",
        "const int MAX_SIZE = 3;",
        "enum { FIRST_ONE,\n  LAST_ONE\n};",
        "if (a) EXPECT_EQ(b, c);",
        "#define LIB_X LIB_Y int",
        "struct IMAGE_HEADER { int a; };",
        "TEST(Suite_Name, NAME_A)\n{\n}",
    ],
)
def test_capitals_that_are_no_attribute_stay(code):
    assert without_attributes(code.encode()) == code.encode()


def test_branches_that_cut_through_a_class_lose_nothing():
    text = """
    namespace lib {
    class Store
    #if OLD
        : public Base<int>
    #endif
    {
     public:
      Store() = default;
      void push(int n) {}
    };
    int after() { return 1; }
    }
    """
    extraction = extraction_of("store.h", text)
    assert outline_of("store.h", text) == [
        "1-12 module lib",
        "2-10 class lib.Store",
        "8-8 constructor lib.Store.Store",
        "9-9 method lib.Store.push",
        "11-11 function lib.after",
    ]
    assert parents_of(extraction)["lib.Store.push"] == "lib.Store"
