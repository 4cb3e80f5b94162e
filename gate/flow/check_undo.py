"""What an undo would do: `--check --diff` of undo.yml on what was recorded, before anybody asks for the undo."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gate.changes import halt
from gate.execution.outcome import Outcome
from gate.flow import runs
from gate.flow.decide import decide
from gate.flow.ports import Site
from gate.flow.undo import admit_undo, undoable
from gate.policy.decision import Verdict
from gate.values.actor import Actor
from gate.values.errors import StateError, UndoError
from gate.warrant.model import Phase


def check_undo(site: Site, change_id: str, actor: Actor, *, hosts: Collection[str] = ()) -> Outcome | None:
    """Looks at what an undo by this actor would change, on `hosts` alone if any are named. Nothing is changed.

    None: the action cannot be tried without doing it.

    Raises:
        UndoError: it cannot be undone, or the rules would deny it.
        StateError: a halt stands.
        NotFoundError: no such change.
    """
    inventory, now = site.inventory(), site.clock.now()
    with site.database.write() as connection:
        if halt.standing(connection) is not None:
            raise StateError(
                "The site is halted.", "Nothing is started then, not even to look.", "gate resume ends the halt."
            )
        part, action = undoable(site, connection, change_id, hosts, now)
        admitted = admit_undo(site, inventory, part, "")
        decision = decide(site, connection, admitted, actor, undo=True, now=now)
        if decision.verdict is Verdict.DENY:
            raise UndoError(
                f"An undo of {change_id} would be denied.",
                "; ".join(f"{reason.rule}: {reason.because}" for reason in decision.reasons),
                "Ask somebody who may, or wait until the rules allow it: gate policy explain tells when.",
            )
        if action.check == "none":
            return None
        change = replace(part.change, action_digest=action.digest)  # of the playbook that would run now
        evidence = dict(part.evidence)
        warrant = runs.issue(site, connection, change, action, Phase.CHECK_UNDO, inventory, now=now, evidence=evidence)
    return runs.perform(site, warrant)
