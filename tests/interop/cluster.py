"""Several machines as processes: each has our daemon, and all have one database between them.

Around them is a small world of its own: NSD and Unbound, and a policy host that knows how often it
was asked for what, and can keep somebody waiting.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.faces.mta.process import HERE, LISTEN, PATIENCE, SCRIPT, Daemon, serving
from tests.faces.mta.world import ask
from tests.interop.servers import (
    Certificates,
    DnsServer,
    PostgresqlServer,
    issue,
    nsd,
    unbound,
    unsigned,
)
from tests.interop.servers.machine import make_home
from tests.interop.servers.postgresql import new_postgresql_databases, postgresql_over
from tests.interop.servers.zones import Zone, Zones, family
from tests.interop.world.addresses import addresses
from tests.interop.world.switch import Switch
from tests.io.policy_host import Caller, answer, ok, policy_host
from unstrip.lab.authority import Authority

ROOT = Path(__file__).resolve().parent.parent.parent
PARENT = "example"
FORGOTTEN, RENEWED = MOVING = f"moving.{PARENT}", f"renewed.moving.{PARENT}"
CONFIGURATION = """\
store = "{store}"

[resolver]
servers = ["127.0.0.1@{resolver}"]
timeout = 5
validates = "ok.example"
fails = ""

"""


def guide(language: str) -> str:
    """What the guide says to write in a language; what is said in a shell is none of it."""
    text = (ROOT / "docs/howto/cluster.md").read_text()
    (block,) = re.findall(rf"^```{language}\n([^$].*?)^```$", text, re.MULTILINE | re.DOTALL)
    return block


# -- the world ---------------------------------------------------------------------------------


def policy(domain: str, host: str = "mx", mode: str = "enforce") -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: {host}.{domain}\nmax_age: 604800\n".encode()


@dataclass
class Policies:
    """The policy host.

    Attributes: answers: by domain; asked: for which ones it was, in order; held: domains for which
        the next who asks is kept waiting until he is gone.
    """

    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    async def attend(self, caller: Caller) -> None:
        host = re.search(rb"(?i)^host: mta-sts\.(.*?)\r$", await caller.head(), re.MULTILINE)
        domain = host[1].decode()
        self.asked.append(domain)
        if domain in self.held:
            self.held.remove(domain)
            await caller.wait()
        elif domain in self.answers:
            await caller.say(ok(self.answers[domain]))
        else:
            await caller.say(answer("404 Not Found", "Content-Length: 0"))

    def wait_until_asked(self, domain: str) -> None:
        until_true(lambda: domain in self.asked, f"nobody asked for {domain}")


def records(name: str, policies: str, announced: str = "1") -> str:
    """Those of a domain below the parent; without an id there is no policy."""
    there = f"{name} MX 10 mx.{name}\nmx.{name} A 127.0.0.1\nmta-sts.{name} A {policies}\n"
    return there + (f'_mta-sts.{name} TXT "v=STSv1; id={announced};"\n' if announced else "")


def moving(policies: str, announced: str = "1") -> Zone:
    """The zone of two domains whose records do not hold for long, so that nor do answers."""
    apex = records("@", policies).replace(".@", "")
    return unsigned(FORGOTTEN, f"$TTL 1\n{apex}{records('renewed', policies, announced)}")


# -- the machines ------------------------------------------------------------------------------


class Cluster:
    """All of it, while it is running.

    Args: plain: names of domains without a policy; strict: of those with one.

    Attributes: policies; database: to be put out and on again; url: where the store is.
    """

    def __init__(self, home: Path, plain: list[str], strict: list[str]) -> None:
        self.home = home
        self._plain, self._strict = plain, strict
        self._certificates: Certificates = issue(home / "database")
        self.policies = Policies({name: policy(name) for name in MOVING})
        for name in strict:
            self.policies.answers[f"{name}.{PARENT}"] = policy(f"{name}.{PARENT}")

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            enter = stack.enter_context
            self._address = addresses().policies
            names = [*MOVING, *(f"{name}.{PARENT}" for name in self._strict)]
            authority = enter(Authority())
            self.roots = authority.ca_file
            context = authority.context(*(f"mta-sts.{name}" for name in names))
            enter(policy_host(self.policies.attend, context, self._address, 443))
            self._parent = family(PARENT, [], self._records()).zones[0]
            self._zones = self._with(moving(self._address))
            self.name_server = enter(Switch[DnsServer](self._name_server))
            self.resolver = enter(unbound(self.home, self._zones, self.name_server.server))
            self._data = enter(new_postgresql_databases(self.home))
            self.database = enter(Switch[PostgresqlServer](self._database))
            self._set_up()
            yield

    def machine(self, name: str, **how: object):
        """One of them: its daemon, once it is ready."""
        home = make_home(self.home, name)
        config = home / "config.toml"
        places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "http"))
        text = CONFIGURATION.format(store=self.url, resolver=self.resolver.dns)
        config.write_text(text + places)
        return serving(home, config, environment={"SSL_CERT_FILE": str(self.roots)}, **how)

    def command(self, *words: str) -> str:
        """What our command says, on a machine of its own; its store is the shared one."""
        config = self.home / "command.toml"
        config.write_text(CONFIGURATION.format(store=self.url, resolver=self.resolver.dns))
        ran = subprocess.run(
            [SCRIPT, *words, "--config", config],
            env={"PATH": "/usr/bin", "HOME": str(self.home), "SSL_CERT_FILE": str(self.roots)},
            capture_output=True,
            text=True,
            check=True,
            timeout=2 * PATIENCE,
        )
        return ran.stdout

    def announce(self, announced: str) -> None:
        """Have one of the two announce another policy."""
        self._zones = self._with(moving(self._address, announced))
        self.name_server.off()
        self.name_server.on()

    def waiting(self) -> int:
        """How many machines have, as the last thing they did, tried to claim something in vain."""
        query = (
            "select count(*) from pg_stat_activity"
            " where usename = 'unstrip' and query like '%pg_try_advisory_lock%'"
        )
        with self.administrator() as connection:
            return connection.execute(query).fetchone()[0]

    @contextmanager
    def administrator(self) -> Iterator[psycopg.Connection]:
        port = self.database.server.postgresql
        where = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            yield connection

    @property
    def url(self) -> str:
        """As the guide has it, but for where the server is, and who vouches for it."""
        (said,) = re.findall(r'^store = "(.*)"$', guide("toml"), re.MULTILINE)
        where = f"@localhost:{self.database.server.postgresql}/"
        return (
            said.replace("@db.example.org/", where)
            + f"?sslmode=verify-full&sslrootcert={self._certificates.ca}"
        )

    def _records(self) -> str:
        strict = "".join(records(name, self._address) for name in self._strict)
        plain = "".join(records(name, self._address, "") for name in self._plain)
        return f"$TTL 300\nok A 127.0.0.1\n{strict}{plain}{FORGOTTEN}. NS ns.{FORGOTTEN}.\n"

    def _with(self, child: Zone) -> Zones:
        return Zones((self._parent, child))

    def _name_server(self, on: DnsServer | None):
        # by default it answers no more than some 200 questions a second of one kind
        return nsd(self.home, self._zones, on, rrl_ratelimit="0")

    def _database(self, on: PostgresqlServer | None):
        access = guide("text").replace("192.0.2.0/24", "samehost")
        return postgresql_over(self._data, self._certificates, on, access=access)

    def _set_up(self) -> None:
        """What the guide has the administrator of the database do."""
        with self.administrator() as connection:
            for statement in guide("sql").split(";\n"):
                connection.execute(statement)


def until_true(condition: Callable[[], bool], words: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, words
        time.sleep(0.02)


# -- asking them -------------------------------------------------------------------------------


def told(daemon: Daemon, *domains: str) -> list[str]:
    """What Postfix would hear of each, all asked for at once."""
    with daemon.connect("socketmap") as sock, sock.makefile("rb") as replies:
        sock.sendall(b"".join(map(ask, domains)))
        return [_netstring(replies) for _ in domains]


def _netstring(replies) -> str:
    length = b""
    while (byte := replies.read(1)) != b":":
        assert byte.isdigit(), "the daemon has hung up"
        length += byte
    payload = replies.read(int(length) + 1)
    return payload[:-1].decode()


def number(daemon: Daemon, metric: str) -> float:
    """The value of a metric; what has not happened yet is not there."""
    status, page = daemon.get("/metrics")
    assert status == 200
    lines = (each for each in page.decode().splitlines() if each.startswith(f"{metric} "))
    return float(next(lines, "0").rpartition(" ")[2])
