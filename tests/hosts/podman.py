"""podman with a store, a state and settings of its own: whoever uses podman on this machine sees nothing of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.machine import RUN, open_files, run, unmount

_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=16384:16384"]
[engine]
runtime = "crun"
events_logger = "file"
lock_type = "file"
tmp_dir = "{state}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{state}/networks"
"""
CONTAINERS_ON_HOST = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=16384:16384"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
_STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{store}"
runroot = "{state}/run"
"""
_NETNS = Path("/run/netns")  # podman mounts it upon itself


@dataclass(frozen=True, slots=True)
class Podman:
    """`podman(*words)` runs it. `store` is kept between runs and holds the images; the rest is below /run."""

    store: Path

    @property
    def state(self) -> Path:
        return RUN / f"podman-{hashlib.sha256(bytes(self.store)).hexdigest()[:8]}"

    def configure(self) -> None:
        """Writes the settings, each of them whole: the podman of another lab may be reading them."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.store.mkdir(parents=True, exist_ok=True)
        for name, text in {"containers.conf": _CONTAINERS_CONF, "storage.conf": _STORAGE_CONF}.items():
            draft = self.state / f"{name}.new"
            draft.write_text(text.format(state=self.state, store=self.store, files=open_files()))
            draft.replace(self.state / name)

    def __call__(self, *words: str, stdin: bytes = b"", timeout_s: float = 120) -> str:
        """What `podman WORDS` printed. Raises HostsError."""
        settings = {
            "CONTAINERS_CONF": str(self.state / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.state / "storage.conf"),
        }
        return run("podman", *words, stdin=stdin, timeout_s=timeout_s, environment=settings)

    def lines(self, *words: str) -> list[str]:
        """The same, line by line."""
        return self(*words).splitlines()

    def tidy(self) -> None:
        """Takes away the mounts that podman leaves when no container is left."""
        unmount(self.store / "overlay")
        if _NETNS.is_dir() and not any(_NETNS.iterdir()):
            unmount(_NETNS)
