"""What worker processes are timed on; a module of its own, so that they can import it."""

from tree_sitter import Parser

from hikma.domain import Skip, SourceFile
from hikma.sources import syntax
from hikma.sources.grammar import tools_for
from hikma.sources.language_names import language_of


def bare_parse(file: SourceFile) -> int:
    tools = tools_for(language_of(file.path), file.path.rsplit(".", 1)[-1].lower())
    return Parser(tools.language).parse(file.content).root_node.end_byte if tools else 0


def extract(file: SourceFile) -> int:
    found = syntax.extract(file)
    return 0 if isinstance(found, Skip) else len(found.nodes)


def nothing(file: SourceFile, reason: str) -> int:
    return -len(file.path + reason)
