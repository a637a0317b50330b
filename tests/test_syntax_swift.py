from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
import Foundation

/// Sells `Fruit`.
///
/// - Parameter name: what it is called
@objc(Shop)
@available(iOS 13, *)
public final class Shop<T>: Base<T>, Open where T: Fruit {
  /// The one.
  static let shared = Shop()
  public var price: Int { get { 1 } set { } }
  let name: String = "", owner = ""
  @Published var stock: Int = 0 {
    didSet { log() }
  }
  lazy var items = { [T]() }()

  init?(name: String) throws {
    self.name = name
  }
  deinit { close() }

  // MARK: - Selling
  override func sell<R>(
    _ to: Customer, // who
    count n: Int = 1
  ) async throws -> R where R: Any {
    func tiny() {}
    func longer(a: Int) -> Int {
      let b = a
      let c = b
      return c
    }
    return try await to.buy()
  }
  class func all() -> [Shop] { [] }
  subscript(index: Int) -> T { items[index] }
  static func + (a: Shop, b: Shop) -> Shop { a }
  static func <> (a: Shop, b: Shop) -> Shop { b }
  typealias Item = T
  struct Shelf {}
  #if DEBUG
  func debug() {}
  #endif
}

extension Shop: Equatable where T == Int {
  /// Opens.
  func open() {}
  var isOpen: Bool { true }
  static let limit = 3
}
extension Array.Index where Element == Int {
  func far() {}
}

protocol Open: AnyObject {
  associatedtype Hours
  func open(at hour: Int) -> Bool
  var hours: Hours { get }
  init(hours: Hours)
}

indirect enum Fruit: String {
  /// Red.
  case apple, pear = "p"
  case other(name: String, Int)
  func weight() -> Int { 1 }
}

actor Counter { func next() async -> Int { 1 } }
let town = "x"
var count: Int { 1 }
func top() {}
typealias Shops = [Shop<Int>]
macro stringify<T>(_ value: T) -> (T, String) = #externalMacro(module: "m", type: "t")
"""


def test_types_extensions_members_and_values():
    assert outline_of("Shop.swift", SHOP) == [
        "6-45 class Shop",
        "10-10 constant Shop.shared",
        "11-11 property Shop.price",
        "12-12 property Shop.name",
        "12-12 property Shop.owner",
        "13-15 property Shop.stock",
        "16-16 property Shop.items",
        "18-20 constructor Shop.init",
        "21-21 method Shop.deinit",
        "24-35 method Shop.sell",
        "29-33 function Shop.sell.longer",
        "36-36 method Shop.all",
        "37-37 property Shop.subscript",
        "38-38 method Shop.+",
        "39-39 method Shop.<>",
        "40-40 type Shop.Item",
        "41-41 struct Shop.Shelf",
        "43-43 method Shop.debug",
        "49-49 method Shop.open",
        "50-50 property Shop.isOpen",
        "51-51 constant Shop.limit",
        "54-54 method Array.Index.far",
        "57-62 interface Open",
        "58-58 type Open.Hours",
        "59-59 method Open.open",
        "60-60 property Open.hours",
        "61-61 constructor Open.init",
        "64-69 enum Fruit",
        "66-66 constant Fruit.apple",
        "66-66 constant Fruit.pear",
        "67-67 constant Fruit.other",
        "68-68 method Fruit.weight",
        "71-71 class Counter",
        "71-71 method Counter.next",
        "72-72 constant town",
        "73-73 variable count",
        "74-74 function top",
        "75-75 type Shops",
        "76-76 macro stringify",
    ]


def test_signatures_and_documentation():
    extraction = extraction_of("Shop.swift", SHOP)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop"] == "public final class Shop<T>: Base<T>, Open where T: Fruit"
    assert signatures["Shop.init"] == "init?(name: String) throws"
    assert signatures["Shop.sell"] == (
        "override func sell<R>(_ to: Customer, count n: Int = 1) async throws -> R where R: Any"
    )
    assert signatures["Shop.price"] == "public var price: Int"
    assert signatures["Shop.stock"] == "var stock: Int = 0"
    assert signatures["Fruit.other"] == "case other(name: String, Int)"
    assert signatures["stringify"] == "macro stringify<T>(_ value: T) -> (T, String)"
    assert node_named(extraction, "Shop").documentation == (
        "Sells `Fruit`.\n- Parameter name: what it is called"
    )
    assert node_named(extraction, "Shop.shared").documentation == "The one."
    assert node_named(extraction, "Shop.open").documentation == "Opens."
    assert node_named(extraction, "Shop.sell").documentation == ""


def test_members_of_an_extension_belong_to_the_type_where_the_file_has_it():
    parents = parents_of(extraction_of("Shop.swift", SHOP))
    assert parents["Shop.open"] == "Shop"
    assert parents["Shop.limit"] == "Shop"
    assert parents["Array.Index.far"] == ""
    assert parents["Fruit.other"] == "Fruit"


def test_xctest_methods_are_tests():
    text = """
    final class ShopTests: XCTestCase {
      override func setUp() {}
      func testOpens() async throws {
        let shop = Shop(name: "a")
        XCTAssertEqual(shop.price.doubled(), 2)
      }
      func testing() {}
    }
    class Other {
      func testOpens() {}
    }
    """
    extraction = extraction_of("Sources/Shop.swift", text)
    assert outline_of("Sources/Shop.swift", text) == [
        "1-8 class ShopTests",
        "2-2 method ShopTests.setUp",
        "3-6 test ShopTests.testOpens",
        "7-7 method ShopTests.testing",
        "9-11 class Other",
        "10-10 method Other.testOpens",
    ]
    assert references_of(extraction)["ShopTests.testOpens"] == [
        "Shop",
        "XCTAssertEqual",
        "doubled",
    ]
    derived = "class ShopTests: OwnBase {\n  func testOpens() {}\n}\n"
    assert outline_of("Tests/ShopTests.swift", derived)[1] == "2-2 test ShopTests.testOpens"


def test_swift_testing_and_quick():
    text = """
    @Test("opens", .tags(.slow)) func opens() {
      #expect(shop.open())
    }

    @Suite struct ShopTests {
      @Test func closes() async throws {}
      func helper() {}
    }

    class ShopSpec: QuickSpec {
      override class func spec() {
        describe("a shop") {
          it("opens") { expect(open()).to(beTrue()) }
          context("at night") {
            xit("closes") {}
          }
        }
      }
    }
    """
    extraction = extraction_of("a.swift", text)
    assert outline_of("a.swift", text) == [
        "1-3 test opens",
        "5-8 struct ShopTests",
        "6-6 test ShopTests.closes",
        "7-7 method ShopTests.helper",
        "10-19 class ShopSpec",
        "11-18 method ShopSpec.spec",
        "13-13 test ShopSpec.a shop > opens",
        "15-15 test ShopSpec.a shop > at night > closes",
    ]
    assert references_of(extraction)["opens"] == ["open"]
    assert node_named(extraction, "opens").signature == "func opens()"
