from outlining import extraction_of, node_named, outline_of, parents_of, references_of

SHOP = """
    # frozen_string_literal: true

    # Sells things.
    module Shop
      # What is sold.
      #
      # @param name [String]
      class Item < Struct::Base
        VERSION = "1"
        LEFT, RIGHT = 1, 2
        Point = Struct.new(:x, :y) do
          def far? = x > 9
        end
        Fault = Class.new(StandardError)
        Mixed = Module.new do
          def mixed; end
        end

        attr_accessor :price,
          :size
        mattr_reader :shelf
        alias_method :cost, :price
        alias worth price
        scope :cheap, -> { where(price: 1) }

        class << self
          # Builds one.
          def build(*args) # :nodoc:
            new(*args)
          end
        end

        def initialize(price, size: nil)
          @price = price
        end

        def self.find(id)
        end

        def ==(other) other.price == price end

        def price=(price)
        end

        private def hidden
        end

        define_method(:dynamic) do |a|
          a
        end

        class Deep::Down; end
      end
    end

    def helper(a, b = "#")
      a
    end

    $global = 1
    $global = 2
    Shop::EXTRA = 3
"""


def test_modules_classes_methods_attributes_and_constants():
    assert outline_of("lib/shop.rb", SHOP) == [
        "4-54 module Shop",
        "8-53 class Shop.Item",
        "9-9 constant Shop.Item.VERSION",
        "10-10 constant Shop.Item.LEFT",
        "10-10 constant Shop.Item.RIGHT",
        "11-13 class Shop.Item.Point",
        "12-12 method Shop.Item.Point.far?",
        "14-14 class Shop.Item.Fault",
        "15-17 module Shop.Item.Mixed",
        "16-16 method Shop.Item.Mixed.mixed",
        "19-20 property Shop.Item.price",
        "19-20 property Shop.Item.size",
        "21-21 property Shop.Item.shelf",
        "22-22 method Shop.Item.cost",
        "23-23 method Shop.Item.worth",
        "24-24 method Shop.Item.cheap",
        "28-30 method Shop.Item.build",
        "33-35 constructor Shop.Item.initialize",
        "37-38 method Shop.Item.find",
        "40-40 method Shop.Item.==",
        "42-43 method Shop.Item.price=",
        "45-46 method Shop.Item.hidden",
        "48-50 method Shop.Item.dynamic",
        "52-52 class Shop.Item.Deep.Down",
        "56-58 function helper",
        "60-60 variable $global",
        "62-62 constant Shop.EXTRA",
    ]


def test_signatures_end_before_the_body_and_its_comment():
    extraction = extraction_of("lib/shop.rb", SHOP)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Shop.Item"] == "class Item < Struct::Base"
    assert signatures["Shop.Item.build"] == "def build(*args)"
    assert signatures["Shop.Item.dynamic"] == "define_method(:dynamic)"
    assert signatures["Shop.Item.Point"] == "Point = Struct.new(:x, :y)"
    assert signatures["Shop.Item.Point.far?"] == "def far?"
    assert signatures["helper"] == 'def helper(a, b = "#")'


def test_comments_document_and_magic_comments_do_not():
    extraction = extraction_of("lib/shop.rb", SHOP)
    assert extraction.nodes[0].documentation == ""
    assert node_named(extraction, "Shop").documentation == "Sells things."
    assert node_named(extraction, "Shop.Item").documentation.startswith("What is sold.\n@param")
    assert node_named(extraction, "Shop.Item.build").documentation == "Builds one."


def test_a_block_comment_documents():
    text = "=begin\nAdds.\n=end\ndef add; end\n"
    assert node_named(extraction_of("a.rb", text), "add").documentation == "Adds."


def test_what_is_written_with_colons_belongs_to_its_module():
    parents = parents_of(extraction_of("lib/shop.rb", SHOP))
    assert parents["Shop.EXTRA"] == "Shop"
    assert parents["Shop.Item.Point.far?"] == "Shop.Item.Point"


def test_minitest_and_the_tests_of_rails_belong_to_their_class():
    text = """
        class CartTest < ActiveSupport::TestCase
          setup { @cart = Cart.new }

          test "is empty: Cart::Empty" do
            assert_equal 0, @cart.count
          end

          def test_total
            assert total(Cart.new)
          end

          def total(cart); end
        end
    """
    assert outline_of("test/cart_test.rb", text) == [
        "1-13 class CartTest",
        "4-6 test CartTest.is empty: Cart::Empty",
        "8-10 test CartTest.test_total",
        "12-12 method CartTest.total",
    ]


def test_rspec_examples_are_titled_by_their_groups():
    text = """
        RSpec.describe Cart, type: :model do
          let(:cart) { Cart.new }
          describe "#total" do
            context "when empty" do
              it "is zero" do
                expect(cart.total).to eq(0)
              end
            end
            specify("works") { run }
          end
        end
    """
    extraction = extraction_of("spec/cart_spec.rb", text)
    assert outline_of("spec/cart_spec.rb", text) == [
        "5-7 test Cart > #total > when empty > is zero",
        "9-9 test Cart > #total > works",
    ]
    assert references_of(extraction)["Cart > #total > when empty > is zero"] == [
        "expect",
        "total",
        "to",
        "eq",
    ]


def test_tasks_of_rake_are_functions():
    text = """
        task build: [:clean] do
          sh "make"
        end

        namespace :db do
          task :migrate do |t|
          end
        end
    """
    assert outline_of("Rakefile", text) == ["1-3 function build", "6-7 function migrate"]


def test_nothing_is_lost_behind_an_error():
    text = "class A\n  def broken\n    x = = 1 )\n  end\n\n  def whole; end\nend\n\nclass B\nend\n"
    assert outline_of("a.rb", text) == [
        "1-7 class A",
        "2-4 method A.broken",
        "6-6 method A.whole",
        "9-10 class B",
    ]
