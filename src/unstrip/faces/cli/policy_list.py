"""`unstrip policy list`: a signed list of domains that are known to have TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unstrip.faces.cli.asking import CONFIG, STORE, configured, reading
from unstrip.faces.cli.options import FILE
from unstrip.faces.cli.speech import Complaint, Exit, say

if TYPE_CHECKING:
    from unstrip.policy.starttls_everywhere import PolicyList

_json = click.option("--json", is_flag=True, help="The whole list as one JSON object.")
_signature = click.option(
    "--signature",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The signature's file. [default: FILE.asc]",
)


@click.group("list")
def list_() -> None:
    """Look at, verify and sign a list of domains that have TLS.

    The format is that of STARTTLS Everywhere. A list works before the first visit, and without
    DNSSEC; what it says ends when it expires.
    """


@list_.command()
@click.argument("file", type=FILE, required=False)
@CONFIG
@STORE
@_json
def show(file: Path | None, config: Path | None, store: str | None, *, json: bool) -> None:
    """Show what the list in FILE says, signed or not.

    Without FILE it is the list that is configured, as it was kept when it was last taken.
    """
    listed = _kept(config, store) if file is None else _parsed(_body(file), file)
    _show(listed, json=json)


def _kept(config: Path | None, where: str | None) -> PolicyList:
    from unstrip.io.policy_list import kept

    settings = configured(config)
    if settings.list is None:
        raise Complaint("no list is configured", "give FILE, or [list] in the configuration")
    with reading(config, where) as store:
        found = kept(settings.list.source, settings.list.key, store, datetime.now(UTC))
    if found.listed is None:
        words = found.trouble or "nothing is kept of the list that is configured"
        raise Complaint(words, "it is taken when policies are asked for", Exit.FALLS_SHORT)
    return found.listed


@list_.command()
@click.argument("file", type=FILE)
@click.option("--key", type=FILE, required=True, help="File of OpenPGP public keys.")
@_signature
@_json
def verify(file: Path, key: Path, signature: Path | None, *, json: bool) -> None:
    """Verify that the list in FILE is signed, and may be used now.

    It has to be signed by one of the keys, and made for now.
    """
    from unstrip.io import openpgp
    from unstrip.io.policy_list import beside_file

    body, keys = _body(file), _read(key, openpgp.LONGEST_KEYS)
    signed = _read(signature or beside_file(file), openpgp.LONGEST_SIGNATURE)
    now = datetime.now(UTC)
    try:
        signer = openpgp.verify(body, signed, keys, now)
    except openpgp.BadKey as error:
        raise Complaint(f"{key}: {error}", "gpg --armor --export KEY") from error
    except openpgp.BadSignature as error:
        raise Complaint(f"{file}: {error}", code=Exit.FALLS_SHORT) from error
    listed = _current(body, file, now)
    if not json:
        say(f"signed by {signer}")
    _show(listed, json=json)


@list_.command()
@click.argument("file", type=FILE)
@click.option("--key", type=FILE, required=True, help="File of one OpenPGP secret key.")
@_signature
def sign(file: Path, key: Path, signature: Path | None) -> None:
    """Sign the list in FILE, unless it is invalid or expired.

    A passphrase is asked for. Where the secret key is in gpg's hands alone, gpg signs:
    gpg --armor --detach-sign FILE
    """
    from unstrip.io.openpgp import LONGEST_KEYS
    from unstrip.io.policy_list import beside_file

    body, secret = _body(file), _read(key, LONGEST_KEYS)
    _current(body, file, datetime.now(UTC))
    signed = _signed(body, secret, key)
    target = signature or beside_file(file)
    try:
        target.write_bytes(signed)
    except OSError as error:
        raise Complaint(f"{target} cannot be written: {_reason(error)}") from error
    say(f"signature written to {target}")


def _signed(body: bytes, secret: bytes, key: Path) -> bytes:
    from unstrip.io import openpgp

    try:
        try:
            return openpgp.sign(body, secret)
        except openpgp.Locked:
            passphrase = click.prompt(f"passphrase of {key}", hide_input=True, err=True)
            return openpgp.sign(body, secret, passphrase)
    except openpgp.BadKey as error:
        raise Complaint(f"{key}: {error}", "gpg --armor --export-secret-keys KEY") from error


def _body(file: Path) -> bytes:
    from unstrip.policy.starttls_everywhere import LONGEST

    return _read(file, LONGEST)


def _read(path: Path, most: int) -> bytes:
    from unstrip.io.files import Unread, read

    try:
        return read(path, most)
    except Unread as error:
        raise Complaint(str(error)) from error


def _parsed(body: bytes, file: Path) -> PolicyList:
    from unstrip.policy.starttls_everywhere import parse

    with _refused(file):
        return parse(body)


def _current(body: bytes, file: Path, now: datetime) -> PolicyList:
    from unstrip.io.policy_list import current

    with _refused(file):
        return current(body, now)


@contextmanager
def _refused(file: Path) -> Iterator[None]:
    """Tell the user what is wrong with a list."""
    from unstrip.io.policy_list import Untimely
    from unstrip.policy.starttls_everywhere import BadList

    try:
        yield
    except BadList as error:
        raise Complaint(f"{file}: {error}") from error
    except Untimely as error:
        words = "give it a new timestamp and expires, and sign it again"
        raise Complaint(f"{file}: {error}", words, Exit.FALLS_SHORT) from error


def _show(listed: PolicyList, *, json: bool) -> None:
    from unstrip.escaping import brief
    from unstrip.evidence import to_json

    if json:
        say(to_json(listed))
        return
    count = len(listed.policies)
    author = f" by {brief(listed.author)}" if listed.author else ""
    say(f"{count} {'domain' if count == 1 else 'domains'}{author}")
    say(f"made {listed.timestamp:%Y-%m-%d %H:%M}, expires {listed.expires:%Y-%m-%d %H:%M} UTC")
    for domain, entry in sorted(listed.policies.items()):
        pins = f", {len(entry.pins)} pinned" if entry.pins else ""
        say(f"  {domain}  {entry.mode.value}  {', '.join(entry.mxs)}{pins}")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
