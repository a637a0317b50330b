"""Is this file worth indexing, and what does it say?

Rules look at clear signs only (a name, a size, a marker in the opening comment), because a file
skipped by mistake is a file that no search finds. Each rule gives its own reason.
"""

import codecs
import re
from types import MappingProxyType
from typing import NamedTuple

from hikma.domain import Skip

VERSION = 2
"""Version of what reading a file yields and of what its imports come to.

Files read by another one are read anew, and all links are made anew."""

MAX_BYTES = 2 * 1024 * 1024
"""Files above this size are not read: they are data, and cost a parser seconds and gigabytes."""

MAX_NOTEBOOK = 64 * 1024 * 1024
"""Bytes of a notebook: mostly pictures and tables, which are dropped before `MAX_BYTES` counts."""

MAX_LINE = 20_000
"""Characters of the longest line that still counts as text for people."""

MAX_AVERAGE_LINE = 500
"""Average characters a line above which a script or style sheet is minified."""

_CONTROL_SHARE = 0.05
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b")) + b"\x7f"
_SAMPLE = 64 * 1024

_LOCK_FILES = (
    r"/(?:npm-shrinkwrap\.json|(?:package|packages)[-.]lock\.json|pnpm-lock\.yaml|gradle\.lockfile"
    r"|go\.(?:work\.)?sum|(?:bun|cargo|composer|conan|deno|flake|gemfile|mix|paket"
    r"|pdm|pipfile|pixi|podfile|poetry|pubspec|uv|yarn)\.lock)$"
)


class _Rule(NamedTuple):
    """A pattern over a path (lower case, `/` before it) and the reason it stands for."""

    pattern: re.Pattern[str]
    reason: str


_VENDORED_FOLDERS = (
    r"node_modules|bower_components|jspm_packages|third[-_]?part(?:y|ies)|3rd[-_]?party|_?vendor(?:ed)?"
    r"|godeps|pods|carthage|site-packages|\.yarn|\.bundle|\.venv|__pycache__|\.eggs|\.tox|\.nox"
    r"|\.hikma|\.git|\.hg|\.svn|\.bzr|\.jj"
)
_VENDORED = _Rule(
    re.compile(rf"/(?:{_VENDORED_FOLDERS})/"), "vendored: a folder of other people's files"
)
_NAME_RULES = (
    _Rule(re.compile(_LOCK_FILES), "generated: a lock file"),
    _VENDORED,
    _Rule(
        re.compile(r"/dist/(?:.*/)?[^/]*\.(?:[cm]?js|css|map|d\.[cm]?ts)$"),
        "generated: built into dist/",
    ),
    _Rule(re.compile(r"[.-]min\.(?:[cm]?js|css)$"), "minified: its name says so"),
    _Rule(re.compile(r"\.(?:[cm]?js|css|d\.[cm]?ts)\.map$"), "generated: a source map"),
    _Rule(
        re.compile(
            r"(?:\.pb\.(?:go|cc|h|gw\.go|validate\.go|swift)|_pb2(?:_grpc)?\.pyi?|_grpc\.pb\.go"
            r"|_pb\.(?:[cm]?js|ts|d\.ts|rb)|\.pbobjc\.[hm]|\.pulsar\.go|\.g\.dart|\.freezed\.dart"
            r"|\.g\.(?:i\.)?cs|\.designer\.cs)$"
        ),
        "generated: its name says so",
    ),
    _Rule(re.compile(r"\.snap$|/__snapshots__/"), "generated: a test snapshot"),
)

_MINIFIABLE = (".js", ".mjs", ".cjs", ".css")
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".adoc", ".txt", ".xml", ".html", ".htm")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

_OPENING_COMMENT = re.compile(
    r"\A(?:\s++|<\?[^\n]*+|\#[^\n]*+|//[^\n]*+|--[^\n]*+|;[^\n]*+|%[^\n]*+"
    r"|/\*.*?\*/|<!--.*?-->|\{-.*?-\}|\(\*.*?\*\))*+",
    re.DOTALL,
)
_HEAD = 4096
_GENERATED = re.compile(
    r"(?<![\w`'\"])@generated\b(?![`'\"])"
    r"|(?<!begin\s)\bgenerated\b.{0,160}\bdo\s+not\s+(?:edit|modify|change)\b"
    r"|\bdo\s+not\s+(?:edit|modify|change)\b.{0,160}\bgenerated\b",
    re.DOTALL | re.IGNORECASE,
)

