"""Errors on the terminal: what, why, what to do. No stack trace unless it is asked for."""

from __future__ import annotations

import click

from gate.values.errors import GateError


def tell(wrong: GateError) -> None:
    """Prints an error to stderr, in three lines."""
    click.echo(click.style(f"error {wrong.code}", fg="red", bold=True) + f": {clean(wrong.what)}", err=True)
    click.echo(f"  why: {clean(wrong.why)}", err=True)
    click.echo(f"  do:  {clean(wrong.fix)}", err=True)


def clean(text: str) -> str:
    """Text that may come from hosts or agents, without anything that would act on the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
