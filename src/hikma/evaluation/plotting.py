"""A picture of an evaluation: each mean with its interval, as one SVG that needs nothing else."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from hikma.errors import EvaluationError
from hikma.evaluation.evaluating import Evaluation
from hikma.evaluation.measuring import Figure, Judgement

_LEFT, _WIDTH, _RIGHT = 110, 420, 190
_ROW, _HEAD, _TOP, _FOOT = 26, 34, 46, 40
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
.head { font-weight: 600 } .dim { fill: #57606a; font-size: 11px }
.grid { stroke: #d0d7de; stroke-width: 1 } .bar { stroke: #0969da; stroke-width: 3 }
.mean { fill: #0969da } .gate { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .dim { fill: #8b949e } .grid { stroke: #30363d }
  .paper { fill: #0d1117 }
}
"""


def plot(found: Evaluation, path: Path) -> None:
    """Write the picture to FILE.svg, or to FILE.html as a page of its own.

    Raises EvaluationError for another ending, or where the file cannot be written.
    """
    check(path)
    text = svg(found)
    if path.suffix.lower() == ".html":
        title = escape(_title(found))
        text = f'<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n{text}'
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error


def check(path: Path) -> None:
    """Raise EvaluationError for a name that says no format."""
    if path.suffix.lower() not in {".svg", ".html"}:
        raise EvaluationError(f"--plot {path}: the name must end in .svg or .html.")


def svg(found: Evaluation) -> str:
    """Return the picture: a row a measure, the scale from 0 to 1."""
    rows = sum(len(part.figures) for part in found.judged)
    height = _TOP + _HEAD * len(found.judged) + _ROW * rows + _FOOT
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        f"<title>{escape(_title(found))}</title><style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" fill="#fff"/>',
        _text(16, 26, _title(found), "head"),
        *_grid(height - _FOOT),
    ]
    top = _TOP
    for part in found.judged:
        parts += _judgement(found, part, top)
        top += _HEAD + _ROW * len(part.figures)
    said = f"mean with 95 % interval (bootstrap over topics, seed {found.seed})"
    return "\n".join((*parts, _text(_LEFT, height - 6, said, "dim"), "</svg>\n"))


def _title(found: Evaluation) -> str:
    at = f" at {found.revision[:10]}" if found.revision else ""
    return f"hikma eval: {found.source}{at}, {found.mode}, {found.model}"


def _judgement(found: Evaluation, part: Judgement, top: int) -> Iterator[str]:
    yield _text(16, top + 22, f"{part.unit.value}, {part.topics:,} topics", "head")
    missed = {one.measure: one.least for one in found.shortfalls if one.unit is part.unit}
    for number, figure in enumerate(part.figures):
        yield from _row(figure, top + _HEAD + _ROW * number + _ROW // 2, missed)


def _row(figure: Figure, middle: int, missed: dict[str, float]) -> Iterator[str]:
    yield _text(16, middle + 4, figure.measure)
    yield _line(_x(figure.low), middle, _x(figure.high), middle, "bar")
    yield f'<circle class="mean" cx="{_x(figure.mean):.1f}" cy="{middle}" r="5"/>'
    told = f"{figure.mean:.3f}  [{figure.low:.3f}, {figure.high:.3f}]"
    yield _text(_LEFT + _WIDTH + 16, middle + 4, told)
    if figure.measure in missed:
        at = _x(missed[figure.measure])
        yield _line(at, middle - 10, at, middle + 10, "gate")


def _grid(bottom: int) -> Iterator[str]:
    for fifth in range(6):
        at = _x(fifth / 5)
        yield _line(at, _TOP, at, bottom, "grid")
        yield _text(at - 8, bottom + 16, f"{fifth / 5:.1f}", "dim")


def _x(value: float) -> float:
    return _LEFT + _WIDTH * min(max(value, 0.0), 1.0)


def _line(*ends_and_look: float | str) -> str:
    x1, y1, x2, y2, look = ends_and_look
    return f'<line class="{look}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, look: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{look}">{escape(text)}</text>'
