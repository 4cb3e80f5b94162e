"""When hosts go nothing of them stays: no container, process, network, mount or control group."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.hosts import cgroups, ground
from tests.hosts.lab import Lab

Ansible = Callable[..., "subprocess.CompletedProcess[str]"]
# an image of what is on the host itself
CONTAINER = """\
mkdir -p /tmp/app
cp --parents /usr/bin/sleep /usr/bin/echo $(ldd /usr/bin/sleep | grep -o '/[^ ]*') /tmp/app
tar -C /tmp/app -c . | podman import --quiet - localhost/app:v1 >/dev/null
podman run --detach --pull=never --name app --publish 8080:80 localhost/app:v1 /usr/bin/sleep 600 >/dev/null
podman inspect --format '{{.State.Status}}' app
podman exec app /usr/bin/echo it speaks
"""


def commands() -> str:
    """The command lines of everything that runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(found)


def printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_down_leaves_nothing_of_a_host_that_was_connected_and_frozen(
    make_lab: Callable[..., Lab], ansible: Ansible
) -> None:
    lab = make_lab(1)
    network = f"10.77.{lab.number}."
    done = ansible(lab.folder / "inventory.yml", "all", "-m", "raw", "-a", "true")  # leaves ssh connected
    assert done.returncode == 0, done.stdout
    container = lab.podman("inspect", "--format", "{{.Id}}", lab.hosts[0].container)
    assert container in commands()
    assert container in Path("/proc/self/mounts").read_text()
    assert network in printed("ip", "address")
    assert lab.name in lab.podman("network", "ls")
    lab.hosts[0].freeze()
    lab.down()
    assert lab.hosts[0].state() == "absent"
    assert container not in commands()
    assert container not in Path("/proc/self/mounts").read_text()
    assert network not in printed("ip", "address")
    assert network not in printed("iptables-save")
    assert lab.name not in lab.podman("network", "ls")
    assert not lab.folder.exists()
    assert lab.number not in ground.numbers()


def test_a_privileged_host_runs_containers_and_the_last_lab_leaves_the_machine_as_it_was(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(1, containers=True)
    assert lab.hosts[0].run("sh", "-euc", CONTAINER).split() == ["running", "it", "speaks"]
    lab.down()
    with ground.locked():  # nobody else makes one meanwhile
        if not ground.numbers():
            mounts = Path("/proc/self/mounts").read_text()
            assert str(ground.RUN) not in mounts
            assert str(lab.podman.store) not in mounts
            assert not [*Path("/sys/fs/cgroup").glob(f"**/{cgroups.PARENT}")]
            assert lab.podman("ps", "--all", "--quiet") == ""
            lab.podman.tidy()  # looking mounts it again
