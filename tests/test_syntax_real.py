"""Real public files, every symbol of which was checked by hand against the source.

`syntax/NAME.txt` is the file as its project published it (see syntax/NOTICE.md); `NAME.outline`
holds one line a symbol: lines, kind, id without the path, parent, signature, documentation's start.
"""

from pathlib import Path

import pytest

from hikma.domain import Extraction, SourceFile
from hikma.sources.syntax import extract

FOLDER = Path(__file__).parent / "syntax"
FILES = {
    "click_decorators.py": "src/click/decorators.py",
    "axios_headers.js": "lib/core/AxiosHeaders.js",
    "trpc_ws_client.ts": "packages/client/src/links/wsLink/wsClient/wsClient.ts",
    "gin_logger.go": "logger.go",
    "libuv_threadpool.c": "src/threadpool.c",
    "libuv_heap-inl.h": "src/heap-inl.h",
    "rack_query_parser.rb": "lib/rack/query_parser.rb",
    "psr7_Stream.php": "src/Stream.php",
    "penlight_class.lua": "lua/pl/class.lua",
    "bats_common.bash": "lib/bats-core/common.bash",
    "pg_partman_0.3.0.sql": "updates/pg_partman--0.2.0--0.3.0.sql",
    "vitepress_VPLocalNavOutlineDropdown.vue": "src/client/theme-default/components/VPLocalNavOutlineDropdown.vue",
    "svelte-french-toast_ToastBar.svelte": "src/lib/components/ToastBar.svelte",
    "nbclient_update-display-id.ipynb": "tests/files/update-display-id.ipynb",
    "scopeguard_lib.rs": "src/lib.rs",
    "fmt_args.h": "include/fmt/args.h",
    "googletest_test-part.cc": "googletest/src/gtest-test-part.cc",
    "googletest_sample3_unittest.cc": "googletest/samples/sample3_unittest.cc",
    "zig_log.zig": "lib/std/log.zig",
    "zig_buf_map.zig": "lib/std/buf_map.zig",
    "split_Internals.hs": "src/Data/List/Split/Internals.hs",
    "elixir_collectable.ex": "lib/elixir/lib/collectable.ex",
    "commons_lang_char_range.java": "src/main/java/org/apache/commons/lang3/CharRange.java",
    "commons_lang_circuit_breaker.java": "src/main/java/org/apache/commons/lang3/concurrent/AbstractCircuitBreaker.java",
    "expo_data_persistor.kt": "android/src/main/java/expo/modules/kotlin/activityresult/DataPersistor.kt",
    "expo_cdp_network_types.kt": "android/src/main/java/expo/modules/kotlin/devtools/cdp/CdpNetworkTypes.kt",
    "pants_scala_parser.scala": "src/python/pants/backend/scala/dependency_inference/ScalaParser.scala",
    "pythonnet_finalizer.cs": "src/runtime/Finalizer.cs",
    "expo_array_buffer.swift": "ios/Core/ArrayBuffers/ArrayBuffer.swift",
    "elixir_describe_test.exs": "lib/ex_unit/test/ex_unit/describe_test.exs",
}


def read(name: str, path: str) -> Extraction:
    extraction = extract(SourceFile(path, "digest", (FOLDER / f"{name}.txt").read_bytes()))
    assert isinstance(extraction, Extraction)
    return extraction


def rows(extraction: Extraction) -> list[str]:
    parents = {edge.target: edge.source for edge in extraction.edges}
    return [
        " | ".join(
            (
                f"{node.span.start_line}-{node.span.end_line}",
                node.symbol_kind or node.kind,
                node.id.partition("#")[2],
                parents[node.id].partition("#")[2] or "(file)",
                node.signature,
                " ".join(node.documentation.split()[:6]) or "-",
            )
        )
        for node in extraction.nodes[1:]
    ]


@pytest.mark.parametrize(("name", "path"), FILES.items(), ids=FILES)
def test_every_symbol_of_a_real_file(name, path):
    """Id, kind, lines, parent, signature and documentation of every symbol are as in the source."""
    expected = (FOLDER / f"{name}.outline").read_text(encoding="utf-8").splitlines()
    assert rows(read(name, path)) == expected


@pytest.mark.parametrize(("name", "path"), FILES.items(), ids=FILES)
def test_defines_edges_leave_a_file_and_references_leave_its_tests(name, path):
    extraction = read(name, path)
    assert {edge.kind for edge in extraction.edges} == {"defines"}
    assert len(extraction.edges) == len(extraction.nodes) - 1
    tests = {node.id for node in extraction.nodes if node.kind == "test"}
    assert {reference.source for reference in extraction.references} <= tests
    assert extraction.limitation is None
