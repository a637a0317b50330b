from outlining import extraction_of, node_named, outline_of, parents_of

COUNTER = """
    <!-- Counts clicks. -->
    <script lang="ts">
    export default { name: 'ClickCounter' }
    </script>

    <script setup lang="ts" generic="T extends Map<string, X>">
    import { ref } from 'vue'
    // Höher.
    const count = ref(0)
    /** Adds some. */
    function increment(by: number): void {
      count.value += by
    }
    interface Props { start: number }
    </script>

    <template>
      <!-- <script>function none() {}</script> -->
      <button @click="increment">{{ count }}</button>
    </template>

    <style scoped>
    .a { color: red }
    </style>
"""


def test_a_component_is_a_class_that_holds_what_its_scripts_define():
    assert outline_of("src/Counter.vue", COUNTER) == [
        "1-24 class ClickCounter",
        "9-9 constant ClickCounter.count",
        "11-13 function ClickCounter.increment",
        "14-14 interface ClickCounter.Props",
    ]
    parents = parents_of(extraction_of("src/Counter.vue", COUNTER))
    assert parents["ClickCounter.increment"] == "ClickCounter"
    assert parents["ClickCounter"] == ""


def test_symbols_speak_the_language_of_the_script_and_the_component_its_own():
    extraction = extraction_of("src/Counter.vue", COUNTER)
    languages = {node.name: node.language for node in extraction.nodes}
    assert languages["Counter.vue"] == languages["ClickCounter"] == "vue"
    assert languages["increment"] == "typescript"
    increment = node_named(extraction, "ClickCounter.increment")
    assert increment.signature == "function increment(by: number): void"
    assert increment.documentation == "Adds some."
    assert node_named(extraction, "ClickCounter").documentation == "Counts clicks."


def test_the_text_of_a_component_stays_whole():
    extraction = extraction_of("src/Counter.vue", COUNTER)
    assert "<button @click" in extraction.text
    assert ".a { color: red }" in extraction.text


def test_the_options_of_a_component_are_its_members():
    text = """
        <template><p/></template>
        <script>
        export default defineComponent({
          name: "opt-x",
          data() { return { a: 1 } },
          computed: {
            // Sums up.
            total() { return 1 },
          },
          methods: {
            async submit(x) {
              return x
            },
          },
        })
        </script>
    """
    assert outline_of("a/Form.vue", text) == [
        "1-16 class opt-x",
        "5-5 function opt-x.data",
        "8-8 function opt-x.computed.total",
        "11-13 function opt-x.methods.submit",
    ]


def test_a_component_without_a_name_is_called_like_its_file():
    assert outline_of("cart/Total.vue", "<template/>\n") == ["1-1 class Total"]
    assert outline_of("cart/index.vue", "<template/>\n") == ["1-1 class cart"]
    assert outline_of("Row.svelte", "<p>1</p>\n") == ["1-1 class Row"]


def test_scripts_of_svelte():
    text = """
        <script context="module">
          export function load() { return 1 }
        </script>

        <script>
          export let name;
          $: doubled = name + name;
          function greet() { alert(name) }
        </script>

        <!-- @component
        Greets.
        -->
        <button on:click={greet}>{name}</button>
    """
    assert outline_of("Greeting.svelte", text) == [
        "1-14 class Greeting",
        "2-2 function Greeting.load",
        "6-6 variable Greeting.name",
        "8-8 function Greeting.greet",
    ]
    assert node_named(extraction_of("Greeting.svelte", text), "Greeting").documentation == "Greets."


def test_a_script_that_is_no_code_is_none():
    text = '<script type="application/ld+json">\n{"a": function b() {}}\n</script>\n'
    assert outline_of("A.vue", text) == ["1-3 class A"]


def test_tests_of_a_component_keep_their_titles():
    text = "<script>\nit('works', () => { run() })\n</script>\n"
    assert outline_of("A.vue", text) == ["1-3 class A", "2-2 test A.works"]
