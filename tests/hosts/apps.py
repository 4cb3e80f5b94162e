"""The images of containers on hosts: in a read-only store that every host mounts, so that no registry is needed."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

from tests.hosts.machine import unmount
from tests.hosts.podman import Podman

NAME = "localhost/app"
TAGS = ("v1", "v2")  # each says its own name on port 80
# the first process of a container does not heed other signals unless it says so
_CHANGES = ("STOPSIGNAL SIGKILL", 'CMD ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]')


def ensure_apps(podman: Podman, image: str) -> Path:
    """The store, which is made of the busybox of the hosts' `image` if it is not there. Whoever calls holds the lock.

    Raises:
        HostsError: it cannot be made.
    """
    recipe = hashlib.sha256("\n".join((NAME, *TAGS, *_CHANGES)).encode()).hexdigest()[:12]
    store = podman.store.parent / f"apps-{image.rpartition(':')[2]}-{recipe}"
    if not store.is_dir():
        with tempfile.TemporaryDirectory(dir=podman.store.parent) as folder:
            made, state = Path(folder) / "store", Path(folder) / "run"
            busybox = _busybox(podman, image, Path(folder))
            for tag in TAGS:
                tree = Path(folder) / f"{tag}.tar"
                _write_tree(tree, busybox, tag)
                here = ("--root", str(made), "--runroot", str(state), "--storage-driver", "overlay")
                podman(
                    *here,
                    "import",
                    "--quiet",
                    *(word for change in _CHANGES for word in ("--change", change)),
                    str(tree),
                    f"{NAME}:{tag}",
                )
            unmount(made / "overlay", state / "overlay")
            made.rename(store)
    return store


def _busybox(podman: Podman, image: str, folder: Path) -> bytes:
    container = podman("create", "--quiet", "--pull=never", image)
    try:
        podman("cp", f"{container}:/bin/busybox", str(folder / "busybox"))
    finally:
        podman("rm", container)
    return (folder / "busybox").read_bytes()


def _write_tree(file: Path, busybox: bytes, tag: str) -> None:
    with tarfile.open(file, "w") as tree:
        for name, content, mode in (("bin/busybox", busybox, 0o755), ("www/index.html", f"{tag}\n".encode(), 0o644)):
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), mode
            tree.addfile(about, io.BytesIO(content))
