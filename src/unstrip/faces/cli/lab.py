"""placeholder."""

import click


@click.command()
def lab() -> None:
    """Lab."""
