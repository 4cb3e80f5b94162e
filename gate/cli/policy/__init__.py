"""`gate policy`: what the rules say and why, whether they say what is meant, and what other rules would have said."""

from __future__ import annotations

import click

from gate.cli.policy.asking import explain, vocabulary, what_if
from gate.cli.policy.generations import generations, rollback, status
from gate.cli.policy.past import backtest, diff, replay
from gate.cli.policy.testing import check, test


@click.group()
def policy() -> None:
    """What the rules say."""


for _command in (check, test, vocabulary, explain, what_if, backtest, diff, replay, status, generations, rollback):
    policy.add_command(_command)
