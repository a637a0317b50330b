"""Pages and pictures that need nothing else: one HTML file, SVG inside, no script, no address."""

from collections.abc import Iterable, Sequence
from html import escape

WIDTH, LEFT, RIGHT = 720, 110, 110
PLOT = WIDTH - LEFT - RIGHT
TALL, TOP, FOOT = 220, 16, 40
"""Of a picture, and of the plot inside it."""

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --dim: #57606a;
  --rule: #d0d7de; --source: #57606a; --target: #0969da }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --dim: #8b949e;
  --rule: #30363d; --source: #8b949e; --target: #58a6ff } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1rem }
th, td { border-bottom: 1px solid var(--rule); padding: .25rem .75rem .25rem 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
table.named td:first-child { white-space: nowrap }
th { color: var(--dim); font-weight: 600; overflow-wrap: normal }
td { min-width: 3.5rem }
svg { max-width: 100%; height: auto }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink) }
svg .dim { fill: var(--dim); font-size: 11px }
svg .grid { stroke: var(--rule); stroke-width: 1 }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def shown(text: object) -> str:
    """Return a text that can do nothing in a page but be read."""
    seen = "".join(sign if sign.isprintable() else "\ufffd" for sign in str(text))
    return escape(seen, quote=True)


def page(title: str, style: str, parts: Iterable[str]) -> str:
    """Return a page of parts below its title; `style` is added to that of all pages."""
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{shown(title)}</title><style>{_STYLE}{style}</style></head><body>",
            f"<h1>{shown(title)}</h1>",
            *parts,
            "</body></html>\n",
        )
    )


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table; without a head the first column names what stands beside it, whole."""
    top = "".join(f"<th>{shown(one)}</th>" for one in head)
    body = ("".join(f"<td>{shown(cell)}</td>" for cell in line) for line in lines)
    every = [top, *body] if head else list(body)
    look = "" if head else ' class="named"'
    return f"<table{look}>" + "".join(f"<tr>{line}</tr>" for line in every) + "</table>"


def picture(title: str, height: float, parts: Sequence[str]) -> str:
    """Return a picture of the usual width."""
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img">'
    return "\n".join((head, f"<title>{shown(title)}</title>", *parts, "</svg>"))


def rule(*ends: float) -> str:
    """Return a line of a grid from x, y to x, y."""
    x1, y1, x2, y2 = (f"{one:.1f}" for one in ends)
    return f'<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def words(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> str:
    """Return a text of which a place is the `start`, the `middle` or the `end`."""
    at = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {at} class="{look}" text-anchor="{anchor}">{shown(text)}</text>'
