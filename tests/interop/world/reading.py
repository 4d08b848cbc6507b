"""What was derived, in the words of the table of safe answers."""

from tests.interop.world.answers import Answer, By, Host, Postfix
from unstrip.derivation import Derivation, Destination
from unstrip.mta.postfix import Answer as Reply
from unstrip.mta.postfix import Lookup
from unstrip.policy import Level
from unstrip.policy.dane import Standing
from unstrip.policy.questions import ResultType

WORDS = {Lookup.NOTFOUND: Postfix.NOTFOUND, Lookup.TEMP: Postfix.TEMP}


def hosts(derivation: Derivation) -> tuple[Host, ...]:
    return tuple(host(server, derivation.domain) for server in derivation.destinations)


def host(server: Destination, domain: str) -> Host:
    """What is insisted on for one server."""
    name = server.endpoint.host
    short = "@" if name == domain else name.removesuffix(f".{domain}")
    decision = server.decision
    if server.dane is not None and server.dane.standing is Standing.UNREACHABLE:
        return Host(short, unreachable=True)
    if decision.refuses:
        return Host(short, refused=True)
    if decision.level is not Level.AUTHENTICATED:
        return Host(short, decision.level)
    return Host(short, decision.level, By.DANE if decision.tlsa else By.WEBPKI)


def postfix(reply: Reply | None) -> Postfix:
    assert reply is not None
    return WORDS.get(reply.lookup) or Postfix(reply.text.split()[0])


def report(derivation: Derivation) -> ResultType | None:
    """The first failure that is reported, on the way from the domain to its policy."""
    troubles = [derivation.route, *derivation.route.hosts, derivation.sts and derivation.sts.fetch]
    return next((trouble.result for trouble in troubles if trouble and trouble.result), None)


def agrees(derivation: Derivation, expected: Answer) -> None:
    """Assert that it is the safe answer."""
    assert hosts(derivation) == expected.hosts
    assert bool(derivation.waits) is expected.waits
    assert report(derivation) is expected.report


def goes_out_in_clear(derivation: Derivation) -> bool:
    """Mail would be sent to a server at which nothing is insisted on."""
    if derivation.waits:
        return False
    used = [each.decision for each in derivation.destinations if not each.decision.refuses]
    return not used or any(decision.level < Level.ENCRYPT for decision in used)
