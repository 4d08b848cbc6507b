"""The record by which receivers check who signed a report (RFC 6376, 3.6.1; RFC 8460, 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unstrip.escaping import brief
from unstrip.policy.questions import Kind, Source, Txt, dns

_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is to be published: at which name, and the public key in base64."""

    name: str
    key: str

    @property
    def text(self) -> str:
        """The record; s=tlsrpt says that it is for reports and for no other mail."""
        return f"v=DKIM1; k=rsa; s=tlsrpt; p={self.key}"


def look(ours: KeyRecord) -> Source[str]:
    """Look for the record; return what is wrong with it, "" if nothing is."""
    answer = yield from dns(ours.name, Kind.TXT)
    if answer.failed:
        return f"{ours.name} could not be looked up: {answer.said()}"
    found = [_tags(record.joined.decode("latin-1")) for record in answer.of(Txt)]
    keys = [tags for tags in found if "p" in tags]
    if not keys:
        return f"there is no key at {ours.name}"
    same = [tags for tags in keys if tags["p"] == ours.key]
    if not same:
        return f"the key at {ours.name} is another one"
    services = {service for tags in same for service in tags.get("s", "*").split(":")}
    if not services & {"*", "tlsrpt"}:
        return f"the key at {ours.name} is not for reports: s={brief(same[0]['s'])}"
    return ""


def _tags(text: str) -> dict[str, str]:
    """Return what a record says, without blanks (RFC 6376, 3.2)."""
    parts = (_BLANK.sub("", part).partition("=") for part in text.split(";"))
    return {name: value for name, _, value in parts}
