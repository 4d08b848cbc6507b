"""Reports on TLS, there and back, with everything real in between.

    with a_rig(directory) as rig:
        rig.deliver()      # mail to every domain, under every trick of the lab; told, and counted
        rig.send(now)      # `unstrip report send`, by whom the mail was sent
        rig.at_pipe, rig.in_maildir, rig.posted   # the stores of those who took the reports in

There are two Postfixes, NSD and Unbound, two daemons of ours, the lab's middlebox, a policy host
and a web server that only keeps what it is given. Real is all but one thing: Postfix tells of its
deliveries (TLSRPT) from version 3.10 on, which Debian does not have. So `telling.py` reads the log
of the Postfix that there is, and says what a newer one would, in its datagrams.
"""

from tests.interop.reports.names import DOMAINS
from tests.interop.reports.rig import Rig, a_rig

__all__ = ["DOMAINS", "Rig", "a_rig"]
