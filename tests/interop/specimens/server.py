"""An SMTP server built on aiosmtpd: `server.py PORT CHAIN KEY`, on loopback."""

import asyncio
import ssl
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def main(port: str, chain: str, key: str) -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Sink(), hostname="localhost", tls_context=context), "127.0.0.1", int(port)
    )
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
