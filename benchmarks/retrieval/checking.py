"""Are our figures those of the topics' own program? Judges the same lists with its `ndcg.py`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from measures import Found
from spread import mean, strata
from topics import Topic

from hikma.errors import HikmaError, UsageError

_MODES = {"chunk": 0, "file": 1}
"""Its modes, and the place of their figure among ours."""
_TOLERANCE = 1e-12


def program(folder: Path) -> Path:
    """Return the topics' own program; UsageError where there is none."""
    place = folder / "ndcg.py"
    if not place.is_file():
        raise UsageError(f"{folder} has no ndcg.py to check against; leave out --check")
    return place


def check(
    tops: Mapping[str, Sequence[Sequence[Found]]],
    rows: Mapping[str, Sequence[Sequence[float]]],
    topics: Sequence[Topic],
    folder: Path,
) -> None:
    """Raise HikmaError where a mean of ours is not the one that `ndcg.py` gives."""
    judge = program(folder)
    with tempfile.TemporaryDirectory(prefix="hikma-check-") as place:
        for system, lists in tops.items():
            run = Path(place) / "run.jsonl"
            run.write_text("".join(_lines(lists, topics)), encoding="utf-8")
            for mode, column in _MODES.items():
                theirs = _judged(judge, run, mode)
                own = mean(np.array([row[column] for row in rows[system]]), strata(topics))
                if abs(theirs - own) > _TOLERANCE:
                    raise HikmaError(f"{system}, {mode} mode: {own} here, {theirs} by {judge}")
            print(f"checked {system} against {judge.name}", file=sys.stderr)


def _lines(lists: Sequence[Sequence[Found]], topics: Sequence[Topic]) -> list[str]:
    return [
        json.dumps(
            {
                "repo": topic.repository,
                "query": topic.query,
                "results": [asdict(one) for one in some],
            }
        )
        + "\n"
        for some, topic in zip(lists, topics, strict=True)
    ]


def _judged(judge: Path, run: Path, mode: str) -> float:
    out = run.with_suffix(".json")
    command = [sys.executable, str(judge), str(run), "--mode", mode, "--skip-missing"]
    subprocess.run([*command, "--json", str(out)], check=True, capture_output=True)
    return float(json.loads(out.read_text(encoding="utf-8"))["ndcg10"])
