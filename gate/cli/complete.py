"""Completion of names. It reads files only, and says nothing when something is wrong."""

from __future__ import annotations

from pathlib import Path

import click


def action_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Names of action folders."""
    site = _site(ctx)
    if site is None:
        return []
    found = [path.parent.name for folder in site for path in Path(folder).glob("*/action.yml")]
    return sorted(name for name in found if name.startswith(incomplete))


def host_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Names of hosts and groups, from the inventory's cache if it is there."""
    try:
        with ctx.find_root().obj(works=False) as gate:
            inventory = gate.inventory()
            return sorted(name for name in [*inventory.hosts, *inventory.groups] if name.startswith(incomplete))
    except Exception:  # noqa: BLE001 - a completion that fails must not write over the prompt
        return []


def _site(ctx: click.Context) -> list[str] | None:
    from gate.settings import find_site
    from gate.values.errors import GateError

    try:
        folder = find_site(ctx.find_root().params.get("site"))
    except GateError:
        return None
    return [str(path) for path in folder.playbooks]
