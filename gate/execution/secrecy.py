"""What one run must not tell: the secrets that it is given, those of its inventory, and what looks like one.

All that leaves the run is made here: its events, its evidence and its files. What it needs and must not be written
is handed over through a pipe.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

from gate.execution.environment import ansible_environment, worker_environment
from gate.execution.redaction import Redactor
from gate.execution.sealed import hidden, is_sealed, opened, protect, protect_unseen
from gate.execution.secrets import Place, find
from gate.execution.settings import RunSettings
from gate.execution.workspace import extra_variables, unsafe, write_variables
from gate.inventory.digest import config_of
from gate.values.errors import SecretError
from gate.values.keys import make_sealing_key, sealing_key
from gate.warrant.model import Warrant

KEPT = ("command", "stdout", "stderr", "rc", "status")  # of the files that ansible-runner writes
MAX_READ, MAX_KEPT = 64 * 1024 * 1024, 4 * 1024 * 1024  # characters of one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrecy:
    """By default nothing is known: what looks like a secret is hidden, and evidence with one is of no use any more.

    `handed` are the variables that Ansible gets through the pipe, `environment` is added to that of Ansible.
    """

    redactor: Redactor = field(default_factory=Redactor)
    action: str = ""
    key: bytes | None = None
    seen: bool = True  # whether the secrets of the run are known
    handed: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, warrant: Warrant, folder: Path, environment: Mapping[str, str]) -> Secrecy:
        """That of a run whose private folder is prepared. `environment` holds the secrets of the worker's environment.

        Raises:
            SecretError: a secret cannot be had. WarrantError: sealed evidence cannot be opened.
        """
        private, inventory = folder / "private", Path(warrant.inventory)
        settings = RunSettings.read(folder / "settings")
        wanted = _wanted(warrant, private / "project", settings)
        ansible = {
            **worker_environment({}),
            **ansible_environment(private, config_of(inventory)),
            **settings.environment,
        }
        place = Place(inventory=inventory, hosts=warrant.hosts, environment=environment, ansible=ansible)
        found = find(wanted.values(), settings, place)
        key = _key(folder)
        handed: dict[str, Any] = {parameter: unsafe(found.values[name]) for parameter, name in wanted.items()}
        evidence = _opened_evidence(warrant, key)
        handed |= {"evidence": unsafe(evidence)} if evidence else {}
        # what was a secret when it was recorded may be none of today's
        earlier = {text for host in evidence for text in hidden(warrant.evidence[host], evidence[host])}
        if handed:
            rest = extra_variables(warrant)
            write_variables(private, {name: value for name, value in rest.items() if name not in handed})
        return cls(
            redactor=Redactor({*found.all(), *earlier}),
            action=warrant.action,
            key=key,
            handed=handed,
            environment=settings.environment,
        )

    @classmethod
    def afterwards(cls, folder: Path) -> Secrecy:
        """That of a run that was lost: its secrets are not known any more, so all of its evidence is sealed."""
        text = json.loads((folder / "warrant").read_text())["warrant"]
        return cls(action=json.loads(text)["action"], key=_key(folder), seen=False)

    def text(self, text: str) -> str:
        """`text` as it may be told."""
        return self.redactor.text(text)

    def evidence(self, host: str, recorded: Any) -> Any:
        """What a host recorded, as it may be written down."""
        if self.key is None:
            return self.redactor.value(recorded)
        if not self.seen:
            return protect_unseen(recorded, self.key, (self.action, host))
        return protect(recorded, self.redactor, self.key, (self.action, host))

    def keep(self, written: Path, artifacts: Path) -> list[str]:
        """Copies what may be kept of the files that ansible-runner has written, as it may be told.

        Returns what there is to say about it: nothing, or why they could not be kept. What a run did is known without.
        """
        try:
            artifacts.mkdir(parents=True, exist_ok=True)
            for name in KEPT:
                if (written / name).is_file():
                    (artifacts / name).write_text(self._kept(written / name))
        except OSError as wrong:
            return [f"Ansible's own output could not be kept: {wrong.strerror}."]
        return []

    def _kept(self, file: Path) -> str:
        with file.open(errors="replace") as stream:
            told = self.text(stream.read(MAX_READ))
        return told if len(told) <= MAX_KEPT else f"{told[:MAX_KEPT]}\n[{len(told) - MAX_KEPT} more characters]\n"

    def guard(self, stream: TextIO) -> TextIO:
        """`stream`, which from here on is told only what may be told."""
        return cast("TextIO", _Guarded(stream, self))


class _Guarded(io.TextIOBase):
    """Passes whole lines on, so that no secret slips through in two pieces."""

    def __init__(self, stream: TextIO, secrecy: Secrecy) -> None:
        self._stream, self._secrecy, self._begun = stream, secrecy, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._stream.write(self._secrecy.text(line) + "\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if self._begun:
            self.write("\n")
        super().close()


def _wanted(warrant: Warrant, project: Path, settings: RunSettings) -> dict[str, str]:
    """Parameter -> the secret that it names, of the parameters that are references."""
    meta = project / "do.meta.yml"
    if not meta.is_file() or b"no_log" not in meta.read_bytes():
        return {}
    from gate.catalog.argument_spec import read_argument_spec

    options = read_argument_spec(project, warrant.action).parameters.options
    wanted = {
        name: warrant.parameters[name]
        for name, option in options.items()
        if option.no_log and warrant.parameters.get(name) is not None
    }
    for name in wanted.values():
        if name not in settings.names_for(warrant.action):
            raise SecretError(
                f"{warrant.action} is not given the secret {name}.",
                "gate.toml does not name the action in the secret's `actions`.",
                "Name another secret, or have the site allow it.",
            )
    return wanted


def _opened_evidence(warrant: Warrant, key: bytes) -> dict[str, Any]:
    if not warrant.phase.takes_back or not any(map(is_sealed, warrant.evidence.values())):
        return {}
    return {host: opened(one, key, (warrant.action, host)) for host, one in warrant.evidence.items()}


def _key(folder: Path) -> bytes:
    keys = folder.parent.parent / "keys"
    make_sealing_key(keys, "evidence")
    return sealing_key(keys, "evidence")
