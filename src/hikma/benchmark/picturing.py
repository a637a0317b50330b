"""A report as one page: what was found, as plots against size and as tables."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10

from hikma.benchmark import scaling
from hikma.benchmark.figures import Law, Recommendation, Report
from hikma.benchmark.tables import Table, compared, facts, tables
from hikma.drawing import FOOT, LEFT, PLOT, TALL, TOP, page, picture, rule, shown, table, words

_COLOURS = (
    ("#0969da", "#58a6ff"),
    ("#1a7f37", "#3fb950"),
    ("#cf222e", "#ff7b72"),
    ("#d4760a", "#ffa657"),
    ("#57606a", "#8b949e"),
    ("#8250df", "#d2a8ff"),
    ("#1b7c83", "#56d4dd"),
    ("#bf3989", "#ff9bce"),
    ("#6e4b1f", "#e3b341"),
)
"""On light paper and on dark, one a backend; each second one has rings for points."""
_STYLE = "svg polyline { fill: none; stroke-width: 2 } svg .law { stroke-dasharray: 2 4 }"
_IN_A_ROW = 3
_LEGEND_ROW = 20

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""By backend: sizes and values."""


def to_html(found: Report) -> str:
    """Return a report as a page that needs nothing else, without script."""
    parts = [
        table((), facts(found)),
        "<h2>Recommendation</h2>",
        *(f"<p>{shown(line)}</p>" for line in advice(found.recommendation)),
        *_plots(found),
    ]
    if found.comparison is not None:
        parts += _table(compared(found.comparison))
    for one in tables(found):
        parts += _table(one)
    return page(f"hikma bench: {found.made_at}", _style(), parts)


def advice(found: Recommendation) -> list[str]:
    """Return a recommendation as sentences: which, how sure, by what rule."""
    if found.backend is None:
        return [f"no recommendation: {found.reason}", f"rule: {found.rule}"]
    sure = "" if found.sure else ", not sure"
    return [
        f"{found.backend}{sure}: at {found.size:,} vectors {found.reason}",
        f"rule: {found.rule}",
    ]


def _style() -> str:
    light = "".join(f"svg .c{at} {{ color: {one} }}" for at, (one, _) in enumerate(_COLOURS))
    dark = "".join(f"svg .c{at} {{ color: {one} }}" for at, (_, one) in enumerate(_COLOURS))
    painted = "svg polyline, svg circle { stroke: currentColor } svg .mark { fill: currentColor } "
    painted += "svg .ring { fill: var(--paper); stroke-width: 2 }"
    return f"{_STYLE} {painted} {light} @media (prefers-color-scheme: dark) {{ {dark} }}"


def _table(one: Table) -> Iterator[str]:
    yield f"<h2>{shown(one.title)}</h2>"
    yield table(one.head, one.lines)
    if one.note:
        yield f"<p>{shown(one.note)}</p>"


def _plots(found: Report) -> Iterator[str]:
    every = scaling.costs(found.figures, found.footprints)
    order = {name: at for at, name in enumerate(found.plan.backends)}
    laws = {(one.cost, one.backend): one for one in found.laws}
    for cost, by_backend in every.items():
        curves = {name: sorted(by_size.items()) for name, by_size in by_backend.items()}
        of = {name: laws[cost, name] for name in curves if (cost, name) in laws}
        title = f"{scaling.SAID[cost]}, by count of vectors"
        title = title[0].upper() + title[1:]
        yield f"<h2>{shown(title)}</h2>"
        yield curves_of(title, curves, order, of)
    recalls: dict[str, list[tuple[float, float]]] = {}
    for one in found.figures:
        if one.operation == "search" and one.recall is not None:
            recalls.setdefault(one.backend, []).append((one.size, one.recall))
    if recalls:
        yield "<h2>Recall by count of vectors</h2>"
        yield curves_of("Recall by count of vectors", recalls, order, {}, upright=True)


