"""How good were the answers of both ends, by the same topics? It is kept with the migration."""

from dataclasses import asdict

import apsw

from hikma.catalog import migrations
from hikma.catalog.migrations import Migration, Step
from hikma.catalog.schema import Catalog
from hikma.migration.gates import Quality

_JUDGED = "judged"


def quality(connection: apsw.Connection, held: Migration) -> Quality | None:
    """Return how good both ends are, as judged since the migration came to its trial."""
    kept = dict(held.gates.get(_JUDGED, {}))
    epoch = kept.pop("epoch", -1)
    if epoch < migrations.epoch_of(connection, held.id, Step.SHADOW):
        return None
    return Quality(**kept)


def keep_quality(catalog: Catalog, held: Migration, found: Quality) -> None:
    """Keep how good both ends were judged to be, instead of what was judged before."""
    with catalog.write() as connection:
        measured = {_JUDGED: {**asdict(found), "epoch": held.epoch}}
        migrations.put_gates(connection, held.id, measured)
