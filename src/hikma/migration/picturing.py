"""Plots of a migration: bars, a histogram, and latency by percentile."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10

from hikma.drawing import FOOT, LEFT, PLOT, TALL, TOP, picture, rule, words

STYLE = """
svg .source { fill: var(--source); stroke: var(--source) }
svg .target { fill: var(--target); stroke: var(--target) }
svg polyline.source, svg polyline.target { fill: none; stroke-width: 2 }
"""
"""What the plots need of a page, which sets the colours."""

_ROW = 26
_LEAST_MS = 1e-3


def bars(title: str, sizes: Sequence[tuple[str, float, str]], look: str = "source") -> str:
    """Return a row each of a name, a bar of its size and what is said of it."""
    most = max((size for _, size, _ in sizes), default=0.0) or 1.0
    parts = []
    for number, (name, size, said) in enumerate(sizes):
        top = TOP + _ROW * number
        long = max(1.0, PLOT * size / most)
        parts += [
            words(LEFT - 8, top + 15, name, anchor="end"),
            f'<rect class="{look}" x="{LEFT}" y="{top + 4}" width="{long:.1f}" height="14"/>',
            words(LEFT + long + 8, top + 15, said, "dim"),
        ]
    return picture(title, TOP + _ROW * len(sizes) + 8, parts)


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
        top = TOP + 12 + 20 * number
        parts.append(
            f'<rect class="{look}" x="{LEFT + PLOT + 20}" y="{top}" width="10" height="10"/>'
        )
        parts.append(words(LEFT + PLOT + 36, top + 10, look))
    return picture(title, TOP + TALL + FOOT, parts)


def _frame(decades: tuple[int, int]) -> Iterator[str]:
    for percent in (0, 25, 50, 75, 100):
        across = _x(percent)
        yield rule(across, TOP, across, TOP + TALL)
        yield words(across, TOP + TALL + 18, f"{percent} %", "dim", "middle")
    for decade in range(decades[0], decades[1] + 1):
        up = _y(10.0**decade, decades)
        yield rule(LEFT, up, LEFT + PLOT, up)
        yield words(LEFT - 8, up + 4, f"{10.0**decade:g} ms", "dim", "end")


def _x(percent: float) -> float:
    return LEFT + PLOT * percent / 100


def _y(took: float, decades: tuple[int, int]) -> float:
    least, most = decades
    return TOP + TALL * (most - log10(max(took, _LEAST_MS))) / max(most - least, 1)
