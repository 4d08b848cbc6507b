"""Tricks that the lab does not have, since it takes a sender of mail to fall for them."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from unstrip.lab.authority import Authority
from unstrip.lab.dialect import Command
from unstrip.lab.trick import Actions, Intercept, ToClient, ToServer, Trick


class RefuseHellos(Trick):
    """EHLO and HELO are refused for good, in clear, and the server never hears of either.

    It works on senders that return mail after every refusal for good, whoever may have said it.
    """

    NAME = "refuse-hellos"

    def client_says(self, command: Command) -> Actions:
        """Answer in the server's place."""
        if command.verb.upper() in (b"EHLO", b"HELO"):
            yield ToClient(b"550 5.7.1 Go away\r\n")
        else:
            yield ToServer(command.data)


class Impostor(Trick):
    """TLS is ended at the box, with a certificate to be trusted, for another host of the domain.

    It works on senders that go by less than the whole name.
    """

    NAME = "impostor"
    shown: ssl.SSLContext

    def client_hello(self, hello: bytes) -> Actions:
        """Stand between the two."""
        yield Intercept(self.shown, hello)


def own_tricks(authority: Authority, domains: Iterable[str]) -> dict[str, type[Trick]]:
    """By name.

    Args: authority: whom senders trust; domains: whose hosts an impostor may be.
    """
    context = authority.context(*(f"other.{domain}" for domain in domains))
    impostor = type(Impostor.__name__, (Impostor,), {"shown": context})
    return {trick.NAME: trick for trick in (RefuseHellos, impostor)}
