"""`gate serve`: the gate as a process of its own."""

from __future__ import annotations

import logging
import signal
from typing import Any

import click

from gate.cli.output import talk
from gate.identity.scopes import Identity
from gate.values.actor import Actor, ActorKind


@click.command()
@click.option("--host", help="Listen on this loopback address instead of the unix socket.")
@click.option("--port", type=int, help="The port, with --host.")
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve this site until it is stopped (Ctrl-C).

    Runs what is ready, takes over what a crash left behind, answers agents over HTTP, and keeps schedules.yml.
    Agents reach it with GATE_URL and a token: `gate token new NAME`.
    """
    from gate.schedule.clock import Keeper
    from gate.schedule.plan import read_schedules
    from gate.web.api import create_app
    from gate.web.serve import on_loopback, on_socket, serve

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with ctx.obj(warm=True) as gate:
        schedules = read_schedules(gate.folder.root)
        settings = gate.folder.settings.serve
        gate.serve_jobs()
        address = host or settings.host
        if address:
            listener, url = on_loopback(address, port or settings.port), f"http://{address}:{port or settings.port}"
        else:
            listener, url = on_socket(gate.folder.socket), f"unix:{gate.folder.socket}"
        keeper = Keeper(gate.folder.state, schedules, lambda *due: _propose(gate, *due))
        talk(f"Serving {gate.folder.root}: GATE_URL={url}")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that both ways of stopping clean up
        try:
            serve(create_app(gate), listener)
        except KeyboardInterrupt:
            talk("Stopping; what runs here is waited for.")
        finally:
            keeper.close()
            listener.close()
    talk("Stopped.")


def _propose(gate: Any, name: str, intent: Any, key: str) -> None:
    gate.propose_for(Identity(Actor(ActorKind.SCHEDULE, name), frozenset({"propose"})), intent, key=key)
