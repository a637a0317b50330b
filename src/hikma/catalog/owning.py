"""Making a copy a file of its own: what its original keeps elsewhere is owed to it anew."""

from pathlib import Path

import apsw

from hikma.catalog import identity, migrations, outbox, spaces, verifications

_REASON = "the file was made its own; what it keeps elsewhere starts empty"


def own(connection: apsw.Connection, path: Path) -> None:
    """Give the file at `path` a name of its own, and owe every space outside it all documents.

    A table outside is named after its file, so those of this file start empty; until they are
    filled again, what they are owed is answered from the canonical rows. A running migration to
    such a table goes back to its copying.
    """
    identity.renew(connection)
    identity.settle(connection, path)
    outside = [one.id for one in spaces.active(connection) if not spaces.is_inside(one)]
    for number in outside:
        outbox.clear(connection, number)
        outbox.enqueue_all(connection, number)
        verifications.forget(connection, number)
    held = migrations.running(connection)
    if held is not None and held.target in outside:
        migrations.set_back(connection, held, _REASON)
