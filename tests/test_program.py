"""The program has the commands of all faces; its help loads none of them."""

from __future__ import annotations

import subprocess
import sys

from unstrip.program import cli


def test_commands_of_every_face_are_there():
    assert {"check", "explain", "serve"} <= set(cli.commands)


def test_help_loads_no_daemon():
    code = (
        "import sys; sys.argv = ['unstrip', '--help']; from unstrip.program import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('unstrip.faces.mta')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("['unstrip.faces.mta', 'unstrip.faces.mta.command']\n")
