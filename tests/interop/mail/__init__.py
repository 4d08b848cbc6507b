"""Real mail over an attacked road: all that there is between a sender and the mailboxes.

    with a_rig(directory) as rig:
        rig.road.play("remove-offer")          # or any trick of the lab, or of `tricks`;
                                               # "pass" is honest
        letters = [Letter(domain) for domain in domains]
        ...                                    # a sender sends each to its `recipient`
        in_the_clear(rig.road.visits())        # the marks of those that were seen outside TLS
        overheard(rig.road.visits())           # ... or inside TLS with the middlebox
        rig.destination.arrivals()             # what the receiver's log says of each
        rig.destination.delivered()            # what is in the mailboxes, by mark

The world is that of `tests.interop.world`, with the lab's middlebox at port 25 of its mail servers,
and these behind it; they hand all mail on to Dovecot, one mailbox a domain. The sender is whoever
is tried: it is run by `rig.within`, a command to which its own is appended, so that it asks the
world's resolver; it trusts `rig.certificates.ca`, and asks `rig.daemon`, which is `unstrip serve`
with a table (`rig.TABLE`; `rule` adds to it while it is running), and a history (visited, steady).
What a domain's mail may do, and what it must not, is in `fates`; what a sender does, from the first
letter to the last, in `postfix_course` and `exim_course`.
"""

from tests.interop.mail.letters import Letter
from tests.interop.mail.rig import Rig, a_rig
from tests.interop.mail.road import HONEST, TRICKS, in_the_clear, overheard

__all__ = ["HONEST", "TRICKS", "Letter", "Rig", "a_rig", "in_the_clear", "overheard"]
