"""What a run has found so far, and who is still in it: a backend that fails once is out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hikma.benchmark.backends import Backend
from hikma.benchmark.figures import Figure, Footprint, Machine, Plan
from hikma.benchmark.recommending import Run
from hikma.benchmark.rounds import Timed, Truth, figure
from hikma.errors import HikmaError

_MOST_CHARACTERS = 300


@dataclass(slots=True)
class Tally:
    """Figures of a run; `runs` are the searches at the latest size, `unindexed` had no index."""

    plan: Plan
    machine: Machine
    backends: Mapping[str, Backend]
    alive: list[str]
    failures: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unindexed: dict[str, list[int]] = field(default_factory=dict)

    def fail(self, name: str, where: str, error: Exception) -> None:
        """Take a backend out, and keep why."""
        said = str(error) if isinstance(error, HikmaError) else f"{type(error).__name__}: {error}"
        self.failures[name] = f"{where}: {' '.join(said.split())[:_MOST_CHARACTERS]}"
        if name in self.alive:
            self.alive.remove(name)
        self.runs.pop(name, None)

    def add(
        self,
        size: int,
        operation: str,
        timed: Mapping[str, Timed],
        right: Truth | None = None,
        each: int = 1,
    ) -> None:
        """Keep figures of backends that went through; those that did not are out."""
        for name, one in timed.items():
            if one.error is not None:
                self.fail(name, f"{operation} of {size:,}", one.error)
                continue
            found = figure((name, size, operation), one, each)
            recall = None if right is None else right.recall(one.answers)
            self.figures.append(replace(found, recall=recall))
            if operation == "search" and right is not None:
                self.runs[name] = Run(one.ms, right.recalls(one.answers))

    def keep(
        self, size: int, operation: str, ms: Mapping[str, Sequence[float]], elapsed: Any
    ) -> None:
        """Keep what several threads or processes took, with the rate of all of them together."""
        for name, took in ms.items():
            found = figure((name, size, operation), Timed(list(took)))
            rate = round(len(took) / max(elapsed[name], 1e-9), 3)
            self.figures.append(replace(found, per_second=rate))
