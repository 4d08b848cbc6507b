"""NUT, as a box hears it."""

from __future__ import annotations

from types import MappingProxyType

from unstrip.lab.dialect import LineDialect, Words


class Nut(LineDialect):
    """NUT's network protocol: the client speaks first, and nothing is listed."""

    PROTOCOL = "nut"
    SUCCESS = b"OK STARTTLS"
    WORDS = Words(
        refusals=MappingProxyType(
            {
                code: b"ERR %b\n" % code.encode()
                for code in (
                    "FEATURE-NOT-CONFIGURED",
                    "FEATURE-NOT-SUPPORTED",
                    "ALREADY-SSL-MODE",
                    "UNKNOWN-COMMAND",
                    "ACCESS-DENIED",
                )
            }
        ),
        temporary=b"ERR DRIVER-NOT-CONNECTED\n",  # the one fault that passes by itself
        bogus=b"OK\n",  # as LOGIN is answered, and STARTTLS never
        answer=b"Network UPS Tools upsd 2.8.0\n",
        fragment=b"Network UPS Tools X-INJECTED",
        unexpected=b"ERR UNKNOWN-COMMAND\n",
    )
