"""`Gate`: one open site, for one actor. Every door speaks to it; each deed is one of gate.flow."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gate.changes.halt import Halt
from gate.changes.model import Change, State
from gate.identity import tokens
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.ledger import store as ledger
from gate.settings import SiteFolder, find_site
from gate.values.actor import Actor
from gate.values.errors import IdentityError
from gate.view import View

if TYPE_CHECKING:
    from gate.execution.outcome import Outcome
    from gate.flow.undo_many import Undone
    from gate.policy.generations.archive import Generation
    from gate.policy.limits.breaker import Standing
    from gate.proof.prove import Proof

READY_S = 30.0  # for warm servers to be there; without them runs start cold


class Gate(View):
    """One open site, to look at and to act on. Deeds are done in the name of `actor`: by default this machine's user.

    Use it as a context manager: leaving it waits for the runs that this process started.
    """

    @classmethod
    def open(
        cls,
        site: str | os.PathLike[str] | None = None,
        *,
        token: str | None = None,
        works: bool = True,
        warm: bool = False,
    ) -> Gate:
        """Opens the site in the folder `site`, or the one that $GATE_SITE or the working directory mean.

        With `token`, deeds are done in the name that the token stands for. With `warm`, Ansible is kept imported in
        processes beside this one, so that runs start at once: for programs that live longer than one change.

        Raises:
            SettingsError, DatabaseError: the site cannot be opened.
            IdentityError: the token is not valid.
        """
        gate = cls(find_site(site), tokens.os_identity(), works=works, warm=warm)
        if token is not None:
            try:
                gate.identity = gate.identify(token)
            except IdentityError:
                gate.close()
                raise
        return gate

    def propose(self, wish: Intent | Mapping[str, Any], *, key: str | None = None) -> Change:
        """Proposes an intent, or untrusted data that should be one. See gate.flow.submit."""
        return self.propose_for(self.identity, wish, key=key)

    def propose_for(self, identity: Identity, wish: Intent | Mapping[str, Any], *, key: str | None = None) -> Change:
        """The same in the name of somebody whom a door has identified."""
        from gate.flow.submit import propose

        identity.require("propose")
        return propose(self.site, wish, identity.actor, key=key)

    def propose_plan(self, wish: Sequence[Mapping[str, Any]], *, key: str | None = None) -> list[Change]:
        """Proposes up to 8 steps `{"id", "intent", "after"}` as one plan. See gate.flow.plan."""
        return self.propose_plan_for(self.identity, wish, key=key)

    def propose_plan_for(
        self, identity: Identity, wish: Sequence[Mapping[str, Any]], *, key: str | None = None
    ) -> list[Change]:
        """The same in the name of somebody whom a door has identified."""
        from gate.flow.plan import propose_plan

        identity.require("propose")
        return propose_plan(self.site, wish, identity.actor, key=key)

    def approve(self, change_id: str, *, binding: str, comment: str = "") -> Change:
        """Says yes to exactly what `card(change_id).binding` stands for."""
        from gate.flow.approve import approve

        return approve(self.site, change_id, self.actor, binding=binding, comment=comment)

    def reject(self, change_id: str, *, reason: str) -> Change:
        """Says no, or withdraws one's own wish."""
        from gate.flow.approve import reject

        return reject(self.site, change_id, self.actor, reason=reason)

    def undo(self, change_id: str, *, hosts: Collection[str] = (), reason: str = "", key: str | None = None) -> Change:
        """Proposes to take a change back, on `hosts` alone if any are named; returns the new, decided change."""
        from gate.flow.undo import undo

        self.identity.require("propose")
        return undo(self.site, change_id, self.actor, hosts=hosts, reason=reason, key=key)

    def check_undo(self, change_id: str, *, hosts: Collection[str] = ()) -> Outcome | None:
        """What an undo would change, by `--check --diff` of undo.yml; None if its action has no preview."""
        from gate.flow.check_undo import check_undo

        self.identity.require("propose")
        return check_undo(self.site, change_id, self.actor, hosts=hosts)

    def redo(self, change_id: str, *, reason: str = "", key: str | None = None) -> Change:
        """Proposes what was taken back once more; returns the new, decided change."""
        from gate.flow.redo import redo

        self.identity.require("propose")
        return redo(self.site, change_id, self.actor, reason=reason, key=key)

    def undo_many(
        self,
        wanted: Collection[str],
        *,
        hosts: Collection[str] = (),
        cascade: bool = False,
        reason: str = "",
        look: bool = False,
    ) -> Undone:
        """Proposes to take many changes back as one plan; with `look` only says what it would be. See gate.flow."""
        from gate.flow.undo_many import undo_many

        self.identity.require("propose")
        return undo_many(self.site, wanted, self.actor, hosts=hosts, cascade=cascade, reason=reason, look=look)

    def made_by(self, actor: Actor, since: datetime) -> list[str]:
        """The ids of the changes that an actor has carried out since then."""
        from gate.flow.undo_many import made_by

        return made_by(self.site, actor, since)

    def cancel(self, change_id: str, *, reason: str = "", force: bool = False) -> Change:
        """Withdraws what waits, stops what runs; `wait` tells what came of it. See gate.flow.cancel.

        Returns at once, unless whoever ran it is dead: then this process carries it to its end.
        """
        change = self.cancel_for(self.identity, change_id, reason=reason, force=force)
        self._take_over([change.id])
        return change

    def cancel_for(self, identity: Identity, change_id: str, *, reason: str = "", force: bool = False) -> Change:
        """The same in the name of somebody whom a door has identified, and always at once."""
        from gate.flow.cancel import cancel

        change_id = self.change(change_id).id
        own = self.change(change_id).actor == identity.actor
        identity.require("propose" if own and not force else "operate")
        return cancel(self.site, change_id, identity.actor, reason=reason, force=force)

    def halt(self, *, reason: str, force: bool = False) -> list[str]:
        """The kill switch: starts nothing more, cancels what runs; returns the ids of those. See gate.flow.halt."""
        from gate.flow.halt import halt

        self.identity.require("operate")
        stops = halt(self.site, self.actor, reason=reason, force=force)
        self._take_over(stops)
        return stops

    def resume(self, *, reason: str) -> Halt:
        """Lets things start again; returns the halt that stood."""
        from gate.flow.halt import resume

        self.identity.require("operate")
        return resume(self.site, self.actor, reason=reason)

    def _take_over(self, change_ids: Sequence[str]) -> None:
        """Carries those of the changes to their end whose executor is dead: nobody else would hear that a run ends."""
        from gate.flow.recover import abandoned, recover

        for one in abandoned(self.site):
            if one.id in change_ids:
                recover(self.site, one.id)

    def settle(self, change_id: str, *, state: State, reason: str) -> Change:
        """Says what happened where the gate could not know."""
        from gate.flow.settle import settle

        self.identity.require("operate")
        return settle(self.site, change_id, self.actor, state=state, reason=reason)

    def reset_breaker(self, name: str, key: str, *, reason: str) -> Standing:
        """Lets go on what a breaker stopped; returns how it stood. See gate.flow.breaker."""
        from gate.flow.breaker import reset

        self.identity.require("operate")
        return reset(self.site, name, key, self.actor, reason=reason)

    def roll_back(self, generation: str, *, reason: str) -> Generation:
        """Makes an archived generation of rules the present one again. See gate.flow.rollback."""
        from gate.flow.rollback import roll_back

        self.identity.require("admin")
        return roll_back(self.site, self.archive, self.folder.rules, generation, self.actor, reason=reason)

    def prove(
        self, actions: Sequence[str] | None, *, hosts: Sequence[str] = (), say: Callable[[str], None] = lambda _: None
    ) -> Iterator[Proof]:
        """Proves the undo of each action (None: of every one that says how) on throw-away hosts. See gate.proof.

        An action of which it is true has a certificate then; one that fails has none any more.
        """
        from gate.proof.certify import certify

        self.identity.require("admin")
        return certify(self, actions, hosts, self._ground, say)

    def _ground(self, folder: SiteFolder) -> Gate:
        """Opens the site of a proof, which has the warm servers of this one."""
        self._pool.ready(READY_S)  # runs that start cold meanwhile would only slow it down
        return Gate(folder, self.identity, warm=True, lent=self._pool)

    def new_token(self, actor: Actor, scopes: Sequence[str], ttl: timedelta) -> tuple[str, str]:
        """Makes a token for `actor`; returns its id and its text. Raises IdentityError."""
        self.identity.require("admin")
        now = self.clock.now()
        with self.database.write() as connection:
            token_id, text = tokens.issue(connection, actor, scopes, now=now, ttl=ttl)
            data = {"token": token_id, "for": str(actor), "scopes": sorted(scopes)}
            ledger.append(connection, "token-issued", str(self.actor), data, now=now)
        return token_id, text

    def revoke_token(self, token_id: str) -> None:
        """Ends a token. Raises NotFoundError."""
        self.identity.require("admin")
        now = self.clock.now()
        with self.database.write() as connection:
            tokens.revoke(connection, token_id, now=now)
            ledger.append(connection, "token-revoked", str(self.actor), {"token": token_id}, now=now)