def curves_of(
    title: str,
    curves: Curves,
    order: Mapping[str, int],
    laws: Mapping[str, Law],
    *,
    upright: bool = False,
) -> str:
    """Return a line a backend, with its law dotted; both scales are logarithmic.

    A backend looks the same in every picture, by its place in `order`. `upright` values are shares,
    on a plain scale that ends at 1.
    """
    points = [one for curve in curves.values() for one in curve]
    across = _Scale.around([x for x, _ in points])
    values = [y for _, y in points]
    up = _Scale(min(0.9, *values), 1.0, plain=True) if upright else _Scale.around(values)
    parts = list(_frame(across, up))
    for place, (name, curve) in enumerate(curves.items()):
        at = order.get(name, len(order))
        parts += _curve(at, curve, across, up)
        if name in laws:
            parts.append(_law(at, laws[name], across, up))
        parts += _legend(at, place, name)
    rows = ceil(len(curves) / _IN_A_ROW)
    if laws:
        said = f"dotted: the law of the sizes from {scaling.LEAST_SIZE:,} on"
        parts.append(words(LEFT, _legend_top(rows), said, "dim"))
        rows += 1
    return picture(title, TOP + TALL + FOOT + rows * _LEGEND_ROW, parts)


class _Scale:
    """From values to shares of a length."""

    def __init__(self, least: float, most: float, *, plain: bool = False) -> None:
        self._plain = plain
        self.least, self.most = least, most

    @classmethod
    def around(cls, values: Sequence[float]) -> "_Scale":
        """Return whole powers of ten around values."""
        least, most = floor(log10(min(values)) + 1e-9), ceil(log10(max(values)) - 1e-9)
        return cls(10.0**least, 10.0 ** max(most, least + 1))

    def at(self, value: float) -> float:
        """Return where a value is, from 0 to 1."""
        if self._plain:
            return (value - self.least) / max(self.most - self.least, 1e-9)
        return log10(value / self.least) / max(log10(self.most / self.least), 1e-9)

    def ticks(self) -> list[float]:
        """Return values to write beside it."""
        if self._plain:
            return [self.least + (self.most - self.least) * part / 4 for part in range(5)]
        return [10.0**at for at in range(round(log10(self.least)), round(log10(self.most)) + 1)]


def _frame(across: _Scale, up: _Scale) -> Iterator[str]:
    for value in across.ticks():
        x = LEFT + PLOT * across.at(value)
        yield rule(x, TOP, x, TOP + TALL)
        yield words(x, TOP + TALL + 18, f"{value:,.0f}", "dim", "middle")
    for value in up.ticks():
        y = TOP + TALL * (1 - up.at(value))
        yield rule(LEFT, y, LEFT + PLOT, y)
        yield words(LEFT - 8, y + 4, f"{value:,.6g}", "dim", "end")


def _curve(
    at: int, curve: Sequence[tuple[float, float]], across: _Scale, up: _Scale
) -> Iterator[str]:
    yield f'<polyline class="{_look(at)}" points="{_line(curve, across, up)}"/>'
    for x, y in curve:
        left, top = _line([(x, y)], across, up).split(",")
        yield _point(at, left, top)


def _law(at: int, law: Law, across: _Scale, up: _Scale) -> str:
    least = max(across.least, scaling.LEAST_SIZE)
    steps = (least * (across.most / least) ** (part / 40) for part in range(41))
    points = [(x, law.a * x**law.b) for x in steps]
    kept = [(x, y) for x, y in points if up.least <= y <= up.most]
    return f'<polyline class="{_look(at)} law" points="{_line(kept, across, up)}"/>'


def _line(points: Sequence[tuple[float, float]], across: _Scale, up: _Scale) -> str:
    return " ".join(
        f"{LEFT + PLOT * across.at(x):.1f},{TOP + TALL * (1 - up.at(y)):.1f}" for x, y in points
    )


def _legend(at: int, place: int, name: str) -> Iterator[str]:
    left = LEFT + PLOT / _IN_A_ROW * (place % _IN_A_ROW)
    top = _legend_top(place // _IN_A_ROW)
    yield f'<polyline class="{_look(at)}" points="{left:.1f},{top - 4} {left + 20:.1f},{top - 4}"/>'
    yield _point(at, f"{left + 10:.1f}", f"{top - 4}")
    yield words(left + 28, top, name)


def _legend_top(row: int) -> int:
    return TOP + TALL + FOOT + _LEGEND_ROW * row


def _point(at: int, left: str, top: str) -> str:
    shape = "ring" if at % 2 else "mark"
    return f'<circle class="{_look(at)} {shape}" cx="{left}" cy="{top}" r="3.5"/>'


def _look(at: int) -> str:
    return f"c{at % len(_COLOURS)}"
