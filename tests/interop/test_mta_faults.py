"""What goes wrong out there: the daemon goes on, loosens nothing, and counts it.

Each fault has two domains: one whose policy was kept before, and is to be looked for again, and one
that nobody has ever asked for. All are asked for at once, of one daemon; the tests read what came.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dns.flags
import dns.rdatatype
import pytest

from tests.faces.cli.names import known
from tests.faces.mta.process import HERE, LISTEN, Daemon, serving
from tests.faces.mta.world import NOTHING, ask
from tests.interop.servers import UnavailableError, can_listen
from tests.interop.world.policy_host import Manner, PolicyHost, Served
from tests.io.resolver.nameserver import SOA, Call, name_server, validating
from unstrip.io.store import open_store
from unstrip.lab.authority import Authority, Flaw

GOOD, BAD = "good.example", "bad.example"
POLICY = "version: STSv1\nmode: enforce\nmx: mx.{domain}\nmax_age: 604800\n"
DIGEST = "ab" * 32
SETTINGS = """\
store = "store.sqlite3"
[resolver]
servers = ["127.0.0.1@{port}"]
validates = "good.example"
fails = "bad.example"
timeout = 1
[serve.limits]
patience = 3
"""


@dataclass(frozen=True)
class Fault:
    """One of them.

    Attributes: counted: by what it shows in unstrip_questions_total; names: what it does when a
        name of the domain is asked for; web: what the policy host says; anew: of what an answer
        begins about a domain that nobody knew.
    """

    counted: dict[str, str]
    names: Callable[[Call], object] | None = None
    web: Served | None = None
    anew: bytes = NOTHING


def https(outcome: str) -> dict[str, str]:
    return {"of": "https", "outcome": outcome}


def of_dns(outcome: str) -> dict[str, str]:
    return {"of": "dns", "outcome": outcome}


def garbage(call: Call) -> None:
    call.say(call.query.id.to_bytes(2, "big") + b"\xff" * 40)


def servfail(call: Call) -> None:
    call.say(call.reply(rcode="SERVFAIL"))


TEMP = b"TEMP "
MOVED = "https://elsewhere.example/.well-known/mta-sts.txt"
FAULTS = {
    "slow-dns": Fault(of_dns("no answer"), names=lambda _: None, anew=TEMP),
    "garbage-dns": Fault(of_dns("malformed answer"), names=garbage, anew=TEMP),
    "servfail-dns": Fault(of_dns("server failure"), names=servfail, anew=TEMP),
    "down": Fault(https("sts-policy-fetch-error")),  # at an address where nobody is
    "trickling": Fault(
        # it is still being found out; what came of it is counted when it is given up
        {"of": "dns", "outcome": "found"},
        web=Served(POLICY, manner=Manner.SLOW),
        anew=TEMP,
    ),
    "redirecting": Fault(https("3xx"), web=Served("", status="301 Moved", location=MOVED)),
    "failing": Fault(https("5xx"), web=Served("", status="503 Service Unavailable")),
    "cut": Fault(https("sts-policy-fetch-error"), web=Served(POLICY, manner=Manner.CUT)),
    "no-policy": Fault(https("2xx"), web=Served("<html>")),
    "expired": Fault(https("sts-webpki-invalid"), web=Served(POLICY, flaw=Flaw.EXPIRED)),
    "other-name": Fault(https("sts-webpki-invalid"), web=Served(POLICY, flaw=Flaw.WRONG_NAME)),
    "self-signed": Fault(https("sts-webpki-invalid"), web=Served(POLICY, flaw=Flaw.SELF_SIGNED)),
}


def domain(kind: str, fault: str) -> str:
    return f"{kind}-{fault}.example"


def told(name: str) -> bytes:
    text = f"OK secure match=mx.{name} servername=hostname"
    return b"%d:%b," % (len(text), text.encode())


def names(policies: str, dead: str, *, lying: bool = False) -> Callable[[Call], object]:
    """A resolver's script, for every domain there is. Args: lying: with AD at whatever it says."""

    def script(call: Call) -> None:
        question = call.query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        fault = FAULTS.get(name.removesuffix(".example").partition("-")[2])
        if fault is not None and fault.names is not None and name.startswith(("kept", "new")):
            fault.names(call)
            return
        where = dead if name.endswith("-down.example") else policies
        host, text = f"mx.{name}.", '"v=STSv1; id=20260101;"'
        data = {
            "MX": f"10 {host}" if name.count(".") == 1 else "",
            "TXT": text if name.startswith("_mta-sts.") else "",
            "A": where if name.startswith("mta-sts.") else "127.0.0.1",
            "TLSA": f"3 1 1 {DIGEST}" if name.startswith("_25._tcp.") and lying else "",
        }.get(kind := dns.rdatatype.to_text(question.rdtype), "")
        there = (f"{name}. 60 IN {kind} {data}",) if data else ()
        answer = call.reply(*there, authority=() if there else (SOA,))
        if lying:
            answer.flags |= dns.flags.AD
        call.say(answer)

    return script if lying else validating(GOOD, BAD, script)


def address() -> str:
    """One of this machine's, at whose port nobody listens."""
    for _ in range(20):
        found = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.7"
        if can_listen(found, 443):
            return found
    raise UnavailableError("port 443 of loopback is taken, or not for this user")


