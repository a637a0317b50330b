"""From a file's nodes to its documents: the words that are embedded and full-text indexed.

The one place where text is cleaned before it is stored or embedded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

from hikma import cutting
from hikma.cutting import PIECE_CHARACTERS
from hikma.domain import (
    Commit,
    Document,
    Extraction,
    Fields,
    Node,
    NodeKind,
    Span,
    SymbolKind,
)

FORM = 3
"""Version of the text form; files written with another one are written out again."""

MEANING_CHARACTERS = 1_500
MEANING_PARTS = ("title", "documentation", "text")
"""What is embedded of a document, in this order; full text has fields of its own."""
_DOCUMENTATION_CHARACTERS = 600
_OUTLINE_CHARACTERS = 1_200
_SAID_CHARACTERS, _TOUCHED_CHARACTERS = 400, 200
"""Of a commit that much is embedded: the subject and how it goes on, the names that it touched."""
_MOST_PATHS = 40
_MOST_PIECES = 4
"""Of what people wrote about one commit or pull request."""

UNCUT = "\ue000"
"""What stands for a word too long to be kept: no text has this as a word."""

_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_COMMENT = re.compile(r"\s*(//|/\*|\*|--|#|;;|%|\"\"\"|''')")
_DIRECTIVE = re.compile(r"\s*#\s*(include|define|undef|if|ifdef|ifndef|elif|else|endif|pragma)\b")
_DEFINITION = re.compile(
    r"^\s*(?:(?:pub(?:\([a-z]+\))?|public|private|protected|internal|static|final|abstract|sealed|"
    r"open|override|virtual|async|export|default|data|case|implicit|inline|partial|unsafe|extern|"
    r"suspend|local|const|readonly|companion)\s+)*"
    r"(?:class|interface|trait|struct|enum|record|object|module|namespace|protocol|extension|impl|"
    r"def|defp|defmodule|defmacro|fn|func|fun|function|sub|proc|type|newtype|data|macro_rules!)\s+"
    r"(?:\([^)]*\)\s*)?(?:self\.)?([A-Za-z_][\w.:?!]*)",
    re.MULTILINE,
)
_ASIDE = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
"""What robots leave in descriptions for themselves."""
_TRAILER = re.compile(
    r"^(?:Signed-off-by|Reviewed-by|Acked-by|Tested-by|Co-authored-by|Cc|Change-Id): .*\n?",
    re.MULTILINE | re.IGNORECASE,
)
_MINOR = frozenset(
    {
        SymbolKind.CONSTANT,
        SymbolKind.VARIABLE,
        SymbolKind.PROPERTY,
        SymbolKind.MACRO,
        SymbolKind.TYPE,
    }
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of a node's own lines (0-based) that becomes one document."""

    ordinal: int
    span: Span
    lines: Sequence[int]
    title: str
    defined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Touched:
    """What a commit changed, as words: paths, and the names that its hunks stand in."""

    paths: tuple[str, ...]
    names: tuple[str, ...]


def write_out(extraction: Extraction, embedded: Sequence[str] = MEANING_PARTS) -> list[Document]:
    """Return the documents of every node of one file, in source order.

    `embedded` names the parts that the model is given: title, documentation, text, path, signature.

    Each line of the file belongs to the innermost symbol that spans it; what no symbol spans
    belongs to the file's own node, so that nothing written at module level is lost. A symbol of
    one or two undocumented lines (a constant, a prototype) stays with the code around it.
    """
    lines = [clean(line) for line in extraction.text.split("\n")]
    file, *rest = extraction.nodes
    owners = [node for node in rest if node.span and not _is_minor(node, lines)]
    ownership = _ownership(lines, owners, file.language)
    documents: list[Document] = []
    for index, node in enumerate((file, *owners)):
        owned = ownership[index]
        if index == 0:
            documents += _of_file(extraction, owned, lines, embedded)
        else:
            members = [
                n.name for n in rest if n.qualified_name.startswith(f"{node.qualified_name}.")
            ]
            documents += _of_symbol(node, members, owned, lines, embedded)
    return documents


def of_commit(node: Node, commit: Commit) -> list[Document]:
    """Return the documents of a commit: its message, the paths it touched, names it touched there.

    None of it depends on what the files are today, so it never changes.
    """
    paths = [change.path for change in commit.changes if change.parent == 0][:_MOST_PATHS]
    touched = _Touched(tuple(dict.fromkeys(paths)), commit.names)
    return _of_words(node, node.documentation, touched)


