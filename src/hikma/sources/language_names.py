"""Which language is a file written in, judged by its name and, for `.h`, by a few clear signs."""

import re
from types import MappingProxyType

_BY_EXTENSION = MappingProxyType(
    {
        extension: language
        for language, extensions in {
            "bash": "sh bash zsh ksh bats",
            "batch": "bat cmd",
            "c": "c h",
            "clojure": "clj cljs cljc edn",
            "cmake": "cmake",
            "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp tpp inl cu cuh",
            "csharp": "cs csx",
            "css": "css",
            "csv": "csv tsv",
            "cython": "pyx pxd pxi",
            "dart": "dart",
            "diff": "diff patch",
            "elixir": "ex exs",
            "elm": "elm",
            "erb": "erb",
            "erlang": "erl hrl",
            "fsharp": "fs fsi fsx",
            "go": "go",
            "graphql": "graphql gql",
            "groovy": "groovy gradle",
            "haskell": "hs lhs hsc",
            "hcl": "hcl tf tfvars",
            "html": "html htm xhtml",
            "ini": "ini cfg conf editorconfig properties",
            "java": "java",
            "javascript": "js jsx mjs cjs es6",
            "json": "json json5 jsonc jsonl ndjson geojson webmanifest",
            "julia": "jl",
            "jupyter": "ipynb",
            "kotlin": "kt kts",
            "latex": "tex sty cls bib",
            "less": "less",
            "lisp": "lisp lsp cl el",
            "lua": "lua",
            "make": "mk mak make",
            "markdown": "md markdown mdx mdown mkd rmd qmd",
            "matlab": "matlab",
            "nim": "nim nims",
            "nix": "nix",
            "objective-c": "m",
            "objective-cpp": "mm",
            "ocaml": "ml mli",
            "perl": "pl pm t pod",
            "php": "php phtml php3 php4 php5 phps",
            "powershell": "ps1 psm1 psd1",
            "protobuf": "proto",
            "python": "py pyi pyw",
            "r": "r",
            "razor": "cshtml razor",
            "restructuredtext": "rst",
            "asciidoc": "adoc asciidoc",
            "ruby": "rb rake gemspec ru",
            "rust": "rs",
            "scala": "scala sc sbt",
            "scheme": "scm ss rkt",
            "scss": "scss sass",
            "solidity": "sol",
            "sql": "sql",
            "starlark": "bzl star",
            "svelte": "svelte",
            "swift": "swift",
            "tcl": "tcl",
            "text": "txt text log",
            "thrift": "thrift",
            "toml": "toml",
            "typescript": "ts tsx mts cts",
            "verilog": "v sv svh vh",
            "vhdl": "vhd vhdl",
            "vim": "vim",
            "visual-basic": "vb vbs",
            "vue": "vue",
            "wgsl": "wgsl",
            "glsl": "glsl vert frag",
            "xml": "xml xsd xsl xslt svg plist csproj fsproj vbproj props targets resx",
            "yaml": "yaml yml",
            "zig": "zig zon",
            "assembly": "s asm nasm",
            "awk": "awk",
            "crystal": "cr",
            "d": "d",
            "fish": "fish",
            "fortran": "f f90 f95 f03 for",
            "pascal": "pas pp dpr",
        }.items()
        for extension in extensions.split()
    }
)

_BY_NAME = MappingProxyType(
    {
        name: language
        for language, names in {
            "bash": ".bashrc .bash_profile .bash_aliases .profile .zshrc PKGBUILD configure",
            "cmake": "CMakeLists.txt",
            "dockerfile": "Dockerfile Containerfile",
            "go-module": "go.mod go.work",
            "groovy": "Jenkinsfile",
            "ignore": ".gitignore .hikmaignore .dockerignore .npmignore .prettierignore",
            "ini": ".editorconfig .gitconfig .gitmodules .gitattributes .npmrc .flake8 .pylintrc",
            "json": ".babelrc .eslintrc .prettierrc .jshintrc .swcrc composer.lock",
            "just": "justfile Justfile .justfile",
            "make": "Makefile makefile GNUmakefile BSDmakefile Kbuild",
            "ruby": "Rakefile Gemfile Guardfile Podfile Vagrantfile Brewfile Fastfile Capfile",
            "starlark": "BUILD BUILD.bazel WORKSPACE WORKSPACE.bazel MODULE.bazel Tiltfile",
            "text": "LICENSE COPYING AUTHORS NOTICE README CHANGELOG CONTRIBUTORS",
            "toml": "Cargo.lock poetry.lock uv.lock Pipfile",
            "vim": ".vimrc vimrc",
            "yaml": ".clang-format .clang-tidy",
        }.items()
        for name in names.split()
    }
)

_ONLY_CPP = re.compile(
    r"^[ \t]*(?:template[ \t]*<|namespace(?:[ \t]+[\w:]+)?[ \t]*\{|class[ \t]+\w+[^;()]*\{"
    r"|using[ \t]+(?:namespace[ \t]|\w+[ \t]*=)|(?:public|private|protected)[ \t]*:)",
    re.MULTILINE,
)
"""Lines that no C has: read as C, such a header would yield symbols that are none."""

LANGUAGES = frozenset(_BY_EXTENSION.values()) | frozenset(_BY_NAME.values())
"""Every name that `language_of` can return."""


def language_of(path: str) -> str | None:
    """Return the language of a file by its name or extension; None where the name says nothing.

    A `.h` file is C here; `written_in` tells C++ from what the file says.
    """
    name = path.rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name]
    stem, dot, extension = name.rpartition(".")
    if dot and extension.lower() in _BY_EXTENSION:
        return _BY_EXTENSION[extension.lower()]
    if name.startswith(("Dockerfile.", "Containerfile.")) or extension.lower() == "dockerfile":
        return "dockerfile"
    return "make" if stem in {"Makefile", "makefile"} else None


def written_in(path: str, text: str) -> str | None:
    """Return the language of a file by its name and, for a `.h` file, by what it says."""
    language = language_of(path)
    if language == "c" and path.endswith(".h") and _ONLY_CPP.search(text):
        return "cpp"
    return language
