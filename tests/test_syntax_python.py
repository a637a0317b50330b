from outlining import extraction_of, node_named, outline_of, parents_of, references_of


def test_functions_classes_and_what_stands_in_them():
    text = """
    class Store:
        '''Keeps things.'''

        def __init__(self): ...
        async def load(self, key): ...

        class Key:
            def parse(self): ...

    async def main():
        # not a docstring
        pass
    """
    extraction = extraction_of("a.py", text)
    assert outline_of("a.py", text) == [
        "1-8 class Store",
        "4-4 constructor Store.__init__",
        "5-5 method Store.load",
        "7-8 class Store.Key",
        "8-8 method Store.Key.parse",
        "10-12 function main",
    ]
    assert parents_of(extraction)["Store.Key.parse"] == "Store.Key"
    assert parents_of(extraction)["main"] == ""
    assert node_named(extraction, "Store").documentation == "Keeps things."
    assert node_named(extraction, "main").documentation == ""
    assert node_named(extraction, "Store.load").signature == "async def load(self, key)"


def test_decorators_belong_to_the_lines_but_not_to_the_signature():
    text = """
    # Makes it fast.
    @cache
    @retry(
        times=3,
    )
    def load(): ...

    @dataclass(frozen=True)
    class Point(Base, Generic[T]):
        x: int = 0
    """
    extraction = extraction_of("a.py", text)
    assert outline_of("a.py", text) == ["2-6 function load", "8-10 class Point"]
    assert node_named(extraction, "load").signature == "def load()"
    assert node_named(extraction, "load").documentation == "Makes it fast."
    assert node_named(extraction, "Point").signature == "class Point(Base, Generic[T])"


def test_properties_are_properties_with_their_setters():
    text = """
    class A:
        @property
        def size(self): ...
        @size.setter
        def size(self, value): ...
        @functools.cached_property
        def hash(self): ...
        @staticmethod
        def make(): ...
    """
    assert outline_of("a.py", text)[1:] == [
        "2-3 property A.size",
        "4-5 property A.size~2",
        "6-7 property A.hash",
        "8-9 method A.make",
    ]


def test_overloads_and_conditional_twins_are_numbered_in_source_order():
    text = """
    if TYPE_CHECKING:
        from x import load
    else:
        def load(): ...
    try:
        import fast
    except ImportError:
        LIMIT = 5
        def load(): ...
    @overload
    def get(a: int) -> int: ...
    @overload
    def get(a: str) -> str: ...
    def get(a): ...
    """
    assert outline_of("a.py", text) == [
        "4-4 function load",
        "8-8 constant LIMIT",
        "9-9 function load~2",
        "10-11 function get",
        "12-13 function get~2",
        "14-14 function get~3",
    ]


def test_module_level_names_that_are_kept():
    """Constants, annotated names and type aliases; neither locals nor attributes nor plain names."""
    text = """
    LIMIT = 5
    _TABLE = {
        "a": 1,
    }
    A1, B1 = 1, 2
    #: Who is served.
    name: str = "x"
    later: int
    Json = dict[str, object]
    Path: TypeAlias = str
    type Pair[T] = tuple[T, T]
    logger = get_logger()
    T = TypeVar("T")
    class C:
        LIMIT = 6
        x: int = 1
    def f():
        LIMIT = 7
        y: int = 1
    """
    extraction = extraction_of("a.py", text)
    assert outline_of("a.py", text) == [
        "1-1 constant LIMIT",
        "2-4 constant _TABLE",
        "5-5 constant A1",
        "5-5 constant B1",
        "7-7 variable name",
        "8-8 variable later",
        "9-9 type Json",
        "10-10 type Path",
        "11-11 type Pair",
        "14-16 class C",
        "17-19 function f",
    ]
    assert node_named(extraction, "name").documentation == "Who is served."
    assert node_named(extraction, "_TABLE").signature == "_TABLE"
    assert node_named(extraction, "LIMIT").signature == "LIMIT = 5"


def test_local_functions_are_kept_from_five_lines_on():
    text = """
    def outer():
        def small():
            return 1

        def large():
            a = 1
            b = 2
            c = 3
            return a + b + c

        class Local:
            def method(self):
                return 1
            x = 1
            y = 2
    """
    assert outline_of("a.py", text) == [
        "1-15 function outer",
        "5-9 function outer.large",
        "11-15 class outer.Local",
        "12-13 method outer.Local.method",
    ]


def test_pytest_functions_and_classes():
    text = """
    def make(): ...

    @pytest.mark.slow
    def test_opens(tmp_path):
        '''It opens.'''
        store = Store(tmp_path)
        assert store.open() == make()
        store.open()
        def inner_that_is_long():
            a = 1
            b = 2
            c = 3
            return a

    class TestStore:
        def setup_method(self): ...
        def test_closes(self): Store().close()

    def testify(): ...
    """
    extraction = extraction_of("tests/test_store.py", text)
    assert outline_of("tests/test_store.py", text) == [
        "1-1 function make",
        "3-13 test test_opens",
        "15-17 class TestStore",
        "16-16 method TestStore.setup_method",
        "17-17 test TestStore.test_closes",
        "19-19 function testify",
    ]
    assert references_of(extraction) == {
        "test_opens": ["Store", "open", "make"],
        "TestStore.test_closes": ["Store", "close"],
    }
    test = node_named(extraction, "test_opens")
    assert (test.id, test.symbol_kind) == ("test:tests/test_store.py#test_opens", None)
    assert (test.signature, test.documentation) == ("def test_opens(tmp_path)", "It opens.")
    assert parents_of(extraction)["TestStore.test_closes"] == "TestStore"


def test_a_function_named_test_is_a_test_in_test_files_and_test_cases_only():
    text = """
    def test_connection(): ...
    class Check(unittest.TestCase):
        def test_it(self): ...
        def testCamel(self): ...
        def setUp(self): ...
    class Pool:
        def test_idle(self): ...
    """
    assert outline_of("src/pool.py", text) == [
        "1-1 function test_connection",
        "2-5 class Check",
        "3-3 test Check.test_it",
        "4-4 test Check.testCamel",
        "5-5 method Check.setUp",
        "6-7 class Pool",
        "7-7 method Pool.test_idle",
    ]


def test_docstrings_in_every_quoting():
    text = (
        "def a():\n    r'''Raw.\n\n      Indented.\n    '''\n"
        'def b():\n    "One line."\n'
        "def c():\n    x = 1\n    'not one'\n"
    )
    extraction = extraction_of("a.py", text)
    assert node_named(extraction, "a").documentation == "Raw.\n\nIndented."
    assert node_named(extraction, "b").documentation == "One line."
    assert node_named(extraction, "c").documentation == ""
