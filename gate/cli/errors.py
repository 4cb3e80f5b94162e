"""Errors on the terminal: what, why, what to do. No stack trace unless it is asked for."""

from __future__ import annotations

import os

import click

from gate.values.errors import GateError


def tell(wrong: GateError) -> None:
    """Prints an error to stderr, in three lines."""
    head = click.style(f"error {wrong.code}", fg="red", bold=True)
    click.echo(f"{head}: {clean(wrong.what)}", err=True, color=colour())
    click.echo(f"  why: {clean(wrong.why)}", err=True)
    click.echo(f"  do:  {clean(wrong.fix)}", err=True)


def colour() -> bool | None:
    """Whether to colour, as NO_COLOR and FORCE_COLOR say; None: only at a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def clean(text: str) -> str:
    """Text that may come from hosts or agents, without anything that would act on the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
