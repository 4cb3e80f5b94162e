"""Is this site sound? One check a line, each with the mend of what is wrong."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gate.catalog.check import check_action
from gate.certificate.store import Certificates
from gate.database.records import DUE_TIMES, JOBS, check
from gate.execution.environment import ansible_environment, worker_environment
from gate.execution.secrets import Place, find
from gate.flow.action_facts import known_actions
from gate.inventory.digest import config_of
from gate.inventory.read import InventoryReader
from gate.policy.generations.live import load_sound
from gate.policy.tables.reading import read_tables
from gate.schedule.plan import read_schedules
from gate.settings import SiteFolder
from gate.values.errors import GateError
from gate.values.keys import private_key, public_key


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `mend` is empty if it is sound."""

    name: str
    sound: bool
    what: str
    mend: str = ""


def examine(folder: SiteFolder) -> Iterator[Check]:
    """Looks at everything that a change will need. It makes the state folder, and changes nothing else."""
    folder.make_state()
    yield _python()
    yield _ansible()
    yield _looked("settings", lambda: f"{folder.root}/gate.toml, groups: {', '.join(folder.settings.groups) or 'none'}")
    yield _looked("inventory", lambda: _inventory(folder))
    yield from _catalog(folder)
    yield from _vaults(folder)
    yield from _secrets(folder)
    yield _looked("rules", lambda: _rules(folder))
    yield _looked("schedules", lambda: f"{len(read_schedules(folder.root))} schedules")
    yield _state(folder.state)
    for name in (JOBS, DUE_TIMES):
        if (folder.state / name).exists():
            yield _looked("records", lambda name=name: _record(folder.state / name))  # type: ignore[misc]
    yield _looked("keys", lambda: _keys(folder.state / "keys"))
    yield _looked("certificates", lambda: _certificates(folder))
    if isinstance(folder.database, str) or folder.database.exists():
        yield _looked("ledger", lambda: _ledger(folder))
        yield _looked("halt", lambda: _halt(folder))
    yield _people(folder)


def _looked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, sound=True, what=look())
    except GateError as wrong:
        return Check(name, sound=False, what=f"{wrong.what} {wrong.why}", mend=wrong.fix)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Check("python", sound=True, what=version)
    return Check("python", sound=False, what=f"{version} is not supported.", mend="Use Python 3.11 or 3.12.")


def _ansible() -> Check:
    beside = Path(sys.executable).parent / "ansible-playbook"
    if beside.exists():
        from importlib.metadata import version

        return Check("ansible", sound=True, what=f"ansible-core {version('ansible-core')} at {beside}")
    elsewhere = shutil.which("ansible-playbook")
    what = f"No ansible-playbook beside {sys.executable}" + (f" (there is one at {elsewhere})." if elsewhere else ".")
    return Check("ansible", sound=False, what=what, mend="pip install ansible-core into the same environment.")


def _inventory(folder: SiteFolder) -> str:
    cache = folder.state / "cache"
    found = InventoryReader(folder.inventory, cache, environment=folder.run.environment).read()
    nowhere = sorted(host.name for host in found.hosts.values() if host.environment == "none")
    hint = f"; without gate_environment: {', '.join(nowhere[:5])}" if nowhere else ""
    return f"{len(found.hosts)} hosts in {len(found.groups)} groups{hint}"


def _catalog(folder: SiteFolder) -> Iterator[Check]:
    try:
        found = folder.catalog()
    except GateError as wrong:
        yield Check("catalog", sound=False, what=f"{wrong.what} {wrong.why}", mend=wrong.fix)
        return
    names = ", ".join(action.name for action in found.actions)
    yield Check(
        "catalog",
        sound=bool(found.actions),
        what=f"{len(found.actions)} actions: {names}",
        mend="" if found.actions else "Write an action, or copy a shipped one: docs/howto/write-an-action.md",
    )
    for broken in found.broken:
        yield Check("catalog", sound=False, what=f"{broken.what} {broken.why}", mend=broken.fix)
    for action in found.actions:
        for finding in check_action(action.folder):
            yield Check(
                "catalog", sound=False, what=f"{finding.file}:{finding.line}: {finding.what}", mend=finding.mend
            )


