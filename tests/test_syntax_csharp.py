from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
using System;

namespace Town.Shops
{
    /// <summary>
    /// Sells <see cref="T:Town.Fruit"/> for <paramref name="price"/>.
    /// </summary>
    /// <param name="price">What it costs.</param>
    [Serializable, Named("shop")] // one a town
    public sealed partial class Shop<T> : Base<T>, IOpen where T : Fruit
    {
        /// <summary>How many.</summary>
        public const int Limit = 3, Least = 1;
        private static readonly List<Shop<T>>
            All = new(),
            Open = new();
        public static int Count;
        private int hidden;

        public event EventHandler Opened;
        public event EventHandler Closed { add { } remove { } }

        public int Price { get; set; } = 1;
        public int Twice => Price * 2;
        int IOpen.Hours { get { return 8; } }
        public T this[int index] { get => items[index]; }

        public Shop(int price)
            : base(price)
        {
            Price = price;
        }

        static Shop() { }
        ~Shop() { }

        public static Shop<T> operator +(Shop<T> a, Shop<T> b) => a;
        public static implicit operator int(Shop<T> a) => a.Price;

        /* Not XML. */
        public async Task<R> Sell<R>(
            string to, // who
            int count = 1) where R : new()
        {
            void Tiny() { }
            int Longer(int a)
            {
                var b = a;
                return b;
            }
            return null;
        }

        void IOpen.Open() { }
        public abstract void Close();
        delegate void Handler(int a);

        enum Color { Red = 1, [Obsolete] Green }
        struct Point { }
        record struct Pair(int A);
        interface IVisitor { void Visit(); int Times { get; } }
    }

    public static class Extensions
    {
        public static string Shout(this string text) => text.ToUpper();
    }

