from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
package a.b

package inner {
  class Deep
}

import a.{B, C => D}

/**
 * Sells [[Fruit]].
 */
@deprecated("x", "1")
final case class Shop[T](name: String /* shown */)(implicit e: E) extends Base[T](name) with Open {
  /** Costs. */
  lazy val price: Int =
    1
  var stock = 2
  def this(id: Int) = this("a")
  override def sell[R](
      to: Customer, // who
      count: Int = 1
  )(using b: B): R = { b.sell() }
  def close: Unit
  type Item = T
  def +(other: Shop[T]): Shop[T] = other
}

sealed trait State
object State {
  case object Open extends State
  case class Closed(why: String) extends State
  val Limit = 3
  val first, second = 1
  implicit val order: Order[State] = new Order[State] {
    def compare(a: State, b: State): Int = 1
    def longer(a: State): Int = {
      val b = a
      val c = b
      1
    }
  }
  implicit class Ops(s: String) { def shout: String = s }
}

package object tools { val x = 1 }

enum Fruit(val grams: Int) {
  case Apple extends Fruit(1)
  case Pear, Plum
  case Other(name: String)
  def weight = 1
}

extension (s: String) {
  def whisper: String = s
  def shout(n: Int): String = s
}
extension [T](xs: List[T]) def second: T = xs(1)

given ordering: Ordering[Shop[Int]] with {
  def compare(a: Shop[Int], b: Shop[Int]) = 1
}
def top(x: Int): Int = 1
val value = 1
var changing = 2
type Shops = List[Shop[Int]]
"""


def test_types_objects_members_and_values():
    assert outline_of("a/Shop.scala", SHOP) == [
        "3-5 module inner",
        "4-4 class inner.Deep",
        "12-26 class Shop",
        "15-16 property Shop.price",
        "17-17 property Shop.stock",
        "18-18 constructor Shop.this",
        "19-22 method Shop.sell",
        "23-23 method Shop.close",
        "24-24 type Shop.Item",
        "25-25 method Shop.+",
        "28-28 interface State",
        "29-43 module State~2",
        "30-30 module State.Open",
        "31-31 class State.Closed",
        "32-32 constant State.Limit",
        "33-33 property State.first",
        "33-33 property State.second",
        "34-41 property State.order",
        "36-40 method State.order.longer",
        "42-42 class State.Ops",
        "42-42 method State.Ops.shout",
        "45-45 module tools",
        "45-45 property tools.x",
        "47-52 enum Fruit",
        "48-48 constant Fruit.Apple",
        "49-49 constant Fruit.Pear",
        "49-49 constant Fruit.Plum",
        "50-50 class Fruit.Other",
        "51-51 method Fruit.weight",
        "55-55 method String.whisper",
        "56-56 method String.shout",
        "58-58 method List.second",
        "60-62 property ordering",
        "63-63 function top",
        "64-64 constant value",
        "65-65 variable changing",
        "66-66 type Shops",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("a/Shop.scala", SHOP)
    signatures = {node.id.partition("#")[2]: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop"] == (
        "final case class Shop[T](name: String)(implicit e: E) extends Base[T](name) with Open"
    )
    assert signatures["Shop.sell"] == (
        "override def sell[R](to: Customer, count: Int = 1)(using b: B): R"
    )
    assert signatures["Shop.price"] == "lazy val price: Int"
    assert signatures["State.order"] == "implicit val order: Order[State] = new Order[State]"
    assert node_named(extraction, "Shop").documentation == "Sells [[Fruit]]."
    assert node_named(extraction, "Shop.price").documentation == "Costs."


def test_members_belong_to_their_types():
    parents = parents_of(extraction_of("a/Shop.scala", SHOP))
    assert parents["inner.Deep"] == "inner"
    assert parents["State.Closed"] == "State~2"
    assert parents["State.Ops.shout"] == "State.Ops"
    assert parents["String.whisper"] == ""


def test_a_name_made_of_signs_stays_in_its_signature():
    text = """
    object Chain {
      object ==: {
        def unapply(x: Int) = x
      }
    }
    """
    extraction = extraction_of("a.scala", text)
    assert node_named(extraction, "Chain.==:").signature == "object ==:"


def test_functions_and_properties_of_munit_and_scalacheck():
    text = """
    class ShopSuite extends CatsSuite {
      test("opens") {
        shop.open()
        assertEquals(List[Int](1), new Shop(1))
      }
      test("ignored".ignore) {}
      test("tagged".flaky.tag(Slow)) {}
      client.test("with a fixture") { c => c.run }
      property("holds") { forAll { (a: Int) => a >= 0 } }
      property("assigned") = forAll { (a: Int) => true }
      checkAll("Shop[Int]", OrderTests[Shop].order)
      def testing(a: Int) = a
    }
    """
    extraction = extraction_of("ShopSuite.scala", text)
    assert outline_of("ShopSuite.scala", text) == [
        "1-13 class ShopSuite",
        "2-5 test ShopSuite.opens",
        "6-6 test ShopSuite.ignored",
        "7-7 test ShopSuite.tagged",
        "8-8 test ShopSuite.with a fixture",
        "9-9 test ShopSuite.holds",
        "10-10 test ShopSuite.assigned",
        "11-11 test ShopSuite.Shop[Int]",
        "12-12 method ShopSuite.testing",
    ]
    assert parents_of(extraction)["ShopSuite.opens"] == "ShopSuite"
    assert references_of(extraction)["ShopSuite.opens"] == ["open", "assertEquals", "List", "Shop"]
    assert node_named(extraction, "ShopSuite.opens").signature == 'test("opens")'


def test_styles_of_scalatest_and_junit():
    text = """
    class ShopSpec extends AnyFlatSpec {
      "A shop" should "open" in { open() }
      it should "close" in { close() }
      "An owner" when {
        "tired" should {
          "sleep" in { sleep() }
        }
      }
      describe("selling") {
        it("costs") { }
      }
      Feature("paying") {
        Scenario("cash") { }
      }
      @Test def annotated() = 1
      "in specs2" >> { ok }
    }
    """
    assert outline_of("ShopSpec.scala", text) == [
        "1-17 class ShopSpec",
        "2-2 test ShopSpec.A shop open",
        "3-3 test ShopSpec.close",
        "6-6 test ShopSpec.An owner > tired > sleep",
        "10-10 test ShopSpec.selling > costs",
        "13-13 test ShopSpec.paying > cash",
        "15-15 test ShopSpec.annotated",
        "16-16 test ShopSpec.in specs2",
    ]


def test_indented_scala_3():
    text = """
    object Tools:
      /** Opens. */
      def open(a: Int): Int =
        val b = a
        b

      class Inner:
        val x = 1
    end Tools
    """
    extraction = extraction_of("a.scala", text)
    assert outline_of("a.scala", text)[:4] == [
        "1-9 module Tools",
        "3-5 method Tools.open",
        "7-8 class Tools.Inner",
        "8-8 property Tools.Inner.x",
    ]
    assert node_named(extraction, "Tools.open").documentation == "Opens."
