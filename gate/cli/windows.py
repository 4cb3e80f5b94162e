"""`gate windows`: when something may be done, and when it must not be. Reads the site's rules; nothing is started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import click

from gate.cli.output import show, table, with_output

_HEADINGS = ["window", "kind", "opens", "closes", "zone", "opens (UTC)", "closes (UTC)", ""]


@click.group()
def windows() -> None:
    """When something may be done, as `windows.yml` of the rules says."""


@windows.command("next")
@click.argument("window", required=False)
@click.option("-n", "--count", type=click.IntRange(1, 100), default=1, show_default=True, help="So many of each.")
@with_output
@click.pass_context
def next_openings(ctx: click.Context, window: str | None, count: int, output: str) -> None:
    """The next openings of every window, or of WINDOW; one that is open now is the first of them."""
    from gate.policy.windows.window import REACH
    from gate.values.errors import NotFoundError

    now = datetime.now(UTC)
    known = _read(ctx)
    chosen = [one for one in known if window in (None, one.name)]
    if window is not None and not chosen:
        names = ", ".join(one.name for one in known) or "none"
        raise NotFoundError(f"There is no window {window!r}.", f"windows.yml has {names}.", "gate windows next")
    found = [span for one in chosen for span in islice(_openings(one, now, now + REACH, now), count)]
    _show(output, found, "Nothing opens within 400 days.")


@windows.command("calendar")
@click.option(
    "--from", "begin", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="The first day, in UTC. Default: now."
)
@click.option("--days", type=click.IntRange(1, 400), default=14, show_default=True, help="For so many days.")
@with_output
@click.pass_context
def calendar(ctx: click.Context, begin: datetime | None, days: int, output: str) -> None:
    """Everything that opens, or is open, within some days, in the order of time. A freeze closes what it covers."""
    from gate.policy.windows.localtime import FIRST_YEAR, LAST_YEAR

    now = datetime.now(UTC)
    first = begin.replace(tzinfo=UTC) if begin else now
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise click.BadParameter(f"The years {FIRST_YEAR} to {LAST_YEAR} are known.", param_hint="--from")
    found = [span for one in _read(ctx) for span in _openings(one, first, first + timedelta(days=days), now)]
    _show(output, found, "Nothing opens in these days.")


def _read(ctx: click.Context) -> Sequence[Any]:
    """The windows of the site that have times."""
    from gate.policy.windows.reading import read_windows
    from gate.settings import find_site

    found = read_windows(find_site(ctx.obj.site).rules / "windows.yml")
    return [window for window in found if window.kind != "closed"]


def _openings(window: Any, first: datetime, end: datetime, now: datetime) -> Any:
    from gate.policy.windows.window import REACH

    for opens, closes in window.whole(first, end):
        edges = {"opens": opens if opens > first - REACH else None, "closes": closes if closes < end + REACH else None}
        yield {
            "window": window.name,
            "kind": window.kind,
            "zone": window.zone,
            **{name: at and _local(at, window.zone) for name, at in edges.items()},
            **{f"{name}_utc": at and _local(at, "UTC") for name, at in edges.items()},
            "open": opens <= now < closes,
        }


def _local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def _show(output: str, found: list[dict[str, Any]], empty: str) -> None:
    found.sort(key=lambda one: (one["opens_utc"] or "", one["window"]))
    rows = [_row(one) for one in found]
    show(output, {"openings": found}, lambda: table(rows, _HEADINGS, empty))


def _row(one: dict[str, Any]) -> list[str]:
    local = [_shown(one[key]) for key in ("opens", "closes")]
    utc = [_shown(one[key]) for key in ("opens_utc", "closes_utc")]
    kind = "FREEZE" if one["kind"] == "freeze" else one["kind"]
    return [one["window"], kind, *local, one["zone"], *utc, "open now" if one["open"] else ""]


def _shown(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso):%a %Y-%m-%d %H:%M}" if iso else "not in sight"
