"""The program: the commands of all faces, of which none knows another."""

from unstrip.faces.cli import cli, main
from unstrip.faces.mta.command import serve

__all__ = ["cli", "main"]

cli.add_command(serve)
