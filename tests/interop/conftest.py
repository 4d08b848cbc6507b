"""What every interop test gets: certificates, and one running server of each kind.

INTEROP=auto (the default) skips a test whose server is not there, INTEROP=require fails
it, INTEROP=off skips them all.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.servers import (
    Certificates,
    MailboxServer,
    SmtpServer,
    UnavailableError,
    dovecot,
    exim,
    issue,
    postfix,
    public_directory,
)

MODE = os.environ.get("INTEROP", "auto")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and no others: this is called with all of them."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("interop")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Fixtures start servers here."""
    if MODE == "off":
        pytest.skip("INTEROP=off")
    with a_missing_server_ends_the_test():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Tests start further servers themselves."""
    with a_missing_server_ends_the_test():
        return (yield)


@contextmanager
def a_missing_server_ends_the_test() -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        if MODE == "require":
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        raise pytest.skip.Exception(str(error)) from None


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    with public_directory() as path:
        yield path


@pytest.fixture(scope="session")
def certificates(directory: Path) -> Certificates:
    return issue(directory / "certificates")


@pytest.fixture(scope="session")
def postfix_server(directory: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with postfix(directory, certificates) as server:
        yield server


@pytest.fixture(scope="session")
def exim_server(directory: Path, certificates: Certificates) -> Iterator[SmtpServer]:
    with exim(directory, certificates) as server:
        yield server


@pytest.fixture(scope="session")
def dovecot_server(directory: Path, certificates: Certificates) -> Iterator[MailboxServer]:
    with dovecot(directory, certificates) as server:
        yield server
