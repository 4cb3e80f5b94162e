"""`gate ledger`: what was recorded, and whether it is still what was recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gate.cli.output import say, show, state, table, talk, with_output
from gate.values.errors import Exit


@click.group()
def ledger() -> None:
    """What was recorded."""


@ledger.command("show")
@click.option("--limit", "-n", type=click.IntRange(1, 10000), default=30, show_default=True)
@with_output
@click.pass_context
def show_entries(ctx: click.Context, limit: int, output: str) -> None:
    """The newest entries."""
    with ctx.obj(works=False) as gate:
        found = [entry.as_json() for entry in gate.entries(limit)]
    rows = [
        [one["seq"], one["at"][:19].replace("T", " "), one["kind"], one["change_id"] or "-", one["actor"]]
        for one in found
    ]
    show(output, {"entries": found}, lambda: table(rows, ["#", "at", "what", "change", "by"], "The ledger is empty."))


@ledger.command("verify")
@click.option(
    "--export", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Verify an export instead."
)
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The public key, for an export."
)
@click.option(
    "--checkpoint",
    "notes",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A signed checkpoint that you kept, for an export; can be repeated.",
)
@with_output
@click.pass_context
def verify(ctx: click.Context, file: Path | None, key: Path | None, notes: tuple[Path, ...], output: str) -> None:
    """Compute everything anew, and name each entry and artifact that is not what was recorded."""
    if file is not None:
        from gate.ledger.export import verify_export

        if key is None or not notes:
            raise click.UsageError("An export is verified with --key and at least one --checkpoint that you kept.")
        report, others = verify_export(file, key, notes), []
    else:
        with ctx.obj(works=False) as gate:
            report, others = gate.verify()
    problems = [*report.problems, *others]
    answer: dict[str, Any] = {
        "sound": not problems,
        "entries": report.size,
        "signed": report.signed,
        "root": report.root.hex(),
        "problems": [{"entry": problem.seq, "what": problem.what} for problem in problems],
    }

    def tell() -> None:
        for problem in problems:
            say(f"{state('failed')}  {problem.what}")
        if not problems:
            say(f"{state('ok')}  {report.size} entries, {report.signed} of them under a signed checkpoint.")

    show(output, answer, tell)
    sys.exit(Exit.TAMPERED if problems else Exit.OK)


@ledger.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def export(ctx: click.Context, file: Path) -> None:
    """Write every entry to FILE, one a line, and the newest checkpoint beside it (FILE.note)."""
    from gate.ledger.export import write_export

    with ctx.obj(works=False) as gate:
        count, note = write_export(gate.database, gate.notes, gate.ledger_key, file)
    talk(f"{count} entries in {file}; checkpoint in {note}")
    talk(f"next: gate ledger verify --export {file} --key PUBLIC_KEY --checkpoint {note}")
