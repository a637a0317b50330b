"""A fresh world for each test."""

import pytest

from moving import make_world


@pytest.fixture
def world(tmp_path):
    made = make_world(tmp_path)
    yield made
    made.catalog.close()
