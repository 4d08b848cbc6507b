"""What the daemon believes, told to whoever runs it: at the start and whenever it is read again."""

from __future__ import annotations

from unstrip.faces.mta.log import Log
from unstrip.io.configuration import Configuration, ResolverSettings
from unstrip.io.resolver.servers import Server, server, system
from unstrip.io.store import default_path, file_of
from unstrip.policy import local


def profess(log: Log, settings: Configuration, table: local.Table) -> None:
    """Tell what is believed, and what of the operator's own table he should know about."""
    log.info(
        "believes",
        rules=len(table.rule),
        table=str(settings.policy or "none"),
        store=_store(settings),
        resolver=asked(settings.resolver),
        **({"list": str(settings.list.file or settings.list.url)} if settings.list else {}),
    )
    for event, words in (("overriding", local.last_words(table)), ("idle", local.idle(table))):
        if words:
            log.warning(event, words=words)


def asked(settings: ResolverSettings) -> str:
    """Say who is asked for DNS, and by whom DNSSEC is checked."""
    named = tuple(map(server, settings.servers))
    if settings.backend == "libunbound":
        through = ", ".join(map(str, named)) or "the name servers of the Internet"
        return f"{through}, and checks DNSSEC itself"
    known = ", ".join(f"{each}{_believed(each, settings)}" for each in named or system())
    tested = any((settings.validates, settings.fails))
    return f"{known}{', and tries whether it validates' if tested else ''}"


def _believed(one: Server, settings: ResolverSettings) -> str:
    return " (trusted)" if one.address in settings.trusted else ""


def _store(settings: Configuration) -> str:
    """Say where it is; a URL may have a password in it."""
    return str(file_of(str(settings.store or default_path())) or "a database of PostgreSQL")
