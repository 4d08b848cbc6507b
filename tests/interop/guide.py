"""What the guides for mail operators say to write into a configuration, as it is written there."""

import re
from pathlib import Path
from typing import Final

from tests.faces.mta.process import Daemon

GUIDES: Final = Path(__file__).resolve().parents[2] / "docs/howto"


def blocks(page: str) -> list[str]:
    """Block by block; sessions in a shell are none."""
    text = (GUIDES / page).read_text()
    found = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith("$")]


def at_home(text: str, daemon: Daemon) -> str:
    """The same with the ports that the daemon has."""
    text = text.replace("127.0.0.1:8461", daemon.places["socketmap"])
    return text.replace("127.0.0.1:8462", daemon.places["exim"])
