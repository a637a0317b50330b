"""Where do the sections of a Markdown text begin and end?"""

import re
from collections.abc import Iterator

from hikma.domain import Section, Span

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NOT_A_PARAGRAPH = re.compile(r"\s*$| {4}|\t| {0,3}(?:[-*+>|]|\d+[.)]|<)|#{1,6}(?:[ \t]|$)")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_MARKUP = re.compile(r"(?<!\w)[*_`]{1,3}(\S(?:.*?\S)?)[*_`]{1,3}(?!\w)|<[^>]+>|\s*\{#[^}]*\}\s*$")


def sections(text: str) -> Iterator[Section]:
    """Yield each heading with the lines under it, up to the next heading of any level.

    ATX and setext headings; what stands in a fenced block or in front matter is no heading.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    path: list[tuple[int, str]] = []
    previous: tuple[int, str] | None = None
    for row, level, title in _headings(lines):
        if previous is not None:
            yield Section(previous[1], Span(previous[0] + 1, row))
        path = [*(entry for entry in path if entry[0] < level), (level, title)]
        previous = (row, " > ".join(part for _, part in path))
    if previous is not None:
        yield Section(previous[1], Span(previous[0] + 1, len(lines)))


def _headings(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield row (0-based), level and title of each heading."""
    fence = ""
    start = _after_front_matter(lines)
    paragraph = -1
    for row in range(start, len(lines)):
        line = lines[row]
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if opened:
            fence, paragraph = opened[1], -1
        elif atx := _ATX.match(line):
            yield row, len(atx[1]), _plain(atx[2] or "")
            paragraph = -1
        elif paragraph >= 0 and (setext := _SETEXT.match(line)):
            title = _plain(" ".join(lines[paragraph:row]))
            yield paragraph, 1 if setext[1][0] == "=" else 2, title
            paragraph = -1
        elif not line.strip():
            paragraph = -1
        elif paragraph < 0 and not _NOT_A_PARAGRAPH.match(line):
            paragraph = row


def _after_front_matter(lines: list[str]) -> int:
    if lines and lines[0].rstrip() == "---":
        for row, line in enumerate(lines[1:], start=1):
            if line.rstrip() in {"---", "..."}:
                return row + 1
    return 0


def _plain(title: str) -> str:
    title = _LINK.sub(r"\1", title)
    return " ".join(_MARKUP.sub(lambda match: match[1] or "", title).split())
