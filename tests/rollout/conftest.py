"""A domain that is in order and in testing, for each test to spoil."""

from __future__ import annotations

import pytest

from tests.publication.scene import TESTING, Scene


@pytest.fixture
def scene(pki):
    return Scene(pki, policy=TESTING)
