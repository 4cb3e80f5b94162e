"""The private folder of one run: a copy of the action, checked after copying, and parameters as mere text."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate.catalog.digest import digest_folder, files_of
from gate.values.errors import WarrantError
from gate.warrant.model import Phase, Warrant

PLAYBOOKS = {
    Phase.CHECK: "do.yml",
    Phase.DO: "do.yml",
    Phase.VERIFY: "verify.yml",
    Phase.UNDO: "undo.yml",
    Phase.CHECK_UNDO: "undo.yml",
}
TRIES, TRY_AGAIN_S = 50, 0.02
_HOST = re.compile(
    r"(?!(?:all|ungrouped)\Z)[A-Za-z0-9][A-Za-z0-9_.-]{0,252}"
)  # no pattern, no group that is always there


def prepare(warrant: Warrant, private: Path) -> None:
    """Fills `private` for ansible-runner: project/, env/extravars, tmp/.

    Raises:
        WarrantError: the action's folder is not the one that was decided on, or a host is no plain name.
    """
    for host in warrant.hosts:
        if _HOST.fullmatch(host) is None:
            raise WarrantError(
                f"{host!r} cannot be pinned.", "Ansible could read it as a pattern.", "Rename it in the inventory."
            )
    if not warrant.hosts:
        raise WarrantError("The warrant names no host.", "To Ansible that means every host.", "Propose it again.")
    project = private / "project"
    _copy(Path(warrant.folder), project)
    # digest of the copy, not of the original: nobody can change it between the check and the run
    if digest_folder(project) != warrant.action_digest:
        raise WarrantError(
            f"The folder of action {warrant.action} is not the one that was decided on.",
            "A file in it was changed after the decision.",
            "Propose the change again: it will be decided with the new folder.",
        )
    (private / "tmp").mkdir()
    (private / "env").mkdir()
    write_variables(private, extra_variables(warrant))


def remove(private: Path) -> None:
    """Takes the folder away, with what a fork that is just ending may still put into it."""
    for _ in range(TRIES):
        shutil.rmtree(private, ignore_errors=True)
        if not private.exists():
            return
        time.sleep(TRY_AGAIN_S)


def write_variables(private: Path, variables: Mapping[str, Any]) -> None:
    """Writes what Ansible reads as the variables of the run."""
    (private / "env" / "extravars").write_text(json.dumps(dict(variables)))


def _copy(folder: Path, project: Path) -> None:
    for name in files_of(folder):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / name, project / name, follow_symlinks=False)


def extra_variables(warrant: Warrant) -> dict[str, Any]:
    """The variables of the run, every text in them marked as one that is never a template."""
    variables = dict(warrant.parameters)
    if warrant.phase.takes_back:
        variables["evidence"] = warrant.evidence
    return {name: unsafe(value) for name, value in variables.items()}


def unsafe(value: Any) -> Any:
    """`value` with each text wrapped in Ansible's own mark for untrusted text.

    Raises:
        WarrantError: a key that Ansible would take for a mark of its own.
    """
    match value:
        case str():
            return {"__ansible_unsafe": value}
        case dict():
            if any(not isinstance(key, str) or key.startswith("__ansible") for key in value):
                raise WarrantError("A parameter has a reserved key.", "It begins with __ansible.", "Rename the key.")
            return {key: unsafe(inner) for key, inner in value.items()}
        case list() | tuple():
            return [unsafe(inner) for inner in value]
        case bool() | int() | float() | None:
            return value
    raise WarrantError(
        "A parameter cannot travel.", f"It is a {type(value).__name__}.", "Use what JSON has a word for."
    )
