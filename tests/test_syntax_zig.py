from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SOURCE = """
//! Keeps lists.
const std = @import("std");
const Allocator = std.mem.Allocator;
pub const Reader = std.io.Reader;

/// A list.
pub const List = struct {
    items: []u8,
    pub const capacity = 8;
    var count: usize = 0;

    /// Makes one.
    pub fn init(allocator: Allocator) List {
        const local = 1;
        return .{ .items = &.{} };
    }
    fn grow(self: *List) !void {}
    const Mode = enum {
        /// Slow.
        slow,
        fast,
        fn name(self: Mode) []const u8 {
            return "";
        }
    };
    test "inside" {
        try std.testing.expect(List.init(a).grow() == 1);
    }
};
const Failure = error{ Full, Empty };
const Either = union(enum) { a: u8, b: void };
const Handle = opaque {};
const Packed = packed struct(u8) { a: u8 };

/// A queue of anything.
pub fn Queue(comptime T: type) type {
    return struct {
        items: []T,
        pub fn push(self: *@This(), item: T) void {}
    };
}
extern "c" fn puts(text: [*:0]const u8) c_int;
export fn exported() void {}
pub var global: u8 = 0;
threadlocal var cached: u8 = 0;
test "adds" {
    const result = add(1, 2);
    try expectEqual(Point{ .x = 1 }, result.point());
}
test Queue {}
test {
    _ = List;
}
"""


def test_functions_containers_values_and_tests():
    assert outline_of("src/list.zig", SOURCE) == [
        "4-4 constant Reader",
        "7-29 struct List",
        "9-9 constant List.capacity",
        "10-10 variable List.count",
        "13-16 constructor List.init",
        "17-17 method List.grow",
        "18-25 enum List.Mode",
        "20-20 constant List.Mode.slow",
        "22-24 method List.Mode.name",
        "26-28 test List.inside",
        "30-30 enum Failure",
        "31-31 struct Either",
        "32-32 struct Handle",
        "33-33 struct Packed",
        "36-41 struct Queue",
        "39-39 method Queue.push",
        "42-42 function puts",
        "43-43 function exported",
        "44-44 variable global",
        "45-45 variable cached",
        "46-49 test adds",
        "50-50 test Queue",
        "51-53 test test",
    ]


def test_signatures_documentation_and_parents():
    extraction = extraction_of("src/list.zig", SOURCE)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["List"] == "pub const List = struct"
    assert signatures["Packed"] == "const Packed = packed struct(u8)"
    assert signatures["List.init"] == "pub fn init(allocator: Allocator) List"
    assert signatures["puts"] == 'extern "c" fn puts(text: [*:0]const u8) c_int'
    assert signatures["adds"] == 'test "adds"'
    assert extraction.nodes[0].documentation == "Keeps lists."
    assert node_named(extraction, "List.init").documentation == "Makes one."
    assert node_named(extraction, "List.Mode.slow").documentation == "Slow."
    parents = parents_of(extraction)
    assert parents["List.Mode.name"] == "List.Mode"
    assert parents["Queue.push"] == "Queue"
    assert parents["List.inside"] == "List"


def test_references_of_tests():
    references = references_of(extraction_of("src/list.zig", SOURCE))
    assert references["List.inside"] == ["expect", "List", "init", "grow"]
    assert references["adds"] == ["add", "expectEqual", "Point", "point"]


def test_a_generic_type_of_one_name_and_a_test_named_after_it_are_two_nodes():
    """Kinds differ, so neither is numbered."""
    ids = [node.id for node in extraction_of("a.zig", SOURCE).nodes if node.name == "Queue"]
    assert ids == ["symbol:a.zig#Queue", "test:a.zig#Queue"]


def test_a_broken_line_loses_no_neighbour():
    text = "fn first() void {}\nconst = = ;\nfn second() void {}\n"
    found = outline_of("a.zig", text.encode())
    assert {"1-1 function first", "3-3 function second"} <= set(found)
