"""The settings of a site: gate.toml, strictly typed. A site is a folder; everything is relative to it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gate.catalog.collections import places
from gate.catalog.load import Catalog, load_catalog
from gate.execution.settings import RunSettings, SecretSource
from gate.values.errors import SettingsError
from gate.values.keys import make_key, make_sealing_key

FILE = "gate.toml"
STATE_FOLDERS = ("keys", "runs", "spent", "executors", "cache")
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_][a-z0-9_.@-]{0,63}\z")]
_Group = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}\z")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SiteSection(_Strict):
    """Where things are."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}\z")] = "site"
    inventory: str = "inventory"
    playbooks: list[str] = ["playbooks"]
    rules: str = "rules"
    state: str = ".gate"
    checkpoints: str = ".gate/checkpoints"  # better on another disk, or copied elsewhere
    database: Annotated[str, Field(pattern=r"^postgresql(\+psycopg)?://")] | None = None  # None: a file in `state`


class ServeSection(_Strict):
    """`gate serve`: where it listens. A socket path is relative to the state folder."""

    socket: str = "gate.sock"
    host: str | None = None  # an address instead of the socket; loopback only
    port: int = Field(default=8642, ge=1, le=65535)


class PlannerSection(_Strict):
    """`gate plan`: which planner. `retrieval` needs no model; anything else is LangChain's `provider:model`."""

    model: str = "retrieval"


class RunSection(_Strict):
    """What holds the processes of a run. `may_gain_privileges`: sudo works on hosts with a local connection.

    Of `processes` and `file_size_mb` 0 is no limit.
    """

    may_gain_privileges: bool = False
    open_files: int = Field(default=4096, ge=256, le=1_048_576)
    processes: int = Field(default=0, ge=0, le=4_194_304)
    file_size_mb: int = Field(default=4096, ge=0, le=1_048_576)


class VaultSection(_Strict):
    """Ansible Vault: `LABEL@FILE` or `FILE`, as in Ansible's list of identities. FILE holds a password or prints it."""

    identities: list[Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_.-]+@)?[^@,\s][^@,]*\z")]] = []


class SecretSection(_Strict):
    """A secret that agents may name: where its value comes from, in exactly one way, and for which actions."""

    actions: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}\z")]] = Field(min_length=1)
    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,100}\z")] | None = None
    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,100}\z")] | None = None
    lookup: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,100}\z")] | None = None
    terms: list[str] = []
    options: dict[str, str | int | bool] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.env, self.variable, self.lookup)) != 1:
            raise ValueError("a secret has one of env, variable and lookup")
        if self.lookup is None and (self.terms or self.options):
            raise ValueError("terms and options belong to a lookup")
        return self

    def source(self) -> SecretSource:
        """The same, for the worker."""
        plain = self.model_dump()
        return SecretSource(**{**plain, "actions": tuple(self.actions), "terms": tuple(self.terms)})


class Settings(_Strict):
    """gate.toml."""

    site: SiteSection = SiteSection()
    serve: ServeSection = ServeSection()
    planner: PlannerSection = PlannerSection()
    run: RunSection = RunSection()
    vault: VaultSection = VaultSection()
    secrets: dict[_Group, SecretSection] = {}
    groups: dict[_Group, list[_Name]] = {}  # who may approve: group -> names of people


class SiteFolder:
    """A site on disk: its root, its settings, and its paths made absolute."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root, self.settings = root, settings
        section = settings.site
        self.inventory = root / section.inventory
        self.playbooks = tuple(root / folder for folder in section.playbooks)
        self.rules = root / section.rules
        self.state = root / section.state
        self.checkpoints = root / section.checkpoints
        self.certificates = self.state / "certificates"
        self.database: Path | str = section.database or self.state / "gate.db"
        self.socket = self.state / settings.serve.socket

    def make_state(self) -> None:
        """Makes the state folder, its folders and its keys where they are missing, for the owner alone."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        for name in STATE_FOLDERS:
            (self.state / name).mkdir(mode=0o700, exist_ok=True)
        self.checkpoints.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("warrant", "ledger", "certificate"):
            make_key(self.state / "keys", name)
        make_sealing_key(self.state / "keys", "evidence")

    @property
    def run(self) -> RunSettings:
        """What the worker of a run is told; paths are absolute."""
        secrets = {name: section.source() for name, section in self.settings.secrets.items()}
        vaults = tuple(map(self._vault, self.settings.vault.identities))
        run = self.settings.run
        return RunSettings(
            root=str(self.root),
            may_gain=run.may_gain_privileges,
            open_files=run.open_files,
            processes=run.processes,
            file_size_mb=run.file_size_mb,
            vaults=vaults,
            secrets=secrets,
        )

    def _vault(self, identity: str) -> str:
        label, at, file = identity.rpartition("@")
        return f"{label}{at}{os.path.abspath(self.root / file)}"  # noqa: PTH100  (a link is followed when it is read)

    def catalog(self) -> Catalog:
        """The actions of the site as they are on disk now; those that lack a secret or a collection are broken."""
        where = places(self.inventory.parent / "ansible.cfg")
        return load_catalog(self.playbooks, self.run.names_for, where)

    def groups_of(self, name: str) -> frozenset[str]:
        """The groups that the person `name` approves for."""
        return frozenset(group for group, names in self.settings.groups.items() if name in names)


def find_site(given: str | os.PathLike[str] | None, environment: Mapping[str, str] = os.environ) -> SiteFolder:
    """The site that is meant: the folder given, $GATE_SITE, or the nearest folder upwards with a gate.toml.

    Raises:
        SettingsError: none found, or its gate.toml is wrong.
    """
    named = given or environment.get("GATE_SITE")
    if named:
        return load_site(Path(named))
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return load_site(folder)
    raise SettingsError(
        "There is no site here.",
        f"Neither {here} nor a folder above it has a {FILE}.",
        "Make one with `gate init DIR`, or name one with --site DIR or GATE_SITE.",
    )


def load_site(root: Path) -> SiteFolder:
    """The site in `root`.

    Raises:
        SettingsError: no gate.toml, or something in it is wrong; with the place.
    """
    root = root.resolve()
    path = root / FILE
    try:
        raw = tomllib.loads(path.read_text())
        return SiteFolder(root, Settings.model_validate(raw))
    except OSError as wrong:
        raise SettingsError(
            f"{path} cannot be read.",
            f"{wrong.strerror}.",
            f"Make a site with `gate init {root}`, or name another one.",
        ) from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(
            f"{path} is not TOML.", f"{wrong}.", "Mend that place; see docs/reference/settings.md."
        ) from wrong
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{path}: the setting {place} is wrong.", f"{first['msg']}.", "docs/reference/settings.md lists them all."
        ) from wrong
