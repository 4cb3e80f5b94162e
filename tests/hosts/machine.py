"""What this machine must have before it can carry hosts, and what is done about it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

Say = Callable[[str], None]

RUN = Path("/run/ansible-gate-hosts")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # podman runs iptables at tear-down too
PACKAGES = {  # a program, and the Debian package that it comes from
    "podman": "podman",
    "crun": "crun",
    "/usr/lib/podman/netavark": "netavark",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
}
_APT = ("-q", "-o", "DPkg::Lock::Timeout=600")


class HostsError(Exception):
    """What happened, why, and what to do about it."""


def cache() -> Path:
    """Where images are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ansible-gate" / "hosts"


def left_out() -> str | None:
    """Why there can be no hosts here; None if there can."""
    if os.environ.get("HOSTS") == "no":
        return "HOSTS=no leaves the real hosts out."
    if os.geteuid() != 0:
        return "Real hosts need root: podman makes a network of their own. Run the tests as root, or say HOSTS=no."
    if _missing() and not (shutil.which("apt-get", path=PATH) and Path("/etc/debian_version").exists()):
        return f"Real hosts need {', '.join(_missing())}, which are installed by themselves on Debian only."
    return None


def must_not_skip(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a test that cannot have its hosts fails: in continuous integration, unless they are left out by name."""
    return environment.get("CI", "").lower() in {"1", "true", "yes"} and environment.get("HOSTS") != "no"


def install(say: Say) -> None:
    """Installs the Debian packages that are missing.

    Raises:
        HostsError: apt-get failed.
    """
    missing = _missing()
    if not missing:
        return
    say(f"hosts: installing with apt-get: {' '.join(missing)} (HOSTS=no leaves the hosts and these out)")
    run("apt-get", *_APT, "update", timeout_s=600)
    run("apt-get", *_APT, "install", "-y", "--no-install-recommends", *missing, timeout_s=1200)


def _missing() -> list[str]:
    return [package for program, package in PACKAGES.items() if shutil.which(program, path=PATH) is None]


def run(*command: str, timeout_s: float = 120, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
    """What the command printed.

    Raises:
        HostsError: it failed, or took longer than `timeout_s`; with the end of what it said.
    """
    given = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(Path.home()), "DEBIAN_FRONTEND": "noninteractive"}
    given |= {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout_s,
            env={**given, **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        raise HostsError(f"{command[0]} took more than {timeout_s:g} seconds: {' '.join(command)}") from None
    if done.returncode != 0:
        told = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise HostsError(f"{' '.join(command)} failed with {done.returncode}:\n{told[-3000:]}")
    return done.stdout.decode(errors="replace").strip()


def open_files() -> int:
    """How many files a host's process may have open: podman's own default is more than a confined root may give."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 20_000 if hard == resource.RLIM_INFINITY else min(hard, 20_000)


def unmount(*places: Path) -> None:
    """Unmounts those that are mounted."""
    for place in places:
        if place.is_mount() or str(place) in _mounted():
            run("umount", str(place))


def _mounted() -> set[str]:
    return {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