def of_pull(node: Node, labels: str) -> list[Document]:
    """Return the documents of a pull request: its title, description and labels."""
    number = f"#{node.properties['number']}"
    text = "\n\n".join(filter(None, (node.documentation, labels)))
    return _of_words(node, f"{node.name} ({number})\n\n{text}", _Touched((), ()))


def as_pull(node: Node, ordinal: int, text: str, digest: bytes) -> Document:
    """Return a document of a pull request that is one commit: that commit's words and vector."""
    title = " ".join(words(node.name)) if ordinal == 0 else ""
    fields = Fields(title, "", "", "", " ".join(words(text)))
    span = Span(1, text.count("\n") + 1)
    return Document(node.id, ordinal, span, text, "", fields, digest)


def _of_words(node: Node, message: str, touched: _Touched) -> list[Document]:
    """Write out what people wrote; a long text in a few pieces, the rest of it is not searched."""
    lines = [clean(line) for line in _ASIDE.sub("", message).strip().split("\n")]
    runs = list(islice(cutting.pieces(range(len(lines)), lines), _MOST_PIECES)) or [[0]]
    return [
        _of_piece(node, ordinal, [lines[line] for line in run], touched)
        for ordinal, run in enumerate(runs)
    ]


def _of_piece(node: Node, ordinal: int, lines: Sequence[str], touched: _Touched) -> Document:
    said = "\n".join(line[:PIECE_CHARACTERS] for line in lines)
    listed = "\n".join(touched.paths) if ordinal == 0 else ""
    text = "\n\n".join(filter(None, (said, listed)))
    plain = _TRAILER.sub("", said)
    touches = " ".join((*words(" ".join(map(_end, touched.paths))), *touched.names))
    parts = (plain[:_SAID_CHARACTERS], touches[:_TOUCHED_CHARACTERS])
    meaning = "\n".join(filter(None, parts if ordinal == 0 else (node.name, *parts[:1])))
    fields = Fields(
        name=" ".join(words(clean(node.name))) if ordinal == 0 else "",
        path=" ".join(words(listed)),
        signature=" ".join(words(" ".join(touched.names))) if ordinal == 0 else "",
        documentation="",
        body=" ".join(words(said)),
    )
    span = Span(1, max(len(lines), 1))
    return Document(node.id, ordinal, span, text, meaning, fields, digest_of(meaning))


def _end(path: str) -> str:
    return path.rpartition("/")[2]


def clean(text: str) -> str:
    """Drop what no reader, database or model can use: control characters and lone surrogates."""
    return _UNPRINTABLE.sub(" ", text)


