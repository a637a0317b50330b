import pytest
from tree_sitter import Parser

from hikma.sources.disguises import plain_kotlin
from hikma.sources.grammar import tools_for
from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
@file:JvmName("Shops")

package a.b

/**
 * Sells [Fruit].
 * @param T what is sold
 */
@Entity("shop")
public data class Shop<T : Fruit>(
    val name: String, // shown
    /* hidden */ private val open: Boolean = false,
) : Base<T>(), Open {
    companion object {
        /** How many. */
        const val LIMIT = 3
        val first = Shop("a")
        @JvmStatic fun of(name: String) = Shop(name)
    }

    init { register(this) }

    constructor(id: Int) : this("$id", true) {
        log(id)
    }

    override suspend fun <R> sell(
        to: Customer,
        count: Int = 1,
    ): R where R : Any = TODO()

    /** Costs. */
    val price: Int
        get() = 1
    var stock by lazy { mutableListOf<T>() }
    val String.shout: String get() = uppercase()
    fun String.whisper() = lowercase()

    inner class Shelf
    companion object Named : Factory
}

sealed interface State {
    object Open : State
    data class Closed(val why: String) : State
}

fun interface Visitor {
    fun visit(shop: Shop<*>)
}

enum class Fruit(val grams: Int) {
    /** Red. */
    APPLE(1) { override fun weight() = 2 },
    PEAR;

    open fun weight() = 1
}

annotation class Named(val value: String)
typealias Shops = Map<String, Shop<*>>

const val TOWN = "x"
val towns = listOf(TOWN)
var count = 0
fun List<Int>.total(): Int = sum()
fun <T : Any> Map<String, T>?.sizeOrZero() = this?.size ?: 0
val List<Int>.half get() = size / 2

