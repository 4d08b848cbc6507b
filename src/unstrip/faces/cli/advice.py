"""What to do about each verdict, in one sentence for whoever reads it at three in the morning."""

from __future__ import annotations

from unstrip.faces.cli.domains import OURS
from unstrip.io.check import Checked
from unstrip.policy.dane import Domain, Route
from unstrip.policy.questions import Security
from unstrip.verdict import Code, Standing, Verdict
from unstrip.verdict.expectation import shortfall

_NETWORK = "compare from another network (`--vantage`); docs/howto/stripped.md"
_DEVICE = (
    "look for mail inspection on a firewall (Cisco: `inspect esmtp`, `allow-tls`) on your path"
)

ADVICE: dict[Code, str] = {
    Code.PLAINTEXT_INJECTED: f"send nothing over this path; {_NETWORK}",
    Code.STATE_SPOOFED: f"do not log in over this path; {_NETWORK}",
    Code.DESYNC_GREETING_IN_TLS: "compare the host's ports; do not use this connection",
    Code.TLS_INTERCEPTED: f"do not log in or send over this path; {_NETWORK}",
    Code.COMMAND_MASKED: f"{_DEVICE}; {_NETWORK}",
    Code.REQUEST_FILTERED: f"find the filter on your path; {_NETWORK}",
    Code.OFFER_MASKED: f"{_DEVICE}; {_NETWORK}",
    Code.OFFER_REMOVED: f"send nothing in clear; {_NETWORK}",
    Code.OFFER_HIDDEN: f"insist on TLS with this host, it works; {_NETWORK}",
    Code.TLS_DOWNGRADED: "ask the operator whether the newer version was switched off",
    Code.BOGUS_ANSWER: "repeat with `--probe`; no known server answers like this",
    Code.PLAINTEXT_INSTEAD_OF_TLS: "look at the text: a server's error, or somebody else's",
    Code.RESET_AT_UPGRADE: "repeat with `--probe`; a reset only here is the path's doing",
    Code.SILENT_AFTER_REQUEST: "repeat with `--probe`; silence only here is the path's doing",
    Code.REJECTED_AFTER_OFFER: "repeat later and with `--probe`; then ask the operator",
    Code.CAPABILITIES_REFUSED: "repeat with `--probe`; a modern server answers this question",
    Code.TLS_FAILED: "ask the operator which TLS versions and certificates the server has",
    Code.NEVER_OFFERED: "ask the operator to offer TLS, or use the port with implicit TLS",
    Code.OFFER_ABSENT_UNEXPLAINED: f"repeat with `--probe`; {_NETWORK}",
    Code.NO_GREETING_IN_TLS: "repeat; do not speak first on this connection",
    Code.PARTLY_IN_CLEAR: "ask the operator to protect the data too; transfer nothing secret",
    Code.PIN_MISMATCH: "ask the operator, by another way, whether the key was changed",
    Code.DANE_MISMATCH: (
        "ask the operator, by another way, whether the key was changed before its TLSA record"
    ),
    Code.HOST_REFUSED: (
        "try the domain's other servers, or this one later; then tell its operator what was found"
    ),
    Code.CERTIFICATE_INVALID: "ask the operator; `--ca-file` if the issuer is your own",
    Code.RATE_LIMITED: "come back later; nothing is known about its TLS",
    Code.SERVICE_REFUSED: "ask the operator whether you may connect from here",
    Code.NAME_UNRESOLVED: "check the spelling, or give `--connect-to ADDRESS`",
    Code.UNREACHABLE: "check host, port and firewall; many networks block port 25",
    Code.DEADLINE_PASSED: "repeat, with a longer `--timeout` if the path is slow",
    Code.CONNECTION_RESET: "repeat; then check from another network",
    Code.CONNECTION_CLOSED: "repeat; then check from another network",
    Code.ENDLESS_ANSWER: "check host and port: no server of this protocol talks that much",
    Code.NOT_THE_PROTOCOL: "check port and protocol",
    Code.INCONCLUSIVE: "repeat with `--probe`",
    Code.TLS_OK_UNAUTHENTICATED: (
        "ask the operator for a certificate that proves the name; `--ca-file` if its issuer is"
        " your own, `--server-name` if it has another name"
    ),
}

# where a good certificate proves nothing, another one would not help
_UNPROVEN_ROUTE = (
    "ask the domain's operator to publish MTA-STS or DANE (`unstrip publish` says how)"
)
_ASK_LESS = "`--require encrypt` asks for less"


def advised(checked: Checked) -> str:
    """Say what to do, as far as it is not done already; "" where nothing more is required."""
    verdict = checked.verdict
    if verdict.standing is Standing.MEETS:
        return ""
    if verdict.code is Code.TLS_OK_UNAUTHENTICATED and _is_unproven(verdict):
        return _UNPROVEN_ROUTE + (f"; {_ASK_LESS}" if _asks_too_much(checked) else "")
    advice = ADVICE.get(verdict.code, "")
    if checked.beside:
        advice = advice.replace("repeat with `--probe`; ", "").replace("and with `--probe`", "")
    return advice


def _is_unproven(verdict: Verdict) -> bool:
    return any(finding.code is Code.ROUTE_UNPROVEN for finding in verdict.findings)


def _asks_too_much(checked: Checked) -> bool:
    """Tell whether it is met but for what this command was told to insist on."""
    decision = checked.verdict.decision
    others = [policy for policy in decision.because if policy.source not in OURS]
    return not any(shortfall(policy, decision, checked.evidence) for policy in others)


def without_server(route: Domain) -> str:
    """Say what to do where no server of a domain was found."""
    if route.route is Route.MISSING:
        return "check the spelling"
    if route.route is Route.NOWHERE:
        return f"somebody may be lying: its MTA-STS policy names servers; {_NETWORK}"
    if route.security is Security.BOGUS:
        return "send nothing there; ask its operator whether its zone is signed as it should be"
    return (
        "repeat; if it stays so, see whether the resolver answers: docs/reference/configuration.md"
    )
