"""The rules go back to an earlier generation, and the ledger says who wanted that, from what to what, and why.

It is written down before it is done: rules that changed without an entry would be worse than an entry about a rollback
that failed, which another entry then says.
"""

from __future__ import annotations

from pathlib import Path

from gate.flow.finish import sign_head
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.policy.generations.archive import Archive, Generation
from gate.values.actor import Actor, ActorKind
from gate.values.errors import GateError, IdentityError


def roll_back(site: Site, archive: Archive, rules: Path, name: str, actor: Actor, *, reason: str) -> Generation:
    """Makes the archived generation `name` the rules folder again; the one that was there is kept.

    Raises:
        IdentityError: the actor is no human.
        IntentError: the reason is no line of text.
        NotFoundError: there is no such generation, or several. Nothing was written.
        PolicyError: its files are not what was archived, or the folder cannot be replaced; the rules stay as they are.
    """
    if actor.kind is not ActorKind.HUMAN:
        raise IdentityError(f"{actor} cannot change the rules.", "A person answers for them.", "Ask an administrator.")
    check_reason(reason)
    wanted = archive.get(name)
    data = {"from": site.policy.generation, "to": wanted.generation, "reason": reason}
    with site.database.write() as connection:
        ledger.append(connection, "rules-rolled-back", str(actor), data, now=site.clock.now())
    try:
        with site.database.write():  # one at a time: two would move the same folders
            archive.restore(wanted.generation, rules, site.clock.now())
    except GateError as wrong:
        with site.database.write() as connection:
            failed = {"rollback_to": wanted.generation, **wrong.as_dict()}
            ledger.append(connection, "trouble", "gate", failed, now=site.clock.now())
        raise
    finally:
        sign_head(site)
    return wanted
