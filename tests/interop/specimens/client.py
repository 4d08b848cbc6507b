"""An SMTP client built on aiosmtplib: `client.py PORT CA`.

It prints what it takes for the server's answer to EHLO inside TLS, or why there is none.
"""

import asyncio
import ssl
import sys

import aiosmtplib


async def main(port: str, roots: str) -> str:
    """Upgrade, verify the certificate, say EHLO again, and return the answer."""
    client = aiosmtplib.SMTP(
        hostname="localhost",
        port=int(port),
        start_tls=False,
        tls_context=ssl.create_default_context(cafile=roots),
        timeout=5,
    )
    try:
        await client.connect()
        await client.starttls()
        answer = await client.ehlo()
    except aiosmtplib.SMTPException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        client.close()
    return answer.message


sys.stdout.write(asyncio.run(main(*sys.argv[1:])))
