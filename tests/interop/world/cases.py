"""The domains of this world: one for each case that policies have to get right, named after it.

A case is what its owner would publish: a zone, signed or not, and what the policy host says. What
the safe answer is stands in `answers.py`. "{honest}" is the address of a mail server, "{3-1-1}" a
TLSA record that it meets; `World` knows all such words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.interop.world.policy_host import Manner, Served
from unstrip.lab.authority import Flaw

PARENT: Final = "example"
HOSTS: Final = f"hosts.{PARENT}"  # signed; has servers for other domains
UNSIGNED_HOSTS: Final = f"unsigned-hosts.{PARENT}"
BOGUS: Final = f"bogus.{PARENT}"
CHAT: Final = f"chat.{PARENT}"
RELAY: Final = f"relay.{PARENT}"  # takes mail for others, and has no policy
BY_SNI: Final = f"certificate-by-sni.{PARENT}"


@dataclass(frozen=True, slots=True)
class Case:
    """One domain.

    Attributes:
        name: the domain is this below "example".
        records: of its zone, with names below its own.
        served: what the policy host says; None where it has never heard of the domain.
        signed: by DNSSEC.
        forged: what somebody has changed in the zone after it was signed.
    """

    name: str
    records: str
    served: Served | None = None
    signed: bool = True
    forged: Mapping[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return f"{self.name}.{PARENT}"


ONE: Final = "@ MX 10 mx\nmx A {honest}\n"
TWO: Final = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A {honest}\nmx2 A {honest}\n"
DANE: Final = "_25._tcp.mx TLSA {3-1-1}\n"
DANE_1: Final = "_25._tcp.mx1 TLSA {3-1-1}\n"
DANE_2: Final = "_25._tcp.mx2 TLSA {3-1-1}\n"
UNUSABLE: Final = "_25._tcp.mx TLSA {1-1-1}\n_25._tcp.mx TLSA 3 1 9 00\n"
BROKEN: Final = "_25._tcp.mx TLSA \\# 5 030101abcd\n"  # a digest with most of it missing
POLICY_HOST: Final = "mta-sts A {policies}\n"
STS_RECORD: Final = '_mta-sts TXT "v=STSv1; id=20260101;"\n'
STS: Final = STS_RECORD + POLICY_HOST


def policy(*mx: str, mode: str = "enforce", max_age: int = 604_800) -> Served:
    patterns = "".join(f"mx: {pattern}\n" for pattern in mx)
    return Served(f"version: STSv1\nmode: {mode}\n{patterns}max_age: {max_age}\n")


ENFORCED: Final = policy("*.{domain}")
BODY: Final = ENFORCED.body

MERGES: Final = (
    Case("all-dane-and-sts", TWO + DANE_1 + DANE_2 + STS, ENFORCED),
    Case("all-dane", TWO + DANE_1 + DANE_2),
    Case(
        "insecure-mx-with-tlsa-and-sts",
        f"@ MX 10 mx.{HOSTS}.\n{STS}",
        policy(f"mx.{HOSTS}"),
        signed=False,
    ),
    Case("insecure-mx-with-tlsa", f"@ MX 10 mx.{HOSTS}.\n", signed=False),
    Case("some-mx-without-tlsa-and-sts", TWO + DANE_1 + STS, ENFORCED),
    Case("some-mx-without-tlsa", TWO + DANE_1),
    Case("all-tlsa-unusable-and-sts", ONE + UNUSABLE + STS, ENFORCED),
    Case("all-tlsa-unusable", ONE + UNUSABLE),
    Case("sts-alone", ONE + STS, ENFORCED),
    Case("insecure-sts-alone", ONE + STS, ENFORCED, signed=False),
    Case("no-policy", ONE),
    Case("insecure-no-policy", ONE, signed=False),
)

ALIASED: Final = "@ MX 10 mx\nmx CNAME target\ntarget A {honest}\n"
ALIASES: Final = (
    Case("aliased-mx-and-sts", f"{ALIASED}_25._tcp.target TLSA {{3-1-1}}\n{STS}", ENFORCED),
    Case("aliased-mx", f"{ALIASED}_25._tcp.target TLSA {{3-1-1}}\n"),
    Case("aliased-mx-tlsa-at-alias", ALIASED + DANE),
    # RFC 7672, 2.2.2: the alias is secure, where it leads to is not
    Case("mx-aliased-out-of-dnssec", f"@ MX 10 mx\nmx CNAME mx.{UNSIGNED_HOSTS}.\n{DANE}"),
    Case("aliased-tlsa", f"{ONE}_25._tcp.mx CNAME _25._tcp.mx.{HOSTS}.\n"),
    Case("mx-alias-loop", "@ MX 10 mx\nmx CNAME about\nabout CNAME mx\n"),
)

# somebody else's MX, and another key
FORGED_MX: Final = {"10 mx": "10 evil"}
FORGED_KEY: Final = {"{ee}": "00" * 32}
FAILURES: Final = (
    Case("bogus-mx", ONE + DANE + STS, ENFORCED, forged=FORGED_MX),
    Case("bogus-tlsa", ONE + DANE + STS, ENFORCED, forged=FORGED_KEY),
    Case("bogus-tlsa-without-sts", ONE + DANE, forged=FORGED_KEY),
    Case("tlsa-servfail", f"{ONE}_tcp.mx NS refusing.{HOSTS}.\n{STS}", ENFORCED),
    Case("some-tlsa-servfail", f"{TWO}_tcp.mx1 NS refusing.{HOSTS}.\n{DANE_2}"),
    Case("tlsa-timeout", f"{ONE}_tcp.mx NS silent.{HOSTS}.\n"),
    Case("address-servfail", f"@ MX 10 mx.sub\nsub NS refusing.{HOSTS}.\n"),
    Case("mx-without-address", '@ MX 10 mx\nmx TXT "no address"\n'),
    Case("some-mx-without-address", f'{ONE}{DANE}@ MX 20 mx2\nmx2 TXT "no address"\n'),
    # nothing is cached of these
    Case("txt-servfail", f"{ONE}_mta-sts NS refusing.{HOSTS}.\n{POLICY_HOST}", ENFORCED),
    Case("txt-timeout", f"{ONE}_mta-sts NS silent.{HOSTS}.\n{POLICY_HOST}", ENFORCED),
)


def at_fault(name: str, served: Served | None, host: str = POLICY_HOST) -> Case:
    """A case whose TXT record promises a policy that cannot be had."""
    return Case(f"https-{name}", ONE + STS_RECORD + host, served)


HTTPS_FAILURES: Final = (
    at_fault("wrong-name", Served(BODY, flaw=Flaw.WRONG_NAME)),
    at_fault("expired", Served(BODY, flaw=Flaw.EXPIRED)),
    at_fault("self-signed", Served(BODY, flaw=Flaw.SELF_SIGNED)),
    at_fault(
        "redirect",
        Served(
            BODY,
            status="301 Moved Permanently",
            location=f"https://mta-sts.sts-alone.{PARENT}/.well-known/mta-sts.txt",
        ),
    ),
    at_fault("404", None),
    at_fault("500", Served(BODY, status="500 Internal Server Error")),
    at_fault("wrong-type", Served(BODY, media="text/html")),
    at_fault("too-long", Served(BODY, length=64 * 1024 + 1)),
    at_fault("truncated", Served(BODY, manner=Manner.CUT)),
    at_fault("slow", Served(BODY, manner=Manner.SLOW)),
    at_fault("no-policy-in-it", Served("<html>welcome</html>\n")),
    at_fault("nobody-there", ENFORCED, "mta-sts A {dead}\n"),
    at_fault("no-address", ENFORCED, ""),
    at_fault("address-servfail", ENFORCED, f"mta-sts NS refusing.{HOSTS}.\n"),
)

POLICIES: Final = (
    Case("testing", ONE + STS, policy("*.{domain}", mode="testing")),
    Case("testing-mx-not-in-policy", TWO + STS, policy("mx1.{domain}", mode="testing")),
    Case("none", ONE + STS, policy(mode="none")),
    Case("mx-not-in-policy", TWO + STS, policy("mx1.{domain}")),
    Case("no-mx-in-policy", TWO + STS, policy("mx3.{domain}")),
    Case(
        "wildcard-policy",
        f"@ MX 10 mx\n@ MX 20 a.b\nmx A {{honest}}\na.b A {{honest}}\n{STS}",
        ENFORCED,
    ),
    Case("delegated-sts-record", f"{ONE}_mta-sts CNAME _mta-sts.{HOSTS}.\n{POLICY_HOST}", ENFORCED),
    Case(
        "sts-record-of-several-strings",
        f'{ONE}_mta-sts TXT "v=STS" "v1; id=" "1;"\n{POLICY_HOST}',
        ENFORCED,
    ),
    Case("sts-record-among-others", f'{ONE}{STS}_mta-sts TXT "something else"\n', ENFORCED),
    Case("two-sts-records", f'{ONE}{STS}_mta-sts TXT "v=STSv1; id=2;"\n', ENFORCED),
    Case(
        "broken-sts-record", f'{ONE}_mta-sts TXT "v=STSv1; id=not-an-id;"\n{POLICY_HOST}', ENFORCED
    ),
)

DESTINATIONS: Final = (
    Case("no-mx", "@ A {honest}\n"),
    Case("no-mx-with-tlsa", "@ A {honest}\n_25._tcp TLSA {3-1-1}\n"),
    Case("no-mx-and-sts", f"@ A {{honest}}\n{STS}", policy("{domain}")),
    Case("no-mx-and-no-address", '@ TXT "no address"\n'),
    Case("null-mx", "@ MX 0 .\n"),
)


def every(kinds: tuple[str, ...], at: str = "{honest}") -> Iterator[str]:
    """A mail server for each kind of TLSA record, "mx-3-1-1"."""
    for preference, kind in enumerate(kinds):
        yield f"@ MX {preference} mx-{kind}\nmx-{kind} A {at}\n_25._tcp.mx-{kind} TLSA {{{kind}}}\n"


def many(count: int) -> str:
    """So many TLSA records that nobody meets."""
    return "".join(f"_25._tcp.mx TLSA 3 1 1 {n:064x}\n" for n in range(count))


USABLE_KINDS: Final = tuple(f"{u}-{s}-{m}" for u in (2, 3) for s in (0, 1) for m in (0, 1, 2))
UNUSABLE_KINDS: Final = ("0-0-1", "0-1-1", "1-0-1", "1-1-1", "1-1-2")
TEXT: Final = "".join(f'_mta-sts TXT "{n:0200}"\n' for n in range(200))
RECORDS: Final = (
    Case("every-usable-tlsa", "".join(every(USABLE_KINDS))),
    Case("every-unusable-tlsa", "".join(every(UNUSABLE_KINDS))),
    Case("one-of-two-tlsa-matches", f"{ONE}{DANE}_25._tcp.mx TLSA 3 1 1 {'11' * 32}\n"),
    Case("more-tlsa-than-are-read", ONE + DANE + many(150)),
    Case("a-broken-tlsa-among-others", f"{ONE}{DANE}{BROKEN}"),
    Case("every-tlsa-broken", ONE + BROKEN),
    Case("a-thousand-tlsa", ONE + DANE + many(1000)),
    Case("huge-txt", ONE + STS + TEXT, ENFORCED),
    Case("too-huge-txt", ONE + STS + TEXT + TEXT.replace('"0', '"1'), ENFORCED),
)

# what the servers do is not what was published
SERVERS: Final = (
    Case("mismatching-tlsa", f"{ONE}_25._tcp.mx TLSA 3 1 1 {'11' * 32}\n"),
    Case("clear-mx-with-tlsa", f"@ MX 10 mx\nmx A {{clear}}\n{DANE}"),
    Case("clear-mx-and-sts", f"@ MX 10 mx\nmx A {{clear}}\n{STS}", ENFORCED),
    Case("clear-mx", "@ MX 10 mx\nmx A {clear}\n"),
    Case(
        "private-certificate-with-tlsa",
        "@ MX 10 mx\nmx A {private}\n_25._tcp.mx TLSA {private-3-1-1}\n",
    ),
    Case(
        "private-authority-with-tlsa",
        "@ MX 10 mx\nmx A {private}\n_25._tcp.mx TLSA {private-2-0-1}\n",
    ),
    Case("private-certificate-and-sts", f"@ MX 10 mx\nmx A {{private}}\n{STS}", ENFORCED),
    Case(
        "expired-certificate-with-tlsa",
        "@ MX 10 mx\nmx A {expired}\n_25._tcp.mx TLSA {expired-3-1-1}\n",
    ),
    Case("expired-certificate-and-sts", f"@ MX 10 mx\nmx A {{expired}}\n{STS}", ENFORCED),
    # RFC 8461, 7.1: a good one, but only for who asks for it by name
    Case("certificate-by-sni", f"@ MX 10 mx\nmx A {{private}}\n{STS}", policy("mx.{domain}")),
)

CASES: Final = (
    *MERGES,
    *ALIASES,
    *FAILURES,
    *HTTPS_FAILURES,
    *POLICIES,
    *DESTINATIONS,
    *RECORDS,
    *SERVERS,
)
BY_NAME: Final = {case.name: case for case in CASES}
# TLS is due at one of its servers, and DANE at the other
RULED_UNSIGNED: Final = "ruled-encrypt-insecure-mx-with-tlsa"
# of which an operator has something to say: the first ones have no policy of their own
OPERATORS: Final = (
    *(Case(name, ONE) for name in ("ruled-encrypt", "ruled-verify", "ruled-pin")),
    *(Case(name, ONE) for name in ("visited", "steady")),
    Case(RULED_UNSIGNED, f"@ MX 10 mx.{HOSTS}.\n@ MX 20 mx.{UNSIGNED_HOSTS}.\n", signed=False),
    Case("overridden", f"{ONE}_25._tcp.mx TLSA {{private-3-1-1}}\n"),
    Case("not-found-out", ONE + STS, Served(BODY, status="500 Internal Server Error")),
)
# one record each: "tlsa-3-1-1"
USAGES: Final = tuple(
    Case(f"tlsa-{kind}", f"{ONE}_25._tcp.mx TLSA {{{kind}}}\n") for kind in USABLE_KINDS
)
# what the cases lean on
BACKGROUND: Final = (
    Case(
        "hosts",
        "mx A {honest}\nrefusing A {refusing}\nsilent A {silent}\n" + DANE + STS_RECORD,
    ),
    Case("relay", "@ A {honest}\n"),
    Case("unsigned-hosts", "mx A {honest}\n", signed=False),
    Case("bogus", "@ A {honest}\n", forged={"{honest}": "192.0.2.66"}),
    Case(
        "chat",
        "server A 127.0.0.1\n"
        "_xmpp-client._tcp SRV 5 0 {xmpp_client} server\n"
        "_xmpp-server._tcp SRV 5 0 {xmpp_server} server\n"
        "_{xmpp_client}._tcp.server TLSA {chat-3-1-1}\n"
        "_{xmpp_server}._tcp.server TLSA {chat-2-1-1}\n",
    ),
)
