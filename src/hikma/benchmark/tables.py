"""A report as tables, for the terminal and for the page alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hikma.benchmark.backends import LANCEDB, PLAIN
from hikma.benchmark.figures import Change, Comparison, Figure, Footprint, Report
from hikma.benchmark.material import BATCH
from hikma.benchmark.scaling import ENOUGH_RECALL, LEAST_SIZE, SAID

NOTHING = "-"
_PERCENTS = (1, 10, 50)
_MB = 1e6
_BUSY = 0.5
"""Of the cores, before the run."""


@dataclass(frozen=True, slots=True)
class Table:
    """Lines under a head, with what must be known to read them."""

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


def tables(found: Report) -> list[Table]:
    """Return every table that has a line."""
    made = (
        _searches(found),
        _filtered(found),
        _concurrent(found),
        _writes(found),
        _footprints(found),
        _repository(found),
        _laws(found),
        _wins(found),
    )
    return [one for one in made if one.lines]


def compared(found: Comparison) -> Table:
    """Return what changed since a former report, regressions first."""
    ordered = sorted(found.changes, key=lambda one: not one.regression)
    head = (
        "",
        "vectors",
        "backend",
        "operation",
        "what",
        "before",
        "now",
        "ratio",
        "95 % interval",
    )
    note = "an interval is from this run's low end over the former's high end, to the reverse"
    return Table("Since the former report", head, [_change(one) for one in ordered], note)


def facts(found: Report) -> list[tuple[str, str]]:
    """Return what the figures rest on, as names and what is said of them."""
    one, of = found.machine, found.material
    versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
    lines = [
        (
            "measured",
            f"with {of.real:,} of the {of.documents:,} vectors of this index, model {of.model}, "
            f"{of.dimension} dimensions; it took {found.took_s:,.0f} s",
        ),
        ("vectors", "; ".join(_mixtures(found))),
        ("queries", _queries(found)),
        (
            "machine",
            f"{one.system} {one.architecture}, {one.cores} cores, "
            f"{one.memory_bytes / 2**30:.1f} GiB; a core reads memory at {one.read_gb_s:g} GB/s",
        ),
        ("versions", f"hikma {found.hikma}, {versions}"),
    ]
    lines += [(out.state, f"{out.backend}: {out.reason}") for out in found.backends if out.reason]
    if one.load is not None and one.load > _BUSY * one.cores:
        busy = f"load {one.load:g} on {one.cores} cores"
        lines.append(
            ("note", f"the machine was busy before ({busy}): idle, all of this may be faster")
        )
    return lines + [("note", note) for note in found.notes]


def number(value: float | None) -> str:
    """Return a value with three digits that count."""
    if value is None:
        return NOTHING
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 -- three digits before the point
        return f"{value:,.0f}"
    return f"{value:#.3g}"


def _mixtures(found: Report) -> Iterator[str]:
    mixed = [one for one in found.sizes if one.perturbed]
    whole = [one for one in found.sizes if not one.perturbed]
    if whole:
        yield f"all real at {', '.join(f'{one.size:,}' for one in whole)}"
    for one in mixed:
        yield f"{one.perturbed:.1%} of {one.size:,} are perturbed copies of real ones"
    if mixed:
        yield f"a copy has cosine {found.material.copy_similarity:g} with its original"


def _queries(found: Report) -> str:
    of = found.material
    parts = []
    if of.texts:
        parts.append(
            f"{of.texts:,} first lines of documentation and of commit messages, embedded in "
            f"{number(of.embed_p50_ms)} ms each (p95 {number(of.embed_p95_ms)}), which only hybrid "
            "search includes"
        )
    if of.held_out:
        parts.append(f"{of.held_out:,} stored vectors, held out")
    return "; ".join(parts)


def _rows(found: Report, start: str) -> Iterator[tuple[int, str, dict[str, Figure]]]:
    """Yield size, backend and figures by operation, as far as an operation begins so."""
    by_place: dict[tuple[int, str], dict[str, Figure]] = {}
    for one in found.figures:
        if one.operation.startswith(start):
            by_place.setdefault((one.size, one.backend), {})[one.operation] = one
    order = {name: at for at, name in enumerate(found.plan.backends)}
    for size, backend in sorted(by_place, key=lambda key: (key[0], order.get(key[1], -1))):
        yield size, backend, by_place[size, backend]


def _searches(found: Report) -> Table:
    floors = {(one.size, one.backend): one.floor_ms for one in found.footprints}
    lines = [
        (
            f"{size:,}",
            backend,
            f"{one.recall:.4f}" if one.recall is not None else NOTHING,
            *(number(ms) for ms in (one.p50_ms, one.p95_ms, one.p99_ms)),
            number(one.per_second),
            number(one.cpu_ms),
            _times(one.p50_ms, floors.get((size, backend))),
        )
        for size, backend, by_name in _rows(found, "search")
        for one in by_name.values()
    ]
    head = ("vectors", "backend", f"recall@{found.plan.limit}", "p50 ms", "p95 ms", "p99 ms")
    note = (
        "per s: one after another; x floor: p50 over the time in which memory gives the bytes that "
        "no query can do without"
    )
    return Table("Search", (*head, "per s", "CPU ms", "x floor"), lines, note)


def _times(ms: float, floor: float | None) -> str:
    return f"{ms / floor:,.0f}" if floor else NOTHING


def _filtered(found: Report) -> Table:
    lines = []
    for size, backend, by_name in _rows(found, "filtered"):
        cells = [f"{size:,}", backend]
        for percent in _PERCENTS:
            one = by_name.get(f"filtered-{percent}")
            recall = NOTHING if one is None or one.recall is None else f"{one.recall:.4f}"
            cells += [number(one.p50_ms if one else None), recall]
        lines.append(cells)
    head = [name for percent in _PERCENTS for name in (f"{percent} % p50 ms", "recall")]
    note = "among a random share of the vectors, whose ids are given; resolving a filter is apart"
    return Table("Filtered search", ("vectors", "backend", *head), lines, note)


def _concurrent(found: Report) -> Table:
    names = [one.operation for one in found.figures if one.operation.startswith("threads-")]
    names += [one.operation for one in found.figures if one.operation.startswith("processes-")]
    columns = list(dict.fromkeys(names))
    merged: dict[tuple[int, str], dict[str, Figure]] = {}
    for start in ("threads-", "processes-"):
        for size, backend, by_name in _rows(found, start):
            merged.setdefault((size, backend), {}).update(by_name)
    lines = [
        (f"{size:,}", backend, *(_rate(by_name.get(one)) for one in columns))
        for (size, backend), by_name in merged.items()
    ]
    head = (_plural(*one.split("-")) for one in columns)
    return Table("Searches a second, at once", ("vectors", "backend", *head), lines)


def _plural(name: str, count: str) -> str:
    return f"{count} {name[:-1] if count == '1' else name}"


def _rate(one: Figure | None) -> str:
    return number(None if one is None else one.per_second)


def _writes(found: Report) -> Table:
    columns: tuple[tuple[str, str, Callable[[Figure], float]], ...] = (
        ("insert one, ms", "insert", lambda one: one.p50_ms),
        (f"batches of {BATCH}, vectors/s", "insert-batch", lambda one: one.per_second),
        ("replace one, ms", "update", lambda one: one.p50_ms),
        ("delete one, ms", "delete", lambda one: one.p50_ms),
    )
    by_place: dict[tuple[int, str], dict[str, Figure]] = {}
    for _, name, _ in columns:
        for size, backend, by_name in _rows(found, name):
            by_place.setdefault((size, backend), {}).update(by_name)
    lines = [
        (
            f"{size:,}",
            backend,
            *(
                number(pick(by_name[name]) if name in by_name else None)
                for _, name, pick in columns
            ),
        )
        for (size, backend), by_name in by_place.items()
    ]
    note = "p50; durable on return, with its canonical row; backends that keep nothing are left out"
    head = ("vectors", "backend", *(title for title, _, _ in columns))
    return Table("Writes", head, lines, note)


def _footprints(found: Report) -> Table:
    cold = {(one.size, one.backend): one.p50_ms for one in found.figures if one.operation == "cold"}
    lines = [_footprint(one, cold.get((one.size, one.backend))) for one in found.footprints]
    head = ("vectors", "backend", "memory MB", "peak MB", "disk MB", "cold open ms", "build s")
    note = (
        "memory: growth of a fresh process over itself with nothing opened; disk: beyond the "
        "canonical rows; cold: library loaded, opened, first answer"
    )
    if any(one.backend == PLAIN for one in found.footprints):
        note += f"; {PLAIN} has no rows beside its own, and all of them are counted"
    if any(one.backend.startswith(LANCEDB) for one in found.footprints):
        note += "; LanceDB's disk holds former versions too, which it keeps for a while"
    return Table("What it takes", head, lines, note)


def _footprint(one: Footprint, cold_ms: float | None) -> Sequence[str]:
    memory = (
        NOTHING if value is None else number(value / _MB)
        for value in (one.steady_bytes, one.peak_bytes, one.disk_bytes)
    )
    return (f"{one.size:,}", one.backend, *memory, number(cold_ms), number(one.build_s))


def _repository(found: Report) -> Table:
    said = {"hybrid": "hybrid search, with its embedding", "resolve": "resolving a language filter"}
    lines = [
        (
            f"{one.size:,}",
            said[one.operation],
            *(number(ms) for ms in (one.p50_ms, one.p95_ms, one.p99_ms)),
            number(one.per_second),
            number(one.cpu_ms),
        )
        for one in found.figures
        if one.operation in said
    ]
    head = ("documents", "operation", "p50 ms", "p95 ms", "p99 ms", "per s", "CPU ms")
    return Table("This repository's own index", head, lines)


def _laws(found: Report) -> Table:
    lines = [
        (SAID[one.cost], one.backend, f"{one.a:.3g} n^{one.b:.2f}", f"x {one.residual:.2f}")
        for one in found.laws
    ]
    note = f"fitted over the sizes from {LEAST_SIZE:,} on; a law says nothing far beyond them"
    return Table("Cost against size", ("cost", "backend", "law", "typically off by"), lines, note)


def _wins(found: Report) -> Table:
    lines = [
        (SAID[one.cost], f"{one.size:,}", one.backend, number(one.value)) for one in found.wins
    ]
    lines += [
        (
            SAID[one.cost],
            f"from {one.size:,}",
            one.above,
            f"below {one.below}, by their laws",
        )
        for one in found.crossings
    ]
    note = f"of backends that keep what is written, at recall {ENOUGH_RECALL:g} or more"
    return Table("Who has the least", ("cost", "vectors", "backend", "value"), lines, note)


def _change(one: Change) -> Sequence[str]:
    mark = "WORSE" if one.regression else ""
    ends = NOTHING if one.low is None or one.high is None else f"[{one.low:.2f}, {one.high:.2f}]"
    ratio = NOTHING if one.ratio is None else f"{one.ratio:.2f}"
    values = (f"{one.before:,.4g}", f"{one.now:,.4g}")
    return (mark, f"{one.size:,}", one.backend, one.operation, one.what, *values, ratio, ends)
