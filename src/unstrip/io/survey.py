"""Everything that a publication rests on: what is published, what is remembered, every MX host.

Each address of a host is visited, for senders may come to any of them; what DNS names is what is
dialled, and TLS is not asked for where it is not offered, since senders do not either.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from unstrip.evidence import Endpoint, Evidence
from unstrip.io.asyncio import attend
from unstrip.io.inquiry import Asked, Inquiry
from unstrip.io.session import Terms
from unstrip.publication import Seen, Server, look

AT_ONCE = 20  # visits


async def survey(
    domain: str, inquiry: Inquiry, terms: Terms, port: int = 25, coming: tuple[str, ...] = ()
) -> Seen:
    """Find out all that there is to know about a domain's mail.

    Args: terms: for each visit; `connect_to` stands for all addresses of every host; coming: hosts
        that are to be in the MX.
    Raises: StoreError.
    """
    asked: list[Asked] = []
    held = (await inquiry.mail(domain, again=True)).derivation.sts
    seen = await inquiry.run(look(domain, datetime.now(UTC), port, coming), asked)
    places = asyncio.Semaphore(AT_ONCE)
    servers = [_visited(server, port, terms, places) for server in seen.servers]
    return replace(seen, held=held, servers=tuple(await asyncio.gather(*servers)))


async def _visited(server: Server, port: int, terms: Terms, places: asyncio.Semaphore) -> Server:
    if terms.connect_to and server.addresses:  # it stands for those that are too many as well
        server = replace(server, addresses=(terms.connect_to,), beyond=0)

    async def visit(address: str) -> Evidence:
        endpoint = Endpoint(server.name, port, "smtp")
        async with places:
            seen = await attend(endpoint, replace(terms, connect_to=address))
        return replace(seen, address=seen.address or address)  # of one that is mute, too

    visits = await asyncio.gather(*map(visit, server.addresses))
    return replace(server, visits=tuple(visits))
