"""How long indexing takes, beside semble and ripgrep on the same tree, turn by turn.

    python benchmarks/indexing.py PATH [PATH ...] [--semble-python PATH] [--turns 3] [--json FILE]

In each turn, every job once as a process of its own, one after the other:

    hikma    `hikma index --no-history` from nothing: graph, full text and vectors on the disk
    code     semble's index of its default kinds of files (code only), in memory
    all      semble's index of code, documents and configuration, in memory
    ripgrep  a search that finds nothing: every byte of the tree is read, the physical reference

then, ours and semble's, a run with nothing changed and one with one file changed, each from cold
(semble's from its cache, written again where something changed). Printed are medians; ratios are
medians of the turns' own ratios, so that what else the machine does falls on both sides. Install
the peer outside the project: `python -m venv P && P/bin/pip install semble`, then give
`--semble-python P/bin/python`. ripgrep is Debian's package of this name.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from hikma.sources.language_names import language_of
from hikma.sources.opening import open_source
from measured import Measured, measured

_ABSENT = "zq#xj~never~written"
_SEMBLE = str(Path(__file__).with_name("semble_index.py"))
Job: TypeAlias = Callable[[], Measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--semble-python", help="an interpreter that semble is installed for")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    results = {}
    for path in asked.paths:
        with tempfile.TemporaryDirectory(prefix="hikma-bench-") as place:
            results[path.name] = _compare(path, Path(place), asked.semble_python, asked.turns)
        _print(path.name, results[path.name])
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


def _compare(path: Path, place: Path, semble: str | None, turns: int) -> dict[str, Any]:
    copy = place / path.name
    shutil.copytree(path, copy, symlinks=True, ignore=shutil.ignore_patterns(".hikma"))
    changed = _file_to_change(copy)
    jobs = _jobs(copy, place, semble, copy / changed)
    if semble:  # its model is made, and what it would keep of the tree is kept
        measured([semble, _SEMBLE, str(copy), str(place / "kept"), "code", "--save"])
        measured([semble, _SEMBLE, str(copy), str(place / "none"), "code"])
    taken: dict[str, list[Measured]] = {name: [] for name in jobs}
    for _ in range(turns):
        for name, job in jobs.items():
            taken[name].append(job())
    return {
        "changed": f"{changed} ({(copy / changed).stat().st_size:,} bytes)",
        "jobs": {name: _figures(found) for name, found in taken.items()},
        "ratios": _ratios(taken),
    }


def _jobs(copy: Path, place: Path, semble: str | None, changed: Path) -> dict[str, Job]:
    """Return what is timed, in the order of a turn."""
    hikma = [sys.executable, "-m", "hikma", "index", "--no-history", "--json", "--repo", str(copy)]

    def cold() -> Measured:
        shutil.rmtree(copy / ".hikma", ignore_errors=True)
        return measured(hikma)

    def one_file(command: Sequence[str]) -> Measured:
        with changed.open("a", encoding="utf-8") as file:
            file.write("\n")
        return measured(command)

    jobs: dict[str, Job] = {"hikma": cold}
    if semble:
        for content in ("code", "all"):
            command = [semble, _SEMBLE, str(copy), str(place / "none"), content]
            jobs[content] = partial(measured, command)
    if shutil.which("rg"):
        jobs["ripgrep"] = lambda: measured(["rg", "--count", "--fixed-strings", _ABSENT, str(copy)])
    jobs["hikma unchanged"] = lambda: measured(hikma)
    jobs["hikma one file"] = lambda: one_file(hikma)
    if semble:
        kept = [semble, _SEMBLE, str(copy), str(place / "kept"), "code", "--save"]
        jobs["semble one file"] = lambda: one_file(kept)  # first: ours has changed a file already
        jobs["semble unchanged"] = lambda: measured(kept)
    return jobs


def _file_to_change(copy: Path) -> Path:
    """Return a file of code, larger than three quarters of them."""
    with closing(open_source(copy)) as source:
        entries = source.snapshot().entries
    code = [one for one in entries if language_of(one.path) not in (None, "markdown")]
    return Path(sorted(code, key=lambda one: one.size)[len(code) * 3 // 4].path)


def _figures(found: Sequence[Measured]) -> dict[str, Any]:
    """Return medians, and what the last run said of itself."""
    said = json.loads(found[-1].output) if found[-1].output.startswith("{") else {}
    told = [json.loads(one.output).get("took_s") for one in found if said]
    inside = [float(one) for one in told if one is not None]
    return {
        "wall_s": statistics.median(one.wall_s for one in found),
        "cpu_s": statistics.median(one.cpu_s for one in found),
        "inside_s": statistics.median(inside) if inside else None,
        "peak_mb": max(one.peak_mb for one in found),
        "documents": said.get("documents"),
        "stages": said.get("stages", {}),
    }


def _ratios(taken: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, float]]:
    """Return the median over turns of our time as a multiple of each peer's, clock and cores."""
    pairs = [("hikma", peer) for peer in ("code", "all", "ripgrep") if peer in taken]
    pairs += [
        (f"hikma {run}", f"semble {run}")
        for run in ("unchanged", "one file")
        if f"semble {run}" in taken
    ]
    return {
        f"{ours} / {peer}": {
            "wall": statistics.median(
                mine.wall_s / other.wall_s
                for mine, other in zip(taken[ours], taken[peer], strict=True)
            ),
            "cpu": statistics.median(
                mine.cpu_s / max(other.cpu_s, 0.01)
                for mine, other in zip(taken[ours], taken[peer], strict=True)
            ),
        }
        for ours, peer in pairs
    }


def _print(name: str, found: Mapping[str, Any]) -> None:
    print(f"{name}, changed: {found['changed']}")
    for job, figures in found["jobs"].items():
        inside = figures["inside_s"]
        told = "" if inside is None else f", {inside:.2f} s inside"
        count = f", {figures['documents']:,} documents" if figures["documents"] else ""
        print(
            f"  {job:17} {figures['wall_s']:7.2f} s wall, {figures['cpu_s']:7.2f} s on cores, "
            f"{figures['peak_mb']:5.0f} MB{told}{count}"
        )
    stages = found["jobs"]["hikma"]["stages"]
    print("  stages: " + ", ".join(f"{stage} {spent:.2f} s" for stage, spent in stages.items()))
    for pair, ratio in found["ratios"].items():
        print(f"  {pair}: {ratio['wall']:.2f} wall, {ratio['cpu']:.2f} on cores", flush=True)


if __name__ == "__main__":
    main()
