"""Single-file components of Vue and Svelte: their scripts, on the lines where they stand.

A component is a class named by its `name` option, else by its file (`index.vue` by its folder).
All its scripts are read together, as TypeScript where one of them says so.
"""

import re

from hikma.sources import comments
from hikma.sources.comments import Comment
from hikma.sources.enclosed import Enclosed, component

_ATTRIBUTES = r"(?:\"[^\"]*\"|'[^']*'|[^>\"'])*"
_SCRIPT = re.compile(
    rf"<!--.*?(?:-->|\Z)|<script\b(?P<attributes>{_ATTRIBUTES})>(?P<code>.*?)</script\s*>",
    re.DOTALL | re.IGNORECASE,
)
_LANGUAGE = re.compile(
    r"""\b(?:lang|type)\s*=\s*["']?(?:text/|application/)?(\w+)""", re.IGNORECASE
)
_CODE = frozenset({"ts", "tsx", "typescript", "js", "jsx", "javascript", "module", "babel"})
_TYPED = frozenset({"ts", "tsx", "typescript"})
_NAME = re.compile(
    r"(?:export\s+default\s+(?:[\w.]+\s*\(\s*)?|\bdefineOptions\s*\(\s*)\{[^{}]*?"
    r"\bname\s*:\s*([\"'])(?P<name>[\w-]+)\1"
)
_COMMENT = re.compile(r"\s*<!--(.*?)-->", re.DOTALL)
_SVELTE_COMMENT = re.compile(r"<!--\s*@component\b(.*?)-->", re.DOTALL)
_NOT_A_LINE = re.compile(r"[^\n]")


def read(path: str, text: str, kind: str) -> Enclosed:
    """Return the scripts of a component; `kind` is `vue` or `svelte`."""
    written, code = _scripts(text)
    typed = not written.isdisjoint(_TYPED)
    named = _NAME.search(code)
    name = named["name"] if named else _name_of(path)
    dialect = "tsx" if "tsx" in written else "ts" if typed else ""
    return Enclosed(
        "typescript" if typed else "javascript",
        kind,
        dialect,
        code,
        component=component(name, text, _documentation(text)),
    )


def _scripts(text: str) -> tuple[set[str], str]:
    """Return what the scripts say they are written in, and the text with all else blanked."""
    written: set[str] = set()
    kept: list[str] = []
    position = 0
    for script in _SCRIPT.finditer(text):
        if script["code"] is None:
            continue
        told = _LANGUAGE.search(script["attributes"])
        language = told[1].lower() if told else "js"
        if language not in _CODE:
            continue
        written.add(language)
        start, end = script.span("code")
        kept += [_blanked(text[position:start]), text[start:end]]
        position = end
    return written, "".join((*kept, _blanked(text[position:])))


def _blanked(text: str) -> str:
    return _NOT_A_LINE.sub(" ", text)


def _name_of(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem == "index" and folder else stem


def opening(text: str) -> re.Match[str] | None:
    """Return the comment at the file's top, or the one that Svelte takes for the component's."""
    return _SVELTE_COMMENT.search(text) or _COMMENT.match(text)


def _documentation(text: str) -> str:
    found = opening(text)
    if found is None:
        return ""
    note = Comment(0, 0, found[1].strip())
    return comments.without_legal(comments.tidy([note.text]))
