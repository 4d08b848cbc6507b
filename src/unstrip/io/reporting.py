"""Who reports, and how reports go out: the table [report] of the configuration.

    [report]
    organization = "Example Inc"
    contact = "postmaster@example.org"
    dkim-key = "dkim/tlsrpt.pem"
    dkim-selector = "tlsrpt"

Without `organization` and `contact`, nobody is there to report.
"""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec

from unstrip.escaping import brief
from unstrip.hostname import host_name
from unstrip.io.serving import internet
from unstrip.tlsrpt.record import MAILTO, destination
from unstrip.tlsrpt.report import Reporter
from unstrip.tlsrpt.schedule import SPREAD

_LONGEST_NAME = 200  # characters


class ReportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The whole table.

    Attributes:
        organization, contact: who reports: its name, and the address of somebody there.
        domain: in whose name that is; "" is that of the contact.
        submit: where the local mail server takes mail.
        envelope_from: who is told when a report cannot be delivered; None is the contact, and ""
            nobody.
        dkim_key, dkim_selector: what reports are signed with; None leaves it to the mail server.
        spread: seconds over which the reports of a day go out.
        suppress: domains that are told nothing.
        verify_https: web servers that take reports have to prove their names.
        private_https: they may be at addresses of this machine and its network.
        domains: whose reports are taken in, with what is below them; none are all.
        trusted: who has to say that all is well, before a policy is enforced; none are all.
        ignore: senders whose reports say nothing about whether a policy may be enforced.
        keep_days: for how long it is remembered what was counted, and what went out.
        keep_received_days: for how long it is remembered what others reported.
    """

    organization: str = ""
    contact: str = ""
    domain: str = ""
    submit: str = "127.0.0.1:25"
    envelope_from: str | None = None
    dkim_key: Path | None = None
    dkim_selector: str | None = None
    spread: Annotated[float, msgspec.Meta(ge=0, le=SPREAD.total_seconds())] = SPREAD.total_seconds()
    suppress: tuple[str, ...] = ()
    verify_https: bool = True
    private_https: bool = False
    domains: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    keep_days: Annotated[int, msgspec.Meta(ge=3, le=3660)] = 30
    keep_received_days: Annotated[int, msgspec.Meta(ge=30, le=3660)] = 400

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if bool(self.organization) is not bool(self.contact):
            raise ValueError("organization and contact: give both, or neither")
        if not self.organization.isprintable() or len(self.organization) > _LONGEST_NAME:
            raise ValueError(f"organization: '{brief(self.organization)}' is no name")
        if self.contact:
            self._check_names()
        if (self.dkim_key is None) is not (self.dkim_selector is None):
            raise ValueError("dkim-key and dkim-selector: give both, or neither")
        _checked("dkim-selector", self.dkim_selector)
        for domain in self.suppress:
            _checked("suppress", domain)
        for domain in self.domains:
            _checked("domains", domain)
        for domain in self.trusted:
            _checked("trusted", domain)
        for domain in self.ignore:
            _checked("ignore", domain)
        if not ip_address(self.place[0]).is_loopback:
            raise ValueError(f"submit: {self.place[0]} is not a loopback address")

    @property
    def reporter(self) -> Reporter | None:
        """Who reports; None where it is not said."""
        if not self.contact:
            return None
        contact = _address(self.contact)
        domain = host_name(self.domain) if self.domain else _domain(contact)
        return Reporter(self.organization, contact, domain)

    @property
    def sender(self) -> str:
        """The envelope's sender of a report."""
        given = self.contact if self.envelope_from is None else self.envelope_from
        return _address(given) if given else ""

    @property
    def place(self) -> tuple[str, int]:
        """The address and the port of the mail server. Raises: ValueError."""
        found = internet(self.submit)
        if found is None or not found[1]:
            raise ValueError(f"submit: '{brief(self.submit)}' is not ADDRESS:PORT")
        return found

    @property
    def suppressed(self) -> frozenset[str]:
        """The domains that are told nothing, as A-labels."""
        return frozenset(map(host_name, self.suppress))

    @property
    def ours(self) -> tuple[str, ...]:
        """The domains whose reports are taken in, as A-labels; none are all."""
        return tuple(map(host_name, self.domains))

    def oldest(self, today: date) -> date:
        """The first day of which it is remembered what came from others."""
        return today - timedelta(days=self.keep_received_days)

    @property
    def believed(self) -> tuple[str, ...]:
        """Who has to say that all is well, as A-labels; none are all."""
        return tuple(map(host_name, self.trusted))

    @property
    def ignored(self) -> tuple[str, ...]:
        """The senders whose reports say nothing of a step, as A-labels."""
        return tuple(map(host_name, self.ignore))

    @property
    def spreading(self) -> timedelta:
        """The time over which the reports of a day go out."""
        return timedelta(seconds=self.spread)

    def _check_names(self) -> None:
        _checked("domain", self.domain or None)
        there = _checked_address("contact", self.contact)
        if self.envelope_from:
            _checked_address("envelope-from", self.envelope_from)
        # RFC 8460, 5.3: who submits is the contact's domain, and signs for it
        if self.domain and not f".{there}".endswith(f".{host_name(self.domain)}"):
            raise ValueError(f"contact: {there} does not belong to {brief(self.domain)}")


def _checked(key: str, name: str | None) -> None:
    try:
        if name is not None:
            host_name(name)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _checked_address(key: str, text: str) -> str:
    """Return the domain of an address. Raises: ValueError."""
    try:
        return _domain(_address(text))
    except ValueError as error:
        raise ValueError(f"{key}: '{brief(text)}' is no address") from error


def _address(text: str) -> str:
    """Return an address, with its domain as A-labels. Raises: ValueError."""
    return destination(f"{MAILTO}{quote(text, safe='@')}").address


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
