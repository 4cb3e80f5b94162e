"""What a site says about its runs: where its secrets come from. Names and places; never a value.

It travels beside the warrant, in the run's folder. No pydantic here: the worker has to start quickly, and what it
reads was checked when gate.toml was.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gate.values.errors import ExecutionError


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where the value of a secret comes from, in exactly one way, and for which actions it may be named.

    `env` is a variable of the gate's own environment, `variable` one of the inventory, `lookup` a plugin of Ansible
    that is asked for `terms` with `options`.
    """

    actions: tuple[str, ...]
    env: str | None = None
    variable: str | None = None
    lookup: str | None = None
    terms: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """As an error names it."""
        if self.env is not None:
            return f"the variable {self.env} of the gate's environment"
        return f"the inventory's {self.variable}" if self.variable else f"the lookup {self.lookup}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """`vaults` are vault identities as Ansible has them, LABEL@FILE with an absolute path; `secrets` are by name.

    What a lookup names by a relative path is below `root`, the site's folder. `may_gain`: see `boundaries`.
    Of `processes` and `file_size_mb` 0 is no limit.
    """

    root: str = "/"
    may_gain: bool = False
    open_files: int = 4096
    processes: int = 0
    file_size_mb: int = 4096
    vaults: tuple[str, ...] = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> RunSettings:
        """From the run's folder; without the file nothing is set.

        Raises:
            ExecutionError: the file is not what `text` has written.
        """
        if not file.exists():
            return cls()
        try:
            plain = json.loads(file.read_text())
            secrets = {
                name: SecretSource(**{**one, "actions": tuple(one["actions"]), "terms": tuple(one["terms"])})
                for name, one in plain["secrets"].items()
            }
            limits = {name: int(plain[name]) for name in ("open_files", "processes", "file_size_mb")}
            may_gain, vaults = plain["may_gain"] is True, tuple(plain["vaults"])
            return cls(root=str(plain["root"]), may_gain=may_gain, vaults=vaults, secrets=secrets, **limits)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise ExecutionError(
                "The settings of the run cannot be read.", f"{file}: {type(wrong).__name__}.", "Propose it again."
            ) from None

    def text(self) -> str:
        """JSON, for `read`."""
        return json.dumps(asdict(self))

    @property
    def limits(self) -> dict[int, int]:
        """What a process of a run may take, by RLIMIT_."""
        given = {resource.RLIMIT_NPROC: self.processes, resource.RLIMIT_FSIZE: self.file_size_mb << 20}
        return {resource.RLIMIT_NOFILE: self.open_files} | {which: most for which, most in given.items() if most}

    @property
    def variables(self) -> frozenset[str]:
        """The variables of the gate's own environment that hold secrets."""
        return frozenset(source.env for source in self.secrets.values() if source.env is not None)

    @property
    def vault_files(self) -> tuple[Path, ...]:
        """The files with vault passwords, or the programs that print them."""
        return tuple(Path(identity.rpartition("@")[2]) for identity in self.vaults)

    @property
    def environment(self) -> dict[str, str]:
        """What Ansible has to be told, wherever it reads the inventory."""
        return {"ANSIBLE_VAULT_IDENTITY_LIST": ",".join(self.vaults)} if self.vaults else {}

    def names_for(self, action: str) -> tuple[str, ...]:
        """The secrets that an action may be given, sorted."""
        return tuple(sorted(name for name, source in self.secrets.items() if action in source.actions))
