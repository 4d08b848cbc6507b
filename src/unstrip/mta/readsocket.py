r"""Exim's ${readsocket}: one line with a next hop, one line with all that the transport needs.

The request is "options", a blank and the next hop, as Postfix would write it. The reply has each
option of `mta.exim` as ${extract} reads it, so that it can be kept in $address_data:

    defer="" hosts_require_tls="^mx1\\.example\\.org$" hosts_avoid_tls="" ...

- All of them come from one reply, for lists from two answers may be looser together than each is.
- Where mail has to wait, `defer` is what a redirect router does about it. The lists say so too, for
  a transport that is come to by another way: no host may have TLS, and every host needs it.
- Exim takes a list that it cannot expand for an empty one. So what looks at a reply has to have a
  word for the case that there is none: the router to put off, the transport to insist.
- Exim reads until the connection ends, so each has one request.
- Exim sends to several domains at a time, and to one over the connection of another, if it may: the
  transport needs multi_domain = false and connection_max_messages = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from unstrip.derivation import Derivation
from unstrip.mta.exim import LISTS, Options, expanded, options
from unstrip.mta.tongue import FAILED, NOTHING, REFUSED, Query, Told, about, line, reason

LONGEST = 4096  # bytes of a request
_VERB = b"options "
_EVERY = ("*",)


@dataclass(frozen=True, slots=True)
class ReadSocket:
    """The tongue."""

    once: bool = field(default=True, init=False)

    def whole(self, said: bytearray) -> int:
        """Return the length of the line that comes first, 0 while it is not whole.

        Raises: Garbled: it is too long.
        """
        return line(said, LONGEST)

    def requests(self, domain: str) -> tuple[bytes, ...]:
        """Return the line in which a domain is asked about."""
        return (_VERB + domain.encode() + b"\n",)

    def asked(self, request: bytes) -> Query | Told:
        """Return what a line asks, or at once what is to be said to it."""
        key = request.removeprefix(_VERB)[:-1]
        if not request.startswith(_VERB) or not key:
            return _waiting("a request is options, a blank and a next hop", REFUSED)
        return about(key, _told, _NOTHING, self.failed)

    def failed(self, words: str) -> Told:
        """Return the reply that nothing could be found out now, so that mail waits."""
        return _waiting(words, FAILED)


def _told(derivation: Derivation) -> Told:
    chosen = options(derivation)
    if chosen.defer:
        return _waiting(chosen.defer, FAILED)
    return Told(_line(chosen), _kind(chosen))


def _kind(chosen: Options) -> str:
    """Return the most that is asked of any host, by the name that Postfix has for it."""
    if replace(chosen, words=()) == Options():
        return NOTHING
    if chosen.by_dane:
        return "dane"
    if chosen.tls_verify_hosts:
        return "verify"
    return "encrypt" if chosen.hosts_require_tls else "may"


def _waiting(words: str, kind: str) -> Told:
    held = Options(
        hosts_require_tls=_EVERY,
        hosts_avoid_tls=_EVERY,
        hosts_avoid_tls_unsigned=_EVERY,
        defer=f":defer: {reason(words)}",
    )
    return Told(_line(held), kind)


def _line(chosen: Options) -> bytes:
    lists = ((name, expanded(getattr(chosen, name))) for name in LISTS)
    pairs = (f"{name}={_quoted(value)}" for name, value in (("defer", chosen.defer), *lists))
    return f"{' '.join(pairs)}\n".encode()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_NOTHING = Told(_line(Options()), NOTHING)
