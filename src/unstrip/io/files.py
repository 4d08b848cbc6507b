"""Files: where ours are, reading one, writing one.

What is read is a regular file, and no more of it than it may have. A pipe would be waited for, and
a device may have no end, or none but its own idea of one: what is named by mistake, or put there by
another, neither holds us up nor fills our memory. What is written is there whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Literal


class NoHome(ValueError):
    """The user has no home directory, where files are looked for."""


class Unread(ValueError):
    """What was named could not be had; the message says which file, and why."""


def read(path: Path, most: int) -> bytes:
    """Return what is in a file.

    Raises: Unread: it cannot be read, is no regular file, or is longer than `most` bytes.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:  # Path.open takes none
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            body = file.read(most + 1) if regular else b""
    except OSError as error:
        raise Unread(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if not regular:
        raise Unread(f"{path} cannot be read: it is a pipe or a device, and no file")
    if len(body) > most:
        raise Unread(f"{path} is longer than {most} bytes")
    return body


def read_text(path: Path, most: int) -> str:
    """Return what is in a file of text; as `read` else.

    Raises: Unread.
    """
    try:
        return read(path, most).decode()
    except UnicodeDecodeError as error:
        raise Unread(f"{path} is not UTF-8") from error


def missing(path: Path) -> bool:
    """Tell whether there is nothing of that name; what cannot be looked for may be there."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:  # whoever reads it is told why he cannot
        return False
    return False


class Unwritten(ValueError):
    """What was to be written could not be; the message says which file, and why."""


def write(path: Path, body: bytes) -> None:
    """Write a file; whoever reads it meanwhile has the old one, or the new one, whole.

    Raises: Unwritten: it cannot be written, or something that is no regular file has its name.
    """
    real = Path(os.path.realpath(path))  # a link stays one
    draft = real.with_name(f".unstrip-{secrets.token_hex(8)}")
    try:
        mode = _mode(real)
        try:
            with draft.open("xb") as file:
                file.write(body)
                os.fsync(file.fileno())
            if mode is not None:
                draft.chmod(mode)
            draft.replace(real)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unwritten(f"{path} cannot be written: {reason}") from error


def _mode(path: Path) -> int | None:
    """Return what a file that is replaced may be used for; None where there is none."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise Unwritten(f"{path} cannot be written: it is no regular file")
    return stat.S_IMODE(found)


def configuration_folder() -> Path:
    """Return where the configuration is, by the platform's convention. Raises: NoHome."""
    return _at_home("config")


def state_folder() -> Path:
    """Return where what is remembered is kept, likewise. Raises: NoHome."""
    return _at_home("state")


def _at_home(kind: Literal["config", "state"]) -> Path:
    import platformdirs

    folders = platformdirs.PlatformDirs("unstrip")
    try:
        return folders.user_config_path if kind == "config" else folders.user_state_path
    except RuntimeError as error:  # neither in the environment nor among the system's users
        raise NoHome("there is no home directory") from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe at once, whoever writes into it; a regular file is read as ever."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
