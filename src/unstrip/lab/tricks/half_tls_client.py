"""TLS to the server, and none to the client."""

from __future__ import annotations

from unstrip.lab.dialect import Command, Dialect, Reply, Topic
from unstrip.lab.trick import Actions, Intercept, ToClient, ToServer, Trick


class HalfTlsClient(Trick):
    """S-12. The box takes up the offer itself, and the client sees what is listed inside, in clear.

    It works on clients that go on without an offer. The server's log shows TLS for each of them,
    so it proves nothing; where a login is bound to the channel (RFC 9266), it fails.
    """

    ID = "S-12"
    NAME = "half-tls-client"
    WHAT = "the box takes up the offer itself; the client is left in clear"
    CLIENT = "asks for TLS all the same, and stops"
    SERVER = "sees a TLS session like any other; only channel binding would tell"

    def __init__(self, dialect: Dialect, nth: int = 1, code: str = "") -> None:
        super().__init__(dialect, nth, code)
        self._opening = b""

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """The box has to know how to ask."""
        return dialect.WORDS.request is not None

    def client_says(self, command: Command) -> Actions:
        """Pass it on, and keep the question for capabilities: it has to be asked again inside."""
        if command.topic is Topic.LISTING:
            self._opening = command.data
        yield ToServer(command.data)

    def server_says(self, reply: Reply) -> Actions:
        """Answer an offer in the client's stead; what else is said passes."""
        if reply.go_ahead:
            yield Intercept(None, opening=self._opening)
        elif self.dialect.without_offer(reply) != reply.data:
            yield ToServer(self.dialect.WORDS.request or b"")
        else:
            yield ToClient(reply.data)
