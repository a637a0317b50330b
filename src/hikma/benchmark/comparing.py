"""A report beside a former one: what became slower, larger or worse by more than noise."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from hikma.benchmark.backends import EXACT
from hikma.benchmark.figures import FORMAT, VERSION, Change, Comparison, Figure, Report
from hikma.errors import BenchmarkError

SLOWER = 1.1
"""From one run to the next a median moves by some percent beyond its own interval."""
_LARGER, _LARGER_BYTES = 1.1, 4 << 20
"""More memory or disk by both this factor and so many bytes counts."""
_LESS_RECALL = 0.002

Found: TypeAlias = Mapping[str, Any]
_Key: TypeAlias = tuple[str, int, str]


def read(path: Path) -> Found:
    """Read a report as it was written; BenchmarkError for what is none of this version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(
            f"{path} is not JSON ({error}); give a file that `hikma bench --json` wrote."
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BenchmarkError(f"{path} is no report of `hikma bench`; give one that it wrote.")
    if found.get("version") != VERSION:
        raise BenchmarkError(
            f"{path} has version {found.get('version')!r}, and this Hikma compares version "
            f"{VERSION}; measure the older state again."
        )
    return found


def compare(before: Found, now: Report, path: Path) -> Comparison:
    """Set figures beside those with the same backend, size and operation.

    Raises BenchmarkError for a report that lacks what one has.
    """
    try:
        former = {_key(one): one for one in before["figures"]}
        places = {_key({**one, "operation": "memory"}): one for one in before["footprints"]}
        doubts = list(_doubts(before, now))
        changes = [*_figures(former, now), *_footprints(places, now)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchmarkError(
            f"{path} lacks what a report has ({error!r}); give one that `hikma bench` wrote."
        ) from error
    gone = len(former.keys() - {one.key for one in now.figures})
    return Comparison(changes, doubts, gone)


def _key(one: Found) -> _Key:
    return str(one["backend"]), int(one["size"]), str(one["operation"])


def _figures(former: Mapping[_Key, Found], now: Report) -> Iterator[Change]:
    for one in now.figures:
        old = former.get(one.key)
        if old is None:
            continue
        ratio = one.p50_ms / max(old["p50_ms"], 1e-9)
        low = one.low_ms / max(old["high_ms"], 1e-9)
        high = one.high_ms / max(old["low_ms"], 1e-9)
        # The control shows the machine, so it is itself no worse.
        worse = one.backend != EXACT and low > SLOWER * max(1.0, _drift(former, now, one))
        yield Change(
            *one.key,
            what="p50_ms",
            before=old["p50_ms"],
            now=one.p50_ms,
            ratio=round(ratio, 4),
            low=round(low, 4),
            high=round(high, 4),
            regression=worse,
        )
        if one.recall is not None and old["recall"] is not None:
            less = one.recall < old["recall"] - _LESS_RECALL
            yield Change(
                *one.key, "recall", old["recall"], one.recall, None, None, None, regression=less
            )


def _drift(former: Mapping[_Key, Found], now: Report, of: Figure) -> float:
    """Return how much slower the machine is: NumPy's own ratio, as its code is none of ours."""
    key = (EXACT, of.size, of.operation)
    if key not in former:
        return 1.0
    control = next((one for one in now.figures if one.key == key), None)
    return 1.0 if control is None else float(control.p50_ms / max(former[key]["p50_ms"], 1e-9))


def _footprints(former: Mapping[_Key, Found], now: Report) -> Iterator[Change]:
    for one in now.footprints:
        old = former.get((one.backend, one.size, "memory"))
        for what in ("steady_bytes", "disk_bytes") if old else ():
            earlier, later = old[what] if old else None, getattr(one, what)
            if earlier is None or later is None:
                continue
            worse = later > _LARGER * earlier and later - earlier > _LARGER_BYTES
            ratio = round(later / earlier, 4) if earlier else None
            yield Change(
                one.backend,
                one.size,
                "footprint",
                what,
                earlier,
                later,
                ratio,
                None,
                None,
                regression=worse,
            )


def _doubts(before: Found, now: Report) -> Iterator[str]:
    """Yield what differs that figures depend on."""
    was, is_now = before["machine"], now.machine
    for name in ("system", "architecture", "cores", "memory_bytes"):
        if was[name] != getattr(is_now, name):
            yield f"another machine: {name} was {was[name]}, is {getattr(is_now, name)}"
    for name in ("documents", "dimension", "model"):
        if before["material"][name] != getattr(now.material, name):
            was_so, is_so = before["material"][name], getattr(now.material, name)
            yield f"other vectors: {name} was {was_so}, is {is_so}"
    drifts = [
        _drift({_key(one): one for one in before["figures"]}, now, one) for one in now.figures
    ]
    if max(drifts, default=1.0) > SLOWER:
        yield (
            f"{EXACT}, none of our code, takes up to {max(drifts):.2f} x as long: so much slower "
            "the others may be"
        )
    for name in ("limit", "seed"):
        if before["plan"][name] != getattr(now.plan, name):
            yield f"another plan: {name} was {before['plan'][name]}"
    moved = {
        name: version
        for name, version in was["versions"].items()
        if is_now.versions.get(name) != version
    }
    for name, version in moved.items():
        yield f"{name} was {version}, is {is_now.versions.get(name, 'absent')}"
