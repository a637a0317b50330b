"""Which tables, views, routines and types does an SQL script create?

Read by its words and not by a grammar: every dialect has statements and bodies that no one grammar
knows, and a parser that stumbles over one loses those behind it. Here a statement ends at its `;`,
at `GO`, `/` or the delimiter that the script chose, outside of strings and of `BEGIN … END`; a
`CREATE` at the start of a line begins the next one whatever stands before it.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from hikma.domain import SymbolKind
from hikma.sources import comments
from hikma.sources.comments import Comment
from hikma.sources.extents import MAX_SIGNATURE
from hikma.sources.outline import Item, Outline

_PART = r"(?:\"(?:[^\"\n]|\"\")+\"|'[^'\n]+'|`[^`\n]+`|\[[^\]\n]+\]|[\w#@$]+)"
_NAME = rf"{_PART}(?:\s*\.\s*{_PART})*"
_ROUTINES = r"FUNCTION|PROCEDURE|PROC|TRIGGER|EVENT\s+TRIGGER|EVENT|PACKAGE|AGGREGATE|MACRO"
_THINGS = rf"TABLE|VIEW|INDEX|TYPE|DOMAIN|SEQUENCE|SCHEMA|{_ROUTINES}"
_ADJECTIVES = (
    r"OR\s+(?:REPLACE|ALTER)|(?:DEFINER|ALGORITHM)\s*=\s*\S+|SQL\s+SECURITY\s+\w+|TEMP(?:ORARY)?"
    r"|GLOBAL|LOCAL|UNLOGGED|TRANSIENT|VIRTUAL|EXTERNAL|FOREIGN|UNIQUE|(?:NON)?CLUSTERED|FULLTEXT"
    r"|SPATIAL|BITMAP|COLUMNSTORE|MATERIALIZED|RECURSIVE|SECURE|CONSTRAINT|(?:NO\s*)?FORCE"
    r"|(?:NON)?EDITIONABLE"
)
_HEAD = re.compile(
    rf"CREATE(?:\s+(?:{_ADJECTIVES}))*"
    rf"\s+(?P<thing>{_THINGS})(?:\s+BODY)?(?:\s+(?:CONCURRENTLY|IF\s+NOT\s+EXISTS))*"
    rf"\s+(?P<name>(?!ON\b|AS\b){_NAME})",
    re.IGNORECASE,
)
_ROUTINE = re.compile(_ROUTINES, re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z)|^\#[^\n]*)"
    r"|(?P<dollar>\$(?:[A-Za-z_]\w*)?\$)"
    r"|(?P<text>'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"]++|\"\")*+\"|`[^`]*`|\[[\w .-]+\])"
    r"|(?P<start>^[ \t]*CREATE\b)"
    r"|(?P<go>^[ \t]*(?:GO|/)[ \t]*$)"
    r"|^[ \t]*DELIMITER[ \t]+(?P<delimiter>\S+)"
    r"|(?P<end>;)"
    r"|\b(?P<close>END)\b(?!\s+(?:IF|LOOP|WHILE|REPEAT|FOR)\b)(?:\s+CASE\b)?"
    r"|\b(?P<open>BEGIN(?!\s*(?:;|TRAN|WORK\b|IMMEDIATE|EXCLUSIVE|DEFERRED))|CASE)\b",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_LEADING = re.compile(r"(?:\s++|--[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_TABLE = re.compile(rf"\bON\s+(?:ONLY\s+)?({_NAME})", re.IGNORECASE)
_BODY = re.compile(r"\b(?:AS|IS|BEGIN|LANGUAGE|EXECUTE)\b|\$|;", re.IGNORECASE)
_COLUMNS = re.compile(r"\(|\bAS\b|\bUSING\b|;", re.IGNORECASE)
_ENUM = re.compile(r"\s+AS\s+ENUM\b", re.IGNORECASE)
_COMPOSITE = re.compile(r"\s+(?:AS|IS)\s+(?:OBJECT\b|TABLE\b|\()", re.IGNORECASE)
_KINDS = {
    "table": SymbolKind.STRUCT,
    "view": SymbolKind.STRUCT,
    "index": SymbolKind.PROPERTY,
    "trigger": SymbolKind.METHOD,
    "domain": SymbolKind.TYPE,
    "sequence": SymbolKind.VARIABLE,
    "schema": SymbolKind.MODULE,
    "package": SymbolKind.MODULE,
}


@dataclass(slots=True)
class _Scan:
    """Where a pass over a script stands."""

    text: str
    starts: list[int]
    batches: bool
    """Whether `GO` or `/` on its own line ends a routine, and nothing else does."""
    delimiter: str = ";"
    depth: int = 0
    head: re.Match[str] | None = None
    found: list[tuple[re.Match[str], int]] = field(default_factory=list)
    """Each definition and where it ends."""
    notes: dict[int, Comment] = field(default_factory=dict)

    def row(self, position: int) -> int:
        """Return the 0-based row of an offset."""
        return bisect_right(self.starts, position) - 1


def read(text: str) -> Outline:
    """Return what a script creates, in source order."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    batches = bool(re.search(r"^[ \t]*(?:GO|/)[ \t]*$", text, re.IGNORECASE | re.MULTILINE))
    scan = _Scan(text, starts, batches)
    position = 0
    while token := _TOKEN.search(text, position):
        position = _step(scan, token)
        delimiter = scan.delimiter
        if delimiter != ";" and scan.head:
            position = _to_delimiter(scan, position)
    _close(scan, len(text))
    items = [_item(scan, head, end) for head, end in scan.found]
    return Outline(items, scan.notes, _opening(scan, items))


