"""Clients of mail: swaks, fetchmail and sieve-connect."""

from __future__ import annotations

from tests.interop.clients.client import NAME, Client, Command, Errand, Sign, command
from tests.interop.servers import HOSTNAME


def swaks(protocol: str) -> Client:
    """Perl's Net::SSLeay, which is told of a CA and of no name."""

    def of(errand: Errand) -> Command:
        spoken = {"smtp": "ESMTP", "lmtp": "LMTP"}[protocol]
        place = "--server", f"{HOSTNAME}:{errand.port}", "--protocol", spoken
        trust = "--tls", "--tls-verify", "--tls-ca-path", errand.ca
        letter = "--helo", HOSTNAME, "--from", "a@example.org", "--to", "b@example.org"
        return command("swaks", *place, *trust, *letter)

    return Client(
        "swaks",
        protocol,
        of,
        inside=Sign(23, r"<~\* 550 .*No mail is taken here"),
        distrusts=Sign(29, "certificate verify failed"),
        without=Sign(29, "Host did not advertise STARTTLS"),
        unchecked={NAME: "--tls-verify is about who signed the certificate"},
    )


def fetchmail(protocol: str) -> Client:
    """It looks at no name in a certificate that has no common name, whose use RFC 9525 ended."""

    def of(errand: Errand) -> Command:
        trust = f'sslproto "tls1.2+" sslcertck sslcertfile "{errand.ca}"'
        place = f"poll {HOSTNAME} protocol {protocol} port {errand.port}"
        settings = errand.file("fetchmailrc", f'{place} user "a" password "b" {trust}\n')
        return command("fetchmail", "--check", "-v", "-f", settings)

    refused = "Nobody has an account here"
    return Client(
        "fetchmail",
        protocol,
        of,
        inside=Sign(3, rf"upgrade to TLS succeeded(.*\n)*.*{refused}"),
        distrusts=Sign(2, "(hostname mismatch|unable to get local issuer)(.*\n)*.*verify failed"),
        without=Sign(2, "Command not recognized(.*\n)*.*upgrade to TLS failed"),
    )


def _sieve_connect(errand: Errand) -> Command:
    place = "--server", HOSTNAME, "--port", errand.port, "--user", "a", "--list"
    return command("sieve-connect", *place, "--tlscafile", errand.ca)


SIEVE_CONNECT = Client(
    "sieve-connect",
    "sieve",
    _sieve_connect,
    inside=Sign(255, "Authentication refused by server\n.*Nobody has an account here"),
    distrusts=Sign(255, "hostname verification failed|certificate verify failed"),
    without=Sign(29, "TLS not established"),
)
