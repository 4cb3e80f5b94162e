"""`gate schedule`: maintenance by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from gate.cli.output import show, table, with_output


@click.group()
def schedule() -> None:
    """Maintenance by the clock. `gate serve` keeps it; a schedule only proposes, and the rules decide."""


@schedule.command("list")
@with_output
@click.pass_context
def list_schedules(ctx: click.Context, output: str) -> None:
    """What is scheduled in schedules.yml, and when it is next due."""
    from gate.schedule.plan import read_schedules
    from gate.settings import find_site

    found = read_schedules(find_site(ctx.obj.site).root)
    now = datetime.now(UTC)
    plain = [{**one.model_dump(), "next": one.next_after(now).isoformat(timespec="minutes")} for one in found]
    rows = [[one["schedule"], one["cron"], one["zone"], one["next"], one["intent"]["action"]] for one in plain]
    show(
        output,
        {"schedules": plain},
        lambda: table(rows, ["schedule", "cron", "zone", "next", "action"], "Nothing is scheduled."),
    )


@schedule.command("next")
@click.argument("name")
@click.option("--count", "-n", type=click.IntRange(1, 100), default=5, show_default=True)
@with_output
@click.pass_context
def next_times(ctx: click.Context, name: str, count: int, output: str) -> None:
    """The next times at which NAME is due."""
    from gate.schedule.plan import read_schedules
    from gate.settings import find_site
    from gate.values.errors import NotFoundError

    found = {one.schedule: one for one in read_schedules(find_site(ctx.obj.site).root)}
    if name not in found:
        raise NotFoundError(f"There is no schedule {name!r}.", "schedules.yml does not name it.", "gate schedule list")
    times, at = [], datetime.now(UTC)
    for _ in range(count):
        at = found[name].next_after(at)
        times.append(at.isoformat(timespec="minutes"))
    show(output, {"schedule": name, "next": times}, lambda: table([[one] for one in times], ["due"], ""))
