"""The guard: the lab listens and dials on loopback only.

This is the one room of the lab that opens sockets. A name is resolved first, every address it
has must be loopback, and what is then used is the address that was checked, never the name
again. No argument, setting or environment variable changes that: a tool that strips TLS has no
business on anybody else's network.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable

from unstrip.io.addresses import look_up

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
WAITING = 64 * 1024  # bytes that may wait for a slow reader before the peer is held up


class NotLoopback(ValueError):
    """The lab was told to leave this machine."""


def require_loopback(host: str) -> list[str]:
    """Return the addresses of `host`.

    Raises: NotLoopback: one of them is none of this machine's own; Unresolved: it has none.
    """
    return _checked(host, look_up(host, 0).result())


async def loopback_addresses(host: str) -> list[str]:
    """Return what `require_loopback` does, without holding the event loop up."""
    return _checked(host, await asyncio.wrap_future(look_up(host, 0)))


async def listen(
    factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
) -> asyncio.Server:
    """Listen on the first address of `host`; port 0 is any that is free.

    Raises: NotLoopback; Unresolved; OSError.
    """
    address, *_ = await loopback_addresses(host)
    return await asyncio.get_running_loop().create_server(factory, address, port)


async def dial(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of `host` that answers.

    Raises: NotLoopback; Unresolved; OSError: the last address's error.
    """
    error: OSError = OSError("no address to connect to")
    for address in await loopback_addresses(host):
        try:
            return await asyncio.open_connection(address, port, limit=WAITING)
        except OSError as failed:
            error = failed
    raise error


def _checked(host: str, addresses: list[str]) -> list[str]:
    outside = [address for address in addresses if not _is_loopback(address)]
    if outside or not addresses:
        shown = ", ".join(outside) or "nowhere"
        raise NotLoopback(f"the lab stays on loopback, and {host!r} is {shown}")
    return addresses


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped  # RFC 4291, 2.5.5.2: the kernel takes it for the IPv4 address
    return any(found in network for network in _LOOPBACK)
