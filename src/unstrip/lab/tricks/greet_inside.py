"""One server's two ports spliced together."""

from __future__ import annotations

from unstrip.lab.dialect import Dialect
from unstrip.lab.trick import Actions, Splice, Trick
from unstrip.protocols import REGISTRY


class GreetInside(Trick):
    """X-02b. Everything up to the go-ahead is the STARTTLS port's; TLS is the implicit port's.

    Certificate, name and ALPN are all in order, since it is the right server. But that port says
    its greeting inside TLS, which a client takes for the answer to its first command, and from
    then on every answer is one behind: what Opossum does to HTTP, done to a STARTTLS client.
    """

    ID = "X-02b"
    NAME = "greet-inside"
    WHAT = "after the go-ahead the client is spliced into the server's implicit-TLS port"
    CLIENT = "takes no greeting inside TLS for an answer, and hangs up"
    SERVER = "keeps its two ports apart by ALPN (RFC 9325, 3.8)"
    SPLICES = True

    @classmethod
    def suits(cls, dialect: type[Dialect]) -> bool:
        """There has to be a port with TLS from the start, whose server greets."""
        return dialect.greets() and bool(REGISTRY[dialect.PROTOCOL].IMPLICIT_PORTS)

    def client_hello(self, hello: bytes) -> Actions:
        """Take the client's first record, untouched, to the other port."""
        yield Splice(hello)
