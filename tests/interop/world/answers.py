"""What the safe answer is for each domain of this world, when it is asked about for the first time.

It follows RFC 7672 for DANE, RFC 8461 for MTA-STS, and RFC 8461, 2 where both have a say: what DANE
demands of a host nobody lowers, and MTA-STS speaks where DANE has nothing to say. Nothing here is
taken from the program: that is what the table is for.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.interop.world.cases import HOSTS, PARENT, UNUSABLE_KINDS, USABLE_KINDS
from unstrip.policy.questions import ResultType
from unstrip.policy.values import Level


class By(Enum):
    """How a host proves who it is."""

    DANE = "dane"
    WEBPKI = "webpki"
    NOTHING = "nothing"


class Postfix(Enum):
    """What a Postfix that sends is told of the whole domain (its smtp_tls_policy_maps).

    One word stands for all hosts, so it must be right for the one that demands least, and it must
    not be weaker than any that can be attacked.
    """

    DANE_ONLY = "dane-only"
    DANE = "dane"  # opportunistic for each host: there is nothing to lose at the others
    SECURE = "secure"  # by the names in the policy
    ENCRYPT = "encrypt"
    MAY = "may"  # so that a policy that is only tested is reported
    NOTFOUND = "NOTFOUND"  # no policy: its own default
    TEMP = "TEMP"  # later


@dataclass(frozen=True, slots=True)
class Host:
    """What is insisted on for one mail server.

    Attributes: name: below the domain, "@" for the domain itself; refused: not to be used now;
        unreachable: it has no address.
    """

    name: str
    level: Level = Level.MAY
    by: By = By.NOTHING
    refused: bool = False
    unreachable: bool = False

    def in_domain(self, domain: str) -> str:
        if self.name == "@":
            return domain
        return self.name if self.name.endswith(f".{PARENT}") else f"{self.name}.{domain}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is insisted on for one domain.

    Attributes: hosts: in the order of their preference; waits: no mail goes out now; postfix: what
        Postfix is told; report: the kind of failure that is reported to the domain (RFC 8460, 4.3).
    """

    hosts: tuple[Host, ...]
    postfix: Postfix
    waits: bool = False
    report: ResultType | None = None


def dane(name: str) -> Host:
    return Host(name, Level.AUTHENTICATED, By.DANE)


def webpki(name: str) -> Host:
    return Host(name, Level.AUTHENTICATED, By.WEBPKI)


def encrypt(name: str) -> Host:
    return Host(name, Level.ENCRYPT)


def may(name: str) -> Host:
    return Host(name)


def refused(name: str) -> Host:
    return Host(name, refused=True)


def unreachable(name: str) -> Host:
    return Host(name, unreachable=True)


def all_dane(*names: str) -> Answer:
    return Answer(tuple(map(dane, names)), Postfix.DANE_ONLY)


def all_webpki(*names: str) -> Answer:
    return Answer(tuple(map(webpki, names)), Postfix.SECURE)


def opportunistic(*names: str, report: ResultType | None = None) -> Answer:
    return Answer(tuple(map(may, names)), Postfix.NOTFOUND, report=report)


def waits(*names: str, report: ResultType | None = None) -> Answer:
    return Answer(tuple(map(refused, names)), Postfix.TEMP, waits=True, report=report)


MERGES: Final = {
    "all-dane-and-sts": all_dane("mx1", "mx2"),
    "all-dane": all_dane("mx1", "mx2"),
    # who forges the MX records names a host of his own: only MTA-STS sees that
    "insecure-mx-with-tlsa-and-sts": all_webpki(f"mx.{HOSTS}"),
    "insecure-mx-with-tlsa": Answer((dane(f"mx.{HOSTS}"),), Postfix.DANE),
    "some-mx-without-tlsa-and-sts": Answer((dane("mx1"), webpki("mx2")), Postfix.DANE_ONLY),
    "some-mx-without-tlsa": Answer((dane("mx1"), may("mx2")), Postfix.DANE),
    "all-tlsa-unusable-and-sts": Answer(
        (webpki("mx"),), Postfix.SECURE, report=ResultType.TLSA_INVALID
    ),
    "all-tlsa-unusable": Answer((encrypt("mx"),), Postfix.ENCRYPT, report=ResultType.TLSA_INVALID),
    "sts-alone": all_webpki("mx"),
    "insecure-sts-alone": all_webpki("mx"),
    "no-policy": opportunistic("mx"),
    "insecure-no-policy": opportunistic("mx"),
}

ALIASES: Final = {
    "aliased-mx-and-sts": all_dane("mx"),
    "aliased-mx": all_dane("mx"),
    "aliased-mx-tlsa-at-alias": all_dane("mx"),
    "mx-aliased-out-of-dnssec": all_dane("mx"),
    "aliased-tlsa": all_dane("mx"),
    "mx-alias-loop": waits("mx", report=ResultType.DNSSEC_INVALID),
}

