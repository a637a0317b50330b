"""What a question may say and the document that answers it, read from sources by Hikma itself.

Every file goes through the extraction and the writing of documents that an index uses, so that the
table learns the very texts that it will be given.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus import is_wanted
from hikma import documents
from hikma.domain import Document, Extraction, Node, Skip, SourceFile
from hikma.sources import syntax
from hikma.sources.language_names import written_in

SMALLEST_FILE, LARGEST_FILE = 200, 120_000
"""Bytes; larger ones are generated or data."""
LANGUAGES = frozenset(
    """
    bash c cpp csharp elixir go haskell java javascript kotlin lua php python ruby rust scala
    swift typescript zig
    """.split()  # noqa: SIM905 -- a list literal would be twenty lines
)
_MARKED = re.compile(
    r"^\s*(?://|/\*|\*|#(?!\s*(?:include|define|if|el|end|un|\[|!\[))|--|;;).*$", re.MULTILINE
)
_QUOTED = re.compile(r'(?:"""|\'\'\').*?(?:"""|\'\'\')|\{-.*?-\}|--\[\[.*?\]\]', re.DOTALL)
_TAGS = re.compile(
    r"^\s*[@\\:](?:param|return|throws|see|since|type|arg|deprecated)\b.*", re.MULTILINE
)
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)
_LEAST = {"question": 20, "remainder": 40, "code": 40, "part": 80}
"""Characters; shorter texts say too little."""
_MOST_ASKED_FOR = 60
"""Documents of one file that its opening comment or its path asks for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, the document that answers it and where both are from.

    `kind` says what the question is: the first sentence of the documentation of the answer
    (`documentation`; `remainder` when the rest of it stays in the answer), of what is around it
    (`owner`) or of its file (`file`); its `name`; its `path`.
    """

    kind: str
    language: str
    package: str
    path: str
    question: str
    answer: str


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the wanted files under a package's folder with their languages, in order of path."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or not is_wanted(path, root):
            continue
        language = written_in(path.name, "")
        if language in LANGUAGES and SMALLEST_FILE < path.stat().st_size <= LARGEST_FILE:
            yield path, language


def pairs_of(path: Path, root: Path, package: str) -> Iterator[Pair]:
    """Yield the pairs of one file; of one that cannot be read, none."""
    shown = path.relative_to(root).as_posix()
    found = syntax.extract(SourceFile(shown, "", path.read_bytes()))
    if isinstance(found, Skip) or found.limitation:
        return
    language = found.nodes[0].language or ""
    written: dict[str, Document] = {}
    for document in documents.write_out(found):
        written.setdefault(document.node, document)
    for kind, question, answer in _asked(found, written):
        yield Pair(kind, language, package, shown, question, answer)


def _asked(found: Extraction, written: dict[str, Document]) -> Iterator[tuple[str, str, str]]:
    file, *rest = found.nodes
    told = [node for node in rest if node.id in written]
    for node in told:
        yield from _of_symbol(node, written[node.id])
    yield from _of_file(file, told[:_MOST_ASKED_FOR], written)


def _of_symbol(node: Node, document: Document) -> Iterator[tuple[str, str, str]]:
    """Ask by a symbol's documentation for its code, and by its name for its body."""
    code, title = bare(document.text), _title(document)
    if len(code) < _LEAST["code"]:
        return
    if asked := question_of(node.documentation):
        yield "documentation", asked, f"{title}\n{code}"
        later = node.documentation[len(asked) :].strip()[:600]
        if len(later) > _LEAST["remainder"]:
            yield "remainder", asked, f"{title}\n{later}\n{code}"
    _, *parts = documents.words(node.name) or [""]
    if len(parts) > 1:
        owner = " ".join(documents.words(node.qualified_name.rpartition(".")[0]))
        without = re.sub(rf"\b{re.escape(node.name)}\b", " ", code)
        yield "name", " ".join(parts), f"{owner}\n{without}"


def _of_file(
    file: Node, told: Sequence[Node], written: dict[str, Document]
) -> Iterator[tuple[str, str, str]]:
    """Ask for documents of a file: by its opening comment, its path, the comment of an owner."""
    opening = question_of(file.documentation)
    place = " ".join(documents.words(" ".join(file.path.rsplit(".", 1)[0].split("/")[-2:])))
    for number, node in enumerate(told):
        code = bare(written[node.id].text)
        answer = f"{_title(written[node.id])}\n{code}"
        if len(code) < _LEAST["part"]:
            continue
        if opening and number % 3 == 0:
            yield "file", opening, answer
        if number % 7 == 1:
            yield "path", place, answer
        if number % 2 == 0 and (asked := _owner(node, told)):
            yield "owner", asked, answer


def _title(document: Document) -> str:
    return document.meaning.partition("\n")[0]


def _owner(node: Node, told: Sequence[Node]) -> str:
    """Return what the outermost documented symbol around a symbol asks; nothing without one."""
    for one in told:
        inside = node.qualified_name.startswith(f"{one.qualified_name}.")
        if one is not node and one.documentation and inside:
            return question_of(one.documentation)
    return ""


def question_of(documentation: str) -> str:
    """Return the first sentence of a documentation; nothing when that asks too little."""
    note = _TAGS.sub("", documentation).strip()
    found = _SENTENCE.match(note)
    sentence = " ".join((found[1] if found else note).split())[:300]
    legal = "copyright" in sentence.lower() or "license" in sentence.lower()
    return sentence if len(sentence) >= _LEAST["question"] and " " in sentence and not legal else ""


def bare(text: str) -> str:
    """Return code without its comments and docstrings."""
    kept = _MARKED.sub("", _QUOTED.sub("", text))
    return "\n".join(line for line in kept.splitlines() if line.strip())[:1_400]
