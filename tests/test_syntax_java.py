from hikma.domain import SymbolKind
from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
package a.b;

import java.util.List;

/**
 * Sells {@code List<Fruit>} to <b>customers</b>, see {@link Shop#open()}.
 *
 * @param <T> what is sold
 */
@Entity(name = "shop") // one a town
public final class Shop<T extends Fruit> extends Base<T> implements Open {
    /** How many. */
    public static final int LIMIT = 3, LEAST = 1;
    private static int opened;
    private final String name;

    static {
        register(new Runnable() {
            public void run() {}
        });
    }

    Comparator<T> order = new Comparator<>() {
        public int compare(T a, T b) { return 0; }
    };

    /* Not for documentation. */
    public Shop(String name) {
        this.name = name;
    }

    /** {@inheritDoc} */
    @Override
    @Deprecated
    public <R> List<R> open(
            @Nullable String at, // where
            int... hours) throws IOException {
        return null;
    }

    abstract void close();

    interface Visitor {
        int MANY = 9;

        void visit(Shop<?> shop);

        default void leave() {}
    }

    @interface Named {
        String value() default "x";
    }

    record Price(int cents) implements Comparable<Price> {
        Price {
            check(cents);
        }

        static Price free() { return new Price(0); }
    }
}

enum Fruit {
    /** Red. */
    APPLE(1) {
        @Override int weight() { return 2; }
    },
    PEAR;

    Fruit(int i) {}

    int weight() { return 1; }
}
"""


def test_types_members_constants_and_constructors():
    assert outline_of("a/Shop.java", SHOP) == [
        "10-62 class Shop",
        "13-13 constant Shop.LIMIT",
        "13-13 constant Shop.LEAST",
        "14-14 variable Shop.opened",
        "24-24 method Shop.order.compare",
        "28-30 constructor Shop.Shop",
        "33-39 method Shop.open",
        "41-41 method Shop.close",
        "43-49 interface Shop.Visitor",
        "44-44 constant Shop.Visitor.MANY",
        "46-46 method Shop.Visitor.visit",
        "48-48 method Shop.Visitor.leave",
        "51-53 interface Shop.Named",
        "52-52 method Shop.Named.value",
        "55-61 class Shop.Price",
        "56-58 constructor Shop.Price.Price",
        "60-60 method Shop.Price.free",
        "64-74 enum Fruit",
        "66-68 constant Fruit.APPLE",
        "67-67 method Fruit.APPLE.weight",
        "69-69 constant Fruit.PEAR",
        "71-71 constructor Fruit.Fruit",
        "73-73 method Fruit.weight",
    ]


def test_signatures_have_neither_annotations_nor_comments_nor_bodies():
    extraction = extraction_of("a/Shop.java", SHOP)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop"] == (
        "public final class Shop<T extends Fruit> extends Base<T> implements Open"
    )
    assert signatures["Shop.open"] == (
        "public <R> List<R> open(@Nullable String at, int... hours) throws IOException"
    )
    assert signatures["Shop.Price"] == "record Price(int cents) implements Comparable<Price>"
    assert signatures["Shop.Named"] == "@interface Named"
    assert signatures["Fruit.APPLE"] == "APPLE(1)"


def test_javadoc_is_read_without_its_tags():
    extraction = extraction_of("a/Shop.java", SHOP)
    assert node_named(extraction, "Shop").documentation == (
        "Sells List<Fruit> to customers, see Shop#open().\n\n@param <T> what is sold"
    )
    assert node_named(extraction, "Shop.LIMIT").documentation == "How many."
    assert node_named(extraction, "Fruit.APPLE").documentation == "Red."
    assert node_named(extraction, "Shop.open").documentation == ""


def test_members_belong_to_their_types():
    parents = parents_of(extraction_of("a/Shop.java", SHOP))
    assert parents["Shop"] == ""
    assert parents["Shop.Price.free"] == "Shop.Price"
    assert parents["Fruit.APPLE.weight"] == "Fruit.APPLE"
    assert parents["Shop.order.compare"] == "Shop"


def test_what_is_small_inside_a_function_is_no_symbol_and_what_is_larger_is():
    text = """
    class A {
        Runnable make() {
            class Tiny {}
            return new Runnable() {
                public void run() {
                    a();
                    b();
                    c();
                }
            };
        }
    }
    """
    assert outline_of("A.java", text) == [
        "1-12 class A",
        "2-11 method A.make",
        "5-9 method A.make.run",
    ]


def test_annotations_tell_tests():
    text = """
    class ATest {
        @BeforeEach
        void setUp() {}

        /** Opens. */
        @Test
        @DisplayName("opens")
        void opens() {
            var shop = new Shop<>(List.of(1));
            shop.open(Fruit::weight);
        }

        @org.junit.jupiter.params.ParameterizedTest(name = "{0}")
        @ValueSource(ints = 1)
        void closes(int hour) {}

        @RepeatedTest(3) void again() {}
        @TestFactory List<DynamicTest> many() { return null; }
        @TestInstance void no() {}
        void testHelper() {}

        @Nested
        class Inside {
            @Property void holds(@ForAll int i) {}
        }
    }
    """
    extraction = extraction_of("ATest.java", text)
    assert outline_of("ATest.java", text) == [
        "1-26 class ATest",
        "2-3 method ATest.setUp",
        "6-11 test ATest.opens",
        "13-15 test ATest.closes",
        "17-17 test ATest.again",
        "18-18 test ATest.many",
        "19-19 method ATest.no",
        "20-20 method ATest.testHelper",
        "22-25 class ATest.Inside",
        "24-24 test ATest.Inside.holds",
    ]
    assert node_named(extraction, "ATest.opens").documentation == "Opens."
    assert node_named(extraction, "ATest.opens").signature == "void opens()"
    assert references_of(extraction)["ATest.opens"] == ["Shop", "of", "open", "weight"]


def test_methods_of_a_junit_3_case_are_tests_by_name():
    text = """
    public class A extends TestCase {
        public void testOpen() {}
        public void testing() {}
        public void tearDown() {}
    }
    class B extends Other {
        public void testOpen() {}
    }
    """
    assert outline_of("A.java", text) == [
        "1-5 class A",
        "2-2 test A.testOpen",
        "3-3 method A.testing",
        "4-4 method A.tearDown",
        "6-8 class B",
        "7-7 method B.testOpen",
    ]


def test_a_broken_method_costs_no_other():
    text = """
    class A {
        void one() { int x = ; }
        void two( { }
        void three() {}
    }
    """
    names = [node.qualified_name for node in extraction_of("A.java", text).nodes[1:]]
    assert {"A", "A.one", "A.three"} <= set(names)


def test_a_module_and_a_package_are_read():
    text = """
    module a.b {
        requires java.base;
    }
    """
    extraction = extraction_of("module-info.java", text)
    assert extraction.nodes[1].symbol_kind is SymbolKind.MODULE
    assert extraction.nodes[1].name == "a.b"
    package = extraction_of("package-info.java", "/** Shops. */\npackage a.b;\n")
    assert package.nodes[0].documentation == "Shops."
