"""The image that every host starts from: made by mmdebstrap once a month, kept in podman's store."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import date
from pathlib import Path

from tests.hosts.machine import Say, run
from tests.hosts.podman import Podman

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt"),
    *("nginx-light", "cron", "iproute2", "nftables", "procps", "ca-certificates"),
    *("podman", "crun", "netavark", "aardvark-dns", "iptables", "busybox-static"),  # for containers on the host
    "postgresql",  # a database to change passwords in; it is not started by itself
)
OPTIONS = (
    *("--mode=root", "--variant=minbase", "--quiet", f"--include={','.join(PACKAGES)}"),
    '--aptopt=Acquire::Languages "none"',
    *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
)
REPOSITORY = "localhost/ansible-gate-host"
_CUSTOMIZE = Path(__file__).with_name("customize.sh")
# in a memory file system of its own, gone with the process: on a disk it takes five times as long
_IN_MEMORY = 'mount -t tmpfs -o mode=1777 none "$1"; export TMPDIR="$1"; shift; exec "$@"'
_MEMORY_B = 3 * 2**30


def image_name(today: date) -> str:
    """A new month brings the security updates of Debian, and a changed recipe another image."""
    recipe = "\n".join((SUITE, *OPTIONS, _CUSTOMIZE.read_text()))
    return f"{REPOSITORY}:{today:%Y-%m}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def ensure_image(podman: Podman, today: date, say: Say) -> str:
    """The name of this month's image, which is made if it is not there. Whoever calls holds the lock.

    Raises:
        HostsError: it cannot be made.
    """
    name = image_name(today)
    if name not in _images(podman):
        say(f"hosts: making the image {name} from Debian's packages; the next time it is there")
        with tempfile.TemporaryDirectory(dir=podman.store.parent) as folder:
            tree = Path(folder) / "tree.tar"
            _bootstrap(tree)
            podman("import", "--quiet", "--change", 'CMD ["/sbin/init"]', str(tree), name, timeout_s=600)
        _forget_old(podman, today)
    return name


def _bootstrap(tree: Path) -> None:
    command = ["mmdebstrap", *OPTIONS, f"--customize-hook={_CUSTOMIZE}", SUITE, str(tree)]
    if _available_memory() > _MEMORY_B:
        scratch = tree.parent / "scratch"
        scratch.mkdir()
        command = ["unshare", "--mount", "--", "sh", "-euc", _IN_MEMORY, "sh", str(scratch), *command]
    run(*command, timeout_s=1800)


def _available_memory() -> int:
    found = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return int(found.split()[1]) * 1024


def _images(podman: Podman) -> list[str]:
    return podman.lines("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={REPOSITORY}")


def _forget_old(podman: Podman, today: date) -> None:
    """Removes images from before last month; those of this one may belong to another checkout."""
    used = set(podman.lines("ps", "--all", "--format", "{{.Image}}"))
    for name in _images(podman):
        year, month = name.rpartition(":")[2].split("-")[:2]
        if (today.year - int(year)) * 12 + today.month - int(month) > 1 and name not in used:
            podman("rmi", name)
            for apps in podman.store.parent.glob(f"apps-{name.rpartition(':')[2]}-*"):
                shutil.rmtree(apps)
