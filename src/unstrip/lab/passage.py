"""One client's way to the server, through one trick.

In clear, one loop serves both sides, so that nothing crosses while a trick's actions are carried
out. Once TLS begins, each direction is passed on by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from unstrip.lab.crossings import Crossings, Leg
from unstrip.lab.dialect import Command
from unstrip.lab.ear import Ear
from unstrip.lab.end import End, Streams
from unstrip.lab.interception import Secured, careless_context, intercept
from unstrip.lab.loopback import dial
from unstrip.lab.trick import (
    Actions,
    Close,
    Ending,
    Intercept,
    Pause,
    Relay,
    Reset,
    Splice,
    ToClient,
    ToServer,
    Trick,
)
from unstrip.protocols import REGISTRY
from unstrip.tunnel import Tunnel

Address: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a passage leads.

    Attributes: server: the server's STARTTLS port; implicit: its port for TLS from the start.
    """

    server: Address
    implicit: Address | None = None


class Passage:
    """One client's way to the server.

    Args:
        streams: the client's connection.
        route: where to.
        trick: made for this client alone.
        crossings: keeps what crosses.
    """

    def __init__(self, streams: Streams, route: Route, trick: Trick, crossings: Crossings) -> None:
        self._route, self._trick = route, trick
        self._note = partial(crossings.note, trick.nth)
        self._client = self._end(streams, Leg.FROM_CLIENT, Leg.TO_CLIENT)
        self._server: End | None = None
        self._asked: Command | None = None
        self._greeted = False

    async def run(self) -> None:
        """Let what is said cross, until one side is gone or the trick ends it.

        Raises: NotLoopback; OSError; ProtocolError: TLS broke, where the trick speaks TLS.
        """
        server = await self._dial(self._route.server)
        match await self._clear(server):
            case Relay():
                await _relay(self._client, server)
            case Intercept() as how:
                await self._intercept(server, how)
            case Splice(hello):
                await _relay(self._client, await self._leave_for_implicit(server), hello)
            case Reset():
                self._client.reset()
                server.reset()
            case Close():
                pass

    async def close(self) -> None:
        """Close both connections."""
        ends = [end for end in (self._client, self._server) if end is not None]
        await asyncio.gather(*(end.close() for end in ends))

    async def _intercept(self, server: End, how: Intercept) -> None:
        if how.redial:
            await server.close()
            server = await self._dial(self._route.server)
        dialect = self._trick.dialect
        pose = visit = None
        if how.context is not None:
            if REGISTRY[dialect.PROTOCOL].LEGACY:
                how.context.maximum_version = ssl.TLSVersion.TLSv1_2
            pose = Tunnel(how.context, None, server_side=True)
        if how.upwards:
            visit = Tunnel(careless_context(REGISTRY[dialect.PROTOCOL]), self._route.server[0])
        client_end = Secured(self._client, pose, dialect.envelope(), how.hello)
        server_end = Secured(server, visit, dialect.envelope())
        await intercept(client_end, server_end, self._note, how.opening)

    # In clear

    async def _clear(self, server: End) -> Ending:
        while not server.ended:
            await _hear([self._client, server])
            for actions in self._reactions(server):
                ending = await self._perform(actions, server)
                if ending is not None:
                    return ending
            if self._client.ended:
                server.hang_up()
        return Close()

    async def _perform(self, actions: Actions, server: End) -> Ending | None:
        for action in actions:
            match action:
                case ToClient(data):
                    await self._client.write(data)
                case ToServer(data):
                    await server.write(data)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case _:
                    return action
        return None

    def _reactions(self, server: End) -> Iterator[Actions]:
        """Yield what the trick makes of each message that is whole by now."""
        yield from self._of_client(self._client)
        yield from self._of_server(server)

    def _of_client(self, client: End) -> Iterator[Actions]:
        while (data := client.ear.next(self._trick.dialect.command_end)) is not None:
            self._asked = self._trick.dialect.read_command(data)
            yield self._trick.client_says(self._asked)
        if client.ear.tls:
            yield self._trick.client_hello(client.ear.rest())
        elif client.ended:
            yield iter([ToServer(client.ear.rest())])

    def _of_server(self, server: End) -> Iterator[Actions]:
        dialect = self._trick.dialect
        while (data := server.ear.next(self._reply_end)) is not None:
            reply = dialect.read_reply(data, self._asked, first=not self._greeted)
            self._greeted = True
            yield self._trick.server_says(reply)
        if server.ear.tls:
            yield iter([ToClient(server.ear.rest()), Relay()])
        elif server.ended:
            yield iter([ToClient(server.ear.rest())])

    def _reply_end(self, heard: bytes) -> int:
        return self._trick.dialect.reply_end(heard, self._asked)

    # Connections

    async def _dial(self, address: Address) -> End:
        self._server = self._end(await dial(*address), Leg.FROM_SERVER, Leg.TO_SERVER)
        return self._server

    async def _leave_for_implicit(self, server: End) -> End:
        assert self._route.implicit is not None, "the middlebox sees to it"
        await server.close()
        return await self._dial(self._route.implicit)

    def _end(self, streams: Streams, heard: Leg, sent: Leg) -> End:
        ear = Ear(self._trick.dialect.begins_tls, naive=self._trick.dialect.naive)
        return End(streams, ear, partial(self._note, heard), partial(self._note, sent))


async def _hear(ends: list[End]) -> None:
    """Wait until one of them has spoken or hung up."""
    listening = [end for end in ends if not end.ended]
    await asyncio.wait([end.listen() for end in listening], return_when=asyncio.FIRST_COMPLETED)
    for end in listening:
        end.catch()


async def _relay(client: End, server: End, hello: bytes = b"") -> None:
    """Pass on what comes, both ways, until the server has finished."""
    await server.write(hello)
    upwards = asyncio.create_task(_pump(client, server))
    try:
        await _pump(server, client)
    finally:
        upwards.cancel()
        await asyncio.gather(upwards, return_exceptions=True)


async def _pump(source: End, sink: End) -> None:
    try:
        while data := await source.read():
            await sink.write(data)
        sink.hang_up()
    except ConnectionError:  # whoever is still there is to know
        source.reset()
        sink.reset()
