"""Results as lines for people, or as one JSON object for programs."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from hikma.catalog.checks import Finding
from hikma.catalog.collecting import Collected
from hikma.domain import HISTORY_KINDS, NodeKind, Skip
from hikma.packing import Form, tokens
from hikma.results import (
    HISTORY_COMPLETE,
    HistoryReport,
    Hit,
    IndexReport,
    SearchResult,
    Shown,
    Status,
    VectorStats,
)

_SNIPPET_LINES = 6
_SHOWN_SKIPS = 5
_SAID = ("author", "date", "state", "branch", "labels", "gap")
"""Properties of commits and pull requests that a reader is shown."""
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move a terminal's cursor, colour it, break a line or reverse its direction."""

_UNSPOKEN: tuple[tuple[str, Any], ...] = (
    ("explanation", ()),
    ("partial", False),
    ("history", HISTORY_COMPLETE),
    ("tokens", None),
    ("budget", None),
    ("unloaded", None),
)
"""What JSON leaves out: these stand there only when they have something to say."""


def as_json(result: Any) -> str:
    """Return one JSON object; dataclasses and enums become their plain values."""
    text = json.dumps(_plain(result), ensure_ascii=False)
    # What JSON lets stand but a terminal obeys stands inside a string: there it may be escaped.
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def printable(text: str) -> str:
    """Keep text of a stranger's file from steering the terminal or breaking a line."""
    visible = text.replace("\n", "\\n").replace("\t", "    ")
    return _STEERING.sub("\ufffd", visible)


def search_result(result: SearchResult) -> list[str]:
    """Render hits, best first, and every reason for doubt."""
    render = _hit if result.budget is None else _packed
    lines = [line for hit in result.hits for line in render(hit)]
    if not result.hits:
        lines.append("nothing found")
    if result.index.partial:
        lines.append("the index is partial: a run has not finished; run `hikma index`")
    elif result.index.stale:
        lines.append("the index is of another commit; run `hikma index`")
    lines += [f"degraded: {reason}" for reason in result.degraded]
    return lines


def index_report(report: IndexReport) -> list[str]:
    """Render what a run did or would do."""
    verb = "would be " if report.dry_run else ""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.items())
    lines = [
        f"{verb}added {report.added:,}, modified {report.modified:,}, removed {report.removed:,} "
        f"files in {report.took_s:.2f} s",
        f"{report.database}: {kinds or 'empty'}; {report.documents:,} documents, "
        f"{report.embedded:,} newly embedded",
    ]
    lines += _skips(report.skips)
    lines += _imports(report.imports)
    lines += _history(report.history) if report.history else []
    lines += [f"read as text: {one.path}: {one.reason}" for one in report.limitations]
    if report.owed:
        lines.append(f"{report.owed:,} vectors are still owed to the store outside the file")
    return lines


def status(found: Status) -> list[str]:
    """Render what is indexed and how fresh it is."""
    index = found.index
    state = "partial" if index.partial else "of another commit" if index.stale else "of HEAD"
    lines = [
        f"{found.database}: {found.bytes / 1e6:.1f} MB",
        f"index: {state}, head {index.head or 'none'}, made {index.indexed_at or 'never'}",
        f"changed since: {found.changed:,} files",
        "nodes: " + ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.items()),
        "symbols: " + ", ".join(f"{count:,} {name}" for name, count in found.languages.items()),
        f"documents: {found.documents:,}",
        f"history: {index.history}",
        f"vectors: {found.space.backend}, model {found.space.model}, "
        f"{found.space.dimension} dimensions, {found.space.metric}",
    ]
    lines += [f"being written by {found.writer}"] if found.writer else []
    if found.unloaded:
        lines.append(f"codes are not in memory, so the file answers, slower: {found.unloaded}")
    return [*lines, *_imports(found.imports), *_gaps(found.gaps), *_skips(found.skips)]


def shown(found: Shown) -> list[str]:
    """Render a node, its text and its neighbours."""
    node = found.node
    place = f", {node.path}:{node.span.start_line}" if node.span else f", {node.path}"
    kind = node.symbol_kind.value if node.symbol_kind else node.kind.value.replace("_", " ")
    lines = [
        f"{node.id}  ({kind}{place if node.path else ''})"
        + ("" if found.fresh else "  [changed since it was indexed]")
    ]
    lines += [node.signature] if node.signature else []
    said = (f"{name}: {node.properties[name]}" for name in _SAID if name in node.properties)
    lines += [*said] if node.kind in HISTORY_KINDS else []
    lines += ["", *found.text.split("\n"), ""]
    for one in found.relations:
        arrow = "->" if one.direction == "out" else "<-"
        sure = "" if one.confidence == 1 else f"  (confidence {one.confidence:g})"
        lines.append(f"{one.kind.value} {arrow} {one.id}{sure}")
    return lines


def findings(result: Mapping[str, Sequence[Finding]]) -> list[str]:
    """Render what is wrong, each with its remedy."""
    lines = [f"{one.name}: {one.fact}; {one.remedy}" for one in result["findings"]]
    return lines or ["sound: integrity and every invariant hold"]


