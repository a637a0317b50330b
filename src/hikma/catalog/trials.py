"""How a target fares with the queries that it answers on trial, counted by all processes."""

from dataclasses import asdict, dataclass

import apsw

from hikma.catalog import migrations
from hikma.catalog.migrations import Migration

_KEY = "trial"


@dataclass(frozen=True, slots=True)
class Trial:
    """Queries that a target was asked; `failed` of them the source had to answer, last for `error`.

    They are those of the present share: a wider one is judged by what comes after it.
    """

    asked: int = 0
    failed: int = 0
    error: str = ""

    def plus(self, other: "Trial") -> "Trial":
        """Return both together; `other` is the later one."""
        return Trial(
            self.asked + other.asked, self.failed + other.failed, other.error or self.error
        )


def of(held: Migration) -> Trial:
    """Return what was counted since the present share was entered."""
    kept = dict(held.gates.get(_KEY, {}))
    return Trial(**kept) if kept and kept.pop("epoch") == held.epoch else Trial()


def add(connection: apsw.Connection, number: int, epoch: int, more: Trial) -> None:
    """Add what a process has counted at an epoch; where the migration has gone on, nothing."""
    held = migrations.required_by_id(connection, number)
    if held.epoch == epoch:
        counted = {**asdict(of(held).plus(more)), "epoch": epoch}
        migrations.put_gates(connection, number, {_KEY: counted})
