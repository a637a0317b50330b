"""Imports of Elixir, Haskell, Swift and Zig: modules that a file or a build file names."""

import pytest

from relating import targets_of

ELIXIR = {
    "lib/acme/box.ex": """
        defmodule Acme.Box do
          defmodule Lid do
          end
        end
        """,
    "lib/acme/other.ex": "defmodule Acme.Other do\nend\n",
    "lib/box.ex": "defmodule Elsewhere.Box do\nend\n",
    "lib/one.ex": "defmodule Twice do\nend\n",
    "lib/two.ex": "defmodule Twice do\nend\n",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("alias Acme.Box", ["lib/acme/box.ex#Acme.Box"]),
        ("alias Acme.Box, as: B", ["lib/acme/box.ex#Acme.Box"]),
        ("alias Acme.{Box, Other}", ["lib/acme/box.ex#Acme.Box", "lib/acme/other.ex#Acme.Other"]),
        ("import Acme.Box.Lid, only: [a: 1]", ["lib/acme/box.ex#Acme.Box.Lid"]),
        ("use Acme.Other, x: 1", ["lib/acme/other.ex#Acme.Other"]),
        ("require Acme.Other", ["lib/acme/other.ex#Acme.Other"]),
        ("alias Acme.Box\n  alias Box.Lid", ["lib/acme/box.ex#Acme.Box", "lib/acme/box.ex#Acme.Box.Lid"]),
        ("use GenServer", ["outside"]),
        ("alias Box", ["outside"]),
        ("alias Acme.Gone", ["outside"]),
        ("alias __MODULE__.Gone", ["missing"]),
        ("alias Twice", ["ambiguous"]),
    ],
)  # fmt: skip
def test_elixir_directives_name_modules_and_not_files(line, meant):
    text = f"defmodule My.Use do\n  {line}\nend\n"
    assert targets_of({**ELIXIR, "lib/use.ex": text}, "lib/use.ex") == meant


def test_a_module_inside_the_asking_one_is_found_there():
    text = "defmodule My do\n  alias __MODULE__.In\n  defmodule In do\n  end\nend\n"
    assert targets_of({"my.ex": text}, "my.ex") == ["my.ex#My.In"]


HASKELL = {
    "box.cabal": "name: box\nlibrary\n  hs-source-dirs: src, gen\n  exposed-modules:\n    Acme.Box, Acme.Made\n"
    "test-suite t\n  hs-source-dirs:\n    test\n",
    "src/Acme/Box.hs": "module Acme.Box (open) where\nopen :: Int\nopen = 1\n",
    "test/Acme/Check.hs": "module Acme.Check where\n",
    "test/data/Data/List.hs": "module Data.List where\n",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import Acme.Box", ["src/Acme/Box.hs"]),
        ("import qualified Acme.Box as B", ["src/Acme/Box.hs"]),
        ("import Acme.Box (open)", ["src/Acme/Box.hs#open"]),
        ("import Acme.Box hiding (open)", ["src/Acme/Box.hs"]),
        ("import Acme.Box ()", ["src/Acme/Box.hs"]),
        ("import Acme.Check", ["test/Acme/Check.hs"]),
        ("import Acme.Made", ["missing"]),
        ("import Data.List (sort)", ["outside"]),
        ("import Acme.Gone", ["outside"]),
        ("import Box", ["outside"]),
    ],
)
def test_haskell_modules_lie_in_the_source_folders_of_a_package(line, meant):
    text = f"module Main where\n{line}\nmain = pure ()\n"
    assert targets_of({**HASKELL, "src/Main.hs": text}, "src/Main.hs") == meant


def test_without_a_package_the_only_declaration_is_meant():
    files = {
        "a/M.hs": "module M where\n",
        "b/N.hs": "module N where\n",
        "c/N.hs": "module N where\n",
    }
    text = "module Main where\nimport M\nimport N\n"
    assert targets_of({**files, "Main.hs": text}, "Main.hs") == ["a/M.hs", "ambiguous"]


def test_of_two_packages_with_one_module_name_the_own_is_meant():
    files = {
        f"{one}/{one}.cabal": "library\n  hs-source-dirs: src\n" for one in ("p", "q", "r")
    } | {f"{one}/src/M.hs": "module M where\n" for one in ("p", "q")}
    text = "module Use where\nimport M\n"
    said = [targets_of({**files, f"{p}/src/Use.hs": text}, f"{p}/src/Use.hs") for p in "pqr"]
    assert said == [["p/src/M.hs"], ["q/src/M.hs"], ["ambiguous"]]


