"""One authority for all experiments."""

import pytest

from unstrip.lab.authority import Authority


@pytest.fixture(scope="session")
def authority():
    with Authority() as made:
        yield made
