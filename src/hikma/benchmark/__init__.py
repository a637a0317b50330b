"""The job of measuring how fast vectors are found: an index and a plan → figures.

with Engine.open(".") as engine:
    report = run(engine, plan_of(Asked(sizes="1000,10000")))
    print(report.recommendation.reason)
"""

from hikma.benchmark.backends import BACKENDS, Backend
from hikma.benchmark.comparing import compare, read
from hikma.benchmark.figures import (
    Change,
    Comparison,
    Figure,
    Footprint,
    Law,
    Operation,
    Outcome,
    Plan,
    Recommendation,
    Report,
)
from hikma.benchmark.planning import Asked, check_written, plan_of
from hikma.benchmark.running import run

__all__ = [
    "BACKENDS",
    "Asked",
    "Backend",
    "Change",
    "Comparison",
    "Figure",
    "Footprint",
    "Law",
    "Operation",
    "Outcome",
    "Plan",
    "Recommendation",
    "Report",
    "check_written",
    "compare",
    "plan_of",
    "read",
    "run",
]
