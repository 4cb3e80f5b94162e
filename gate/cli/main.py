"""The tree of commands. A command's module is imported when the command is used: the tool answers at once."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from gate.cli.errors import colour, tell
from gate.values.errors import Exit, GateError

COMMANDS = {
    "propose": ("change", "Ask for an action of the catalog."),
    "approve": ("approve", "Look at what waits, and say yes to it."),
    "reject": ("approve", "Say no to what waits, or withdraw your own wish."),
    "logs": ("logs", "What a change does, task by task and host by host; -f follows it."),
    "cancel": ("cancel", "Stop a change, or withdraw it while it waits."),
    "halt": ("halt", "The kill switch: nothing starts, and what runs is cancelled."),
    "resume": ("halt", "End the halt."),
    "undo": ("undo", "Take a change back, from its recorded evidence."),
    "redo": ("redo", "Do once more what was taken back."),
    "settle": ("undo", "Say what happened where the gate could not know."),
    "plan": ("plan", "Turn words into intents, and propose them if you say so."),
    "changes": ("changes", "Look at changes: list, show, wait."),
    "catalog": ("catalog", "What can be wanted: list, show, check."),
    "inventory": ("catalog", "Where it can be wanted: list."),
    "policy": ("policy", "What the rules say: check, test, explain, what-if, backtest, replay and more."),
    "breaker": ("breaker", "What stands still after failures: list, reset."),
    "windows": ("windows", "When something may be done: next, calendar."),
    "schedule": ("schedule", "Maintenance by the clock: list, next."),
    "ledger": ("ledger", "What was recorded: show, verify, export."),
    "token": ("token", "Credentials of agents and people: new, list, revoke."),
    "serve": ("serve", "Serve this site: run what is ready, answer over HTTP, keep the schedule."),
    "init": ("site", "Make a new site."),
    "doctor": ("site", "Check the site, and name the mend of each problem."),
    "exit-codes": ("site", "What the exit codes mean."),
    "completion": ("site", "Print the shell's completion script."),
}


class _Tree(click.Group):
    """Commands by name; only the one that is used is imported. Errors of the gate end it in three lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gate.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            ctx.fail(f"There is no command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except GateError as wrong:
            tell(wrong)
            sys.exit(wrong.exit)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            raise click.exceptions.Exit(Exit.INTERRUPTED) from None  # click's own way ends with 1
        except (GateError, click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as wrong:
            if ctx.params["debug"]:
                raise
            raise GateError(
                f"Something went wrong that should not: {type(wrong).__name__}.",
                f"{wrong}"[:500] + ".",
                "Run it again as `gate --debug …` and report what it prints.",
            ) from wrong


@click.group(cls=_Tree, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ansible-gate", prog_name="gate")
@click.option(
    "--site", "-C", metavar="DIR", help="The site's folder. Default: $GATE_SITE, or the nearest gate.toml upwards."
)
@click.option("--debug", is_flag=True, help="Show the traceback of what goes wrong inside.")
@click.pass_context
def cli(ctx: click.Context, site: str | None, debug: bool) -> None:  # noqa: ARG001, FBT001
    """AI suggests. Policy decides. System executes.

    A gate between agents and Ansible: what is asked for is typed, decided by rules, approved by people where the
    rules say so, run by Ansible, written down so that tampering shows, and can be taken back.

    \b
    Begin with:   gate init my-site && cd my-site && gate doctor
    Then:         gate catalog list
                  gate propose set_config_value --on web-03 -p path=/etc/app/app.ini …
                  gate changes list
                  gate undo CHANGE
    """
    ctx.color = colour()
    ctx.obj = _Opener(ctx.obj, site)


class _Opener:
    """Opens the site that the command line means, once."""

    def __init__(self, open_gate: Any, site: str | None) -> None:
        self._open, self.site = open_gate, site

    def __call__(self, *, works: bool = True, warm: bool = False) -> Any:
        return self._open(site=self.site, token=os.environ.get("GATE_TOKEN"), works=works, warm=warm)
