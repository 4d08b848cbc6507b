"""What should happen at each server of a domain, derived from every source there is.

The sources do not know each other; here their opinions meet, host by host, and `decide` says what
they come to. All that was found out is kept beside the outcome, so that it can be explained to a
person, told to a mail server, or kept for the next time without being asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from unstrip.escaping import brief
from unstrip.evidence import Endpoint, Evidence
from unstrip.hostname import is_spelled
from unstrip.policy import (
    Decision,
    Level,
    Policy,
    dane,
    decide,
    history,
    irc_sts,
    local,
    mta_sts,
)
from unstrip.policy.dane import Domain, Route, Standing
from unstrip.policy.mta_sts import Known
from unstrip.policy.questions import Security
from unstrip.policy.starttls_everywhere import PolicyList
from unstrip.policy.starttls_everywhere import opinion as listed_opinion
from unstrip.policy.values import Time

MAIL = "mail"
_LEAST, _MOST = timedelta(seconds=5), timedelta(hours=1)  # for which a derivation is kept


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed before anybody is asked.

    Attributes:
        table: the operator's own.
        listed: a signed list of domains.
        visits: what is kept of earlier visits to one endpoint.
        visits_of: the same for all ports where a host speaks a protocol.
        lost: why we may have known a policy of a domain and lost it, "" if we did not.
    """

    table: local.Table = local.Table()  # noqa: RUF009  # a frozen value
    listed: PolicyList | None = None
    visits: Callable[[Endpoint], tuple[Evidence, ...]] = lambda _: ()
    visits_of: Callable[[str, str], tuple[Evidence, ...]] = lambda _host, _protocol: ()
    lost: Callable[[str], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for at a domain.

    Attributes: name: "mail", or an SRV label such as "_xmpp-client._tcp"; protocol: of the
        registry; implicit: TLS comes first.
    """

    name: str = MAIL
    protocol: str = "smtp"
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """One server, and what is insisted on there.

    Attributes:
        endpoint: where.
        dane: what DANE says of it; None if nobody was asked.
        named: the user named it, or DNSSEC did.
        opinions: those that some source has, in force or not.
        decision: what they come to.
    """

    endpoint: Endpoint
    dane: dane.Host | None
    named: bool
    opinions: tuple[Policy, ...]
    decision: Decision

    @property
    def barred(self) -> str:
        """Why nothing can be sent there now, "" if something can."""
        lost = self.dane is not None and self.dane.standing is Standing.UNREACHABLE
        return self.decision.refuses or (f"{self.endpoint.host} has no address" if lost else "")

    def required(self, requirement: Policy, now: datetime) -> Decision:
        """Return what is insisted on by one who requires something of his own."""
        return decide(self.opinions, now, named=self.named, required=requirement)


@dataclass(frozen=True, slots=True)
class Derivation:
    """What should happen at a domain's servers.

    Attributes:
        domain: the domain; sought: which of its services.
        at: when it was derived; expires: when it has to be derived anew.
        route: how its servers were found, and what DANE says of them.
        sts: what is known of its MTA-STS policy, None where that does not apply.
        destinations: its servers, in the order in which they are to be tried.
        unseen: what the operator's table says of a server of which nothing is known, as if it had
            the domain's name; None where no rule is about the domain.
    """

    domain: str
    sought: Sought
    at: Time
    expires: Time
    route: Domain
    sts: Known | None = None
    destinations: tuple[Destination, ...] = ()
    unseen: Destination | None = None

    @property
    def servers(self) -> tuple[Destination, ...]:
        """All of which there is something to say: where no server is known, whoever may be one."""
        return self.destinations or ((self.unseen,) if self.unseen else ())

    @property
    def overridden(self) -> bool:
        """The operator's table alone speaks, of every server that there may be."""
        spoken = list(self.destinations)
        if self.left_out or not spoken:
            if self.unseen is None:
                return False
            spoken.append(self.unseen)
        return all(each.decision.overrides for each in spoken)

    @property
    def lost(self) -> bool:
        """Nobody knows whom to send to (RFC 7672, 2.1.2), and the operator says nothing to that."""
        return self.route.route is Route.FAILED and not self.overridden

    @property
    def checked(self) -> bool:
        """Somebody whom we believe has looked at DNSSEC; else another may find out more."""
        standings = [each.dane.standing for each in self.destinations if each.dane]
        unchecked = Standing.UNCHECKED in standings
        return self.route.security is not Security.UNCHECKED and not unchecked

    @property
    def left_out(self) -> int:
        """How many more servers there are, of which nothing is known."""
        return self.route.left_out

    @property
    def waits(self) -> str:
        """Why nothing can be sent to any server now, "" if something can."""
        if self.lost:
            return self.route.words
        reasons = [each.barred for each in self.servers]
        return reasons[0] if reasons and all(reasons) else ""


def derive(  # noqa: PLR0917  # a thread is handed them in their order
    sought: Sought,
    route: Domain,
    beliefs: Beliefs,
    now: datetime,
    sts: Known | None = None,
    port: int = 25,
) -> Derivation:
    """Bring all sources together for each server of a domain.

    Args: route: from `dane.mail` or `dane.service`; sts: from `mta_sts.discover`, for mail; port:
        where its mail goes, should no server be known.
    """
    found = []
    for host in route.hosts:
        endpoint = _endpoint(sought, route, host)
        signed = route.security is Security.SECURE
        opinions = [*_own(endpoint, beliefs, now, route.name, signed=signed), _dane(sought, host)]
        if sought.name == MAIL:
            opinions += _of_mail(route.name, endpoint, sts, beliefs, now)
        named = signed or endpoint.reference == route.name
        found.append(_settled(endpoint, host, opinions, now, named=named))
    until = _expires(route, sts, found, now)
    unseen = _unseen(Endpoint(route.name, port, "smtp"), sts, beliefs, now)
    return Derivation(
        route.name,
        sought,
        now,
        until,
        route,
        sts,
        tuple(found),
        unseen if sought.name == MAIL else None,
    )


def derive_one(
    endpoint: Endpoint, host: dane.Host | None, beliefs: Beliefs, now: datetime
) -> Destination:
    """Bring together what there is about a server that the user named.

    Args: host: what DANE says of it, None if nobody was asked.
    """
    said = dane.opinion(host) if host else None
    return _settled(endpoint, host, [*_own(endpoint, beliefs, now), said], now, named=True)


def _of_mail(
    domain: str, endpoint: Endpoint, sts: Known | None, beliefs: Beliefs, now: datetime
) -> list[Policy | None]:
    """What those sources say that know nothing but mail."""
    host, listed = endpoint.host, beliefs.listed
    return [
        mta_sts.opinion(sts, host, now) if sts else None,
        listed_opinion(listed, domain, host, now) if listed else None,
        *_in_doubt(domain, endpoint, sts, beliefs, now),
    ]


def _in_doubt(
    domain: str, endpoint: Endpoint, sts: Known | None, beliefs: Beliefs, now: datetime
) -> list[Policy | None]:
    """What follows where there may be a policy, and nobody can say that there is none."""
    if sts is None or not sts.uncertain(now):
        return []
    lost = beliefs.lost(domain)
    return [
        _undecided(domain, endpoint, sts, beliefs),
        Policy("store", Level.MAY, lost, refuses=lost) if lost else None,
    ]


def _undecided(domain: str, endpoint: Endpoint, sts: Known, beliefs: Beliefs) -> Policy | None:
    """What the operator says to it that somebody may keep the policy from us.

    RFC 8461, 5.1 has mail go out as if there were none; a rule may have it wait.
    """
    troubles = (("its TXT record", sts.record), ("its policy host", sts.fetch))
    words = "; ".join(f"{what}: {t.words}" for what, t in troubles if t and not t.certain)
    unknown = f"{domain} may have an MTA-STS policy: {words}"
    return local.waiting(beliefs.table, domain, endpoint.port, endpoint.protocol, unknown)


def _unseen(
    endpoint: Endpoint, sts: Known | None, beliefs: Beliefs, now: datetime
) -> Destination | None:
    """What is said of a server of which nothing but the domain's own name is known.

    Whoever tells us that there is none may tell the mail server of one (P-11). A policy of MTA-STS
    is not among it: the names in it can be told as they are.
    """
    domain = endpoint.host
    said = [
        *local.opinions(beliefs.table, (domain,), endpoint.port, endpoint.protocol),
        *_of_mail(domain, endpoint, None, beliefs, now),
        *_in_doubt(domain, endpoint, sts, beliefs, now),
    ]
    return _settled(endpoint, None, said, now, named=False) if any(said) else None


def _dane(sought: Sought, host: dane.Host) -> Policy | None:
    """What DANE asks of a server, in view of how it was found.

    One that an unsigned SRV named may be the forger's own, records and all: they tell that it has
    TLS, and do not stand for the domain.
    """
    said = dane.opinion(host)
    if said is None or said.tlsa is None or host.resistant or sought.name == MAIL:
        return said
    return replace(said, level=Level.ENCRYPT, tlsa=None, rule="RFC 7673, 3")


def _settled(
    endpoint: Endpoint,
    host: dane.Host | None,
    opinions: list[Policy | None],
    now: datetime,
    *,
    named: bool,
) -> Destination:
    held = tuple(policy for policy in opinions if policy is not None)
    decision = decide(held, now, named=named)
    if (decision.refuses or decision.level > Level.MAY) and not is_spelled(endpoint.host):
        # no mail server can be told of it, but may well get there
        words = f"'{brief(endpoint.host)}' is no name of a server"
        nobody = Policy("mx", Level.MAY, words, refuses=words, rule="RFC 1123, 2.1")
        because = (*decision.because, nobody)
        decision = replace(decision, because=because, refuses=decision.refuses or words)
    return Destination(endpoint, host, named, held, decision)


def _own(
    endpoint: Endpoint, beliefs: Beliefs, now: datetime, domain: str = "", *, signed: bool = True
) -> list[Policy | None]:
    """What the operator and our own memory say of one endpoint.

    Args: domain: whose server it is, if it was not named itself: a rule may be about either;
        signed: DNSSEC leads from there to the server.
    """
    host, port = endpoint.host, endpoint.port
    names = dict.fromkeys(name for name in (host, domain) if name)
    unsigned = () if signed or host == domain else (host,)
    rules = local.opinions(beliefs.table, names, port, endpoint.protocol, unsigned=unsigned)
    said = [*rules, history.opinion(beliefs.visits(endpoint))]
    if endpoint.protocol == "irc":
        said.append(irc_sts.opinion(beliefs.visits_of(endpoint.host, "irc"), now))
    return said


def _endpoint(sought: Sought, route: Domain, host: dane.Host) -> Endpoint:
    """Where to go, and whom the certificate has to name.

    XMPP's certificates are for the domain that the user knows (RFC 6120, 13.7.2.1); elsewhere for
    the server, which is as good as the answer that named it.
    """
    reference = route.name if sought.protocol.startswith("xmpp") else ""
    reference = "" if reference == host.name else reference
    return Endpoint(host.name, host.port, sought.protocol, sought.implicit, reference)


def _expires(route: Domain, sts: Known | None, found: list[Destination], now: datetime) -> datetime:
    """Return when the first answer that this rests on is over."""
    least = min((host.ttl for host in route.hosts), default=route.ttl)
    ends = [now + timedelta(seconds=min(route.ttl, least)), now + _MOST]
    held = [p.expires for each in found for p in each.opinions if p.expires is not None]
    ends += [end for end in held if end > now]
    if sts is not None and sts.look is not None:
        ends.append(sts.look)
    return max(min(ends), now + _LEAST)