def test_source_folders_of_an_hpack_file_count_as_well():
    files = {
        "package.yaml": "library:\n  source-dirs: code\ntests:\n  t:\n    source-dirs:\n    - check\n",
        "code/M.hs": "module M where\n",
        "check/N.hs": "module N where\n",
        "else/O.hs": "module O where\n",
    }
    text = "module Main where\nimport M\nimport N\nimport O\n"
    assert targets_of({**files, "code/Main.hs": text}, "code/Main.hs") == [
        "code/M.hs",
        "check/N.hs",
        "outside",
    ]


SWIFT = {
    "Package.swift": """
        // swift-tools-version:5.5
        let package = Package(name: "P", targets: [
            .target(name: "Core", dependencies: [.product(name: "Log", package: "log")]),
            // .target(name: "Gone", path: "Sources/Core"),
            .executableTarget(name: "App", dependencies: ["Core"], path: "Programs/App"),
            .target(name: "Empty"),
            .testTarget(name: "CoreTests", dependencies: ["Core"]),
            .target(name: "Up", path: "../../Up"),
        ])
        """,
    "Sources/Core/Box.swift": "public class Box {}\n",
    "Sources/Core/Deep/Lid.swift": "public struct Lid {}\n",
    "Programs/App/main.swift": "",
    "Tests/CoreTests/Checks.swift": "",
    "Foundation/Foundation.swift": "",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("import Core", "Sources/Core/Box.swift Sources/Core/Deep/Lid.swift"),
        ("@testable import Core", "Sources/Core/Box.swift Sources/Core/Deep/Lid.swift"),
        ("import class Core.Box", "Sources/Core/Box.swift#Box"),
        ("import App", "Programs/App/main.swift"),
        ("import CoreTests", "Tests/CoreTests/Checks.swift"),
        ("import Empty", "missing"),
        ("import Foundation", "outside"),
        ("import Log", "outside"),
        ("import Gone", "outside"),
        ("import Up", "outside"),
        ("import Box", "outside"),
    ],
)
def test_swift_imports_targets_of_the_package(line, meant):
    files = {**SWIFT, "Programs/App/use.swift": f"{line}\n"}
    said = targets_of(files, "Programs/App/use.swift")
    assert said == [meant.replace("main.swift", "main.swift Programs/App/use.swift")]


def test_of_two_packages_with_one_target_name_the_own_is_meant():
    manifest = 'let package = Package(name: "P", targets: [.target(name: "Core")])'
    files = {f"{one}/Package.swift": manifest for one in "ab"} | {
        f"{one}/Sources/Core/X.swift": "" for one in "ab"
    }
    said = [
        targets_of({**files, path: "import Core\n"}, path)
        for path in ("a/Sources/Use/U.swift", "b/Sources/Use/U.swift", "U.swift")
    ]
    assert said == [["a/Sources/Core/X.swift"], ["b/Sources/Core/X.swift"], ["ambiguous"]]


ZIG = {
    "build.zig": """
        const std = @import("std");
        pub fn build(b: *std.Build) void {
            const core = b.addModule("core", .{ .root_source_file = b.path("src/core.zig") });
            const made = createMade(b);
            // const gone = b.addModule("gone", .{ .root_source_file = b.path("src/core.zig") });
            const exe = b.createModule(.{
                .root_source_file = b.path("src/main.zig"),
                .imports = &.{ .{ .name = "kernel", .module = core }, .{ .name = "made", .module = made } },
            });
            exe.addImport("again", core);
            exe.addImport("far", far.module("far"));
        }
        fn createMade(b: *std.Build) *std.Build.Module {
            const it = b.createModule(.{ .root_source_file = b.path("src/made.zig") });
            return it;
        }
        """,
    "src/core.zig": "pub const Box = struct {};\n",
    "src/made.zig": "",
    "src/main.zig": "",
    "std.zig": "",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('const c = @import("core.zig");', "src/core.zig"),
        ('const Box = @import("../src/core.zig").Box;', "src/core.zig#Box"),
        ('const c = @import("core");', "src/core.zig"),
        ('const c = @import("kernel");', "src/core.zig"),
        ('const c = @import("again");', "src/core.zig"),
        ('const c = @import("made");', "src/made.zig"),
        ('const c = @import("far");', "outside"),
        ('const c = @import("gone");', "outside"),
        ('const std = @import("std");', "outside"),
        ('const c = @import("gone.zig");', "missing"),
        ('const c = @import("../../x.zig");', "outside"),
    ],
)
def test_zig_imports_files_beside_and_modules_of_the_build(line, meant):
    assert targets_of({**ZIG, "src/use.zig": f"{line}\n"}, "src/use.zig") == [meant]
