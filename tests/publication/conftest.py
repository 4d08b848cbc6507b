"""A domain that is in order, for each test to spoil."""

from __future__ import annotations

import pytest

from tests.publication.scene import Scene


@pytest.fixture
def scene(pki):
    return Scene(pki)
