"""The composition root: the only place that builds adapters. One open site, and what of it was needed so far."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.catalog.load import Catalog
from gate.certificate.store import Certificates
from gate.database.engine import Database
from gate.dispatch.bells import Bells
from gate.identity.scopes import Identity
from gate.inventory.model import Inventory
from gate.inventory.read import InventoryReader
from gate.ledger.notes import Notes
from gate.settings import SiteFolder
from gate.values.clock import SystemClock
from gate.values.keys import private_key

if TYPE_CHECKING:
    from gate.dispatch.dispatcher import Dispatcher
    from gate.dispatch.executors import Executors
    from gate.execution.warm.pool import Pool
    from gate.flow.ports import Site
    from gate.flow.progress import Progress
    from gate.policy.generations.archive import Archive
    from gate.policy.generations.live import LivePolicy
    from gate.policy.tables.reading import ActionFacts


class OpenSite:
    """What is expensive (rules engine, dispatcher, warm Ansible) is built when it is first needed.

    A context manager: leaving it waits for the runs that this process started.
    """

    def __init__(
        self,
        folder: SiteFolder,
        identity: Identity,
        *,
        works: bool = True,
        warm: bool = False,
        lent: Pool | None = None,
    ) -> None:
        self.folder, self.identity = folder, identity
        self.works = works  # False: never run anything in this process, leave it to one that serves
        self.warm = warm  # keep Ansible imported beside this process: a second once, and it pays from the first run on
        self._lent = lent  # the warm servers of another site with the same configuration of Ansible
        self.clock, self.bells = SystemClock(), Bells()
        folder.make_state()
        self.database = Database.open(folder.database)
        self._inventory = InventoryReader(folder.inventory, folder.state / "cache", environment=folder.run.environment)
        self._catalog: tuple[Any, Catalog] | None = None

    def catalog(self) -> Catalog:
        """The catalog as it is on disk now."""
        seen = [_stats(folder) for folder in self.folder.playbooks]
        if self._catalog is None or self._catalog[0] != seen:
            self._catalog = (seen, self.folder.catalog())
        return self._catalog[1]

    def inventory(self) -> Inventory:
        """The inventory as it is now."""
        return self._inventory.read()

    @property
    def ledger_key(self) -> Ed25519PrivateKey:
        """The key that signs the ledger's heads."""
        return private_key(self.folder.state / "keys", "ledger")

    @cached_property
    def certificates(self) -> Certificates:
        """Which actions have proved that they can be taken back."""
        return Certificates(self.folder.certificates, self.folder.state / "keys")

    @cached_property
    def notes(self) -> Notes:
        """Where signed heads of the ledger are kept."""
        return Notes(self.folder.checkpoints, f"gate/{self.folder.settings.site.name}/ledger")

    @cached_property
    def policy(self) -> LivePolicy:
        """The rules, with their engine running. Raises PolicyError."""
        from gate.policy.generations.live import LivePolicy

        return LivePolicy(self.folder.rules, self.archive, actions=self.action_facts, clock=self.clock)

    @property
    def archive(self) -> Archive:
        """The generations of rules that have decided here."""
        from gate.policy.generations.archive import Archive

        return Archive(self.folder.state / "generations")

    def action_facts(self, name: str) -> ActionFacts | None:
        """What the catalog says about an action, for table tests; None if it does not have it."""
        from gate.flow.action_facts import known_actions

        return known_actions(self.catalog())(name)

    @cached_property
    def site(self) -> Site:
        """All that the deeds of gate.flow need."""
        from gate.execution.executor import RunnerExecutor
        from gate.flow.ports import Site

        keys = self.folder.state / "keys"
        return Site(
            database=self.database,
            clock=self.clock,
            catalog=self.catalog,
            inventory=self.inventory,
            inventory_source=self.folder.inventory,
            policy=self.policy,
            executor=RunnerExecutor(self.folder.state, self._pool if self.warm else None, self.folder.run),
            executor_id=self._executors.own_id,
            is_alive=self._executors.is_alive,
            warrant_key=private_key(keys, "warrant"),
            ledger_key=self.ledger_key,
            notes=self.notes,
            progress=self._progress,
            groups=self._groups_of,
            certified=self.certificates.has,
            wake=self.wake,
            ring=self.bells.ring,
            state=self.folder.state,
        )

    @cached_property
    def _progress(self) -> Progress:
        from gate.flow.progress import Progress

        return Progress(self.database, self.clock)

    @cached_property
    def _pool(self) -> Pool:
        from gate.execution.warm.pool import Pool

        if self._lent is not None:
            return self._lent
        config = self.folder.inventory.parent / "ansible.cfg"
        pool = Pool(self.folder.state, config, self.folder.run)
        pool.start()
        return pool

    def _groups_of(self, name: str) -> frozenset[str]:
        """For whom a person approves: by gate.toml, and as far as the credential of this process goes."""
        return frozenset(group for group in self.folder.groups_of(name) if self.identity.may(f"approve:{group}"))

    def wake(self) -> None:
        """Sees to it that what is ready starts: in the gate that serves this site, or else in this process."""
        from gate.dispatch.nudge import nudge, serving

        if self._serves or not serving(self.folder.state):
            if self.works:
                self.dispatcher.sweep()
                self.dispatcher.wake()
        else:
            nudge(self.folder.state)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """What runs jobs in this process."""
        from gate.dispatch.dispatcher import Dispatcher
        from gate.flow.jobs import Jobs

        jobs = Jobs(self.site)

        def work(deed: str, change_id: str) -> None:
            try:
                jobs.work(deed, change_id)
            finally:
                self.bells.ring(change_id)

        return Dispatcher(self.folder.state, self._executors.own_id, jobs.pending, work)

    _serves = False

    def serve_jobs(self) -> None:
        """Makes this process the one that runs the jobs of the site; others leave them to it. Raises StateError."""
        from gate.dispatch.nudge import LOCK
        from gate.values.errors import StateError
        from gate.values.lease import Lease

        lease = Lease.take(self.folder.state / LOCK)
        if lease is None:
            raise StateError(
                "This site is served already.",
                f"Another process holds {self.folder.state / LOCK}.",
                "Use that one, or stop it first.",
            )
        lease.sign()
        self._serving, self._serves = lease, True
        self.__dict__["_listener"] = self._listen()
        self.wake()

    def _listen(self) -> Any:
        from gate.dispatch.nudge import Listener

        return Listener(self.folder.state, self.wake)

    @cached_property
    def _executors(self) -> Executors:
        from gate.dispatch.executors import Executors

        return Executors(self.folder.state / "executors")

    def close(self) -> None:
        """Waits for the runs of this process, then lets go of everything."""
        built = self.__dict__
        if "_listener" in built:
            built["_listener"].close()
        if "dispatcher" in built:
            self.dispatcher.close()
        if "_pool" in built and self._lent is None:
            self._pool.close()
        if "_progress" in built:
            self._progress.close()
        if "policy" in built:
            self.policy.close()
        if "_executors" in built:
            self._executors.close()
        if self._serves:
            self._serving.release()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stats(folder: Path) -> Sequence[tuple[str, int, int, int]]:
    # enough to notice an edit; what runs is checked by digest all the same
    found = []
    for below, folders, files in os.walk(folder):
        for path in (f"{below}/{name}" for name in (*folders, *files)):
            stat = os.lstat(path)
            found.append((path, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return sorted(found)