_BOMS = MappingProxyType(
    {
        codecs.BOM_UTF8: "utf-8",
        codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it starts with
        codecs.BOM_UTF32_BE: "utf-32-be",
        codecs.BOM_UTF16_LE: "utf-16-le",
        codecs.BOM_UTF16_BE: "utf-16-be",
    }
)


def examine(path: str, content: bytes) -> str | Skip:
    """Return a file's text, lines ended by a line feed only, or why it is not indexed.

    Text is UTF-8, or UTF-16 or UTF-32 with a byte order mark (which is dropped). Invalid UTF-8
    is read as Latin-1 where hardly any of it is valid, else its broken bytes become U+FFFD.
    """
    refused = examine_name(path, len(content))
    if refused:
        return refused
    if content.startswith(_LFS_POINTER):
        return Skip(path, "Git LFS pointer: the content is not in the repository")
    text = decode(content)
    if text is None:
        return Skip(path, "binary")
    if is_notebook(path):
        text = _without_outputs(text)
        if len(text) > MAX_BYTES:
            return Skip(path, f"too large: {len(text):,} characters without outputs")
    reason = _dense(path, text) or _generated(path, text)
    return Skip(path, reason) if reason else text


def examine_name(path: str, size: int) -> Skip | None:
    """Return why a file is not indexed as far as its path and size in bytes tell, else None."""
    lowered = "/" + path.lower()
    for rule in _NAME_RULES:
        if rule.pattern.search(lowered):
            return Skip(path, rule.reason)
    limit = MAX_NOTEBOOK if is_notebook(path) else MAX_BYTES
    if size > limit:
        return Skip(path, f"too large: {size:,} bytes, the limit is {limit:,}")
    return None


def is_notebook(path: str) -> bool:
    """Return whether a file is a Jupyter notebook by its name."""
    return path.lower().endswith(".ipynb")


def _without_outputs(text: str) -> str:
    """Return a notebook's cells on their lines; a broken notebook as it is."""
    from hikma.sources import notebooks  # noqa: PLC0415 -- a search never reads a notebook

    notebook = notebooks.read(text)
    return notebooks.text_of(notebook) if notebook else text


def examine_folder(path: str) -> Skip | None:
    """Return why nothing under a folder (`a/b/`) is indexed, else None: it need not be entered."""
    found = _VENDORED.pattern.search("/" + path.lower())
    return Skip(path, _VENDORED.reason) if found else None


def decode(content: bytes) -> str | None:
    """Return the text, or None for a binary file."""
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            text = content[len(mark) :].decode(encoding, errors="replace")
            return None if "\0" in text else _with_line_feeds(text)
    if _binary(content):
        return None
    return _with_line_feeds(_decode_unmarked(content))


def _binary(content: bytes) -> bool:
    if b"\0" in content:
        return True
    sample = content[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    return controls > _CONTROL_SHARE * len(sample)


def _decode_unmarked(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    valid = sum(not character.isascii() for character in text) - broken
    return text if valid >= broken else content.decode("latin-1")


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _dense(path: str, text: str) -> str | None:
    """Return why the lines are too long for people, else None."""
    if len(text) > MAX_LINE:
        longest = max(map(len, text.split("\n")))
        if longest > MAX_LINE:
            return f"minified or data: a line of {longest:,} characters"
    if path.lower().endswith(_MINIFIABLE):
        average = len(text) // (text.count("\n") + 1)
        if average > MAX_AVERAGE_LINE:
            return f"minified: {average:,} characters a line on average"
    return None


def _generated(path: str, text: str) -> str | None:
    """Return the reason where the opening comment says that a program wrote the file.

    Prose is kept all the same: a README made from a template is still what people look for.
    """
    if path.lower().endswith(_PROSE):
        return None
    opening = _OPENING_COMMENT.match(text[:_HEAD])
    if opening and _GENERATED.search(opening[0]):
        return "generated: its opening comment says so"
    return None
