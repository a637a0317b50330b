from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SERVER = """
// Package web serves.
package web

// Handler handles.
type Handler interface {
    Handle(r Request) error
}

type Server[T any] struct {
    next T
}

type (
    // Func is a handler.
    Func  func(int) error
    Alias = Server[int]
    Count int
)

// Handle hands on.
//
//go:noinline
func (s *Server[T]) Handle(r Request) (err error) {
    const local = 1
    type tiny struct{}
    return nil
}

func (Func) Name() string { return "" }

func Map[K comparable, V any](m map[K]V, f func(V) V) map[K]V {
    return m
}

func (o *Other) Elsewhere() {}

func assembly(x int) int
"""


def test_functions_methods_and_types():
    extraction = extraction_of("web/server.go", SERVER)
    assert outline_of("web/server.go", SERVER) == [
        "5-7 interface Handler",
        "9-11 struct Server",
        "15-15 type Func",
        "16-16 type Alias",
        "17-17 type Count",
        "23-27 method Server.Handle",
        "29-29 method Func.Name",
        "31-33 function Map",
        "35-35 method Other.Elsewhere",
        "37-37 function assembly",
    ]
    assert extraction.nodes[0].documentation == "Package web serves."
    assert node_named(extraction, "Server.Handle").documentation == "Handle hands on."
    assert node_named(extraction, "Func").documentation == "Func is a handler."


def test_signatures_end_before_the_body():
    extraction = extraction_of("web/server.go", SERVER)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Handler"] == "type Handler interface"
    assert signatures["Server"] == "type Server[T any] struct"
    assert signatures["Func"] == "Func func(int) error"
    assert signatures["Server.Handle"] == "func (s *Server[T]) Handle(r Request) (err error)"
    assert signatures["Map"] == "func Map[K comparable, V any](m map[K]V, f func(V) V) map[K]V"


def test_a_method_belongs_to_its_type_where_the_file_has_it():
    parents = parents_of(extraction_of("web/server.go", SERVER))
    assert parents["Server.Handle"] == "Server"
    assert parents["Func.Name"] == "Func"
    assert parents["Other.Elsewhere"] == ""


def test_constants_and_variables_of_the_package():
    text = """
    package a

    // Version is it.
    const Version = "1"

    const (
        // Low is lowest.
        Low Level = iota
        High
    )

    var a, b = 1, 2

    var (
        table = map[string]int{
            "x": 1,
        }
        _ Handler = (*Server)(nil)
    )

    var run = func(x int) error {
        return nil
    }
    """
    extraction = extraction_of("a.go", text)
    assert outline_of("a.go", text) == [
        "4-4 constant Version",
        "8-8 constant Low",
        "9-9 constant High",
        "12-12 variable a",
        "12-12 variable b",
        "15-17 variable table",
        "21-23 variable run",
    ]
    assert node_named(extraction, "Version").documentation == "Version is it."
    assert node_named(extraction, "Low").documentation == "Low is lowest."
    assert node_named(extraction, "run").signature == "var run = func(x int) error"


def test_tests_benchmarks_fuzz_and_examples():
    text = """
    package a

    func TestOpen(t *testing.T) {
        s := Server{}
        s.Handle(New[int](1))
        t.Run("sub", func(t *testing.T) { helper(t) })
    }
    func BenchmarkOpen(b *testing.B) {}
    func FuzzOpen(f *testing.F) {}
    func ExampleServer_Handle() {}
    func TestMain(m *testing.M) {}
    func Testing() {}
    func (s *Suite) TestClose() {}
    func helper(t *testing.T) {}
    """
    extraction = extraction_of("a_test.go", text)
    assert outline_of("a_test.go", text) == [
        "3-7 test TestOpen",
        "8-8 test BenchmarkOpen",
        "9-9 test FuzzOpen",
        "10-10 test ExampleServer_Handle",
        "11-11 function TestMain",
        "12-12 function Testing",
        "13-13 test Suite.TestClose",
        "14-14 function helper",
    ]
    assert references_of(extraction)["TestOpen"] == ["Server", "Handle", "New", "Run", "helper"]
    assert outline_of("a.go", text)[0] == "3-7 function TestOpen"
