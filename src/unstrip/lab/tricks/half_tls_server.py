"""TLS to the client, and none to the server."""

from __future__ import annotations

from unstrip.lab.authority import impersonator
from unstrip.lab.dialect import Command, Dialect, Reply, Topic
from unstrip.lab.trick import Actions, Intercept, ToClient, ToServer, Trick


class HalfTlsServer(Trick):
    """S-13. The box adds an offer to a server that has none, and ends TLS itself.

    It works on clients that do not verify: they believe that TLS leads to the server. It also
    shows that an offer says nothing about the server, only about whoever answers.
    """

    ID = "S-13"
    NAME = "half-tls-server"
    WHAT = "an offer is added, and TLS ended at the box; the server is spoken to in clear"
    CLIENT = "verifies the certificate, and stops before a word inside"
    SERVER = "asks for nothing in clear that TLS was to protect"

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """The box has to know how to grant it."""
        return dialect.WORDS.go_ahead is not None

    def server_says(self, reply: Reply) -> Actions:
        """Add the offer."""
        yield ToClient(self.dialect.with_offer(reply))

    def client_says(self, command: Command) -> Actions:
        """Grant the request in the server's place; what else is said passes."""
        if command.topic is Topic.UPGRADE:
            yield ToClient(self.dialect.say(self.dialect.WORDS.go_ahead or b"", command.tag))
        else:
            yield ToServer(command.data)

    def client_hello(self, hello: bytes) -> Actions:
        """Shake hands with the client alone; what it says inside begins a new connection."""
        yield Intercept(impersonator(), hello, upwards=False, redial=True)
