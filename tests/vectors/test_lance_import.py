"""What LanceDB brings along and nobody asks for is not run; who asks for it finds it whole."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from hikma.vectors.lance_places import Place, open_database
open_database(Place(sys.argv[1], "table"))
assert "lancedb" in sys.modules
client = "lance_namespace_urllib3_client"
print(f"{client}.api" in sys.modules, f"{client}.models" in sys.modules)
from lance_namespace_urllib3_client import CreateTableRequest, TableApi
from lance_namespace_urllib3_client.models.create_table_request import CreateTableRequest as Same
print(TableApi.__module__, CreateTableRequest is Same, sys.modules[client].__version__ != "")
"""


def test_the_client_of_a_rest_catalog_is_run_for_who_asks_for_it_and_nobody_else(tmp_path):
    pytest.importorskip("lancedb") if "CI" not in os.environ else None
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    opened, asked = found.stdout.splitlines()
    assert opened == "False True"
    assert asked == "lance_namespace_urllib3_client.api.table_api True True"
