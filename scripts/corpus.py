"""What may the token table learn from, and what is kept from it?

Nothing that Hikma is measured on may teach it: the repositories of the retrieval topics, those that
its other benchmarks use, and parts that are published on their own are left out by name, wherever
they are vendored.
"""

from pathlib import Path

MEASURED = frozenset(
    """
    flask model2vec starlette axios gin cobra commons-lang jackson-databind guzzle laravel
    laravel-framework sinatra rails tokio trpc ktor cats click zod newtonsoft-json dapper
    exposed http4s snapkit ecto absl abseil-cpp curl uv libuv bats bats-core pandoc mini.nvim
    zls lang3 semble typer
    illuminate typelevel tokio-util tokio-stream tokio-macros activesupport activerecord
    activemodel actionpack actionview activejob actionmailer railties jackson newtonsoft.json
    ktor-client
    celery requests redis redis-py caddy fastify terraform prometheus spring spring-framework
    git-core
    """.split()  # noqa: SIM905 -- a list literal would be seventy lines
)
TESTS = frozenset(
    """
    test tests testing testdata spec __tests__ idlelib lib2to3 __pycache__ node_modules dist
    locale i18n site-packages
    """.split()  # noqa: SIM905 -- likewise
)
INSTALLED = ("_pytest", "hypothesis", "mypy", "pip", "pydantic", "rich", "setuptools")
"""Held out, and installed with the development tools."""
SKIPPED = MEASURED | TESTS | frozenset(INSTALLED)
HELD_OUT = frozenset(
    """
    boltons luigi luxon knex typeorm undici golang-golang-x-net-dev librust-chrono-dev
    librust-image-dev libevent leveldb ruby-mechanize ruby-sequel php-twig php-league-flysystem
    haskell-aeson haskell-persistent xmonad lua-penlight expo-notifications expo-file-system nunit
    """.split()  # noqa: SIM905 -- likewise
) | frozenset(INSTALLED)
"""Packages that the figures are taken on."""
PARTLY_HELD_OUT = {
    "openjdk-17-source": ("java.net.http/", "java.logging/"),
    "elixir-lang": ("/lib/mix/",),
    "ziglang": ("/std/crypto", "/std/compress"),
    "scala": ("/collection/immutable", "/util/"),
    "kotlin": ("/collections/",),
}
"""Paths that are held out of the one package that has most of a language."""


def is_wanted(path: Path, root: Path) -> bool:
    """Whether a file may teach: of no measured repository, no test, not minified."""
    parts = {part.lower().removesuffix(path.suffix) for part in path.relative_to(root).parts}
    return not parts & SKIPPED and ".min" not in path.name


def is_held_out(package: str, path: str) -> bool:
    """Whether the figures are taken on a file, so that it must not teach."""
    return package in HELD_OUT or any(one in path for one in PARTLY_HELD_OUT.get(package, ()))
