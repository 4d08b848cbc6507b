"""Files: where ours are, and reading one: a regular one, and no more of it than it may have.

A pipe would be waited for, and a device may have no end, or none but its own idea of one: what is
named by mistake, or put there by another, neither holds us up nor fills our memory.
"""

from __future__ import annotations

import os
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
