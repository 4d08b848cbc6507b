"""`unstrip report take`: TLS reports of others, from files, mailboxes and a mail server's pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit

import click

from unstrip.escaping import printable
from unstrip.faces.cli.asking import CA_FILE, CONFIG, STORE, AskingOptions, configured, opened
from unstrip.faces.cli.options import FILE
from unstrip.faces.cli.speech import Complaint, Exit, complain, say, warn

if TYPE_CHECKING:
    from unstrip.io.tlsrpt.intake import Intake, Outcome
    from unstrip.io.tlsrpt.mailbox import Mailbox
    from unstrip.io.tlsrpt.verifying import Ask

_PIPE = "-"
_AGAIN = 75  # EX_TEMPFAIL of sysexits(3): the mail server keeps the mail
_TIMEOUT = 60.0  # seconds for each command to an IMAP server
_STORE = "give --store FILE, or set store in the configuration"
_URL = "write imap://USER@HOST/FOLDER, or imaps://"
_PASSWORD = "give --password-file, or set UNSTRIP_IMAP_PASSWORD"  # noqa: S105  # words about one
_LONGEST_PASSWORD = 1024  # bytes
_EPILOG = """\b
exit codes: 0 all were taken, or are there already, 1 some were refused, 2 usage,
3 the way to the IMAP server is tampered with, 4 some, or all, have to be taken later.
With - it is 0, or 75 where the mail server has to try again.

\b
examples:
  unstrip report take ~/Maildir/.tlsrpt
  unstrip report take --imap imap://reports@mail.example.org/INBOX
  unstrip report take google.com!example.org!1795219200!1795305599!001.json.gz"""


@dataclass(frozen=True, slots=True)
class TakeOptions:
    """The options, as given."""

    sources: tuple[str, ...]
    imap: str | None
    password_file: Path | None
    require_dkim: bool
    config: Path | None
    store: str | None
    ca_file: Path | None


@dataclass(slots=True)
class _Run:
    """What is taken in with, and how many were refused so far, or have to be taken later."""

    intake: Intake
    ask: Ask
    refused: int = 0
    later: int = 0

    def tell(self, source: str, outcome: Outcome) -> None:
        self.refused += bool(outcome.kind) and outcome.kind != "duplicate"
        kind = f" ({outcome.kind})" if outcome.fate.value == "refused" else ""
        say(f"{printable(source)}: {outcome.fate.value}{kind}: {outcome.words}")

    def wait(self, source: str, words: str) -> None:
        self.later += 1
        warn(f"{printable(source)}: {words}; it has to be taken later")


class _Take(click.Command):
    """A command line that is wrong, or names a file that is gone, loses no mail."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Have the mail server try again with what comes by a pipe."""
        piped = _PIPE in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if not piped:
                raise
            _keep_mail(error)


@click.command(cls=_Take, epilog=_EPILOG)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--imap", metavar="URL", help="Folder of an IMAP server: imap://USER@HOST/FOLDER.")
@click.option("--password-file", type=FILE, help="First line: password for --imap.")
@click.option("--require-dkim", is_flag=True, help="Refuse mails that no signature proves.")
@CONFIG
@STORE
@CA_FILE
def take(**given: Any) -> None:  # noqa: ANN401  # what click has checked
    """Take in TLS reports that others have sent.

    SOURCE is a mail, a report as it is, a maildir, or - for one mail from a mail server's pipe.
    Mails are looked at once: one that was looked at is marked as seen, and if it was refused,
    flagged. Signatures are verified; what is wrong with a report is said, and counted. Reports
    that are posted come to `unstrip serve`.
    """
    options = TakeOptions(**given)
    if not options.sources and options.imap is None:
        raise Complaint("there is nothing to take", "give a file, a maildir, - or --imap URL")
    try:
        run = _taken(options)
    except Exception as error:
        if _PIPE not in options.sources:
            raise
        _keep_mail(error)
    if _PIPE in options.sources:  # a bounce of what was refused would go to whoever is named in it
        sys.exit(_AGAIN if run.later else 0)
    sys.exit(Exit.UNKNOWN if run.later else Exit.FALLS_SHORT if run.refused else Exit.MEETS)


def _keep_mail(error: Exception) -> NoReturn:
    """Have the mail server try again, whatever went wrong."""
    if isinstance(error, Complaint):
        complain(str(error), error.hint)
    elif isinstance(error, click.UsageError):
        complain(error.format_message().rstrip("."))
    else:
        complain(f"a defect in unstrip: {type(error).__name__}: {error}")
    sys.exit(_AGAIN)


def _taken(options: TakeOptions) -> _Run:
    """Take all there is. Raises: Complaint."""
    from unstrip.io.asyncio import run

    return run(lambda: _taking(options))


async def _taking(options: TakeOptions) -> _Run:
    from unstrip.io.assembly import Unusable, resolver
    from unstrip.io.tlsrpt.intake import Intake

    settings, account = configured(options.config), _account(options)
    try:
        asked = resolver(settings)
    except Unusable as error:
        raise Complaint(str(error), error.hint) from error
    with opened(AskingOptions(options.config, options.store), settings, _STORE) as store:
        assert store is not None, "this command has no --no-store"
        intake = Intake(store, settings.report.ours, strict=options.require_dkim)
        this = _Run(intake, asked.ask)
        for source in options.sources:
            await _source(source, this)
        if account is not None:
            with _folder(account, options.ca_file) as folder:
                await _mailbox(folder, this)
        store.forget_received(settings.report.oldest(datetime.now(UTC).date()))
        return this


