from outlining import extraction_of, node_named, outline_of, parents_of, references_of

CLIENT = r"""
    <?php
    declare(strict_types=1);

    /** Talks to servers. */

    namespace Web\Client;

    use Psr\Log;

    const LOW = 1, HIGH = 2;
    define('EXTRA', 3);

    /**
     * Sends.
     *
     * @param int $x {@see Request}
     */
    #[Attribute]
    final class Client extends Other implements A, B
    {
        use Helping;

        public const FIRST = 1;
        /** @var array<string> */
        protected $names = [
            'a',
        ];
        private ?string $typed = null;
        public string $full { get => 1; }

        public function __construct(private int $x) {}

        /**
         * {@inheritdoc}
         */
        abstract protected function missing(int $a);

        public static function make(array $a = []): self
        {
            return new class {
                public function inner()
                {
                    return 1;
                    // five lines
                }
            };
        }
    }

    interface Sender extends Other { public function send(): void; }
    trait Helping { public function help() {} }
    enum Suit: string implements Sender
    {
        case Hearts = 'H';
        const DEFAULT = self::Hearts;
        public function label(): string { return ''; }
    }

    function &collect(int ...$x): ?int
    {
        return 1;
    }

    if (!function_exists('later')) {
        function later() {}
    }

    $twice = fn($x) => 2 * $x;
    $settings = [];
    $settings = [1];
"""


def test_types_members_functions_and_constants():
    assert outline_of("src/Client.php", CLIENT) == [
        "10-10 constant LOW",
        "10-10 constant HIGH",
        "11-11 constant EXTRA",
        "18-48 class Client",
        "23-23 constant Client.FIRST",
        "25-27 property Client.names",
        "28-28 property Client.typed",
        "29-29 property Client.full",
        "31-31 constructor Client.__construct",
        "36-36 method Client.missing",
        "38-47 method Client.make",
        "41-45 method Client.make.inner",
        "50-50 interface Sender",
        "50-50 method Sender.send",
        "51-51 interface Helping",
        "51-51 method Helping.help",
        "52-57 enum Suit",
        "54-54 constant Suit.Hearts",
        "55-55 constant Suit.DEFAULT",
        "56-56 method Suit.label",
        "59-62 function collect",
        "65-65 function later",
        "68-68 function twice",
        "69-69 variable settings",
    ]


def test_signatures_hold_modifiers_but_no_attributes_bodies_and_lists():
    extraction = extraction_of("src/Client.php", CLIENT)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["Client"] == "final class Client extends Other implements A, B"
    assert signatures["Client.names"] == "protected $names"
    assert signatures["Client.typed"] == "private ?string $typed = null"
    assert signatures["Client.missing"] == "abstract protected function missing(int $a)"
    assert signatures["Client.make"] == "public static function make(array $a = []): self"
    assert signatures["collect"] == "function &collect(int ...$x): ?int"
    assert signatures["Suit.Hearts"] == "case Hearts = 'H'"


def test_documentation_is_freed_of_its_markers():
    extraction = extraction_of("src/Client.php", CLIENT)
    assert extraction.nodes[0].documentation == "Talks to servers."
    assert node_named(extraction, "Client").documentation == "Sends.\n\n@param int $x Request"
    assert node_named(extraction, "Client.names").documentation == "array<string>"
    assert node_named(extraction, "Client.missing").documentation == ""


def test_a_namespace_is_a_module_only_as_a_block():
    text = "<?php\nnamespace A\\B {\n  class C {}\n  function f() {}\n}\n"
    assert outline_of("a.php", text) == ["2-5 module A.B", "3-3 class A.B.C", "4-4 function A.B.f"]
    assert parents_of(extraction_of("a.php", text))["A.B.C"] == "A.B"


def test_tests_of_phpunit_by_name_attribute_and_tag():
    text = """
        <?php
        class ClientTest extends TestCase
        {
            protected function setUp(): void {}

            public function testSends(): void { $this->send(new Client()); Bus::run(); }

            #[Test]
            public function it_waits(): void {}

            /** @test */
            public function it_stops(): void {}
        }
    """
    assert outline_of("src/ClientTest.php", text) == [
        "2-13 class ClientTest",
        "4-4 method ClientTest.setUp",
        "6-6 test ClientTest.testSends",
        "8-9 test ClientTest.it_waits",
        "12-12 test ClientTest.it_stops",
    ]
    references = references_of(extraction_of("src/ClientTest.php", text))
    assert references == {"ClientTest.testSends": ["send", "Client", "run"]}


def test_tests_of_pest_are_titled_by_their_groups():
    text = """
        <?php
        describe('sums', function () {
            it('adds', function () { expect(add(1, 2))->toBe(3); })->with([1]);
        });
        test("alone", fn() => run());
    """
    assert outline_of("tests/SumTest.php", text) == ["3-3 test sums > adds", "5-5 test alone"]
    assert references_of(extraction_of("tests/SumTest.php", text))["alone"] == ["run"]


def test_code_between_html_is_read():
    text = "<html>\n<?php function title() { return 1; } ?>\n<p>{{ x }}</p>\n</html>\n"
    assert outline_of("page.phtml", text) == ["2-2 function title"]


def test_nothing_is_lost_behind_an_error():
    text = "<?php\nclass A {\n  function broken() { $x = = 1; }\n  function whole() {}\n}\nclass B {}\n"
    assert [row.split()[-1] for row in outline_of("a.php", text)] == [
        "A",
        "A.broken",
        "A.whole",
        "B",
    ]
