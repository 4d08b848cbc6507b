"""A check of a domain: whatever it announces, each server of it, against every policy there is.

Mail goes to the hosts that MX names; the other services are those that have SRV records. What is
visited is the address that our resolver gave for the name that DNS gave: one source for policies
and addresses, so that no two of them can tell us different stories.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from unstrip.derivation import Sought
from unstrip.io.addresses import through
from unstrip.io.check import Checked, Plan, visit
from unstrip.io.inquiry import Inquired, Inquiry
from unstrip.policy.dane import Route
from unstrip.protocols import SERVICES


@dataclass(frozen=True, slots=True)
class ServiceChecked:
    """One service of a domain.

    Attributes: inquired: what should happen at its servers; servers: what does.
    """

    inquired: Inquired
    servers: tuple[Checked, ...]

    @property
    def failed(self) -> bool:
        """Its servers could not be found out: there may be some."""
        return self.inquired.derivation.route.route is Route.FAILED


@dataclass(frozen=True, slots=True)
class DomainChecked:
    """A domain, and each of its services."""

    domain: str
    services: tuple[ServiceChecked, ...]


async def check_domain(domain: str, plan: Plan, inquiry: Inquiry) -> DomainChecked:
    """Check a domain.

    Raises: StoreError: the store cannot be used.
    """
    plan = replace(plan, terms=replace(plan.terms, look_up=through(inquiry.addresses)))
    announced = await _announced(domain, inquiry)
    found = [await _visited(inquired, plan) for inquired in announced]
    return DomainChecked(domain, tuple(found))


async def _announced(domain: str, inquiry: Inquiry) -> list[Inquired]:
    """Return the services that a domain has; of those that it has not, mail alone is told."""
    sought = [Sought(each.name, each.protocol, each.implicit) for each in SERVICES.values()]
    mail, *others = await asyncio.gather(
        inquiry.mail(domain), *(inquiry.service(domain, one) for one in sought)
    )
    absent = (Route.MISSING, Route.NOWHERE)
    present = [one for one in others if one.derivation.route.route not in absent]
    return [mail, *present]


async def _visited(inquired: Inquired, plan: Plan) -> ServiceChecked:
    visits = (visit(destination, plan) for destination in inquired.derivation.destinations)
    return ServiceChecked(inquired, tuple(await asyncio.gather(*visits)))
