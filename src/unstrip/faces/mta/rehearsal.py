"""`unstrip serve --check-config`: what the daemon would do, and what would keep it from that.

Everything that is configured is looked at as whoever starts this, as far as nothing is made for it
and nobody on the network is asked. All that is wrong is told, not only what comes first.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from unstrip.escaping import printable
from unstrip.faces.mta.creed import asked
from unstrip.faces.mta.descriptors import share, wanted
from unstrip.io import assembly
from unstrip.io.configuration import Configuration, ListSettings
from unstrip.io.files import NoHome, state_folder
from unstrip.io.resolver.configured import distrust
from unstrip.io.serving import Place, ServeSettings, SpoolSettings
from unstrip.io.store import StoreError, default_path
from unstrip.io.store.glance import glance
from unstrip.io.tlsrpt.posted import NoCertificate, context
from unstrip.io.trust import NoRoots, anchors
from unstrip.policy import local

_SOCKETS = "see [[serve.listen]] in docs/reference/configuration.md"
_STORE = "set store in the configuration to a place that can be written"
_SPOOL = "set folder in [serve.spool]"
_LIST = "see [list] in docs/reference/configuration.md, or take it out to do without"
_PRIVILEGED = 1024  # ports below are root's


class Weight(Enum):
    """What a remark is about."""

    PLAN = "what the daemon would do"
    WARNING = "what somebody should look at"
    ERROR = "what would keep it from serving"


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of it. Attributes: hint: what could be done, "" where nothing is to be."""

    words: str
    hint: str = ""
    weight: Weight = Weight.PLAN


def rehearsal(settings: Configuration) -> Iterator[Remark]:
    """Yield all there is to say of a configuration."""
    yield from _rights()
    for place in settings.serve.listen:
        yield from _place(place)
    yield from _descriptors(settings.serve)
    if any(place.speaks == "tlsrpt" for place in settings.serve.listen):
        yield from _spool(settings.serve.spool)
    yield from _store(settings)
    yield from _resolver(settings)
    yield from _roots()
    yield from _table(settings.policy)
    if settings.list:
        yield from _list(settings.list)


def _error(words: str, hint: str) -> Remark:
    return Remark(words, hint, Weight.ERROR)


def _warning(words: str, hint: str) -> Remark:
    return Remark(words, hint, Weight.WARNING)


def _rights() -> Iterator[Remark]:
    if os.geteuid() == 0:
        words = "this looks as root, who may do everything; the daemon needs no such rights"
        hint = "try again as its user, by runuser -u USER, or by ExecStartPre= in the unit"
        yield _warning(words, hint)


# Where it listens


def _place(place: Place) -> Iterator[Remark]:
    kept = f", mode {place.mode}" if place.path else ""
    kept += f", owner {printable(place.owner)}" if place.owner else ""
    kept += f", group {printable(place.group)}" if place.group else ""
    yield Remark(f"listens at {printable(place.at)} for {place.speaks}{kept}")
    troubles = _path(place, place.path) if place.path else _address(*place.address)
    for words in troubles:
        yield _error(f"{printable(place.at)}: {words}", _SOCKETS)
    try:
        if place.certificate and place.key:
            context(place.certificate, place.key)
    except NoCertificate as error:
        yield _error(str(error), "set certificate and key in [[serve.listen]]")


def _address(host: str, port: int) -> Iterator[str]:
    """Say whether this machine has an address; the port is the running daemon's, perhaps."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host, 0))
    except OSError as error:
        yield (error.strerror or str(error)).lower()
    if 0 < port < _PRIVILEGED and os.geteuid() != 0:
        yield f"ports below {_PRIVILEGED} are for root, or for a socket of systemd"


def _path(place: Place, path: Path) -> Iterator[str]:
    folder = printable(str(path.parent))
    if not path.parent.is_dir():
        yield f"there is no directory {folder}"
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        yield f"nothing can be made in {folder}"
    elif os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        yield "something is there, and it is no socket"
    yield from _owner(place.owner)
    yield from _group(place.group)


def _owner(name: str | None) -> Iterator[str]:
    try:
        if name is not None and pwd.getpwnam(name).pw_uid != os.geteuid() != 0:
            yield f"only root can give a socket to {printable(name)}"
    except KeyError:
        yield f"there is no user {printable(name or '')}"


def _group(name: str | None) -> Iterator[str]:
    try:
        number = None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        yield f"there is no group {printable(name or '')}"
        return
    if number is not None and os.geteuid() != 0 and number not in (os.getegid(), *os.getgroups()):
        group = printable(name or "")
        yield f"this user is not in the group {group}; in the unit, SupplementaryGroups={group}"


def _descriptors(settings: ServeSettings) -> Iterator[Remark]:
    services = len({place.speaks for place in settings.listen} - {"tlsrpt"})  # has no clients
    asked, most = settings.limits.connections, share(services)
    if most < asked:
        words = f"there are descriptors for {most} clients of each service, and not for {asked}"
        hint = f"allow {wanted(services, asked)} (LimitNOFILE=, ulimit -Hn), or fewer connections"
        yield _warning(words, hint)


def _spool(settings: SpoolSettings) -> Iterator[Remark]:
    try:
        folder = settings.folder or state_folder() / "spool"
    except NoHome as error:
        yield _error(str(error), _SPOOL)
        return
    yield Remark(f"keeps datagrams in {printable(str(folder))} until they are counted")
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield _error(f"nothing can be made in {printable(str(there))}", _SPOOL)


# What it remembers, asks and believes


def _store(settings: Configuration) -> Iterator[Remark]:
    try:
        found = glance(str(settings.store or default_path()))
    except StoreError as error:
        yield _error(str(error), _STORE)
        return
    yield Remark(f"remembers in {printable(found.words)}")
    if found.damaged:
        yield _warning(
            printable(found.trouble), "what can be read of it is kept, and it is made anew"
        )
    elif found.trouble:
        yield _error(printable(found.trouble), found.hint or _STORE)


def _resolver(settings: Configuration) -> Iterator[Remark]:
    try:
        assembly.resolver(settings)
    except assembly.Unusable as error:
        yield _error(str(error), error.hint)
        return
    yield Remark(f"asks {asked(settings.resolver)}")
    words, _, hint = distrust(settings).partition("; ")
    if words:
        yield _warning(f"no DANE: {words}", hint)


def _roots() -> Iterator[Remark]:
    try:
        yield Remark(f"trusts the roots in {printable(anchors().source)}")
    except NoRoots as error:
        yield _error(str(error), "set SSL_CERT_FILE")


def _table(path: Path | None) -> Iterator[Remark]:
    try:
        table = assembly.table(path)
    except assembly.Unusable as error:
        yield _error(str(error), error.hint)
        return
    rules = "1 rule" if len(table.rule) == 1 else f"{len(table.rule)} rules"
    yield Remark(f"has {rules} of its own{f', in {printable(str(path))}' if path else ''}")
    if overriding := local.last_words(table):
        yield _warning(overriding, "take override out of what should be protected again")
    if idle := local.idle(table):
        yield _warning(idle, "put what is about fewer destinations above what is about more")


def _list(settings: ListSettings) -> Iterator[Remark]:
    yield Remark(f"takes the list at {printable(str(settings.file or settings.url))}")
    trouble, over = assembly.tried(settings)
    if over:
        yield _warning(f"list: {trouble}", "it says nothing any more: it needs a newer one")
    elif trouble:
        yield _error(f"list: {trouble}", _LIST)
