"""What every interop test gets: certificates, and one running server of each kind.

INTEROP=auto (the default) skips a test whose server is not there, INTEROP=require fails
it, INTEROP=off skips them all.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop.attempts import PATIENCE, Goal
from tests.interop.rows import Row, Start
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

HERE = Path(__file__).parent
MODE = os.environ.get("INTEROP", "auto")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and no others: this is called with all of them."""
    here = {path for path in {item.path for item in items} if path.is_relative_to(HERE)}
    for item in items:
        if item.path in here:
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


class House:
    """Every real server, with these certificates: one of each, from when it is first asked for."""

    def __init__(self, stack: ExitStack, directory: Path, certificates: Certificates) -> None:
        self._stack, self._directory, self.certificates = stack, directory, certificates
        self._servers: dict[Start, Any] = {}

    def server(self, start: Start) -> Any:  # each has ports of its own
        if start not in self._servers:
            starting = start(self._directory, self.certificates)
            self._servers[start] = self._stack.enter_context(starting)
        return self._servers[start]

    def goal(self, row: Row, *, implicit: bool = False, patience: float = PATIENCE) -> Goal:
        server = self.server(row.start)
        return Goal(row, server, self.certificates.ca, implicit=implicit, patience=patience)


@pytest.fixture(scope="session")
def house(directory: Path, certificates: Certificates) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, directory, certificates)


@pytest.fixture(scope="session")
def impostors(directory: Path) -> Iterator[House]:
    """Servers whose certificate is in order, but for another name.

    To ask ours for a name that they do not have would be simpler, but some of them turn away who
    addresses them by it.
    """
    with ExitStack() as stack:
        yield House(stack, directory, issue(directory / "impostors", "elsewhere.example"))


@pytest.fixture(scope="session")
def postfix_server(house: House) -> SmtpServer:
    server: SmtpServer = house.server(postfix)
    return server


@pytest.fixture(scope="session")
def exim_server(house: House) -> SmtpServer:
    server: SmtpServer = house.server(exim)
    return server


@pytest.fixture(scope="session")
def dovecot_server(house: House) -> MailboxServer:
    server: MailboxServer = house.server(dovecot)
    return server


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No history and no table of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