def words(text: str) -> list[str]:
    """Return every word in lower case, a compound identifier followed by its parts.

    `getUserName` gives getusername, get, user, name; `MAX_SIZE` gives max_size, max, size.
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        found += _split(word)
    return found


@lru_cache(maxsize=100_000)
def _split(word: str) -> tuple[str, ...]:
    if len(word) > 80:  # noqa: PLR2004 -- longer runs are data, not names
        return (UNCUT,)
    parts = [part.lower() for part in _PART.findall(word)]
    whole = word.lower()
    return (whole, *parts) if len(parts) > 1 else (whole.strip("_") or whole,)


def digest_of(meaning: str) -> bytes:
    """Return the 16-byte BLAKE2b hash by which equal texts share one vector."""
    return blake2b(meaning.encode("utf-8", "replace"), digest_size=16).digest()


def _is_minor(node: Node, lines: Sequence[str]) -> bool:
    if node.kind is not NodeKind.SYMBOL or node.documentation or node.span is None:
        return False
    if node.span.end_line - node.span.start_line > 1:
        return False
    text = "\n".join(lines[node.span.start_line - 1 : node.span.end_line])
    prototype = text.rstrip().endswith(";") and not any(mark in text for mark in "{=")
    return node.symbol_kind in _MINOR or prototype


def _ownership(
    lines: Sequence[str], owners: Sequence[Node], language: str | None
) -> list[list[int]]:
    """Return for the file (0) and each owner the 0-based lines that are its alone."""
    owner_of = [0] * len(lines)
    by_extent = sorted(
        enumerate(owners, start=1),
        key=lambda pair: -(pair[1].span.end_line - pair[1].span.start_line) if pair[1].span else 0,
    )
    for index, node in by_extent:
        start, end = _extent(node, lines, language)
        owner_of[start:end] = [index] * (end - start)
    owned: list[list[int]] = [[] for _ in range(len(owners) + 1)]
    for line, index in enumerate(owner_of):
        owned[index].append(line)
    return owned


def _extent(node: Node, lines: Sequence[str], language: str | None) -> tuple[int, int]:
    """Return the 0-based half-open lines of a symbol with the comment directly above it."""
    span = node.span or Span(1, 1)
    start = span.start_line - 1
    directives = language in ("c", "cpp")
    while node.documentation and start > 0 and _COMMENT.match(lines[start - 1]):
        if directives and _DIRECTIVE.match(lines[start - 1]):
            break
        start -= 1
    return start, min(span.end_line, len(lines))


def _of_symbol(
    node: Node,
    members: Sequence[str],
    owned: Sequence[int],
    lines: Sequence[str],
    embedded: Sequence[str],
) -> Iterator[Document]:
    span = node.span or Span(1, 1)
    title = node.qualified_name or node.name
    runs = list(cutting.pieces(owned, lines)) or [[span.start_line - 1]]
    outline = " ".join(members)[:_OUTLINE_CHARACTERS]
    for ordinal, run in enumerate(runs):
        part = Span(run[0] + 1, run[-1] + 1)
        piece = _Piece(ordinal, span if len(runs) == 1 else part, run, title)
        yield _document(node, piece, outline, lines, embedded)


def _of_file(
    extraction: Extraction, owned: Sequence[int], lines: Sequence[str], embedded: Sequence[str]
) -> Iterator[Document]:
    """Write out what no symbol owns; the first document also carries the file's outline."""
    file, *symbols = extraction.nodes
    sections = extraction.sections
    outline = " ".join(dict.fromkeys(node.name for node in symbols))[:_OUTLINE_CHARACTERS]
    parts = list(cutting.sectioned(sections, owned, lines)) if sections else [("", owned)]
    runs = [(title, run) for title, part in parts for run in cutting.pieces(part, lines)]
    for ordinal, (title, run) in enumerate(runs or [("", [0])]):
        defined = _defined(cutting.join(run, lines), symbols, run)
        piece = _Piece(ordinal, Span(run[0] + 1, run[-1] + 1), run, title, defined)
        yield _document(file, piece, outline, lines, embedded)


def _document(
    node: Node, piece: _Piece, outline: str, lines: Sequence[str], embedded: Sequence[str]
) -> Document:
    """Write out one piece; the node's documentation and outline stand in its first one only."""
    first = piece.ordinal == 0
    text = cutting.join(piece.lines, lines)
    documentation = clean(node.documentation) if first else ""
    title = _join_words((piece.title or _stem(node), *piece.defined))
    parts = {
        "title": title,
        "documentation": documentation[:_DOCUMENTATION_CHARACTERS],
        "text": text,
        "path": node.path,
        "signature": clean(node.signature),
    }
    meaning = "\n".join(filter(None, map(parts.__getitem__, embedded)))
    fields = Fields(
        name=title,
        path=" ".join(words(node.path)),
        signature=" ".join(words(f"{clean(node.signature)} {outline if first else ''}")),
        documentation=" ".join(words(documentation)),
        body=" ".join(words("\n".join(lines[line] for line in piece.lines))),
    )
    meaning = meaning[:MEANING_CHARACTERS]
    digest = digest_of(meaning)
    return Document(
        node.id,
        piece.ordinal,
        piece.span,
        text,
        meaning,
        fields,
        digest,
        cutting.runs(piece.lines, piece.span.start_line),
    )


def _defined(text: str, symbols: Sequence[Node], run: Sequence[int]) -> tuple[str, ...]:
    """Return names that a file's own lines define; by their look where no grammar has read it."""
    if not symbols:
        return tuple(_DEFINITION.findall(text))
    own = {line + 1 for line in run}
    return tuple(node.name for node in symbols if node.span and node.span.start_line in own)


def _stem(node: Node) -> str:
    return node.name.rsplit(".", 1)[0]


def _join_words(names: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(word for name in names for word in words(name)))