def _vaults(folder: SiteFolder) -> Iterator[Check]:
    for file in folder.run.vault_files:
        if not file.is_file():
            yield Check("vault", sound=False, what=f"{file} is not there.", mend="Name another in gate.toml: [vault]")
        elif not file.stat().st_mode & 0o100 and file.stat().st_mode & 0o077:
            yield Check("vault", sound=False, what=f"{file} can be read by others.", mend=f"chmod 600 {file}")
        else:
            yield Check("vault", sound=True, what=str(file))


def _secrets(folder: SiteFolder) -> Iterator[Check]:
    for name in sorted(folder.run.secrets):
        yield _looked("secrets", lambda name=name: _secret(folder, name))  # type: ignore[misc]


def _secret(folder: SiteFolder, name: str) -> str:
    private = folder.state / "cache"
    ansible = {**worker_environment(os.environ), **ansible_environment(private, config_of(folder.inventory))}
    place = Place(
        inventory=folder.inventory,
        hosts=(),
        environment=os.environ,
        ansible={**ansible, "ANSIBLE_LOCAL_TEMP": str(private), **folder.run.environment},
    )
    find([name], folder.run, place)
    return f"{name}, from {folder.run.secrets[name]}, for {', '.join(folder.run.secrets[name].actions)}"


def _rules(folder: SiteFolder) -> str:
    actions = known_actions(folder.catalog())
    cases = read_tables(folder.rules / "tests", actions)
    with load_sound(folder.rules, actions=actions) as loaded:
        return f"{len(loaded.rules)} rules, {len(cases)} cases pass, generation {loaded.generation[:19]}…"


def _state(state: Path) -> Check:
    mode = state.stat().st_mode & 0o777
    if mode & 0o077:
        return Check(
            "state", sound=False, what=f"{state} can be entered by others (mode {mode:o}).", mend=f"chmod 700 {state}"
        )
    if not os.access(state, os.W_OK):
        return Check(
            "state", sound=False, what=f"{state} cannot be written.", mend="Run the gate as the folder's owner."
        )
    return Check("state", sound=True, what=str(state))


def _record(path: Path) -> str:
    check(path)
    return f"{path.name} is whole"


def _keys(keys: Path) -> str:
    for name in ("warrant", "ledger", "certificate"):
        private_key(keys, name)
        public_key(keys, name)
    return "the keys of warrants, ledger and certificates are readable by their owner alone"


def _certificates(folder: SiteFolder) -> str:
    certificates = Certificates(folder.certificates, folder.state / "keys")
    actions = [one for one in folder.catalog().actions if one.has_undo]
    for action in actions:
        certificates.read(action.name)  # one that cannot be believed is said here, and certifies nothing
    proved = [one.name for one in actions if certificates.has(one.name, one.digest)]
    return f"the undo of {len(proved)} of {len(actions)} actions is proved (gate catalog prove)"


def _ledger(folder: SiteFolder) -> str:
    from gate.database.engine import Database
    from gate.ledger.audit import audit
    from gate.ledger.notes import Notes
    from gate.values.errors import TamperedError

    database = Database.open(folder.database)
    try:
        notes = Notes(folder.checkpoints, f"gate/{folder.settings.site.name}/ledger")
        report, others = audit(database, notes, public_key(folder.state / "keys", "ledger"), folder.state)
    finally:
        database.close()
    problems = [*report.problems, *others]
    if problems:
        raise TamperedError("The ledger does not verify.", problems[0].what, "gate ledger verify names every problem.")
    return f"{report.size} entries, {report.signed} under a signed checkpoint"


def _halt(folder: SiteFolder) -> str:
    from gate.changes.halt import standing
    from gate.database.engine import Database
    from gate.values.errors import StateError

    database = Database.open(folder.database)
    try:
        with database.read() as connection:
            stands = standing(connection)
    finally:
        database.close()
    if stands is not None:
        why = f"Since {stands.at:%Y-%m-%d %H:%M} UTC, by {stands.actor}: {stands.reason}"
        raise StateError("The site is halted; nothing starts.", why, "gate resume, when you know that it can go on.")
    return "what may start does"


def _people(folder: SiteFolder) -> Check:
    if any(folder.settings.groups.values()):
        return Check("people", sound=True, what="somebody can approve")
    return Check(
        "people",
        sound=False,
        what="Nobody can approve anything.",
        mend='Name people in gate.toml: [groups] ops = ["alice"]',
    )
