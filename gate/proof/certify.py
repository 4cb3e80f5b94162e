"""From proofs to certificates: which actions, on which hosts, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from gate.assembly import OpenSite
from gate.catalog.action import Action
from gate.catalog.proof_cases import FILE
from gate.inventory.model import Inventory
from gate.ledger import store as ledger
from gate.proof.ground import Door
from gate.proof.prove import Proof, Say, prove
from gate.settings import SiteFolder
from gate.values.errors import CertificateError, StateError
from gate.values.lease import Lease

TAG = "throwaway"
USUAL_HOSTS = 2
LOCK = "proving"


def certify(
    site: OpenSite,
    names: Sequence[str] | None,
    hosts: Sequence[str],
    opened: Callable[[SiteFolder], Door],
    say: Say,
) -> Iterator[Proof]:
    """Proves one action after the other; the certificate and the ledger are written after each.

    Raises:
        CertificateError: a host that nothing can be proved on, for one of them: then nothing is done. Or an action that
            does not say how it can be proved: then nothing is done with it, and with those after it.
        StateError: another proof is under way on this site.
    """
    catalog = site.catalog()
    actions = [catalog.get(name) for name in names] if names is not None else _provable(catalog.actions)
    chosen = [(action, choose_hosts(site.inventory(), action, hosts)) for action in actions]
    with _alone(site):
        for action, on in chosen:
            proof = prove(site.folder, action, on, opened=opened, now=site.clock.now(), say=say)
            _write_down(site, proof)
            yield proof


def choose_hosts(inventory: Inventory, action: Action, wanted: Sequence[str]) -> tuple[str, ...]:
    """The hosts of a proof: those that are wanted, or the first ones that may be thrown away.

    Raises:
        CertificateError: one of them is needed, or there is none; InventoryError: an unknown name.
    """
    if wanted:
        found = inventory.resolve(wanted)
        if needed := [host.name for host in found if TAG not in host.tags]:
            raise CertificateError(
                f"Nothing can be proved on {', '.join(needed)}.",
                "A proof changes a host and breaks changes off; what it leaves behind nobody should need.",
                f"Take a host that can be thrown away, and say so in the inventory: gate_tags: [{TAG}]",
            )
        return tuple(host.name for host in found)
    groups = action.targets.groups
    fit = [
        host.name
        for host in sorted(inventory.hosts.values(), key=lambda host: host.name)
        if TAG in host.tags and (not groups or not host.groups.isdisjoint(groups))
    ]
    if not fit:
        raise CertificateError(
            f"There is no host to prove {action.name} on.",
            f"No host{' of ' + ', '.join(groups) if groups else ''} in the inventory is one to throw away.",
            f"Give such hosts `gate_tags: [{TAG}]`; for the gate's own tests `make hosts` makes some.",
        )
    return tuple(fit[: min(USUAL_HOSTS, action.targets.max_hosts)])


def _provable(actions: Sequence[Action]) -> list[Action]:
    return [one for one in actions if one.has_undo and (one.folder / FILE).is_file()]


def _write_down(site: OpenSite, proof: Proof) -> None:
    """No entry, no certificate: one that the ledger does not know must not be believed."""
    made, fault, now, actor = proof.certificate, proof.fault, site.clock.now(), str(site.identity.actor)
    if fault is not None:
        site.certificates.take_away(proof.action)
        told = {"action": proof.action, "case": fault.case, "step": fault.step, "what": fault.what[:1000]}
        with site.database.write() as connection:
            ledger.append(connection, "proof-failed", actor, told, now=now)
    if made is None:
        return
    about = {"action": made.action, "digest": made.digest, "hosts": sorted(made.hosts), "cases": len(made.cases)}
    with site.database.write() as connection:
        ledger.append(connection, "certified", actor, about, now=now)
    site.certificates.give(made)


@contextmanager
def _alone(site: OpenSite) -> Iterator[None]:
    """One proof at a time on a site: two would take each other's changes for what the undo has left."""
    lease = Lease.take(site.folder.state / LOCK)
    if lease is None:
        raise StateError("A proof is under way on this site.", "It holds the lock for it.", "Wait until it ends.")
    try:
        yield
    finally:
        lease.release()
