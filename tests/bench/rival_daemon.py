"""Runs postfix-mta-sts-resolver, told whom to ask: `rival_daemon.py SERVER:PORT [its own options]`.

Its library asks whom /etc/resolv.conf names, which is for the whole machine and knows no ports.
Nothing else of it is changed. This runs in the rival's environment, and imports nothing of ours.
"""

import sys
from functools import partialmethod

import aiodns
from postfix_mta_sts_resolver.daemon import main

aiodns.DNSResolver.__init__ = partialmethod(
    aiodns.DNSResolver.__init__, nameservers=[sys.argv.pop(1)]
)
sys.exit(main())
