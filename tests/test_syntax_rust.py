import pytest

from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHAPES = """
#![deny(missing_docs)]
//! Draws shapes.

use std::fmt;

/// A shape.
///
/// Has an area.
#[derive(Debug)]
pub struct Shape<T> {
    side: T,
}
pub struct Unit;
struct Pair(u8, u8);
union Bits { a: u8, b: i8 }

/// What may fail.
pub enum Error {
    /// No side.
    Missing,
    Other(String),
}

impl<T: Clone> Shape<T>
where
    T: Send,
{
    /// How many sides.
    pub const SIDES: u32 = 4;
    #[inline]
    pub fn new(side: T) -> Self { Self { side } }
    pub(crate) async fn grow<'a>(&'a mut self, by: T) -> Result<(), Error> {
        fn tiny() {}
        Ok(())
    }
}

impl<T> fmt::Display for Shape<T> {
    type Output = T;
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) }
}
impl Area for &mut Elsewhere { fn area(&self) -> f64 { 0.0 } }

pub trait Area: Sized {
    const UNIT: &'static str;
    type Number;
    /// Its area.
    fn area(&self) -> f64;
    fn twice(&self) -> f64 { 2.0 * self.area() }
}

mod inner {
    pub fn helper() {}
    impl super::Shape<u8> { fn small(&self) {} }
}
mod elsewhere;
const LIMIT: usize = 3;
static mut COUNT: usize = 0;
pub type Result<T> = std::result::Result<T, Error>;

/// Squares.
macro_rules! square {
    ($x:expr) => { $x * $x };
}
extern "C" { fn strlen(text: *const u8) -> usize; }
"""


def test_items_and_methods_of_impl_blocks():
    assert outline_of("src/shape.rs", SHAPES) == [
        "9-12 struct Shape",
        "13-13 struct Unit",
        "14-14 struct Pair",
        "15-15 struct Bits",
        "18-22 enum Error",
        "20-20 constant Error.Missing",
        "29-29 constant Shape.SIDES",
        "30-31 constructor Shape.new",
        "32-35 method Shape.grow",
        "40-40 method Shape.fmt",
        "42-42 method Elsewhere.area",
        "44-50 interface Area",
        "45-45 constant Area.UNIT",
        "46-46 type Area.Number",
        "48-48 method Area.area",
        "49-49 method Area.twice",
        "52-55 module inner",
        "53-53 function inner.helper",
        "54-54 method inner.Shape.small",
        "57-57 constant LIMIT",
        "58-58 variable COUNT",
        "59-59 type Result",
        "62-64 macro square",
        "65-65 function strlen",
    ]


def test_what_belongs_to_a_type_stands_in_an_impl_block():
    parents = parents_of(extraction_of("src/shape.rs", SHAPES))
    assert parents["Shape.SIDES"] == parents["Shape.new"] == parents["Shape.fmt"] == "Shape"
    assert parents["Area.area"] == "Area"
    assert parents["Error.Missing"] == "Error"
    assert parents["inner.helper"] == parents["inner.Shape.small"] == "inner"
    assert parents["Elsewhere.area"] == ""


def test_signatures_and_documentation():
    extraction = extraction_of("src/shape.rs", SHAPES)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shape"] == "pub struct Shape<T>"
    assert signatures["Pair"] == "struct Pair(u8, u8)"
    assert signatures["Shape.SIDES"] == "pub const SIDES: u32 = 4"
    assert signatures["Shape.new"] == "pub fn new(side: T) -> Self"
    assert signatures["Shape.grow"] == (
        "pub(crate) async fn grow<'a>(&'a mut self, by: T) -> Result<(), Error>"
    )
    assert signatures["Area"] == "pub trait Area: Sized"
    assert signatures["Area.area"] == "fn area(&self) -> f64"
    assert signatures["square"] == "macro_rules! square"
    assert extraction.nodes[0].documentation == "Draws shapes."
    assert node_named(extraction, "Shape").documentation == "A shape.\nHas an area."
    assert node_named(extraction, "Error.Missing").documentation == "No side."
    assert node_named(extraction, "Shape.SIDES").documentation == "How many sides."
    assert node_named(extraction, "square").documentation == "Squares."


def test_test_attributes_of_every_runner():
    text = """
    fn test_like() {}
    #[cfg(test)]
    mod tests {
        use super::*;
        fn helper() {}
        #[test]
        #[should_panic]
        fn works() {
            assert_eq!(area(1), Shape::new(2).grow(3));
            let unit = Unit { side: 1 };
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn waits() { run::<u8>().await }
        #[rstest]
        #[case(1)]
        fn cases(#[case] side: u8) {}
        #[bench]
        fn speed(b: &mut Bencher) {}
    }
    """
    assert outline_of("src/shape.rs", text) == [
        "1-1 function test_like",
        "2-19 module tests",
        "5-5 function tests.helper",
        "6-11 test tests.works",
        "12-13 test tests.waits",
        "14-16 test tests.cases",
        "17-18 test tests.speed",
    ]
    assert references_of(extraction_of("src/shape.rs", text)) == {
        "tests.works": ["assert_eq", "area", "Shape", "new", "grow", "Unit"],
        "tests.waits": ["run"],
    }


WRAPPED = """
cfg_net! {
    /// A socket.
    pub struct Socket {
        fd: u8,
    }

    impl Socket {
        pub fn open() {}
    }

    cfg_unix! {
        #[inline]
        pub fn fd_of() {}
    }
}

pin_project! {
    #[derive(Debug)]
    pub struct Timed<T> {
        #[pin]
        inner: T,
    }
}

fn after() {
    select! {
        a = b => {}
    }
}
"""


def test_definitions_inside_macro_calls_are_read_in_place():
    """`cfg_…! { … }` around items hides nothing, at the lines and names that stand there."""
    assert outline_of("src/net.rs", WRAPPED) == [
        "3-5 struct Socket",
        "8-8 method Socket.open",
        "12-13 function fd_of",
        "18-22 struct Timed",
        "25-29 function after",
    ]
    extraction = extraction_of("src/net.rs", WRAPPED)
    assert node_named(extraction, "Socket").documentation == "A socket."
    assert node_named(extraction, "Timed").signature == "pub struct Timed<T>"


@pytest.mark.parametrize("macro", ["quote", "parse_quote", "syn::parse_quote"])
def test_quoted_code_is_no_definition(macro):
    text = f"""
    fn make() -> TokenStream {{
        {macro}! {{
            fn made() {{
                one();
                two();
                three();
            }}
        }}
    }}
    """
    assert outline_of("src/derive.rs", text) == ["1-9 function make"]