fun main() {
    val local = 1
    fun tiny() = 2
    fun longer(a: Int): Int {
        val b = a
        val c = b
        return c
    }
}
"""


def test_types_members_extensions_and_values():
    assert outline_of("a/Shop.kt", SHOP) == [
        "9-41 class Shop",
        "16-16 constant Shop.LIMIT",
        "17-17 property Shop.first",
        "18-18 method Shop.of",
        "23-25 constructor Shop.constructor",
        "27-30 method Shop.sell",
        "33-34 property Shop.price",
        "35-35 property Shop.stock",
        "36-36 property Shop.shout",
        "37-37 method Shop.whisper",
        "39-39 class Shop.Shelf",
        "40-40 class Shop.Named",
        "43-46 interface State",
        "44-44 class State.Open",
        "45-45 class State.Closed",
        "48-50 interface Visitor",
        "49-49 method Visitor.visit",
        "52-58 enum Fruit",
        "54-54 constant Fruit.APPLE",
        "54-54 method Fruit.APPLE.weight",
        "55-55 constant Fruit.PEAR",
        "57-57 method Fruit.weight",
        "60-60 class Named",
        "61-61 type Shops",
        "63-63 constant TOWN",
        "64-64 constant towns",
        "65-65 variable count",
        "66-66 method List.total",
        "67-67 method Map.sizeOrZero",
        "68-68 property List.half",
        "70-78 function main",
        "73-77 function main.longer",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("a/Shop.kt", SHOP)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop"] == (
        "public data class Shop<T : Fruit>(val name: String, private val open: Boolean = false)"
        " : Base<T>(), Open"
    )
    assert signatures["Shop.constructor"] == "constructor(id: Int)"
    assert signatures["Shop.sell"] == (
        "override suspend fun <R> sell(to: Customer, count: Int = 1): R where R : Any"
    )
    assert signatures["Shop.price"] == "val price: Int"
    assert signatures["Map.sizeOrZero"] == "fun <T : Any> Map<String, T>?.sizeOrZero()"
    assert node_named(extraction, "Shop").documentation == ("Sells [Fruit].\n@param T what is sold")
    assert node_named(extraction, "Shop.LIMIT").documentation == "How many."
    assert node_named(extraction, "Shop.price").documentation == "Costs."


def test_members_belong_to_their_types():
    parents = parents_of(extraction_of("a/Shop.kt", SHOP))
    assert parents["Shop.of"] == "Shop"
    assert parents["Fruit.APPLE.weight"] == "Fruit.APPLE"
    assert parents["List.total"] == ""
    assert parents["main.longer"] == "main"


def test_annotated_tests():
    text = """
    class ShopTest {
        @BeforeTest
        fun setUp() {}

        @Test
        fun `opens at eight`() = runTest {
            val shop = Shop("a")
            shop.open()
            assertEquals(1, shop total 2)
        }

        @ParameterizedTest
        @ValueSource(ints = [1])
        fun closes(hour: Int) {}
    }

    @Test
    fun alone() {}
    """
    extraction = extraction_of("ShopTest.kt", text)
    assert outline_of("ShopTest.kt", text) == [
        "1-15 class ShopTest",
        "2-3 method ShopTest.setUp",
        "5-10 test ShopTest.opens at eight",
        "12-14 test ShopTest.closes",
        "17-18 test alone",
    ]
    assert references_of(extraction)["ShopTest.opens at eight"] == [
        "runTest",
        "Shop",
        "open",
        "assertEquals",
        "total",
    ]


def test_kotest_in_its_styles():
    text = """
    class ShopSpec : FunSpec({
        test("opens") { shop.open() }
        context("closed") {
            test("stays") {}
            xtest("never").config(enabled = false) {}
        }
    })

    class WordsSpec : WordSpec({
        "a shop" should {
            "sell" { sell() }
        }
    })

    class TextsSpec : StringSpec({
        "sells" { }
    })

    class NoTest : Other({ "name" { } })
    """
    extraction = extraction_of("ShopSpec.kt", text)
    assert outline_of("ShopSpec.kt", text) == [
        "1-7 class ShopSpec",
        "2-2 test ShopSpec.opens",
        "4-4 test ShopSpec.closed > stays",
        "5-5 test ShopSpec.closed > never",
        "9-13 class WordsSpec",
        "11-11 test WordsSpec.a shop > sell",
        "15-17 class TextsSpec",
        "16-16 test TextsSpec.sells",
        "19-19 class NoTest",
    ]
    assert parents_of(extraction)["ShopSpec.closed > stays"] == "ShopSpec"
    assert references_of(extraction)["WordsSpec.a shop > sell"] == ["sell"]


MISREAD = {
    "a guard": """
        fun f(a: Any) = when (a) {
            is Column<*> if a.wide() -> 1
            else -> 2
        }
        """,
    "a guard behind a name": """
        fun f(a: Any) = when (a) {
            is String if a.wide() -> 1
            else -> 2
        }
        """,
    "a guard over several lines": """
        fun f(a: Any) {
            when (a) {
                is Column<*> if (
                    a.wide() && (b == 1)
                ) -> 1
                else -> 2
            }
        }
        """,
    "where as a name": """
        fun f() {
            +"a"
            where?.let { 1 }
        }
        """,
    "get as an infix function": """
        fun f() {
            val id = table.insert {
                it[name] = 1
            } get table.id
        }
        """,
    "dollars": """
        val f = $$"a $b"
        """,
    "an annotated getter": """
        class f {
            val a
                @Foo("x")
                get() = 1
        }
        """,
    "a context": """
        package a

        context(log: Log)
        fun f() {}
        """,
    "annotations with arguments": """
        package a

@Deprecated("x")
@Suppress("y")
public fun f() {
    g()
}
        """,
}


@pytest.mark.parametrize("text", MISREAD.values(), ids=MISREAD)
def test_what_the_parser_would_misread_costs_nothing(text):
    """Bare, each is an error for the parser, or no function."""
    tools = tools_for("kotlin", "kt")
    assert tools is not None
    root = Parser(tools.language).parse(plain_kotlin(text.encode())).root_node
    assert not root.has_error
    names = [node.name for node in extraction_of("a.kt", f"{text}\nclass After\n").nodes[1:]]
    assert (names[0], names[-1]) == ("f", "After")


def test_a_disguise_keeps_every_line_and_column():
    for text in MISREAD.values():
        source = text.encode()
        plain = plain_kotlin(source)
        assert plain != source
        assert [len(line) for line in plain.split(b"\n")] == [
            len(line) for line in source.split(b"\n")
        ]


def test_annotations_with_arguments_before_a_function_and_an_annotation_class():
    text = """
    package a

    /** Documented. */
    @Deprecated("x")
    @Suppress("y")
    public fun Shop.open() {
        a()
    }

    /** Marks. */
    @Retention(AnnotationRetention.BINARY)
    @Target(
        AnnotationTarget.CLASS,
    )
    annotation class Mark
    """
    extraction = extraction_of("a.kt", text)
    assert outline_of("a.kt", text) == ["4-8 method Shop.open", "11-15 class Mark"]
    assert node_named(extraction, "Shop.open").signature == "public fun Shop.open()"
    assert node_named(extraction, "Shop.open").documentation == "Documented."
    assert node_named(extraction, "Mark").documentation == "Marks."
