"""Imports of Rust: modules and their files, trees of `use`, crates of a workspace, editions."""

import pytest

from relating import meaning_of, targets_of

CRATE = {
    "Cargo.toml": '[package]\nname = "own-lib"\nedition = "2021"\n[dependencies]\nserde = "1"\n',
    "src/lib.rs": "mod net;\npub mod shapes;\npub use net::tcp::Stream as Pipe;\npub use shapes::*;\n",
    "src/net/mod.rs": "pub mod tcp;\nmod hidden { pub struct Inner; pub mod deep { pub fn dig() {} } }\n",
    "src/net/tcp.rs": "pub struct Stream;\npub enum Kind { /// One\n A }\nmod wire;\n",
    "src/net/tcp/wire.rs": "pub fn send() {}\n",
    "src/shapes.rs": "pub struct Round;\n",
    "src/main.rs": "mod cli;\n",
    "src/cli.rs": "",
    "tests/it.rs": "mod support;\n",
    "tests/support/mod.rs": "pub fn make() {}\n",
}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("use crate::net::tcp::Stream;", "src/net/tcp.rs#Stream"),
        ("use crate::net::tcp;", "src/net/tcp.rs"),
        ("use crate::net::tcp::*;", "src/net/tcp.rs"),
        ("use super::net::hidden::Inner;", "src/net/mod.rs#hidden.Inner"),
        ("use super::net::hidden::deep::dig;", "src/net/mod.rs#hidden.deep.dig"),
        ("use crate::net::tcp::wire::send as go;", "src/net/tcp/wire.rs#send"),
        ("use crate::Pipe;", "src/lib.rs#Stream by src/net/tcp.rs"),
        ("use crate::Round as R;", "src/lib.rs#Round by src/shapes.rs"),
        ("pub(in crate::net) use self::net::tcp;", "src/net/tcp.rs"),
        ("use net::tcp::Stream;", "src/net/tcp.rs#Stream"),
        ("use crate::net::Gone;", "src/net/mod.rs#Gone"),
        ("use crate::gone::Thing;", "missing"),
        ("use super::super::x;", "missing"),
        ("use std::fmt::Display;", "outside"),
        ("use serde::Serialize;", "outside"),
        ("use ::serde::de;", "outside"),
        ("extern crate serde;", "outside"),
        ("mod gone;", "missing"),
        ('include!("net/tcp.rs");', "src/net/tcp.rs"),
        ('const T: &str = include_str!("../tests/it.rs");', "tests/it.rs"),
        ('const T: &str = include_str!("../../etc");', "outside"),
    ],
)
def test_a_use_follows_the_modules_of_its_crate(line, meant):
    library = CRATE["src/lib.rs"] + "mod probe;\n"
    files = {**CRATE, "src/lib.rs": library, "src/probe.rs": f"use crate::net;\n{line}\n"}
    assert targets_of(files, "src/probe.rs") == ["src/net/mod.rs", meant]


def test_a_tree_of_use_is_each_of_its_leaves():
    text = "use crate::{net::{self, tcp::{Stream, Kind as K}}, /* all */ shapes::*,};\n"
    lines = meaning_of(
        {**CRATE, "src/cli2.rs": text, "src/lib.rs": "mod net; mod shapes; mod cli2;"},
        "src/cli2.rs",
    )
    assert lines == [
        "use crate net -> src/net/mod.rs",
        "use crate::net::tcp Stream -> src/net/tcp.rs#Stream",
        "use as K crate::net::tcp Kind -> src/net/tcp.rs#Kind",
        "use crate::shapes * -> src/shapes.rs",
    ]


def test_mod_leads_to_the_file_beside_or_below():
    assert targets_of(CRATE, "src/net/mod.rs") == ["src/net/tcp.rs"]
    assert targets_of(CRATE, "src/net/tcp.rs") == ["src/net/tcp/wire.rs"]
    assert targets_of(CRATE, "src/main.rs") == ["src/cli.rs"]
    assert targets_of(CRATE, "tests/it.rs") == ["tests/support/mod.rs"]


def test_a_module_can_be_given_a_path_and_can_stand_in_another():
    files = {
        **CRATE,
        "src/lib.rs": '#[cfg(unix)]\n#[path = "sys/unix.rs"]\nmod sys;\nmod a { pub mod b; }\nuse sys::Handle;\nuse a::b::C;\n',
        "src/sys/unix.rs": "pub struct Handle; mod part;",
        "src/sys/part.rs": "",
        "src/a/b.rs": "pub struct C; use super::super::sys;",
    }
    assert targets_of(files, "src/lib.rs") == [
        "src/sys/unix.rs",
        "src/a/b.rs",
        "src/sys/unix.rs#Handle",
        "src/a/b.rs#C",
    ]
    assert targets_of(files, "src/sys/unix.rs") == ["src/sys/part.rs"]
    assert targets_of(files, "src/a/b.rs") == ["src/sys/unix.rs"]


def test_super_in_a_module_of_the_file_is_the_file():
    text = "pub struct S;\nmod tests {\n  use super::*;\n  use super::super::net;\n  use crate::shapes::S;\n}\n"
    found = targets_of({**CRATE, "src/shapes.rs": text}, "src/shapes.rs")
    assert found == ["src/shapes.rs", "src/net/mod.rs", "src/shapes.rs#S"]


WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["*"]\n[workspace.package]\nedition = "2021"\n[workspace.dependencies]\nshared = { path = "shared" }\n[patch.crates-io]\nlate = { path = "late" }\n',
    "shared/Cargo.toml": '[package]\nname = "shared"\nedition.workspace = true\n[lib]\npath = "code/root.rs"\n',
    "shared/code/root.rs": "pub struct S;\npub use late::L;\n",
    "late/Cargo.toml": '[package]\nname = "late"\nedition = "2021"\n',
    "late/src/lib.rs": "pub struct L;\n",
    "app/Cargo.toml": '[package]\nname = "app"\nedition = "2021"\n[dependencies]\nshared.workspace = true\nlate = "1"\nother-name = { path = "../late", package = "late" }\n[target."cfg(unix)".dev-dependencies]\nserde = "1"\n',
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("use shared::S;", "shared/code/root.rs#S"),
        ("use late::L;", "late/src/lib.rs#L"),
        ("use ::late::L;", "late/src/lib.rs#L"),
        ("use other_name::L;", "late/src/lib.rs#L"),
        ("extern crate shared;", "shared/code/root.rs"),
        ("use app::x;", "outside"),
        ("use serde::x;", "outside"),
        ("use root::x;", "outside"),
    ],
)
def test_crates_name_each_other_as_cargo_lets_them(line, meant):
    files = {**WORKSPACE, "app/src/main.rs": f"{line}\n"}
    assert targets_of(files, "app/src/main.rs") == [meant]


def test_programs_and_tests_see_the_library_beside_them():
    files = {
        **CRATE,
        "tests/it.rs": "use own_lib::Round;",
        "src/bin/tool.rs": "use own_lib::net::tcp;",
    }
    assert targets_of(files, "tests/it.rs") == ["src/lib.rs#Round by src/shapes.rs"]
    assert targets_of(files, "src/bin/tool.rs") == ["src/net/tcp.rs"]
    assert targets_of({**CRATE, "src/shapes.rs": "use own_lib::net;"}, "src/shapes.rs") == [
        "outside"
    ]


def test_before_2018_a_use_starts_at_the_crate():
    files = {**CRATE, "src/shapes.rs": "use net::tcp::Stream;"}
    assert targets_of({**files, "src/lib.rs": "mod net; mod shapes;"}, "src/shapes.rs") == [
        "outside"
    ]
    files["Cargo.toml"] = '[package]\nname = "own"\n'
    files["src/lib.rs"] = "mod net; mod shapes;"
    assert targets_of(files, "src/shapes.rs") == ["src/net/tcp.rs#Stream"]


def test_a_file_of_two_crates_has_one_meaning_or_none():
    files = {
        **CRATE,
        "tests/a.rs": "mod support; pub struct One;",
        "tests/b.rs": "mod support; pub struct Two;",
        "tests/it.rs": "",
        "tests/support/mod.rs": "use crate::One; use own_lib::Round; use super::support;",
    }
    assert targets_of(files, "tests/support/mod.rs") == [
        "ambiguous",
        "src/lib.rs#Round by src/shapes.rs",
        "tests/support/mod.rs",
    ]


def test_what_a_build_chooses_between_is_not_guessed():
    files = {
        **CRATE,
        "src/lib.rs": "mod a; mod b; mod c;\n#[cfg(x)] pub use a::T;\n#[cfg(not(x))] pub use b::T;\n",
        "src/a.rs": "pub struct T;",
        "src/b.rs": "pub struct T;",
        "src/c.rs": "use crate::T;",
    }
    assert targets_of(files, "src/c.rs") == ["src/lib.rs#T"]


def test_modules_that_take_all_of_each_other_end():
    count = 300
    files = {
        f"src/m{at}.rs": f"pub use super::m{(at + 1) % count}::*; pub use super::*;"
        for at in range(count)
    }
    files["src/lib.rs"] = (
        "".join(f"pub mod m{at}; pub use m{at}::*;\n" for at in range(count)) + "mod x;"
    )
    files |= {
        "Cargo.toml": CRATE["Cargo.toml"],
        "src/x.rs": "use crate::Nowhere;\nuse crate::m7::Nor;\n",
    }
    assert targets_of(files, "src/x.rs") == ["src/lib.rs#Nowhere", "src/m7.rs#Nor"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[package",
        "package = 3",
        "[package]\nname = 3\nedition = { workspace = 1 }\nbuild = false",
        '[package]\nname = "x"\n[lib]\npath = "../../../etc/passwd"\n[[bin]]\npath = 7\n',
        '[package]\nname = "x"\n[dependencies]\na = { path = "/etc" }\nb = { path = "../.." }\nc = 1\nd = { workspace = true }\n',
        'bin = "x"\npatch = 3\ntarget = []\n[package]\nname = "x"\n[workspace]\ndependencies = 3\n',
        "a = " + "[" * 3_000 + "]" * 3_000,
    ],
)  # fmt: skip
def test_a_broken_manifest_gives_an_answer(text):
    files = {**CRATE, "Cargo.toml": text}
    assert targets_of(files, "src/net/mod.rs") == ["src/net/tcp.rs"]
    assert len(targets_of(files, "src/lib.rs")) == 4


def test_a_module_that_declares_itself_ends():
    files = {
        **CRATE,
        "src/net/mod.rs": '#[path = "mod.rs"] mod net;\nmod tcp;\nuse self::net::net::tcp;',
    }
    assert targets_of(files, "src/net/mod.rs")[:2] == ["src/net/mod.rs", "src/net/tcp.rs"]