    record Fruit(string Name) { }
}
"""
TYPE = "Town.Shops.Shop"


def test_namespaces_types_and_members():
    assert outline_of("Shop.cs", SHOP) == [
        "3-70 module Town.Shops",
        "9-62 class Town.Shops.Shop",
        "13-13 constant Town.Shops.Shop.Limit",
        "13-13 constant Town.Shops.Shop.Least",
        "14-16 constant Town.Shops.Shop.All",
        "14-16 constant Town.Shops.Shop.Open",
        "17-17 variable Town.Shops.Shop.Count",
        "20-20 property Town.Shops.Shop.Opened",
        "21-21 property Town.Shops.Shop.Closed",
        "23-23 property Town.Shops.Shop.Price",
        "24-24 property Town.Shops.Shop.Twice",
        "25-25 property Town.Shops.Shop.Hours",
        "26-26 property Town.Shops.Shop.this",
        "28-32 constructor Town.Shops.Shop.Shop",
        "34-34 constructor Town.Shops.Shop.Shop~2",
        "35-35 method Town.Shops.Shop.Shop~3",
        "37-37 method Town.Shops.Shop.+",
        "38-38 method Town.Shops.Shop.int",
        "41-52 method Town.Shops.Shop.Sell",
        "46-50 function Town.Shops.Shop.Sell.Longer",
        "54-54 method Town.Shops.Shop.Open~2",
        "55-55 method Town.Shops.Shop.Close",
        "56-56 type Town.Shops.Shop.Handler",
        "58-58 enum Town.Shops.Shop.Color",
        "58-58 constant Town.Shops.Shop.Color.Red",
        "58-58 constant Town.Shops.Shop.Color.Green",
        "59-59 struct Town.Shops.Shop.Point",
        "60-60 struct Town.Shops.Shop.Pair",
        "61-61 interface Town.Shops.Shop.IVisitor",
        "61-61 method Town.Shops.Shop.IVisitor.Visit",
        "61-61 property Town.Shops.Shop.IVisitor.Times",
        "64-67 class Town.Shops.Extensions",
        "66-66 method Town.Shops.Extensions.Shout",
        "69-69 class Town.Shops.Fruit",
    ]


def test_signatures_have_neither_attributes_nor_comments_nor_bodies():
    extraction = extraction_of("Shop.cs", SHOP)
    signatures = {node.id.partition("#")[2]: node.signature for node in extraction.nodes[1:]}
    assert signatures[TYPE] == (
        "public sealed partial class Shop<T> : Base<T>, IOpen where T : Fruit"
    )
    assert signatures[f"{TYPE}.Shop"] == "public Shop(int price)"
    assert signatures[f"{TYPE}.Sell"] == (
        "public async Task<R> Sell<R>(string to, int count = 1) where R : new()"
    )
    assert signatures[f"{TYPE}.Price"] == "public int Price"
    assert signatures[f"{TYPE}.All"] == "private static readonly List<Shop<T>> All = new()"


def test_xml_documentation_is_read_without_its_tags():
    extraction = extraction_of("Shop.cs", SHOP)
    assert node_named(extraction, TYPE).documentation == (
        "Sells Town.Fruit for price.\nWhat it costs."
    )
    assert node_named(extraction, f"{TYPE}.Limit").documentation == "How many."


def test_members_belong_to_their_types():
    parents = parents_of(extraction_of("Shop.cs", SHOP))
    assert parents["Town.Shops"] == ""
    assert parents[TYPE] == "Town.Shops"
    assert parents[f"{TYPE}.Color.Red"] == f"{TYPE}.Color"


def test_a_file_scoped_namespace_is_no_part_of_a_name():
    text = """
    namespace Town.Shops;

    class Shop { }
    """
    assert outline_of("Shop.cs", text) == ["3-3 class Shop"]


def test_attributes_tell_tests():
    text = """
    public class ShopTests
    {
        [Fact]
        public async Task Opens()
        {
            var shop = new Shop<int>(1);
            await shop.Open<int>();
            shop?.Close();
        }

        [Theory, InlineData(1)]
        public void Closes(int hour) { }

        [TestMethod]
        [Timeout(1)]
        public void Again() { }

        [TestCase(1), TestCase(2)] public void Many(int i) { }
        [Xunit.Fact(Skip = "slow")] public void Slow() { }
        [FactUnlessWindows] public void Own() { }
        [SetUp] public void SetUp() { }
        [Factory] public void No() { }
        [TestFixture] class Inner { [Test] public void Inside() { } }
    }
    """
    extraction = extraction_of("ShopTests.cs", text)
    assert outline_of("ShopTests.cs", text) == [
        "1-24 class ShopTests",
        "3-9 test ShopTests.Opens",
        "11-12 test ShopTests.Closes",
        "14-16 test ShopTests.Again",
        "18-18 test ShopTests.Many",
        "19-19 test ShopTests.Slow",
        "20-20 test ShopTests.Own",
        "21-21 method ShopTests.SetUp",
        "22-22 method ShopTests.No",
        "23-23 class ShopTests.Inner",
        "23-23 test ShopTests.Inner.Inside",
    ]
    assert references_of(extraction)["ShopTests.Opens"] == ["Shop", "Open", "Close"]


def test_branches_that_cut_through_a_header_are_read_apart():
    text = """
    namespace Town
    {
        public partial class Shop
    #if DISPOSABLE
            : IDisposable
    #endif
        {
    #if FAST
            public int Speed { get; } = 2;
    #else
            public int Speed { get; } = 1;
    #endif
            public void Open(int a
    #if WIDE
                , int b
    #endif
            )
            {
            }
        }
    }
    """
    assert outline_of("Shop.cs", text) == [
        "1-21 module Town",
        "3-20 class Town.Shop",
        "9-9 property Town.Shop.Speed",
        "11-11 property Town.Shop.Speed~2",
        "13-19 method Town.Shop.Open",
    ]


def test_an_attribute_under_a_condition_is_no_part_of_a_signature():
    text = """
    class Shop
    {
        /// <summary>Opens.</summary>
    #if SAFE
        [SecuritySafeCritical]
    #endif
        public void Open() { }
    }
    """
    extraction = extraction_of("Shop.cs", text)
    assert node_named(extraction, "Shop.Open").signature == "public void Open()"
    assert node_named(extraction, "Shop.Open").documentation == "Opens."


def test_functions_of_a_program_without_a_class():
    text = """
    using System;

    Console.WriteLine(Double(2));
    static int Double(int a) => a * 2;
    """
    assert outline_of("Program.cs", text) == ["4-4 function Double"]
