"""Plots of a migration as SVG that stands inside a page: no script, no font, no address."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

STYLE = """
svg text { font: 13px system-ui, sans-serif; fill: var(--ink) }
svg .dim { fill: var(--dim); font-size: 11px }
svg .grid { stroke: var(--rule); stroke-width: 1 }
svg .source { fill: var(--source); stroke: var(--source) }
svg .target { fill: var(--target); stroke: var(--target) }
svg polyline.source, svg polyline.target { fill: none; stroke-width: 2 }
"""
"""What the plots need of a page, which sets the colours."""

_WIDTH, _LEFT, _RIGHT = 720, 110, 110
_ROW = 26
_TALL, _TOP, _FOOT = 220, 16, 40
_PLOT = _WIDTH - _LEFT - _RIGHT
_LEAST_MS = 1e-3


def shown(text: object) -> str:
    """Return a text that can do nothing in a page but be read."""
    seen = "".join(sign if sign.isprintable() else "\ufffd" for sign in str(text))
    return escape(seen, quote=True)


def bars(title: str, sizes: Sequence[tuple[str, float, str]], look: str = "source") -> str:
    """Return a row each of a name, a bar of its size and what is said of it."""
    most = max((size for _, size, _ in sizes), default=0.0) or 1.0
    parts = []
    for number, (name, size, said) in enumerate(sizes):
        top = _TOP + _ROW * number
        long = max(1.0, _PLOT * size / most)
        parts += [
            _text(_LEFT - 8, top + 15, name, end=True),
            f'<rect class="{look}" x="{_LEFT}" y="{top + 4}" width="{long:.1f}" height="14"/>',
            _text(_LEFT + long + 8, top + 15, said, "dim"),
        ]
    return _svg(title, _TOP + _ROW * len(sizes) + 8, parts)


def histogram(title: str, often: Mapping[float, int]) -> str:
    """Return how often each overlap came, the whole ones at the top."""
    every = sum(often.values()) or 1
    sizes = [
        (f"{level:.2f}", float(count), f"{count:,} ({count / every:.1%})")
        for level, count in sorted(often.items(), reverse=True)
    ]
    return bars(title, sizes, "target")


def quantiles(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a line a store, `source` and `target`: percentiles to the right, time upwards.

    The scale is logarithmic: one slow answer must not flatten all the others.
    """
    took = [max(one, _LEAST_MS) for curve in curves.values() for _, one in curve]
    decades = (floor(log10(min(took, default=1.0))), ceil(log10(max(took, default=10.0)) + 1e-9))
    parts = list(_frame(decades))
    for number, (look, curve) in enumerate(curves.items()):
        points = " ".join(f"{_x(share):.1f},{_y(ms, decades):.1f}" for share, ms in curve)
        parts.append(f'<polyline class="{look}" points="{points}"/>')
        top = _TOP + 12 + 20 * number
        parts.append(
            f'<rect class="{look}" x="{_LEFT + _PLOT + 20}" y="{top}" width="10" height="10"/>'
        )
        parts.append(_text(_LEFT + _PLOT + 36, top + 10, look))
    return _svg(title, _TOP + _TALL + _FOOT, parts)


def _frame(decades: tuple[int, int]) -> Iterator[str]:
    for percent in (0, 25, 50, 75, 100):
        across = _x(percent)
        yield _line(across, _TOP, across, _TOP + _TALL)
        yield _text(across - 10, _TOP + _TALL + 18, f"{percent} %", "dim")
    for decade in range(decades[0], decades[1] + 1):
        up = _y(10.0**decade, decades)
        yield _line(_LEFT, up, _LEFT + _PLOT, up)
        yield _text(_LEFT - 8, up + 4, f"{10.0**decade:g} ms", "dim", end=True)


def _x(percent: float) -> float:
    return _LEFT + _PLOT * percent / 100


def _y(took: float, decades: tuple[int, int]) -> float:
    least, most = decades
    return _TOP + _TALL * (most - log10(max(took, _LEAST_MS))) / max(most - least, 1)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" role="img">'
    return "\n".join((head, f"<title>{shown(title)}</title>", *parts, "</svg>"))


def _line(*ends: float) -> str:
    x1, y1, x2, y2 = (f"{one:.1f}" for one in ends)
    return f'<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, look: str = "", *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{look}"{anchor}>{shown(text)}</text>'
