"""The ground that a proof is done on: a site of its own with the same hosts, on which everything is allowed.

It is the gate itself, all the way from the wish to the sealed run, so that what is proved is what will happen.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from gate.catalog.digest import files_of
from gate.changes.model import Change, State
from gate.execution.outcome import Outcome, Status
from gate.intent import Intent
from gate.ledger.entry import Entry
from gate.settings import Settings, SiteFolder, SiteSection, VaultSection
from gate.undo.evidence import collect
from gate.values.errors import GateError

FINGERPRINT = Path(__file__).with_name("take_fingerprint")
LOOK = FINGERPRINT.name
REASON = "A proof."
_RULES = """\
- rule: the-ground-of-a-proof
  when: {actor_kind: human}
  then: allow
  because: These hosts are there to be thrown away.
"""
_PREPARE = {
    "risk": 0,
    "targets": {"max_hosts": 500},
    "reversibility": "none",
    "reversibility_reason": "It brings a throw-away host to where a case starts.",
    "check": "none",
    "on_failure": "stop",
    "timeout_s": 900,
    "owner": "proof",
}


class Door(Protocol):
    """The verbs of an open site that a proof needs; `gate.app.Gate` has them."""

    def propose(self, wish: Intent) -> Change: ...
    def undo(self, change_id: str, *, reason: str = "") -> Change: ...
    def check_undo(self, change_id: str) -> Outcome | None: ...
    def wait(self, change_id: str) -> Change: ...
    def change(self, change_id: str) -> Change: ...
    def runs(self, change_id: str) -> list[dict[str, Any]]: ...
    def story(self, change_id: str) -> list[Entry]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at one host has told, beside an earlier one; `sections` are the parts in which something differs."""

    system: str
    same: bool
    happened: bool
    sections: tuple[str, ...]
    differences: tuple[str, ...]


@dataclass(slots=True)
class Ground:
    """`hosts` are those of the proof. Actions are put on it by `put`; then the site is opened."""

    folder: SiteFolder
    hosts: tuple[str, ...]
    opened: Callable[[SiteFolder], Door]
    door: Door | None = None

    @classmethod
    @contextmanager
    def made(cls, site: SiteFolder, hosts: Sequence[str], opened: Callable[[SiteFolder], Door]) -> Iterator[Ground]:
        """A ground for this site's hosts, gone again at the end."""
        root = Path(tempfile.mkdtemp(prefix="gate-proof-"))
        ground = cls(_folder(root, site), tuple(hosts), opened)
        try:
            (root / "rules").mkdir()
            (root / "rules" / "rules.yml").write_text(_RULES)
            ground.put(FINGERPRINT, LOOK)
            yield ground
        finally:
            if ground.door is not None:
                ground.door.close()
            shutil.rmtree(root, ignore_errors=True)

    def put(self, folder: Path, name: str) -> Path:
        """Copies the folder of an action into the catalog of the ground."""
        target = self.folder.playbooks[0] / name
        for file in files_of(folder):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / file, target / file)
        return target

    def put_tasks(self, name: str, tasks: Sequence[Mapping[str, Any]], collections: Sequence[str]) -> None:
        """Makes an action of mere tasks, which may use these collections."""
        folder = self.folder.playbooks[0] / name
        folder.mkdir(parents=True)
        play = {"name": "Prepare the hosts", "hosts": "all", "gather_facts": False, "tasks": _plain(tasks)}
        action = _PREPARE | {"requires": {"collections": list(collections)}}
        spec = {
            "short_description": "Prepare the hosts",
            "description": "Bring the hosts to where a case starts.",
            "argument_specs": {name: {"short_description": "Prepare the hosts", "options": {}}},
        }
        for file, content in {"action.yml": action, "do.yml": [play], "do.meta.yml": spec}.items():
            (folder / file).write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False))

    def act(self, action: str, parameters: Mapping[str, Any]) -> Change:
        """Asks for the action on all hosts, and waits for the end."""
        door = self._door()
        wish = Intent.of(action, list(self.hosts), dict(parameters), REASON)
        return door.wait(door.propose(wish).id)

    def undo(self, change: Change) -> Change:
        """Takes a change back; returns how it stands then."""
        door = self._door()
        door.wait(door.undo(change.id, reason=REASON).id)
        return door.change(change.id)

    def check_undo(self, change: Change) -> str:
        """Has it shown what an undo would do; returns why it could not be, and nothing if it could."""
        seen = self._door().check_undo(change.id)
        if seen is None or seen.status is Status.SUCCEEDED:
            return ""
        told = [f"{host}: {one.message}" for host, one in seen.hosts.items() if one.message]
        return "; ".join(told)[:1000] or seen.status.value

    def look(self, label: str, against: str = "none") -> dict[str, Seen]:
        """What the hosts are like, by host, kept as `label` and compared with what was kept as `against`.

        Raises:
            GateError: one of the hosts could not be looked at as a whole.
        """
        change = self.act(LOOK, {"label": label, "against": against})
        found = collect(self._door().story(change.id))
        if change.state is not State.SUCCEEDED or set(found) != set(self.hosts):
            raise GateError(
                "A fingerprint could not be taken.", f"{self.why(change)}.", "Mend that host, or prove on another one."
            )
        return {
            host: Seen(
                system=str(told["system"]),
                same=told["same"] is True,
                happened=told["happened"] is not False,
                sections=tuple(told["sections"]),
                differences=tuple(told["differences"]),
            )
            for host, told in sorted(found.items())  # they answer in any order
        }

    def why(self, change: Change) -> str:
        """What is known of a change that did not end as it should, in one line."""
        told = [f"{change.intent.action} is {change.state.value}"]
        for run in self._door().runs(change.id):
            for host, about in ((run.get("outcome") or {}).get("hosts") or {}).items():
                if about.get("message"):
                    told.append(f"{host} said in {run['phase']}: {about['message']}")
        return "; ".join(told)[:1000]

    def _door(self) -> Door:
        if self.door is None:
            self.door = self.opened(self.folder)
        return self.door


def _folder(root: Path, site: SiteFolder) -> SiteFolder:
    (root / "playbooks").mkdir()
    settings: Settings = site.settings.model_copy(
        update={
            "site": SiteSection(name="proof", inventory=str(site.inventory)),
            "vault": VaultSection(identities=list(site.run.vaults)),
        }
    )
    return SiteFolder(root, settings)


class _Dumper(yaml.SafeDumper):
    """Without anchors, which a catalog refuses."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value