def vector_stats(result: VectorStats) -> list[str]:
    """Render counts of vectors by kind, and the recall of an index that is approximate."""
    lines = [
        f"{one.kind.value}: {one.total:,} documents, {one.missing:,} missing, {one.stale:,} stale, "
        f"{one.dimension} dimensions, {one.bytes / 1e6:.2f} MB"
        for one in result.kinds
    ] or ["no vectors"]
    seen = result.recall
    measured = f"by {seen.queries:,} stored vectors" if seen.queries else "every vector is compared"
    return [*lines, f"recall@{seen.depth} ({seen.index_type}): {seen.recall:.4f}, {measured}"]


def collected(result: Collected) -> list[str]:
    """Render what was dropped."""
    spaces = f", {result.spaces:,} former spaces" if result.spaces else ""
    return [
        f"dropped {result.embeddings:,} vectors and {result.tombstones:,} tombstones{spaces}, "
        f"{result.bytes / 1e6:.2f} MB"
    ]


def counted(words: str) -> Callable[[Mapping[str, int]], list[str]]:
    """Return a renderer of one count."""
    return lambda result: [f"{count:,} {words}" for count in result.values()]


def _counted(lines: Sequence[str]) -> int:
    return tokens("".join(f"{printable(line)}\n" for line in lines))


AS_TEXT = Form(
    frame=lambda result: _counted(search_result(result)),
    head=lambda hit: _counted(_packed(hit)),
    line=lambda line: _counted([line]),
)
AS_JSON = Form(
    frame=lambda result: tokens(f"{as_json(result)}\n"),
    head=lambda hit: tokens(f"{as_json(hit)}, "),
    line=lambda line: tokens(f"{as_json(line)[1:-1]}\\n"),
)
"""What an answer costs as each is printed."""


def _hit(hit: Hit) -> list[str]:
    similarity = "" if hit.similarity is None else f", similarity {hit.similarity:.2f}"
    changed = "" if hit.fresh else "  [changed since it was indexed]"
    lines = [
        f"{hit.rank}. {_place(hit)}  (score {hit.score:.2f}{similarity}){changed}",
        f"   {hit.id}",
    ]
    snippet = [line for line in _numbered(hit) if line.strip()]
    lines += [f"     {line[:110]}" for line in snippet[:_SNIPPET_LINES]]
    return [*lines, *_explained(hit), ""]


def _packed(hit: Hit) -> list[str]:
    """Render a hit of a query with a budget: every sign of it was counted."""
    place = f"{hit.path}:{hit.start_line}-{hit.end_line}" if hit.start_line else _place(hit)
    name = f" {hit.name}" if hit.start_line and hit.kind is not NodeKind.FILE else ""
    changed = "" if hit.fresh else "  [changed since it was indexed]"
    snippet = hit.snippet.split("\n") if hit.snippet else ()
    return [f"{place}{name}{changed}", *snippet, *_explained(hit), ""]


def _explained(hit: Hit) -> list[str]:
    ranks = ("" if one.rank is None else f" (rank {one.rank})" for one in hit.explanation)
    return [
        f"     {one.share:+.3f}  {one.rule}{rank}"
        for one, rank in zip(hit.explanation, ranks, strict=True)
    ]


def _numbered(hit: Hit) -> list[str]:
    """Return a hit's lines, with their numbers where a regular expression matched them."""
    lines = hit.snippet.split("\n")
    if hit.start_line is None or "matching_lines" not in hit.properties:
        return lines
    numbers = str(hit.properties["matching_lines"]).split(", ")
    return [f"{number}: {line}" for number, line in zip(numbers, lines, strict=False)]


def _place(hit: Hit) -> str:
    """Return where a hit stands: its lines, or who did it and when."""
    if hit.start_line is not None:
        kind = hit.properties.get("symbol_kind") or hit.kind.value
        return f"{hit.path}:{hit.start_line}-{hit.end_line}  {kind} {hit.name}"
    said = hit.properties
    number = f" #{said['number']}" if "number" in said else f" {str(said.get('hash', ''))[:10]}"
    author = f"  {said['author']}" if said.get("author") else ""
    date = f", {str(said['date'])[:10]}" if said.get("date") else ""
    return f"{hit.kind.value.replace('_', ' ')}{number}  {hit.name}{author}{date}"


def _history(done: HistoryReport) -> list[str]:
    lines = [
        f"history: {done.added:,} commits added, {done.removed:,} removed in {done.took_s:.2f} s"
    ]
    return lines + _gaps(done.gaps)


def _gaps(gaps: Mapping[str, int]) -> list[str]:
    listed = "; ".join(f"{count:,} commits: {reason}" for reason, count in gaps.items())
    return [f"history has gaps: {listed}"] if gaps else []


def _imports(imports: Mapping[str, int]) -> list[str]:
    listed = ", ".join(f"{count:,} {outcome}" for outcome, count in imports.items())
    return [f"imports: {listed}"] if imports else []


def _skips(skips: Sequence[Skip]) -> list[str]:
    if not skips:
        return []
    reasons = Counter(skip.reason for skip in skips)
    shown_reasons = reasons.most_common(_SHOWN_SKIPS)
    listed = "; ".join(f"{count:,} {reason}" for reason, count in shown_reasons)
    more = f"; {len(reasons) - _SHOWN_SKIPS} other reasons" if len(reasons) > _SHOWN_SKIPS else ""
    return [f"skipped {len(skips):,}: {listed}{more} (all with --json)"]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        given = ((one.name, getattr(value, one.name)) for one in fields(value))
        value = {name: one for name, one in given if (name, one) not in _UNSPOKEN}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
