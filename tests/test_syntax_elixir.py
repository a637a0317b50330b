from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SOURCE = '''
defmodule Shop.Cart do
  @moduledoc """
  Keeps things.

  Until bought.
  """
  use GenServer
  alias Shop.{Item, Price}

  @timeout 5_000
  @timeout 6_000
  @type t :: %__MODULE__{items: [Item.t()]}
  @typep amount :: integer
  @callback price(item :: Item.t()) :: integer
  defstruct items: []

  @doc "Adds."
  @doc since: "1.0"
  @spec add(t, Item.t()) :: t
  def add(cart, %Item{} = item) when is_map(cart), do: cart
  def add(cart, nil), do: cart

  @doc """
  Counts them.
  """
  @impl true
  def count(cart, from \\\\ 0)

  def count(%{items: []}, from), do: from

  def count(cart, from) do
    length(cart.items) + from
  end

  # Only here.
  defp total(cart), do: cart
  defp total(cart, tax), do: {cart, tax}
  def empty? do
    true
  end
  def left <> right, do: left
  defdelegate size(cart), to: Map
  defguard is_cart(term) when is_map(term)

  @doc false
  defmacro priced(name) do
    quote do
      def unquote(name)(), do: 1
    end
  end

  defmodule Line do
    def price(line), do: line
  end
end

defprotocol Priced do
  @doc "Its price."
  def price(thing)
end

defimpl Priced, for: Shop.Cart do
  def price(cart), do: cart
end
'''


def test_clauses_of_one_name_and_arity_are_one_symbol():
    assert outline_of("lib/cart.ex", SOURCE) == [
        "1-55 module Shop.Cart",
        "10-10 constant Shop.Cart.timeout",
        "12-12 type Shop.Cart.t",
        "13-13 type Shop.Cart.amount",
        "14-14 method Shop.Cart.price",
        "17-21 function Shop.Cart.add",
        "23-33 function Shop.Cart.count",
        "36-36 function Shop.Cart.total",
        "37-37 function Shop.Cart.total~2",
        "38-40 function Shop.Cart.empty?",
        "41-41 function Shop.Cart.<>",
        "42-42 function Shop.Cart.size",
        "43-43 macro Shop.Cart.is_cart",
        "45-50 macro Shop.Cart.priced",
        "48-48 function Shop.Cart.priced.unquote(name)",
        "52-54 module Shop.Cart.Line",
        "53-53 function Shop.Cart.Line.price",
        "57-60 interface Priced",
        "58-59 method Priced.price",
        "62-64 module Priced.Shop.Cart",
        "63-63 function Priced.Shop.Cart.price",
    ]


def test_signatures_documentation_and_parents():
    extraction = extraction_of("lib/cart.ex", SOURCE)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop.Cart"] == "defmodule Shop.Cart"
    assert signatures["Shop.Cart.add"] == "def add(cart, %Item{} = item) when is_map(cart)"
    assert signatures["Shop.Cart.count"] == "def count(cart, from \\\\ 0)"
    assert signatures["Shop.Cart.empty?"] == "def empty?"
    assert signatures["Shop.Cart.timeout"] == "@timeout 5_000"
    assert signatures["Shop.Cart.price"] == "@callback price(item :: Item.t()) :: integer"
    assert signatures["Priced.Shop.Cart"] == "defimpl Priced, for: Shop.Cart"
    assert node_named(extraction, "Shop.Cart").name == "Cart"
    assert node_named(extraction, "Shop.Cart").documentation == "Keeps things.\n\nUntil bought."
    assert node_named(extraction, "Shop.Cart.add").documentation == "Adds."
    assert node_named(extraction, "Shop.Cart.count").documentation == "Counts them."
    assert node_named(extraction, "Shop.Cart.total").documentation == "Only here."
    assert node_named(extraction, "Shop.Cart.priced").documentation == ""
    assert node_named(extraction, "Priced.price").documentation == "Its price."
    parents = parents_of(extraction)
    assert parents["Shop.Cart.add"] == "Shop.Cart"
    assert parents["Shop.Cart.Line.price"] == "Shop.Cart.Line"
    assert parents["Priced.Shop.Cart"] == "Priced"
    assert parents["Shop.Cart.priced.unquote(name)"] == "Shop.Cart.priced"


def test_implementations_for_several_types_and_without_a_named_one():
    text = """
    defimpl Priced, for: [Integer, Float] do
      def price(number), do: number
    end
    defmodule Cart do
      defimpl Priced do
        def price(cart), do: cart
      end
    end
    """
    assert outline_of("lib/a.ex", text) == [
        "1-3 module Priced.[Integer, Float]",
        "2-2 function Priced.[Integer, Float].price",
        "4-8 module Cart",
        "5-7 module Cart.Priced",
        "6-6 function Cart.Priced.price",
    ]


TESTS = """
defmodule Shop.CartTest do
  use ExUnit.Case, async: true
  doctest Shop.Cart

  setup do
    {:ok, cart: %Cart{}}
  end

  describe "add/2" do
    @tag :slow
    test "adds", %{cart: cart} do
      assert Cart.add(cart, %Item{id: 1}) |> Cart.count() == 1
    end

    test "later"
  end

  test "counts" do
    assert helper(1)
  end

  property "any" do
    check all x <- integer(), do: assert x
  end

  defp helper(x), do: x
end
"""


def test_ex_unit_tests_and_properties():
    extraction = extraction_of("test/cart_test.exs", TESTS)
    assert outline_of("test/cart_test.exs", TESTS) == [
        "1-27 module Shop.CartTest",
        "10-13 test Shop.CartTest.add/2 > adds",
        "15-15 test Shop.CartTest.add/2 > later",
        "18-20 test Shop.CartTest.counts",
        "22-24 test Shop.CartTest.any",
        "26-26 function Shop.CartTest.helper",
    ]
    references = references_of(extraction)
    assert references["Shop.CartTest.add/2 > adds"] == ["assert", "Cart", "add", "Item", "count"]
    assert references["Shop.CartTest.counts"] == ["assert", "helper"]
    assert parents_of(extraction)["Shop.CartTest.counts"] == "Shop.CartTest"


def test_a_file_of_calls_defines_nothing():
    text = "import Config\n\nconfig :shop, Shop.Repo, pool: 1\n"
    assert outline_of("config/config.exs", text.encode()) == []