@dataclass(frozen=True)
class Out:
    """The world out there, and where it is."""

    authority: Authority
    policies: str
    dead: str


@pytest.fixture(scope="module")
def out() -> Iterator[Out]:
    with ExitStack() as stack:
        found = Out(stack.enter_context(Authority()), address(), address())
        host = PolicyHost(found.policies, found.authority)
        for name, fault in FAULTS.items():
            for kind in ("kept", "new"):
                host.answers[domain(kind, name)] = fault.web or Served(POLICY)
        for each in ("all-is-well.example", "lied-about.example"):
            host.answers[each] = Served(POLICY)
        stack.enter_context(host.serving())
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the daemon's files are, with policies that it has kept of some."""
    made = tmp_path_factory.mktemp("faults")
    store = open_store(made / "store.sqlite3")
    for name in FAULTS:
        kept = domain("kept", name)
        store.remember(
            None, known(POLICY.replace("{domain}", kept), age=timedelta(hours=2), domain=kept)
        )
    store.close()
    return made


def daemon_of(home: Path, port: int, out: Out) -> object:
    config = home / "config.toml"
    places = "".join(LISTEN.format(speaks, HERE) for speaks in ("socketmap", "http"))
    config.write_text(SETTINGS.format(port=port) + places)
    return serving(home, config, environment={"SSL_CERT_FILE": str(out.authority.ca_file)})


@pytest.fixture(scope="module")
def daemon(home: Path, out: Out) -> Iterator[Daemon]:
    with (
        name_server(names(out.policies, out.dead)) as resolver,
        daemon_of(home, resolver.server.port, out) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def answers(daemon: Daemon) -> dict[str, bytes]:
    """What is said of all domains, asked for at once."""
    asked = [domain(kind, name) for name in FAULTS for kind in ("kept", "new")]
    with ThreadPoolExecutor(len(asked)) as clients:
        heard = clients.map(lambda name: daemon.ask("socketmap", ask(name)), asked)
        return dict(zip(asked, heard, strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_policy_that_was_kept_holds_or_mail_waits(answers, name):
    kept = domain("kept", name)
    held = answers[kept] == told(kept)
    assert held or TEMP in answers[kept]
    assert held or FAULTS[name].anew is TEMP


@pytest.mark.parametrize("name", FAULTS)
def test_where_nothing_was_known_mail_waits_for_dns_and_goes_as_before_without_the_web(
    answers, name
):
    assert FAULTS[name].anew in answers[domain("new", name)]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_counted(daemon, answers, name):
    assert answers
    counted = FAULTS[name].counted
    alike = sum(fault.counted == counted for fault in FAULTS.values())
    assert daemon.until("unstrip_questions_total", 2 * alike, **counted) >= 2 * alike


def test_all_that_was_said_is_counted_by_kind_and_level(daemon, answers):
    waiting = sum(TEMP in answer for answer in answers.values())
    held = sum(b"OK secure" in answer for answer in answers.values())
    count = "unstrip_answers_total"
    assert daemon.count(count, kind="temp", level="") == waiting
    assert daemon.count(count, kind="policy", level="secure") >= held > 0
    assert daemon.count("unstrip_late_total") >= 1


def test_who_trickles_is_given_up_and_it_goes_on(daemon, answers):
    assert TEMP in answers[domain("new", "trickling")]
    name = "all-is-well.example"
    assert daemon.ask("socketmap", ask(name)) == told(name)
    assert daemon.get("/healthz")[0] == 200
    assert " error " not in daemon.log.read_text()
    assert daemon.process.poll() is None


def test_a_resolver_that_lies_about_dnssec_is_not_believed_and_loosens_nothing(tmp_path, out):
    """It says AD of everything, of a forged TLSA record too, which nobody could meet."""
    name = "lied-about.example"
    with (
        name_server(names(out.policies, out.dead, lying=True)) as resolver,
        daemon_of(tmp_path, resolver.server.port, out) as daemon,
    ):
        assert daemon.ask("socketmap", ask(name)) == told(name)
        assert daemon.count("unstrip_questions_total", of="dns", dnssec="not checked") >= 2
        assert daemon.count("unstrip_questions_total", of="dns", dnssec="secure") == 0
        assert not [call for call in resolver.calls if call.query.question[0].rdtype == 52]


def test_a_resolver_that_is_gone_holds_up_mail_and_takes_no_policy_away(tmp_path, out):
    name, kept = "new-gone.example", "all-is-well.example"
    with (
        name_server(names(out.policies, out.dead)) as resolver,
        daemon_of(tmp_path, resolver.server.port, out) as daemon,
    ):
        port = resolver.server.port
        assert daemon.ask("socketmap", ask(kept)) == told(kept)
        assert daemon.stop() == 0
    with daemon_of(tmp_path, port, out) as daemon:
        assert TEMP in daemon.ask("socketmap", ask(name))
        assert daemon.ask("socketmap", ask(kept)) == told(kept)
        assert daemon.count("unstrip_questions_total", **of_dns("no answer")) >= 1
        assert os.waitpid(daemon.process.pid, os.WNOHANG) == (0, 0)