def _step(scan: _Scan, token: re.Match[str]) -> int:
    """Take one token in; return where to read on."""
    match token.lastgroup:
        case "comment":
            _note(scan, token)
        case "dollar" if token[0] == scan.delimiter:
            _close(scan, token.start())
        case "dollar":
            closing = scan.text.find(token[0], token.end())
            return closing + len(token[0]) if closing >= 0 else token.end()
        case "start":
            return _begin(scan, token)
        case "go":
            _close(scan, token.start())
        case "delimiter":
            _close(scan, token.start())
            scan.delimiter = token["delimiter"]
        case "open" if scan.head is not None:
            scan.depth += 1
        case "close":
            scan.depth = max(scan.depth - 1, 0)
        case "end":
            if scan.depth == 0 and scan.delimiter == ";" and not _is_batch(scan):
                _close(scan, token.end())
        case _:
            pass
    return token.end()


def _begin(scan: _Scan, token: re.Match[str]) -> int:
    """Open a definition, unless it stands indented within the body of another."""
    indented = token[0][0].isspace()
    if scan.head is not None and indented and (scan.depth or _is_batch(scan)):
        return token.end()
    first = token.end() - len(token[0].lstrip())
    head = _HEAD.match(scan.text, first)
    if head is None:
        return token.end()
    _close(scan, token.start())
    scan.head = head
    return head.end()


def _to_delimiter(scan: _Scan, position: int) -> int:
    """End the open definition at the script's own delimiter if that comes before a token."""
    upcoming = _TOKEN.search(scan.text, position)
    limit = upcoming.start() if upcoming else len(scan.text)
    found = scan.text.find(scan.delimiter, position, limit + len(scan.delimiter))
    if found < 0:
        return position
    _close(scan, found)
    return found + len(scan.delimiter)


def _is_batch(scan: _Scan) -> bool:
    head = scan.head
    return scan.batches and head is not None and bool(_ROUTINE.match(head["thing"]))


def _close(scan: _Scan, end: int) -> None:
    if scan.head is not None:
        while scan.text[end - 1].isspace() and end > scan.head.end():
            end -= 1
        scan.found.append((scan.head, max(end, scan.head.end())))
    scan.head = None
    scan.depth = 0


def _note(scan: _Scan, token: re.Match[str]) -> None:
    first, last = scan.row(token.start()), scan.row(token.end() - 1)
    if not scan.text[scan.starts[first] : token.start()].strip():
        scan.notes[last] = Comment(first, last, token[0])


def _item(scan: _Scan, head: re.Match[str], end: int) -> Item:
    thing = " ".join(head["thing"].lower().split())
    first = scan.row(head.start())
    name = _plain(head["name"])
    rest = scan.text[head.end() : min(end, head.end() + 4 * MAX_SIGNATURE)]
    table = _TABLE.search(rest) if thing in {"index", "trigger"} else None
    owner = ".".join(_plain(table[1])) if table else ""
    return Item(
        None,
        _kind(thing, rest),
        name[-1],
        f"{owner}.{name[-1]}" if owner else ".".join(name),
        None,
        owner or ".".join(name[:-1]),
        first,
        scan.row(max(end - 1, head.start())),
        _signature(thing, head[0], rest),
        [above] if (above := comments.above(first, scan.notes)) else [],
    )


def _opening(scan: _Scan, items: list[Item]) -> str:
    """Return the words of the comments before any statement, unless they belong to one."""
    leading = _LEADING.match(scan.text)
    before = scan.row(leading.end() if leading else 0)
    claimed = comments.run_above(items[0].start_row, scan.notes) if items else []
    opening = [note for row, note in scan.notes.items() if row < before and note not in claimed]
    paragraphs = map(comments.tidy, comments.runs(opening))
    return comments.without_legal("\n\n".join(paragraphs))


def _kind(thing: str, rest: str) -> SymbolKind:
    if thing == "type":
        composite = SymbolKind.STRUCT if _COMPOSITE.match(rest) else SymbolKind.TYPE
        return SymbolKind.ENUM if _ENUM.match(rest) else composite
    return _KINDS.get(thing, SymbolKind.FUNCTION)


def _signature(thing: str, head: str, rest: str) -> str:
    """Return the statement on one line up to its columns, its query or its body."""
    if thing in {"table", "view", "schema"}:
        rest = _COLUMNS.split(rest, maxsplit=1)[0]
    elif thing not in {"type", "domain"}:
        rest = _BODY.split(rest, maxsplit=1)[0]
    header = " ".join(f"{head}{rest}".rstrip("; \n").split())
    return header.replace("( ", "(").replace(" )", ")")[:MAX_SIGNATURE]


def _plain(name: str) -> list[str]:
    """Return the parts of a name without their quotes."""
    return [part.strip("\"'`[]") for part in re.findall(_PART, name)]
