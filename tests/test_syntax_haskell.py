import pytest

from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SOURCE = """
{-# LANGUAGE GADTs #-}
{- |
Module : Shape
Copyright : someone

Draws shapes.
-}
module Draw.Shape ( area ) where

import Data.Map (Map)

-- | A shape.
--
-- Has sides.
data Shape a = Shape { side :: Int, fill :: a } | Round Int
  deriving (Show, Eq)

data Failure
  = Missing Int
  -- | Too large.
  | Large { limit :: Int }

newtype Name = Name { unName :: String } deriving newtype Show
type Alias a = [a]
type family Sides a where
  Sides Int = Bool
data Expr a where
  Lit :: Int -> Expr Int

class (Eq a) => HasArea a where
  -- | Its area.
  area :: a -> Int
  area _ = 1
  (<+>) :: a -> a -> a
  width, height :: a -> Int

instance HasArea Int where
  area x = x
  a <+> 0 = a
  a <+> b = a + b

instance Show a => Show (Maybe' a)

-- | Doubles.
double :: Int
  -> Int
double 0 = 0
-- as usual
double n | n > 1 = go n
         | otherwise = 2
  where
    go :: Int -> Int
    go 0 = 1
    go 1 = 2
    go x = x
    tiny = 1

-- | Adds.
(<+++>) :: Int -> Int -> Int
a <+++> b = a + b

x `times` y = x * y
noSignature a = a

-- | Names.
first :: Text
second :: Text
first = "a"
second = "b"

pattern Pair x y = (x, y)
foreign import ccall "math.h sin" c_sin :: Double -> Double
{-# DEPRECATED old "Use double." #-}
old :: Int -> Int
old = double
{-# INLINE double #-}
main :: IO ()
main = do
  print (double 1)
"""


def test_equations_and_their_signature_are_one_symbol():
    assert outline_of("src/Shape.hs", SOURCE) == [
        "15-16 struct Shape",
        "18-21 struct Failure",
        "21-21 constructor Failure.Large",
        "23-23 struct Name",
        "24-24 type Alias",
        "25-26 type Sides",
        "27-28 struct Expr",
        "30-35 interface HasArea",
        "32-33 method HasArea.area",
        "34-34 method HasArea.<+>",
        "35-35 method HasArea.width",
        "35-35 method HasArea.height",
        "37-40 class HasArea Int",
        "38-38 method HasArea Int.area",
        "39-40 method HasArea Int.<+>",
        "42-42 class Show (Maybe' a)",
        "45-56 function double",
        "59-60 function <+++>",
        "62-62 function times",
        "63-63 function noSignature",
        "68-68 function first",
        "69-69 function second",
        "71-71 constructor Pair",
        "72-72 function c_sin",
        "73-75 function old",
        "77-79 function main",
    ]


def test_signatures_documentation_and_parents():
    extraction = extraction_of("src/Shape.hs", SOURCE)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shape"] == "data Shape a"
    assert signatures["Expr"] == "data Expr a"
    assert signatures["HasArea"] == "class (Eq a) => HasArea a"
    assert signatures["HasArea.area"] == "area :: a -> Int"
    assert signatures["HasArea Int"] == "instance HasArea Int"
    assert signatures["HasArea Int.area"] == "area x"
    assert signatures["double"] == "double :: Int -> Int"
    assert signatures["<+++>"] == "(<+++>) :: Int -> Int -> Int"
    assert signatures["times"] == "x `times` y"
    assert extraction.nodes[0].documentation == "Draws shapes."
    assert node_named(extraction, "Shape").documentation == "A shape.\n\nHas sides."
    assert node_named(extraction, "Failure.Large").documentation == "Too large."
    assert node_named(extraction, "HasArea.area").documentation == "Its area."
    assert node_named(extraction, "double").documentation == "Doubles."
    parents = parents_of(extraction)
    assert parents["HasArea Int.<+>"] == "HasArea Int"
    assert parents["HasArea.width"] == "HasArea"
    assert parents["Failure.Large"] == "Failure"


def test_equations_apart_from_their_signature_take_its_header_and_documentation():
    extraction = extraction_of("src/Shape.hs", SOURCE)
    assert node_named(extraction, "first").signature == "first :: Text"
    assert node_named(extraction, "first").documentation == "Names."
    assert node_named(extraction, "second").signature == "second :: Text"


def test_local_functions_of_some_size_are_symbols_of_their_own():
    text = """
    outer :: Int -> Int
    outer n = go n
      where
        go :: Int -> Int
        go 0 = 1
        go 1 = 2
        go 2 = 3
        go x = x
        small = 1
    """
    assert outline_of("a.hs", text) == ["1-9 function outer", "4-8 function outer.go"]
    assert parents_of(extraction_of("a.hs", text))["outer.go"] == "outer"


TESTS = """
module ShapeSpec where

spec :: Spec
spec = describe "area" $ do
  it "doubles" $ do
    double 1 `shouldBe` 2
  context "of nothing" $
    it "fails" $ area Nothing `shouldThrow` anyException

tests :: TestTree
tests = testGroup "Group"
  [ testCase "adds" $ assertEqual "sum" 2 (add 1 1)
  , testProperty "commutes" prop_commutes
  ]

labelled = TestList ["first" ~: double 1 ~?= 2]

prop_commutes :: Int -> Bool
prop_commutes n = add n 1 == add 1 n
"""


def test_hspec_tasty_hunit_and_quickcheck():
    extraction = extraction_of("test/ShapeSpec.hs", TESTS)
    assert outline_of("test/ShapeSpec.hs", TESTS) == [
        "3-8 function spec",
        "5-6 test area > doubles",
        "8-8 test area > of nothing > fails",
        "10-14 function tests",
        "12-12 test Group > adds",
        "13-13 test Group > commutes",
        "16-16 function labelled",
        "16-16 test first",
        "18-19 test prop_commutes",
    ]
    references = references_of(extraction)
    assert references["area > doubles"] == ["double", "shouldBe"]
    assert references["Group > adds"] == ["assertEqual", "add"]
    assert references["Group > commutes"] == ["prop_commutes"]
    assert references["prop_commutes"] == ["add"]
    assert node_named(extraction, "area > doubles").signature == 'it "doubles"'


@pytest.mark.parametrize(("path", "kind"), [("src/A.hs", "function"), ("test/A.hs", "test")])
def test_a_property_is_a_test_in_test_files_only(path, kind):
    assert outline_of(path, b"prop_x :: Int -> Bool\nprop_x n = True\n") == [f"1-2 {kind} prop_x"]
