"""`gate init`, `gate doctor`, and what teaches the command line itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gate.cli.output import say, show, state, table, talk, with_output
from gate.values.errors import Exit

_EXITS = {
    Exit.OK: "Done; or it waits, and --wait was not given.",
    Exit.FAILED: "Something broke; the message says what.",
    Exit.USAGE: "The command line, or a file that it names, is wrong.",
    Exit.DENIED: "The policy, or a person, said no; or nobody said yes in time.",
    Exit.NOT_ALLOWED: "Not signed in, or not allowed to do this.",
    Exit.WAITING: "--wait ended before the change did.",
    Exit.RUN_FAILED: "The playbook failed, was taken back, or its outcome is unknown.",
    Exit.NOT_UNDOABLE: "There is nothing that could be undone, or it must not be.",
    Exit.TAMPERED: "The ledger, a checkpoint or an artifact does not verify.",
    Exit.INTERRUPTED: "Interrupted; what was started goes on.",
}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a new site in DIR: inventory, rules, two actions and settings. Nothing is overwritten."""
    from gate.identity.tokens import os_user
    from gate.init import init as make

    for path in make(folder, os_user().name):
        say(str(path))
    talk(f"next: cd {folder} && gate doctor")


@click.command()
@with_output
@click.pass_context
def doctor(ctx: click.Context, output: str) -> None:
    """Look at everything that a change will need; each problem comes with its mend."""
    from gate.doctor import examine
    from gate.settings import find_site

    found = []
    for check in examine(find_site(ctx.obj.site)):
        found.append(check)
        if output == "table":
            say(f"{state('ok') if check.sound else state('failed')}  {check.name:<12} {check.what}")
            if check.mend:
                say(f"    do: {check.mend}")
    plain = [{"name": one.name, "sound": one.sound, "what": one.what, "mend": one.mend} for one in found]
    sound = all(one.sound for one in found)
    show(output, {"sound": sound, "checks": plain}, lambda: None)
    sys.exit(Exit.OK if sound else Exit.FAILED)


@click.command("exit-codes")
@with_output
def exit_codes(output: str) -> None:
    """What the exit codes mean."""
    rows = [[int(code), code.name.lower().replace("_", "-"), about] for code, about in _EXITS.items()]
    plain = [{"code": int(code), "name": code.name, "means": about} for code, about in _EXITS.items()]
    show(output, {"exit_codes": plain}, lambda: table(rows, ["code", "name", "means"], ""))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  source <(gate completion bash)
    """
    from click.shell_completion import get_completion_class

    from gate.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows the three that are offered
    click.echo(kind(cli, {}, "gate", "_GATE_COMPLETE").source())
