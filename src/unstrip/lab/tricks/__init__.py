"""The tricks: one file each, and the registry of them.

Adding one here gives it to the command line, the demo and the tests. What a trick is stands in
`unstrip.lab.trick`.
"""

from __future__ import annotations

from unstrip.lab.dialects import DIALECTS
from unstrip.lab.trick import Trick
from unstrip.lab.tricks.bogus_success import BogusSuccess
from unstrip.lab.tricks.clear_answer import ClearAnswer
from unstrip.lab.tricks.early_ok import EarlyOk
from unstrip.lab.tricks.flicker import Flicker
from unstrip.lab.tricks.flip_answer import FlipAnswer
from unstrip.lab.tricks.greet_inside import GreetInside
from unstrip.lab.tricks.half_tls_client import HalfTlsClient
from unstrip.lab.tricks.half_tls_server import HalfTlsServer
from unstrip.lab.tricks.inject import Inject
from unstrip.lab.tricks.inject_fragment import InjectFragment
from unstrip.lab.tricks.inject_late import InjectLate
from unstrip.lab.tricks.mask_banner import MaskBanner
from unstrip.lab.tricks.mask_offer import MaskOffer
from unstrip.lab.tricks.mask_verb import MaskVerb
from unstrip.lab.tricks.own_certificate import OwnCertificate
from unstrip.lab.tricks.pass_through import PassThrough
from unstrip.lab.tricks.refuse import Refuse
from unstrip.lab.tricks.refuse_hello import RefuseHello
from unstrip.lab.tricks.refuse_temporary import RefuseTemporary
from unstrip.lab.tricks.remove_offer import RemoveOffer
from unstrip.lab.tricks.reset import ResetRequest
from unstrip.lab.tricks.silence import Silence
from unstrip.lab.tricks.spoof_state import SpoofState

TRICKS: dict[str, type[Trick]] = {
    trick.NAME: trick
    for trick in (
        PassThrough,
        RemoveOffer,
        MaskOffer,
        MaskBanner,
        RefuseHello,
        Flicker,
        Refuse,
        RefuseTemporary,
        BogusSuccess,
        Silence,
        ResetRequest,
        MaskVerb,
        FlipAnswer,
        SpoofState,
        EarlyOk,
        Inject,
        InjectFragment,
        InjectLate,
        ClearAnswer,
        OwnCertificate,
        HalfTlsClient,
        HalfTlsServer,
        GreetInside,
    )
}


def protocols(trick: type[Trick]) -> tuple[str, ...]:
    """Return the protocols that there is such an attack on."""
    return tuple(name for name, dialect in DIALECTS.items() if trick.suits(dialect))


class NoSuchTrick(ValueError):
    """There is no trick of that name."""


def trick_named(name: str) -> type[Trick]:
    """Return the trick of that name.

    Raises: NoSuchTrick.
    """
    try:
        return TRICKS[name]
    except KeyError:
        raise NoSuchTrick(f"no trick is called {name!r}") from None