async def _source(source: str, this: _Run) -> None:
    if source == _PIPE:
        await _mail("-", _piped(), this)
    elif (maildir := _maildir(Path(source))) is not None:
        await _mailbox(maildir, this)
    else:
        await _file(Path(source), this)


def _piped() -> bytes:
    from unstrip.tlsrpt.letter import LONGEST

    return sys.stdin.buffer.read(LONGEST + 1)  # one more is enough to be refused


def _maildir(path: Path) -> Mailbox | None:
    from unstrip.io.tlsrpt.mailbox import Maildir

    return Maildir(path) if path.is_dir() else None


async def _file(path: Path, this: _Run) -> None:
    from unstrip.io.files import Unread, read
    from unstrip.tlsrpt.letter import LONGEST

    try:
        data = read(path, LONGEST)
    except Unread as error:
        raise Complaint(printable(str(error))) from error
    await _mail(f"{path}", data, this, path.name)


async def _mailbox(mailbox: Mailbox, this: _Run) -> None:
    """Take all that waits in a mailbox; each is marked only when it is kept, or refused."""
    from unstrip.io.tlsrpt.mailbox import NoMailbox

    try:
        for mail in mailbox.waiting():
            refused, later = this.refused, this.later
            if mail.data is None:
                now = datetime.now(UTC)
                this.tell(mail.name, this.intake.turned_away("size", "it is too long", now))
            else:
                await _mail(mail.name, mail.data, this, since=mail.since)
            if this.later == later:
                mailbox.done(mail, flagged=this.refused > refused)
    except NoMailbox as error:
        raise Complaint(printable(str(error)), code=Exit.UNKNOWN) from error


async def _mail(
    name: str, data: bytes, this: _Run, file: str = "", since: datetime | None = None
) -> None:
    from unstrip.io.tlsrpt.intake import Crowded, Unknown
    from unstrip.tlsrpt.letter import bare

    now = datetime.now(UTC)
    try:
        if bare(data):
            outcomes = [this.intake.file(data, file, now)]
        else:
            outcomes = await this.intake.mail(data, this.ask, now, since)
    except (Crowded, Unknown) as error:
        this.wait(name, str(error))
        return
    for outcome in outcomes:
        this.tell(name, outcome)


# IMAP


@dataclass(frozen=True, slots=True)
class _Account:
    """Where mails are, who we are there, and what proves it."""

    server: str
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"


@contextmanager
def _folder(account: _Account, ca_file: Path | None) -> Iterator[Mailbox]:
    """Log in, on a link that is proved to lead to the server, and nowhere else."""
    from unstrip.io.link import Requirement, Unprotected, connect_blocking
    from unstrip.io.tlsrpt.mailbox import ImapFolder, NoMailbox
    from unstrip.io.trust import NoRoots
    from unstrip.target import BadTarget

    try:
        with connect_blocking(account.server, Requirement(ca_file=ca_file)) as link:
            folder = ImapFolder(link, _TIMEOUT)
            folder.log_in(account.user, account.password, account.folder)
            yield folder
            folder.log_out()
    except BadTarget as error:
        raise Complaint(f"--imap: {error}", error.hint) from error
    except NoRoots as error:
        raise Complaint(str(error), "give --ca-file PEM") from error
    except Unprotected as error:
        code = Exit.TAMPERED if error.verdict.code.tampering else Exit.UNKNOWN
        raise Complaint(printable(str(error)), f"unstrip check {account.server}", code) from error
    except NoMailbox as error:
        raise Complaint(printable(str(error)), code=Exit.UNKNOWN) from error


def _account(options: TakeOptions) -> _Account | None:
    """Return what --imap names. Raises: Complaint: something is missing."""
    if options.imap is None:
        return None
    try:
        split = urlsplit(options.imap)
        there = split.scheme in ("imap", "imaps") and split.hostname and split.username
    except ValueError:
        there = None
    if not there:
        shown = printable(options.imap.rpartition("@")[2])  # before it might be a password
        raise Complaint(f"--imap: '{shown}' is no such URL", _URL)
    if split.password is not None:  # everybody on this machine can see it
        raise Complaint("--imap: a password is not given in the URL", _PASSWORD)
    server = f"{split.scheme}://{split.netloc.rpartition('@')[2]}"
    folder = unquote(split.path.strip("/")) or "INBOX"
    return _Account(server, unquote(split.username or ""), _password(options), folder)


def _password(options: TakeOptions) -> str:
    """Return the password. Raises: Complaint: there is none."""
    from unstrip.io.files import Unread, read_text

    if (file := options.password_file) is not None:
        try:
            return read_text(file, _LONGEST_PASSWORD).partition("\n")[0].rstrip("\r")
        except Unread as error:
            raise Complaint(f"--password-file: {printable(str(error))}") from error
    given = os.environ.get("UNSTRIP_IMAP_PASSWORD")
    if not given:
        raise Complaint("--imap: there is no password", _PASSWORD)
    return given