FAILURES: Final = {
    "bogus-mx": waits(report=ResultType.DNSSEC_INVALID),
    "bogus-tlsa": waits("mx", report=ResultType.DNSSEC_INVALID),
    "bogus-tlsa-without-sts": waits("mx", report=ResultType.DNSSEC_INVALID),
    "tlsa-servfail": waits("mx", report=ResultType.DNSSEC_INVALID),
    "some-tlsa-servfail": Answer(
        (refused("mx1"), dane("mx2")), Postfix.DANE_ONLY, report=ResultType.DNSSEC_INVALID
    ),
    "tlsa-timeout": waits("mx"),
    "address-servfail": waits("mx.sub", report=ResultType.DNSSEC_INVALID),
    "mx-without-address": Answer((unreachable("mx"),), Postfix.NOTFOUND, waits=True),
    "some-mx-without-address": Answer((dane("mx"), unreachable("mx2")), Postfix.DANE_ONLY),
    # RFC 8461, 5.1: as if there were no policy, unless one is known from earlier
    "txt-servfail": opportunistic("mx"),
    "txt-timeout": opportunistic("mx"),
}

# RFC 8461, 3.3: the same, and what failed is reported
HTTPS_FAILURES: Final = {
    f"https-{name}": opportunistic("mx", report=result)
    for result, names in {
        ResultType.STS_WEBPKI_INVALID: ("wrong-name", "expired", "self-signed"),
        ResultType.STS_POLICY_INVALID: ("wrong-type", "no-policy-in-it"),
        ResultType.STS_POLICY_FETCH_ERROR: (
            *("redirect", "404", "500", "too-long", "truncated", "slow"),
            *("nobody-there", "no-address", "address-servfail"),
        ),
    }.items()
    for name in names
}

POLICIES: Final = {
    "testing": Answer((may("mx"),), Postfix.MAY),
    "testing-mx-not-in-policy": Answer((may("mx1"), may("mx2")), Postfix.MAY),
    "none": opportunistic("mx"),
    "mx-not-in-policy": Answer((webpki("mx1"), refused("mx2")), Postfix.SECURE),
    "no-mx-in-policy": Answer((refused("mx1"), refused("mx2")), Postfix.SECURE, waits=True),
    "wildcard-policy": Answer((webpki("mx"), refused("a.b")), Postfix.SECURE),
    "delegated-sts-record": all_webpki("mx"),
    "sts-record-of-several-strings": all_webpki("mx"),
    "sts-record-among-others": all_webpki("mx"),
    # RFC 8461, 3.1: then there is none
    "two-sts-records": opportunistic("mx"),
    "broken-sts-record": opportunistic("mx"),
}

DESTINATIONS: Final = {
    "no-mx": opportunistic("@"),
    "no-mx-with-tlsa": all_dane("@"),
    "no-mx-and-sts": all_webpki("@"),
    # RFC 5321, 5.1: nobody to send to, now or later
    "no-mx-and-no-address": Answer((), Postfix.NOTFOUND),
    "null-mx": Answer((), Postfix.NOTFOUND),
}

RECORDS: Final = {
    "every-usable-tlsa": all_dane(*(f"mx-{kind}" for kind in USABLE_KINDS)),
    "every-unusable-tlsa": Answer(
        tuple(encrypt(f"mx-{kind}") for kind in UNUSABLE_KINDS),
        Postfix.ENCRYPT,
        report=ResultType.TLSA_INVALID,
    ),
    "one-of-two-tlsa-matches": all_dane("mx"),
    "more-tlsa-than-are-read": waits("mx", report=ResultType.TLSA_INVALID),
    # RFC 7672, 2.2: that one cannot be used, and it is there
    "a-broken-tlsa-among-others": all_dane("mx"),
    "every-tlsa-broken": Answer((encrypt("mx"),), Postfix.ENCRYPT, report=ResultType.TLSA_INVALID),
    "a-thousand-tlsa": waits("mx", report=ResultType.DNSSEC_INVALID),
    "huge-txt": all_webpki("mx"),
    "too-huge-txt": opportunistic("mx"),
}

SERVERS: Final = {
    "mismatching-tlsa": all_dane("mx"),
    "clear-mx-with-tlsa": all_dane("mx"),
    "clear-mx-and-sts": all_webpki("mx"),
    "clear-mx": opportunistic("mx"),
    "private-certificate-with-tlsa": all_dane("mx"),
    "private-authority-with-tlsa": all_dane("mx"),
    "private-certificate-and-sts": all_webpki("mx"),
    "expired-certificate-with-tlsa": all_dane("mx"),
    "expired-certificate-and-sts": all_webpki("mx"),
    "certificate-by-sni": all_webpki("mx"),
}

ANSWERS: Final[dict[str, Answer]] = {
    **MERGES,
    **ALIASES,
    **FAILURES,
    **HTTPS_FAILURES,
    **POLICIES,
    **DESTINATIONS,
    **RECORDS,
    **SERVERS,
}
# where a check that insists on authentication must not pass, whatever the level
UNMET: Final = frozenset(
    {
        # the servers do not do what was published, or nothing at all
        "mismatching-tlsa",
        "clear-mx-with-tlsa",
        "clear-mx-and-sts",
        "clear-mx",
        "private-certificate-and-sts",
        "expired-certificate-and-sts",
        # whose servers these are, only an unsigned answer says
        "insecure-mx-with-tlsa",
        "insecure-no-policy",
    }
)
