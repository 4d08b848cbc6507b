"""A collector as a process of its own, to be killed: `program.py SOCKET FOLDER STORE [keep]`.

SOCKET is a descriptor. It says what is wrong, and ends when its standard input does.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from unstrip.io.store import open_store
from unstrip.io.tlsrpt.collector import Collector


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


descriptor, folder, store, *keep = sys.argv[1:]
sock = socket.socket(fileno=int(descriptor))
collector = Collector(Path(folder), 1 << 30, lambda: open_store(store), say)
collector.start(sock, keep=bool(keep))
say("ready")
sys.stdin.read()
collector.stop()
