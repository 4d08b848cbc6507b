"""GnuPG with a key ring of its own: keys as operators make them, and its word on our signatures."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tests.interop.servers import UnavailableError

PATIENCE = 60.0  # seconds: a key takes some randomness


@dataclass(frozen=True, slots=True)
class Gpg:
    """A key ring, and what is done with it.

    Args: home: with a short name, for the agent's socket is in it; clock: what time it is to gpg.
    """

    home: Path
    clock: datetime | None = None

    def at(self, clock: datetime) -> "Gpg":
        """The same key ring at another time."""
        return replace(self, clock=clock)

    def make(self, name: str, kind: str = "ed25519", lasts: str = "never", locked: str = "") -> str:
        """Make a key that may sign, and return its fingerprint."""
        self.run("--quick-gen-key", name, kind, "sign", lasts, passphrase=locked)
        listed = self.run("--with-colons", "--list-keys", f"={name}").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def add_subkey(self, fingerprint: str) -> None:
        """Give a key a part that signs in its place."""
        self.run("--quick-add-key", fingerprint, "ed25519", "sign")

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key by the certificate that was made with it, as gpg tells its users to."""
        made = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self.run("--import", given=made.replace("\n:-----", "\n-----").encode())

    def sign(self, data: bytes, *by: str, options: Sequence[str] = ("--armor",)) -> bytes:
        """Return a detached signature."""
        users = [word for fingerprint in by for word in ("--local-user", fingerprint)]
        return self.run(*options, *users, "--detach-sign", given=data)

    def public(self, *fingerprints: str) -> bytes:
        """Return public keys, armoured."""
        return self.run("--armor", "--export", *fingerprints)

    def secret(self, fingerprint: str, passphrase: str = "") -> bytes:
        """Return a secret key, armoured, and locked if it was."""
        return self.run("--armor", "--export-secret-keys", fingerprint, passphrase=passphrase)

    def verify(self, data: Path, signature: Path) -> str:
        """Return the fingerprint of the key that gpg finds has signed."""
        said = self.run("--status-fd", "1", "--verify", str(signature), str(data))
        lines = said.decode("latin-1").split("\n")  # it shows the salt as it is
        (valid,) = [line.split() for line in lines if " VALIDSIG " in line]
        return valid[-1]

    def run(self, *words: str, given: bytes = b"", passphrase: str = "") -> bytes:
        """Run gpg, which asks nobody anything."""
        quiet = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase]
        clock = [f"--faked-system-time={self.clock:%Y%m%dT%H%M%S}!"] if self.clock else []
        done = subprocess.run(
            ["gpg", "--homedir", self.home, *quiet, *clock, *words],
            input=given,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@contextmanager
def key_ring() -> Iterator[Gpg]:
    """An empty key ring, for as long as the block lasts; its agent ends with it."""
    if not shutil.which("gpg") or not shutil.which("gpgconf"):
        raise UnavailableError("gpg is not installed; tests/interop/install.sh would do it")
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        try:
            yield Gpg(Path(home))
        finally:
            environment = {**os.environ, "GNUPGHOME": home}
            end = ["gpgconf", "--kill", "all"]
            subprocess.run(end, env=environment, timeout=PATIENCE, check=False)
