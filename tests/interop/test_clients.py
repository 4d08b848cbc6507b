"""Our server sides, driven by clients that are not ours.

Each client comes four times, and the visits differ in what our server has to show: the right
certificate, one for another name, one of an authority that nobody knows, and no TLS at all.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import trustme

from tests.interop.clients import (
    AUTHORITY,
    CLIENTS,
    LDAP_OF_CURL,
    NAME,
    NEVER,
    Client,
    Errand,
    Sign,
)
from tests.interop.conftest import House
from tests.interop.servers import (
    HOSTNAME,
    LOCALHOST,
    DirectoryServer,
    UnavailableError,
    openldap,
    tigervnc,
)
from tests.interop.servers.machine import kill_group, make_home
from unstrip.io import asyncio as aio
from unstrip.io.trust import server_context
from unstrip.lab.servers import DEADLINE, serve
from unstrip.trouble import Ended, ProtocolError
from unstrip.tunnel import HandshakeFailed
from unstrip.upgrade import Outcome

PATIENCE = 15.0  # seconds for a client to end; a loaded machine may need a few
IMPATIENCE = 0.5  # seconds for one who would wait for our server's words longer than we like

every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a client showed: its exit code, unless it was ended, and what it said."""

    code: int | None
    output: str

    def shows(self, sign: Sign) -> bool:
        return self.code == sign.code and re.search(sign.words, self.output) is not None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a client showed, and what our server saw of its one visit."""

    ran: Ran
    ended: Outcome | Exception

    @property
    def inside(self) -> bool:
        """TLS stood, even if the client was ended before it could take its leave."""
        cut_off = isinstance(self.ended, Ended) and "inside TLS" in str(self.ended)
        return self.ended is Outcome.UPGRADED or cut_off


# -- certificates ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authority:
    """Whoever signs certificates, and the file that makes a client trust it."""

    ca: trustme.CA
    directory: Path

    @property
    def file(self) -> Path:
        path = self.directory / "ca.pem"
        self.ca.cert_pem.write_to_path(str(path))
        return path

    def context(self, *names: str) -> ssl.SSLContext:
        """The common name is for fetchmail, which looks at no other where there is none."""
        path = self.directory / "server.pem"
        leaf = self.ca.issue_cert(*names, common_name=names[0])
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        return server_context(path, path)


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(trustme.CA(), make_home(directory, "authority"))


@pytest.fixture(scope="module")
def stranger(directory: Path) -> Authority:
    return Authority(trustme.CA(), make_home(directory, "stranger"))


# -- visits ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Town:
    """Where the clients live: they trust one authority, and a few want to draw."""

    house: House
    directory: Path
    trusted: Path

    def errand(self, client: Client) -> Errand:
        home = make_home(self.directory, "client")
        display = f":{self.house.server(tigervnc).vnc}" if client.draws else ""
        return Errand(0, self.trusted, home, display)

    def visit(
        self,
        client: Client,
        sign: Sign,
        context: ssl.SSLContext,
        *,
        offer: bool = True,
        deadline: float = DEADLINE,
    ) -> Visit:
        """Let it visit our server, until it ends, or has shown what it would never end after."""
        errand = self.errand(client)

        async def main() -> Visit:
            async with serve(client.protocol, context, offer=offer, deadline=deadline) as server:
                ran = await run(client, replace(errand, port=server.port), sign)
                await server.alone()
                # one visit: nobody comes back in clear, or for a second try
                seen: list[Outcome | Exception] = [end.outcome for end in server.endings]
                [ended] = seen + list(server.troubles)
                return Visit(ran, ended)

        return aio.run(main)


@pytest.fixture(scope="module")
def town(house: House, directory: Path, authority: Authority) -> Town:
    return Town(house, directory, authority.file)


async def run(client: Client, errand: Errand, sign: Sign) -> Ran:
    """Run the client; one that would not end after `sign` is ended there."""
    command = client.command(errand)
    if shutil.which(command.words[0]) is None:
        raise UnavailableError(f"no {command.words[0]}; tests/interop/install.sh would install it")
    process = await asyncio.create_subprocess_exec(
        *command.words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"HOME": f"{errand.home}", "LC_ALL": "C"} | command.environment,
        start_new_session=True,
    )
    assert process.stdout
    output = ""
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in process.stdout:
                output += line.decode(errors="replace")
                if sign.code is None and re.search(sign.words, output):
                    return Ran(None, output)
            return Ran(await process.wait(), output)
    except TimeoutError:
        raise pytest.fail.Exception(f"{client} has not ended\n{output}", pytrace=False) from None
    finally:
        kill_group(process.pid)


@every_client
def test_a_client_that_insists_on_tls_gets_it_and_knows_our_server(
    client: Client, town: Town, authority: Authority
) -> None:
    visit = town.visit(client, client.inside, authority.context(HOSTNAME, LOCALHOST))
    assert visit.ran.shows(client.inside), visit
    assert visit.inside, visit


@every_client
def test_a_client_that_checks_the_name_goes_no_further_under_another(
    client: Client, town: Town, authority: Authority
) -> None:
    sign = client.about(NAME)
    visit = town.visit(client, sign, authority.context("elsewhere.example"))
    assert visit.ran.shows(sign), visit
    assert sign is client.inside or not visit.ran.shows(client.inside)


@every_client
def test_a_client_that_checks_who_signed_goes_no_further_with_a_stranger(
    client: Client, town: Town, stranger: Authority
) -> None:
    sign = client.about(AUTHORITY)
    visit = town.visit(client, sign, stranger.context(HOSTNAME, LOCALHOST))
    assert visit.ran.shows(sign), visit
    assert sign is client.inside or not visit.ran.shows(client.inside)


@every_client
def test_a_client_that_insists_on_tls_gives_up_where_there_is_none(
    client: Client, town: Town, authority: Authority
) -> None:
    deadline = IMPATIENCE if client.waits else DEADLINE
    context = authority.context(HOSTNAME, LOCALHOST)
    visit = town.visit(client, client.without, context, offer=False, deadline=deadline)
    assert visit.ran.shows(client.without), visit
    if client.blind:
        assert isinstance(visit.ended, ProtocolError)  # a ClientHello is no command
    elif client.waits:
        assert isinstance(visit.ended, TimeoutError)
    else:
        assert visit.ended is Outcome.NOT_ASKED


def test_the_ldap_of_curl_says_its_password_in_clear_behind_the_go_ahead_of_any_server(
    town: Town, authority: Authority
) -> None:
    visit = town.visit(LDAP_OF_CURL, NEVER, authority.context(HOSTNAME, LOCALHOST))
    assert isinstance(visit.ended, HandshakeFailed)
    assert "its password" in str(visit.ended)
    slapd: DirectoryServer = town.house.server(openldap)
    to_slapd = replace(town.errand(LDAP_OF_CURL), port=slapd.ldap)
    assert aio.run(partial(run, LDAP_OF_CURL, to_slapd, NEVER)) == visit.ran
