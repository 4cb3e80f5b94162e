"""A whole change on PostgreSQL: asked for, done, undone, and on a ledger that verifies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gate.app import Gate
from gate.changes.model import Change, State
from gate.doctor import examine
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.settings import load_site
from gate.values.actor import Actor

AGENT = Identity(actor=Actor.parse("agent:planner"), scopes=frozenset({"propose"}))


def test_an_allowed_change_is_done_and_undone_to_the_byte(
    site: Path, url: str, workers: Callable[..., Intent], app_ini: Callable[..., Path]
) -> None:
    settings = (site / "gate.toml").read_text()
    (site / "gate.toml").write_text(settings.replace("[site]\n", f'[site]\ndatabase = "{url}"\n'))
    before = app_ini("web-03").read_bytes()
    with Gate.open(site) as gate:

        def ended(change: Change) -> Change:
            return gate.wait(change.id, 120)

        change = ended(gate.propose_for(AGENT, workers("web-03")))
        assert change.state is State.SUCCEEDED
        assert "workers = 8" in app_ini("web-03").read_text()
        assert ended(gate.undo(change.id)).state is State.SUCCEEDED
        assert gate.change(change.id).state is State.UNDONE
        report, others = gate.verify()
        assert (report.sound, others) == (True, [])
    assert app_ini("web-03").read_bytes() == before
    assert not (site / ".gate" / "gate.db").exists()
    (ledger,) = [check for check in examine(load_site(site)) if check.name == "ledger"]
    assert ledger.sound
    assert "entries" in ledger.what
